//! What a folder holds: captures, known by their first bytes, and scenarios.
//!
//! Links are followed, but no folder is entered and no file taken twice, so a loop of links ends. Hidden
//! names, and what is neither file nor folder, are passed over.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::capture::Refusal;
use super::plan::{CaptureFile, InputError, Run, Scenario, is_content};

/// What was found in a folder.
pub struct Found {
    /// The captures outside of all scenarios, by path.
    pub captures: Vec<CaptureFile>,
    /// The scenarios.
    pub scenarios: Vec<Run>,
}

/// Looks through `folder` and all folders in it.
///
/// # Errors
/// If `folder` can't be read, or one that has to hold captures has none: a scenario, or the whole.
pub fn search(folder: &Path) -> Result<Found, InputError> {
    let mut search = Search { seen: BTreeSet::new(), scenarios: Vec::new() };
    let mut captures = search.enter(folder, "")?;
    if captures.is_empty() && search.scenarios.is_empty() {
        return Err(InputError::NoCaptures { folder: folder.to_owned() });
    }
    captures.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Found { captures, scenarios: search.scenarios })
}

struct Search {
    /// Every file and folder that was taken, without links in its path.
    seen: BTreeSet<PathBuf>,
    scenarios: Vec<Run>,
}

impl Search {
    /// The captures of `folder` that are no scenario's; `inside` is its path in the folder that was given.
    fn enter(&mut self, folder: &Path, inside: &str) -> Result<Vec<CaptureFile>, InputError> {
        let unreadable = |error| Refusal::Unreadable(error).at(folder);
        let real = fs::canonicalize(folder).map_err(unreadable)?;
        if !self.seen.insert(real.clone()) {
            return Ok(Vec::new());
        }
        let scenarios = self.scenarios.len();
        let mut captures = Vec::new();
        for name in names(folder).map_err(unreadable)? {
            let path = folder.join(&name);
            captures.extend(self.take(&path, &joined(inside, &name))?);
        }
        let Some(scenario) = scenario(folder, &real, inside) else { return Ok(captures) };
        if captures.is_empty() && self.scenarios.len() > scenarios {
            return Ok(Vec::new());
        }
        if captures.is_empty() {
            return Err(InputError::NoCaptures { folder: folder.to_owned() });
        }
        self.keep(scenario, captures, inside);
        Ok(Vec::new())
    }

    /// What a name in a folder stands for: nothing, a capture, or what is in a folder of that name. What may not
    /// be looked at is taken for a capture, and told as damage when it is due.
    fn take(&mut self, path: &Path, inside: &str) -> Result<Vec<CaptureFile>, InputError> {
        let locked = || Ok(vec![CaptureFile::unopened(path, inside.to_owned())]);
        let kind = match fs::metadata(path) {
            Ok(kind) => kind,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return locked(),
            Err(_) => return Ok(Vec::new()),
        };
        if kind.is_dir() {
            return match self.enter(path, inside) {
                Err(InputError::Unreadable { error, path: at }) if at == path && !is_content(&error) => {
                    locked()
                }
                found => found,
            };
        }
        let is_new = |real: PathBuf| self.seen.insert(real);
        if !kind.is_file() || !fs::canonicalize(path).is_ok_and(is_new) {
            return Ok(Vec::new());
        }
        Ok(look(path, inside).into_iter().collect())
    }

    fn keep(&mut self, scenario: Scenario, mut captures: Vec<CaptureFile>, inside: &str) {
        let prefix = format!("{inside}/");
        for capture in &mut captures {
            if let Some(own) = capture.name.strip_prefix(&prefix) {
                capture.name = own.to_owned();
            }
        }
        captures.sort_by(|a, b| a.name.cmp(&b.name));
        self.scenarios.push(Run { scenario: Some(scenario), captures });
    }
}

/// The file as a capture, if it is one. One that can't be opened is taken for one: to leave it out would
/// be to lose calls in silence.
fn look(path: &Path, name: &str) -> Option<CaptureFile> {
    match CaptureFile::look(path, name.to_owned()) {
        Ok(capture) => Some(capture),
        Err(Refusal::Empty | Refusal::NotACapture(_)) => None,
        Err(Refusal::Unreadable(error)) if is_content(&error) => None,
        Err(Refusal::Unreadable(_)) => Some(CaptureFile::unopened(path, name.to_owned())),
    }
}

/// The names in a folder in the order of their bytes, without hidden ones and what a scenario expects.
fn names(folder: &Path) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        if !name.as_encoded_bytes().starts_with(b".") && name != EXPECTED {
            names.push(name);
        }
    }
    names.sort_by(|a, b| a.as_encoded_bytes().cmp(b.as_encoded_bytes()));
    Ok(names)
}

fn scenario(folder: &Path, real: &Path, inside: &str) -> Option<Scenario> {
    let config = Some(folder.join(CONFIG)).filter(|config| config.is_file());
    if config.is_none() && !folder.join(EXPECTED).is_dir() {
        return None;
    }
    let own = || real.file_name().map_or("scenario".into(), |name| name.to_string_lossy());
    let name = if inside.is_empty() { own().into_owned() } else { inside.to_owned() };
    Some(Scenario { folder: folder.to_owned(), name, config })
}

fn joined(inside: &str, name: &OsStr) -> String {
    let name = name.to_string_lossy();
    if inside.is_empty() { name.into_owned() } else { format!("{inside}/{name}") }
}

const CONFIG: &str = "ringback.toml";
const EXPECTED: &str = "expected";

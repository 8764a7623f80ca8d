//! The configuration: one TOML file and `rules.d/*.toml` beside it, to validated `Settings`.
//!
//! `file` is the shape of a file as written, `shape` reads it and tells what doesn't fit, `reading` and the
//! sections' own modules give it its meaning, `links` judges what only the whole shows. All that is wrong is
//! told at once, each with its file, line and what to write instead.

mod address;
mod calendar;
mod example;
mod file;
mod later;
mod line;
mod links;
mod logging;
mod operate;
mod outreach;
mod pbx;
mod policy;
pub mod profile;
mod reading;
mod shape;
mod site;
mod slip;
mod spot;
mod syntax;
mod tap;
mod taping;
mod trial;
mod value;
mod wording;

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

pub use spot::Problem;
pub use trial::{Trial, failures};

use crate::settings::{Settings, Written};
use crate::time::Span;
pub use profile::Key;
use profile::{Profiled, Wanted};
use reading::Reading;
use spot::{Problems, Source, Spot};

/// Where the configuration is if no `--config` says otherwise.
pub const DEFAULT_PATH: &str = "/etc/ringback/ringback.toml";

/// A configuration that can be used.
#[derive(Debug)]
pub struct Loaded {
    /// What it means.
    pub settings: Settings,
    /// What may surprise, in the order of files and lines.
    pub warnings: Vec<Problem>,
    /// Each key of the PBX's profile, the site's own over it, and where it is known from.
    pub keys: Vec<Key>,
    /// Every file that was read, the main one first.
    pub files: Vec<Written>,
    /// The tests in it, which nothing but [`failures`] runs.
    pub trials: Vec<Trial>,
}

/// Why a configuration can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A file or folder can't be read: which, and why.
    Unreadable(String),
    /// What is wrong in it, warnings among it, in the order of files and lines; at least one error.
    Wrong(Vec<Problem>),
}

/// Reads the configuration at `path` and `rules.d/*.toml` beside it, in the order of their names.
///
/// # Errors
/// A file can't be read, or anything in one isn't as it must be.
pub fn load(path: &Path) -> Result<Loaded, Refused> {
    load_under(path, None)
}

/// The same under a profile that was asked for by name or path, whatever `[pbx]` says.
///
/// # Errors
/// As for [`load`], or there is no such profile.
pub fn load_under(path: &Path, profile: Option<&str>) -> Result<Loaded, Refused> {
    let files = [vec![path.to_owned()], rules_beside(path)?].concat();
    load_files(Problems::default(), files, profile)
}

/// Reads a configuration from what [`Loaded::files`] had of it, without a look at the disk, profiles included.
///
/// # Errors
/// As for [`load_under`], or a file that it names isn't among them.
pub fn load_copies(copies: &[Written], profile: Option<&str>) -> Result<Loaded, Refused> {
    if copies.is_empty() {
        return Err(Refused::Unreadable("there is no configuration in it".to_owned()));
    }
    let own = |(n, copy): &(usize, &Written)| *n == 0 || copy.name.starts_with("rules.d/");
    let files = copies.iter().enumerate().filter(own).map(|(_, copy)| PathBuf::from(&copy.name)).collect();
    load_files(Problems::of_copies(copies), files, profile)
}

fn load_files(mut problems: Problems, files: Vec<PathBuf>, profile: Option<&str>) -> Result<Loaded, Refused> {
    let folder = files.first().and_then(|path| path.parent()).map(Path::to_owned).unwrap_or_default();
    let mut shapes = Vec::new();
    for path in files {
        let Some(file) = add(&mut problems, path)? else { continue };
        shapes.extend(shape::read(&mut problems, file).map(|shape| (file, shape)));
    }
    let whole = shapes.len() == problems.files();
    let found = profiled(&mut problems, &shapes, profile)?;
    let mut reading = Reading::new(&mut problems);
    reading.settings.pbx = found.pbx;
    reading.keys = found.keys;
    for (file, shape) in shapes {
        reading.take_in(file, shape);
    }
    if whole {
        links::check(&mut reading);
    }
    let Reading { settings, keys, trials, .. } = reading;
    let files = problems.written(&folder);
    let list = problems.into_list();
    match list.iter().all(|problem| problem.warning) {
        true => Ok(Loaded { settings, warnings: list, keys, files, trials }),
        false => Err(Refused::Wrong(list)),
    }
}

/// The profile that was asked for, else that of `[pbx]`, else generic; generic too where there is none such,
/// which is told.
fn profiled(
    problems: &mut Problems,
    shapes: &[(usize, file::File)],
    asked: Option<&str>,
) -> Result<Profiled, Refused> {
    let generic = Wanted { name: "generic", folder: Path::new(""), by: None };
    if let Some(name) = asked {
        return profile::read(problems, &Wanted { name, ..generic });
    }
    let named = shapes.iter().find_map(|(file, shape)| {
        let name = shape.pbx.as_ref()?.get_ref().0.profile.as_ref()?;
        Some((*file, name))
    });
    let Some((file, name)) = named else { return profile::read(problems, &generic) };
    let folder = problems.source(file).path.parent().map(Path::to_owned).unwrap_or_default();
    let by = Some(Spot::new(file, name.span()));
    profile::read(problems, &Wanted { name: name.get_ref(), folder: &folder, by })
}

/// A length of time as configurations write it: `20s`, `10m`, `1h`, `2d`.
///
/// # Errors
/// It is none; what is wrong, and what to write instead.
pub fn span(text: &str) -> Result<Span, String> {
    value::span(text)
}

/// A length of time that isn't zero.
///
/// # Errors
/// As for [`span`], or it is zero.
pub fn period(text: &str) -> Result<Span, String> {
    value::some_span(text)
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Unreadable(why) => f.write_str(why),
            Refused::Wrong(list) => {
                let lines: Vec<String> = list.iter().map(Problem::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
        }
    }
}

impl std::error::Error for Refused {}

/// `rules.d/*.toml` beside the file, by name; none if there is no such folder.
fn rules_beside(path: &Path) -> Result<Vec<PathBuf>, Refused> {
    let folder = path.with_file_name("rules.d");
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let cant = |error| unreadable(&folder, &error);
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder).map_err(cant)? {
        let path = entry.map_err(cant)?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Reads one file; none if it isn't UTF-8, which is told at the line of the first byte that isn't.
fn add(problems: &mut Problems, path: PathBuf) -> Result<Option<usize>, Refused> {
    let bytes = read(problems, &path)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    if let Some((at, wrong)) = no_text(bytes, problems.files() == 0) {
        let text = String::from_utf8_lossy(bytes.get(..at).unwrap_or_default()).into_owned();
        let at = text.len();
        let file = problems.add(Source { path, text });
        problems.error(Spot { file, at }, wrong);
        return Ok(None);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Some(problems.add(Source { path, text: text.to_owned() }))),
        Err(error) => {
            let (text, rest) = bytes.split_at(error.valid_up_to());
            let text = String::from_utf8_lossy(text).into_owned();
            let at = text.len();
            let file = problems.add(Source { path, text });
            let byte = rest.first().copied().unwrap_or_default();
            problems
                .error(Spot { file, at }, format!("byte {byte:#04x} is not UTF-8; save the file as UTF-8"));
            Ok(None)
        }
    }
}

fn read(problems: &Problems, path: &Path) -> Result<Vec<u8>, Refused> {
    if problems.copies().is_none() {
        return fs::read(path).map_err(|error| unreadable(path, &error));
    }
    let missing = || Refused::Unreadable(format!("{}: there is no copy of it", path.display()));
    problems.copy(path).map(|text| text.as_bytes().to_vec()).ok_or_else(missing)
}

/// What isn't text, or text of another kind than UTF-8, by the byte that shows it; the first file can't be empty.
fn no_text(bytes: &[u8], first: bool) -> Option<(usize, &'static str)> {
    match (bytes, bytes.iter().position(|byte| *byte == 0)) {
        ([0xff, 0xfe, ..] | [0xfe, 0xff, ..], _) | (_, Some(0 | 1)) => {
            Some((0, "the file is UTF-16 or no text; save it as UTF-8"))
        }
        ([0x1f, 0x8b, ..], _) => Some((0, "the file is compressed; unpack it with gunzip")),
        (_, Some(at)) => Some((
            at,
            "a NUL byte stands here, as in files that are no text; remove it, or name another file",
        )),
        _ if first && bytes.trim_ascii().is_empty() => Some((
            0,
            "the file is empty; write schema = 1, and below it [site], [[line]] and what else is needed",
        )),
        _ => None,
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Refused {
    let cure = match error.kind() {
        ErrorKind::PermissionDenied => "let this user read it, or name another configuration with --config",
        ErrorKind::IsADirectory => "name the file in it with --config",
        _ => "name a configuration with --config",
    };
    Refused::Unreadable(format!("{}: can't be read: {error}; {cure}", path.display()))
}

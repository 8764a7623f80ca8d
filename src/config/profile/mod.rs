//! The profiles of PBXes: `sip-profiles/*.toml`, built in by name, or a file of the site by its path.
//!
//! A profile extends others; each of its keys has a line in its `[source]` that says where it is known from,
//! or `unverified`. What comes out is data for the judging core, and for each key its value and its source.

mod file;
mod layer;
mod provenance;
mod value;

use std::path::{Path, PathBuf};

use super::reading::Reading;
use super::spot::{Problems, Source, Spot, instead};
use super::{Refused, add, shape};
use crate::settings::{Pbx, Profile};

pub use provenance::{Key, UNVERIFIED};
pub(super) use provenance::{judge, sort};

/// Every profile that is built in, generic first.
const BUILT_IN: [(&str, &str); 15] = [
    ("generic", include_str!("../../../sip-profiles/generic.toml")),
    ("avaya-ip-office", include_str!("../../../sip-profiles/avaya-ip-office.toml")),
    ("avaya-aura", include_str!("../../../sip-profiles/avaya-aura.toml")),
    ("freepbx-asterisk", include_str!("../../../sip-profiles/freepbx-asterisk.toml")),
    ("freeswitch-fusionpbx", include_str!("../../../sip-profiles/freeswitch-fusionpbx.toml")),
    ("cisco-cucm", include_str!("../../../sip-profiles/cisco-cucm.toml")),
    ("mitel-mivoice", include_str!("../../../sip-profiles/mitel-mivoice.toml")),
    ("panasonic-ns", include_str!("../../../sip-profiles/panasonic-ns.toml")),
    ("nec-sv", include_str!("../../../sip-profiles/nec-sv.toml")),
    ("3cx", include_str!("../../../sip-profiles/3cx.toml")),
    ("grandstream-ucm", include_str!("../../../sip-profiles/grandstream-ucm.toml")),
    ("alcatel-oxo", include_str!("../../../sip-profiles/alcatel-oxo.toml")),
    ("kamailio-opensips", include_str!("../../../sip-profiles/kamailio-opensips.toml")),
    ("teams-sbc", include_str!("../../../sip-profiles/teams-sbc.toml")),
    ("trunks", include_str!("../../../sip-profiles/trunks.toml")),
];

/// A profile that was read.
#[derive(Clone, Debug)]
pub struct Profiled {
    /// What it is for, as its file says.
    pub system: String,
    /// The system it describes: roles, numbers, judgement and profile.
    pub pbx: Pbx,
    /// Each key that it or what it extends sets, with its source.
    pub keys: Vec<Key>,
}

/// The names of the profiles that are built in, generic first.
pub fn names() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|(name, _)| *name)
}

/// A profile by name, or by path if there is a `/` or `.toml` in it; paths begin at the working directory.
///
/// # Errors
/// There is none, or anything in it isn't as it must be.
pub fn profile(name: &str) -> Result<Profiled, Refused> {
    let mut problems = Problems::default();
    let wanted = Wanted { name, folder: Path::new(""), by: None };
    let read = read(&mut problems, &wanted);
    let list = problems.into_list();
    match read {
        Ok(found) if list.iter().all(|problem| problem.warning) => Ok(found),
        Ok(_) => Err(Refused::Wrong(list)),
        Err(refused) => Err(refused),
    }
}

/// Every profile that is built in.
///
/// # Errors
/// One of them isn't as it must be, which the tests rule out.
pub fn all() -> Result<Vec<Profile>, Refused> {
    names().map(|name| profile(name).map(|found| found.pbx.profile)).collect()
}

/// A profile asked for.
pub(super) struct Wanted<'w> {
    pub name: &'w str,
    /// Where its path begins.
    pub folder: &'w Path,
    /// Where it is named; none: on the command line.
    pub by: Option<Spot>,
}

/// Reads a profile and all it extends; problems are told, and what is wrong left out.
pub(super) fn read(problems: &mut Problems, wanted: &Wanted<'_>) -> Result<Profiled, Refused> {
    let mut layers = Vec::new();
    collect(problems, wanted, &mut layers, &mut Vec::new())?;
    let mut draft = layer::Draft::default();
    for Layer { name, file, shape, .. } in layers {
        let mut reading = Reading::of(problems, file);
        layer::apply(&mut reading, &mut draft, shape, &name);
    }
    Ok(draft.into_profiled())
}

struct Layer {
    /// As it was asked for.
    name: String,
    /// Which it is, however it was asked for.
    id: PathBuf,
    file: usize,
    shape: file::File,
}

/// What is extended first, each file once.
fn collect(
    problems: &mut Problems,
    wanted: &Wanted<'_>,
    layers: &mut Vec<Layer>,
    above: &mut Vec<PathBuf>,
) -> Result<(), Refused> {
    let (name, source) = match find(problems, wanted) {
        Ok(found) => found,
        Err(wrong) => return tell(problems, wanted, wrong),
    };
    let id = source.id();
    if above.contains(&id) {
        return tell(problems, wanted, format!("profile `{name}` extends itself; remove one `extends`"));
    }
    if layers.iter().any(|layer| layer.id == id) {
        return Ok(());
    }
    let folder = source.folder();
    let Some(file) = source.add(problems)? else { return Ok(()) };
    let Some(shape) = shape::read::<file::File>(problems, file) else { return Ok(()) };
    above.push(id.clone());
    for base in extended(&shape) {
        let by = Some(Spot::new(file, base.span()));
        collect(problems, &Wanted { name: base.get_ref(), folder: &folder, by }, layers, above)?;
    }
    above.pop();
    layers.push(Layer { name, id, file, shape });
    Ok(())
}

fn extended(shape: &file::File) -> Vec<toml::Spanned<String>> {
    use super::file::OneOrMany;
    shape.extends.as_ref().map(OneOrMany::listed).unwrap_or_default()
}

/// Tells what is wrong where the profile is named; on the command line that is all there is.
fn tell(problems: &mut Problems, wanted: &Wanted<'_>, wrong: String) -> Result<(), Refused> {
    match wanted.by {
        Some(spot) => {
            problems.error(spot, wrong);
            Ok(())
        }
        None => Err(Refused::Unreadable(format!("--profile: {wrong}"))),
    }
}

/// Where a profile's text is.
enum Text {
    BuiltIn(&'static str, &'static str),
    File(PathBuf),
}

fn find(problems: &Problems, wanted: &Wanted<'_>) -> Result<(String, Text), String> {
    let name = wanted.name;
    if name.contains('/') || name.ends_with(".toml") {
        let path = wanted.folder.join(name);
        let readable = match problems.copies() {
            Some(_) => problems.copy(&path).is_some(),
            None => path.is_file(),
        };
        return match readable {
            true => Ok((name.to_owned(), Text::File(path))),
            false => Err(format!(
                "there is no profile {}; paths begin at the file that names them",
                path.display()
            )),
        };
    }
    let copied = built_in(name);
    if problems.copy(&copied).is_some() {
        return Ok((name.to_owned(), Text::File(copied)));
    }
    match BUILT_IN.iter().find(|(known, _)| *known == name) {
        Some((known, text)) => Ok((name.to_owned(), Text::BuiltIn(known, text))),
        None => {
            let known: Vec<&str> = names().collect();
            Err(format!("no profile `{name}`{}", instead(name, &known)))
        }
    }
}

/// What a profile that is built in is called among the files that were read.
fn built_in(name: &str) -> PathBuf {
    PathBuf::from(format!("sip-profiles/{name}.toml"))
}

impl Text {
    fn id(&self) -> PathBuf {
        match self {
            Text::BuiltIn(name, _) => PathBuf::from(name),
            Text::File(path) => path.canonicalize().unwrap_or_else(|_| path.clone()),
        }
    }

    fn folder(&self) -> PathBuf {
        match self {
            Text::BuiltIn(..) => PathBuf::new(),
            Text::File(path) => path.parent().map(Path::to_owned).unwrap_or_default(),
        }
    }

    fn add(self, problems: &mut Problems) -> Result<Option<usize>, Refused> {
        match self {
            Text::BuiltIn(name, text) => {
                Ok(Some(problems.add(Source { path: built_in(name), text: text.to_owned() })))
            }
            Text::File(path) => add(problems, path),
        }
    }
}

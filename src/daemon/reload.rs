//! Reading the configuration anew while the daemon runs: parsed, checked and its gateways opened beside the loop, which
//! then swaps it in. What is wrong in it changes nothing, and is told in a line.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use tracing::{error, info, warn};

use super::carrier::Gateways;
use super::gateways;
use crate::config::{self, Loaded, Problem, Refused};
use crate::settings::{Settings, Written};

/// Reads when it is asked to.
pub struct Reload {
    path: PathBuf,
    asked: Arc<AtomicBool>,
    /// The configuration in use.
    used: Arc<Settings>,
    reading: Option<JoinHandle<Result<Fresh, String>>>,
}

/// A configuration that can be swapped in.
pub struct Fresh {
    /// What it means.
    pub settings: Arc<Settings>,
    /// The gateways that are new in it, or not as they were.
    pub gateways: Gateways,
    /// The files it was read from.
    pub files: Vec<Written>,
    warnings: Vec<Problem>,
}

impl Reload {
    /// `asked` is set from outside when the file at `path` is to be read again.
    pub fn new(path: PathBuf, asked: Arc<AtomicBool>, used: Settings) -> Reload {
        Reload { path, asked, used: Arc::new(used), reading: None }
    }

    /// Is told in every turn of the loop; gives what is to be used from now on.
    pub fn turn(&mut self) -> Option<Fresh> {
        if self.reading.is_none() && self.asked.swap(false, Ordering::Relaxed) {
            let (path, used) = (self.path.clone(), self.used.clone());
            let read = thread::Builder::new().name("config".to_owned()).spawn(move || fresh(&path, &used));
            self.reading = read.map_err(|error| error!("configuration not read anew: {error}")).ok();
        }
        let read = self.reading.take_if(|reading| reading.is_finished())?;
        match read.join() {
            Ok(Ok(fresh)) => {
                self.told(&fresh);
                self.used = fresh.settings.clone();
                Some(fresh)
            }
            Ok(Err(why)) => {
                error!("the configuration stays as it was: {why}");
                None
            }
            Err(_) => {
                error!("the configuration stays as it was: reading it broke down; please report it");
                None
            }
        }
    }

    fn told(&self, fresh: &Fresh) {
        fresh.warnings.iter().for_each(|warning| warn!("{warning}"));
        for what in fixed(&self.used, &fresh.settings) {
            let path = self.path.display();
            warn!("{path}: {what} can't change while it runs; restart the service for it");
        }
        for id in self.used.gateways.keys().filter(|id| !fresh.settings.gateways.contains_key(*id)) {
            info!(
                "gateway {id}: no longer configured; texts planned for it still leave by it until a restart"
            );
        }
        let settings = &fresh.settings;
        let (lines, sequences) = (settings.lines.len(), settings.sequences.len());
        info!(
            "configuration read anew: lines: {lines}, sequences: {sequences}; what runs keeps its sequence"
        );
    }
}

fn fresh(path: &std::path::Path, used: &Settings) -> Result<Fresh, String> {
    let loaded = config::load(path).map_err(|refused| first(&refused))?;
    let failures = config::failures(&loaded);
    if !failures.is_empty() {
        return Err(first(&Refused::Wrong(failures)));
    }
    let Loaded { settings, warnings, files, .. } = loaded;
    let is_other = |id: &str| {
        let kind = |settings: &Settings| settings.gateways.get(id).map(|gateway| gateway.kind.clone());
        kind(used) != kind(&settings)
    };
    let gateways =
        gateways(&settings, is_other, |_, error| Err(error)).map_err(|stopped| stopped.to_string())?;
    Ok(Fresh { gateways, files, settings: Arc::new(settings), warnings })
}

/// The first of what is wrong, and how much there is beside it.
fn first(refused: &Refused) -> String {
    let Refused::Wrong(problems) = refused else { return refused.to_string() };
    let mut errors = problems.iter().filter(|problem| !problem.warning);
    let first = errors.next().map(Problem::to_string).unwrap_or_default();
    match errors.count() {
        0 => first,
        more => format!("{first} (and {more} more; `ringback check` tells all)"),
    }
}

/// What is other than it was, and stays as it was.
fn fixed(used: &Settings, fresh: &Settings) -> Vec<&'static str> {
    let changed = [
        ("[[tap]]", used.taps != fresh.taps),
        ("[store] path", used.store != fresh.store),
        ("[tape]", used.tape != fresh.tape),
        ("[control] socket", used.control != fresh.control),
        ("[metrics] listen", used.metrics != fresh.metrics),
        ("[log]", used.log != fresh.log),
    ];
    changed.into_iter().filter(|(_, changed)| *changed).map(|(what, _)| what).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    const TAP: &str = "schema = 1\n[[tap]]\ntype = \"interface\"\ninterface = \"eth1\"\n";

    fn read(reload: &mut Reload) -> Option<Fresh> {
        reload.asked.store(true, Ordering::Relaxed);
        let soon = reload.turn();
        if soon.is_some() {
            return soon;
        }
        while reload.reading.as_ref().is_some_and(|reading| !reading.is_finished()) {
            thread::yield_now();
        }
        reload.turn()
    }

    fn reload(path: &Path) -> Reload {
        let used = config::load(path).expect("right").settings;
        Reload::new(path.to_owned(), Arc::default(), used)
    }

    #[test]
    fn what_is_right_is_given_and_what_is_wrong_changes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ringback.toml");
        fs::write(&path, TAP).expect("written");
        let mut reload = reload(&path);
        assert!(reload.turn().is_none(), "nobody asked");
        fs::write(&path, format!("{TAP}[[line]]\nid = \"main\"\ndid = \"*\"\n")).expect("written");
        assert_eq!(read(&mut reload).expect("fresh").settings.lines.len(), 1);
        fs::write(&path, format!("{TAP}[[line]]\nid = \"main\"\n")).expect("written");
        assert!(read(&mut reload).is_none());
        assert_eq!(reload.used.lines.len(), 1);
    }

    #[test]
    fn what_is_wrong_is_one_line_with_file_line_and_cure() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ringback.toml");
        fs::write(&path, "schema = 1\n[site]\nname = \"a\"\ntz = \"UTC\"\nshrot = \"b\"\nzebra = 2\n")
            .expect("written");
        let told = fresh(&path, &Settings::default()).err().expect("wrong");
        assert!(told.starts_with(&format!("{}:5: unknown key `shrot`", path.display())), "{told}");
        assert!(told.contains("did you mean `short`?") && told.contains(" more; "), "{told}");
        assert_eq!(told.lines().count(), 1);
    }

    #[test]
    fn a_test_of_the_file_that_fails_keeps_the_rules_as_they_were() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ringback.toml");
        let with = |state: &str| {
            let site = "[site]\nname = \"a\"\ntz = \"UTC\"\ncountry = \"US\"\n[[line]]\nid = \"main\"\ndid = \"*\"\n";
            let call =
                "from = \"+13125550142\", to = \"100\", at = \"2026-11-20T10:00:00Z\", outcome = \"busy\"";
            format!(
                "{TAP}{site}[[test]]\nname = \"t\"\ncall = {{ {call} }}\nexpect = {{ state = \"{state}\" }}\n"
            )
        };
        fs::write(&path, TAP).expect("written");
        let mut reload = reload(&path);
        fs::write(&path, with("lunch")).expect("written");
        let told = fresh(&path, &Settings::default()).err().expect("wrong");
        let place = format!("{}:{}: ", path.display(), with("lunch").lines().count());
        assert_eq!(told, format!("{place}test \"t\" fails: expected state lunch, got open"));
        assert!(read(&mut reload).is_none());
        assert!(reload.used.lines.is_empty());
        fs::write(&path, with("open")).expect("written");
        assert_eq!(read(&mut reload).expect("fresh").settings.lines.len(), 1);
    }

    #[test]
    fn only_gateways_that_are_other_are_opened() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ringback.toml");
        let with = |texts: &str| format!("{TAP}[gateway.a]\ntype = \"file\"\npath = \"a\"\n{texts}");
        fs::write(&path, with("")).expect("written");
        let mut reload = reload(&path);
        fs::write(&path, with("[gateway.b]\ntype = \"file\"\npath = \"b\"\n")).expect("written");
        let gateways = read(&mut reload).expect("fresh").gateways;
        assert_eq!(gateways.keys().collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn what_stays_as_it_was_is_named() {
        let used = Settings::default();
        let fresh = Settings { store: Some("a".into()), control: Some("b".into()), ..Settings::default() };
        assert_eq!(fixed(&used, &fresh), ["[store] path", "[control] socket"]);
    }
}

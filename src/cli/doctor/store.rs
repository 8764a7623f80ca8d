//! Whether what is remembered is safe: who may read it, whether it is whole, its last copy, and room on its disk.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::{Finding, State};
use crate::clock::{Clock, SystemClock};
use crate::store::{Place, Reader};
use crate::time::{Span, Timestamp};

/// What is found of the store at `path`; `runs` is whether a daemon does.
pub(super) fn findings(path: &Path, runs: bool) -> Vec<Finding> {
    let mut all = vec![contents(path, runs)];
    all.extend(privacy(path));
    all.extend(copy(path, SystemClock.now()));
    all.push(room(path));
    all
}

fn contents(path: &Path, runs: bool) -> Finding {
    let named = path.display();
    let (state, says) = match File::open(path) {
        Ok(_) => match look(path) {
            Ok(says) => (State::Ok, says),
            Err(says) => (State::Wrong, says),
        },
        Err(error) if error.kind() == ErrorKind::NotFound && runs => {
            let says = format!(
                "store {named} was taken away from the daemon that runs; with its next entry it writes all of it again"
            );
            (State::Wrong, says)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            (State::Unknown, format!("there is no store {named}; the next start makes it"))
        }
        Err(error) => (State::Unknown, format!("store {named}: {error}; sudo ringback doctor")),
    };
    Finding::new("store", state, says)
}

/// How many entries are in a store that is whole, else what is wrong.
fn look(path: &Path) -> Result<String, String> {
    let reader = Reader::open(path).map_err(|error| error.to_string())?;
    reader.check().map_err(|error| error.to_string())?;
    let hold = reader.hold().map_err(|error| error.to_string())?;
    if let Some(why) = hold {
        return Err(format!("no texts leave: {why}"));
    }
    let last = reader.last().map_err(|error| error.to_string())?;
    Ok(format!("store {} is whole; its last entry is {last}", path.display()))
}

fn privacy(path: &Path) -> Option<Finding> {
    let mode = fs::metadata(path).ok()?.mode();
    if mode & OTHERS == 0 {
        return None;
    }
    let says = format!("others than the service can read {}; chmod 600 {0}", path.display());
    Some(Finding::new("store", State::Wrong, says))
}

/// When the newest copy was made; nothing where there is no store.
fn copy(path: &Path, now: Timestamp) -> Option<Finding> {
    File::open(path).ok()?;
    let copies = fs::read_dir(Place::new(path).backups).ok().into_iter().flatten().flatten();
    let made = copies.filter_map(|entry| Some(entry.metadata().ok()?.mtime())).max();
    Some(copied(made.map(|secs| now.since(Timestamp::from_parts(secs, 0)))))
}

fn copied(age: Option<Span>) -> Finding {
    let (state, says) = match age.map(|age| (age, age.as_secs() / 3_600)) {
        None => (
            State::Unknown,
            "the store has no copy yet; one is made an hour after a start, and then each day".to_owned(),
        ),
        Some((age, hours)) if age > LATEST => {
            let says = format!(
                "the last copy of the store is {hours} hours old; the service's log says why none was made"
            );
            (State::Wrong, says)
        }
        Some((_, hours)) => (State::Ok, format!("the last copy of the store is {hours} hours old")),
    };
    Finding::new("copy", state, says)
}

/// The room on the disk of the nearest folder that is there.
fn room(path: &Path) -> Finding {
    let folder = path.ancestors().skip(1).find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
    match rustix::fs::statvfs(folder) {
        Ok(disk) => enough(folder, disk.f_bavail.saturating_mul(disk.f_frsize) / MEGABYTE),
        Err(error) => Finding::new("disk", State::Unknown, format!("{}: {error}", folder.display())),
    }
}

fn enough(folder: &Path, free: u64) -> Finding {
    let says = format!("{free} MB are free for {}", folder.display());
    match free {
        0..LITTLE => Finding::new(
            "disk",
            State::Wrong,
            format!("{says}; make room, or nothing is kept and no text leaves"),
        ),
        LITTLE..SOME => Finding::new("disk", State::Warning, format!("{says}; make room before long")),
        _ => Finding::new("disk", State::Ok, says),
    }
}

/// What group and others may do with a file.
const OTHERS: u32 = 0o077;
/// A copy is made each day; one that is older than this was missed.
const LATEST: Span = Span::from_secs(2 * 86_400);
const MEGABYTE: u64 = 1_000_000;
/// Megabytes that a busy day may fill.
const LITTLE: u64 = 100;
const SOME: u64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Sqlite;

    #[test]
    fn a_store_is_whole_or_its_damage_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ringback.db");
        assert_eq!(contents(&path, false).state, State::Unknown);
        assert_eq!(contents(&path, true).state, State::Wrong);
        drop(Sqlite::open(&Place::new(&path)).expect("opens"));
        assert_eq!(
            contents(&path, false),
            Finding::new(
                "store",
                State::Ok,
                format!("store {} is whole; its last entry is 0", path.display())
            )
        );
        assert_eq!(privacy(&path), None);
        fs::write(&path, [7; 5_000]).expect("damaged");
        assert_eq!(contents(&path, false).state, State::Wrong);
    }

    #[test]
    fn a_copy_must_be_of_these_days_and_the_disk_have_room() {
        let age = |hours: i64| copied(Some(Span::from_secs(hours * 3_600))).state;
        assert_eq!([age(0), age(48), age(49)], [State::Ok, State::Ok, State::Wrong]);
        assert_eq!(copied(None).state, State::Unknown);
        let free = |megabytes| enough(Path::new("/"), megabytes).state;
        assert_eq!(
            [free(99), free(100), free(999), free(1_000)],
            [State::Wrong, State::Warning, State::Warning, State::Ok]
        );
    }
}

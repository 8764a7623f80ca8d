//! Opening a store: new, sound, or damaged and gone on from what can be trusted.
//!
//! | found | done |
//! |---|---|
//! | nothing | a new store |
//! | nothing, but backups | as if damaged: somebody took the file away |
//! | an empty file where a store was opened before | damage |
//! | a store of this version | log folded in, a quick check |
//! | an older one | a backup, then the steps to this version |
//! | a newer one, another program's, no database and no key beside it | refused, untouched |
//! | damage | set aside, the last good backup restored, later entries salvaged, nothing sent until released |
//! | no key, or another one | goes on, nothing sent until released: who opted out before can't be told |

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::backup;
use super::check::{self, Depth};
use super::error::StoreError;
use super::files::{self, Lock, Place};
use super::load;
use super::salvage::{self, Salvaged};
use super::schema::{self, STEPS};
use super::sqlite::{self, Sqlite, fingerprint};
use crate::time::Timestamp;

/// A store as it was found.
#[derive(Debug)]
pub enum Opened {
    /// It is what was written.
    Sound(Sqlite),
    /// It wasn't, and goes on without what was lost; [`crate::event::State::hold`] is set.
    Damaged(Sqlite, Damage),
}

/// What was wrong with a store, and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// What is damaged.
    pub what: String,
    /// Where the damaged file is now; none if there was no file, or nothing is wrong with it.
    pub aside: Option<PathBuf>,
    /// The backup the new store began with.
    pub restored: Option<PathBuf>,
    /// The last entry of that backup, and its time.
    pub since: Option<(u64, Timestamp)>,
    /// Later entries that could be read from the damaged file.
    pub salvaged: u64,
    /// Later entries that are in the damaged file and couldn't.
    pub unreadable: u64,
    /// The last entry that the damaged file is known to have had; none if it can't be read.
    pub end: Option<u64>,
    /// Whether all opt-outs of the damaged file could be read.
    pub opt_outs: bool,
}

impl Opened {
    /// The store, whatever was found.
    pub fn store(self) -> Sqlite {
        match self {
            Opened::Sound(store) | Opened::Damaged(store, _) => store,
        }
    }

    /// What was wrong.
    pub fn damage(&self) -> Option<&Damage> {
        match self {
            Opened::Sound(_) => None,
            Opened::Damaged(_, damage) => Some(damage),
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "store damaged: {}", self.what)?;
        if let Some(aside) = &self.aside {
            write!(f, "; kept as {}", aside.display())?;
        }
        if self.aside.is_some() || self.restored.is_some() {
            self.lost(f)?;
        }
        write!(f, "; nothing is sent until `ringback release`")
    }
}

impl Damage {
    /// What isn't in the store any more, as far as anybody can tell, and what to do about it.
    fn lost(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.restored, self.since) {
            (Some(from), Some((n, at))) => {
                write!(f, "; went on from {}, which ends with entry {n} of {at}", from.display())?;
            }
            (Some(from), None) => write!(f, "; went on from {}, which is empty", from.display())?,
            (None, _) => write!(f, "; there was no good backup")?,
        }
        let after = self.since.map_or(0, |(n, _)| n);
        match self.end {
            None => write!(f, "; every entry after {after} is lost")?,
            Some(end) => match end.saturating_sub(after).saturating_sub(self.salvaged) {
                0 => write!(f, "; all {} entries after it were read from what is damaged", self.salvaged)?,
                lost => write!(f, "; of entries {} to {end} {lost} may be lost", after + 1)?,
            },
        }
        match self.opt_outs {
            true => write!(f, "; no opt-out is lost"),
            false => {
                let since = self.since.map(|(_, at)| format!("since {at} ")).unwrap_or_default();
                write!(f, "; opt-outs {since}may be lost: enter them again, `ringback optout import`")
            }
        }
    }
}

/// Opens the store at `place`.
pub(super) fn open(place: &Place) -> Result<Opened, StoreError> {
    fs::create_dir_all(place.folder()).map_err(|error| StoreError::file(place.folder(), &error))?;
    let lock = Lock::take(place)?;
    let opened = open_locked(place, lock)?;
    place.keep_room();
    Ok(opened)
}

fn open_locked(place: &Place, lock: Lock) -> Result<Opened, StoreError> {
    let looked = match sound(place, STEPS) {
        Err(StoreError::Full) if place.give_up_room() => sound(place, STEPS),
        looked => looked,
    };
    match looked {
        Ok(db) => {
            let (key, _) = files::key(place)?;
            let damage = another_key(&db, &key)?;
            let store = Sqlite::over(db, place.clone(), key, lock);
            Ok(match damage {
                Some(damage) => Opened::Damaged(store, damage),
                None => Opened::Sound(store),
            })
        }
        Err(StoreError::Damaged { what }) => {
            let (key, _) = files::key(place)?;
            let (db, damage) = renew(place, key, &what)?;
            Ok(Opened::Damaged(Sqlite::over(db, place.clone(), key, lock), damage))
        }
        Err(error) => Err(error),
    }
}

/// Sets what is there aside and begins anew with what can be trusted.
pub(super) fn renew(place: &Place, key: [u8; 32], what: &str) -> Result<(Connection, Damage), StoreError> {
    let aside = place.set_aside()?;
    let restored = restore(place)?;
    let mut db = begin(&place.path, STEPS)?;
    let since = load::newest(&db)?;
    let Salvaged { entries, unreadable, end, opt_outs } = match &aside {
        Some(aside) => salvage::salvage(&mut db, aside)?,
        None => Salvaged::default(),
    };
    let (what, salvaged) = (what.to_owned(), entries);
    let damage = Damage { what, aside, restored, since, salvaged, unreadable, end, opt_outs };
    load::set_meta(&db, load::HOLD, &damage.to_string())?;
    load::set_meta(&db, KEY, &fingerprint(&key).to_string())?;
    files::sync_folder(place.folder())?;
    Ok((db, damage))
}

/// Writes what a connection sees, whose file is gone, to the store's place, and goes on there.
pub(super) fn put_back(place: &Place, db: &Connection) -> Result<Connection, StoreError> {
    let copy = place.beside(".restoring");
    // What a killed run left may hold anything.
    let _ = fs::remove_file(&copy);
    files::private(&copy)?;
    backup::copy(db, &copy)?;
    files::sync(&copy)?;
    fs::rename(&copy, &place.path).map_err(|error| StoreError::file(&place.path, &error))?;
    files::sync_folder(place.folder())?;
    begin(&place.path, STEPS)
}

/// The database, if it is what was written.
pub(super) fn sound(place: &Place, steps: &[&str]) -> Result<Connection, StoreError> {
    let path = &place.path;
    if path.exists() {
        let log = fs::metadata(sqlite::log_of(path)).is_ok_and(|log| log.len() > 0);
        let was_ours = place.beside(".key").exists() || !place.backups().is_empty();
        if place.was_used() && fs::metadata(path).is_ok_and(|file| file.len() == 0) {
            return Err(StoreError::damaged("the file is empty"));
        }
        let looked = check::file(path, log);
        if looked.is_err() && !was_ours {
            return Err(StoreError::Foreign { path: path.clone() });
        }
        if looked? {
            // Before it is opened: what is made beside it may be read by whom it may be read.
            files::private(path)?;
        }
    } else if !place.backups().is_empty() {
        return Err(StoreError::damaged(format!("{} is gone", path.display())));
    }
    let mut db = sqlite::connect(path)?;
    let found = schema::version(&db, path, steps)?;
    sqlite::prepare_to_write(&db, path)?;
    if found == steps.len() as i64 {
        check::contents(&db, Depth::Quick)?;
        return Ok(db);
    }
    if found > 0 {
        check::contents(&db, Depth::Quick)?;
        backup::back_up(place)?;
    }
    schema::migrate(&mut db, found, steps)?;
    files::sync_folder(place.folder())?;
    Ok(db)
}

/// A database that was just restored, or a new one.
fn begin(path: &Path, steps: &[&str]) -> Result<Connection, StoreError> {
    let mut db = sqlite::connect(path)?;
    let found = schema::version(&db, path, steps)?;
    sqlite::prepare_to_write(&db, path)?;
    schema::migrate(&mut db, found, steps)?;
    Ok(db)
}

/// Puts the newest backup that is good in the store's place.
fn restore(place: &Place) -> Result<Option<PathBuf>, StoreError> {
    let copy = place.beside(".restoring");
    for backup in place.backups() {
        files::private(&copy)?;
        fs::copy(&backup, &copy).map_err(|error| StoreError::file(&copy, &error))?;
        if is_good(&copy) {
            files::sync(&copy)?;
            fs::rename(&copy, &place.path).map_err(|error| StoreError::file(&place.path, &error))?;
            files::sync_folder(place.folder())?;
            return Ok(Some(backup));
        }
        fs::remove_file(&copy).map_err(|error| StoreError::file(&copy, &error))?;
    }
    Ok(None)
}

fn is_good(backup: &Path) -> bool {
    let looked = check::file(backup, false).and_then(|_| {
        let db = sqlite::connect_to_read(backup)?;
        schema::version(&db, backup, STEPS)?;
        check::contents(&db, Depth::Thorough)
    });
    looked.is_ok()
}

/// Whether the opt-outs were hashed with another key than the one that is there now.
fn another_key(db: &Connection, key: &[u8; 32]) -> Result<Option<Damage>, StoreError> {
    let now = fingerprint(key).to_string();
    match load::meta_of(db, KEY)? {
        Some(then) if then == now => Ok(None),
        then => {
            let lost: i64 = db.query_row("SELECT count(*) FROM opt_outs", [], |row| row.get(0))?;
            load::set_meta(db, KEY, &now)?;
            if then.is_none() || lost == 0 {
                return Ok(None);
            }
            let what = format!(
                "the key of {lost} opt-outs is not the one they were kept with; put that one back, or enter them again"
            );
            let damage = Damage { what, ..Damage::default() };
            load::set_meta(db, load::HOLD, &damage.to_string())?;
            Ok(Some(damage))
        }
    }
}

/// The meta row with the fingerprint of the key.
const KEY: &str = "store.key";

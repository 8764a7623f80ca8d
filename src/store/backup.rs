//! Backups of a store that is being written.
//!
//! A connection of its own copies all pages in one read transaction, so commits go on meanwhile. A backup has its
//! name only once it is whole and on the disk; older ones go when there are enough.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::error::StoreError;
use super::files::{self, Place};
use super::{load, sqlite};

/// Copies the store at `place` into its folder of backups; returns the copy. Any thread may call it.
pub fn back_up(place: &Place) -> Result<PathBuf, StoreError> {
    let failed = |error| StoreError::file(&place.backups, &error);
    DirBuilder::new().recursive(true).mode(0o700).create(&place.backups).map_err(failed)?;
    // Two at a time would write the same file.
    let _alone = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let store = sqlite::connect_to_read(&place.path)?;
    let last = load::newest(&store)?.map_or(0, |(n, _)| n);
    let whole = place.backup(last);
    let temporary = files::with_end(&whole, ".tmp");
    // What a killed run left may hold anything.
    let _ = fs::remove_file(&temporary);
    files::private(&temporary)?;
    copy(&store, &temporary)?;
    files::sync(&temporary)?;
    fs::rename(&temporary, &whole).map_err(failed)?;
    files::sync_folder(&place.backups)?;
    for old in place.backups().into_iter().skip(place.keep.max(1)) {
        fs::remove_file(&old).map_err(|error| StoreError::file(&old, &error))?;
    }
    place.keep_room();
    Ok(whole)
}

static ONE: Mutex<()> = Mutex::new(());

/// Copies what a connection sees into the file at `to`.
pub(super) fn copy(store: &Connection, to: &Path) -> Result<(), StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut copy = Connection::open_with_flags(to, flags)?;
    let done = Backup::new(store, &mut copy)?.step(-1)?;
    if done != StepResult::Done {
        return Err(StoreError::Refused { what: "busy; the backup was not made".to_owned() });
    }
    // Without a log beside it, one file is all of it.
    copy.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
    Ok(())
}

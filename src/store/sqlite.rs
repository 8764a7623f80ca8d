//! The store on disk: SQLite with a write-ahead log, synced at every commit.
//!
//! `synchronous=FULL` syncs the log before a commit returns; `secure_delete` overwrites what is deleted. One
//! connection writes, under the lock of the store; readers open it read-only and see what was committed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use tracing::warn;

use super::erase;
use super::error::StoreError;
use super::files::{self, Lock, Place};
use super::load;
use super::open::{self, Damage, Opened};
use super::retain;
use super::{Batch, Erased, OptOut, Retained, Store};
use super::{fold, rows};
use crate::event::{OptOuts, State};
use crate::phone::Party;
use crate::time::Timestamp;

/// The store on disk.
#[derive(Debug)]
pub struct Sqlite {
    pub(super) db: Connection,
    pub(super) place: Place,
    pub(super) key: [u8; 32],
    /// The file that is open, by device and inode.
    file: Option<(u64, u64)>,
    _lock: Lock,
}

impl Sqlite {
    /// Opens the store at `place`, or creates it. A damaged one is set aside, a new one begun, from the last good
    /// backup where there is one, with [`State::hold`] set.
    ///
    /// Fails if another process writes it, a later ringback wrote it, or its files can't be used.
    pub fn open(place: &Place) -> Result<Opened, StoreError> {
        open::open(place)
    }

    pub(super) fn over(db: Connection, place: Place, key: [u8; 32], lock: Lock) -> Sqlite {
        let file = files::identity(&place.path);
        Sqlite { db, place, key, file, _lock: lock }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.place.path
    }

    /// Where it is, with its backups.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Writes all of the store at its place again if somebody took it away: what is open goes on as a file without a
    /// name, and would be gone with this process.
    fn stay_in_place(&mut self) -> Result<(), StoreError> {
        if self.file == files::identity(&self.place.path) {
            return Ok(());
        }
        match self.place.path.exists() {
            true => drop(self.place.set_aside()?),
            false => self.place.drop_log()?,
        }
        self.db = open::put_back(&self.place, &self.db)?;
        self.file = files::identity(&self.place.path);
        let path = self.place.path.display();
        warn!(
            "store {path}: it was taken away while it was written, and is there again, whole; leave it to ringback"
        );
        Ok(())
    }

    fn write(&mut self, batches: &[Batch]) -> Result<u64, StoreError> {
        self.stay_in_place()?;
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for batch in batches {
            put(&tx, &self.key, batch)?;
        }
        let last = load::newest(&tx)?.map_or(0, |(n, _)| n);
        tx.commit()?;
        Ok(last)
    }
}

impl Store for Sqlite {
    fn load(&mut self) -> Result<State, StoreError> {
        load::load(&self.db, OptOuts::new(self.key), fingerprint(&self.key))
    }

    fn commit(&mut self, batches: &[Batch]) -> Result<u64, StoreError> {
        self.write(batches)
    }

    fn erase(&mut self, party: &Party) -> Result<Erased, StoreError> {
        erase::erase(self, party)
    }

    fn retain(&mut self, before: Timestamp) -> Result<Retained, StoreError> {
        retain::retain(&mut self.db, before)
    }

    fn release(&mut self) -> Result<(), StoreError> {
        self.db.execute("DELETE FROM meta WHERE name = ?1", [load::HOLD])?;
        Ok(())
    }

    fn renew(&mut self, what: &str) -> Result<Damage, StoreError> {
        // The files are renamed under the connection, so it is closed first.
        self.db = Connection::open_in_memory()?;
        let (db, damage) = open::renew(&self.place, self.key, what)?;
        self.db = db;
        self.file = files::identity(&self.place.path);
        Ok(damage)
    }
}

/// Writes one batch within a transaction.
fn put(db: &Connection, key: &[u8; 32], batch: &Batch) -> Result<(), StoreError> {
    for entry in &batch.entries {
        if let Some(people) = rows::write(db, entry)? {
            fold::fold(db, entry, &people)?;
        }
    }
    batch.open_calls.iter().try_for_each(|call| rows::write_open(db, call))?;
    batch.over.iter().try_for_each(|call| rows::drop_open(db, *call))?;
    let hashes = OptOuts::new(*key);
    for opt_out in &batch.opt_outs {
        let (sql, party) = match opt_out {
            OptOut::Out(party) => ("INSERT OR REPLACE INTO opt_outs VALUES (?1, ?2)", party),
            OptOut::In(party) => ("DELETE FROM opt_outs WHERE hash = ?1 AND key = ?2", party),
        };
        db.prepare_cached(sql)?.execute((hashes.hash(party), fingerprint(key)))?;
    }
    let others = batch.meta.iter().filter(|(name, _)| !name.starts_with(load::OWN));
    others.into_iter().try_for_each(|(name, value)| load::set_meta(db, name, value))
}

/// Tells keys apart without telling a key.
pub(super) fn fingerprint(key: &[u8; 32]) -> i64 {
    let hash = OptOuts::new(*key).hash(&Party::Digits("fingerprint".into()));
    i64::from_le_bytes([hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7]])
}

/// A connection to the file at `path`, which is created if it isn't there. Nothing is changed in one that is.
pub(super) fn connect(path: &Path) -> Result<Connection, StoreError> {
    if !path.exists() {
        files::private(path)?;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    set_up(&db)?;
    Ok(db)
}

/// Makes what is written from here on survive a power cut, and folds in what an earlier run left in the log.
pub(super) fn prepare_to_write(db: &Connection, path: &Path) -> Result<(), StoreError> {
    files::private(path)?;
    let mode: String = db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreError::Refused { what: format!("{}: no write-ahead log here", path.display()) });
    }
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update_and_check(None, "secure_delete", "ON", |_| Ok(()))?;
    db.pragma_update_and_check(None, "journal_size_limit", 64 << 20, |_| Ok(()))?;
    // A reader may hold the log, or the disk be full; then it is folded in later.
    match db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(StoreError::from) {
        Ok(()) | Err(StoreError::Full) => Ok(()),
        Err(error) => Err(error),
    }
}

/// A connection that only reads, of a store another process may write.
pub(super) fn connect_to_read(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    set_up(&db)?;
    Ok(db)
}

fn set_up(db: &Connection) -> Result<(), StoreError> {
    db.busy_timeout(Duration::from_secs(5))?;
    db.set_prepared_statement_cache_capacity(64);
    db.pragma_update(None, "cell_size_check", "ON")?;
    db.pragma_update(None, "trusted_schema", "OFF")?;
    Ok(())
}

/// The log beside a database.
pub(super) fn log_of(path: &Path) -> PathBuf {
    files::with_end(path, "-wal")
}

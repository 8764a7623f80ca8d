//! Forgets who a party is, everywhere: rows, deleted pages, the log, backups.
//!
//! Every text that has the number in it goes, whoever it belongs to. What is left are entries that name an id
//! nobody has. The files are searched afterwards; where digits remain in pages that were freed, the database is
//! rewritten.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use memchr::memmem;
use rusqlite::Connection;

use super::Erased;
use super::backup;
use super::error::StoreError;
use super::people::Needle;
use super::sqlite::Sqlite;
use super::veil;
use crate::event::Recording;
use crate::phone::Party;

/// Forgets who a party is.
pub(super) fn erase(store: &mut Sqlite, party: &Party) -> Result<Erased, StoreError> {
    let traces = Traces::of(party);
    let (rows, recordings) = erase_rows(&mut store.db, party, &traces)?;
    fold_log_in(&store.db)?;
    if traces.are_in(&store.place.path)? {
        store.db.execute_batch("VACUUM")?;
        fold_log_in(&store.db)?;
    }
    let old = store.place.backups();
    if !old.is_empty() {
        let fresh = backup::back_up(&store.place)?;
        for path in old.iter().filter(|path| **path != fresh && path.exists()) {
            fs::remove_file(path).map_err(|error| StoreError::file(path, &error))?;
        }
    }
    let mut left = store.place.damaged();
    left.retain(|path| traces.are_in(path).unwrap_or(true));
    Ok(Erased { recordings, rows, left })
}

fn erase_rows(db: &mut Connection, party: &Party, traces: &Traces) -> Result<(u64, Vec<String>), StoreError> {
    let tx = db.transaction()?;
    let (persons, texts) = rows_of(&tx, party, traces)?;
    let recordings = recordings_of(&tx, &persons)?;
    let mut rows = 0;
    for id in &persons {
        tx.prepare_cached("UPDATE cases SET closed = last WHERE person = ?1 AND closed IS NULL")?
            .execute([id])?;
        let pending = "UPDATE messages SET pending = 0 WHERE pending
             AND case_id IN (SELECT id FROM cases WHERE person = ?1)";
        tx.prepare_cached(pending)?.execute([id])?;
        rows += tx.prepare_cached("DELETE FROM people WHERE id = ?1 OR owner = ?1")?.execute([id])?;
    }
    for id in &texts {
        rows += tx.prepare_cached("DELETE FROM people WHERE id = ?1")?.execute([id])?;
    }
    tx.commit()?;
    Ok((rows as u64, recordings))
}

/// Where messages of calls with one of these people may be: also of one that broke off, which no record names.
fn recordings_of(db: &Connection, persons: &BTreeSet<i64>) -> Result<Vec<String>, StoreError> {
    let mut calls = db.prepare("SELECT body FROM journal JOIN calls USING (n)")?;
    let mut rows = calls.query([])?;
    let mut files = Vec::new();
    while let Some(row) = rows.next()? {
        let body: String = row.get(0)?;
        if veil::ids(&body).iter().any(|id| persons.contains(id)) {
            let value = serde_json::from_str::<serde_json::Value>(&body).unwrap_or_default();
            let call = value.pointer("/data/call").and_then(|call| call.as_str()?.parse().ok());
            files.extend(call.map(Recording::file));
        }
    }
    Ok(files)
}

/// The party in every form it was called by, and texts of others that have its number in them.
fn rows_of(
    db: &Connection,
    party: &Party,
    traces: &Traces,
) -> Result<(BTreeSet<i64>, BTreeSet<i64>), StoreError> {
    let (mut persons, mut texts) = (BTreeSet::new(), BTreeSet::new());
    let shown = party.shown();
    let mut all = db.prepare("SELECT id, owner, value FROM people")?;
    let mut rows = all.query([])?;
    while let Some(row) = rows.next()? {
        let (id, owner, value): (i64, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let needle = traces.needle.as_ref();
        if owner == 0 && (value == shown || needle.is_some_and(|n| n.is_all_of(&value))) {
            persons.insert(id);
        } else if owner != 0 && needle.is_some_and(|n| n.is_in(&value)) {
            texts.insert(id);
        }
    }
    Ok((persons, texts))
}

/// Empties the log into the database.
fn fold_log_in(db: &Connection) -> Result<(), StoreError> {
    let busy: i64 = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy == 0 {
        return Ok(());
    }
    Err(StoreError::Refused { what: "somebody reads the store; erase again when that is over".to_owned() })
}

/// How a number looks in a file.
struct Traces {
    needle: Option<Needle>,
    forms: Vec<String>,
}

impl Traces {
    fn of(party: &Party) -> Traces {
        let needle = Needle::of(party);
        let mut forms: Vec<String> = needle.iter().map(|needle| needle.digits().to_owned()).collect();
        forms.extend(party.number().map(|number| number.national()));
        Traces { needle, forms }
    }

    /// Whether a file has one of the forms in it; a file that isn't there has none.
    fn are_in(&self, path: &Path) -> Result<bool, StoreError> {
        let failed = |error: std::io::Error| StoreError::file(path, &error);
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed(error)),
        };
        let mut window = Vec::with_capacity(PIECE + OVERLAP);
        loop {
            let read = file.by_ref().take(PIECE as u64).read_to_end(&mut window).map_err(failed)?;
            if self.forms.iter().any(|form| memmem::find(&window, form.as_bytes()).is_some()) {
                return Ok(true);
            }
            if read == 0 {
                return Ok(false);
            }
            window.drain(..window.len().saturating_sub(OVERLAP));
        }
    }
}

/// Files are searched in pieces of so many bytes.
const PIECE: usize = 1 << 20;
/// More than a form is long, kept from one piece to the next.
const OVERLAP: usize = 32;

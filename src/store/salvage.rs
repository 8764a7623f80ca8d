//! Reads what can still be read of a damaged store into the one that goes on from a backup.
//!
//! Whatever fails its checksum or can't be reached stays behind. Opt-outs first: a STOP must not be lost. Entries
//! go through the same door as new ones, so that the tables follow from them.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::Connection;

use super::error::StoreError;
use super::rows::{self, number};
use super::{fold, load, schema, sqlite};
use crate::event::JournalEntry;

/// How much could be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Salvaged {
    /// Entries taken over.
    pub(super) entries: u64,
    /// Entries that are there and can't be read.
    pub(super) unreadable: u64,
    /// The last entry that was there; none if nobody can tell.
    pub(super) end: Option<u64>,
    /// All opt-outs were taken over.
    pub(super) opt_outs: bool,
}

/// Takes over from the database at `path` what `db` doesn't have. Fails only if `db` can't be written.
pub(super) fn salvage(db: &mut Connection, path: &Path) -> Result<Salvaged, StoreError> {
    let Ok(old) = sqlite::connect_to_read(path) else { return Ok(Salvaged::default()) };
    if schema::version(&old, path, schema::STEPS) != Ok(schema::STEPS.len() as i64) {
        return Ok(Salvaged::default());
    }
    let after = load::newest(db)?.map_or(0, |(n, _)| n);
    let tx = db.transaction()?;
    let into = "INSERT OR IGNORE INTO opt_outs VALUES (?1, ?2)";
    let opt_outs = copy(&old, &tx, "SELECT hash, key FROM opt_outs", into)?;
    copy(&old, &tx, "SELECT key, n FROM resent", fold::RESENT)?;
    copy(&old, &tx, "SELECT name, value FROM meta", "INSERT OR REPLACE INTO meta VALUES (?1, ?2)")?;
    let end = old.query_row("SELECT coalesce(max(n), 0) FROM journal", [], |row| row.get::<_, i64>(0));
    let end = end.ok().and_then(|end| u64::try_from(end).ok());
    let mut salvaged = Salvaged { end, opt_outs, ..Salvaged::default() };
    for n in numbers(&old, number(after)) {
        match rows::read(&old, n) {
            Ok(Some(found)) => {
                take(&tx, &found.entry)?;
                salvaged.entries += 1;
            }
            Ok(None) => {}
            Err(_) => salvaged.unreadable += 1,
        }
    }
    for call in rows::read_open(&old).unwrap_or_default() {
        rows::write_open(&tx, &call)?;
    }
    tx.commit()?;
    Ok(salvaged)
}

fn take(db: &Connection, entry: &JournalEntry) -> Result<(), StoreError> {
    match rows::write(db, entry)? {
        Some(people) => fold::fold(db, entry, &people),
        None => Ok(()),
    }
}

/// The numbers of the entries after `after` that can be reached from either end, the latest of them.
fn numbers(old: &Connection, after: i64) -> BTreeSet<i64> {
    let mut found = reached(old, after, "DESC");
    if found.len() < MOST {
        found.extend(reached(old, after, "ASC"));
    }
    found
}

fn reached(old: &Connection, after: i64, order: &str) -> BTreeSet<i64> {
    let sql = format!("SELECT n FROM journal WHERE n > ?1 ORDER BY n {order} LIMIT {MOST}");
    let Ok(mut all) = old.prepare(&sql) else { return BTreeSet::new() };
    let Ok(rows) = all.query_map([after], |row| row.get(0)) else { return BTreeSet::new() };
    rows.map_while(Result::ok).collect()
}

/// Copies rows of two columns, as many as can be read; whether that was all of them.
fn copy(old: &Connection, new: &Connection, from: &str, to: &str) -> Result<bool, StoreError> {
    let Ok(mut all) = old.prepare(from) else { return Ok(false) };
    let pair = |row: &rusqlite::Row<'_>| {
        Ok((row.get::<_, rusqlite::types::Value>(0)?, row.get::<_, rusqlite::types::Value>(1)?))
    };
    let Ok(rows) = all.query_map([], pair) else { return Ok(false) };
    for row in rows {
        let Ok(row) = row else { return Ok(false) };
        new.prepare_cached(to)?.execute(row)?;
    }
    Ok(true)
}

/// At most so many entries are taken over; earlier ones stay in the file that was set aside.
const MOST: usize = 50_000;

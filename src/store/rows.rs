//! Journal rows and rows of open calls, each under its checksum.

use rusqlite::{Connection, OptionalExtension, Row};
use serde::de::DeserializeOwned;

use super::error::StoreError;
use super::people::People;
use super::veil::{self, Unveiled};
use crate::event::{CallKey, Event, JournalEntry, OpenCall};
use crate::time::Timestamp;

/// An entry as it was read.
pub(super) struct Found {
    /// The entry.
    pub(super) entry: JournalEntry,
    /// Somebody in it was erased.
    pub(super) erased: bool,
}

/// Writes an entry; returns the ids of the parties in it, none of it if it is there already.
pub(super) fn write(db: &Connection, entry: &JournalEntry) -> Result<Option<Vec<i64>>, StoreError> {
    let (n, at) = (number(entry.n), entry.at.as_micros());
    let veiled = veil::event(&People::new(db, at), &entry.event)?;
    let crc = checksum(n, at, &veiled.body);
    let mut there = db.prepare_cached("SELECT crc FROM journal WHERE n = ?1")?;
    match there.query_row([n], |row| row.get::<_, u32>(0)).optional()? {
        Some(same) if same == crc => return Ok(None),
        Some(_) => return Err(StoreError::Taken { n: entry.n }),
        None => {}
    }
    let mut insert = db.prepare_cached("INSERT INTO journal (n, at, body, crc) VALUES (?1, ?2, ?3, ?4)")?;
    insert.execute((n, at, veiled.body, crc))?;
    Ok(Some(veiled.people))
}

/// The entry with this number.
pub(super) fn read(db: &Connection, n: i64) -> Result<Option<Found>, StoreError> {
    let mut find = db.prepare_cached("SELECT n, at, body, crc FROM journal WHERE n = ?1")?;
    let row = find.query_row([n], Raw::of).optional()?;
    row.map(|row| row.entry(db)).transpose()
}

/// At most `most` entries from number `from` on.
pub(super) fn read_from(db: &Connection, from: u64, most: usize) -> Result<Vec<Found>, StoreError> {
    let mut find =
        db.prepare_cached("SELECT n, at, body, crc FROM journal WHERE n >= ?1 ORDER BY n LIMIT ?2")?;
    let rows = find.query_map((number(from), i64::try_from(most).unwrap_or(i64::MAX)), Raw::of)?;
    rows.map(|row| row?.entry(db)).collect()
}

/// Checks the rows of the journal's last `most` entries; returns how many there were.
pub(super) fn check_last(db: &Connection, most: usize) -> Result<u64, StoreError> {
    let mut last = db.prepare("SELECT n, at, body, crc FROM journal ORDER BY n DESC LIMIT ?1")?;
    let mut rows = last.query([i64::try_from(most).unwrap_or(i64::MAX)])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        Raw::of(row)?.check()?;
        count += 1;
    }
    Ok(count)
}

/// Writes a leg of an open call.
pub(super) fn write_open(db: &Connection, call: &OpenCall) -> Result<(), StoreError> {
    let veiled = veil::open_call(&People::new(db, call.at.as_micros()), call)?;
    let (key, leg) = (call.call.to_string(), leg_of(call));
    let crc = crc32fast::hash(veiled.body.as_bytes());
    let mut put = db.prepare_cached("INSERT OR REPLACE INTO open_calls VALUES (?1, ?2, ?3, ?4)")?;
    put.execute((key, leg, veiled.body, crc))?;
    Ok(())
}

/// Drops the legs of a call that is over.
pub(super) fn drop_open(db: &Connection, call: CallKey) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM open_calls WHERE call = ?1")?.execute([call.to_string()])?;
    Ok(())
}

/// All legs of open calls.
pub(super) fn read_open(db: &Connection) -> Result<Vec<OpenCall>, StoreError> {
    let mut all = db.prepare_cached("SELECT body, crc, call FROM open_calls")?;
    let mut rows = all.query([])?;
    let mut legs: Vec<OpenCall> = Vec::new();
    while let Some(row) = rows.next()? {
        let (body, crc, call): (String, u32, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if crc != crc32fast::hash(body.as_bytes()) {
            return Err(StoreError::damaged(format!("open call {call}: its checksum is wrong")));
        }
        let whole = veil::lifted(db, &body)?;
        legs.push(fact(whole, || format!("open call {call}"))?);
    }
    legs.sort_by(|a, b| {
        (a.call, a.at, &a.call_id, &a.from_tag).cmp(&(b.call, b.at, &b.call_id, &b.from_tag))
    });
    Ok(legs)
}

/// A row of the journal as it stands on the disk.
struct Raw {
    n: i64,
    at: i64,
    body: String,
    crc: u32,
}

impl Raw {
    fn of(row: &Row<'_>) -> rusqlite::Result<Raw> {
        Ok(Raw { n: row.get(0)?, at: row.get(1)?, body: row.get(2)?, crc: row.get(3)? })
    }

    fn check(&self) -> Result<(), StoreError> {
        if self.crc == checksum(self.n, self.at, &self.body) {
            return Ok(());
        }
        Err(StoreError::damaged(format!("journal entry {}: its checksum is wrong", self.n)))
    }

    fn entry(&self, db: &Connection) -> Result<Found, StoreError> {
        self.check()?;
        let whole = veil::lifted(db, &self.body)?;
        let erased = whole.erased;
        let event: Event = fact(whole, || format!("journal entry {}", self.n))?;
        let (n, at) = (u64::try_from(self.n).unwrap_or(0), Timestamp::from_micros(self.at));
        Ok(Found { entry: JournalEntry { n, at, event }, erased })
    }
}

fn fact<T: DeserializeOwned>(whole: Unveiled, what: impl Fn() -> String) -> Result<T, StoreError> {
    serde_json::from_value(whole.value).map_err(|error| StoreError::damaged(format!("{}: {error}", what())))
}

fn checksum(n: i64, at: i64, body: &str) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&n.to_le_bytes());
    crc.update(&at.to_le_bytes());
    crc.update(body.as_bytes());
    crc.finalize()
}

/// Tells the legs of one call apart.
fn leg_of(call: &OpenCall) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(call.call_id.as_bytes());
    crc.update(&[0]);
    crc.update(call.from_tag.as_bytes());
    crc.finalize()
}

/// An entry's number as the database holds it.
pub(super) fn number(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

//! The state an engine starts from, read from the tables; of the journal only the rows they point to.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension, Row};

use super::error::StoreError;
use super::rows::{self, Found};
use crate::event::{Event, KeptCase, OptOuts, State};
use crate::limits;
use crate::time::{Span, Timestamp};

/// Meta rows that begin so are the store's own.
pub(super) const OWN: &str = "store.";
/// The meta row that says why nothing may be sent.
pub(super) const HOLD: &str = "store.hold";

/// What an engine starts from; `opted_out` comes with its key, whose fingerprint is `key`, and nobody on it.
pub(super) fn load(db: &Connection, opted_out: OptOuts, key: i64) -> Result<State, StoreError> {
    let mut state = State { opted_out, ..State::default() };
    let newest = newest(db)?;
    state.next = newest.map_or(1, |(n, _)| n.saturating_add(1));
    state.last_at = newest.map(|(_, at)| at);
    let since = state.last_at.map_or(Ok(0), |at| first_since(db, at - State::KEPT))?;
    let mut entries = BTreeSet::new();
    let gaps = gaps(db)?;
    for row in kept_cases(db, since)? {
        let opened = entry(db, row.n)?;
        if let (Event::CaseOpened(case), false) = (opened.entry.event, opened.erased) {
            entries_of(db, &row.id, &mut entries)?;
            state.cases.push(KeptCase {
                case: row.id,
                caller: case.caller,
                opened: Timestamp::from_micros(row.opened),
                last: Timestamp::from_micros(row.last),
                closed: row.closed.map(Timestamp::from_micros),
            });
        }
    }
    for n in entries {
        let mut found = entry(db, n)?;
        found.entry.event.redate(set_after(&gaps, n));
        sort_in(found, &mut state);
    }
    state.open_calls = rows::read_open(db)?;
    opt_outs(db, key, &mut state)?;
    meta(db, &mut state)?;
    Ok(state)
}

/// Steps of the clock by the number of their entry: what has a lower one was dated before.
fn gaps(db: &Connection) -> Result<BTreeMap<i64, Span>, StoreError> {
    let mut all = db.prepare_cached("SELECT n, by_us FROM clock_gaps")?;
    let rows = all.query_map([], |row| Ok((row.get(0)?, Span::from_micros(row.get(1)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How far the clock was set after entry `n`.
fn set_after(gaps: &BTreeMap<i64, Span>, n: i64) -> Span {
    gaps.range(n.saturating_add(1)..).fold(Span::ZERO, |sum, (_, by)| sum + *by)
}

/// The number of the first entry that isn't older than `since`, a time of the clock as it is set now: whatever it
/// showed when the entry was written.
fn first_since(db: &Connection, since: Timestamp) -> Result<i64, StoreError> {
    let gaps = gaps(db)?;
    let mut next = db.prepare_cached("SELECT n, at FROM journal WHERE n >= ?1 ORDER BY n LIMIT 1")?;
    let (mut low, mut high) = (0, newest(db)?.map_or(0, |(n, _)| rows::number(n)).saturating_add(1));
    while low < high {
        let middle = low + (high - low) / 2;
        let of = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
        let found = next.query_row([middle], of).optional()?;
        let is_old = |(n, at): (i64, i64)| Timestamp::from_micros(at) + set_after(&gaps, n) < since;
        match found.filter(|found| is_old(*found)) {
            Some((n, _)) => low = n.saturating_add(1),
            None => high = middle,
        }
    }
    Ok(low)
}

/// Number and time of the last entry.
pub(super) fn newest(db: &Connection) -> Result<Option<(u64, Timestamp)>, StoreError> {
    let mut last = db.prepare_cached("SELECT n, at FROM journal ORDER BY n DESC LIMIT 1")?;
    let of = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
    let found = last.query_row([], of).optional()?;
    Ok(found.map(|(n, at)| (u64::try_from(n).unwrap_or(0), Timestamp::from_micros(at))))
}

/// A value of the table `meta`.
pub(super) fn meta_of(db: &Connection, name: &str) -> Result<Option<String>, StoreError> {
    let mut find = db.prepare_cached("SELECT value FROM meta WHERE name = ?1")?;
    Ok(find.query_row([name], |row| row.get(0)).optional()?)
}

/// Sets a value of the table `meta`.
pub(super) fn set_meta(db: &Connection, name: &str, value: &str) -> Result<(), StoreError> {
    db.prepare_cached("INSERT OR REPLACE INTO meta VALUES (?1, ?2)")?.execute((name, value))?;
    Ok(())
}

/// A row of `cases`.
struct CaseRow {
    id: String,
    n: i64,
    opened: i64,
    last: i64,
    closed: Option<i64>,
}

/// Cases that are open, have a text pending, or were closed by entry `since` or later: of those the latest, at most
/// as many as an engine goes on with.
fn kept_cases(db: &Connection, since: i64) -> Result<Vec<CaseRow>, StoreError> {
    let mut kept = db.prepare_cached(
        "SELECT id, n, opened, last, closed FROM cases WHERE closed IS NULL
         UNION SELECT * FROM (SELECT id, n, opened, last, closed FROM cases
             WHERE closed_n >= ?1 ORDER BY closed_n DESC LIMIT ?2)
         UNION SELECT id, n, opened, last, closed FROM cases
             WHERE id IN (SELECT case_id FROM messages WHERE pending)
         ORDER BY n",
    )?;
    let rows = kept.query_map((since, limits::CASES as i64), |row| {
        Ok(CaseRow {
            id: row.get(0)?,
            n: row.get(1)?,
            opened: row.get(2)?,
            last: row.get(3)?,
            closed: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The entries that say what became of a case.
fn entries_of(db: &Connection, case: &str, entries: &mut BTreeSet<i64>) -> Result<(), StoreError> {
    let mut all = db.prepare_cached(
        "SELECT n FROM decisions WHERE case_id = ?1
         UNION ALL SELECT n FROM messages WHERE case_id = ?1
         UNION ALL SELECT n FROM tasks WHERE case_id = ?1
         UNION ALL SELECT calls.n FROM decisions JOIN calls ON calls.key = decisions.call WHERE case_id = ?1",
    )?;
    for n in all.query_map([case], |row| row.get(0))? {
        entries.insert(n?);
    }
    Ok(())
}

fn entry(db: &Connection, n: i64) -> Result<Found, StoreError> {
    rows::read(db, n)?.ok_or_else(|| StoreError::damaged(format!("journal entry {n} is gone")))
}

fn sort_in(found: Found, state: &mut State) {
    match found.entry.event {
        Event::Call(call) => state.calls.push(*call),
        Event::Decision(decision) => state.decisions.push(decision),
        Event::Message(message) if !found.erased => state.messages.push(*message),
        Event::Task(task) if !found.erased => state.tasks.push(task),
        _ => {}
    }
}

fn opt_outs(db: &Connection, key: i64, state: &mut State) -> Result<(), StoreError> {
    let mut all = db.prepare_cached("SELECT hash FROM opt_outs WHERE key = ?1")?;
    for hash in all.query_map([key], |row| row.get::<_, [u8; 32]>(0))? {
        state.opted_out.insert_hash(hash?);
    }
    Ok(())
}

fn meta(db: &Connection, state: &mut State) -> Result<(), StoreError> {
    let mut all = db.prepare_cached("SELECT name, value FROM meta")?;
    let rows = all.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
    for row in rows {
        let (name, value) = row?;
        match name.as_str() {
            HOLD => state.hold = Some(value),
            own if own.starts_with(OWN) => {}
            _ => drop(state.meta.insert(name, value)),
        }
    }
    Ok(())
}

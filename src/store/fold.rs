//! What follows from an entry: cases, texts, tasks, reviews and calls, as rows that point into the journal.

use rusqlite::Connection;

use super::error::StoreError;
use super::rows::number;
use crate::event::{CaseClosed, ClockGap, Event, JournalEntry, Message};

/// Brings the tables up to an entry whose parties are `people`.
pub(super) fn fold(db: &Connection, entry: &JournalEntry, people: &[i64]) -> Result<(), StoreError> {
    let n = number(entry.n);
    let at = entry.at.as_micros();
    match &entry.event {
        Event::Call(call) => {
            put(db, "INSERT OR REPLACE INTO calls VALUES (?1, ?2)", (n, call.call.to_string()))?;
            let mut touch = db.prepare_cached(
                "UPDATE cases SET last = max(last, ?2) WHERE person = ?1 AND closed IS NULL",
            )?;
            people.iter().try_for_each(|person| touch.execute((person, at)).map(drop))?;
        }
        Event::CaseOpened(case) => put(
            db,
            "INSERT OR REPLACE INTO cases (id, n, person, opened, last) VALUES (?1, ?2, ?3, ?4, ?4)",
            (&case.case, n, people.first(), at),
        )?,
        Event::CaseClosed(CaseClosed { case, .. }) => {
            put(db, "UPDATE cases SET closed = ?2, closed_n = ?3 WHERE id = ?1", (case, at, n))?;
        }
        Event::Decision(decision) => put(
            db,
            "INSERT OR REPLACE INTO decisions VALUES (?1, ?2, ?3)",
            (n, &decision.case, decision.call.to_string()),
        )?,
        Event::Message(message) => message_said(db, n, message)?,
        Event::Task(task) => {
            let row = (&task.key, n, &task.case);
            put(db, "INSERT OR REPLACE INTO tasks (key, n, case_id) VALUES (?1, ?2, ?3)", row)?;
        }
        Event::Review(review) => put(
            db,
            "INSERT OR REPLACE INTO reviews (n, case_id, call) VALUES (?1, ?2, ?3)",
            (n, &review.case, review.call.to_string()),
        )?,
        Event::Reply(reply) => {
            put(db, "INSERT OR REPLACE INTO replies VALUES (?1, ?2)", (&reply.id, n))?;
            let sql = "UPDATE cases SET last = max(last, ?2) WHERE person = ?1 AND closed IS NULL";
            people.iter().try_for_each(|person| put(db, sql, (person, at)))?;
        }
        Event::ReviewDecided(decided) => {
            let sql = "UPDATE reviews SET done = ?2 WHERE call = ?1";
            put(db, sql, (decided.call.to_string(), n))?;
        }
        Event::ClockGap(gap) => clock_set(db, entry, gap)?,
        Event::TaskDone(done) => put(db, "UPDATE tasks SET done = ?2 WHERE key = ?1", (&done.key, n))?,
    }
    Ok(())
}

/// All cases are dated anew, for a text may be sent in an old one yet; entries are when they are loaded. Clocks are seldom set.
fn clock_set(db: &Connection, entry: &JournalEntry, gap: &ClockGap) -> Result<(), StoreError> {
    put(db, "INSERT OR REPLACE INTO clock_gaps VALUES (?1, ?2)", (number(entry.n), gap.by_us))?;
    let sql = "UPDATE cases SET opened = opened + ?1, last = last + ?1, closed = closed + ?1";
    put(db, sql, (gap.by_us,))
}

fn message_said(db: &Connection, n: i64, message: &Message) -> Result<(), StoreError> {
    let row = (&message.key, n, &message.case, message.is_pending());
    put(db, "INSERT OR REPLACE INTO messages VALUES (?1, ?2, ?3, ?4)", row)?;
    if let Some((first, n)) = Message::again_of(&message.key) {
        put(db, RESENT, (first, number(n)))?;
    }
    match message.sent {
        Some(sent) => {
            let sql = "UPDATE cases SET last = max(last, ?2) WHERE id = ?1 AND closed IS NULL";
            put(db, sql, (&message.case, sent.as_micros()))
        }
        None => Ok(()),
    }
}

/// How often a text was sent again outlives what tells of it, so that no gateway sees a key twice.
pub(super) const RESENT: &str = "INSERT INTO resent VALUES (?1, ?2)
    ON CONFLICT (key) DO UPDATE SET n = max(n, excluded.n)";

fn put(db: &Connection, sql: &str, row: impl rusqlite::Params) -> Result<(), StoreError> {
    db.prepare_cached(sql)?.execute(row)?;
    Ok(())
}

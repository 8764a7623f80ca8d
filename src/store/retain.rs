//! Drops what is older than the site keeps.
//!
//! A case goes once it was closed long enough, with its decisions, texts, tasks and reviews; an entry goes once
//! nothing that stays points to it; a name or number goes once it wasn't seen for so long and no entry that stays
//! has it. A task that isn't done and a review that isn't decided stay, however old, with the reply or the call they
//! are about, and so does the newest entry: the numbers go on from it.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension};

use super::error::StoreError;
use super::{Retained, veil};
use crate::time::Timestamp;

/// Drops a bounded piece of what is older than `before`.
pub(super) fn retain(db: &mut Connection, before: Timestamp) -> Result<Retained, StoreError> {
    let before = before.as_micros();
    let tx = db.transaction()?;
    let first = "SELECT n FROM journal WHERE at >= ?1 ORDER BY at, n LIMIT 1";
    let cut: Option<i64> = tx.query_row(first, [before], |row| row.get(0)).optional()?;
    let newest: Option<i64> = tx.query_row("SELECT max(n) FROM journal", [], |row| row.get(0))?;
    let cut = cut.unwrap_or(i64::MAX).min(newest.unwrap_or(i64::MAX));
    let cases = cases(&tx, before, cut)?;
    let entries = journal(&tx, cut)?;
    let mut more = cases == PIECE || entries == PIECE;
    if !more {
        more = people(&tx, before)? == PIECE;
    }
    tx.commit()?;
    Ok(Retained { entries: entries as u64, more })
}

/// Cases that were closed long enough, and what belongs to a case that is gone.
fn cases(db: &Connection, before: i64, cut: i64) -> Result<usize, StoreError> {
    let gone = db.execute(
        "DELETE FROM cases WHERE id IN (SELECT id FROM cases WHERE closed < ?1 AND n < ?2
             AND NOT EXISTS (SELECT 1 FROM messages WHERE case_id = cases.id AND pending) LIMIT ?3)",
        (before, cut, PIECE as i64),
    )?;
    for (table, beside) in [
        ("decisions", ""),
        ("reviews", "AND done IS NOT NULL"),
        ("tasks", "AND done IS NOT NULL"),
        ("messages", "AND NOT pending"),
    ] {
        let sql =
            format!("DELETE FROM {table} WHERE n < ?1 AND case_id NOT IN (SELECT id FROM cases) {beside}");
        db.execute(&sql, [cut])?;
    }
    Ok(gone)
}

/// Entries before `cut` that nothing points to.
fn journal(db: &Connection, cut: i64) -> Result<usize, StoreError> {
    db.execute_batch("CREATE TEMP TABLE IF NOT EXISTS stays (n INTEGER PRIMARY KEY); DELETE FROM stays;")?;
    for pointing in ["cases", "decisions", "messages", "tasks", "reviews"] {
        db.execute(&format!("INSERT OR IGNORE INTO stays SELECT n FROM {pointing} WHERE n < ?1"), [cut])?;
    }
    for about in [
        "calls.n FROM decisions JOIN calls ON calls.key = decisions.call WHERE calls.n < ?1",
        "calls.n FROM reviews JOIN calls ON calls.key = reviews.call WHERE calls.n < ?1",
        "replies.n FROM tasks JOIN replies ON replies.id = substr(tasks.key, 7)
             WHERE tasks.key GLOB 'reply/*' AND replies.n < ?1",
    ] {
        db.execute(&format!("INSERT OR IGNORE INTO stays SELECT {about}"), [cut])?;
    }
    let gone = db.execute(
        "DELETE FROM journal WHERE n IN
             (SELECT n FROM journal WHERE n < ?1 AND n NOT IN (SELECT n FROM stays) ORDER BY n LIMIT ?2)",
        (cut, PIECE as i64),
    )?;
    db.execute("DELETE FROM calls WHERE n < ?1 AND n NOT IN (SELECT n FROM journal WHERE n < ?1)", [cut])?;
    db.execute("DELETE FROM replies WHERE n < ?1 AND n NOT IN (SELECT n FROM journal WHERE n < ?1)", [cut])?;
    let first = "SELECT coalesce((SELECT min(n) FROM journal), ?1)";
    db.execute(&format!("DELETE FROM clock_gaps WHERE n < ({first})"), [i64::MAX])?;
    Ok(gone)
}

/// Names, numbers and texts that weren't seen for so long, but for those that an entry still has.
fn people(db: &Connection, before: i64) -> Result<usize, StoreError> {
    db.execute_batch("CREATE TEMP TABLE IF NOT EXISTS named (id INTEGER PRIMARY KEY); DELETE FROM named;")?;
    let mut name = db.prepare("INSERT OR IGNORE INTO named VALUES (?1)")?;
    for id in named_before(db, before)? {
        name.execute([id])?;
    }
    db.execute_batch(
        "INSERT OR IGNORE INTO named SELECT owner FROM people WHERE id IN (SELECT id FROM named)",
    )?;
    Ok(db.execute(
        "DELETE FROM people WHERE id IN
             (SELECT id FROM people WHERE seen < ?1 AND id NOT IN (SELECT id FROM named) LIMIT ?2)",
        (before, PIECE as i64),
    )?)
}

/// The ids in what is old and stays.
fn named_before(db: &Connection, before: i64) -> Result<BTreeSet<i64>, StoreError> {
    let mut old =
        db.prepare("SELECT body FROM journal WHERE at < ?1 UNION ALL SELECT body FROM open_calls")?;
    let mut rows = old.query([before])?;
    let mut ids = BTreeSet::new();
    while let Some(row) = rows.next()? {
        ids.extend(veil::ids(row.get_ref(0)?.as_str().unwrap_or_default()));
    }
    Ok(ids)
}

/// So many rows go at once.
const PIECE: usize = 10_000;

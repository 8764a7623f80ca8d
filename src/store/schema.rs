//! The tables, their version, and the way from each version to the next.
//!
//! The journal holds what happened; every other table but `people`, `open_calls`, `opt_outs`, `resent` and `meta` only
//! points into it, so that each fact stands once and under one checksum. `user_version` is the version of the tables.

use std::path::Path;

use rusqlite::Connection;

use super::error::StoreError;

/// Marks a database as ours: `rgbk`.
pub(super) const APPLICATION: i64 = 0x7267_626b;

/// What leads from each version to the next; a new store takes all of them.
pub(super) const STEPS: &[&str] = &["
CREATE TABLE journal (n INTEGER PRIMARY KEY, at INTEGER NOT NULL, body TEXT NOT NULL, crc INTEGER NOT NULL);
CREATE INDEX journal_by_time ON journal (at);
CREATE TABLE people (id INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER NOT NULL, value TEXT NOT NULL,
    seen INTEGER NOT NULL, crc INTEGER NOT NULL);
CREATE UNIQUE INDEX people_by_value ON people (owner, value);
CREATE TABLE calls (n INTEGER PRIMARY KEY, key TEXT NOT NULL);
CREATE UNIQUE INDEX calls_by_key ON calls (key);
CREATE TABLE cases (id TEXT PRIMARY KEY, n INTEGER NOT NULL, person INTEGER, opened INTEGER NOT NULL,
    last INTEGER NOT NULL, closed INTEGER) WITHOUT ROWID;
CREATE INDEX cases_by_end ON cases (closed);
CREATE INDEX cases_by_person ON cases (person) WHERE closed IS NULL;
CREATE TABLE decisions (n INTEGER PRIMARY KEY, case_id TEXT NOT NULL, call TEXT NOT NULL);
CREATE INDEX decisions_by_case ON decisions (case_id);
CREATE TABLE messages (key TEXT PRIMARY KEY, n INTEGER NOT NULL, case_id TEXT NOT NULL, pending INTEGER NOT NULL)
    WITHOUT ROWID;
CREATE INDEX messages_by_case ON messages (case_id);
CREATE INDEX messages_pending ON messages (case_id) WHERE pending;
CREATE TABLE tasks (key TEXT PRIMARY KEY, n INTEGER NOT NULL, case_id TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX tasks_by_case ON tasks (case_id);
CREATE TABLE reviews (n INTEGER PRIMARY KEY, case_id TEXT NOT NULL, call TEXT NOT NULL);
CREATE TABLE open_calls (call TEXT NOT NULL, leg INTEGER NOT NULL, body TEXT NOT NULL, crc INTEGER NOT NULL,
    PRIMARY KEY (call, leg)) WITHOUT ROWID;
CREATE TABLE opt_outs (hash BLOB PRIMARY KEY, key INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
", "
ALTER TABLE tasks ADD COLUMN done INTEGER;
", "
CREATE TABLE clock_gaps (n INTEGER PRIMARY KEY, by_us INTEGER NOT NULL);
CREATE TABLE replies (id TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
ALTER TABLE reviews ADD COLUMN done INTEGER;
", "
CREATE TABLE resent (key TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO resent
    SELECT substr(stem, 8, length(stem) - 8), max(CAST(substr(key, length(stem) + 1) AS INTEGER))
    FROM (SELECT key, rtrim(key, '0123456789') AS stem FROM messages WHERE key GLOB 'resend/*/[0-9]*')
    GROUP BY stem;
", "
ALTER TABLE cases ADD COLUMN closed_n INTEGER;
UPDATE cases SET closed_n = ended.n FROM (
    SELECT max(n) AS n, json_extract(body, '$.data.case') AS id FROM journal
    WHERE body LIKE '%\"case_closed\"%' AND CASE WHEN json_valid(body) THEN body ->> '$.event' END = 'case_closed'
    GROUP BY id) AS ended
    WHERE ended.id = cases.id AND cases.closed IS NOT NULL;
CREATE INDEX cases_by_closing ON cases (closed_n) WHERE closed_n IS NOT NULL;
"];

/// The version of a store, or why it isn't one that can be read here.
pub(super) fn version(db: &Connection, path: &Path, steps: &[&str]) -> Result<i64, StoreError> {
    let pragma = |name| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, found) = (pragma("application_id")?, pragma("user_version")?);
    let known = steps.len() as i64;
    if application != APPLICATION && (application, found) != (0, 0) {
        return Err(StoreError::Foreign { path: path.to_owned() });
    }
    if application == 0 && db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)) != Ok(0) {
        return Err(StoreError::Foreign { path: path.to_owned() });
    }
    if found > known {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    }
    Ok(found)
}

/// Takes a store from version `from` to the last of `steps`, all or nothing.
pub(super) fn migrate(db: &mut Connection, from: i64, steps: &[&str]) -> Result<(), StoreError> {
    let tx = db.transaction()?;
    for step in steps.iter().skip(usize::try_from(from).unwrap_or(usize::MAX)) {
        tx.execute_batch(step)?;
    }
    tx.pragma_update(None, "application_id", APPLICATION)?;
    tx.pragma_update(None, "user_version", steps.len() as i64)?;
    Ok(tx.commit()?)
}

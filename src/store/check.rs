//! Whether a store is what was written: a quick look at each start, a thorough one before a backup is trusted.
//!
//! | looked at | at a start | a backup |
//! |---|---|---|
//! | header, length against the pages it counts | yes | yes |
//! | structure of the small tables, which decide what is sent | yes | yes |
//! | structure of everything | up to 64 MB | yes |
//! | checksums of the journal | the last 10,000 entries | all |
//! | checksums of what a start reads | as it is read | all people |
//!
//! What the quick look leaves out is found when it is read, since every row has its checksum.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rusqlite::Connection;

use super::error::StoreError;
use super::people;
use super::rows;
use super::schema;

/// How much is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// What a start has time for.
    Quick,
    /// Everything.
    Thorough,
}

/// Looks at the file itself, before the database opens it; returns whether it is marked as ours. With a log beside
/// it the file may be shorter than its header says, since a checkpoint writes the header first.
pub(super) fn file(path: &Path, has_log: bool) -> Result<bool, StoreError> {
    let failed = |error: std::io::Error| StoreError::file(path, &error);
    let mut file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    if length == 0 {
        return Ok(false);
    }
    let mut header = [0; 100];
    file.read_exact(&mut header).map_err(|_| StoreError::damaged("the file is shorter than a header"))?;
    if !header.starts_with(b"SQLite format 3\0") {
        return Err(StoreError::damaged("the file doesn't begin as a database does"));
    }
    let page = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        size => u64::from(size),
    };
    let pages = u64::from(u32::from_be_bytes([header[28], header[29], header[30], header[31]]));
    if !has_log && length < page * pages {
        let missing = page * pages - length;
        return Err(StoreError::damaged(format!("the file is cut: {missing} bytes are missing at its end")));
    }
    Ok(header[68..72] == schema::APPLICATION.to_be_bytes()[4..])
}

/// Looks at what is in the database.
pub(super) fn contents(db: &Connection, depth: Depth) -> Result<(), StoreError> {
    let size = |name| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let bytes = size("page_count")?.saturating_mul(size("page_size")?);
    if depth == Depth::Thorough || bytes <= SMALL {
        structure(db, "PRAGMA quick_check(1)")?;
    } else {
        for table in ["meta", "opt_outs", "open_calls", "cases", "messages", "tasks"] {
            structure(db, &format!("PRAGMA quick_check({table})"))?;
        }
    }
    match depth {
        Depth::Quick => rows::check_last(db, TAIL)?,
        Depth::Thorough => {
            all_people(db)?;
            rows::check_last(db, usize::MAX)?
        }
    };
    Ok(())
}

fn structure(db: &Connection, check: &str) -> Result<(), StoreError> {
    let found: String = db.query_row(check, [], |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(StoreError::damaged(found.replace('\n', " "))) }
}

fn all_people(db: &Connection) -> Result<(), StoreError> {
    let mut all = db.prepare("SELECT id, owner, value, crc FROM people")?;
    let mut rows = all.query([])?;
    while let Some(row) = rows.next()? {
        let (owner, value): (i64, String) = (row.get(1)?, row.get(2)?);
        if row.get::<_, u32>(3)? != people::checksum(owner, &value) {
            let id: i64 = row.get(0)?;
            return Err(StoreError::damaged(format!("people row {id}: its checksum is wrong")));
        }
    }
    Ok(())
}

/// Up to so many bytes the structure of everything is looked at.
const SMALL: i64 = 64 << 20;
/// So many of the last entries are looked at.
const TAIL: usize = 10_000;

//! Reads a store that another process may be writing: for `explain`, `report` and the lists.

use std::path::Path;

use rusqlite::Connection;

use super::error::StoreError;
use super::{check, load, rows, schema, sqlite};
use crate::event::JournalEntry;

/// A store that is only read.
#[derive(Debug)]
pub struct Reader {
    db: Connection,
}

impl Reader {
    /// Opens the store at `path`. Fails if there is none, or a later ringback wrote it.
    pub fn open(path: &Path) -> Result<Reader, StoreError> {
        if !path.exists() {
            let what = "no such file; `ringback run` makes it".to_owned();
            return Err(StoreError::File { path: path.to_owned(), what });
        }
        let db = sqlite::connect_to_read(path)?;
        let found = schema::version(&db, path, schema::STEPS)?;
        if found == schema::STEPS.len() as i64 {
            return Ok(Reader { db });
        }
        let what = format!("its version is {found}; `ringback run` brings it up to date");
        Err(StoreError::File { path: path.to_owned(), what })
    }

    /// At most `most` entries from number `from` on; who was erased reads `erased-ID`.
    pub fn entries(&self, from: u64, most: usize) -> Result<Vec<JournalEntry>, StoreError> {
        Ok(rows::read_from(&self.db, from, most)?.into_iter().map(|found| found.entry).collect())
    }

    /// The number of the last entry, 0 if there is none.
    pub fn last(&self) -> Result<u64, StoreError> {
        Ok(load::newest(&self.db)?.map_or(0, |(n, _)| n))
    }

    /// Looks at as much of it as a start does.
    ///
    /// # Errors
    /// It is damaged: where.
    pub fn check(&self) -> Result<(), StoreError> {
        check::contents(&self.db, check::Depth::Quick)
    }

    /// Why nothing is sent until an operator says so.
    pub fn hold(&self) -> Result<Option<String>, StoreError> {
        load::meta_of(&self.db, load::HOLD)
    }
}

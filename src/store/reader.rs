//! Reads a store that another process may be writing: for `explain`, `report` and the lists.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use super::error::StoreError;
use super::files::{self, Place};
use super::{check, load, rows, schema, sqlite};
use crate::event::{CallRecord, Event, JournalEntry, Message, OptOuts, Review, Task};
use crate::phone::Party;
use crate::time::Timestamp;

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

    /// Every text in its last state, in the order of the journal; `tell` says whether to go on.
    pub fn messages(&self, mut tell: impl FnMut(Message) -> bool) -> Result<(), StoreError> {
        self.each("SELECT n FROM messages ORDER BY n", |entry| match entry.event {
            Event::Message(message) => tell(*message),
            _ => true,
        })
    }

    /// The text with this key, in its last state.
    pub fn message(&self, key: &str) -> Result<Option<Message>, StoreError> {
        let entry = self.pointed_to("SELECT n FROM messages WHERE key = ?1", key)?;
        Ok(entry.and_then(|entry| match entry.event {
            Event::Message(message) => Some(*message),
            _ => None,
        }))
    }

    /// Every task and whether it is done: those that are, then the others, each in the order of the journal; `tell` says whether to go on.
    pub fn tasks(&self, mut tell: impl FnMut(Task, bool) -> bool) -> Result<(), StoreError> {
        self.done_first("tasks", |entry, done| match entry.event {
            Event::Task(task) => tell(task, done),
            _ => true,
        })
    }

    /// The task with this key, and whether it is done.
    pub fn task(&self, key: &str) -> Result<Option<(Task, bool)>, StoreError> {
        let entry = self.pointed_to("SELECT n FROM tasks WHERE key = ?1", key)?;
        let open = self.pointed_to("SELECT n FROM tasks WHERE key = ?1 AND done IS NULL", key)?;
        Ok(entry.and_then(|entry| match entry.event {
            Event::Task(task) => Some((task, open.is_none())),
            _ => None,
        }))
    }

    /// Everything left to people and whether that is decided: what is, then the others, each in the order of the journal
    /// with its time; `tell` says whether to go on.
    pub fn reviews(&self, mut tell: impl FnMut(Timestamp, Review, bool) -> bool) -> Result<(), StoreError> {
        self.done_first("reviews", |entry, done| match entry.event {
            Event::Review(review) => tell(entry.at, review, done),
            _ => true,
        })
    }

    /// What was left to people about a call, and whether that is decided.
    pub fn review(&self, call: &str) -> Result<Option<(Review, bool)>, StoreError> {
        let entry = self.pointed_to("SELECT n FROM reviews WHERE call = ?1 ORDER BY n DESC LIMIT 1", call)?;
        let open = self.pointed_to("SELECT n FROM reviews WHERE call = ?1 AND done IS NULL LIMIT 1", call)?;
        Ok(entry.and_then(|entry| match entry.event {
            Event::Review(review) => Some((review, open.is_none())),
            _ => None,
        }))
    }

    /// Every call from or to a number whose digits end with `digits`, in the order of the journal.
    pub fn calls_with(&self, digits: &str, mut tell: impl FnMut(CallRecord)) -> Result<(), StoreError> {
        let mut named = self.db.prepare("SELECT id FROM people WHERE owner = 0 AND value LIKE '%' || ?1")?;
        let ids = named.query_map([digits], |row| row.get::<_, i64>(0))?.collect::<Result<Vec<_>, _>>()?;
        let mut calls = BTreeSet::new();
        let mut find = self.db.prepare(
            "SELECT calls.n FROM calls JOIN journal USING (n) WHERE instr(body, '{\"~\":' || ?1 || '}') > 0",
        )?;
        for id in ids {
            for n in find.query_map([id], |row| row.get::<_, i64>(0))? {
                calls.insert(n?);
            }
        }
        for n in calls {
            if let Some(Event::Call(record)) = rows::read(&self.db, n)?.map(|found| found.entry.event) {
                tell(*record);
            }
        }
        Ok(())
    }

    /// What was decided about a call, left to people, planned and sent because of it, each in its last state, in the order
    /// of the journal.
    pub fn about(&self, call: &str) -> Result<Vec<JournalEntry>, StoreError> {
        let mut all = self.db.prepare(
            "SELECT n FROM decisions WHERE call = ?1 UNION SELECT n FROM reviews WHERE call = ?1
             UNION SELECT n FROM tasks WHERE key >= ?1 || '/' AND key < ?1 || '0'
             UNION SELECT n FROM messages WHERE key >= ?1 || '/' AND key < ?1 || '0' ORDER BY n",
        )?;
        let numbers = all.query_map([call], |row| row.get::<_, i64>(0))?.collect::<Result<Vec<_>, _>>()?;
        let found = numbers.into_iter().map(|n| rows::read(&self.db, n));
        found.filter_map(Result::transpose).map(|found| Ok(found?.entry)).collect()
    }

    /// The call with this id.
    pub fn call(&self, call: &str) -> Result<Option<CallRecord>, StoreError> {
        let entry = self.pointed_to("SELECT n FROM calls WHERE key = ?1", call)?;
        Ok(entry.and_then(|entry| match entry.event {
            Event::Call(record) => Some(*record),
            _ => None,
        }))
    }

    /// The last number under which the text with this key was sent again, 0 if it never was; also of texts that are
    /// no longer kept.
    pub fn resent(&self, key: &str) -> Result<u64, StoreError> {
        let sql = "SELECT n FROM resent WHERE key = ?1";
        let last: Option<i64> = self.db.query_row(sql, [key], |row| row.get(0)).optional()?;
        Ok(last.and_then(|last| u64::try_from(last).ok()).unwrap_or(0))
    }

    /// Whether a reply is known.
    pub fn has_reply(&self, id: &str) -> Result<bool, StoreError> {
        Ok(self.db.prepare_cached("SELECT 1 FROM replies WHERE id = ?1")?.exists([id])?)
    }

    /// How many parties opted out, and whether `party` is among them: no number is kept, only whether one is known.
    /// `place` is where the store is, with the key of its hashes.
    pub fn opt_outs(&self, place: &Place, party: Option<&Party>) -> Result<(u64, bool), StoreError> {
        let count: i64 = self.db.query_row("SELECT count(*) FROM opt_outs", [], |row| row.get(0))?;
        let Some(party) = party else { return Ok((u64::try_from(count).unwrap_or(0), false)) };
        if !place.beside(".key").exists() {
            return Ok((u64::try_from(count).unwrap_or(0), false));
        }
        let hash = OptOuts::new(files::key(place)?.0).hash(party);
        let mut find = self.db.prepare("SELECT 1 FROM opt_outs WHERE hash = ?1")?;
        Ok((u64::try_from(count).unwrap_or(0), find.exists([hash])?))
    }

    /// The entries a table points to and whether each is done: those that are, then the others.
    fn done_first(
        &self,
        table: &'static str,
        mut tell: impl FnMut(JournalEntry, bool) -> bool,
    ) -> Result<(), StoreError> {
        for (is, done) in [("IS NOT NULL", true), ("IS NULL", false)] {
            let sql = format!("SELECT n FROM {table} WHERE done {is} ORDER BY n");
            self.each(&sql, |entry| tell(entry, done))?;
        }
        Ok(())
    }

    fn each(&self, sql: &str, mut tell: impl FnMut(JournalEntry) -> bool) -> Result<(), StoreError> {
        let mut all = self.db.prepare(sql)?;
        let mut numbers = all.query([])?;
        while let Some(row) = numbers.next()? {
            let found = rows::read(&self.db, row.get(0)?)?;
            if found.is_some_and(|found| !tell(found.entry)) {
                break;
            }
        }
        Ok(())
    }

    fn pointed_to(&self, sql: &str, key: &str) -> Result<Option<JournalEntry>, StoreError> {
        let mut find = self.db.prepare(sql)?;
        let n: Option<i64> = find.query_row([key], |row| row.get(0)).optional()?;
        let found = n.map(|n| rows::read(&self.db, n)).transpose()?.flatten();
        Ok(found.map(|found| found.entry))
    }

    /// Why nothing is sent until an operator says so.
    pub fn hold(&self) -> Result<Option<String>, StoreError> {
        load::meta_of(&self.db, load::HOLD)
    }
}

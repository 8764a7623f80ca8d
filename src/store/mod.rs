//! What ringback remembers: the journal, and what follows from it, on one disk, written by one process.
//!
//! ```text
//! Batch ─> Writer (one thread, groups) ─> Store: journal row + what follows from it, one transaction ─> durable n
//! ```
//! A store takes batches of journal entries and rows of open calls and gives back, at a start, the [`State`] an
//! engine goes on from. Folding an entry into tables happens in its own transaction, so a start reads no journal.
//! Rows name people by an opaque id; who they are stands in one table, which [`Store::erase`] empties. Nothing here
//! decides anything, and no time is read: a caller says what is old.

mod backup;
mod check;
mod erase;
mod error;
mod files;
mod fold;
mod load;
mod memory;
mod open;
mod people;
mod reader;
mod retain;
mod rows;
mod salvage;
mod schema;
mod shut;
mod sqlite;
#[cfg(test)]
mod tests;
mod veil;
mod writer;

use std::path::PathBuf;

pub use backup::back_up;
pub use error::StoreError;
pub use files::Place;
pub use memory::Memory;
pub use open::{Damage, Opened};
pub use reader::Reader;
pub use shut::Shut;
pub use sqlite::Sqlite;
pub use writer::{BOUND, Full, News, Standing, Writer};

use crate::event::{CallKey, JournalEntry, OpenCall, State};
use crate::phone::Party;
use crate::time::Timestamp;

/// Where batches go, and where an engine's state comes from.
pub trait Store: Send {
    /// What an engine starts from.
    fn load(&mut self) -> Result<State, StoreError>;

    /// Writes all of the batches or nothing, and returns once they would survive a power cut. Returns the number of
    /// the last entry written so far, 0 before the first. An entry that is there already is left as it is.
    fn commit(&mut self, batches: &[Batch]) -> Result<u64, StoreError>;

    /// Forgets who a party is: its number, names and texts, in this store and its backups.
    fn erase(&mut self, party: &Party) -> Result<Erased, StoreError>;

    /// Drops what is older than `before` and belongs to no case that is open or was closed after it: a bounded
    /// piece of it, so that commits don't wait for long. Call again while there is more.
    fn retain(&mut self, before: Timestamp) -> Result<Retained, StoreError>;

    /// Lifts [`State::hold`]: an operator looked at the damage and wants texts to leave again.
    fn release(&mut self) -> Result<(), StoreError>;

    /// Sets the store aside as damaged, and goes on in a new one, as an opening does that finds damage.
    fn renew(&mut self, what: &str) -> Result<Damage, StoreError>;
}

/// What is written together or not at all: entries in the order of their numbers, then open calls, then calls that
/// are over, then the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Journal entries; their numbers rise, also from batch to batch, and may leave gaps.
    pub entries: Vec<JournalEntry>,
    /// Legs of open calls as they stand now; a leg that is known is replaced.
    pub open_calls: Vec<OpenCall>,
    /// Calls none of whose legs are open any more.
    pub over: Vec<CallKey>,
    /// Who opted out, or in again.
    pub opt_outs: Vec<OptOut>,
    /// Whatever else a start must know, by name. Names that begin with `store.` are the store's own.
    pub meta: Vec<(String, String)>,
}

/// Somebody's word on whether texts are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OptOut {
    /// No texts to this party.
    Out(Party),
    /// This party wants them again.
    In(Party),
}

/// What an erasure did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Where messages that their calls left may be, as records name them.
    pub recordings: Vec<String>,
    /// Rows that held the number, a name or a text.
    pub rows: u64,
    /// Files beside the store that hold the number still and that nobody but an operator may delete: what was set
    /// aside as damaged.
    pub left: Vec<PathBuf>,
}

/// What a retention did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retained {
    /// Journal entries dropped.
    pub entries: u64,
    /// There is more to drop.
    pub more: bool,
}

impl Batch {
    /// How much room it takes where it waits, in rows.
    pub fn rows(&self) -> usize {
        let others = self.over.len() + self.opt_outs.len() + self.meta.len();
        self.entries.len() + self.open_calls.len() + others
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.rows() == 0
    }
}

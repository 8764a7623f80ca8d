//! What is due when: one queue of deadlines, in the order of their times and, at one time, of their making.

use std::collections::BTreeMap;

use crate::phone::Number;
use crate::time::{Span, Timestamp};

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// A step of a case's sequence, by its place.
    Step(CaseNo, usize),
    /// A case may have been quiet for long enough to close.
    Quiet(CaseNo),
    /// A closed case may be dropped.
    Forget(CaseNo),
    /// A text that is sent again is to be tried once more.
    Again(u64),
    /// The oldest text to a number no longer counts for its cap.
    Uncount(Number),
}

/// A case's number within this run, in order of opening.
pub(super) type CaseNo = u64;

/// A place in the queue.
pub(super) type Slot = (Timestamp, u64);

/// A place after all were put off.
pub(super) fn moved((at, made): Slot, by: Span) -> Slot {
    (at + by, made)
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    due: BTreeMap<Slot, Due>,
    made: u64,
}

impl Agenda {
    pub(super) fn add(&mut self, at: Timestamp, due: Due) -> Slot {
        self.made += 1;
        self.due.insert((at, self.made), due);
        (at, self.made)
    }

    pub(super) fn remove(&mut self, slot: Slot) {
        self.due.remove(&slot);
    }

    /// Puts off all that is due: everything here is due some time after something, and keeps what is left of that.
    pub(super) fn redate(&mut self, by: Span) {
        self.due =
            std::mem::take(&mut self.due).into_iter().map(|(slot, due)| (moved(slot, by), due)).collect();
    }

    pub(super) fn len(&self) -> usize {
        self.due.len()
    }

    pub(super) fn first(&self) -> Option<Timestamp> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the first deadline that is not after `at`.
    pub(super) fn take(&mut self, at: Timestamp) -> Option<(Timestamp, Due)> {
        let first = self.due.first_entry().filter(|first| first.key().0 <= at)?;
        let ((at, _), due) = first.remove_entry();
        Some((at, due))
    }
}

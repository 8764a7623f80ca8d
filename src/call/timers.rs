//! Deadlines of calls, in (time, order) order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::time::Timestamp;

/// Deadlines, each with the call it belongs to and a stamp by which the call knows an outdated one.
#[derive(Debug, Default)]
pub struct Timers {
    heap: BinaryHeap<Reverse<(Timestamp, u64, u32)>>,
    stamp: u64,
}

/// A deadline that was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// When.
    pub at: Timestamp,
    stamp: u64,
}

impl Timers {
    /// Sets a deadline for `call`.
    pub fn set(&mut self, at: Timestamp, call: u32) -> Due {
        self.stamp += 1;
        self.heap.push(Reverse((at, self.stamp, call)));
        Due { at, stamp: self.stamp }
    }

    /// Drops what is outdated.
    pub fn retain(&mut self, is_set: impl Fn(Due, u32) -> bool) {
        self.heap.retain(|Reverse((at, stamp, call))| is_set(Due { at: *at, stamp: *stamp }, *call));
    }

    /// The earliest deadline, possibly outdated.
    pub fn next(&self) -> Option<Timestamp> {
        self.heap.peek().map(|Reverse((at, ..))| *at)
    }

    /// Takes the earliest deadline if it is not after `now`.
    pub fn pop(&mut self, now: Timestamp) -> Option<(Due, u32)> {
        let Reverse((at, stamp, call)) = *self.heap.peek()?;
        if at > now {
            return None;
        }
        self.heap.pop();
        Some((Due { at, stamp }, call))
    }
}

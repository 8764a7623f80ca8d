//! Deadlines of calls, in (time, order) order.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::time::{Span, Timestamp, earlier};

/// Deadlines, each with the call it belongs to and a stamp by which the call knows an outdated one.
#[derive(Debug, Default)]
pub struct Timers {
    /// Those that came in their order and are as near as most: they need no sorting.
    near: VecDeque<Entry>,
    /// All others.
    heap: BinaryHeap<Reverse<Entry>>,
    stamp: u64,
}

/// When, in which order it was set, and for which call.
type Entry = (Timestamp, u64, u32);

/// A deadline that was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// When.
    pub at: Timestamp,
    stamp: u64,
}

impl Timers {
    /// Sets a deadline for `call`, it being `now`.
    pub fn set(&mut self, at: Timestamp, now: Timestamp, call: u32) -> Due {
        self.stamp += 1;
        let entry = (at, self.stamp, call);
        if at <= now + NEAR && self.near.back().is_none_or(|(last, ..)| *last <= at) {
            self.near.push_back(entry);
        } else {
            self.heap.push(Reverse(entry));
        }
        Due { at, stamp: self.stamp }
    }

    /// Drops what is outdated.
    pub fn retain(&mut self, is_set: impl Fn(Due, u32) -> bool) {
        let is_set = |(at, stamp, call): Entry| is_set(Due { at, stamp }, call);
        self.near.retain(|entry| is_set(*entry));
        self.heap.retain(|Reverse(entry)| is_set(*entry));
    }

    /// The earliest deadline, possibly outdated.
    #[inline]
    pub fn next(&self) -> Option<Timestamp> {
        let near = self.near.front().map(|(at, ..)| *at);
        earlier(near, self.heap.peek().map(|Reverse((at, ..))| *at))
    }

    /// Takes the earliest deadline if it is not after `now`; of equal ones the one set first.
    pub fn pop(&mut self, now: Timestamp) -> Option<(Due, u32)> {
        let (near, far) = (self.near.front().copied(), self.heap.peek().map(|Reverse(entry)| *entry));
        let is_near = near.is_some_and(|near| far.is_none_or(|far| near < far));
        let (at, stamp, call) = if is_near { near? } else { far? };
        if at > now {
            return None;
        }
        if is_near {
            self.near.pop_front();
        } else {
            self.heap.pop();
        }
        Some((Due { at, stamp }, call))
    }
}

/// As far away as an INVITE's first deadline, and that of a call that is over: 64 times T1 (RFC 3261 17.1.1.2).
const NEAR: Span = Span::from_secs(32);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn deadlines_come_in_the_order_of_time_and_of_being_set(
            steps in proptest::collection::vec((0_i64..20, 0_i64..60, any::<bool>()), 0..60),
        ) {
            let (mut timers, mut plain, mut now) = (Timers::default(), Vec::new(), 0);
            let time = Timestamp::from_micros;
            for (n, (pass, ahead, pops)) in steps.into_iter().enumerate() {
                now += pass * 1_000_000;
                let at = now + ahead * 1_000_000;
                timers.set(time(at), time(now), n as u32);
                plain.push((at, n as u32));
                plain.sort_unstable();
                prop_assert_eq!(timers.next(), plain.first().map(|(at, _)| time(*at)));
                if pops {
                    let due = plain.first().copied().filter(|(at, _)| *at <= now);
                    plain.retain(|entry| Some(*entry) != due);
                    let popped = timers.pop(time(now)).map(|(due, call)| (due.at, call));
                    prop_assert_eq!(popped, due.map(|(at, call)| (time(at), call)));
                }
            }
        }
    }
}

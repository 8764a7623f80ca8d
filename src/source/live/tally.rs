//! What a tap has counted since it was started, for anyone to read while it runs.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::time::Span;

/// Why a HEP agent's message, or an agent, is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refused {
    /// Its address isn't allowed to send.
    Address,
    /// It gave no key, or a wrong one.
    Key,
    /// It is no HEP3, or contradicts itself.
    Malformed,
    /// Its payload doesn't unfold, or to too much.
    Packed,
    /// There are too many connections.
    Connections,
}

/// All reasons, in order.
pub const REFUSALS: [Refused; 5] =
    [Refused::Address, Refused::Key, Refused::Malformed, Refused::Packed, Refused::Connections];

/// What a tap has counted since it was started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TapCounts {
    /// Packets handed on.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packets lost because nobody took them in time.
    pub drops: u64,
    /// What was read and is nothing for us: HEP that carries no SIP, records of a ring that make no sense.
    pub ignored: u64,
    /// HEP that was refused, by [`REFUSALS`].
    pub refused: [u64; REFUSALS.len()],
    /// HEP agents, at most a thousand.
    pub agents: Vec<AgentCounts>,
}

/// What came from one HEP agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentCounts {
    /// Where it sends from.
    pub from: IpAddr,
    /// The number it gives itself.
    pub agent: u32,
    /// Messages taken.
    pub messages: u64,
    /// How far its clock is behind ours, by the message that was fastest of late; negative if it is ahead.
    pub skew: Option<Span>,
}

/// The counters themselves.
#[derive(Default)]
pub(in crate::source) struct Tally {
    pub packets: AtomicU64,
    pub bytes: AtomicU64,
    pub drops: AtomicU64,
    pub ignored: AtomicU64,
    refused: [AtomicU64; REFUSALS.len()],
    agents: Mutex<Vec<AgentCounts>>,
}

impl Tally {
    pub fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }

    pub fn refuse(&self, why: Refused) {
        if let Some(counter) = self.refused.get(why as usize) {
            Tally::add(counter, 1);
        }
    }

    pub fn set_agents(&self, agents: Vec<AgentCounts>) {
        *self.agents.lock().unwrap_or_else(PoisonError::into_inner) = agents;
    }

    pub fn read(&self) -> TapCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        TapCounts {
            packets: read(&self.packets),
            bytes: read(&self.bytes),
            drops: read(&self.drops),
            ignored: read(&self.ignored),
            refused: self.refused.each_ref().map(read),
            agents: self.agents.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_its_own_place() {
        let tally = Tally::default();
        for (n, why) in REFUSALS.into_iter().enumerate() {
            assert_eq!(why as usize, n);
            (0..=n).for_each(|_| tally.refuse(why));
        }
        assert_eq!(tally.read().refused, [1, 2, 3, 4, 5]);
    }
}

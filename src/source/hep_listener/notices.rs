//! What is logged of agents: one line a reason in ten seconds, with how many there were since the last.

use std::net::SocketAddr;

use tracing::warn;

use crate::source::live::{AgentCounts, Feed, REFUSALS, Refused};
use crate::time::Span;

/// When each reason was last told.
#[derive(Default)]
pub(super) struct Notices {
    refusals: [Told; REFUSALS.len()],
    skew: Told,
}

#[derive(Default)]
struct Told {
    last: Option<Span>,
    since: u64,
}

impl Notices {
    /// Counts a message that was refused, and tells of it.
    pub fn refuse(&mut self, feed: &Feed, why: Refused, from: SocketAddr) {
        feed.tally.refuse(why);
        let told = self.refusals.get_mut(why as usize);
        let Some(count) = told.and_then(|told| told.count(feed.clock.boottime())) else { return };
        warn!("tap {}: {count} refused of {}: {}", feed.id, from.ip(), reason(why));
    }

    /// Tells of an agent whose clock is off.
    pub fn skew(&mut self, feed: &Feed, agent: &AgentCounts, skew: Span) {
        if self.skew.count(feed.clock.boottime()).is_none() {
            return;
        }
        let (AgentCounts { from, agent, .. }, secs) = (agent, skew.as_secs().unsigned_abs());
        let side = if skew > Span::ZERO { "behind, or it sends late" } else { "ahead" };
        warn!(
            "tap {}: the clock of agent {agent} at {from} is {secs} s {side}; its messages are dated when they come; set its clock by NTP",
            feed.id
        );
    }
}

impl Told {
    /// How many there were, if it is time to tell.
    fn count(&mut self, now: Span) -> Option<u64> {
        self.since += 1;
        if self.last.is_some_and(|last| now < last + QUIET) {
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.since))
    }
}

fn reason(why: Refused) -> &'static str {
    match why {
        Refused::Address => "its address is not in allow",
        Refused::Key => "no key, or a wrong one; compare the agent's with key_file",
        Refused::Malformed => "that is no HEP3; have the agent send version 3",
        Refused::Packed => "a payload that doesn't unfold, or to too much",
        Refused::Connections => "too many connections; use UDP, or one connection an agent",
    }
}

const QUIET: Span = Span::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_told_once_in_ten_seconds_with_its_number() {
        let mut told = Told::default();
        let at = |told: &mut Told, secs| told.count(Span::from_secs(secs));
        assert_eq!(at(&mut told, 5), Some(1));
        assert_eq!((0..1_000).filter_map(|_| at(&mut told, 14)).count(), 0);
        assert_eq!(at(&mut told, 15), Some(1_001));
        assert_eq!(at(&mut told, 16), None);
    }
}

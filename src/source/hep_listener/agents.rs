//! HEP agents by address and number: how many messages each sent, and how far its clock is off.
//!
//! The skew is what the message that was fastest in the last ten seconds took: network and queues only add to
//! it. A message keeps the agent's time if that is at most two seconds before it came; one from the future, or
//! from longer ago, is dated when it came.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::notices::Notices;
use crate::source::live::{AgentCounts, Feed};
use crate::time::{Span, Timestamp};

/// All agents that were let in.
#[derive(Default)]
pub(super) struct Agents {
    known: BTreeMap<(IpAddr, u32), Agent>,
    changed: bool,
}

#[derive(Default)]
struct Agent {
    messages: u64,
    /// The least delay of this span of time and of the one before.
    least: [Option<Span>; 2],
    since: Span,
}

impl Agents {
    /// Notes a message that came at `came`, by the other clock at `now`, and was dated `at` by its agent; says
    /// when it was captured.
    pub fn date(
        &mut self,
        who: (IpAddr, u32),
        at: Option<Timestamp>,
        came: Timestamp,
        now: Span,
    ) -> Timestamp {
        if self.known.len() >= MOST && !self.known.contains_key(&who) {
            return dated(at, came);
        }
        self.changed = true;
        let agent = self.known.entry(who).or_insert_with(|| Agent { since: now, ..Agent::default() });
        agent.messages += 1;
        if let Some(at) = at {
            agent.delayed(came.since(at), now);
        }
        dated(at, came)
    }

    /// Puts the agents where they can be read, and tells of clocks that are off.
    pub fn look(&mut self, feed: &Feed, notices: &mut Notices) {
        if !std::mem::take(&mut self.changed) {
            return;
        }
        let counts: Vec<AgentCounts> = self.counts().collect();
        for agent in &counts {
            if let Some(skew) = agent.skew.filter(|skew| skew.as_micros().abs() > TRUSTED.as_micros()) {
                notices.skew(feed, agent, skew);
            }
        }
        feed.tally.set_agents(counts);
    }

    fn counts(&self) -> impl Iterator<Item = AgentCounts> {
        self.known.iter().map(|(&(from, agent), known)| AgentCounts {
            from,
            agent,
            messages: known.messages,
            skew: known.skew(),
        })
    }
}

impl Agent {
    fn delayed(&mut self, delay: Span, now: Span) {
        if now >= self.since + WINDOW {
            self.least = [None, self.least[0].filter(|_| now < self.since + WINDOW + WINDOW)];
            self.since = now;
        }
        self.least[0] = Some(self.least[0].map_or(delay, |least| least.min(delay)));
    }

    fn skew(&self) -> Option<Span> {
        match self.least {
            [Some(a), Some(b)] => Some(a.min(b)),
            [a, b] => a.or(b),
        }
    }
}

fn dated(at: Option<Timestamp>, came: Timestamp) -> Timestamp {
    at.filter(|at| *at <= came && came.since(*at) <= TRUSTED).unwrap_or(came)
}

/// An agent's time is taken if it is off by no more than this.
const TRUSTED: Span = Span::from_secs(2);

const WINDOW: Span = Span::from_secs(10);

/// As many agents are known.
const MOST: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    const WHO: (IpAddr, u32) = (IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

    fn sec(secs: i64) -> Timestamp {
        Timestamp::from_parts(secs, 0)
    }

    #[test]
    fn an_agents_time_is_taken_unless_it_is_far_off_or_ahead() {
        let mut agents = Agents::default();
        let mut date = |at| agents.date(WHO, at, sec(100), Span::ZERO);
        assert_eq!(date(Some(sec(99))), sec(99));
        assert_eq!(date(Some(sec(98))), sec(98));
        assert_eq!(date(Some(sec(97))), sec(100));
        assert_eq!(date(Some(sec(101))), sec(100));
        assert_eq!(date(Some(sec(4_000_000_000))), sec(100));
        assert_eq!(date(None), sec(100));
    }

    #[test]
    fn the_skew_is_the_least_delay_of_late() {
        let mut agents = Agents::default();
        let mut after = |delay: i64, now: i64| {
            agents.date(WHO, Some(sec(1_000 - delay)), sec(1_000), Span::from_secs(now));
            agents.counts().next().and_then(|agent| agent.skew).map(Span::as_secs)
        };
        assert_eq!((after(30, 0), after(20, 5), after(25, 8)), (Some(30), Some(20), Some(20)));
        assert_eq!((after(50, 12), after(-3, 14)), (Some(20), Some(-3)));
        assert_eq!((after(9, 23), after(9, 60)), (Some(-3), Some(9)));
    }

    #[test]
    fn agents_are_bounded() {
        let mut agents = Agents::default();
        for n in 0..2 * MOST as u32 {
            assert_eq!(agents.date((WHO.0, n), Some(sec(1)), sec(1), Span::ZERO), sec(1));
        }
        assert_eq!(agents.counts().count(), MOST);
    }
}

//! Attempts as calls: what each was sent on as, and which hosts were tried for the same caller.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::attempt::{Attempt, Link, Shape, User};
use crate::time::Span;

/// The attempts of a capture with what ties them together.
pub struct Trees<'a> {
    /// The attempts, in the order they were sent.
    pub all: &'a [Attempt],
    /// What each was sent on as.
    pub children: Vec<Vec<usize>>,
    /// What one host sent to others for one caller, in order: the children of an attempt, or attempts that
    /// nothing was seen before.
    pub rounds: Vec<Round>,
    /// The round of each attempt that is in one.
    pub round_of: BTreeMap<usize, usize>,
}

/// Attempts of one host for one caller.
#[derive(Clone, Debug)]
pub struct Round {
    /// What they were sent on for.
    pub parent: Option<usize>,
    /// In the order they were sent.
    pub members: Vec<usize>,
}

impl<'a> Trees<'a> {
    /// Ties the attempts together.
    pub fn new(all: &'a [Attempt]) -> Trees<'a> {
        let mut children = vec![Vec::new(); all.len()];
        for (n, attempt) in all.iter().enumerate() {
            if let Some(of) = attempt.parent.and_then(|(parent, _)| children.get_mut(parent)) {
                of.push(n);
            }
        }
        let with_parent = children.iter().enumerate().filter(|(_, members)| !members.is_empty());
        let mut rounds: Vec<Round> = with_parent
            .map(|(parent, members)| {
                let members = members.iter().take(MOST_MEMBERS).copied().collect();
                Round { parent: Some(parent), members }
            })
            .collect();
        rounds.extend(loose(all, &children));
        let places = rounds.iter().enumerate();
        let round_of =
            places.flat_map(|(n, round)| round.members.iter().map(move |member| (*member, n))).collect();
        Trees { all, children, rounds, round_of }
    }

    /// The attempts that count and that nothing was seen before.
    pub fn roots(&self) -> impl Iterator<Item = (usize, &'a Attempt)> {
        let counts = |(n, attempt): &(usize, &Attempt)| {
            attempt.parent.is_none() && !attempt.scans && (attempt.was_taken() || self.is_sent_on(*n))
        };
        self.all.iter().enumerate().filter(counts)
    }

    /// Whether it was sent on.
    pub fn is_sent_on(&self, n: usize) -> bool {
        self.children.get(n).is_some_and(|children| !children.is_empty())
    }

    /// The ends of a call: those of its attempts that weren't sent on, the call's own first one left out.
    pub fn leaves(&self, root: usize) -> Vec<usize> {
        let mut leaves = Vec::new();
        let mut open = self.children.get(root).cloned().unwrap_or_default();
        while let Some(n) = open.pop() {
            match self.children.get(n) {
                Some(children) if !children.is_empty() => open.extend(children),
                _ => leaves.push(n),
            }
        }
        leaves
    }

    /// The hosts that send calls on, each with how many attempts it sent on; back where it came from is no way on.
    pub fn middles(&self) -> BTreeMap<IpAddr, BTreeSet<usize>> {
        let mut middles: BTreeMap<IpAddr, BTreeSet<usize>> = BTreeMap::new();
        for attempt in self.all.iter().filter(|attempt| !attempt.scans) {
            let Some((n, link)) = attempt.parent else { continue };
            let Some(parent) = self.all.get(n).filter(|parent| parent.src != attempt.dst) else { continue };
            middles.entry(attempt.src).or_default().insert(n);
            if link == Link::OtherAddress {
                middles.entry(parent.dst).or_default().insert(n);
            }
        }
        middles
    }

    /// Whether others of its round were tried before it and had given up when it was sent.
    pub fn came_after_others(&self, n: usize) -> bool {
        let (Some(attempt), Some(round)) = (self.all.get(n), self.round(n)) else { return false };
        let before = |other: &Attempt| {
            attempt.at.since(other.at) > AT_ONCE
                && other.given_up().is_some_and(|over| over.since(attempt.at) <= CROSSING)
        };
        round.members.iter().filter(|member| **member != n).filter_map(|m| self.all.get(*m)).any(before)
    }

    /// The round an attempt is in.
    pub fn round(&self, n: usize) -> Option<&Round> {
        self.rounds.get(*self.round_of.get(&n)?)
    }
}

impl Round {
    /// Whether several were rung at once.
    pub fn is_at_once(&self, all: &[Attempt]) -> bool {
        let mut times = self.members.iter().filter_map(|n| all.get(*n)).map(|attempt| attempt.at);
        let (first, second) = (times.next(), times.next());
        matches!((first, second), (Some(first), Some(second)) if second.since(first) <= AT_ONCE)
    }

    /// Whether it is a host ringing several others, each by a short number or name of its own.
    pub fn rings_several(&self, all: &[Attempt]) -> bool {
        let members = || self.members.iter().filter_map(|n| all.get(*n));
        let short = members().filter(|attempt| attempt.called.shape() != Shape::Outside);
        let (hosts, users): (BTreeSet<IpAddr>, BTreeSet<&User>) =
            short.map(|attempt| (attempt.dst, &attempt.called)).unzip();
        hosts.len() > 1 && users.len() > 1
    }
}

/// Attempts without a parent that one host sent for one caller, side by side or one after the other.
fn loose(all: &[Attempt], children: &[Vec<usize>]) -> Vec<Round> {
    let mut rounds: Vec<Round> = Vec::new();
    let mut newest: BTreeMap<(IpAddr, &User), usize> = BTreeMap::new();
    for (n, attempt) in all.iter().enumerate() {
        let sent_on = children.get(n).is_some_and(|children| !children.is_empty());
        if attempt.parent.is_some() || attempt.scans || sent_on || attempt.caller.shape() == Shape::Word {
            continue;
        }
        let who = (attempt.src, &attempt.caller);
        let last = newest.get(&who).and_then(|round| rounds.get_mut(*round));
        match last.filter(|round| goes_on(round, attempt, all)) {
            Some(round) if round.members.len() < MOST_MEMBERS => round.members.push(n),
            Some(_) => {}
            None => {
                newest.insert(who, rounds.len());
                rounds.push(Round { parent: None, members: vec![n] });
            }
        }
    }
    rounds.retain(|round| round.members.len() > 1);
    rounds
}

fn goes_on(round: &Round, next: &Attempt, all: &[Attempt]) -> bool {
    let Some(last) = round.members.last().and_then(|n| all.get(*n)) else { return false };
    let over = last.given_up().map(|over| next.at.since(over));
    let in_turn = over.is_some_and(|gap| gap <= HUNT_GAP);
    next.at.since(last.at) <= AT_ONCE || in_turn
}

/// So many attempts of a round are looked at.
const MOST_MEMBERS: usize = 64;

/// What is sent within this time is sent at once.
const AT_ONCE: Span = Span::from_secs(1);

/// A CANCEL may follow what is sent instead.
const CROSSING: Span = Span::from_millis(500);

/// How soon the next phone rings where no caller's leg is seen.
const HUNT_GAP: Span = Span::from_secs(4);

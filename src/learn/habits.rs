//! How the PBX treats calls: how it hunts, when it gives up, how it comes to voicemail, what it tells phones.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::attempt::{Attempt, Shape, User};
use super::roles::{Role, Roles};
use super::tree::Trees;
use crate::limits;
use crate::time::Span;

/// Counts over all calls from the trunk.
#[derive(Clone, Debug, Default)]
pub struct Habits {
    /// Calls that came from the trunk.
    pub inbound: u64,
    /// Calls that went to it.
    pub outbound: u64,
    /// Numbers called from the trunk, each with how often.
    pub lines: BTreeMap<User, u64>,
    /// Calls from the trunk that were answered.
    pub answered: u64,
    /// Of these, with a leg to a phone.
    pub with_phone: u64,
    /// Rounds in which several phones were rung at once.
    pub at_once: u64,
    /// Rounds in which they were rung one after the other.
    pub in_turn: u64,
    /// CANCELs that say "completed elsewhere" and were sent as another one answered.
    pub elsewhere_true: u64,
    /// CANCELs that say so though nobody had answered.
    pub elsewhere_false: u64,
    /// CANCELs sent as another one answered that don't say so.
    pub elsewhere_unsaid: u64,
    /// Ways calls came to voicemail: how often, and after how long.
    pub embedded: Vec<Span>,
    /// By a leg of the PBX's own, with a Call-ID of its own.
    pub own_leg: u64,
    /// By a leg with the caller's Call-ID.
    pub same_leg: u64,
    /// How long others rang before a leg to voicemail.
    pub covered_after: Vec<Span>,
    /// Headers by which legs to voicemail say whom they were for.
    pub diverted_by: BTreeMap<String, u64>,
    /// What passed between two hosts of which nothing tells which is the PBX, with how many calls.
    pub unclear: BTreeMap<(IpAddr, IpAddr), Unclear>,
}

/// Calls between two hosts without roles.
#[derive(Clone, Debug, Default)]
pub struct Unclear {
    /// How many.
    pub calls: u64,
    /// Numbers called, some of them.
    pub called: BTreeSet<User>,
    /// Some callers.
    pub callers: BTreeSet<User>,
}

impl Habits {
    /// Counts.
    pub fn new(trees: &Trees<'_>, roles: &Roles) -> Habits {
        let mut habits = Habits::default();
        for (n, root) in trees.roots() {
            habits.call(trees, roles, n, root);
        }
        for attempt in trees.all.iter().filter(|attempt| !attempt.scans) {
            if roles.of(attempt.src).is_none() || roles.of(attempt.dst).is_none() {
                habits.unclear(attempt);
            }
        }
        for round in &trees.rounds {
            let members: Vec<&Attempt> = round.members.iter().filter_map(|n| trees.all.get(*n)).collect();
            let from_pbx = members.first().is_some_and(|first| roles.of(first.src) == Some(Role::Pbx));
            let phones: BTreeSet<IpAddr> = members.iter().map(|member| member.dst).collect();
            if from_pbx && phones.iter().filter(|addr| roles.of(**addr) == Some(Role::Phone)).count() > 1 {
                *if round.is_at_once(trees.all) { &mut habits.at_once } else { &mut habits.in_turn } += 1;
            }
            if from_pbx {
                let phones = members.iter().filter(|member| roles.of(member.dst) == Some(Role::Phone));
                habits.told(&phones.copied().collect::<Vec<_>>());
            }
            if let Some(parent) = round.parent.and_then(|n| trees.all.get(n)).filter(|_| from_pbx) {
                habits.embedded.extend(embedded(parent, &members));
            }
        }
        for covered in roles.covered.iter().filter(|covered| !covered.weak) {
            habits.covered_after.extend(covered.after);
            if let Some(header) = &covered.header {
                *habits.diverted_by.entry(header.clone()).or_default() += 1;
            }
            let attempt = trees.all.get(covered.n);
            let parent = attempt.and_then(|attempt| trees.all.get(attempt.parent?.0));
            let same = attempt.zip(parent).is_some_and(|(attempt, parent)| attempt.call == parent.call);
            *if same { &mut habits.same_leg } else { &mut habits.own_leg } += 1;
        }
        habits
    }

    fn call(&mut self, trees: &Trees<'_>, roles: &Roles, n: usize, root: &Attempt) {
        let leaves: Vec<&Attempt> = trees.leaves(n).iter().filter_map(|n| trees.all.get(*n)).collect();
        let (from, to) = (roles.of(root.src), roles.of(root.dst));
        match (from, to) {
            (Some(Role::Trunk), Some(Role::Pbx)) => {
                self.inbound += 1;
                if self.lines.len() < limits::LEARNT_LINES || self.lines.contains_key(&root.called) {
                    *self.lines.entry(root.called.clone()).or_default() += 1;
                }
                if root.answered.is_some() {
                    self.answered += 1;
                    let phone = |leaf: &&Attempt| roles.of(leaf.dst) == Some(Role::Phone);
                    self.with_phone += u64::from(leaves.iter().any(phone));
                }
            }
            (Some(Role::Pbx), Some(Role::Trunk)) => self.outbound += 1,
            (Some(Role::Phone), Some(Role::Pbx)) => {
                let out = leaves.iter().any(|leaf| roles.of(leaf.dst) == Some(Role::Trunk));
                self.outbound += u64::from(out);
            }
            _ => {}
        }
    }

    fn unclear(&mut self, root: &Attempt) {
        let pair = (root.src, root.dst);
        if self.unclear.len() >= limits::LEARNT_PAIRS && !self.unclear.contains_key(&pair) {
            return;
        }
        let unclear = self.unclear.entry(pair).or_default();
        unclear.calls += 1;
        for (users, user) in [(&mut unclear.called, &root.called), (&mut unclear.callers, &root.caller)] {
            if users.len() < MOST_SHOWN && user.shape() != Shape::Word {
                users.insert(user.clone());
            }
        }
    }

    /// What the phones of a round were told as they were cancelled.
    fn told(&mut self, members: &[&Attempt]) {
        let answers: Vec<_> = members.iter().filter_map(|member| member.answered).collect();
        for (at, elsewhere) in members.iter().filter_map(|member| member.cancelled) {
            let answered = answers.iter().any(|answer| answer.since(at) <= CROSSING);
            match (answered, elsewhere) {
                (true, true) => self.elsewhere_true += 1,
                (false, true) => self.elsewhere_false += 1,
                (true, false) => self.elsewhere_unsaid += 1,
                (false, false) => {}
            }
        }
    }
}

/// The PBX answers as it gives up its phones: how long they had rung.
fn embedded(parent: &Attempt, members: &[&Attempt]) -> Option<Span> {
    let answered = parent.answered?;
    let first = members.first()?.at;
    let all_over = members.iter().all(|member| {
        member.cancelled.is_some()
            && member.given_up().is_some_and(|over| apart(over.since(answered)) <= GIVING_UP)
    });
    all_over.then(|| answered.since(first))
}

fn between(one: Span, other: Span) -> Span {
    Span::from_micros(one.as_micros().saturating_sub(other.as_micros()))
}

fn apart(span: Span) -> Span {
    Span::from_micros(span.as_micros().saturating_abs())
}

/// The ring time that at least three of these agree on within a second, and how many do.
pub fn agreed(times: &[Span]) -> Option<(Span, usize)> {
    let near = |time: &Span| {
        times.iter().filter(|other: &&Span| apart(between(**other, *time)) <= Span::from_secs(1)).count()
    };
    let best = times.iter().map(|time| (near(time), std::cmp::Reverse(*time))).max()?;
    (best.0 >= 3).then_some((best.1.0, best.0))
}

/// The PBX answers the caller within this of cancelling its phones.
const GIVING_UP: Span = Span::from_millis(700);

/// A CANCEL may cross the answer it is sent for.
const CROSSING: Span = Span::from_millis(500);

/// So many numbers are shown of each.
const MOST_SHOWN: usize = 4;

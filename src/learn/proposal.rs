//! What is proposed: keys of a profile, each with its evidence, and the questions that are left.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::Material;
use super::described::Described;
use super::habits::{self, Habits};
use super::hosts::Hosts;
use super::nets;
use super::questions;
use super::roles::{Role, Roles};
use super::words::{clean, counted, listed};
use crate::phone::Number;
use crate::time::Span;

/// A profile, as far as what was learnt from tells it.
#[derive(Clone, Debug, Default)]
pub struct Proposal {
    /// What was read, in words.
    pub read: String,
    /// The profile it extends, with its evidence.
    pub extends: Option<(String, Vec<String>)>,
    /// The keys, in the order of a profile's file.
    pub keys: Vec<Key>,
    /// What was seen that is no key.
    pub notes: Vec<String>,
    /// What only the site can answer.
    pub questions: Vec<String>,
}

/// One key.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its table and name, `roles.pbx_hosts`.
    pub name: &'static str,
    /// Its value.
    pub value: Value,
    /// The evidence, a line each.
    pub because: Vec<String>,
    /// For `[source]`.
    pub source: String,
}

/// The value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A word.
    Text(String),
    /// Words.
    Texts(Vec<String>),
    /// Whole numbers.
    Wholes(Vec<i64>),
}

/// What a proposal is made of.
pub(super) struct Known<'k> {
    pub roles: &'k Roles,
    pub habits: &'k Habits,
    pub hosts: &'k Hosts,
    pub described: &'k Described,
    pub material: Material,
    pub tls: u64,
    pub beyond: u64,
    pub attempts: usize,
}

/// Makes the proposal.
pub(super) fn propose(known: &Known<'_>) -> Proposal {
    let mut draft = Draft { known, out: Proposal::default() };
    draft.out.read = format!(
        "{}, {}: {} from the trunk, {} to it",
        known.material.words(),
        counted(known.attempts as u64, "INVITE"),
        known.habits.inbound,
        known.habits.outbound
    );
    draft.make();
    draft.hosts_of(Role::Trunk, "roles.trunk_peers");
    draft.hosts_of(Role::Pbx, "roles.pbx_hosts");
    draft.phones();
    draft.hosts_of(Role::Voicemail, "roles.voicemail_hosts");
    draft.pilots();
    draft.lines();
    draft.diversion();
    draft.coverage();
    draft.elsewhere();
    draft.codecs();
    draft.out.notes = questions::notes(known);
    draft.out.questions.extend(questions::questions(known));
    draft.out
}

struct Draft<'d> {
    known: &'d Known<'d>,
    out: Proposal,
}

impl Draft<'_> {
    /// The make that PBX hosts show, if they show one.
    fn make(&mut self) {
        let pbx = self.known.roles.all(Role::Pbx);
        let mut makes: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for addr in pbx {
            let host = self.known.hosts.host(addr);
            if let Some((make, host)) = host.and_then(|host| Some((host.make()?, host))) {
                let agent = host.agent.as_deref().unwrap_or("no User-Agent");
                let count = host.makes.get(make).copied().unwrap_or_default();
                let line = format!("{addr} ({}): shown by {}", clean(agent), counted(count, "message"));
                makes.entry(make).or_default().push(line);
            }
        }
        let mut makes = makes.into_iter();
        match (makes.next(), makes.next()) {
            (Some((make, because)), None) => self.out.extends = Some((make.to_owned(), because)),
            (Some((one, _)), Some((other, _))) => self.out.questions.push(format!(
                "Which make is the PBX? Its hosts look like {one} and {other}; put the right one into `extends`."
            )),
            (None, _) => {}
        }
    }

    fn hosts_of(&mut self, role: Role, name: &'static str) {
        let hosts = self.known.roles.all(role);
        if hosts.is_empty() {
            return;
        }
        let because = hosts.iter().map(|addr| self.signs(*addr, role)).collect();
        let value = Value::Texts(hosts.iter().map(ToString::to_string).collect());
        let source = self.source_of(&hosts, role);
        self.out.keys.push(Key { name, value, because, source });
    }

    fn phones(&mut self) {
        let phones = self.known.roles.all(Role::Phone);
        if phones.is_empty() {
            return;
        }
        let others: BTreeSet<IpAddr> =
            self.known.hosts.iter().map(|(addr, _)| addr).filter(|addr| !phones.contains(addr)).collect();
        let blocks = nets::blocks(&phones, &others);
        let because = blocks.iter().map(|block| match block.hosts.as_slice() {
            [one] => self.signs(*one, Role::Phone),
            many => format!("{}: {} phones, no other host", block.text, many.len()),
        });
        let because = because.collect();
        let value = Value::Texts(blocks.iter().map(|block| block.text.clone()).collect());
        let source = self.source_of(&phones, Role::Phone);
        self.out.keys.push(Key { name: "roles.phone_nets", value, because, source });
    }

    fn pilots(&mut self) {
        let pilots = self.known.roles.pilots();
        if pilots.is_empty() {
            return;
        }
        let strong = self.known.roles.covered.iter().filter(|covered| !covered.weak);
        let mut because: Vec<String> = Vec::new();
        for (pilot, count) in &pilots {
            let first = strong.clone().find(|covered| covered.pilot == *pilot);
            let signs = first.map(|covered| covered.signs.join("; ")).unwrap_or_default();
            because.push(format!("{}: {} reached it: {signs}", clean(pilot.text()), counted(*count, "call")));
        }
        let value = pilots.keys().map(|pilot| regex_lite::escape(pilot.text())).collect();
        let all: u64 = pilots.values().sum();
        let source = self.source(all, all + self.weak_covers(), "calls to voicemail");
        self.out.keys.push(Key {
            name: "roles.voicemail_pilots",
            value: Value::Texts(value),
            because,
            source,
        });
    }

    fn weak_covers(&self) -> u64 {
        let pilots = self.known.roles.pilots();
        let weak = self.known.roles.covered.iter().filter(|covered| covered.weak);
        weak.filter(|covered| !pilots.contains_key(&covered.pilot)).count() as u64
    }

    /// Numbers as E.164 only: others are for the site to complete.
    fn lines(&mut self) {
        let lines = &self.known.habits.lines;
        let numbers = lines.iter().filter(|(user, _)| user.text().starts_with('+'));
        let known: Vec<(String, u64)> =
            numbers.filter_map(|(user, count)| Some((Number::parse(user.text())?.e164(), *count))).collect();
        if known.is_empty() {
            return;
        }
        let because =
            known.iter().map(|(number, count)| format!("{number}: {}", counted(*count, "call"))).collect();
        let calls = known.iter().map(|(_, count)| count).sum();
        let value = Value::Texts(known.into_iter().map(|(number, _)| number).collect());
        let source = self.source(calls, self.known.habits.inbound, "inbound calls");
        self.out.keys.push(Key { name: "numbers.dids", value, because, source });
    }

    fn diversion(&mut self) {
        let by = &self.known.habits.diverted_by;
        let legs = self.known.roles.covered.iter().filter(|covered| !covered.weak).count() as u64;
        let told: u64 = by.values().sum();
        if legs < ENOUGH || told < legs {
            return;
        }
        let mut headers: Vec<(&String, &u64)> = by.iter().collect();
        headers.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), *name));
        let because =
            headers.iter().map(|(name, count)| format!("{name}: on {count} of {legs} legs to voicemail"));
        let because = because.collect();
        let value = Value::Texts(headers.into_iter().map(|(name, _)| name.clone()).collect());
        let source = self.source(told, legs, "legs to voicemail");
        self.out.keys.push(Key { name: "diversion.headers", value, because, source });
    }

    fn coverage(&mut self) {
        let habits = self.known.habits;
        let times: Vec<Span> = habits.covered_after.iter().chain(&habits.embedded).copied().collect();
        if let Some((time, count)) = habits::agreed(&times) {
            let seconds = (time.as_millis().saturating_add(500)) / 1_000;
            if (1..=600).contains(&seconds) {
                let because = vec![format!(
                    "{count} of {} came to voicemail {seconds} s after the first ring, within 1 s",
                    counted(times.len() as u64, "call")
                )];
                let source = self.source(count as u64, times.len() as u64, "calls that came to voicemail");
                let value = Value::Wholes(vec![seconds]);
                self.out.keys.push(Key { name: "coverage.ring_seconds", value, because, source });
            }
        }
        let embedded = habits.embedded.len() as u64;
        let (word, count, why) = if embedded > 0 {
            (
                "embedded",
                embedded,
                "the PBX answered the caller as it gave up its phones, and sent no leg to voicemail",
            )
        } else {
            ("b2bua", habits.own_leg, "voicemail was reached by a leg of the PBX's own")
        };
        let all = embedded + habits.own_leg + habits.same_leg;
        if count >= ENOUGH && count == all {
            let because = vec![format!("{}: {why}", counted(count, "call"))];
            let source = self.source(count, all, "calls that came to voicemail");
            self.out.keys.push(Key {
                name: "coverage.style",
                value: Value::Text(word.to_owned()),
                because,
                source,
            });
        } else if all > 0 {
            self.out.questions.push(format!(
                "How do calls come to voicemail? Of {}, the PBX answered {embedded} itself, {} went by a leg of its own \
                 and {} by the caller's; if one is the rule, say so in coverage.style.",
                counted(all, "call"), habits.own_leg, habits.same_leg
            ));
        }
    }

    fn elsewhere(&mut self) {
        let habits = self.known.habits;
        let (right, wrong) = (habits.elsewhere_true, habits.elsewhere_false);
        let (word, count, why) = match (right, wrong) {
            (_, 1..) => ("ignore", wrong, "though nobody had answered"),
            (ENOUGH.., 0) => ("hint", right, "as another phone answered"),
            _ => return,
        };
        let because = vec![format!(
            "{} with \"completed elsewhere\" {why}, of {}",
            counted(count, "CANCEL"),
            right + wrong
        )];
        let source = self.source(count, right + wrong, "CANCELs that say so");
        self.out.keys.push(Key {
            name: "coverage.elsewhere",
            value: Value::Text(word.to_owned()),
            because,
            source,
        });
    }

    fn codecs(&mut self) {
        let described = self.known.described;
        if described.codecs.is_empty() {
            return;
        }
        let mut codecs: Vec<(&String, &u64)> = described.codecs.iter().collect();
        codecs.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), *name));
        let because =
            codecs.iter().map(|(name, count)| format!("{name}: {}", counted(**count, "answer"))).collect();
        let count = described.codecs.values().sum();
        let value = Value::Texts(codecs.into_iter().map(|(name, _)| name.clone()).collect());
        let source = self.source(count, described.answers, "answers with audio");
        self.out.keys.push(Key { name: "media.codecs", value, because, source });
    }

    /// The signs of a host, in words.
    fn signs(&self, addr: IpAddr, role: Role) -> String {
        let signs = self.known.roles.signs.get(&addr).and_then(|signs| signs.get(&role));
        let words = signs.map(listed).unwrap_or_default();
        let against = self.known.roles.against(addr, role);
        let but = if against > 0 && role != Role::Pbx {
            format!("; {against} signs of something else")
        } else {
            String::new()
        };
        let agent = self.known.hosts.host(addr).and_then(|host| host.agent.as_deref());
        let named = agent.map(|agent| format!(" ({})", clean(agent))).unwrap_or_default();
        format!("{addr}{named}: {words}{but}")
    }

    fn source_of(&self, hosts: &BTreeSet<IpAddr>, role: Role) -> String {
        let right: u64 = hosts.iter().map(|addr| self.known.roles.count(*addr, role)).sum();
        let against =
            |addr: &IpAddr| if role == Role::Pbx { 0 } else { self.known.roles.against(*addr, role) };
        let wrong: u64 = hosts.iter().map(against).sum();
        self.source(right, right + wrong, "signs")
    }

    fn source(&self, right: u64, of: u64, what: &str) -> String {
        format!("learn: {right} of {of} {what} in {}", self.known.material.words())
    }
}

/// A habit is one that was seen so often.
const ENOUGH: u64 = 2;

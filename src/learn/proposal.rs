//! What is proposed: keys of a profile, each with its evidence, and the questions that are left.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::attempt::Shape;
use super::described::Described;
use super::habits::{self, Habits};
use super::hosts::Hosts;
use super::nets;
use super::roles::{Role, Roles, Sign};
use crate::phone::Number;
use crate::time::Span;

/// A profile, as far as captures tell it.
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
    pub captures: usize,
    pub tls: u64,
    pub beyond: u64,
    pub attempts: usize,
}

/// Makes the proposal.
pub(super) fn propose(known: &Known<'_>) -> Proposal {
    let mut draft = Draft { known, out: Proposal::default() };
    draft.out.read = format!(
        "{}, {}: {} from the trunk, {} to it",
        counted(known.captures as u64, "capture"),
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
    draft.notes();
    draft.questions();
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
        let words: Vec<String> =
            signs.into_iter().flatten().map(|(sign, count)| sign.words(*count)).collect();
        let against = self.known.roles.against(addr, role);
        let but = if against > 0 && role != Role::Pbx {
            format!("; {against} signs of something else")
        } else {
            String::new()
        };
        let agent = self.known.hosts.host(addr).and_then(|host| host.agent.as_deref());
        let named = agent.map(|agent| format!(" ({})", clean(agent))).unwrap_or_default();
        format!("{addr}{named}: {}{but}", words.join(", "))
    }

    fn source_of(&self, hosts: &BTreeSet<IpAddr>, role: Role) -> String {
        let right: u64 = hosts.iter().map(|addr| self.known.roles.count(*addr, role)).sum();
        let against =
            |addr: &IpAddr| if role == Role::Pbx { 0 } else { self.known.roles.against(*addr, role) };
        let wrong: u64 = hosts.iter().map(against).sum();
        self.source(right, right + wrong, "signs")
    }

    fn source(&self, right: u64, of: u64, what: &str) -> String {
        format!("learn: {right} of {of} {what} in {}", counted(self.known.captures as u64, "capture"))
    }

    fn notes(&mut self) {
        let (habits, known) = (self.known.habits, self.known);
        let mut note = |text: String| self.out.notes.push(text);
        if habits.answered > 0 {
            let share = habits.with_phone.saturating_mul(100) / habits.answered;
            note(format!(
                "Phones are seen in {} of {} answered calls from the trunk ({share} %).",
                habits.with_phone, habits.answered
            ));
        }
        if habits.at_once + habits.in_turn > 0 {
            note(format!(
                "Hunting: phones rang all at once in {}, one after the other in {}.",
                counted(habits.at_once, "call"),
                counted(habits.in_turn, "call")
            ));
        }
        if habits.elsewhere_unsaid > 0 {
            let count = counted(habits.elsewhere_unsaid, "time");
            note(format!("A phone was cancelled {count} as another one answered and wasn't told so."));
        }
        if known.tls > 0 {
            note(format!(
                "Encrypted signalling: {} of TLS, which can't be read.",
                counted(known.tls, "stream")
            ));
        }
        if known.described.encrypted > 0 {
            note(format!(
                "Encrypted media: {} of {} (SAVP), which can't be heard.",
                known.described.encrypted,
                counted(known.described.answers, "answer")
            ));
        }
        if known.beyond > 0 {
            note(format!(
                "{} came after there was no more room and weren't looked at.",
                counted(known.beyond, "INVITE")
            ));
        }
    }
}

impl Sign {
    fn words(self, count: u64) -> String {
        let calls = counted(count, "call");
        match self {
            Sign::SentOn => format!("sent {calls} on"),
            Sign::RangSeveral => format!("rang several hosts for one caller in {calls}"),
            Sign::Registrar => "several hosts register with it".to_owned(),
            Sign::OtherAddress => "seen in the place of another address".to_owned(),
            Sign::GotFromTrunk => format!("got {calls} from the trunk"),
            Sign::SaysSo => format!("by what the two ends of {calls} say of themselves"),
            Sign::FromOutside => format!("{calls} of outside numbers came from it"),
            Sign::ToOutside => format!("{calls} to outside numbers went to it"),
            Sign::Registered => "the PBX registers with it".to_owned(),
            Sign::Rung => format!("rung in {calls}"),
            Sign::CalledAsExtension => format!("made {calls} as an extension"),
            Sign::Registers => "registers with the PBX".to_owned(),
            Sign::Covered => format!("answered {calls} on behalf of others"),
        }
    }
}

impl Draft<'_> {
    fn questions(&mut self) {
        let mut questions = Vec::new();
        self.ask_about_hosts(&mut questions);
        self.ask_about_voicemail(&mut questions);
        let habits = self.known.habits;
        if self.known.roles.all(Role::Phone).is_empty() {
            questions.push(
                "No phone is seen. Where are they (roles.phone_nets), or do they not speak SIP?".to_owned(),
            );
        } else if habits.answered >= 10 && habits.with_phone.saturating_mul(10) < habits.answered {
            questions.push(
                "Phones are seen in few answered calls. Do the others not speak SIP, or pass by this tap?"
                    .to_owned(),
            );
        }
        for (user, count) in habits.lines.iter().take(MOST_ASKED) {
            let number = clean(user.text());
            let what = if user.shape() == Shape::Word { "No number" } else { "Whose line is" };
            let calls = counted(*count, "call");
            match what {
                "No number" => {
                    questions.push(format!("What is {number:?} ({calls} from the trunk)? It is no number."))
                }
                _ => questions.push(format!("{what} {number} ({calls})? Give it a [[line]] with its owner.")),
            }
        }
        if habits.lines.len() > MOST_ASKED {
            questions.push(format!("And whose are {} more numbers?", habits.lines.len() - MOST_ASKED));
        }
        if self.known.tls > 0 {
            questions.push(
                "Can the PBX or its SBC send HEP? What is in TLS can't be learnt from a tap.".to_owned(),
            );
        }
        self.out.questions.append(&mut questions);
    }

    fn ask_about_hosts(&self, questions: &mut Vec<String>) {
        let known = self.known;
        for ((src, dst), calls) in known.habits.unclear.iter().take(MOST_ASKED) {
            let shown = |users: &BTreeSet<super::attempt::User>| {
                users.iter().map(|user| clean(user.text())).collect::<Vec<_>>().join(", ")
            };
            let what = format!(
                "{} {src} -> {dst} (from {}; to {})",
                counted(calls.calls, "call"),
                shown(&calls.callers),
                shown(&calls.called)
            );
            let question = match (known.roles.of(*src), known.roles.of(*dst)) {
                (None, None) => format!(
                    "Which of {src} and {dst} is the PBX, and what is the other? Nothing tells: {what}."
                ),
                (None, Some(_)) => format!("What is {src}? {what}."),
                _ => format!("What is {dst}? {what}."),
            };
            questions.push(question);
        }
        for (addr, signs) in &known.roles.signs {
            if known.roles.of(*addr).is_none() {
                let said: Vec<String> = signs
                    .iter()
                    .map(|(role, signs)| {
                        let words: Vec<String> =
                            signs.iter().map(|(sign, count)| sign.words(*count)).collect();
                        format!("{}: {}", role.word(), words.join(", "))
                    })
                    .collect();
                questions
                    .push(format!("What is {addr}? Its signs contradict each other: {}.", said.join("; ")));
            }
        }
    }

    fn ask_about_voicemail(&self, questions: &mut Vec<String>) {
        let roles = self.known.roles;
        let pilots = roles.pilots();
        let mut asked: BTreeMap<(String, IpAddr), u64> = BTreeMap::new();
        for covered in
            roles.covered.iter().filter(|covered| covered.weak && !pilots.contains_key(&covered.pilot))
        {
            *asked.entry((clean(covered.pilot.text()), covered.host)).or_default() += 1;
        }
        for ((pilot, host), count) in asked.iter().take(MOST_ASKED) {
            questions.push(format!(
                "Is {pilot} at {host} voicemail? It answered {} that others had let ring.",
                counted(*count, "call")
            ));
        }
        if pilots.is_empty() && asked.is_empty() {
            questions.push(
                "No call to a voicemail pilot was seen. Is there one (roles.voicemail_pilots), or is voicemail in the PBX?"
                    .to_owned(),
            );
        }
    }
}

impl Role {
    fn word(self) -> &'static str {
        match self {
            Role::Pbx => "PBX",
            Role::Trunk => "trunk",
            Role::Phone => "phone",
            Role::Voicemail => "voicemail",
        }
    }
}

/// `1 call`, `3 calls`.
fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Text from outside as it may stand in a comment: no control characters, nothing that steers the direction of text.
fn clean(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}

/// A habit is one that was seen so often.
const ENOUGH: u64 = 2;

/// So many questions of a kind.
const MOST_ASKED: usize = 20;

//! What a proposal says beside its keys: what was seen that is no key, and what only the site can answer.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::Material;
use super::attempt::{Shape, User};
use super::habits::Unclear;
use super::proposal::Known;
use super::roles::{Role, Signs};
use super::words::{clean, counted};

/// What was seen that is no key.
pub(super) fn notes(known: &Known<'_>) -> Vec<String> {
    let (habits, described) = (known.habits, known.described);
    let mut notes = Vec::new();
    if let Some(share) = habits.with_phone.saturating_mul(100).checked_div(habits.answered) {
        let (seen, all) = (habits.with_phone, habits.answered);
        notes.push(format!("Phones are seen in {seen} of {all} answered calls from the trunk ({share} %)."));
    }
    if habits.at_once + habits.in_turn > 0 {
        let (at_once, in_turn) = (counted(habits.at_once, "call"), counted(habits.in_turn, "call"));
        notes.push(format!(
            "Hunting: phones rang all at once in {at_once}, one after the other in {in_turn}."
        ));
    }
    if habits.elsewhere_unsaid > 0 {
        let count = counted(habits.elsewhere_unsaid, "time");
        notes.push(format!("A phone was cancelled {count} as another one answered and wasn't told so."));
    }
    if known.tls > 0 {
        let streams = counted(known.tls, "stream");
        notes.push(format!("Encrypted signalling: {streams} of TLS, which can't be read."));
    }
    if described.encrypted > 0 {
        let answers = counted(described.answers, "answer");
        notes.push(format!(
            "Encrypted media: {} of {answers} (SAVP), which can't be heard.",
            described.encrypted
        ));
    }
    if known.beyond > 0 {
        let left = counted(known.beyond, "INVITE");
        notes.push(format!("There was no more room for {left}: learn from less at once."));
    }
    if let Material::Taps { lost: lost @ 1.., .. } = known.material {
        notes.push(format!("Lost: {}, before they could be read.", counted(lost, "packet")));
    }
    notes
}

/// What only the site can answer.
pub(super) fn questions(known: &Known<'_>) -> Vec<String> {
    let mut questions = about_hosts(known);
    questions.extend(about_voicemail(known));
    questions.extend(about_phones(known).map(str::to_owned));
    questions.extend(about_lines(known));
    if known.tls > 0 {
        questions
            .push("Can the PBX or its SBC send HEP? What is in TLS can't be learnt from a tap.".to_owned());
    }
    questions
}

fn about_hosts(known: &Known<'_>) -> Vec<String> {
    let pairs = known.habits.unclear.iter();
    let mut asked: Vec<String> =
        pairs.take(MOST_ASKED).map(|((src, dst), calls)| about_pair(known, *src, *dst, calls)).collect();
    let unsettled = known.roles.signs.iter().filter(|(addr, _)| known.roles.of(**addr).is_none());
    asked.extend(unsettled.take(MOST_ASKED).map(|(addr, signs)| about_signs(*addr, signs)));
    asked.extend(about_silent(known));
    asked
}

fn about_pair(known: &Known<'_>, src: IpAddr, dst: IpAddr, unclear: &Unclear) -> String {
    let shown = |users: &BTreeSet<User>| {
        let users: Vec<String> = users.iter().map(|user| clean(user.text())).collect();
        if users.is_empty() { "nobody in particular".to_owned() } else { users.join(", ") }
    };
    let calls = counted(unclear.calls, "call");
    let what =
        format!("{calls} {src} -> {dst} (from {}; to {})", shown(&unclear.callers), shown(&unclear.called));
    match (known.roles.of(src), known.roles.of(dst)) {
        (None, None) => {
            format!("Which of {src} and {dst} is the PBX, and what is the other? Nothing tells: {what}.")
        }
        (None, Some(_)) => format!("What is {src}? {what}."),
        _ => format!("What is {dst}? {what}."),
    }
}

fn about_signs(addr: IpAddr, signs: &Signs) -> String {
    let said: Vec<String> = signs.iter().map(|(role, signs)| role.told(signs)).collect();
    let why = if signs.len() > 1 { "Its signs contradict each other" } else { "Too little is seen of it" };
    format!("What is {addr}? {why}: {}.", said.join("; "))
}

/// Hosts that make no call but answer the PBX, or are answered by it, when asked whether they live.
fn about_silent(known: &Known<'_>) -> Vec<String> {
    let pbx = known.roles.all(Role::Pbx);
    let mut silent = BTreeSet::new();
    for (addr, host) in known.hosts.iter() {
        if pbx.contains(&addr) {
            silent.extend(host.pinged_by.iter().copied());
        } else if host.pinged_by.iter().any(|by| pbx.contains(by)) {
            silent.insert(addr);
        }
    }
    let strange = |addr: &IpAddr| known.roles.of(*addr).is_none() && !known.roles.signs.contains_key(addr);
    let silent = silent.into_iter().filter(strange).take(MOST_ASKED);
    silent.map(|addr| format!("What is {addr}? It and the PBX exchange OPTIONS, and no call.")).collect()
}

fn about_voicemail(known: &Known<'_>) -> Vec<String> {
    let pilots = known.roles.pilots();
    let weak =
        known.roles.covered.iter().filter(|covered| covered.weak && !pilots.contains_key(&covered.pilot));
    let mut asked: BTreeMap<(String, IpAddr), u64> = BTreeMap::new();
    for covered in weak {
        *asked.entry((clean(covered.pilot.text()), covered.host)).or_default() += 1;
    }
    if pilots.is_empty() && asked.is_empty() {
        let none = "No call to a voicemail pilot was seen. Is there one (roles.voicemail_pilots), or is voicemail in \
                    the PBX?";
        return vec![none.to_owned()];
    }
    let asked = asked.into_iter().take(MOST_ASKED);
    let each = asked.map(|((pilot, host), count)| {
        let calls = counted(count, "call");
        format!("Is {pilot} at {host} voicemail? It answered {calls} that others had let ring.")
    });
    each.collect()
}

fn about_phones(known: &Known<'_>) -> Option<&'static str> {
    let habits = known.habits;
    if known.roles.all(Role::Phone).is_empty() {
        return Some("No phone is seen. Where are they (roles.phone_nets), or do they not speak SIP?");
    }
    let few = habits.answered >= 10 && habits.with_phone.saturating_mul(10) < habits.answered;
    few.then_some("Phones are seen in few answered calls. Do the others not speak SIP, or pass by this tap?")
}

fn about_lines(known: &Known<'_>) -> Vec<String> {
    let lines = &known.habits.lines;
    let each = lines.iter().take(MOST_ASKED).map(|(user, count)| {
        let (number, calls) = (clean(user.text()), counted(*count, "call"));
        match user.shape() {
            Shape::Word => format!("What is {number:?}, called from the trunk ({calls})? It is no number."),
            _ => format!("Whose line is {number} ({calls})? Give it a [[line]] with its owner."),
        }
    });
    let more = lines.len().saturating_sub(MOST_ASKED);
    let rest = (more > 0).then(|| format!("And whose are {} more?", counted(more as u64, "number")));
    each.chain(rest).collect()
}

/// So many questions of a kind.
const MOST_ASKED: usize = 20;

//! Which mailbox a leg to voicemail is for, and why it was sent there, as the PBX's make tells it.
//!
//! The diverters come first, the one that the make's `diversion.mailbox` means; where none is told, the places of its
//! `answer.mailbox_from`. A call sent on because somebody was busy finds that out of a Diversion's reason (RFC 5806 4.2)
//! or a cause (RFC 4458 2, RFC 7044 10.2), by the make's words for it.

use std::collections::BTreeMap;

use crate::call::diverted::{chain, reason_cause, voicemail_target};
use crate::call::identity::{Comparable, comparable, present};
use crate::call::invite::Invite;
use crate::call::make::{Diversion, Make};
use crate::settings::{self, DivertedFor, End, MailboxFrom, Profile};
use crate::wire::sip::{HeaderName, NameAddr, Uri, unescape};

/// How a make tells of mailboxes and of reasons.
#[derive(Clone, Debug)]
pub struct Mailbox {
    diverter: End,
    places: Vec<MailboxFrom>,
}

/// What a make's words and causes for a diversion mean.
#[derive(Clone, Debug)]
pub struct Meanings {
    reasons: BTreeMap<Box<[u8]>, DivertedFor>,
    causes: BTreeMap<u16, DivertedFor>,
}

impl Mailbox {
    /// What a profile says.
    pub fn new(profile: &Profile) -> Mailbox {
        Mailbox { diverter: profile.diversion.mailbox, places: profile.mailbox_from.clone() }
    }
}

impl Meanings {
    /// What a profile says.
    pub fn new(told: &settings::Diversion) -> Meanings {
        let reasons = told.reasons.iter().map(|(word, meant)| (word.as_bytes().into(), *meant));
        Meanings { reasons: reasons.collect(), causes: told.causes.clone() }
    }

    fn reason(&self, word: &[u8]) -> DivertedFor {
        let word = word.trim_ascii().to_ascii_lowercase();
        self.reasons.get(word.as_slice()).copied().unwrap_or(DivertedFor::Other)
    }

    fn cause(&self, cause: u16) -> DivertedFor {
        self.causes.get(&cause).copied().unwrap_or(DivertedFor::Other)
    }
}

/// The mailbox that a leg to voicemail is for, as legs and notices are compared by it.
pub fn mailbox(invite: &Invite<'_>, make: &Make) -> Option<Comparable> {
    let diverters = |told: &Diversion| -> Option<Vec<NameAddr<'_>>> { chain(invite, false, told) };
    let picked = diverters(&make.diversion).and_then(|chain| match make.mailbox.diverter {
        End::First => chain.first().and_then(user),
        End::Last => chain.last().and_then(user),
    });
    picked.or_else(|| make.mailbox.places.iter().find_map(|place| at(invite, make, *place)))
}

fn user(id: &NameAddr<'_>) -> Option<Comparable> {
    comparable(id.uri().user())
}

fn at(invite: &Invite<'_>, make: &Make, place: MailboxFrom) -> Option<Comparable> {
    let only = |header| {
        let told = Diversion { headers: vec![header], ..make.diversion.clone() };
        chain(invite, false, &told)
    };
    match place {
        MailboxFrom::DiversionFirst => only(HeaderName::Diversion)?.first().and_then(user),
        MailboxFrom::DiversionLast => only(HeaderName::Diversion)?.last().and_then(user),
        MailboxFrom::HistoryFirst => only(HeaderName::HistoryInfo)?.first().and_then(user),
        MailboxFrom::RuriTarget => {
            let target = invite.target.as_ref().and_then(voicemail_target).map(unescape)?;
            comparable(Uri::parse(&target).user())
        }
        MailboxFrom::ToUser => comparable(invite.to?.uri.user()),
    }
}

/// Why the last diverter sent a call on, where something says so.
pub fn reason(invite: &Invite<'_>, told: &Diversion) -> Option<DivertedFor> {
    let target = invite.target.filter(|uri| voicemail_target(uri).is_some());
    if let Some(cause) = target.and_then(|uri| cause(&uri)) {
        return Some(told.meanings.cause(cause));
    }
    present(invite.message, &told.headers).find_map(|header| {
        let mut values = invite.message.values(header).map(NameAddr::parse);
        match header {
            HeaderName::HistoryInfo => {
                let entries: Vec<_> = values.take(MOST_ENTRIES).collect();
                let of = |entry: &NameAddr<'_>| cause(&entry.uri()).or_else(|| reason_cause(&entry.uri()));
                entries.iter().rev().find_map(of).map(|cause| told.meanings.cause(cause))
            }
            _ => Some(told.meanings.reason(values.next()?.param(b"reason")?)),
        }
    })
}

/// The cause of RFC 4458; 380 is a number translation (RFC 8119).
fn cause(uri: &Uri<'_>) -> Option<u16> {
    let cause = std::str::from_utf8(uri.param(b"cause")?).ok()?;
    cause.parse().ok().filter(|cause| *cause != 380)
}

const MOST_ENTRIES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::sip::Message;

    fn with<T>(target: &str, lines: &str, ask: impl FnOnce(&Invite<'_>) -> T) -> T {
        let text = format!(
            "INVITE {target} SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: <sip:1@h>;tag=a\r\n\
             To: <sip:203@h>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n{lines}\r\n\r\n"
        );
        ask(&Invite::of(&Message::parse(text.as_bytes()).expect("a message")))
    }

    fn named(lines: &str, change: impl FnOnce(&mut Profile)) -> Option<String> {
        let mut profile = Profile::default();
        change(&mut profile);
        let make = Make::new(&profile);
        let found = with("sip:6000@h", lines, |invite| mailbox(invite, &make));
        found.map(|user| String::from_utf8_lossy(&user).into_owned())
    }

    #[test]
    fn the_make_says_whose_mailbox_it_is() {
        let two = "Diversion: <sip:202@h>;reason=user-busy, <sip:201@h>;reason=no-answer";
        assert_eq!(named(two, |_| {}).as_deref(), Some("201"));
        assert_eq!(named(two, |profile| profile.diversion.mailbox = End::Last).as_deref(), Some("202"));
        assert_eq!(named("X-A: b", |_| {}).as_deref(), Some("203"), "To");
        assert_eq!(named("X-A: b", |profile| profile.mailbox_from = Vec::new()), None);
        let last = |profile: &mut Profile| {
            profile.diversion.headers = Vec::new();
            profile.mailbox_from = vec![MailboxFrom::DiversionLast];
        };
        assert_eq!(named(two, last).as_deref(), Some("202"));
    }

    #[test]
    fn why_it_came_there_is_told_by_words_and_causes_of_the_make() {
        let make = Make::new(&Profile::default());
        let why = |target: &str, lines: &str| with(target, lines, |invite| reason(invite, &make.diversion));
        let plain = "sip:6000@h";
        assert_eq!(
            why(plain, "Diversion: <sip:202@h>;reason=User-Busy, <sip:201@h>"),
            Some(DivertedFor::Busy)
        );
        assert_eq!(why(plain, "Diversion: <sip:202@h>;reason=lunch"), Some(DivertedFor::Other));
        assert_eq!(why(plain, "X-A: b"), None);
        let history = "History-Info: <sip:201@h>;index=1, <sip:6000@h;cause=486>;index=1.1";
        assert_eq!(why(plain, history), Some(DivertedFor::Busy));
        let escaped = "History-Info: <sip:201@h?Reason=SIP%3Bcause%3D408>;index=1, <sip:6000@h>;index=1.1";
        assert_eq!(why(plain, escaped), Some(DivertedFor::NoAnswer));
        assert_eq!(why("sip:6000@h;target=sip:201@h;cause=486", "X-A: b"), Some(DivertedFor::Busy));
    }
}

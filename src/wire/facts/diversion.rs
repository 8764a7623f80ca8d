//! Who was called before, by Diversion (RFC 5806) and History-Info (RFC 7044), and the mailbox that follows.

use super::party::named;
use super::{Diverted, Reader, text, values};
use crate::limits;
use crate::settings::{DivertedFor, End, MailboxFrom};
use crate::wire::sip::{HeaderName, Message, NameAddr, Reason, Uri, unescape};

/// Who was called before, by the first header that tells of anybody.
pub fn diverted(message: &Message<'_>, reader: &Reader<'_>) -> Option<Diverted> {
    let told = &reader.profile.diversion;
    told.headers.iter().find_map(|header| {
        let mut chain = match header.as_str() {
            "History-Info" => history(message, reader),
            _ => diversions(message, reader, header),
        };
        chain.retain(|(user, _)| !told.ignore_if_equals_did || !is_called(message, user));
        let (first, last) = (chain.first()?, chain.last()?);
        let pick = |end| if end == End::First { first.0.clone() } else { last.0.clone() };
        let why = last.1.map(shown_reason);
        Some(Diverted { original: pick(told.original), mailbox: pick(told.mailbox), why, by: header.clone() })
    })
}

/// Who diverted and why, in the order of time.
type Chain = Vec<(String, Option<DivertedFor>)>;

fn diversions(message: &Message<'_>, reader: &Reader<'_>, header: &str) -> Chain {
    let reasons = &reader.profile.diversion.reasons;
    let one = |value| {
        let id = NameAddr::parse(value);
        let reason = id.param(b"reason").map(|word| text(word.trim_ascii()).to_ascii_lowercase());
        let why = reason.map(|word| reasons.get(&word).copied().unwrap_or(DivertedFor::Other));
        named(&id.uri(), header).map(|found| (found.user, why))
    };
    let mut chain: Chain = values(message, header).filter_map(one).take(limits::PATTERN_VALUES).collect();
    chain.reverse();
    chain
}

/// An entry diverts that has a Reason, or whose next has a cause, or, if that is enough, another user.
fn history(message: &Message<'_>, reader: &Reader<'_>) -> Chain {
    let told = &reader.profile.diversion;
    let entries: Vec<_> =
        message.values(HeaderName::HistoryInfo).map(NameAddr::parse).take(limits::PATTERN_VALUES).collect();
    let user = |id: &NameAddr<'_>| named(&id.uri(), "History-Info").map(|found| found.user);
    let mut chain = Chain::new();
    for (n, entry) in entries.iter().enumerate() {
        let next = entries.get(n + 1);
        let cause = reason_cause(&entry.uri()).or_else(|| next.and_then(|next| uri_cause(&next.uri())));
        let moved = !told.require_cause && next.is_some_and(|next| user(next) != user(entry));
        if (cause.is_some() || moved)
            && let Some(user) = user(entry)
        {
            let why = cause.map(|cause| told.causes.get(&cause).copied().unwrap_or(DivertedFor::Other));
            chain.push((user, why));
        }
    }
    chain
}

/// Whether an INVITE goes to the voicemail that the History-Info of a call names, in one of these parameters of the
/// Reason why an entry was left. It may be written with a country's code there, and without one here.
pub fn is_for_pilot(message: &Message<'_>, params: &[String]) -> bool {
    if params.is_empty() || !message.has(HeaderName::HistoryInfo) {
        return false;
    }
    let Some(target) = message.request_uri().map(|uri| uri.user()).filter(|user| !user.is_empty()) else {
        return false;
    };
    let named = |reason: &[u8]| {
        let reason = unescape(reason);
        let reason = Reason::parse(&reason);
        let mut pilots = params.iter().filter_map(|name| reason.param(name.as_bytes()));
        pilots.any(|pilot| is_same(Uri::parse(pilot).user(), target))
    };
    let entries = message.values(HeaderName::HistoryInfo).map(NameAddr::parse).take(limits::DIVERSIONS);
    let is_reason = |name: &[u8]| name.eq_ignore_ascii_case(b"Reason");
    entries
        .map(|entry| entry.uri())
        .any(|uri| uri.headers().any(|(name, reason)| is_reason(name) && named(reason)))
}

/// Whether two user parts are equal, or numbers of seven digits or more of which one ends with the other.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let plain =
        |user: &'_ [u8]| -> Vec<u8> { unescape(user.strip_prefix(b"+").unwrap_or(user)).into_owned() };
    let (one, other) = (plain(one), plain(other));
    let long = |user: &[u8]| user.len() >= 7 && user.iter().all(u8::is_ascii_digit);
    let ends = one.ends_with(&other) || other.ends_with(&one);
    !one.is_empty() && (one == other || (long(&one) && long(&other) && ends))
}

/// The cause of the Reason that a History-Info URI carries, escaped (RFC 7044 10.2).
fn reason_cause(uri: &Uri<'_>) -> Option<u16> {
    let reason = uri.header(b"Reason")?;
    Reason::parse(&unescape(reason)).cause
}

/// The cause of RFC 4458; 380 is a number translation (RFC 8119).
fn uri_cause(uri: &Uri<'_>) -> Option<u16> {
    text(uri.param(b"cause")?).parse().ok().filter(|cause| *cause != 380)
}

/// The mailbox that a call to our endpoint is for.
pub(super) fn mailbox(message: &Message<'_>, reader: &Reader<'_>, from: MailboxFrom) -> Option<String> {
    let diversions = || diversions(message, reader, "Diversion").into_iter().map(|(user, _)| user);
    match from {
        MailboxFrom::DiversionFirst => diversions().next(),
        MailboxFrom::DiversionLast => diversions().next_back(),
        MailboxFrom::HistoryFirst => history(message, reader).into_iter().next().map(|(user, _)| user),
        MailboxFrom::RuriTarget => {
            let uri = message.request_uri()?;
            let target = unescape(uri.param(b"target")?);
            named(&Uri::parse(&target), "target").map(|found| found.user)
        }
        MailboxFrom::ToUser => named(&message.to()?.uri(), "To").map(|found| found.user),
    }
}

/// Whether a user part is the one a request is for, by Request-URI or To; a `+` makes no difference. A 3xx is
/// diverted by the party of its To.
fn is_called(message: &Message<'_>, user: &str) -> bool {
    if message.status().is_some() {
        return false;
    }
    let same = |uri: Uri<'_>| {
        named(&uri, "")
            .is_some_and(|found| found.user.trim_start_matches('+') == user.trim_start_matches('+'))
    };
    message.request_uri().is_some_and(same) || message.to().is_some_and(|to| same(to.uri()))
}

fn shown_reason(why: DivertedFor) -> &'static str {
    match why {
        DivertedFor::NoAnswer => "no_answer",
        DivertedFor::Busy => "busy",
        DivertedFor::All => "all",
        DivertedFor::Unavailable => "unavailable",
        DivertedFor::Other => "other",
    }
}

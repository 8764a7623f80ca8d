//! What a message shows of its make's habits: ringing, coverage, waiting messages, codecs, keypad digits.

use super::text;
use crate::settings::{Dtmf, EarlyMedia, Profile, Style};
use crate::wire::sdp::{Media, Sdp};
use crate::wire::sip::{Message, Method, Reason, reasons};
use crate::wire::waiting::Waiting;

pub(super) fn says_elsewhere(message: &Message<'_>) -> bool {
    let says = |reason: Reason<'_>| match reason.cause {
        Some(200) => reason.protocol.eq_ignore_ascii_case(b"SIP"),
        Some(26) => reason.protocol.eq_ignore_ascii_case(b"Q.850"),
        _ => false,
    };
    message.method() == Method::Cancel && reasons(message).any(says)
}

pub(super) fn may_cover(message: &Message<'_>, style: Style, diverted: bool) -> bool {
    let invite = message.method() == Method::Invite;
    let target = message.request_uri().is_some_and(|uri| uri.param(b"target").is_some());
    match (style, message.status()) {
        (Style::Redirect, Some(status)) => invite && (300..400).contains(&status),
        (Style::Redirect, None) => invite && target,
        (Style::B2bua, status) => invite && status.is_none() && (diverted || target),
        (Style::Embedded, status) => invite && status.is_some_and(|status| (200..300).contains(&status)),
    }
}

pub(super) fn rings(message: &Message<'_>, profile: &Profile) -> Option<bool> {
    match message.status() {
        Some(180) => Some(true),
        Some(183) if message.sdp().is_some() => match profile.media.early_media? {
            EarlyMedia::Ringback => Some(true),
            EarlyMedia::Announcement => Some(false),
        },
        _ => None,
    }
}

/// Whether a notice tells of new messages (RFC 3842); without a count only where the make sends none.
pub(super) fn waiting(message: &Message<'_>, without_count: bool) -> Option<bool> {
    let told = Waiting::of(message)?;
    match told.new {
        Some(new) => Some(told.any && new > 0),
        None => without_count.then_some(told.any),
    }
}

pub(super) fn codecs(message: &Message<'_>, profile: &Profile) -> Vec<String> {
    let Some(audio) = message.sdp().and_then(|body| Sdp::parse(body).audio()) else { return Vec::new() };
    let names = audio.payloads().filter_map(|payload| audio.rtpmap(payload));
    let known = names.map(|map| text(map.encoding).to_ascii_uppercase());
    known.filter(|name| profile.media.codecs.contains(name)).collect()
}

pub(super) fn carries_digits(message: &Message<'_>, dtmf: Dtmf) -> bool {
    let event = |audio: Media<'_>| {
        let names = audio.payloads().filter_map(|payload| audio.rtpmap(payload));
        names.into_iter().any(|map| map.encoding.eq_ignore_ascii_case(b"telephone-event"))
    };
    let described = message.sdp().and_then(|body| Sdp::parse(body).audio()).map(event);
    match dtmf {
        Dtmf::Rfc4733 => described == Some(true),
        Dtmf::Info => message.method() == Method::Info,
        Dtmf::Inband => described == Some(false),
    }
}

//! The headers that are known by name.

/// A header a monitor reads; [`Message::named`](super::Message::named) finds the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum HeaderName {
    CallId,
    From,
    To,
    CSeq,
    Via,
    Contact,
    ContentLength,
    ContentType,
    AlertInfo,
    CallInfo,
    CcDiversion,
    CcRedirect,
    CiscoGuid,
    ContentDisposition,
    Date,
    Diversion,
    Event,
    Expires,
    HistoryInfo,
    Identity,
    InReplyTo,
    Join,
    MaxForwards,
    PAssertedIdentity,
    PCalledPartyId,
    PChargingVector,
    PEarlyMedia,
    PPreferredIdentity,
    ParentCallId,
    Priority,
    Privacy,
    Reason,
    RecordRoute,
    ReferTo,
    ReferredBy,
    RemotePartyId,
    Replaces,
    Require,
    RetryAfter,
    Route,
    Server,
    SessionExpires,
    SessionId,
    Subject,
    SubscriptionState,
    Supported,
    TargetDialog,
    UserAgent,
    UserToUser,
    Warning,
    XCallId,
    XCid,
}

use HeaderName as H;

impl HeaderName {
    /// How many names there are.
    pub const COUNT: usize = H::XCid as usize + 1;

    /// The header that a name means, in any case and in its compact form (RFC 3261 section 7.3.3); names are
    /// never unescaped.
    pub fn read(name: &[u8]) -> Option<HeaderName> {
        if let [letter] = name {
            return compact(*letter);
        }
        let initial = name.first()?;
        let same = |long: &[u8]| {
            long.first().is_some_and(|first| first.eq_ignore_ascii_case(initial))
                && long.eq_ignore_ascii_case(name)
        };
        of_length(name.len()).iter().find(|(long, _)| same(long)).map(|(_, known)| *known)
    }

    /// The header a line begins with and what follows its colon, told without a search where the name is one of
    /// those nearly every message has, spelled as nearly all spell it; `None` says nothing about the line.
    #[inline]
    pub(super) fn usual(line: &[u8]) -> Option<(HeaderName, &[u8])> {
        match line {
            [b'V', b'i', b'a', b':', value @ ..] => Some((H::Via, value)),
            [b'T', b'o', b':', value @ ..] => Some((H::To, value)),
            [b'F', rest @ ..] => after(rest, b"rom:", H::From),
            [b'C', b'S', rest @ ..] => after(rest, b"eq:", H::CSeq),
            [b'C', b'a', rest @ ..] => after(rest, b"ll-ID:", H::CallId),
            [b'C', b'o', b'n', b't', b'e', rest @ ..] => after(rest, b"nt-Length:", H::ContentLength)
                .or_else(|| after(rest, b"nt-Type:", H::ContentType)),
            [b'C', b'o', rest @ ..] => after(rest, b"ntact:", H::Contact),
            [b'M', rest @ ..] => after(rest, b"ax-Forwards:", H::MaxForwards),
            [b'U', rest @ ..] => after(rest, b"ser-Agent:", H::UserAgent),
            [b'R', rest @ ..] => after(rest, b"ecord-Route:", H::RecordRoute),
            [b'S', rest @ ..] => after(rest, b"upported:", H::Supported),
            [letter, b':', value @ ..] => compact(*letter).map(|name| (name, value)),
            _ => None,
        }
    }

    /// The long name.
    pub const fn name(self) -> &'static str {
        match self {
            H::CallId => "Call-ID",
            H::From => "From",
            H::To => "To",
            H::CSeq => "CSeq",
            H::Via => "Via",
            H::Contact => "Contact",
            H::ContentLength => "Content-Length",
            H::ContentType => "Content-Type",
            H::AlertInfo => "Alert-Info",
            H::CallInfo => "Call-Info",
            H::CcDiversion => "CC-Diversion",
            H::CcRedirect => "CC-Redirect",
            H::CiscoGuid => "Cisco-Guid",
            H::ContentDisposition => "Content-Disposition",
            H::Date => "Date",
            H::Diversion => "Diversion",
            H::Event => "Event",
            H::Expires => "Expires",
            H::HistoryInfo => "History-Info",
            H::Identity => "Identity",
            H::InReplyTo => "In-Reply-To",
            H::Join => "Join",
            H::MaxForwards => "Max-Forwards",
            H::PAssertedIdentity => "P-Asserted-Identity",
            H::PCalledPartyId => "P-Called-Party-ID",
            H::PChargingVector => "P-Charging-Vector",
            H::PEarlyMedia => "P-Early-Media",
            H::PPreferredIdentity => "P-Preferred-Identity",
            H::ParentCallId => "Parent-Call-ID",
            H::Priority => "Priority",
            H::Privacy => "Privacy",
            H::Reason => "Reason",
            H::RecordRoute => "Record-Route",
            H::ReferTo => "Refer-To",
            H::ReferredBy => "Referred-By",
            H::RemotePartyId => "Remote-Party-ID",
            H::Replaces => "Replaces",
            H::Require => "Require",
            H::RetryAfter => "Retry-After",
            H::Route => "Route",
            H::Server => "Server",
            H::SessionExpires => "Session-Expires",
            H::SessionId => "Session-ID",
            H::Subject => "Subject",
            H::SubscriptionState => "Subscription-State",
            H::Supported => "Supported",
            H::TargetDialog => "Target-Dialog",
            H::UserAgent => "User-Agent",
            H::UserToUser => "User-to-User",
            H::Warning => "Warning",
            H::XCallId => "X-Call-ID",
            H::XCid => "X-CID",
        }
    }
}

#[inline]
fn after<'a, const N: usize>(rest: &'a [u8], end: &[u8; N], name: H) -> Option<(H, &'a [u8])> {
    rest.strip_prefix(end).map(|value| (name, value))
}

/// The compact forms of the IANA registry.
const fn compact(letter: u8) -> Option<HeaderName> {
    Some(match letter.to_ascii_lowercase() {
        b'b' => H::ReferredBy,
        b'c' => H::ContentType,
        b'f' => H::From,
        b'i' => H::CallId,
        b'k' => H::Supported,
        b'l' => H::ContentLength,
        b'm' => H::Contact,
        b'o' => H::Event,
        b'r' => H::ReferTo,
        b's' => H::Subject,
        b't' => H::To,
        b'v' => H::Via,
        b'x' => H::SessionExpires,
        b'y' => H::Identity,
        _ => return None,
    })
}

/// The names of one length, as most send them, the usual ones first.
fn of_length(length: usize) -> &'static [(&'static [u8], HeaderName)] {
    match length {
        2 => &[(b"To", H::To)],
        3 => &[(b"Via", H::Via)],
        4 => &[(b"From", H::From), (b"CSeq", H::CSeq), (b"Date", H::Date), (b"Join", H::Join)],
        5 => &[(b"Event", H::Event), (b"Route", H::Route), (b"X-CID", H::XCid)],
        6 => &[(b"Server", H::Server), (b"Reason", H::Reason)],
        7 => &[
            (b"Call-ID", H::CallId),
            (b"Contact", H::Contact),
            (b"Expires", H::Expires),
            (b"Privacy", H::Privacy),
            (b"Require", H::Require),
            (b"Subject", H::Subject),
            (b"Warning", H::Warning),
        ],
        8 => &[
            (b"Identity", H::Identity),
            (b"Priority", H::Priority),
            (b"Refer-To", H::ReferTo),
            (b"Replaces", H::Replaces),
        ],
        9 => &[
            (b"Supported", H::Supported),
            (b"Call-Info", H::CallInfo),
            (b"Diversion", H::Diversion),
            (b"X-Call-ID", H::XCallId),
        ],
        10 => &[
            (b"User-Agent", H::UserAgent),
            (b"Alert-Info", H::AlertInfo),
            (b"Cisco-Guid", H::CiscoGuid),
            (b"Session-ID", H::SessionId),
        ],
        11 => &[
            (b"CC-Redirect", H::CcRedirect),
            (b"In-Reply-To", H::InReplyTo),
            (b"Referred-By", H::ReferredBy),
            (b"Retry-After", H::RetryAfter),
        ],
        12 => &[
            (b"Content-Type", H::ContentType),
            (b"Max-Forwards", H::MaxForwards),
            (b"CC-Diversion", H::CcDiversion),
            (b"History-Info", H::HistoryInfo),
            (b"Record-Route", H::RecordRoute),
            (b"User-to-User", H::UserToUser),
        ],
        13 => &[(b"P-Early-Media", H::PEarlyMedia), (b"Target-Dialog", H::TargetDialog)],
        14 => &[(b"Content-Length", H::ContentLength), (b"Parent-Call-ID", H::ParentCallId)],
        15 => &[(b"Remote-Party-ID", H::RemotePartyId), (b"Session-Expires", H::SessionExpires)],
        17 => &[(b"P-Called-Party-ID", H::PCalledPartyId), (b"P-Charging-Vector", H::PChargingVector)],
        18 => &[(b"Subscription-State", H::SubscriptionState)],
        19 => {
            &[(b"Content-Disposition", H::ContentDisposition), (b"P-Asserted-Identity", H::PAssertedIdentity)]
        }
        20 => &[(b"P-Preferred-Identity", H::PPreferredIdentity)],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case() {
        let all: Vec<_> = (0..32).flat_map(|length| of_length(length).iter().copied()).collect();
        assert_eq!(all.len(), HeaderName::COUNT);
        for (long, name) in all {
            assert_eq!(long, name.name().as_bytes());
            assert_eq!(HeaderName::read(long), Some(name));
            assert_eq!(HeaderName::read(&long.to_ascii_uppercase()), Some(name));
        }
    }

    #[test]
    fn a_usual_line_is_read_as_any_other() {
        let long = (0..32).flat_map(|length| of_length(length).iter().map(|(long, _)| long.to_vec()));
        for name in long.chain((0..=u8::MAX).map(|letter| vec![letter])).filter(|name| name != b":") {
            let line = [&name[..], b": value"].concat();
            let usual = HeaderName::usual(&line);
            assert!(usual.is_none() || usual.map(|(known, _)| known) == HeaderName::read(&name), "{line:?}");
            assert!(usual.is_none_or(|(_, value)| value == b" value"), "{line:?}");
        }
        assert_eq!(HeaderName::usual(b"Via: x"), Some((HeaderName::Via, &b" x"[..])));
        assert_eq!(HeaderName::usual(b"Call-ID:x"), Some((HeaderName::CallId, &b"x"[..])));
        assert_eq!(HeaderName::usual(b"Contents: x"), None);
    }

    #[test]
    fn compact_names_mean_their_long_ones() {
        assert_eq!(HeaderName::read(b"i"), Some(HeaderName::CallId));
        assert_eq!(HeaderName::read(b"V"), Some(HeaderName::Via));
        assert_eq!(HeaderName::read(b"z"), None);
    }

    #[test]
    fn escaped_or_unknown_names_are_not_known() {
        for name in ["C%6Fntact", "Contact ", "", "X-CIDE", "Frøm"] {
            assert_eq!(HeaderName::read(name.as_bytes()), None, "{name}");
        }
    }
}

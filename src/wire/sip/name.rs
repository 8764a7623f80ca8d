//! The headers that are known by name.

use super::scan::initial;

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
    AttestationInfo,
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
    PAttestationIndicator,
    PCalledPartyId,
    PChargingVector,
    PEarlyMedia,
    PIdentity,
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
        let first = *name.first()?;
        if LENGTHS[usize::from(first & 31)] >> (name.len() & 31) & 1 == 0 {
            return None;
        }
        let initial = first.to_ascii_lowercase();
        let known = of_length(name.len());
        let begins = |long: &[u8]| long.first().is_some_and(|first| first.to_ascii_lowercase() == initial);
        let same = |long: &[u8]| begins(long) && (long == name || long.eq_ignore_ascii_case(name));
        known.iter().find(|(long, _)| same(long)).map(|(_, known)| *known)
    }

    /// The header a line begins with and where its value does, told without a search where the name is one of
    /// those nearly every message has, spelled as nearly all spell it; `None` says nothing about the line.
    #[inline(always)]
    pub(super) fn usual(line: &[u8]) -> Option<(HeaderName, usize)> {
        let start = u64::from_le_bytes(*line.first_chunk()?);
        let begins =
            |name: &[u8; 8], bytes: usize| (start ^ u64::from_le_bytes(*name)) << (64 - 8 * bytes) == 0;
        let goes_on = |rest: &[u8]| line.get(8..).is_some_and(|line| line.starts_with(rest));
        match start as u8 {
            b'V' if begins(b"Via:    ", 4) => Some((H::Via, 4)),
            b'F' if begins(b"From:   ", 5) => Some((H::From, 5)),
            b'T' if begins(b"To:     ", 3) => Some((H::To, 3)),
            b'C' if begins(b"CSeq:   ", 5) => Some((H::CSeq, 5)),
            b'C' if begins(b"Call-ID:", 8) => Some((H::CallId, 8)),
            b'C' if begins(b"Contact:", 8) => Some((H::Contact, 8)),
            b'C' if begins(b"Content-", 8) && goes_on(b"Length:") => Some((H::ContentLength, 15)),
            b'C' if begins(b"Content-", 8) && goes_on(b"Type:") => Some((H::ContentType, 13)),
            _ => None,
        }
    }

    /// The same for names that many messages have, of those that no scan looks for.
    #[inline]
    pub(super) fn common(line: &[u8]) -> Option<(HeaderName, usize)> {
        let start = line.first_chunk::<8>()?;
        let (known, rest): (_, &[u8]) = match start {
            b"Max-Forw" => (H::MaxForwards, b"ards:"),
            b"User-Age" => (H::UserAgent, b"nt:"),
            b"Supporte" => (H::Supported, b"d:"),
            b"P-Assert" => (H::PAssertedIdentity, b"ed-Identity:"),
            b"Record-R" => (H::RecordRoute, b"oute:"),
            b"Session-" => (H::SessionExpires, b"Expires:"),
            _ => return None,
        };
        line.get(8..).is_some_and(|line| line.starts_with(rest)).then_some((known, 8 + rest.len()))
    }

    /// What its names begin with, as [`initial`] tells it.
    #[inline]
    pub(super) fn initials(self) -> u32 {
        INITIALS[self as usize]
    }

    /// The compact form.
    const fn compact(self) -> Option<u8> {
        Some(match self {
            H::ReferredBy => b'b',
            H::ContentType => b'c',
            H::From => b'f',
            H::CallId => b'i',
            H::Supported => b'k',
            H::ContentLength => b'l',
            H::Contact => b'm',
            H::Event => b'o',
            H::ReferTo => b'r',
            H::Subject => b's',
            H::To => b't',
            H::Via => b'v',
            H::SessionExpires => b'x',
            H::Identity => b'y',
            _ => return None,
        })
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
            H::AttestationInfo => "Attestation-Info",
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
            H::PAttestationIndicator => "P-Attestation-Indicator",
            H::PCalledPartyId => "P-Called-Party-ID",
            H::PChargingVector => "P-Charging-Vector",
            H::PEarlyMedia => "P-Early-Media",
            H::PIdentity => "P-Identity",
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

/// What the names of each header begin with.
static INITIALS: [u32; HeaderName::COUNT] = {
    let mut initials = [0; HeaderName::COUNT];
    let mut length = 2;
    while length < 32 {
        let names = of_length(length);
        let mut n = 0;
        while n < names.len() {
            let (long, known) = names[n];
            initials[known as usize] = initial(long[0]);
            if let Some(compact) = known.compact() {
                initials[known as usize] |= initial(compact);
            }
            n += 1;
        }
        length += 1;
    }
    initials
};

/// By what names begin with, as bits, the lengths below 32 of the known ones: most names are none of them.
static LENGTHS: [u32; 32] = {
    let mut lengths = [0; 32];
    let mut length = 2;
    while length < 32 {
        let names = of_length(length);
        let mut n = 0;
        while n < names.len() {
            lengths[(names[n].0[0] & 31) as usize] |= 1 << length;
            n += 1;
        }
        length += 1;
    }
    lengths
};

/// The names of one length, as most send them, the usual ones first.
const fn of_length(length: usize) -> &'static [(&'static [u8], HeaderName)] {
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
            (b"P-Identity", H::PIdentity),
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
        16 => &[(b"Attestation-Info", H::AttestationInfo)],
        17 => &[(b"P-Called-Party-ID", H::PCalledPartyId), (b"P-Charging-Vector", H::PChargingVector)],
        18 => &[(b"Subscription-State", H::SubscriptionState)],
        19 => {
            &[(b"Content-Disposition", H::ContentDisposition), (b"P-Asserted-Identity", H::PAssertedIdentity)]
        }
        20 => &[(b"P-Preferred-Identity", H::PPreferredIdentity)],
        23 => &[(b"P-Attestation-Indicator", H::PAttestationIndicator)],
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
            assert_ne!(name.initials() & initial(long[0]), 0);
        }
    }

    #[test]
    fn a_usual_line_is_read_as_any_other() {
        let long = (0..32).flat_map(|length| of_length(length).iter().map(|(long, _)| long.to_vec()));
        for name in long.chain((0..=u8::MAX).map(|letter| vec![letter])).filter(|name| name != b":") {
            let line = [&name[..], b": value"].concat();
            let usual = HeaderName::usual(&line).or_else(|| HeaderName::common(&line));
            assert!(usual.is_none() || usual.map(|(known, _)| known) == HeaderName::read(&name), "{line:?}");
            assert!(usual.is_none_or(|(_, value)| &line[value..] == b" value"), "{line:?}");
        }
        assert_eq!(HeaderName::usual(b"Via: SIP/"), Some((HeaderName::Via, 4)));
        assert_eq!(HeaderName::usual(b"Call-ID:x"), Some((HeaderName::CallId, 8)));
        assert_eq!(HeaderName::usual(b"Contents: x"), None);
        assert_eq!(HeaderName::common(b"User-Agent: x"), Some((HeaderName::UserAgent, 11)));
        assert_eq!(HeaderName::common(b"Session-ID: x"), None);
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

//! The start line of a message, and why bytes are refused.

use super::fault::Faults;
use super::lines::{cut, is_bare, is_token};
use crate::wire::find::near;

/// The first line of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartLine<'a> {
    /// A request.
    Request {
        /// The method token, as sent.
        method: &'a [u8],
        /// The Request-URI, as sent.
        uri: &'a [u8],
    },
    /// A response.
    Response {
        /// 100 to 699.
        status: u16,
        /// The reason phrase, as sent, possibly empty; no one may match on it.
        reason: &'a [u8],
    },
}

/// Why bytes hold no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// Nothing but line ends, blanks or NULs: a keep-alive (RFC 5626 section 3.5.1 and its imitations).
    Keepalive,
    /// The first line is not one of SIP.
    NotSip,
    /// The first line is one of SIP, of a version other than 2.0.
    Version,
    /// A response whose status is not three digits from 100 to 699.
    BadStatus,
    /// A start line with no header line after it.
    NoHeaders,
    /// More bytes than [`limits::MESSAGE`](crate::limits::MESSAGE).
    TooLong,
}

impl Refusal {
    /// A word for counters and the journal.
    pub const fn name(self) -> &'static str {
        match self {
            Refusal::Keepalive => "keepalive",
            Refusal::NotSip => "not_sip",
            Refusal::Version => "version",
            Refusal::BadStatus => "bad_status",
            Refusal::NoHeaders => "no_headers",
            Refusal::TooLong => "too_long",
        }
    }
}

/// Reads a start line without its line end. The version is the last field of a request, so that blanks inside
/// a Request-URI do not hide it (RFC 4475 section 3.1.2.7).
#[inline]
pub(super) fn read(line: &[u8]) -> Result<(StartLine<'_>, Faults), Refusal> {
    if let Some(start) = usual(line) {
        return Ok((start, Faults::default()));
    }
    match line.get(..4) {
        Some(word) if word.eq_ignore_ascii_case(b"SIP/") => response(line),
        _ => request(line),
    }
}

/// A start line that is spelled as nearly all are, read at once; `None` says nothing about the line.
#[inline]
fn usual(line: &[u8]) -> Option<StartLine<'_>> {
    if let [b'S', b'I', b'P', b'/', b'2', b'.', b'0', b' ', digits @ ..] = line {
        let (status, reason) = (status(digits.get(..3)?)?, digits.get(3..)?);
        let reason = match reason {
            [b' ', bare @ ..] if is_bare(bare) => bare,
            [] | [b' ', ..] => reason.trim_ascii(),
            _ => return None,
        };
        return Some(StartLine::Response { status, reason });
    }
    let before = line.strip_suffix(b" SIP/2.0")?;
    let (method, uri) = cut(before, near(b' ', before)?);
    match uri {
        [b' ', uri @ ..] if is_bare(uri) && is_token(method) => Some(StartLine::Request { method, uri }),
        _ => None,
    }
}

/// Three digits, the first from 1 to 6.
#[inline]
fn status(digits: &[u8]) -> Option<u16> {
    match digits {
        [a @ b'1'..=b'6', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
            Some(u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0'))
        }
        _ => None,
    }
}

fn request(line: &[u8]) -> Result<(StartLine<'_>, Faults), Refusal> {
    let bare_line = line.trim_ascii();
    let (method, rest) = cut(bare_line, near(b' ', bare_line).ok_or(Refusal::NotSip)?);
    let (uri, version) = cut(rest, rest.iter().rposition(|b| *b == b' ').ok_or(Refusal::NotSip)?);
    check_version(version.trim_ascii())?;
    let bare = uri.trim_ascii();
    if !is_token(method) || bare.is_empty() {
        return Err(Refusal::NotSip);
    }
    let one_blank_each = uri.len() == bare.len().saturating_add(1) && bare_line.len() == line.len();
    let faults = if one_blank_each { Faults::default() } else { Faults::BAD_START_LINE };
    Ok((StartLine::Request { method, uri: bare }, faults))
}

fn response(line: &[u8]) -> Result<(StartLine<'_>, Faults), Refusal> {
    let (version, rest) = cut(line, near(b' ', line).unwrap_or(line.len()));
    check_version(version)?;
    let fields = rest.trim_ascii_start();
    let (digits, reason) = cut(fields, near(b' ', fields).unwrap_or(fields.len()));
    let status = status(digits).ok_or(Refusal::BadStatus)?;
    let one_blank = rest.len() == fields.len().saturating_add(1);
    let faults = if one_blank { Faults::default() } else { Faults::BAD_START_LINE };
    Ok((StartLine::Response { status, reason: reason.trim_ascii() }, faults))
}

fn check_version(version: &[u8]) -> Result<(), Refusal> {
    match version.get(..4) {
        Some(name) if !name.eq_ignore_ascii_case(b"SIP/") => Err(Refusal::NotSip),
        Some(_) if version.get(4..) == Some(b"2.0") => Ok(()),
        Some(_) => Err(Refusal::Version),
        None => Err(Refusal::NotSip),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn what_is_read_at_once_is_what_all_of_it_says(
            line in "(SIP/2.0 |INV|A:)[ ]?[016a<\t ]{0,4}[ ]?(x|SIP/2.0|sip/2.0)?[ ]?",
        ) {
            let line = line.as_bytes();
            if let Some(start) = usual(line) {
                let careful = if line.starts_with(b"SIP/") { response(line) } else { request(line) };
                proptest::prop_assert_eq!(careful, Ok((start, Faults::default())));
            }
        }
    }

    #[test]
    fn most_lines_are_read_at_once() {
        for line in ["INVITE sip:a@h SIP/2.0", "SIP/2.0 200 OK", "SIP/2.0 180"] {
            assert!(usual(line.as_bytes()).is_some(), "{line}");
        }
    }

    fn request_of(line: &str) -> (&[u8], &[u8], bool) {
        match read(line.as_bytes()) {
            Ok((StartLine::Request { method, uri }, faults)) => (method, uri, faults.is_clean()),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn a_request_line_is_split_on_runs_of_blanks_with_the_version_last() {
        assert_eq!(request_of("BYE sip:a@b SIP/2.0"), (&b"BYE"[..], &b"sip:a@b"[..], true));
        assert_eq!(request_of("BYE  sip:a@b  SIP/2.0"), (&b"BYE"[..], &b"sip:a@b"[..], false));
        assert_eq!(request_of("BYE sip:a@b; lr SIP/2.0"), (&b"BYE"[..], &b"sip:a@b; lr"[..], true));
        assert_eq!(request_of("BYE sip:a@b SIP/2.0  "), (&b"BYE"[..], &b"sip:a@b"[..], false));
        assert_eq!(request_of("BYE sip:a@b sip/2.0"), (&b"BYE"[..], &b"sip:a@b"[..], true));
    }

    #[test]
    fn a_status_is_three_digits_from_100_to_699() {
        let status = |line: &str| match read(line.as_bytes()) {
            Ok((StartLine::Response { status, .. }, _)) => Ok(status),
            Ok(_) => panic!("not a response"),
            Err(refusal) => Err(refusal),
        };
        assert_eq!(status("SIP/2.0 180"), Ok(180));
        assert!(matches!(read(b"SIP/2.0 183 "), Ok((_, faults)) if faults.is_clean()));
        assert_eq!(status("SIP/2.0 699 x y"), Ok(699));
        for bad in
            ["SIP/2.0 099 x", "SIP/2.0 700 x", "SIP/2.0 4294967396 x", "SIP/2.0 20 x", "SIP/2.0 x", "SIP/2.0"]
        {
            assert_eq!(status(bad), Err(Refusal::BadStatus), "{bad}");
        }
        assert_eq!(status("SIP/3.0 200 OK"), Err(Refusal::Version));
    }

    #[test]
    fn other_protocols_are_refused() {
        for other in ["GET / HTTP/1.1", "INVITE sip:a@b", "INVITE SIP/2.0", "a", "", "IN:VITE sip:a SIP/2.0"]
        {
            assert_eq!(read(other.as_bytes()).err(), Some(Refusal::NotSip), "{other}");
        }
        assert_eq!(read(b"INVITE sip:a@b SIP/7.0").err(), Some(Refusal::Version));
    }
}

//! Via: one hop of a message (RFC 3261 section 20.42).

use std::net::SocketAddr;

use super::field::Params;
use super::lines::{cut, is_bare, is_lws, trim};
use crate::wire::addr;
use crate::wire::find::{near, near_any};

/// One Via value. It is what the sender wrote: nothing may ever be sent to an address found here.
#[derive(Clone, Copy, Debug)]
pub struct Via<'a> {
    /// `UDP`, `TCP`, `TLS`, `WS` or anything else, as sent; empty if it can't be told.
    pub transport: &'a [u8],
    /// Host and port the sender gave itself, as sent; empty if it can't be told.
    pub sent_by: &'a [u8],
    /// The branch; `None` if there is none or an empty one. RFC 3261 branches begin with `z9hG4bK`.
    pub branch: Option<&'a [u8]>,
    protocol: &'a [u8],
    params: &'a [u8],
}

/// Sent-by and branch of the first value of a line, read at once where it is spelled as nearly all spell it; `None`
/// says nothing about the line.
#[inline]
pub(super) fn usual(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (before, mut rest) = piece(line.strip_prefix(b"SIP/2.0/")?)?;
    let sent_by = before.get(near(b' ', before)? + 1..)?;
    while let Some(params) = rest {
        let (param, after) = piece(params)?;
        match param {
            [b'b', b'r', b'a', b'n', b'c', b'h', b'=', branch @ ..] => {
                return (is_bare(sent_by) && is_bare(branch)).then_some((sent_by, branch));
            }
            [b'B' | b'b' | b' ' | b'\t' | b'\r' | b'\n', ..] => return None,
            _ => rest = after,
        }
    }
    None
}

/// What is before a semicolon, and what is behind it, if the value goes on there; none if quotes are in it.
#[inline]
fn piece(text: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let at = near_any([b';', b',', b'"'], text).unwrap_or(text.len());
    let (before, after) = cut(text, at);
    match after {
        [b';', after @ ..] => Some((before, Some(after))),
        [b'"', ..] => None,
        _ => Some((before, None)),
    }
}

impl<'a> Via<'a> {
    /// Reads one value. Nothing is refused; what is missing is empty.
    pub fn parse(value: &'a [u8]) -> Via<'a> {
        let via = Via::without_branch(value);
        Via { branch: named(Params::new(via.params).find(b"branch")), ..via }
    }

    /// Reads a value that has no quotes in it, and so no semicolons but between its parameters.
    pub(super) fn plain(value: &'a [u8]) -> Via<'a> {
        let via = Via::without_branch(value);
        Via { branch: named(branch_of(via.params)), ..via }
    }

    #[inline]
    fn without_branch(value: &'a [u8]) -> Via<'a> {
        let (before, params) = cut(value, near(b';', value).unwrap_or(value.len()));
        let (protocol, rest) = split_protocol(before);
        let rest = trim(rest);
        let (transport, sent_by) = cut(rest, rest.iter().position(|b| is_lws(*b)).unwrap_or(rest.len()));
        Via { transport, sent_by: trim(sent_by), branch: None, protocol, params }
    }

    /// The sender's address, where it gave one and not a name; port 5060 if it gave none (RFC 3261 18.2.2).
    pub fn addr(&self) -> Option<SocketAddr> {
        let text = std::str::from_utf8(self.sent_by).ok()?;
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        let alone = || addr::ip(bare.as_bytes()).map(|ip| SocketAddr::new(ip, 5060));
        text.parse().ok().or_else(alone)
    }

    /// A parameter, its name in any case; empty if it has no value.
    pub fn param(&self, name: &[u8]) -> Option<&'a [u8]> {
        Params::new(self.params).find(name)
    }

    /// True if every piece the grammar asks for is there.
    pub(super) fn is_sound(&self) -> bool {
        self.protocol.eq_ignore_ascii_case(b"SIP")
            && !self.transport.is_empty()
            && !self.sent_by.is_empty()
            && !Params::new(self.params).any_nameless()
    }
}

/// The name of the protocol, and what follows the slash after its version.
#[inline]
fn split_protocol(text: &[u8]) -> (&[u8], &[u8]) {
    if let (b"SIP/2.0/", rest) = cut(text, 8) {
        return (cut(text, 3).0, rest);
    }
    let (protocol, rest) = split_slash(text);
    let (_version, rest) = split_slash(rest);
    (protocol, rest)
}

fn split_slash(text: &[u8]) -> (&[u8], &[u8]) {
    let (before, after) = cut(text, near(b'/', text).unwrap_or(text.len()));
    (trim(before), after.get(1..).unwrap_or_default())
}

fn named(branch: Option<&[u8]>) -> Option<&[u8]> {
    branch.filter(|branch| !branch.is_empty())
}

/// The branch among parameters without quotes; told without splitting them all where it is spelled as nearly all
/// spell it.
fn branch_of(params: &[u8]) -> Option<&[u8]> {
    let mut rest = params;
    while let Some(value) = rest.get(1..) {
        let end = near(b';', value).unwrap_or(value.len());
        match value {
            [b'b', b'r', b'a', b'n', b'c', b'h', b'=', ..] => return cut(value, end).0.get(7..).map(trim),
            [b'B' | b'b' | b' ' | b'\t' | b'\r' | b'\n', ..] => return Params::new(params).find(b"branch"),
            _ => rest = cut(value, end).1,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Params, Via};

    #[test]
    fn a_via_is_read_with_blanks_and_folds_anywhere() {
        let via = Via::parse(b"SIP  / 2.0\r\n /UDP\r\n\t10.0.0.7:5060 ; Branch\r\n = z9hG4bK7;rport");
        assert_eq!(via.transport, b"UDP");
        assert_eq!(via.sent_by, b"10.0.0.7:5060");
        assert_eq!(via.branch, Some(&b"z9hG4bK7"[..]));
        assert_eq!(via.param(b"rport"), Some(&b""[..]));
        assert!(via.is_sound());
    }

    #[test]
    fn a_branch_is_optional_and_a_transport_may_be_unknown() {
        let via = Via::parse(b"SIP/2.0/CARRIER-PIGEON [2001:db8::7]:5060");
        assert_eq!((via.transport, via.sent_by), (&b"CARRIER-PIGEON"[..], &b"[2001:db8::7]:5060"[..]));
        assert_eq!(via.branch, None);
        assert!(via.is_sound());
    }

    #[test]
    fn an_address_is_read_with_and_without_port() {
        let addr = |value: &str| Via::parse(value.as_bytes()).addr().map(|addr| addr.to_string());
        assert_eq!(addr("SIP/2.0/UDP 10.0.0.7:5070"), Some("10.0.0.7:5070".into()));
        assert_eq!(addr("SIP/2.0/UDP 10.0.0.7"), Some("10.0.0.7:5060".into()));
        assert_eq!(addr("SIP/2.0/UDP [2001:db8::7]"), Some("[2001:db8::7]:5060".into()));
        assert_eq!(addr("SIP/2.0/UDP pbx.example"), None);
    }

    proptest::proptest! {
        #[test]
        fn what_is_read_at_once_is_what_all_of_it_says(
            line in "SIP/2.0/(UDP|TLS)[ ]{1,2}([ah,;\":. ]{0,4}|host-of-a-name-that-is-long.example)(;[ ]?([a-cA-C]|branch|Branch|rport)[=]?([a-c, \"]{0,3}|z9hG4bK-[a-c]{0,20})){0,5}",
        ) {
            let line = super::trim(line.as_bytes());
            if let Some((sent_by, branch)) = super::usual(line) {
                let value = super::super::field::Commas::new(line).next().map(Via::parse);
                proptest::prop_assert_eq!(value.map(|via| (via.sent_by, via.branch)), Some((sent_by, Some(branch))));
            }
        }
    }

    #[test]
    fn most_lines_are_read_at_once() {
        let read = |line: &'static str| super::usual(line.as_bytes());
        let expected = Some((&b"10.0.0.7:5060"[..], &b"z9hG4bK7"[..]));
        assert_eq!(read("SIP/2.0/UDP 10.0.0.7:5060;branch=z9hG4bK7"), expected);
        assert_eq!(read("SIP/2.0/UDP 10.0.0.7:5060;rport=5;branch=z9hG4bK7;received=10.0.0.1"), expected);
        assert_eq!(read("SIP/2.0/UDP 10.0.0.7:5060;branch=z9hG4bK7, SIP/2.0/UDP h;branch=b"), expected);
        assert_eq!(read("SIP/2.0/UDP 10.0.0.7:5060;x=\"\";branch=z9hG4bK7"), None);
    }

    proptest::proptest! {
        #[test]
        fn a_branch_is_found_as_any_parameter(params in "(;[ ]?([a-cA-C]|branch|Branch)[=]?[a-c ]{0,3}){0,5}") {
            let found = Params::new(params.as_bytes()).find(b"branch");
            proptest::prop_assert_eq!(super::branch_of(params.as_bytes()), found);
        }
    }

    #[test]
    fn what_is_missing_is_empty_and_not_sound() {
        for value in
            ["", ";branch=x", "SIP/2.0", "SIP/2.0/UDP", "UDP 10.0.0.7", "SIP/2.0/UDP 10.0.0.7;;branch=x"]
        {
            assert!(!Via::parse(value.as_bytes()).is_sound(), "{value}");
        }
    }
}

//! URIs, read for the number or name in them.

use std::borrow::Cow;
use std::net::SocketAddr;

use super::field::Params;
use super::lines::{cut, trim};
use crate::wire::addr;
use crate::wire::find::{near, near_any};

/// A sip, sips or tel URI, or another one read the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uri<'a> {
    raw: &'a [u8],
    scheme: &'a [u8],
    user: &'a [u8],
    host: &'a [u8],
    port: Option<u16>,
    params: &'a [u8],
    headers: &'a [u8],
}

impl<'a> Uri<'a> {
    /// Reads a URI, angle brackets and blanks around it taken off. Nothing is refused; what is missing is empty.
    ///
    /// The first `@` ends the user part, which may hold `;`, `?` and what looks like parameters (RFC 3261
    /// section 25.1, RFC 4475 section 3.1.1.9). A number where the host belongs (`sip:13125550142`, as hand-made
    /// identity headers of Asterisk have it) is taken as the user.
    pub fn parse(bytes: &'a [u8]) -> Uri<'a> {
        if let Some(uri) = Uri::usual(bytes) {
            return uri;
        }
        let raw = unbracket(trim(bytes));
        let (scheme, rest) = split_scheme(raw);
        if scheme.eq_ignore_ascii_case(b"tel") {
            let (user, params) = cut(rest, near(b';', rest).unwrap_or(rest.len()));
            return Uri { raw, scheme, user: trim(user), host: &[], port: None, params, headers: &[] };
        }
        let (user, rest) = match near(b'@', rest) {
            Some(at) => (cut(rest, at).0, rest.get(at.saturating_add(1)..).unwrap_or_default()),
            None => (&rest[..0], rest),
        };
        let user = cut(user, near(b':', user).unwrap_or(user.len())).0;
        let (authority, rest) = cut(rest, near_any([b';', b'?'], rest).unwrap_or(rest.len()));
        let (params, headers) = match rest {
            [] => (rest, rest),
            _ => cut(rest, near(b'?', rest).unwrap_or(rest.len())),
        };
        let (host, port) = split_port(trim(authority));
        let (user, host) = if user.is_empty() && is_number(host) { (host, user) } else { (user, host) };
        Uri { raw, scheme, user, host, port, params, headers: headers.get(1..).unwrap_or_default() }
    }

    /// Reads `sip:user@host:port` of letters, digits, `+`, `-`, `.` and `_`, as `parse` does, but in one look at each
    /// byte: most URIs are such.
    fn usual(raw: &'a [u8]) -> Option<Uri<'a>> {
        let rest = raw.strip_prefix(b"sip:")?;
        let plain = |bytes: &[u8]| bytes.iter().take_while(|b| PLAIN[usize::from(**b)]).count();
        let (user, after) = cut(rest, plain(rest));
        let after = after.strip_prefix(b"@").filter(|_| !user.is_empty())?;
        let (host, after) = cut(after, plain(after));
        let port = match after {
            [] => None,
            [b':', digits @ ..] => {
                Some(super::lines::number(digits).and_then(|port| u16::try_from(port).ok())?)
            }
            _ => return None,
        };
        Some(Uri { raw, scheme: cut(raw, 3).0, user, host, port, params: &[], headers: &[] })
    }

    /// The whole URI.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// `sip`, `sips`, `tel` or another one, in the case it was sent; empty if there is none.
    pub fn scheme(&self) -> &'a [u8] {
        self.scheme
    }

    /// What stands before the `@`, still escaped, its parameters (`;phone-context=..`) still in it, a password cut
    /// off; of a tel URI the number. Often empty.
    pub fn user(&self) -> &'a [u8] {
        self.user
    }

    /// What names the party, parameters that complete a number in it: the user part, or of a tel URI the number with
    /// its parameters, which mean the same there (RFC 3261 section 19.1.6).
    pub fn subscriber(&self) -> &'a [u8] {
        match self.scheme {
            [b't' | b'T', b'e' | b'E', b'l' | b'L'] => trim(self.raw.get(4..).unwrap_or_default()),
            _ => self.user,
        }
    }

    /// The host, an IPv6 address without its brackets; empty for tel.
    pub fn host(&self) -> &'a [u8] {
        self.host
    }

    /// The port, if there is a valid one.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The address it names, where its host is one; port 5060 if it gives none (RFC 3263 4.2).
    pub fn addr(&self) -> Option<SocketAddr> {
        let ip = addr::ip(self.host())?;
        Some(SocketAddr::new(ip, self.port().unwrap_or(5060)))
    }

    /// A parameter after the host, or of a tel URI, its name in any case; empty if it has no value.
    pub fn param(&self, name: &[u8]) -> Option<&'a [u8]> {
        Params::new(self.params).find(name)
    }

    /// All parameters in order, as name and value.
    pub fn params(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        Params::new(self.params).filter(|(name, _)| !name.is_empty())
    }

    /// The header part after `?`, as name and value, still escaped (`Reason=SIP%3Bcause%3D302`).
    pub fn headers(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let pairs = self.headers.split(|b| *b == b'&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| {
            let (name, value) = cut(pair, near(b'=', pair).unwrap_or(pair.len()));
            (trim(name), trim(value.get(1..).unwrap_or_default()))
        })
    }

    /// A header of the header part, its name in any case.
    pub fn header(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.headers().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(super) fn has_headers(&self) -> bool {
        !self.headers.is_empty()
    }
}

/// Replaces each `%XX` once; what an escape stands for is not looked at again. A `%` that begins none stays.
pub fn unescape(bytes: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = near(b'%', bytes) else { return Cow::Borrowed(bytes) };
    let (plain, mut rest) = cut(bytes, first);
    let mut text = Vec::with_capacity(bytes.len());
    text.extend_from_slice(plain);
    while let [byte, after @ ..] = rest {
        (rest, text) = match rest {
            [b'%', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                text.push(hex(*high) << 4 | hex(*low));
                (after, text)
            }
            _ => {
                text.push(*byte);
                (after, text)
            }
        };
    }
    Cow::Owned(text)
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => 0,
    }
}

static PLAIN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b'_');
        byte += 1;
    }
    table
};

fn unbracket(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_prefix(b"<").unwrap_or(bytes);
    trim(bytes.strip_suffix(b">").unwrap_or(bytes))
}

/// The scheme before the first colon, if what stands there can be one (RFC 3986 section 3.1).
fn split_scheme(raw: &[u8]) -> (&[u8], &[u8]) {
    if let (b"sip:", rest) = cut(raw, 4) {
        return (cut(raw, 3).0, rest);
    }
    let (scheme, rest) = cut(raw, near(b':', raw).unwrap_or(0));
    let letter = scheme.first().is_some_and(u8::is_ascii_alphabetic);
    if letter && scheme.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')) {
        return (scheme, rest.get(1..).unwrap_or_default());
    }
    (&[], raw)
}

/// A telephone number; no host consists of digits alone (RFC 3261 section 25.1: its last label begins with a letter).
fn is_number(host: &[u8]) -> bool {
    let digits = host.strip_prefix(b"+").unwrap_or(host);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

fn split_port(authority: &[u8]) -> (&[u8], Option<u16>) {
    let (host, rest) = match authority {
        [b'[', inner @ ..] => cut(inner, near(b']', inner).unwrap_or(inner.len())),
        _ => cut(authority, near_any([b':', b' '], authority).unwrap_or(authority.len())),
    };
    if rest.is_empty() {
        return (host, None);
    }
    let digits = near(b':', rest).and_then(|at| rest.get(at.saturating_add(1)..)).unwrap_or_default();
    (host, super::lines::number(trim(digits)).and_then(|port| u16::try_from(port).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(uri: &str) -> (&str, &str, &str, Option<u16>) {
        let uri = Uri::parse(uri.as_bytes());
        let text = |bytes| std::str::from_utf8(bytes).unwrap();
        (text(uri.scheme()), text(uri.user()), text(uri.host()), uri.port())
    }

    #[test]
    fn uris_of_phones_are_read() {
        assert_eq!(
            read("sip:+13125550142@pbx.example:5070;user=phone"),
            ("sip", "+13125550142", "pbx.example", Some(5070))
        );
        assert_eq!(read("<sips:front%20desk:pw@10.0.0.1>"), ("sips", "front%20desk", "10.0.0.1", None));
        assert_eq!(read("sip:*72#@my_host"), ("sip", "*72#", "my_host", None));
        assert_eq!(read("sip:201@[2001:db8::7]:5060;lr"), ("sip", "201", "2001:db8::7", Some(5060)));
        assert_eq!(read("sip:10.0.0.1"), ("sip", "", "10.0.0.1", None));
        assert_eq!(read("tel:+1-312-555-0142;ext=7"), ("tel", "+1-312-555-0142", "", None));
        assert_eq!(read("201@pbx.example:99999"), ("", "201", "pbx.example", None));
        assert_eq!(read("sip:+13125550142;user=phone"), ("sip", "+13125550142", "", None));
        assert_eq!(read("urn:service:sos"), ("urn", "", "service", None));
        assert_eq!(read(""), ("", "", "", None));
    }

    #[test]
    fn semicolons_before_the_at_sign_belong_to_the_user() {
        let uri = Uri::parse(b"sip:1235;phone-context=x%40y@h;user=phone?Reason=SIP%3Bcause%3D302&A=");
        assert_eq!(uri.user(), b"1235;phone-context=x%40y");
        assert_eq!(uri.param(b"phone-context"), None);
        assert_eq!(uri.param(b"USER"), Some(&b"phone"[..]));
        assert_eq!(uri.header(b"reason"), Some(&b"SIP%3Bcause%3D302"[..]));
        assert_eq!(
            Uri::parse(b"tel:5550142;phone-context=+1312").param(b"phone-context"),
            Some(&b"+1312"[..])
        );
    }

    #[test]
    fn a_tel_uri_names_its_party_as_a_user_part_does() {
        let subscriber = |uri| Uri::parse(uri).subscriber();
        assert_eq!(subscriber(b"<TEL: 5550142;phone-context=+1212>"), b"5550142;phone-context=+1212");
        assert_eq!(
            subscriber(b"sip:5550142;phone-context=+1212@h;user=phone"),
            b"5550142;phone-context=+1212"
        );
        assert_eq!([subscriber(b"tel:"), subscriber(b"telnet:1@h"), subscriber(b"")], [&b""[..], b"1", b""]);
    }

    #[test]
    fn escapes_are_replaced_once() {
        assert_eq!(*unescape(b"a%2541%00%7"), *b"a%41\0%7");
        assert_eq!(*unescape(b"%zz%4A%4a"), *b"%zzJJ");
        assert!(matches!(unescape(b"plain"), Cow::Borrowed(b"plain")));
    }
}

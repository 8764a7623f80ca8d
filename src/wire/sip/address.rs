//! An address as From, To, Contact, Diversion and their like carry it: display name, URI, parameters.

use std::borrow::Cow;

use super::field::{Params, angle_end, quote_end};
use super::lines::{cut, is_bare, trim};
use super::uri::Uri;
use crate::wire::find::{near, near_any};

/// One address: `"Display name" <uri>;params`, or a bare URI whose parameters are all the header's.
#[derive(Clone, Copy, Debug)]
pub struct NameAddr<'a> {
    display: Option<&'a [u8]>,
    uri: &'a [u8],
    params: &'a [u8],
    sound: bool,
}

impl<'a> NameAddr<'a> {
    /// Reads one value. Nothing is refused; what is missing is empty.
    pub fn parse(value: &'a [u8]) -> NameAddr<'a> {
        let value = trim(value);
        let (quoted, rest, closed) = leading_quote(value);
        let Some(open) = near(b'<', rest) else { return NameAddr::bare(quoted, rest, closed) };
        let (before, bracketed) = cut(rest, open);
        let plain = trim(before);
        let display = quoted.or((!plain.is_empty()).then_some(plain));
        let sound = closed && (quoted.is_none() || plain.is_empty()) && is_plain_display(plain);
        match angle_end(bracketed, 0) {
            Some(close) => {
                let (uri, params) = cut(bracketed, close);
                let uri = uri.get(1..).unwrap_or_default();
                let bare = trim(uri);
                let sound = sound && bare.len() == uri.len() && near(b'<', uri).is_none();
                NameAddr { display, uri: bare, params, sound }
            }
            None => NameAddr {
                sound: false,
                ..NameAddr::bare(display, bracketed.get(1..).unwrap_or_default(), false)
            },
        }
    }

    /// The display name as sent, without the quotes around it; `None` if there is none.
    pub fn display(&self) -> Option<&'a [u8]> {
        self.display
    }

    /// The display name as a person reads it: unescaped, unfolded, trimmed, with U+FFFD for what is no UTF-8.
    pub fn display_text(&self) -> Cow<'a, str> {
        let display = trim(self.display.unwrap_or_default());
        if display.is_empty() {
            return Cow::Borrowed("");
        }
        if !display.iter().any(|b| matches!(b, b'\\' | b'\r' | b'\n')) {
            return String::from_utf8_lossy(display);
        }
        Cow::Owned(String::from_utf8_lossy(&plain_text(display)).into_owned())
    }

    /// The URI.
    pub fn uri(&self) -> Uri<'a> {
        Uri::parse(self.uri)
    }

    /// A parameter of the header (not of the URI), its name in any case; empty if it has no value.
    pub fn param(&self, name: &[u8]) -> Option<&'a [u8]> {
        Params::new(self.params).find(name)
    }

    /// All parameters of the header in order, as name and value.
    pub fn params(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        Params::new(self.params).filter(|(name, _)| !name.is_empty())
    }

    /// The tag; `None` if there is none or an empty one.
    pub fn tag(&self) -> Option<&'a [u8]> {
        self.param(b"tag").filter(|tag| !tag.is_empty())
    }

    /// True if this is an address by the grammar, as far as reading it without doubt asks for.
    pub(super) fn is_sound(&self) -> bool {
        self.sound && (self.uri == b"*" || near(b':', self.uri).is_some()) && !self.has_empty_param()
    }

    /// A URI without brackets: the first semicolon begins the header's parameters (RFC 3261 section 20).
    fn bare(display: Option<&'a [u8]>, rest: &'a [u8], sound: bool) -> NameAddr<'a> {
        let (uri, params) = cut(rest, near(b';', rest).unwrap_or(rest.len()));
        let sound = sound && display.is_none() && near(b'?', uri).is_none();
        NameAddr { display, uri: trim(uri), params, sound }
    }

    fn has_empty_param(&self) -> bool {
        Params::new(self.params).any_nameless()
    }
}

/// The tag of an address, as [`NameAddr::tag`] tells it: at once where one `<` and one `>` show where the
/// parameters begin.
pub fn tag_of(value: &[u8]) -> Option<&[u8]> {
    let (before, rest) = cut(value, near(b'>', value).unwrap_or(value.len()));
    let params = rest.get(1..).filter(|_| near(b'<', before).is_some());
    match params {
        Some([]) => None,
        Some([b';', b't', b'a', b'g', b'=', tag @ ..]) if is_plain(tag) => Some(tag),
        Some(params) if !params.iter().any(|b| matches!(b, b'>' | b'"' | b'<')) => {
            Params::new(params).find(b"tag").filter(|tag| !tag.is_empty())
        }
        _ => NameAddr::parse(value).tag(),
    }
}

/// Whether the value of a parameter is all there is, without blanks to be trimmed.
#[inline]
fn is_plain(value: &[u8]) -> bool {
    is_bare(value) && near_any([b';', b'>', b'<', b'"'], value).is_none()
}

/// A quoted display name at the start, what follows it, and whether its quote is closed. An open quote is dropped.
fn leading_quote(value: &[u8]) -> (Option<&[u8]>, &[u8], bool) {
    if value.first() != Some(&b'"') {
        return (None, value, true);
    }
    let inner = value.get(1..).unwrap_or_default();
    match quote_end(value, 0) {
        Some(close) => {
            let (quoted, rest) = cut(inner, close.saturating_sub(1));
            (Some(quoted), rest.get(1..).unwrap_or_default(), true)
        }
        None => (None, inner, false),
    }
}

/// True unless an unquoted display name has a character that makes its reading doubtful.
fn is_plain_display(display: &[u8]) -> bool {
    !display.iter().any(|b| matches!(b, b',' | b';' | b'"' | b'>' | b'@'))
}

/// Takes away backslashes and the line ends of folds.
fn plain_text(display: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(display.len());
    let mut bytes = display.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => text.extend(bytes.next()),
            b'\r' | b'\n' => {}
            b'\t' => text.push(b' '),
            byte => text.push(byte),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(value: &str) -> NameAddr<'_> {
        NameAddr::parse(value.as_bytes())
    }

    #[test]
    fn a_quoted_name_may_hold_anything() {
        let address = address(r#""O\"Brien <x>; tag=bad, J" <sip:ob@pbx.example;x=1>;tag=good"#);
        assert_eq!(address.display_text(), r#"O"Brien <x>; tag=bad, J"#);
        assert_eq!(address.uri().user(), b"ob");
        assert_eq!(address.tag(), Some(&b"good"[..]));
        assert_eq!(address.param(b"x"), None);
        assert!(address.is_sound());
    }

    #[test]
    fn a_bare_uri_leaves_its_parameters_to_the_header() {
        let address = address("sip:201@pbx.example;tag=7");
        assert_eq!(address.uri().raw(), b"sip:201@pbx.example");
        assert_eq!(address.tag(), Some(&b"7"[..]));
        assert_eq!(address.display(), None);
        assert!(address.is_sound());
    }

    #[test]
    fn blanks_and_folds_around_everything_are_trimmed() {
        let address = address("Front  Desk<sip:1@h>\r\n ;\r\n  tag = 98");
        assert_eq!(address.display(), Some(&b"Front  Desk"[..]));
        assert_eq!(address.tag(), Some(&b"98"[..]));
        assert!(address.is_sound());
    }

    #[test]
    fn damaged_addresses_still_give_uri_and_tag() {
        for (value, user, tag) in [
            ("\"Mr. A. User <sip:a@h>;tag=1", "a", Some("1")),
            ("<sip:a@h;tag=1", "a", Some("1")),
            ("Bell, A <sip:a@h>;tag=1", "a", Some("1")),
            ("< sip:a@h >;tag=1", "a", Some("1")),
            ("<sip:a@h>;;tag=1;", "a", Some("1")),
            ("sip:a@h?Route=%3Csip:x%3E", "a", None),
            ("<<a@h>", "a", None),
            ("a@h;tag=", "a", None),
            ("", "", None),
        ] {
            let address = address(value);
            assert_eq!(address.uri().user(), user.as_bytes(), "{value}");
            assert_eq!(address.tag(), tag.map(str::as_bytes), "{value}");
            assert!(!address.is_sound(), "{value}");
        }
    }

    #[test]
    fn a_display_name_is_unfolded_and_never_fails_on_bad_utf8() {
        assert_eq!(NameAddr::parse(b"\"Jos\xe9\r\n  P\" <sip:1@h>").display_text(), "Jos\u{fffd}  P");
        assert_eq!(NameAddr::parse(b"\"\" <sip:1@h>").display(), Some(&b""[..]));
        assert_eq!(NameAddr::parse(b"*").uri().raw(), b"*");
    }

    #[test]
    fn the_tag_alone_is_read_as_with_all_the_rest() {
        let values = [
            "<sip:1@h>;tag=a",
            "\"A <x>;tag=no\" <sip:1@h>;tag=b",
            "<sip:1@h>",
            "sip:1@h;tag=c",
            "<sip:1@h>;x=\"y\";TAG=d",
            "\"q>;tag=1\" sip:1@h;tag=2",
            "<sip:1@h> ; tag = e ",
            "<sip:1@h>;tag=",
            "<sip:1@h>;tag=f>",
            "<<sip:1@h>;tag=g",
            "sip:1@h;tag=f>;tag=g",
            "\"A>;tag=no\" <sip:1@h>",
            "\"A>",
            "\"A>;tag=c",
            "\"A <x>;tag=c",
            "sip:1@h;tag=f>",
            "sip:1@h>;tag=g",
            "<sip:1@h>;tag=h;x",
            "<sip:1@h>;tag=i i",
            "<sip:1@h>;tag=i=i",
            "<sip:1@h>;tag= i",
            "<sip:1@h>;tag=i\t",
            "<sip:1@h>;tag=i;x=\"",
            "<sip:1@h>;tag=i\"x\"",
        ];
        for value in values {
            assert_eq!(tag_of(value.as_bytes()), NameAddr::parse(value.as_bytes()).tag(), "{value}");
        }
    }
}

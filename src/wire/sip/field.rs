//! Walking header lines, the comma-separated values of one, and the parameters of a value.
//!
//! Each walk goes forward only. A quote or bracket that is never closed is looked for once, then taken as an
//! ordinary character, so that no input makes a walk more than linear.

use super::lines::{Lines, cut, split_header, trim, trim_start};
use super::name::HeaderName;
use crate::wire::find::{near, near_any};

/// Which header lines are wanted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted<'n> {
    Known(HeaderName),
    Name(&'n [u8]),
}

/// The values of the header lines with one name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a, 'n> {
    lines: Lines<'a>,
    wanted: Wanted<'n>,
}

impl<'a, 'n> Fields<'a, 'n> {
    pub(super) fn new(lines: &'a [u8], wanted: Wanted<'n>) -> Fields<'a, 'n> {
        Fields { lines: Lines::new(lines), wanted }
    }
}

impl<'a> Iterator for Fields<'a, '_> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let wanted = self.wanted;
        self.lines.by_ref().filter_map(split_header).find_map(|(name, value)| {
            let hit = match wanted {
                Wanted::Known(known) => HeaderName::read(name) == Some(known),
                Wanted::Name(wanted) => name.eq_ignore_ascii_case(wanted),
            };
            hit.then(|| trim(value))
        })
    }
}

/// The values of one line between commas, trimmed, empty ones left out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Commas<'a>(Split<'a>);

impl<'a> Commas<'a> {
    pub(super) fn new(line: &'a [u8]) -> Commas<'a> {
        Commas(Split::new(line, b',', true))
    }
}

impl<'a> Iterator for Commas<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.0.by_ref().map(trim).find(|value| !value.is_empty())
    }
}

/// The parameters between semicolons as name and value; a parameter without a value has an empty one, a quoted
/// value is without its quotes. Nameless ones are left in, for [`check`](super::check) to see.
#[derive(Clone, Copy, Debug)]
pub(super) struct Params<'a>(Split<'a>);

impl<'a> Params<'a> {
    /// Reads `;a=1;b`, or nothing.
    pub(super) fn new(text: &'a [u8]) -> Params<'a> {
        let text = match text {
            [b';', text @ ..] => Some(text),
            _ => near(b';', text).and_then(|at| text.get(at.saturating_add(1)..)),
        };
        match text {
            Some(text) => Params(Split::new(text, b';', false)),
            None => Params(Split { rest: None, ..Split::new(&[], b';', false) }),
        }
    }

    /// The value of the first parameter with this name, in any case.
    pub(super) fn find(mut self, name: &[u8]) -> Option<&'a [u8]> {
        self.0.find_map(|param| value_of(param, name))
    }

    /// True if a parameter has no name.
    pub(super) fn any_nameless(mut self) -> bool {
        self.0.any(|param| matches!(trim_start(param).first(), None | Some(b'=')))
    }
}

impl<'a> Iterator for Params<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        let param = self.0.next()?;
        let (name, value) = cut(param, near(b'=', param).unwrap_or(param.len()));
        Some((trim(name), unquote(trim(value.get(1..).unwrap_or_default()))))
    }
}

/// The value of a parameter if this is its name, in any case; an empty one if it has none.
#[inline]
fn value_of<'a>(param: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (found, rest) = trim_start(param).split_at_checked(name.len())?;
    if !found.eq_ignore_ascii_case(name) {
        return None;
    }
    match trim_start(rest) {
        [] => Some(&[]),
        [b'=', value @ ..] => Some(unquote(trim(value))),
        _ => None,
    }
}

/// The pieces of a text between separators outside quotes and, if asked, angle brackets.
#[derive(Clone, Copy, Debug)]
struct Split<'a> {
    rest: Option<&'a [u8]>,
    separator: u8,
    quotes: bool,
    angles: bool,
}

impl<'a> Split<'a> {
    fn new(text: &'a [u8], separator: u8, angles: bool) -> Split<'a> {
        Split { rest: Some(text), separator, quotes: near(b'"', text).is_some(), angles }
    }

    /// The index of the next separator.
    fn separator_in(&mut self, text: &[u8]) -> Option<usize> {
        let mut at = 0usize;
        loop {
            at = at.saturating_add(self.next_mark(text.get(at..)?)?);
            let closed = match text.get(at)? {
                b'"' => quote_end(text, at),
                b'<' => angle_end(text, at),
                _ => return Some(at),
            };
            match (closed, text.get(at)) {
                (Some(end), _) => at = end,
                (None, Some(b'"')) => self.quotes = false,
                (None, _) => self.angles = false,
            }
            at = at.saturating_add(1);
        }
    }

    /// The index of the next byte that means something: the separator, or what opens a quote or bracket.
    fn next_mark(&self, text: &[u8]) -> Option<usize> {
        match (self.quotes, self.angles) {
            (true, true) => nearest([self.separator, b'"', b'<'], text),
            (true, false) => nearest([self.separator, b'"'], text),
            (false, true) => nearest([self.separator, b'<'], text),
            (false, false) => near(self.separator, text),
        }
    }
}

impl<'a> Iterator for Split<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let text = self.rest?;
        if text.is_empty() {
            self.rest = None;
            return Some(text);
        }
        let Some(at) = self.separator_in(text) else {
            self.rest = None;
            return Some(text);
        };
        let (piece, rest) = cut(text, at);
        self.rest = rest.get(1..);
        Some(piece)
    }
}

/// The index of the quote that closes the one at `open`; a backslash takes the meaning from what follows it.
pub(super) fn quote_end(text: &[u8], open: usize) -> Option<usize> {
    let mut at = open.saturating_add(1);
    loop {
        at = at.saturating_add(near_any([b'"', b'\\'], text.get(at..)?)?);
        if text.get(at) == Some(&b'"') {
            return Some(at);
        }
        at = at.saturating_add(2);
    }
}

/// The index of the bracket that closes the one at `open`.
#[inline]
pub(super) fn angle_end(text: &[u8], open: usize) -> Option<usize> {
    near(b'>', text.get(open..)?).map(|at| open.saturating_add(at))
}

/// The index of the first byte that is one of `wanted`, for texts too short to be worth a wider search.
#[inline]
fn nearest<const N: usize>(wanted: [u8; N], bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| wanted.contains(byte))
}

/// What is between a pair of quotes around the whole text, or the text.
pub(super) fn unquote(text: &[u8]) -> &[u8] {
    match text {
        [b'"', inner @ .., b'"'] => inner,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commas(line: &str) -> Vec<&[u8]> {
        Commas::new(line.as_bytes()).collect()
    }

    #[test]
    fn the_nearest_of_several_bytes_is_found_wherever_it_is() {
        for at in 0..30 {
            let mut bytes = [b'x'; 30];
            bytes[at] = b';';
            bytes[29] = b'"';
            assert_eq!(nearest([b';', b','], &bytes), (at < 29).then_some(at));
            assert_eq!(nearest([b'<', b'"', b';'], &bytes), Some(at));
        }
        assert_eq!(nearest([b'<', b'"'], b""), None);
    }

    #[test]
    fn commas_in_quotes_and_brackets_do_not_split() {
        assert_eq!(
            commas(r#""Poe, \", E" <sip:a,b@h>;x="1,2" , <sip:c>"#),
            [&br#""Poe, \", E" <sip:a,b@h>;x="1,2""#[..], b"<sip:c>"]
        );
        assert_eq!(commas(",, a ,,b,"), [&b"a"[..], b"b"]);
    }

    #[test]
    fn what_is_never_closed_is_an_ordinary_character() {
        assert_eq!(commas("\"a, b"), [&b"\"a"[..], b"b"]);
        assert_eq!(commas("<a, <b"), [&b"<a"[..], b"<b"]);
    }

    #[test]
    fn params_have_names_in_any_case_and_values_without_quotes() {
        let params = Params::new(b" ; Tag = 1 ;\r\n text=\"a;b\";lr;;x=");
        assert_eq!(params.find(b"tag"), Some(&b"1"[..]));
        assert_eq!(params.find(b"TEXT"), Some(&b"a;b"[..]));
        assert_eq!(params.find(b"lr"), Some(&b""[..]));
        assert_eq!(params.find(b"b"), None);
        assert_eq!(params.count(), 5);
        assert_eq!(Params::new(b"no semicolon").count(), 0);
    }
}

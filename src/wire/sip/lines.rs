//! Cutting a head into logical lines, and finding where a message begins and ends in a stream.
//!
//! A line ends with LF or CRLF; one that begins with a blank continues the line before it (RFC 3261 section
//! 7.3.1). A head ends with an empty line.

use memchr::memchr;

use super::name::HeaderName;
use crate::limits;
use crate::wire::find::{LineEnds, near};

/// A Content-Length that can't be trusted: no number, beyond counting, or two that differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bad;

/// The logical lines of a head, folds and line ends still in them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lines<'a> {
    bytes: &'a [u8],
    line_ends: LineEnds<'a>,
    /// Where the next one begins, and with what.
    at: usize,
    first: u8,
    blank: bool,
}

impl<'a> Lines<'a> {
    #[inline]
    pub(super) fn new(bytes: &'a [u8]) -> Lines<'a> {
        Lines::from(bytes, LineEnds::new(bytes, 0), 0)
    }

    /// Those from `at` on, to which the search for line ends has come.
    #[inline(always)]
    fn from(bytes: &'a [u8], line_ends: LineEnds<'a>, at: usize) -> Lines<'a> {
        Lines { bytes, line_ends, at, first: bytes.get(at).copied().unwrap_or(0), blank: false }
    }

    /// What has not been read; after the last line, what follows the blank line.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// True once the blank line has been passed.
    pub(super) fn blank(&self) -> bool {
        self.blank
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    /// The byte behind a line tells whether it goes on, and then is the first one of the next.
    #[inline(always)]
    fn next(&mut self) -> Option<&'a [u8]> {
        if self.blank {
            return None;
        }
        loop {
            let end = self.line_ends.next()?;
            let line = self.bytes.get(self.at..end)?;
            if matches!(self.first, b'\r' | b'\n') && matches!(line, [b'\n'] | [b'\r', b'\n']) {
                (self.at, self.blank) = (end, true);
                return None;
            }
            let next = self.bytes.get(end).copied().unwrap_or(0);
            if !matches!(next, b' ' | b'\t') {
                (self.at, self.first) = (end, next);
                return Some(line);
            }
        }
    }
}

/// Shows each logical line from `start` on, to which the search for line ends has come, and where it begins, until the
/// blank line; tells where that ends, if there is one.
#[inline(always)]
pub(super) fn walk<'a>(
    bytes: &'a [u8],
    line_ends: LineEnds<'a>,
    start: usize,
    mut show: impl FnMut(usize, &'a [u8]),
) -> Option<usize> {
    let mut lines = Lines::from(bytes, line_ends, start);
    while let Some(line) = lines.next() {
        show(lines.at - line.len(), line);
    }
    lines.blank.then_some(lines.at)
}

/// The index after the blank line that ends a head, line ends before the start line skipped; `None` if there is
/// no blank line yet.
pub fn head_end(bytes: &[u8]) -> Option<usize> {
    let (_, mut rest) = first_line(skip_line_ends(bytes));
    loop {
        if let Some(after) = after_line_end(rest) {
            return bytes.len().checked_sub(after.len());
        }
        let lf = memchr(b'\n', rest)?;
        rest = cut(rest, lf.saturating_add(1)).1;
    }
}

/// What the Content-Length of a head says, under either of its names; `None` if there is none.
///
/// # Errors
/// [`Bad`] if it is not a number or differs from a second one; the caller sets the bound.
pub fn content_length(head: &[u8]) -> Option<Result<usize, Bad>> {
    let (_, rest) = first_line(skip_line_ends(head));
    let mut length = None;
    for (name, value) in Lines::new(rest).take(limits::HEADERS).filter_map(split_header) {
        if HeaderName::read(name) == Some(HeaderName::ContentLength) {
            length = Some(merge_length(length, value));
        }
    }
    length
}

/// True if a SIP message could start here: a token, a blank and a URI, or `SIP/`; where the line is complete
/// it must also end in a SIP version.
pub fn looks_like_start(bytes: &[u8]) -> bool {
    if bytes.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/2.0 ")) {
        return true;
    }
    let method = bytes.iter().take(limits::METHOD).take_while(|b| is_token_byte(**b)).count();
    let after = bytes.get(method..).unwrap_or_default();
    let uri = after.trim_ascii_start();
    let plausible = method > 0
        && after.first().is_none_or(|b| *b == b' ')
        && uri.first().is_none_or(|b| b.is_ascii_alphabetic() || *b == b'<');
    plausible && (memchr(b'\n', uri).is_none_or(|end| ends_in_version(cut(uri, end).0)))
}

/// The first line without its end, and what follows it. A start line is never folded.
#[inline]
pub(super) fn first_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match near(b'\n', bytes) {
        Some(lf) => {
            let (line, rest) = cut(bytes, lf.saturating_add(1));
            (trim_line_end(line), rest)
        }
        None => (trim_line_end(bytes), &[]),
    }
}

/// A header line as its name and what follows the colon, untrimmed; `None` without a colon.
#[inline]
pub(super) fn split_header(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = near(b':', line)?;
    let (name, value) = cut(line, colon);
    Some((trim_end(name), value.get(1..).unwrap_or_default()))
}

/// One more Content-Length beside what was read before: equal ones are as good as one.
#[inline(always)]
pub(super) fn merge_length(before: Option<Result<usize, Bad>>, value: &[u8]) -> Result<usize, Bad> {
    let length = match value {
        [b' ', digit @ b'0'..=b'9', b'\r', b'\n'] => usize::from(digit - b'0'),
        _ => number(trim(value)).ok_or(Bad)?,
    };
    match before {
        Some(Ok(first)) if first != length => Err(Bad),
        Some(Err(bad)) => Err(bad),
        Some(Ok(_)) | None => Ok(length),
    }
}

/// A decimal number that is all digits; `None` for anything else and beyond what a `usize` holds.
#[inline]
pub(super) fn number(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0usize, |sum, digit| {
        let digit = digit.is_ascii_digit().then(|| usize::from(digit - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

#[inline]
pub(super) fn skip_line_ends(bytes: &[u8]) -> &[u8] {
    let ends = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    bytes.get(ends..).unwrap_or_default()
}

/// Linear white space: blanks, tabs, and the line ends of folds.
pub(super) const fn is_lws(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Whether there is something, which neither begins nor ends with a blank.
#[inline]
pub(super) fn is_bare(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| *first > b' ') && bytes.last().is_some_and(|last| *last > b' ')
}

#[inline]
pub(super) fn trim(bytes: &[u8]) -> &[u8] {
    let bare = bytes.strip_prefix(b" ").unwrap_or(bytes);
    let bare = bare.strip_suffix(b"\r\n").unwrap_or(bare);
    if is_bare(bare) { bare } else { trim_more(bare) }
}

/// Apart, for few values have more blanks around them than one before and a line end behind.
#[cold]
fn trim_more(bytes: &[u8]) -> &[u8] {
    trim_end(trim_start(bytes))
}

#[inline]
pub(super) fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_lws(*first)
    {
        bytes = rest;
    }
    bytes
}

#[inline]
pub(super) fn trim_end(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., last] = bytes
        && is_lws(*last)
    {
        bytes = rest;
    }
    bytes
}

/// `bytes` before and from `at`; everything and nothing if it is not that long.
#[inline]
pub(super) fn cut(bytes: &[u8], at: usize) -> (&[u8], &[u8]) {
    match bytes.split_at_checked(at) {
        Some(parts) => parts,
        None => uncut(bytes),
    }
}

/// Apart, so that a cut is a branch that is foretold and not a choice that waits for `at`.
#[cold]
fn uncut(bytes: &[u8]) -> (&[u8], &[u8]) {
    (bytes, &[])
}

/// True for the characters of a token (RFC 3261 section 25.1).
#[inline]
pub(super) fn is_token_byte(byte: u8) -> bool {
    TOKEN[usize::from(byte)]
}

#[inline]
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|b| is_token_byte(*b))
}

#[inline]
pub(super) fn trim_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[inline]
fn after_line_end(bytes: &[u8]) -> Option<&[u8]> {
    bytes.strip_prefix(b"\r\n").or_else(|| bytes.strip_prefix(b"\n"))
}

fn ends_in_version(line: &[u8]) -> bool {
    let last = line.trim_ascii_end().rsplit(|b| *b == b' ').next().unwrap_or_default();
    last.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/"))
}

static TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0u8;
    loop {
        table[byte as usize] = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~');
        if byte == u8::MAX {
            break table;
        }
        byte += 1;
    }
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folded_lines_stay_one_line() {
        let mut lines = Lines::new(b"A: 1\r\n 2\r\n\t3\r\nB: 4\nC: 5\r\n\r\nbody");
        assert_eq!(lines.next().map(trim_end), Some(&b"A: 1\r\n 2\r\n\t3"[..]));
        assert_eq!(lines.next().map(trim_end), Some(&b"B: 4"[..]));
        assert_eq!(lines.next().map(trim_end), Some(&b"C: 5"[..]));
        assert_eq!(lines.next(), None);
        assert!(lines.blank());
        assert_eq!(lines.rest(), b"body");
    }

    #[test]
    fn a_walk_shows_each_line_where_it_begins_up_to_the_blank_one() {
        type Head = (&'static str, usize, &'static [(usize, &'static str)], Option<usize>);
        let heads: [Head; 6] = [
            (
                "X\r\nA: 1\r\n 2\r\n\t3\r\nB: 4\n\r\nbody",
                3,
                &[(3, "A: 1\r\n 2\r\n\t3\r\n"), (17, "B: 4\n")],
                Some(24),
            ),
            ("A: 1\n\nbody", 0, &[(0, "A: 1\n")], Some(6)),
            ("A: 1\r\nB", 0, &[(0, "A: 1\r\n"), (6, "B")], None),
            ("\r\nA: 1\r\n", 0, &[], Some(2)),
            (" \n", 0, &[(0, " \n")], None),
            ("", 0, &[], None),
        ];
        for (head, start, lines, blank) in heads {
            let mut shown = Vec::new();
            let head_of = head.as_bytes();
            let end = walk(head_of, LineEnds::new(head_of, start), start, |at, line| shown.push((at, line)));
            let lines: Vec<_> = lines.iter().map(|(at, line)| (*at, line.as_bytes())).collect();
            assert_eq!((shown, end), (lines, blank), "{head:?}");
        }
    }

    #[test]
    fn head_end_accepts_every_mix_of_line_ends() {
        assert_eq!(head_end(b"X\r\nA: 1\r\n\r\nbody"), Some(11));
        assert_eq!(head_end(b"X\nA: 1\n\nbody"), Some(8));
        assert_eq!(head_end(b"X\nA: 1\n\r\nbody"), Some(9));
        assert_eq!(head_end(b"X\r\nA: 1\r\n\nbody"), Some(10));
        assert_eq!(head_end(b"\r\n\r\nX\r\nA: 1\r\n\r\n"), Some(15));
        assert_eq!(head_end(b"X\r\nA: 1\r\n"), None);
        assert_eq!(head_end(b""), None);
    }

    #[test]
    fn content_length_reads_both_names_and_refuses_nonsense() {
        assert_eq!(content_length(b"X\r\nl: 12\r\n\r\n"), Some(Ok(12)));
        assert_eq!(content_length(b"X\r\nContent-Length :\r\n 7\r\n\r\n"), Some(Ok(7)));
        assert_eq!(content_length(b"X\r\nl: 5\r\nContent-Length: 5\r\n\r\n"), Some(Ok(5)));
        assert_eq!(content_length(b"X\r\nl: 5\r\nContent-Length: 6\r\n\r\n"), Some(Err(Bad)));
        assert_eq!(content_length(b"X\r\nl: 5\r\nl: 6\r\nl: 5\r\n\r\n"), Some(Err(Bad)));
        for bad in ["-1", "five", "", "1 2", "99999999999999999999999999"] {
            assert_eq!(content_length(format!("X\r\nl: {bad}\r\n\r\n").as_bytes()), Some(Err(Bad)), "{bad}");
        }
        assert_eq!(content_length(b"X\r\nA: 1\r\n\r\nl: 5"), None);
    }

    #[test]
    fn a_start_is_told_from_other_bytes() {
        for start in
            ["INVITE sip:a@b SIP/2.0\r\n", "SIP/2.0 200 OK", "BYE  <sip:a> SIP/2.0 \r\n", "INVITE si", "AC"]
        {
            assert!(looks_like_start(start.as_bytes()), "{start}");
        }
        for other in [
            "v=0\r\no=- 1 1",
            "GET / HTTP/1.1\r\n",
            "a b c\r\n",
            "Via: SIP/2.0/UDP h\r\n",
            "\r\n",
            "",
            "\u{80}a b",
        ] {
            assert!(!looks_like_start(other.as_bytes()), "{other}");
        }
    }
}

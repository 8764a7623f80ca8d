//! The one pass over a head: the headers that say where a message belongs and how long its body is, and what is
//! wrong with them. What else there is, [`Index`] tells: of an INVITE, which is always asked for more, at once.

use std::cell::OnceCell;

use super::fault::Faults;
use super::index::Index;
use super::lines::{
    Bad, cut, is_lws, is_token, merge_length, skip_line_ends, split_header, trim, trim_line_end, walk,
};
use super::message::{CSeq, Message};
use super::method::Method;
use super::name::HeaderName;
use super::start::{self, Refusal, StartLine};
use crate::limits;
use crate::wire::find::{HEAD_LINES, LineEnds, head_lines};

/// What a pass over the headers found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scan<'a> {
    /// The values of Call-ID, From, To and CSeq, which are the first four names; empty = there is none.
    pub(super) keys: [&'a [u8]; 4],
    /// The value of the first Via line.
    pub(super) via: &'a [u8],
    /// The value of the first Content-Type line; empty = there is none.
    pub(super) content_type: &'a [u8],
    /// The letters that header names begin with, as [`initial`] tells them.
    pub(super) initials: u32,
    /// How many header lines were read.
    pub(super) lines: u16,
    pub(super) faults: Faults,
}

/// Reads a message; linear in its length, without allocating.
pub(super) fn read(bytes: &[u8]) -> Result<Message<'_>, Refusal> {
    if bytes.len() > limits::MESSAGE {
        return Err(Refusal::TooLong);
    }
    let bytes = skip_line_ends(bytes);
    if bytes.iter().all(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n' | 0)) {
        return Err(Refusal::Keepalive);
    }
    let mut ends = [0; HEAD_LINES];
    let lines = head_lines(bytes, &mut ends);
    let first = match lines {
        Some([first, ..]) => usize::from(*first),
        _ => LineEnds::new(bytes, 0).next().unwrap_or_default(),
    };
    let (start, faults) = start::read(trim_line_end(cut(bytes, first).0))?;
    let mut scan = Scan::new(faults);
    let plain = lines.and_then(|lines| Some((lines, scan.plain_head(bytes, lines)?)));
    let head = match plain {
        Some((_, head)) => head,
        None => {
            scan = Scan::new(faults);
            scan.head(bytes)
        }
    };
    if scan.lines == 0 {
        return Err(Refusal::NoHeaders);
    }
    let (body, trailing) = scan.body(cut(bytes, head.whole).1, head.length);
    let cseq = scan.cseq(start);
    if scan.keys.iter().any(|key| key.is_empty()) {
        scan.faults |= Faults::MISSING_KEY;
    }
    let method = match (start, cseq) {
        (_, Some(cseq)) if !scan.faults.any(Faults::CSEQ_MISMATCH) => cseq.method,
        (StartLine::Request { method, .. }, _) => Method::read(method),
        (StartLine::Response { .. }, _) => Method::Other,
    };
    Ok(Message {
        start,
        method,
        head: cut(bytes, head.read).0,
        body,
        trailing,
        cseq,
        scan,
        index: match (plain, start) {
            (Some((lines, _)), StartLine::Request { method: b"INVITE", .. }) => {
                OnceCell::from(Index::of_lines(bytes, lines))
            }
            _ => OnceCell::new(),
        },
    })
}

/// Where a head ends, and what it says of the body.
#[derive(Clone, Copy)]
struct Head {
    /// The end of the last line that was read.
    read: usize,
    /// The end of the blank line, or of the message.
    whole: usize,
    length: Length,
}

/// A Content-Length, if there is one.
type Length = Option<Result<usize, Bad>>;

impl<'a> Scan<'a> {
    /// The value of Call-ID, From, To or CSeq.
    #[inline]
    pub(super) fn key(&self, name: HeaderName) -> Option<&'a [u8]> {
        self.keys.get(name as usize).copied().filter(|value| !value.is_empty())
    }

    fn new(faults: Faults) -> Scan<'a> {
        Scan { keys: [&[]; 4], via: &[], content_type: &[], initials: 0, lines: 0, faults }
    }

    /// Reads a head whose lines all end where `ends` says, as nearly all do; `None` if one of them is folded.
    #[inline(always)]
    fn plain_head(&mut self, bytes: &'a [u8], ends: &[u16]) -> Option<Head> {
        let [start, lines @ .., blank] = ends else { return None };
        let (mut read, mut length) = (usize::from(*start), None);
        for end in lines {
            let (at, end) = (read, usize::from(*end));
            let first = *bytes.get(at)?;
            self.initials |= initial(first);
            match KINDS[usize::from(first)] {
                Kind::Passed => {}
                Kind::Sought => self.sought(bytes.get(at..end)?, &mut length),
                Kind::Blank => return None,
            }
            read = end;
        }
        self.lines = lines.len() as u16;
        Some(Head { read, whole: usize::from(*blank), length })
    }

    /// Reads any head.
    #[cold]
    fn head(&mut self, bytes: &'a [u8]) -> Head {
        let mut line_ends = LineEnds::new(bytes, 0);
        let start = line_ends.next().unwrap_or_default();
        let (mut read, mut length) = (start, None);
        let whole = walk(bytes, line_ends, start, |at, line| {
            if usize::from(self.lines) < limits::HEADERS {
                self.lines += 1;
                self.line(line, &mut length);
                read = at + line.len();
            } else {
                self.faults |= Faults::TOO_MANY_HEADERS;
            }
        });
        if whole.is_none() {
            self.faults |= Faults::NO_BLANK_LINE;
        }
        Head { read, whole: whole.unwrap_or(bytes.len()), length }
    }

    fn line(&mut self, line: &'a [u8], length: &mut Length) {
        let Some(first) = line.first() else { return };
        self.initials |= initial(*first);
        if KINDS[usize::from(*first)] == Kind::Sought {
            self.sought(line, length);
        }
    }

    /// A line that begins as one of the headers does that are looked for.
    #[inline(always)]
    fn sought(&mut self, line: &'a [u8], length: &mut Length) {
        match HeaderName::usual(line) {
            Some((known, value)) => self.field(known, cut(line, value).1, length),
            None => self.unusual(line, length),
        }
    }

    /// A line that does not begin as most do.
    #[cold]
    fn unusual(&mut self, line: &'a [u8], length: &mut Length) {
        let known = split_header(line).and_then(|(name, value)| Some((HeaderName::read(name)?, value)));
        if let Some((known, value)) = known {
            self.field(known, value, length);
        }
    }

    #[inline(always)]
    fn field(&mut self, known: HeaderName, value: &'a [u8], length: &mut Length) {
        match known {
            HeaderName::CallId | HeaderName::From | HeaderName::To | HeaderName::CSeq => {
                self.key_line(known, trim(value));
            }
            HeaderName::Via if self.via.is_empty() => self.via = trim(value),
            HeaderName::ContentLength => *length = Some(merge_length(*length, value)),
            HeaderName::ContentType if self.content_type.is_empty() => self.content_type = trim(value),
            _ => {}
        }
    }

    #[inline(always)]
    fn key_line(&mut self, known: HeaderName, value: &'a [u8]) {
        let Some(key) = self.keys.get_mut(known as usize) else { return };
        if key.is_empty() {
            *key = value;
        } else if !value.is_empty() && *key != value {
            self.faults |= Faults::DUPLICATE_KEY;
        }
    }

    /// The body by Content-Length where that is sane, else all there is (RFC 3261 section 18.3); and what is left.
    fn body(&mut self, after: &'a [u8], length: Length) -> (&'a [u8], &'a [u8]) {
        match length {
            Some(Ok(length)) if length <= after.len() => cut(after, length),
            Some(Ok(_) | Err(Bad)) => {
                self.faults |= Faults::BAD_CONTENT_LENGTH;
                (after, &[])
            }
            None => (after, &[]),
        }
    }

    fn cseq(&mut self, start: StartLine<'_>) -> Option<CSeq<'a>> {
        let value = self.key(HeaderName::CSeq)?;
        let Some(cseq) = CSeq::read(value) else {
            self.faults |= Faults::BAD_CSEQ;
            return None;
        };
        if matches!(start, StartLine::Request { method, .. } if method != cseq.raw_method) {
            self.faults |= Faults::CSEQ_MISMATCH;
        }
        Some(cseq)
    }
}

/// A bit for what a header name begins with, the same for both cases of a letter.
pub(super) const fn initial(first: u8) -> u32 {
    1 << (first & 31)
}

/// What the first byte of a line tells of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing that the pass looks for begins so.
    Passed,
    /// A header that it looks for may begin so.
    Sought,
    /// It goes on with the line before it.
    Blank,
}

static KINDS: [Kind; 256] = {
    let mut table = [Kind::Passed; 256];
    let letters = b"CcFfIiLlTtVv";
    let mut n = 0;
    while n < letters.len() {
        table[letters[n] as usize] = Kind::Sought;
        n += 1;
    }
    table[b' ' as usize] = Kind::Blank;
    table[b'\t' as usize] = Kind::Blank;
    table
};

/// The number a value begins with, and what follows it; none if it is beyond counting or nothing follows.
#[inline]
fn leading_number(value: &[u8]) -> Option<(u32, &[u8])> {
    let mut number = 0_u32;
    for (at, byte) in value.iter().enumerate() {
        match byte {
            b'0'..=b'9' => number = number.checked_mul(10)?.checked_add(u32::from(byte - b'0'))?,
            _ if at > 0 => return Some((number, value.get(at..)?)),
            _ => return None,
        }
    }
    None
}

impl<'a> CSeq<'a> {
    fn read(value: &'a [u8]) -> Option<CSeq<'a>> {
        let (number, rest) = leading_number(value)?;
        if !is_lws(*rest.first()?) {
            return None;
        }
        let raw_method = trim(rest);
        let method = Method::read(raw_method);
        let named = method != Method::Other || is_token(raw_method);
        named.then_some(CSeq { number, method, raw_method })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_plain_head_is_read_as_any_other(
            lines in proptest::collection::vec(
                "(Via|v|From|To|t|CSeq|Call-ID|Content-Length|l|Content-Type|Contact|Allow|X-[a-z]{3})[ ]?:[ ]?[a-c1-3;=, ]{0,9}|[ :a]{0,3}",
                0..9,
            ),
            end in "\r?\n",
        ) {
            let text = format!("ACK sip:a SIP/2.0{end}{}{end}body", lines.iter().map(|line| format!("{line}{end}")).collect::<String>());
            let bytes = text.as_bytes();
            let mut ends = [0; HEAD_LINES];
            let ends = head_lines(bytes, &mut ends).expect("few lines");
            let (mut plain, mut any) = (Scan::new(Faults::default()), Scan::new(Faults::default()));
            if let Some(head) = plain.plain_head(bytes, ends) {
                let whole = any.head(bytes);
                prop_assert_eq!((head.read, head.whole, head.length), (whole.read, whole.whole, whole.length));
                prop_assert_eq!(format!("{plain:?}"), format!("{any:?}"));
                let indexed = Index::of(cut(bytes, head.read).0);
                prop_assert_eq!(format!("{:?}", Index::of_lines(bytes, ends)), format!("{indexed:?}"));
            } else {
                prop_assert!(lines.iter().any(|line| line.starts_with(' ')), "{}", text);
            }
        }
    }
}

//! The one pass over a head: which known headers there are, where each starts, and what is wrong with them.

use super::fault::Faults;
use super::lines::{
    Bad, Lines, cut, first_line, is_lws, is_token, merge_length, number, skip_line_ends, split_header, trim,
};
use super::message::{CSeq, Message};
use super::method::Method;
use super::name::HeaderName;
use super::start::{self, Refusal, StartLine};
use super::{MAX_HEADERS, MAX_MESSAGE};

/// What a pass over the headers found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scan<'a> {
    /// Where the first line of each known header starts, from the start of the message; 0 = there is none.
    pub(super) first: [u16; HeaderName::COUNT],
    /// The values of Call-ID, From, To and CSeq, which are the first four names; empty = there is none.
    pub(super) keys: [&'a [u8]; 4],
    /// How many header lines were read.
    pub(super) lines: u16,
    pub(super) faults: Faults,
}

/// Reads a message; linear in its length, without allocating.
pub(super) fn read(bytes: &[u8]) -> Result<Message<'_>, Refusal> {
    if bytes.len() > MAX_MESSAGE {
        return Err(Refusal::TooLong);
    }
    let bytes = skip_line_ends(bytes);
    if bytes.iter().all(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n' | 0)) {
        return Err(Refusal::Keepalive);
    }
    let (first, rest) = first_line(bytes);
    let (start, faults) = start::read(first)?;
    let mut scan = Scan::new(faults);
    let (head, after, length) = scan.head(bytes, rest);
    if scan.lines == 0 {
        return Err(Refusal::NoHeaders);
    }
    let (body, trailing) = scan.body(after, length);
    let cseq = scan.cseq(start);
    if scan.keys.iter().any(|key| key.is_empty()) {
        scan.faults |= Faults::MISSING_KEY;
    }
    Ok(Message { start, head, body, trailing, cseq, scan })
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
        Scan { first: [0; HeaderName::COUNT], keys: [&[]; 4], lines: 0, faults }
    }

    /// Reads the header lines in `rest`; gives the head as far as it is read, what follows the blank line, and
    /// the Content-Length.
    fn head(&mut self, bytes: &'a [u8], rest: &'a [u8]) -> (&'a [u8], &'a [u8], Length) {
        let offset = |rest: &[u8]| bytes.len().saturating_sub(rest.len());
        let mut lines = Lines::new(rest);
        let mut length = None;
        let mut at = offset(rest);
        let mut end = bytes.len();
        while let Some(line) = lines.next() {
            if usize::from(self.lines) < MAX_HEADERS {
                self.lines += 1;
                self.line(at, line, &mut length);
            } else if !self.faults.any(Faults::TOO_MANY_HEADERS) {
                self.faults |= Faults::TOO_MANY_HEADERS;
                end = at;
            }
            at = offset(lines.rest());
        }
        if !lines.blank() {
            self.faults |= Faults::NO_BLANK_LINE;
        }
        (cut(bytes, end.min(at)).0, lines.rest(), length)
    }

    #[inline]
    fn line(&mut self, at: usize, line: &'a [u8], length: &mut Length) {
        let Some((known, value)) = HeaderName::usual(line).or_else(|| self.unusual(line)) else { return };
        if let Some(slot @ 0) = self.first.get_mut(known as usize) {
            *slot = u16::try_from(at).unwrap_or(0);
        }
        if known == HeaderName::ContentLength {
            *length = Some(merge_length(*length, value));
        } else if let Some(key) = self.keys.get_mut(known as usize) {
            let value = trim(value);
            if key.is_empty() {
                *key = value;
            } else if !value.is_empty() && *key != value {
                self.faults |= Faults::DUPLICATE_KEY;
            }
        }
    }

    /// The known header of a line and what follows its colon, of a line that does not begin as most do.
    fn unusual(&mut self, line: &'a [u8]) -> Option<(HeaderName, &'a [u8])> {
        let Some((name, value)) = split_header(line) else {
            self.faults |= Faults::BAD_HEADER_LINE;
            return None;
        };
        let known = HeaderName::read(name);
        if known.is_none() && !is_token(name) {
            self.faults |= Faults::BAD_HEADER_LINE;
        }
        known.map(|known| (known, value))
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

impl<'a> CSeq<'a> {
    fn read(value: &'a [u8]) -> Option<CSeq<'a>> {
        let blank = value.iter().position(|b| is_lws(*b))?;
        let (digits, rest) = cut(value, blank);
        let number = number(digits).and_then(|n| u32::try_from(n).ok())?;
        let raw_method = trim(rest);
        is_token(raw_method).then(|| CSeq { number, method: Method::read(raw_method), raw_method })
    }
}

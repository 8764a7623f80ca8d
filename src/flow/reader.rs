//! One direction of a TCP stream, in order: finds out what it speaks and hands the bytes on to that.
//!
//! | speaks | known by |
//! |---|---|
//! | `Opening` | nothing yet |
//! | `Sip` | a first line that is neither of the others; given up after 4 KiB without a start line |
//! | `Hep` | its magic |
//! | `Http` | its first line, until the head is whole |
//! | `Ws` | an upgrade, or a frame that starts like SIP |

use super::demux::{Ends, Sink};
use super::framing::{Lines, Sip, header_follows};
use super::hep_stream::HepStream;
use super::http::{Upgrade, is_http};
use super::ws_stream::{WsStream, starts_sip};
use crate::limits;
use crate::wire::hep;
use crate::wire::sip::looks_like_start;

/// The reading end of a stream.
pub(super) struct Reader {
    speaks: Speaks,
    /// Bytes that came and aren't used yet.
    rest: Vec<u8>,
}

pub(super) enum Speaks {
    Opening(Lines),
    Sip(Sip),
    Hep(HepStream),
    Http(Upgrade),
    Ws(WsStream),
}

/// What was done with the bytes at hand.
pub(super) enum Step {
    /// The first ones are done with.
    Used(usize),
    /// It takes more.
    Wait,
    /// The stream speaks something else from here, after so many bytes.
    Become(Speaks, usize),
    /// Nothing here is for us.
    Foreign(Foreign),
}

/// What a stream is that isn't read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Foreign {
    Tls,
    Unknown,
}

impl Reader {
    pub(super) fn new() -> Reader {
        Reader { speaks: Speaks::Opening(Lines::default()), rest: Vec::new() }
    }

    /// Takes the next bytes of the stream, one segment's.
    pub(super) fn feed(&mut self, segment: &[u8], ends: Ends, sink: &mut Sink<'_>) -> Result<(), Foreign> {
        if self.is_lost()
            && let Some(speaks) = opening_of(segment)
            && !matches!(speaks, Speaks::Sip(_))
        {
            *self = Reader { speaks, rest: Vec::new() };
        }
        if self.rest.is_empty() {
            let used = self.walk(segment, ends, sink)?;
            self.rest.extend_from_slice(segment.get(used..).unwrap_or_default());
        } else {
            let mut bytes = std::mem::take(&mut self.rest);
            bytes.extend_from_slice(segment);
            let used = self.walk(&bytes, ends, sink)?;
            bytes.drain(..used.min(bytes.len()));
            if bytes.capacity() / 4 > bytes.len() + 256 {
                bytes.shrink_to_fit();
            }
            self.rest = bytes;
        }
        debug_assert!(self.rest.len() <= MAX_REST, "{} bytes wait for more", self.rest.len());
        Ok(())
    }

    /// Bytes are lost before the next ones.
    pub(super) fn gap(&mut self, ends: Ends, sink: &mut Sink<'_>) {
        let rest = std::mem::take(&mut self.rest);
        match &mut self.speaks {
            Speaks::Opening(_) | Speaks::Http(_) => self.speaks = Speaks::Opening(Lines::default()),
            Speaks::Sip(sip) => sip.gap(&rest, ends, sink),
            Speaks::Hep(stream) => stream.gap(),
            Speaks::Ws(stream) => stream.gap(),
        }
    }

    /// Memory held, in bytes.
    pub(super) fn held(&self) -> usize {
        let parts = if let Speaks::Ws(stream) = &self.speaks { stream.held() } else { 0 };
        self.rest.capacity() + parts
    }

    fn walk(&mut self, bytes: &[u8], ends: Ends, sink: &mut Sink<'_>) -> Result<usize, Foreign> {
        let mut used = 0;
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            match self.step(rest, ends, sink) {
                Step::Used(n) => used += n,
                Step::Wait => return Ok(used),
                Step::Become(speaks, n) => {
                    self.speaks = speaks;
                    used += n;
                }
                Step::Foreign(foreign) => return Err(foreign),
            }
        }
    }

    fn step(&mut self, rest: &[u8], ends: Ends, sink: &mut Sink<'_>) -> Step {
        match &mut self.speaks {
            Speaks::Opening(lines) => open(lines, rest),
            Speaks::Sip(sip) => sip.step(rest, ends, sink),
            Speaks::Hep(stream) => stream.step(rest, sink),
            Speaks::Http(upgrade) => upgrade.step(rest),
            Speaks::Ws(stream) => stream.step(rest, ends, sink),
        }
    }

    /// True if the next segment may show better than the bytes before it what this is.
    fn is_lost(&self) -> bool {
        match &self.speaks {
            Speaks::Opening(_) => !self.rest.is_empty(),
            Speaks::Sip(sip) => sip.is_doubtful(),
            Speaks::Ws(stream) => stream.is_astray(),
            _ => false,
        }
    }
}

/// What a segment starts that comes after bytes that made no sense: a whole start line with a header, a HEP
/// header, or a WebSocket frame with SIP in it.
pub(super) fn opening_of(segment: &[u8]) -> Option<Speaks> {
    let first = segment.first()?;
    if first.is_ascii_alphabetic() {
        if segment.first_chunk().and_then(hep::stated_len).is_some() {
            return Some(Speaks::Hep(HepStream::default()));
        }
        let end = Lines::default().peek(segment.get(..limits::TCP_LINE).unwrap_or(segment))?;
        let (line, after) = segment.split_at_checked(end)?;
        let starts = looks_like_start(line) && header_follows(after) == Some(true);
        return starts.then(|| Speaks::Sip(Sip::new()));
    }
    (starts_sip(segment) == Some(true)).then(|| Speaks::Ws(WsStream::default()))
}

/// Tells from the first bytes what a stream speaks.
fn open(lines: &mut Lines, rest: &[u8]) -> Step {
    let sip = || Step::Become(Speaks::Sip(Sip::new()), 0);
    match rest {
        [] | [0x14..=0x17] => return Step::Wait,
        [0x14..=0x17, 3, ..] => return Step::Foreign(Foreign::Tls),
        [b'\r' | b'\n', ..] => return sip(),
        _ if hep::has_magic(rest) => return Step::Become(Speaks::Hep(HepStream::default()), 0),
        _ if b"HEP3".starts_with(rest) || b"EEP3".starts_with(rest) => return Step::Wait,
        _ => {}
    }
    match starts_sip(rest) {
        None => return Step::Wait,
        Some(true) => return Step::Become(Speaks::Ws(WsStream::default()), 0),
        Some(false) => {}
    }
    match lines.peek(rest) {
        None if rest.len() > limits::TCP_LINE => Step::Foreign(Foreign::Unknown),
        None => Step::Wait,
        Some(end) if is_http(rest.get(..end).unwrap_or(rest)) => {
            Step::Become(Speaks::Http(Upgrade::default()), 0)
        }
        Some(_) => sip(),
    }
}

/// Nothing waits for more than a WebSocket frame with the longest message.
const MAX_REST: usize = limits::MESSAGE + 14;

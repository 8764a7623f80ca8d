//! SIP messages cut from a byte stream by Content-Length (RFC 3261 section 18.3).
//!
//! In: the bytes not yet used. Out: whole messages, and how many bytes are done with. Between messages line
//! ends are keepalives (RFC 5626 section 3.5.1). Whatever isn't a start line there leads the framing
//! astray: it then skips line by line to a start line that a header follows. No byte is searched twice.
//!
//! | state | waits for |
//! |---|---|
//! | `Start` | a whole line that is a start line |
//! | `Head` | the blank line |
//! | `Body` | as many bytes as the head promised |

use memchr::{memchr, memmem, memrchr};

use super::demux::{Ends, Sink};
use super::reader::{Foreign, Step};
use crate::limits;
use crate::wire::packet::Transport;
use crate::wire::sip::{content_length, looks_like_start};

/// Where the framing of one direction stands.
pub(super) struct Sip {
    state: State,
    /// Bytes searched for a line end.
    lines: Lines,
    /// True while what is read isn't a message.
    astray: bool,
    /// Bytes skipped before the first message, until there is one.
    unproven: Option<usize>,
}

enum State {
    Start,
    Head,
    Body(usize),
}

impl Sip {
    /// At the start of a stream that may be SIP.
    pub(super) fn new() -> Sip {
        Sip { state: State::Start, lines: Lines::default(), astray: false, unproven: Some(0) }
    }

    /// In the middle of a stream that may be SIP.
    pub(super) fn searching() -> Sip {
        Sip { astray: true, ..Sip::new() }
    }

    /// True until a start line was found, while what came wasn't one.
    pub(super) fn is_doubtful(&self) -> bool {
        self.astray && self.unproven.is_some()
    }

    pub(super) fn step(&mut self, rest: &[u8], ends: Ends, sink: &mut Sink<'_>) -> Step {
        match self.state {
            State::Start => self.start(rest, sink),
            State::Head => self.head(rest, ends, sink),
            State::Body(total) => match rest.get(..total) {
                None => Step::Wait,
                Some(message) => {
                    sink.message(ends, Transport::Tcp, message, false);
                    self.next(total)
                }
            },
        }
    }

    /// Bytes after `rest` are lost: a message that had begun goes on as far as it came.
    pub(super) fn gap(&mut self, rest: &[u8], ends: Ends, sink: &mut Sink<'_>) {
        if !matches!(self.state, State::Start) && !rest.is_empty() {
            sink.message(ends, Transport::Tcp, rest, true);
        }
        *self = Sip { unproven: self.unproven, ..Sip::searching() };
    }

    fn start(&mut self, rest: &[u8], sink: &mut Sink<'_>) -> Step {
        let blank = rest.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        if blank > 0 {
            let line_ends = rest.iter().take(blank).filter(|b| **b == b'\n').count();
            sink.counters.keepalives += if self.astray { 0 } else { line_ends as u64 };
            return self.next(blank);
        }
        let Some(end) = self.lines.peek(rest) else { return self.no_line(rest) };
        let line = rest.get(..end).unwrap_or(rest);
        if !self.astray && looks_like_start(line) {
            return self.begin(end);
        }
        self.stray(sink);
        let Some(start) = start_within(line) else { return self.waste(end) };
        match header_follows(rest.get(end..).unwrap_or_default()) {
            None => Step::Wait,
            Some(false) => self.waste(end),
            Some(true) if start > 0 => self.waste(start),
            Some(true) => self.begin(end),
        }
    }

    /// A start line ends at `end`.
    fn begin(&mut self, end: usize) -> Step {
        self.lines.pass(end);
        (self.state, self.astray, self.unproven) = (State::Head, false, None);
        Step::Used(0)
    }

    /// Of a line that is too long, its end so far may still be the start of a start line.
    fn no_line(&mut self, rest: &[u8]) -> Step {
        if rest.len() <= limits::TCP_LINE {
            return Step::Wait;
        }
        self.astray = true;
        let kept = limits::TCP_LINE / 2;
        let step = self.waste(rest.len() - kept);
        self.lines.searched = kept;
        step
    }

    fn stray(&mut self, sink: &mut Sink<'_>) {
        if !self.astray && self.unproven.is_none() {
            sink.counters.tcp_astray += 1;
        }
        self.astray = true;
    }

    fn waste(&mut self, used: usize) -> Step {
        if let Some(skipped) = &mut self.unproven {
            *skipped = skipped.saturating_add(used);
            if *skipped > limits::TCP_UNPROVEN {
                return Step::Foreign(Foreign::Unknown);
            }
        }
        self.next(used)
    }

    fn head(&mut self, rest: &[u8], ends: Ends, sink: &mut Sink<'_>) -> Step {
        let Some(head_len) = self.lines.blank(rest) else {
            if rest.len() <= limits::MESSAGE {
                return Step::Wait;
            }
            sink.counters.tcp_too_long += 1;
            self.astray = true;
            return self.next(rest.len());
        };
        let head = rest.get(..head_len).unwrap_or(rest);
        let body = content_length(head).and_then(Result::ok).unwrap_or(0);
        let total = body.saturating_add(head_len);
        if total > limits::MESSAGE {
            sink.counters.tcp_too_long += 1;
            sink.message(ends, Transport::Tcp, head, true);
            self.astray = true;
            return self.next(head_len);
        }
        self.state = State::Body(total);
        Step::Used(0)
    }

    fn next(&mut self, used: usize) -> Step {
        self.state = State::Start;
        self.lines = Lines::default();
        Step::Used(used)
    }
}

/// How far bytes were searched for line ends.
#[derive(Default)]
pub(super) struct Lines {
    searched: usize,
    line: usize,
}

impl Lines {
    /// The end of the first line that isn't passed, with its line feed.
    pub(super) fn peek(&mut self, bytes: &[u8]) -> Option<usize> {
        let fresh = bytes.get(self.searched..).unwrap_or_default();
        match memchr(b'\n', fresh) {
            Some(lf) => {
                self.searched += lf;
                Some(self.searched + 1)
            }
            None => {
                self.searched = bytes.len();
                None
            }
        }
    }

    fn pass(&mut self, end: usize) {
        (self.searched, self.line) = (end, end);
    }

    /// The end of the first blank line.
    pub(super) fn blank(&mut self, bytes: &[u8]) -> Option<usize> {
        while let Some(end) = self.peek(bytes) {
            let line = bytes.get(self.line..end).unwrap_or_default();
            if matches!(line, b"\n" | b"\r\n") {
                return Some(end);
            }
            self.pass(end);
        }
        None
    }
}

/// Where in a line that may start with the end of a body a start line begins.
fn start_within(line: &[u8]) -> Option<usize> {
    let status = memmem::find_iter(line, b"SIP/2.0 ").find(|at| {
        let code = line.get(at + 8..at + 11).unwrap_or_default();
        code.len() == 3 && code.iter().all(u8::is_ascii_digit)
    });
    status.or_else(|| request_within(line)).or_else(|| looks_like_start(line).then_some(0))
}

/// `METHOD URI SIP/2.0` at the end of a line, by a method that is known.
fn request_within(line: &[u8]) -> Option<usize> {
    let line = line.trim_ascii_end().strip_suffix(b" SIP/2.0")?;
    let uri = memrchr(b' ', line)?;
    let before = line.get(..uri)?;
    METHODS.iter().filter(|method| before.ends_with(method)).map(|method| uri - method.len()).min()
}

/// True if a header line starts here, `None` if it takes more bytes to tell.
pub(super) fn header_follows(bytes: &[u8]) -> Option<bool> {
    let name = bytes.iter().take(limits::TCP_HEADER_NAME).take_while(|b| is_token(**b)).count();
    let after = bytes.get(name..).unwrap_or_default();
    let blank = after.iter().take(limits::TCP_HEADER_NAME).take_while(|b| matches!(b, b' ' | b'\t')).count();
    match after.get(blank) {
        None if name < limits::TCP_HEADER_NAME && blank < limits::TCP_HEADER_NAME => None,
        next => Some(name > 0 && next == Some(&b':')),
    }
}

fn is_token(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b)
}

/// The methods of RFC 3261 and its extensions.
const METHODS: [&[u8]; 14] = [
    b"INVITE",
    b"ACK",
    b"BYE",
    b"CANCEL",
    b"OPTIONS",
    b"REGISTER",
    b"PRACK",
    b"SUBSCRIBE",
    b"NOTIFY",
    b"PUBLISH",
    b"INFO",
    b"REFER",
    b"MESSAGE",
    b"UPDATE",
];

//! The HTTP request or answer that turns a stream into a WebSocket (RFC 6455 section 4).

use super::framing::Lines;
use super::reader::{Foreign, Speaks, Step};
use super::ws_stream::WsStream;
use crate::limits;

/// An HTTP head that isn't whole yet.
#[derive(Default)]
pub(super) struct Upgrade {
    lines: Lines,
}

impl Upgrade {
    pub(super) fn step(&mut self, rest: &[u8]) -> Step {
        match self.lines.blank(rest) {
            None if rest.len() > limits::HTTP_HEAD => Step::Foreign(Foreign::Unknown),
            None => Step::Wait,
            Some(end) if upgrades(rest.get(..end).unwrap_or(rest)) => {
                Step::Become(Speaks::Ws(WsStream::default()), end)
            }
            Some(_) => Step::Foreign(Foreign::Unknown),
        }
    }
}

/// True for the first line of an HTTP request or answer.
pub(super) fn is_http(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    let request = line.len().checked_sub(9).and_then(|at| line.get(at..));
    line.starts_with(b"HTTP/1.") || request.is_some_and(|end| end.starts_with(b" HTTP/1."))
}

/// A request asks for it with GET, an answer grants it with 101.
fn upgrades(head: &[u8]) -> bool {
    let mut lines = head.split(|b| *b == b'\n');
    let first = lines.next().unwrap_or_default();
    let opens = first.starts_with(b"GET ") || first.get(8..).is_some_and(|rest| rest.starts_with(b" 101"));
    opens && lines.any(is_upgrade)
}

fn is_upgrade(line: &[u8]) -> bool {
    let mut parts = line.splitn(2, |b| *b == b':');
    let name = parts.next().unwrap_or_default().trim_ascii();
    let value = parts.next().unwrap_or_default();
    name.eq_ignore_ascii_case(b"Upgrade")
        && value.split(|b| *b == b',').any(|one| one.trim_ascii().eq_ignore_ascii_case(b"websocket"))
}

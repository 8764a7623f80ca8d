//! SIP messages from WebSocket frames (RFC 7118): one message each, possibly in several frames.

use super::demux::{Ends, Sink};
use super::reader::Step;
use crate::limits;
use crate::wire::packet::Transport;
use crate::wire::ws::{self, Header, Opcode};

/// Where one direction stands.
#[derive(Default)]
pub(super) struct WsStream {
    /// Parts of a fragmented message.
    message: Vec<u8>,
    /// True between the first and the last part of one.
    open: bool,
    /// Bytes of a frame that isn't kept.
    skip: u64,
    /// True while it isn't known where frames start: until a segment starts with one.
    astray: bool,
}

impl WsStream {
    pub(super) fn step(&mut self, rest: &[u8], ends: Ends, sink: &mut Sink<'_>) -> Step {
        if rest.is_empty() {
            return Step::Wait;
        }
        if self.astray {
            return Step::Used(rest.len());
        }
        if self.skip > 0 {
            return self.skip_on(rest);
        }
        let Some(header) = ws::header(rest) else { return Step::Wait };
        if !self.keeps(&header, sink) {
            self.skip = header.payload_len;
            return Step::Used(header.header_len);
        }
        let len = usize::try_from(header.payload_len).unwrap_or(usize::MAX);
        let end = header.header_len.saturating_add(len);
        let Some(payload) = rest.get(header.header_len..end) else { return Step::Wait };
        self.part(&header, payload, ends, sink);
        Step::Used(end)
    }

    pub(super) fn gap(&mut self) {
        *self = WsStream { astray: true, ..WsStream::default() };
    }

    pub(super) fn is_astray(&self) -> bool {
        self.astray
    }

    pub(super) fn held(&self) -> usize {
        self.message.capacity()
    }

    fn skip_on(&mut self, rest: &[u8]) -> Step {
        let used = rest.len().min(usize::try_from(self.skip).unwrap_or(usize::MAX));
        self.skip -= used as u64;
        Step::Used(used)
    }

    /// Decides on a frame by its header.
    fn keeps(&mut self, header: &Header, sink: &mut Sink<'_>) -> bool {
        let first = header.opcode == Opcode::TextOrBinary;
        if header.opcode == Opcode::Control || (!first && !self.open && header.opcode != Opcode::Reserved) {
            return false;
        }
        let held = if first { 0 } else { self.message.len() as u64 };
        let fits = held.saturating_add(header.payload_len) <= limits::MESSAGE as u64;
        if fits && !header.extended && header.opcode != Opcode::Reserved {
            return true;
        }
        sink.counters.ws_dropped += 1;
        (self.open, self.message) = (false, Vec::new());
        self.astray = header.opcode == Opcode::Reserved || header.payload_len > limits::WS_SKIPPED;
        false
    }

    fn part(&mut self, header: &Header, payload: &[u8], ends: Ends, sink: &mut Sink<'_>) {
        if header.opcode == Opcode::TextOrBinary {
            self.message.clear();
        }
        if header.fin && header.mask.is_none() && self.message.is_empty() {
            emit(payload, ends, sink);
        } else {
            let start = self.message.len();
            self.message.extend_from_slice(payload);
            if let (Some(part), Some(mask)) = (self.message.get_mut(start..), header.mask) {
                ws::unmask(part, mask);
            }
            if header.fin {
                emit(&std::mem::take(&mut self.message), ends, sink);
            }
        }
        self.open = !header.fin;
    }
}

fn emit(payload: &[u8], ends: Ends, sink: &mut Sink<'_>) {
    sink.text(&sink.with_ends(ends, Transport::Ws, payload, false));
}

/// True if a frame with SIP in it starts here, `None` if it takes more bytes to tell.
pub(super) fn starts_sip(bytes: &[u8]) -> Option<bool> {
    if !matches!(bytes, [] | [0x01 | 0x02 | 0x81 | 0x82, ..]) {
        return Some(false);
    }
    let header = ws::header(bytes)?;
    if header.payload_len < 16 || header.payload_len > limits::MESSAGE as u64 {
        return Some(false);
    }
    let mut start: [u8; 16] = *bytes.get(header.header_len..)?.first_chunk()?;
    if let Some(mask) = header.mask {
        ws::unmask(&mut start, mask);
    }
    let method = start.iter().take_while(|b| b.is_ascii_uppercase()).count();
    Some(start.starts_with(b"SIP/2.0 ") || (method >= 3 && start.get(method) == Some(&b' ')))
}

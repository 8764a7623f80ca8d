//! TCP streams put in order, each direction on its own.
//!
//! A stream opens with a SYN, or with any segment where the capture starts in its middle. Bytes that came
//! first stay. Segments ahead of a gap wait 2 s of capture time for it to be filled, or until the stream
//! holds 256 KiB; then the gap is skipped. At most 4,096 streams and 16 MiB are held, the one idle longest
//! goes first. What isn't SIP is remembered by its addresses alone, for as many as 16,384 streams, and
//! taken up again only by a segment that starts like SIP.

use std::collections::VecDeque;

use super::demux::{Ends, Sink};
use super::pieces::Pieces;
use super::reader::{Foreign, Reader, opening_of};
use super::table::{Keyed, Table};
use crate::limits;
use crate::time::{Span, Timestamp};
use crate::wire::frame::Tcp;
use crate::wire::packet::FrameRef;

/// All streams.
pub(super) struct Streams {
    open: Table<Ends, Stream>,
    foreign: Table<Ends, ()>,
    /// When gaps are given up, soonest first; at most one a stream.
    gaps: VecDeque<(Timestamp, Ends)>,
    held: usize,
}

impl Streams {
    pub(super) fn new(keyed: Keyed) -> Streams {
        Streams {
            open: Table::new(keyed.clone()),
            foreign: Table::new(keyed),
            gaps: VecDeque::new(),
            held: 0,
        }
    }

    /// Takes a segment, of which `missing` bytes were not captured; false if nothing came of it, or it showed that the
    /// stream isn't ours.
    pub(super) fn push(&mut self, ends: Ends, tcp: &Tcp<'_>, missing: u32, sink: &mut Sink<'_>) -> bool {
        if tcp.rst {
            self.reset(ends, sink);
            return true;
        }
        if tcp.syn {
            self.connect(ends, tcp.seq.wrapping_add(1));
        }
        if (tcp.payload.is_empty() && !tcp.fin && missing == 0) || !self.is_ours(ends, tcp) {
            return tcp.syn;
        }
        let seq = tcp.seq.wrapping_add(u32::from(tcp.syn));
        let Some(stream) = self.open.touch(&ends) else { return tcp.syn };
        let before = stream.held();
        let part = Part { seq, bytes: tcp.payload, missing, fin: tcp.fin };
        let result = stream.take(&part, ends, sink);
        let ours = result.is_ok();
        self.after(ends, before, result, sink);
        ours
    }

    /// Gives up the gaps whose time has come.
    #[inline]
    pub(super) fn expire(&mut self, sink: &mut Sink<'_>) {
        while let Some(&(due, ends)) = self.gaps.front() {
            if due > sink.at && self.gaps.len() <= 2 * limits::TCP_STREAMS {
                return;
            }
            self.gaps.pop_front();
            self.give_up_gap(ends, due, sink);
        }
    }

    /// Whether there are gaps that time will give up.
    #[inline]
    pub(super) fn is_waiting(&self) -> bool {
        !self.gaps.is_empty()
    }

    /// How many gaps time will give up.
    #[inline]
    pub(super) fn waiting(&self) -> usize {
        self.gaps.len()
    }

    /// Gives up all gaps.
    pub(super) fn finish(&mut self, sink: &mut Sink<'_>) {
        while let Some((_, ends)) = self.gaps.pop_front() {
            self.give_up_gap(ends, Timestamp::MAX, sink);
        }
    }

    fn give_up_gap(&mut self, ends: Ends, due: Timestamp, sink: &mut Sink<'_>) {
        let Some(stream) = self.open.get(&ends) else { return };
        stream.queued = false;
        let Some(since) = stream.gap_since else { return };
        let before = stream.held();
        let frame = std::mem::replace(&mut sink.frame, stream.last);
        let ripe = since + PATIENCE <= due;
        let result = if ripe { stream.skip_gap(ends, sink) } else { Ok(()) };
        self.after(ends, before, result, sink);
        sink.frame = frame;
    }

    /// Books what a stream holds now, waits for its gap, forgets it if it isn't ours.
    fn after(&mut self, ends: Ends, before: usize, result: Result<(), Foreign>, sink: &mut Sink<'_>) {
        let Some(stream) = self.open.get(&ends) else { return };
        self.held = (self.held + stream.held()).saturating_sub(before);
        if let Some(since) = stream.gap_since.filter(|_| !stream.queued) {
            stream.queued = true;
            self.gaps.push_back((since + PATIENCE, ends));
        }
        match result {
            Err(foreign) => self.give_up(ends, foreign, sink),
            Ok(()) if stream.closed => self.open.demote(&ends),
            Ok(()) => {}
        }
        self.shrink(ends, sink);
    }

    fn connect(&mut self, ends: Ends, first: u32) {
        self.foreign.remove(&ends);
        let repeated = self.open.get(&ends).is_some_and(|stream| !stream.closed && stream.first == first);
        if !repeated {
            self.forget(ends);
            self.insert(ends, first);
        }
    }

    /// Finds the stream, or starts one in its middle.
    fn is_ours(&mut self, ends: Ends, tcp: &Tcp<'_>) -> bool {
        if self.open.get(&ends).is_some() {
            return true;
        }
        if self.foreign.touch(&ends).is_some() {
            if opening_of(tcp.payload).is_none() {
                return false;
            }
            self.foreign.remove(&ends);
        }
        // A lone zero byte is how some stacks ask whether the other side still lives.
        if matches!(tcp.payload, [] | [0]) {
            return false;
        }
        self.insert(ends, tcp.seq);
        true
    }

    fn insert(&mut self, ends: Ends, first: u32) {
        self.held += STREAM_COST;
        self.open.insert(ends, Stream::new(first));
    }

    fn reset(&mut self, ends: Ends, sink: &mut Sink<'_>) {
        self.foreign.remove(&ends);
        let Some(stream) = self.open.get(&ends) else { return };
        let before = stream.held();
        let result = stream.skip_gaps(ends, sink);
        stream.close();
        self.after(ends, before, result, sink);
    }

    fn give_up(&mut self, ends: Ends, foreign: Foreign, sink: &mut Sink<'_>) {
        sink.counters.tcp_given_up += 1;
        sink.counters.tcp_tls += u64::from(foreign == Foreign::Tls);
        self.forget(ends);
        self.foreign.insert(ends, ());
        if self.foreign.len() > limits::TCP_FOREIGN
            && let Some((&oldest, ())) = self.foreign.oldest()
        {
            self.foreign.remove(&oldest);
        }
    }

    fn forget(&mut self, ends: Ends) -> bool {
        let Some(stream) = self.open.remove(&ends) else { return false };
        self.held = self.held.saturating_sub(STREAM_COST + stream.held());
        !stream.closed
    }

    /// Forgets idle streams until the rest fits, but not the one just used.
    fn shrink(&mut self, used: Ends, sink: &mut Sink<'_>) {
        while self.open.len() > limits::TCP_STREAMS || self.held > limits::TCP_HELD {
            let Some((&oldest, _)) = self.open.oldest() else { return };
            if oldest == used && self.open.len() == 1 {
                return;
            }
            sink.counters.tcp_evicted += u64::from(self.forget(oldest));
        }
    }
}

/// What a segment brings.
struct Part<'a> {
    seq: u32,
    bytes: &'a [u8],
    missing: u32,
    fin: bool,
}

/// One direction of a connection. Places in it are counted from [`ORIGIN`] so that they don't wrap.
struct Stream {
    reader: Reader,
    ahead: Pieces,
    /// Sequence number of the first byte.
    first: u32,
    /// Sequence number of the next byte, and its place.
    next_seq: u32,
    next: u64,
    fin: Option<u64>,
    closed: bool,
    gap_since: Option<Timestamp>,
    /// True while an entry of `gaps` names this stream.
    queued: bool,
    /// The last frame that brought something.
    last: FrameRef,
}

impl Stream {
    fn new(first: u32) -> Stream {
        Stream {
            reader: Reader::new(),
            ahead: Pieces::default(),
            first,
            next_seq: first,
            next: ORIGIN,
            fin: None,
            closed: false,
            gap_since: None,
            queued: false,
            last: FrameRef::default(),
        }
    }

    fn take(&mut self, part: &Part<'_>, ends: Ends, sink: &mut Sink<'_>) -> Result<(), Foreign> {
        self.last = sink.frame;
        let mut distance = i64::from(part.seq.wrapping_sub(self.next_seq).cast_signed());
        if self.closed {
            if (-MAX_DISTANCE..0).contains(&distance) {
                return Ok(());
            }
            *self = Stream { queued: self.queued, last: self.last, ..Stream::new(part.seq) };
            distance = 0;
        } else if distance.abs() > MAX_DISTANCE {
            self.jump(part.seq, ends, sink)?;
            distance = 0;
        }
        let at = self.next.saturating_add_signed(distance);
        let end = at + part.bytes.len() as u64 + u64::from(part.missing);
        if part.fin {
            self.fin = Some(end);
        }
        self.insert(at, part.bytes, ends, sink)?;
        if part.missing > 0 && self.next == at + part.bytes.len() as u64 {
            self.lose(end, ends, sink);
            self.drain(ends, sink)?;
        }
        self.bound(ends, sink)
    }

    fn insert(&mut self, at: u64, bytes: &[u8], ends: Ends, sink: &mut Sink<'_>) -> Result<(), Foreign> {
        let old = usize::try_from(self.next.saturating_sub(at)).unwrap_or(usize::MAX);
        let fresh = bytes.get(old..).unwrap_or_default();
        let at = at.max(self.next);
        if at == self.next && self.ahead.start().is_none() {
            return self.feed(fresh, ends, sink);
        }
        self.ahead.insert(at, fresh);
        self.drain(ends, sink)
    }

    /// Hands on what is in order now.
    fn drain(&mut self, ends: Ends, sink: &mut Sink<'_>) -> Result<(), Foreign> {
        while let Some(bytes) = self.ahead.take(self.next) {
            self.gap_since = None;
            self.feed(&bytes, ends, sink)?;
        }
        if self.ahead.start().is_none() {
            self.gap_since = None;
        } else if self.gap_since.is_none() {
            self.gap_since = Some(sink.at);
        }
        Ok(())
    }

    /// Keeps the stream within its memory, and closes it at its end.
    fn bound(&mut self, ends: Ends, sink: &mut Sink<'_>) -> Result<(), Foreign> {
        while self.held() > limits::TCP_STREAM_HELD && self.ahead.start().is_some() {
            self.skip_gap(ends, sink)?;
        }
        if self.fin.is_some_and(|fin| self.next >= fin) {
            self.close();
        }
        Ok(())
    }

    fn feed(&mut self, bytes: &[u8], ends: Ends, sink: &mut Sink<'_>) -> Result<(), Foreign> {
        self.advance(self.next + bytes.len() as u64);
        if bytes.is_empty() { Ok(()) } else { self.reader.feed(bytes, ends, sink) }
    }

    /// Goes on behind the first gap.
    fn skip_gap(&mut self, ends: Ends, sink: &mut Sink<'_>) -> Result<(), Foreign> {
        if let Some(start) = self.ahead.start() {
            self.lose(start, ends, sink);
            self.drain(ends, sink)?;
        }
        if self.fin.is_some_and(|fin| self.next >= fin) {
            self.close();
        }
        Ok(())
    }

    fn skip_gaps(&mut self, ends: Ends, sink: &mut Sink<'_>) -> Result<(), Foreign> {
        while self.ahead.start().is_some() {
            self.skip_gap(ends, sink)?;
        }
        Ok(())
    }

    /// Goes on at a sequence number that has nothing to do with what was there.
    fn jump(&mut self, seq: u32, ends: Ends, sink: &mut Sink<'_>) -> Result<(), Foreign> {
        self.skip_gaps(ends, sink)?;
        self.fin = None;
        self.lose(self.next, ends, sink);
        self.next_seq = seq;
        Ok(())
    }

    fn lose(&mut self, until: u64, ends: Ends, sink: &mut Sink<'_>) {
        sink.counters.tcp_gaps += 1;
        self.reader.gap(ends, sink);
        self.advance(until);
    }

    fn advance(&mut self, to: u64) {
        let step = u32::try_from(to.saturating_sub(self.next) & u64::from(u32::MAX)).unwrap_or(0);
        self.next_seq = self.next_seq.wrapping_add(step);
        self.next = to;
    }

    fn close(&mut self) {
        self.closed = true;
        self.reader = Reader::new();
        self.ahead = Pieces::default();
        self.gap_since = None;
    }

    fn held(&self) -> usize {
        self.reader.held() + self.ahead.cost()
    }
}

const PATIENCE: Span = Span::from_secs(2);
/// How far a segment may be from the next byte before it belongs to something else.
const MAX_DISTANCE: i64 = 1 << 20;
const ORIGIN: u64 = 1 << 40;
/// A stream's own size with its key and place in the table, roughly.
const STREAM_COST: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Counters, Piece};
    use crate::wire::frame::samples::host;

    impl Streams {
        /// What all streams hold together, counted anew.
        fn audit(&self) -> usize {
            self.open.values().map(|stream| STREAM_COST + stream.held()).sum()
        }
    }

    /// A source of numbers that are the same in every run.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self, sides: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % sides
        }
    }

    fn push(streams: &mut Streams, counters: &mut Counters, ms: i64, port: u16, tcp: &Tcp<'_>) {
        let out: &mut dyn FnMut(Piece<'_>) = &mut |_| {};
        let mut sink =
            Sink { at: Timestamp::from_micros(ms * 1_000), frame: FrameRef::default(), counters, out };
        streams.expire(&mut sink);
        let ends = Ends { src: host(1, port), dst: host(2, 5060) };
        streams.push(ends, tcp, 0, &mut sink);
    }

    fn data(seq: u32, payload: &[u8]) -> Tcp<'_> {
        Tcp { src: 0, dst: 0, seq, syn: false, fin: false, rst: false, payload }
    }

    #[test]
    fn memory_stays_within_its_bounds_and_is_booked_exactly() {
        let (mut streams, mut counters) = (Streams::new(Keyed::new(1)), Counters::default());
        let mut dice = Dice(9);
        let head = [b"INVITE sip:a SIP/2.0\r\nl: 60000\r\n\r\n", &[b'x'; 1_400][..]].concat();
        for n in 0..60_000 {
            let ahead = u32::try_from(dice.roll(200)).unwrap() * 1_500;
            let mut tcp = data(1_000 + ahead, &head);
            (tcp.syn, tcp.fin, tcp.rst) = (dice.roll(50) == 0, dice.roll(40) == 0, dice.roll(200) == 0);
            push(&mut streams, &mut counters, n / 20, u16::try_from(dice.roll(9_000)).unwrap(), &tcp);
            assert!(streams.held <= limits::TCP_HELD && streams.open.len() <= limits::TCP_STREAMS);
            assert!(streams.gaps.len() <= 2 * limits::TCP_STREAMS + 1);
            if n % 1_000 == 0 {
                assert_eq!(streams.held, streams.audit());
            }
        }
        assert!(counters.tcp_evicted > 0 && counters.tcp_gaps > 0);
    }

    #[test]
    fn one_stream_holds_a_quarter_mebibyte_at_most() {
        let (mut streams, mut counters) = (Streams::new(Keyed::new(1)), Counters::default());
        for n in 0..2_000 {
            push(&mut streams, &mut counters, 0, 1, &data(10 + n * 2_000, &[b'x'; 1_000]));
            assert!(streams.held <= STREAM_COST + limits::TCP_STREAM_HELD + 4_096, "{}", streams.held);
        }
    }

    #[test]
    fn the_stream_idle_longest_goes_first() {
        let (mut streams, mut counters) = (Streams::new(Keyed::new(1)), Counters::default());
        let most = u16::try_from(limits::TCP_STREAMS).unwrap();
        for port in 0..most {
            push(&mut streams, &mut counters, 0, port, &data(1, b"INVITE"));
        }
        push(&mut streams, &mut counters, 1, 0, &data(7, b" sip:a"));
        push(&mut streams, &mut counters, 2, most, &data(1, b"INVITE"));
        let ends = |port| Ends { src: host(1, port), dst: host(2, 5060) };
        assert!(streams.open.get(&ends(0)).is_some() && streams.open.get(&ends(1)).is_none());
        assert_eq!(counters.tcp_evicted, 1);
    }

    #[test]
    fn streams_that_are_not_sip_are_remembered_without_bounds_being_crossed() {
        let (mut streams, mut counters) = (Streams::new(Keyed::new(1)), Counters::default());
        for port in 0..20_000 {
            push(&mut streams, &mut counters, 0, port, &data(1, b"\x17\x03\x03\x00\x40"));
        }
        assert_eq!((streams.foreign.len(), streams.open.len(), streams.held), (limits::TCP_FOREIGN, 0, 0));
    }

    #[test]
    fn a_long_head_in_single_bytes_is_searched_once() {
        let (mut streams, mut counters) = (Streams::new(Keyed::new(1)), Counters::default());
        push(&mut streams, &mut counters, 0, 1, &data(0, b"INVITE sip:a SIP/2.0\r\n"));
        for n in 0..200_000 {
            push(&mut streams, &mut counters, 0, 1, &data(22 + n, b"x"));
        }
        assert_eq!(counters.tcp_too_long, 1);
    }
}

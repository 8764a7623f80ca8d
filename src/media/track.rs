//! One direction of a reel: packets in their place, undecoded.
//!
//! Packets that one clock stamped make a run, and lie in it where their timestamps say, to the sample. Where a run lies the capture's
//! clock says: a packet can't be captured before it was sent, so a run moves back when a packet comes earlier than those before it
//! let expect. A new source begins a new run, and so does a clock that leaps or stood still.

use std::collections::VecDeque;

use super::placement::{Place, Placement};
use crate::limits;
use crate::time::{Span, Timestamp};
use crate::wire::g711;
use crate::wire::g722::G722;
use crate::wire::rtp::{Codec, RtpPacket};

/// One direction.
#[derive(Clone, Debug, Default)]
pub struct Track {
    placement: Placement,
    /// Where the runs of the clips begin, the oldest first, and how many are gone.
    runs: VecDeque<Timestamp>,
    gone: u64,
    newest: Option<Newest>,
    /// In the order of their places.
    clips: VecDeque<Clip>,
    bytes: usize,
    drawn: Drawn,
}

/// What was taken from the front, for good.
#[derive(Clone, Debug, Default)]
struct Drawn {
    /// It reaches to here.
    to: Option<Timestamp>,
    /// The run and number of the last packet, and what that left the decoder in.
    last: Option<(u64, u16)>,
    decoder: G722,
    lost: u32,
}

/// The newest packet of the last run.
#[derive(Clone, Copy, Debug)]
struct Newest {
    timestamp: u32,
    /// How far into the run it lies, in samples of its clock.
    samples: i64,
}

/// What one packet brought.
#[derive(Clone, Debug)]
struct Clip {
    /// Which run it is of, counted from the first there was.
    run: u64,
    /// Where it lies in its run, in samples of the clock.
    offset: i64,
    sequence: u16,
    codec: Codec,
    /// Empty where there is nothing to hear.
    payload: Box<[u8]>,
}

impl Track {
    /// Keeps one packet, captured then, and lets go of what lies further back than `reach`. A packet whose sound can't be decoded is kept
    /// without it, where it was captured: events are stamped when they began.
    pub fn take(&mut self, codec: Codec, captured: Timestamp, packet: &RtpPacket<'_>, reach: Span) {
        let Place::At { at, fresh } = self.placement.place(captured, packet) else { return };
        let offset = match self.runs.back().filter(|_| !fresh && !is_sound(codec)) {
            Some(run) => captured.since(*run).as_micros() / MICROS_A_SAMPLE,
            None => self.find(at, fresh, packet.timestamp),
        };
        let audible = if is_sound(codec) { packet.payload } else { &[] };
        let payload = audible.get(..limits::SOUND).unwrap_or(audible);
        let run = self.gone + self.runs.len() as u64 - 1;
        let clip = Clip { run, offset, sequence: packet.sequence, codec, payload: payload.into() };
        let late = captured.since(self.place(&clip));
        if late.as_micros().abs() > MAX_LATE.as_micros() {
            return;
        }
        self.insert(clip);
        if let Some(oldest) = self.clips.front().map(|clip| self.place(clip))
            && captured.since(oldest) > reach
        {
            self.forget_before(captured - reach);
        }
    }

    /// Lets go of what ended before `at`.
    pub fn forget_before(&mut self, at: Timestamp) {
        while self.clips.front().is_some_and(|clip| self.end(clip) <= at) {
            self.pop();
        }
    }

    /// What the first sound after `from` came in.
    pub fn codec_after(&self, from: Timestamp) -> Option<Codec> {
        let sounds = |clip: &&Clip| !clip.payload.is_empty() && self.end(clip) > from;
        self.clips.iter().find(sounds).map(|clip| clip.codec)
    }

    /// How many bytes are kept.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes out what begins before `to`, and shows each sample with the frame it belongs to, counted from `from`.
    pub fn draw(&mut self, from: Timestamp, to: Timestamp, rate: u32, show: &mut impl FnMut(i64, i16)) {
        self.drawn.to = Some(to);
        while self.clips.front().is_some_and(|clip| self.place(clip) < to)
            && let Some(run) = self.clips.front().map(|clip| self.run(clip))
            && let Some(clip) = self.pop()
        {
            self.drawn.count(&clip);
            let start = run.since(from).as_micros().saturating_mul(NARROW.into()).div_euclid(1_000_000);
            clip.put(start.saturating_add(clip.offset), rate, &mut self.drawn.decoder, show);
        }
    }

    /// Packets that never came, by the sequence numbers of those taken out.
    pub fn lost(&self) -> u32 {
        self.drawn.lost
    }

    /// Where in the last run a packet lies that was placed at `at`; begins or moves that if need be.
    fn find(&mut self, at: Timestamp, fresh: bool, timestamp: u32) -> i64 {
        let Some((newest, run)) = self.newest.filter(|_| !fresh).zip(self.runs.back_mut()) else {
            return self.begin(at, timestamp);
        };
        let ahead = i64::from(timestamp.wrapping_sub(newest.timestamp).cast_signed());
        let offset = newest.samples.saturating_add(ahead);
        let off = at.since(*run + Span::from_micros(offset.saturating_mul(MICROS_A_SAMPLE)));
        if off.as_micros().abs() > MAX_OFF.as_micros() {
            return self.begin(at, timestamp);
        }
        if self.drawn.to.is_none_or(|to| *run >= to) && off <= Span::ZERO - MIN_OFF {
            *run = *run + off;
        }
        if ahead > 0 {
            self.newest = Some(Newest { timestamp, samples: offset });
        }
        offset
    }

    fn begin(&mut self, at: Timestamp, timestamp: u32) -> i64 {
        self.runs.push_back(at);
        self.newest = Some(Newest { timestamp, samples: 0 });
        0
    }

    fn insert(&mut self, clip: Clip) {
        let at = self.place(&clip);
        let after =
            self.clips.iter().rposition(|other| self.place(other) <= at).map_or(0, |before| before + 1);
        self.bytes += clip.payload.len() + CLIP;
        self.clips.insert(after, clip);
    }

    fn pop(&mut self) -> Option<Clip> {
        let clip = self.clips.pop_front()?;
        self.bytes = self.bytes.saturating_sub(clip.payload.len() + CLIP);
        let oldest = self.clips.front().map_or(clip.run, |next| next.run.min(clip.run));
        while self.gone < oldest && self.runs.len() > 1 {
            self.runs.pop_front();
            self.gone += 1;
        }
        Some(clip)
    }

    fn run(&self, clip: &Clip) -> Timestamp {
        let nth = usize::try_from(clip.run.saturating_sub(self.gone)).unwrap_or(0);
        self.runs.get(nth).copied().unwrap_or(Timestamp::MAX)
    }

    fn place(&self, clip: &Clip) -> Timestamp {
        self.run(clip) + Span::from_micros(clip.offset.saturating_mul(MICROS_A_SAMPLE))
    }

    /// The end of its last sample.
    fn end(&self, clip: &Clip) -> Timestamp {
        let bytes = i64::try_from(clip.payload.len()).unwrap_or(0);
        self.place(clip) + Span::from_micros(bytes * MICROS_A_SAMPLE)
    }
}

impl Drawn {
    fn count(&mut self, clip: &Clip) {
        let before = self.last.filter(|(run, _)| *run == clip.run).map(|(_, before)| before);
        if before.is_none() {
            self.decoder = G722::default();
        }
        let step = before.map_or(1, |before| clip.sequence.wrapping_sub(before));
        if step < MAX_GAP {
            self.lost = self.lost.saturating_add(u32::from(step.saturating_sub(1)));
            self.last = Some((clip.run, clip.sequence));
        }
    }
}

impl Clip {
    /// Shows its samples from `first` on, which counts at 8 kHz, with their frames at `rate`.
    fn put(&self, first: i64, rate: u32, decoder: &mut G722, show: &mut impl FnMut(i64, i16)) {
        for (n, byte) in (first..).zip(self.payload.iter().copied()) {
            let pair = match self.codec {
                Codec::Pcma => [g711::alaw(byte); 2],
                Codec::G722 => decoder.decode(byte),
                _ => [g711::ulaw(byte); 2],
            };
            if rate == WIDE {
                show(n.saturating_mul(2), pair[0]);
                show(n.saturating_mul(2).saturating_add(1), pair[1]);
            } else {
                show(n, pair[0].midpoint(pair[1]));
            }
        }
    }
}

/// Whether it can be decoded.
pub fn is_sound(codec: Codec) -> bool {
    matches!(codec, Codec::Pcmu | Codec::Pcma | Codec::G722)
}

/// Frames a second of G.711, and of G.722.
pub const NARROW: u32 = 8_000;
pub const WIDE: u32 = 16_000;

/// A byte of G.711 is a sample; of G.722 it is two of half that length.
const MICROS_A_SAMPLE: i64 = 125;

/// Off by less a run isn't moved: the ear doesn't notice, and clocks differ.
const MIN_OFF: Span = Span::from_millis(1);

/// Off by more it is another run.
const MAX_OFF: Span = Span::from_millis(400);

/// What comes later than this is let go, so that none has to be put far back.
const MAX_LATE: Span = Span::from_secs(1);

/// What a clip costs beside its payload, roughly.
pub const CLIP: usize = size_of::<Clip>() + 16;

/// Further apart than this, two sequence numbers have nothing to do with each other.
const MAX_GAP: u16 = 3_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_795_190_400_000_000);

    proptest! {
        #[test]
        fn whatever_comes_is_bounded_and_drawn_within_its_time(
            packets in prop::collection::vec((any::<(u16, u32, bool)>(), 0..4_u32, 0..2_000_usize, 0..40_i64), 1..200),
        ) {
            let mut track = Track::default();
            let (mut at, payload) = (START, [0x80; 2_000]);
            for ((sequence, timestamp, near), kind, size, ms) in packets {
                at = at + Span::from_millis(ms);
                let sequence = if near { sequence % 64 } else { sequence };
                let codec = [Codec::Pcmu, Codec::G722, Codec::TelephoneEvent, Codec::Other][kind as usize];
                let packet =
                    RtpPacket { kind: 0, sequence, timestamp, ssrc: kind / 2, marker: false, payload: &payload[..size] };
                track.take(codec, at, &packet, Span::from_secs(1));
            }
            prop_assert!(track.bytes() <= 200 * (limits::SOUND + CLIP));
            let last = at.since(START).as_millis() * 16 + 16 * 1_000 + 2 * limits::SOUND as i64;
            track.draw(START, at + Span::from_secs(1), WIDE, &mut |frame, _| assert!(frame.abs() <= last, "{frame}"));
            track.draw(START, at + Span::from_secs(10), WIDE, &mut |_, _| {});
            prop_assert_eq!((track.bytes(), track.clips.len()), (0, 0));
        }
    }
}

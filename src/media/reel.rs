//! The sound of one leg, kept as it came until it is known whether a voicemail took it.
//!
//! Packets are placed by their RTP timestamps and kept undecoded, so a reel costs what the network brought. What lies
//! further back than a minute is let go. Decoding waits until the message is known: then all of it is in order, whatever order
//! it came in.

use std::collections::VecDeque;

use super::placement::{Place, Placement};
use super::side::Direction;
use crate::event::Wave;
use crate::limits;
use crate::time::{Span, Timestamp};
use crate::wire::g711;
use crate::wire::g722::G722;
use crate::wire::rtp::{Codec, RtpPacket};

/// Both directions of one leg.
#[derive(Clone, Debug, Default)]
pub struct Reel {
    caller: Track,
    pbx: Track,
    /// How far back it reaches.
    reach: Reach,
}

/// How far back a reel reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Reach {
    /// A minute, while nobody knows what it is.
    #[default]
    Undecided,
    /// As long as a message may be.
    Message,
}

/// One direction.
#[derive(Clone, Debug, Default)]
struct Track {
    placement: Placement,
    /// In the order of their places.
    clips: VecDeque<Clip>,
    bytes: usize,
}

/// What one packet brought.
#[derive(Clone, Debug)]
struct Clip {
    at: Timestamp,
    codec: Codec,
    sequence: u16,
    /// It begins a stream that has nothing to do with the one before.
    fresh: bool,
    payload: Box<[u8]>,
}

impl Reel {
    /// Keeps one packet, captured at `at`; what can't be decoded is not kept.
    pub fn take(&mut self, from: Direction, codec: Codec, at: Timestamp, packet: &RtpPacket<'_>) {
        let reach = Span::from_secs(match self.reach {
            Reach::Undecided => limits::UNDECIDED,
            Reach::Message => limits::RECORDED,
        });
        match from {
            Direction::FromCaller => self.caller.take(codec, at, packet, reach),
            Direction::FromPbx => self.pbx.take(codec, at, packet, reach),
        }
    }

    /// It sounds like a message by now: nothing more is let go, up to the longest message.
    pub fn keep_on(&mut self) {
        self.reach = Reach::Message;
    }

    /// Lets go of what ended before `at`.
    pub fn forget_before(&mut self, at: Timestamp) {
        self.caller.forget_before(at);
        self.pbx.forget_before(at);
    }

    /// How many bytes are kept.
    pub fn bytes(&self) -> usize {
        self.caller.bytes + self.pbx.bytes
    }

    /// What lies between two times, decoded; none if the caller's side brought nothing in between.
    pub fn develop(&self, from: Timestamp, to: Timestamp) -> Option<Wave> {
        let codec = self.caller.between(from, to).next()?.codec;
        let rate = if codec == Codec::G722 { WIDE } else { NARROW };
        let length = to.since(from).min(Span::from_secs(limits::RECORDED));
        let mut frames = vec![[0; 2]; frame_at(length, rate)?];
        self.caller.put(from, rate, &mut |at, sample| put(&mut frames, at, 0, sample));
        self.pbx.put(from, rate, &mut |at, sample| put(&mut frames, at, 1, sample));
        Some(Wave { rate, frames, codec: name(codec), lost: self.caller.lost(from, to) })
    }
}

fn put(frames: &mut [[i16; 2]], at: i64, channel: usize, sample: i16) {
    let frame = usize::try_from(at).ok().and_then(|at| frames.get_mut(at));
    if let Some(place) = frame.and_then(|frame| frame.get_mut(channel)) {
        *place = sample;
    }
}

impl Track {
    fn take(&mut self, codec: Codec, at: Timestamp, packet: &RtpPacket<'_>, reach: Span) {
        let Place::At { at, fresh } = self.placement.place(at, packet) else { return };
        let payload = packet.payload.get(..limits::SOUND).unwrap_or(packet.payload);
        if !matches!(codec, Codec::Pcmu | Codec::Pcma | Codec::G722) || payload.is_empty() {
            return;
        }
        let after = self.clips.iter().rposition(|clip| clip.at <= at).map_or(0, |before| before + 1);
        self.bytes += payload.len() + CLIP;
        let clip = Clip { at, codec, sequence: packet.sequence, fresh, payload: payload.into() };
        self.clips.insert(after, clip);
        if let Some(oldest) = self.clips.front().map(|clip| clip.at)
            && at.since(oldest) > reach
        {
            self.forget_before(at - reach);
        }
    }

    fn forget_before(&mut self, at: Timestamp) {
        while self.clips.front().is_some_and(|clip| clip.end() <= at)
            && let Some(gone) = self.clips.pop_front()
        {
            self.bytes = self.bytes.saturating_sub(gone.payload.len() + CLIP);
        }
    }

    fn between(&self, from: Timestamp, to: Timestamp) -> impl Iterator<Item = &Clip> {
        self.clips.iter().filter(move |clip| clip.end() > from && clip.at < to)
    }

    /// Shows each sample with the frame it belongs to, counted from `from`. A G.722 decoder hears what came before, too.
    fn put(&self, from: Timestamp, rate: u32, show: &mut impl FnMut(i64, i16)) {
        let mut decoder = G722::default();
        for clip in &self.clips {
            if clip.fresh {
                decoder = G722::default();
            }
            let offset = clip.at.since(from).as_micros();
            let first = offset.saturating_mul(i64::from(rate)).div_euclid(1_000_000);
            let twice = |n: i64| if rate == WIDE { n * 2 } else { n };
            for (n, byte) in (0..).zip(clip.payload.iter().copied()) {
                let at = first.saturating_add(twice(n));
                let pair = match clip.codec {
                    Codec::Pcma => [g711::alaw(byte); 2],
                    Codec::G722 => decoder.decode(byte),
                    _ => [g711::ulaw(byte); 2],
                };
                match (rate, clip.codec) {
                    (WIDE, _) => {
                        show(at, pair[0]);
                        show(at.saturating_add(1), pair[1]);
                    }
                    (_, Codec::G722) => show(at, pair[0].midpoint(pair[1])),
                    _ => show(at, pair[0]),
                }
            }
        }
    }

    /// Packets that never came, by the sequence numbers of those that did.
    fn lost(&self, from: Timestamp, to: Timestamp) -> u32 {
        let mut last = None::<u16>;
        let missing = self.between(from, to).map(|clip| {
            let before = last.replace(clip.sequence).filter(|_| !clip.fresh);
            let step = before.map_or(1, |before| clip.sequence.wrapping_sub(before));
            if (1..MAX_GAP).contains(&step) { u32::from(step - 1) } else { 0 }
        });
        missing.sum()
    }
}

impl Clip {
    /// The end of its last sample; G.722 has two samples of 62.5 µs to a byte.
    fn end(&self) -> Timestamp {
        let bytes = i64::try_from(self.payload.len()).unwrap_or(0);
        self.at + Span::from_micros(bytes * MICROS_A_BYTE)
    }
}

/// How many frames a length has.
fn frame_at(length: Span, rate: u32) -> Option<usize> {
    usize::try_from(length.as_micros().checked_mul(i64::from(rate))? / 1_000_000).ok().filter(|n| *n > 0)
}

/// As records name it.
fn name(codec: Codec) -> &'static str {
    match codec {
        Codec::Pcma => "PCMA",
        Codec::G722 => "G722",
        _ => "PCMU",
    }
}

/// Frames a second of G.711, and of G.722.
const NARROW: u32 = 8_000;
const WIDE: u32 = 16_000;

const MICROS_A_BYTE: i64 = 125;

/// What a clip costs beside its payload, roughly.
const CLIP: usize = size_of::<Clip>() + 16;

/// Further apart than this, two sequence numbers have nothing to do with each other.
const MAX_GAP: u16 = 3_000;

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_795_190_400_000_000);

    fn at(ms: i64) -> Timestamp {
        START + Span::from_millis(ms)
    }

    /// 20 ms of one µ-law byte.
    fn packet(sequence: u16, timestamp: u32, payload: &[u8]) -> RtpPacket<'_> {
        RtpPacket { kind: 0, sequence, timestamp, ssrc: 7, marker: false, payload }
    }

    /// A caller who says the numbers of packets, as levels, in an order of arrival.
    fn said(order: &[u16], first_sequence: u16, first_timestamp: u32) -> Reel {
        let mut reel = Reel::default();
        for n in order {
            let payload = [0x80 | *n as u8; 160];
            let sequence = first_sequence.wrapping_add(*n);
            let timestamp = first_timestamp.wrapping_add(u32::from(*n) * 160);
            reel.take(
                Direction::FromCaller,
                Codec::Pcmu,
                at(i64::from(*n) * 20),
                &packet(sequence, timestamp, &payload),
            );
        }
        reel
    }

    /// What is heard in the middle of each 20 ms.
    fn heard(reel: &Reel, from_ms: i64, to_ms: i64) -> Vec<i16> {
        let wave = reel.develop(at(from_ms), at(to_ms)).expect("sound");
        assert_eq!(wave.millis(), to_ms - from_ms);
        wave.frames.chunks(160).filter_map(|chunk| chunk.get(80)).map(|frame| frame[0]).collect()
    }

    fn levels(numbers: &[u8]) -> Vec<i16> {
        numbers.iter().map(|n| if *n == 0xff { 0 } else { g711::ulaw(0x80 | n) }).collect()
    }

    const GONE: u8 = 0xff;

    #[test]
    fn what_came_out_of_order_twice_or_never_lies_where_it_belongs() {
        let reel = said(&[0, 2, 1, 1, 4, 5], 65_533, u32::MAX - 200);
        assert_eq!(heard(&reel, 0, 120), levels(&[0, 1, 2, GONE, 4, 5]));
        assert_eq!(reel.develop(at(0), at(120)).map(|wave| wave.lost), Some(1));
    }

    #[test]
    fn a_message_is_as_long_as_the_call_says_whatever_came() {
        let reel = said(&[0, 1, 2], 0, 0);
        assert_eq!(heard(&reel, 20, 100), levels(&[1, 2, GONE, GONE]));
        assert!(reel.develop(at(60), at(100)).is_none(), "the caller sent nothing");
    }

    #[test]
    fn both_sides_lie_beside_each_other() {
        let mut reel = said(&[0, 1], 0, 0);
        reel.take(Direction::FromPbx, Codec::Pcma, at(20), &packet(9, 0, &[0xd5; 160]));
        let wave = reel.develop(at(0), at(40)).expect("sound");
        assert_eq!(wave.frames[200], [g711::ulaw(0x81), g711::alaw(0xd5)]);
        assert_eq!(wave.frames[100][1], 0);
    }

    #[test]
    fn wide_sound_has_twice_the_frames() {
        let mut reel = Reel::default();
        reel.take(Direction::FromCaller, Codec::G722, at(0), &packet(0, 0, &[0x55; 160]));
        let wave = reel.develop(at(0), at(20)).expect("sound");
        assert_eq!((wave.rate, wave.frames.len(), wave.codec), (16_000, 320, "G722"));
    }

    #[test]
    fn what_is_undecided_for_too_long_is_let_go() {
        let mut reel = Reel::default();
        let payload = [0x81; 160];
        for n in 0..6_000_u16 {
            let packet = packet(n, u32::from(n) * 160, &payload);
            reel.take(Direction::FromCaller, Codec::Pcmu, at(i64::from(n) * 20), &packet);
        }
        assert!(reel.bytes() <= 3_001 * (160 + CLIP), "{}", reel.bytes());
        assert!(reel.develop(at(0), at(1_000)).is_none());
        assert!(reel.develop(at(100_000), at(119_000)).is_some());
    }

    #[test]
    fn what_cannot_be_decoded_is_no_sound() {
        let mut reel = Reel::default();
        for codec in [Codec::Other, Codec::TelephoneEvent, Codec::ComfortNoise] {
            reel.take(Direction::FromCaller, codec, at(0), &packet(0, 0, &[1; 160]));
        }
        assert!(reel.develop(at(0), at(1_000)).is_none());
        assert_eq!(reel.bytes(), 0);
    }
}

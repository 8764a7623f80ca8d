//! The sound of one leg, kept as it came until it is known whether a voicemail took it.
//!
//! Packets are placed by their RTP timestamps and kept undecoded, so a reel costs what the network brought. What lies
//! further back than a minute is let go. Decoding waits until the message is known: then all of it is in order, whatever order
//! it came in.

use super::side::Direction;
use super::track::{NARROW, Track, WIDE, is_sound};
use crate::event::Wave;
use crate::limits;
use crate::time::{Span, Timestamp};
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
        self.caller.bytes() + self.pbx.bytes()
    }

    /// What lies between two times, decoded; none if the caller's side brought nothing in between.
    pub fn develop(&self, from: Timestamp, to: Timestamp) -> Option<Wave> {
        let codec = self.caller.between(from, to).map(|clip| clip.codec).find(|codec| is_sound(*codec))?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::track::CLIP;
    use crate::wire::g711;

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
    fn a_late_beginning_moves_what_follows_it_and_tears_nothing() {
        let mut reel = Reel::default();
        for (n, late) in [(0, 35), (1, 30), (2, 0), (3, 12)] {
            let payload = [0x80 | n as u8; 160];
            let packet = packet(n, u32::from(n) * 160, &payload);
            reel.take(Direction::FromCaller, Codec::Pcmu, at(i64::from(n) * 20 + late), &packet);
        }
        assert_eq!(heard(&reel, 0, 80), levels(&[0, 1, 2, 3]));
    }

    #[test]
    fn a_long_key_is_silence_and_moves_no_sound() {
        let mut reel = said(&[0, 1], 0, 0);
        for n in 2..52 {
            let event = packet(n, 320, &[5, 10, 0, 160]);
            reel.take(Direction::FromCaller, Codec::TelephoneEvent, at(i64::from(n) * 20), &event);
        }
        let payload = [0x80 | 9; 160];
        reel.take(Direction::FromCaller, Codec::Pcmu, at(1_050), &packet(52, 52 * 160, &payload));
        let wave = reel.develop(at(0), at(1_060)).expect("sound");
        assert!(wave.frames[320..8_320].iter().all(|frame| frame[0] == 0));
        assert_eq!((wave.frames[8_320][0], wave.lost), (g711::ulaw(0x89), 0));
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
    }
}

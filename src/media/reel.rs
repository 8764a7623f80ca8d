//! The sound of one leg, kept as it came until it is known whether a voicemail took it.
//!
//! Packets are placed by their RTP timestamps and kept undecoded, so a reel costs what the network brought. What lies
//! further back than a minute is let go. Once a message is known to be one it is decoded and passed on piece by piece, a little
//! behind the network, so that what comes late or out of order is in its place.

use super::side::Direction;
use super::track::{NARROW, Track, WIDE};
use crate::event::{Passed, Piece};
use crate::limits;
use crate::time::{Span, Timestamp};
use crate::wire::rtp::{Codec, RtpPacket};

/// Both directions of one leg.
#[derive(Clone, Debug, Default)]
pub struct Reel {
    caller: Track,
    pbx: Track,
    message: Option<Begun>,
}

/// A message of which something was passed on.
#[derive(Clone, Debug)]
struct Begun {
    from: Timestamp,
    codec: Codec,
    /// How many frames were passed on, and those after them that are known already.
    passed: usize,
    ahead: Vec<[i16; 2]>,
    /// How loud the caller's side was, in tenths of a second.
    peaks: Vec<u8>,
}

impl Reel {
    /// Keeps one packet, captured at `at`.
    pub fn take(&mut self, from: Direction, codec: Codec, at: Timestamp, packet: &RtpPacket<'_>) {
        let reach = Span::from_secs(limits::UNDECIDED);
        match from {
            Direction::FromCaller => self.caller.take(codec, at, packet, reach),
            Direction::FromPbx => self.pbx.take(codec, at, packet, reach),
        }
    }

    /// How many bytes are kept.
    pub fn bytes(&self) -> usize {
        self.caller.bytes() + self.pbx.bytes()
    }

    /// Whether something was passed on.
    pub fn has_begun(&self) -> bool {
        self.message.is_some()
    }

    /// Passes on what a message brought up to `to`, for good; it began at `from`, which counts the first time alone. None while the
    /// caller's side has brought no sound.
    pub fn develop(&mut self, from: Timestamp, to: Timestamp) -> Option<Piece> {
        if self.message.is_none() {
            let codec = self.caller.codec_after(from)?;
            self.caller.forget_before(from);
            self.pbx.forget_before(from);
            self.message = Some(Begun { from, codec, passed: 0, ahead: Vec::new(), peaks: Vec::new() });
        }
        let Reel { caller, pbx, message } = self;
        let begun = message.as_mut()?;
        let rate = begun.rate();
        let to = to.min(begun.from + Span::from_secs(limits::RECORDED));
        let fresh =
            frames(to.since(begun.from), rate).checked_sub(begun.passed).filter(|fresh| *fresh > 0)?;
        begun.ahead.resize(fresh.max(begun.ahead.len()), [0; 2]);
        caller.draw(begun.from, to, rate, &mut |at, sample| begun.put(at, 0, sample));
        pbx.draw(begun.from, to, rate, &mut |at, sample| begun.put(at, 1, sample));
        let rest = begun.ahead.split_off(fresh);
        let frames = std::mem::replace(&mut begun.ahead, rest);
        let from = begun.passed as u64;
        begun.pass(&frames);
        Some(Piece { rate, from, frames })
    }

    /// What was passed on so far.
    pub fn passed(&self) -> Option<Passed> {
        let begun = self.message.as_ref()?;
        let millis =
            i64::try_from(begun.passed).unwrap_or(i64::MAX).saturating_mul(1_000) / i64::from(begun.rate());
        let stretch = begun.peaks.len().div_ceil(limits::PEAKS).max(1);
        let peaks =
            begun.peaks.chunks(stretch).map(|peaks| peaks.iter().copied().max().unwrap_or(0)).collect();
        Some(Passed { millis, codec: name(begun.codec), lost: self.caller.lost(), peaks })
    }
}

impl Begun {
    /// Frames a second.
    fn rate(&self) -> u32 {
        if self.codec == Codec::G722 { WIDE } else { NARROW }
    }

    /// Notes what is passed on.
    fn pass(&mut self, frames: &[[i16; 2]]) {
        let tenth = self.rate() as usize / 10;
        for [caller, _] in frames {
            let nth = self.passed / tenth;
            if nth >= self.peaks.len() {
                self.peaks.resize(nth + 1, 0);
            }
            let loud = u8::try_from(caller.unsigned_abs() >> 7).unwrap_or(u8::MAX);
            if let Some(peak) = self.peaks.get_mut(nth) {
                *peak = loud.max(*peak);
            }
            self.passed += 1;
        }
    }

    /// Puts a sample where it belongs; a packet that reaches beyond what is passed on now goes on in the next piece.
    fn put(&mut self, at: i64, channel: usize, sample: i16) {
        let Some(at) = usize::try_from(at).ok().and_then(|at| at.checked_sub(self.passed)) else { return };
        if at >= self.ahead.len() && at < self.ahead.len() + LONGEST {
            self.ahead.resize(at + 1, [0; 2]);
        }
        if let Some(place) = self.ahead.get_mut(at).and_then(|frame| frame.get_mut(channel)) {
            *place = sample;
        }
    }
}

/// How many frames a length has.
fn frames(length: Span, rate: u32) -> usize {
    usize::try_from(length.as_micros().saturating_mul(i64::from(rate)) / 1_000_000).unwrap_or(0)
}

/// Frames of the longest packet.
const LONGEST: usize = 2 * limits::SOUND;

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
        let mut reel = reel.clone();
        let wave = reel.develop(at(from_ms), at(to_ms)).expect("sound");
        assert_eq!(reel.passed().map(|passed| passed.millis), Some(to_ms - from_ms));
        wave.frames.chunks(160).filter_map(|chunk| chunk.get(80)).map(|frame| frame[0]).collect()
    }

    fn levels(numbers: &[u8]) -> Vec<i16> {
        numbers.iter().map(|n| if *n == 0xff { 0 } else { g711::ulaw(0x80 | n) }).collect()
    }

    #[test]
    fn pieces_are_the_whole_wherever_they_are_cut() {
        let order: Vec<u16> = (0..100).collect();
        let whole = said(&order, 0, 0).develop(at(13), at(2_000)).expect("sound").frames;
        for step in [7, 20, 33, 400] {
            let mut reel = said(&order, 0, 0);
            let mut pieces = Vec::new();
            for to in (13..2_000).step_by(step).chain([2_000]) {
                if let Some(piece) = reel.develop(at(13), at(to)) {
                    assert_eq!(piece.from, pieces.len() as u64);
                    pieces.extend(piece.frames);
                }
            }
            assert!(pieces == whole, "{step}");
        }
    }

    const GONE: u8 = 0xff;

    #[test]
    fn what_came_out_of_order_twice_or_never_lies_where_it_belongs() {
        let mut reel = said(&[0, 2, 1, 1, 4, 5], 65_533, u32::MAX - 200);
        assert_eq!(heard(&reel, 0, 120), levels(&[0, 1, 2, GONE, 4, 5]));
        assert!(reel.develop(at(0), at(120)).is_some());
        assert_eq!(reel.passed().map(|passed| passed.lost), Some(1));
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
        assert_eq!(wave.frames[8_320][0], g711::ulaw(0x89));
        assert_eq!(reel.passed().map(|passed| passed.lost), Some(0));
    }

    #[test]
    fn a_message_is_as_long_as_the_call_says_whatever_came() {
        let mut reel = said(&[0, 1, 2], 0, 0);
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
    fn a_message_has_a_hundred_peaks_at_most() {
        let mut reel = Reel::default();
        for n in 0..3_000_u16 {
            let payload = [if n < 1_500 { 0xff } else { 0x80 }; 160];
            let packet = packet(n, u32::from(n) * 160, &payload);
            reel.take(Direction::FromCaller, Codec::Pcmu, at(i64::from(n) * 20), &packet);
        }
        assert!(reel.develop(at(0), at(60_000)).is_some());
        let peaks = reel.passed().expect("a message").peaks;
        assert_eq!(peaks.len(), 100);
        assert!(peaks[..50].iter().all(|peak| *peak == 0) && peaks[50..].iter().all(|peak| *peak == 250));
    }

    #[test]
    fn wide_sound_has_twice_the_frames() {
        let mut reel = Reel::default();
        reel.take(Direction::FromCaller, Codec::G722, at(0), &packet(0, 0, &[0x55; 160]));
        let wave = reel.develop(at(0), at(20)).expect("sound");
        assert_eq!((wave.rate, wave.frames.len()), (16_000, 320));
        assert_eq!(reel.passed().map(|passed| passed.codec), Some("G722"));
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
        let wave = reel.develop(at(50_000), at(119_000)).expect("sound");
        assert!(wave.frames[..79_000].iter().all(|frame| frame[0] == 0));
        assert!(wave.frames[81_000..].iter().all(|frame| frame[0] != 0));
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

//! Listens to one leg and says whether a recorder or a person answered it.
//!
//! Packets of both directions come in as they are captured, from early media on; `judge` may be asked at any time and
//! changes nothing. An ear is about 3 KB when new and stays below 8 KB.

use super::judge::{Lasted, judge};
use super::side::{Direction, Side};
use crate::event::heard::{Ended, Heard};
use crate::time::{Span, Timestamp};
use crate::wire::rtp::{Codec, RtpPacket};

/// What a site may want otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// A caller who speaks for less has left no message.
    pub min_message: Span,
}

impl Default for Params {
    fn default() -> Params {
        Params { min_message: Span::from_secs(2) }
    }
}

/// The ear at one leg.
#[derive(Clone, Debug)]
pub struct Ear {
    params: Params,
    origin: Option<Timestamp>,
    caller: Side,
    pbx: Side,
}

impl Ear {
    /// An ear that has heard nothing.
    pub fn new(params: Params) -> Ear {
        Ear { params, origin: None, caller: Side::new(), pbx: Side::new() }
    }

    /// Hears one packet, captured at `at`. Who sent it and what its payload type means the session's SDP says.
    pub fn hear(&mut self, from: Direction, codec: Codec, at: Timestamp, packet: &RtpPacket<'_>) {
        let origin = *self.origin.get_or_insert(at - LEAD);
        match from {
            Direction::FromCaller => self.caller.hear(origin, at, codec, packet),
            Direction::FromPbx => self.pbx.hear(origin, at, codec, packet),
        }
    }

    /// What was heard between the answer (the 200's time) and the leg's end.
    pub fn judge(&self, answered: Timestamp, ended: Ended) -> Heard {
        let origin = self.origin.unwrap_or(answered);
        let (caller, pbx) = (self.caller.told(), self.pbx.told());
        let lasted = ended.at.since(answered);
        judge(self.params, &caller, &pbx, answered.since(origin), Lasted { lasted, by_pbx: ended.by_pbx })
    }
}

/// Room for packets that turn out to belong before the first one seen.
const LEAD: Span = Span::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::heard::{Reason, Verdict};
    use crate::media::activity::Run;
    use crate::media::tone::Tone;
    use crate::wire::g722::G722;

    const ANSWERED: Timestamp = Timestamp::from_micros(1_795_190_400_000_000);

    /// What one side does for some milliseconds.
    #[derive(Clone, Copy)]
    enum Does {
        Speak(u32),
        Pause(u32),
        Sound(u32, &'static [f32]),
        /// Sends nothing at all.
        Vanish(u32),
        /// Presses a key for a tenth of a second.
        Press(u8),
    }
    use Does::{Pause, Press, Sound, Speak, Vanish};

    const BEEP: Does = Sound(400, &[1_000.0]);

    /// µ-law by G.711's formula.
    fn ulaw(sample: f32) -> u8 {
        let sign = if sample < 0.0 { 0x80 } else { 0x00 };
        let size = sample.abs().min(32_000.0) as u32 + 132;
        let segment = (size >> 7).ilog2();
        !(sign | (segment << 4) as u8 | (size >> (segment + 3)) as u8 & 0x0f)
    }

    /// Something with syllables, a pitch that moves and formants that do.
    fn voice(n: usize) -> f32 {
        let t = n as f32 / 8_000.0;
        let syllable = (t * 4.0 * std::f32::consts::TAU).sin().max(0.0);
        let glide = (1..8).map(|k| {
            let k = k as f32;
            let phase = k * (120.0 * t + 8.0 * (t * 5.0).sin()) * std::f32::consts::TAU;
            phase.sin() / (1.0 + (k - 3.0 - 2.0 * (t * 7.0).sin()).abs())
        });
        2_500.0 * syllable * glide.sum::<f32>()
    }

    fn sample(does: Does, n: usize) -> f32 {
        match does {
            Speak(_) => voice(n),
            Sound(_, hz) => {
                let wave = |f: &f32| (f * n as f32 / 8_000.0 * std::f32::consts::TAU).sin();
                hz.iter().map(|f| 5_000.0 / hz.len() as f32 * wave(f)).sum()
            }
            Pause(_) | Vanish(_) | Press(_) => 0.0,
        }
    }

    fn lasts(does: Does) -> u32 {
        match does {
            Speak(ms) | Pause(ms) | Sound(ms, _) | Vanish(ms) => ms,
            Press(_) => 100,
        }
    }

    /// The payloads of one side, 20 ms each, of keys an event's four bytes; `None` where it sends nothing.
    fn packets(script: &[Does]) -> Vec<Option<Vec<u8>>> {
        let frame = |does: Does, n: u32| {
            let start = n as usize * 160;
            match does {
                Vanish(_) => None,
                Press(key) => Some(vec![key, 10, 0, n as u8]),
                _ => Some((start..start + 160).map(|n| ulaw(sample(does, n))).collect()),
            }
        };
        script.iter().flat_map(|&does| (0..lasts(does) / 20).map(move |n| frame(does, n))).collect()
    }

    fn heard(pbx: &[Does], caller: &[Does]) -> Heard {
        heard_with(pbx, caller, false, |_| true)
    }

    /// The same, and then the PBX's side hangs up.
    fn hung_up_on(pbx: &[Does], caller: &[Does]) -> Heard {
        heard_with(pbx, caller, true, |_| true)
    }

    /// Hears two scripts; of each side only packets whose number is let through.
    fn heard_with(pbx: &[Does], caller: &[Does], by_pbx: bool, through: impl Fn(usize) -> bool) -> Heard {
        let mut ear = Ear::new(Params::default());
        let mut ends = ANSWERED;
        for (from, script) in [(Direction::FromPbx, pbx), (Direction::FromCaller, caller)] {
            for (n, payload) in packets(script).into_iter().enumerate() {
                let at = ANSWERED + Span::from_millis(n as i64 * 20);
                ends = ends.max(at);
                let Some(payload) = payload.filter(|_| through(n)) else { continue };
                let key = payload.len() == 4;
                let begun = n - if key { usize::from(payload[3]) } else { 0 };
                let (sequence, timestamp) = (n as u16, begun as u32 * 160);
                let codec = if key { Codec::TelephoneEvent } else { Codec::Pcmu };
                let packet =
                    RtpPacket { kind: 0, sequence, timestamp, ssrc: 7, marker: false, payload: &payload };
                ear.hear(from, codec, at, &packet);
            }
        }
        ear.judge(ANSWERED, Ended { at: ends, by_pbx })
    }

    fn soon() -> Ended {
        Ended { at: ANSWERED + Span::from_secs(5), by_pbx: false }
    }

    const GREETING: [Does; 4] = [Pause(300), Speak(4_000), Pause(300), BEEP];

    fn then(rest: &[Does]) -> Vec<Does> {
        GREETING.iter().chain(rest).copied().collect()
    }

    #[test]
    fn greeting_tone_and_speech_are_a_message() {
        let heard = heard(&then(&[Pause(6_000)]), &[Pause(5_500), Speak(4_000), Pause(1_500)]);
        assert_eq!(heard.verdict, Verdict::VoicemailMessage);
        let message = heard.message.expect("a message");
        assert!(message.start_ms.abs_diff(5_000) <= 40, "{message:?}");
        assert!(message.speech_ms.abs_diff(3_900) <= 200, "{message:?}");
        assert!(heard.greeting.expect("a greeting").end_ms <= 4_320);
    }

    #[test]
    fn a_recorder_that_falls_silent_altogether_is_one() {
        let heard = heard(&GREETING, &[Vanish(5_500), Speak(4_000), Vanish(1_500)]);
        assert_eq!(heard.verdict, Verdict::VoicemailMessage);
    }

    #[test]
    fn greeting_and_tone_alone_are_a_hangup() {
        let heard = heard(&then(&[Pause(3_000)]), &[Pause(5_500), Speak(600), Pause(1_900)]);
        assert_eq!(heard.verdict, Verdict::VoicemailHangup);
    }

    #[test]
    fn a_long_sentence_without_a_tone_is_no_voicemail() {
        let heard =
            heard(&[Pause(300), Speak(6_000), Pause(8_000)], &[Pause(7_000), Speak(6_000), Pause(1_000)]);
        assert_eq!(heard.verdict, Verdict::Unknown(Reason::NoTone));
        assert!(heard.suggests_voicemail());
    }

    #[test]
    fn turns_are_a_conversation_whatever_beeps_in_it() {
        let pbx = [
            Speak(1_500),
            Pause(2_000),
            Speak(1_500),
            Pause(2_000),
            Speak(1_500),
            Pause(2_000),
            Speak(1_000),
            BEEP,
        ];
        let caller = [
            Pause(1_700),
            Speak(1_600),
            Pause(1_900),
            Speak(1_600),
            Pause(1_900),
            Speak(1_600),
            Pause(1_500),
            Speak(4_000),
        ];
        let heard = heard(&pbx, &caller);
        assert_eq!(heard.verdict, Verdict::Conversation);
        assert!(heard.two_way_ms >= 5_000);
        assert_eq!(heard.message, None);
    }

    #[test]
    fn speech_after_the_tone_is_no_recorder() {
        let heard = heard(
            &then(&[Pause(2_500), Speak(1_500), Pause(3_000)]),
            &[Pause(5_200), Speak(2_000), Pause(4_000)],
        );
        assert_eq!(heard.verdict, Verdict::Unknown(Reason::SpokeAfterTone));
    }

    /// The caller speaks for 3 s after the tone, the PBX's side after `pause` more for 1.5 s.
    fn answered_after(pause: u32) -> [Vec<Does>; 2] {
        let pbx = then(&[Pause(500 + 3_000 + pause), Speak(1_500), Pause(1_000)]);
        [pbx, vec![Pause(5_500), Speak(3_000), Pause(pause + 2_500)]]
    }

    #[test]
    fn who_speaks_after_a_pause_may_be_a_person_who_thought() {
        for pause in [2_800, 3_200, 4_500, 9_000] {
            let [pbx, caller] = answered_after(pause);
            for heard in [heard(&pbx, &caller), hung_up_on(&pbx, &caller)] {
                assert_eq!(heard.verdict, Verdict::Unknown(Reason::SpokeLate), "{pause}");
                assert!(heard.suggests_voicemail());
            }
        }
        let [pbx, caller] = answered_after(1_000);
        assert_eq!(hung_up_on(&pbx, &caller).verdict, Verdict::Unknown(Reason::SpokeAfterTone));
    }

    #[test]
    fn one_word_after_the_tone_may_be_a_persons() {
        let pbx = then(&[Pause(2_500), Speak(250), Pause(6_000)]);
        let caller = [Pause(5_500), Speak(1_800), Pause(500), Speak(3_000), Pause(1_500)];
        assert_eq!(heard(&pbx, &caller).verdict, Verdict::Unknown(Reason::SpokeLate));
    }

    #[test]
    fn a_last_word_of_the_callers_was_said_to_a_person() {
        let [pbx, mut caller] = answered_after(4_500);
        caller.pop();
        caller.extend([Pause(6_200), Speak(300), Pause(500)]);
        assert!(matches!(hung_up_on(&pbx, &caller).verdict, Verdict::Unknown(_)));
    }

    #[test]
    fn pound_opens_a_recorders_menu() {
        let pbx = then(&[Pause(4_500), Speak(3_000), Pause(1_500), Speak(1_200), Pause(500)]);
        let caller = |keys: [u8; 2]| {
            [
                Pause(5_500),
                Speak(3_000),
                Pause(400),
                Press(keys[0]),
                Pause(4_000),
                Press(keys[1]),
                Pause(2_500),
            ]
        };
        assert_eq!(heard(&pbx, &caller([11, 1])).verdict, Verdict::VoicemailMessage);
        assert_eq!(hung_up_on(&pbx, &caller([11, 1])).verdict, Verdict::VoicemailMessage);
        for keys in [[4, 2], [4, 11]] {
            assert_eq!(hung_up_on(&pbx, &caller(keys)).verdict, Verdict::Unknown(Reason::SpokeLate));
        }
    }

    #[test]
    fn a_pin_before_the_tone_is_the_owners() {
        let after = [Speak(4_000), Pause(1_500)];
        let heard = |before: &[Does]| heard(&then(&[Pause(6_000)]), &[before, &after].concat()).verdict;
        let pin = [Pause(3_000), Press(1), Pause(400), Press(2), Pause(400), Press(3), Pause(1_400)];
        assert_eq!(heard(&pin), Verdict::Unknown(Reason::Dialled));
        assert_eq!(heard(&[Pause(3_000), Press(11), Pause(2_400)]), Verdict::Unknown(Reason::Dialled));
        assert_eq!(heard(&[Pause(3_000), Press(2), Pause(2_400)]), Verdict::VoicemailMessage);
    }

    #[test]
    fn a_caller_who_waits_long_may_be_on_hold() {
        let long = [Pause(14_000), Speak(3_000), Pause(500)];
        assert_eq!(heard(&GREETING, &long).verdict, Verdict::Unknown(Reason::Waited));
        assert_eq!(heard(&GREETING, &[Pause(30_000)]).verdict, Verdict::Unknown(Reason::Waited));
    }

    #[test]
    fn a_tone_that_comes_again_is_no_recorder() {
        let heard = heard(&then(&[Pause(5_000), BEEP, Pause(5_000)]), &[Pause(5_500), Speak(9_000)]);
        assert_eq!(heard.verdict, Verdict::Unknown(Reason::ToneRepeats));
    }

    #[test]
    fn a_busy_tone_is_no_recorder() {
        let busy = Sound(500, &[480.0, 620.0]);
        let heard = heard(&[Speak(3_000), Pause(300), busy, Pause(5_000)], &[Pause(4_000), Speak(4_000)]);
        assert!(matches!(heard.verdict, Verdict::Unknown(_)), "{heard:?}");
    }

    #[test]
    fn one_burst_of_busy_tone_after_a_short_talk_is_no_recorder() {
        let pbx = [Speak(2_000), Pause(2_000), Speak(1_500), Pause(400), Sound(480, &[425.0]), Pause(600)];
        let caller = [Pause(2_200), Speak(1_600), Pause(3_000)];
        let heard = heard(&pbx, &caller);
        assert_eq!(heard.verdict, Verdict::Unknown(Reason::TalkedBefore));
    }

    #[test]
    fn a_tone_after_the_callers_words_is_no_recorder() {
        let pbx = [Speak(2_000), Pause(2_000), BEEP, Pause(5_000)];
        let heard = heard(&pbx, &[Pause(2_200), Speak(1_600), Pause(900), Speak(4_000)]);
        assert_eq!(heard.verdict, Verdict::Unknown(Reason::Undecided));
    }

    #[test]
    fn a_fax_machine_is_said_to_be_one() {
        let cng = [Sound(500, &[1_100.0]), Pause(3_000), Sound(500, &[1_100.0]), Pause(3_000)];
        let heard = heard(&[Speak(3_000), Pause(4_000)], &cng);
        assert_eq!((heard.verdict, heard.fax), (Verdict::Unknown(Reason::Fax), true));
    }

    #[test]
    fn every_twentieth_packet_lost_changes_no_verdict() {
        let caller = [Pause(5_500), Speak(4_000), Pause(1_500)];
        let heard = heard_with(&then(&[Pause(6_000)]), &caller, false, |n| n % 20 != 7);
        assert_eq!(heard.verdict, Verdict::VoicemailMessage);
    }

    #[test]
    fn half_of_it_lost_is_too_much() {
        let caller = [Pause(5_500), Speak(4_000), Pause(1_500)];
        let heard = heard_with(&then(&[Pause(6_000)]), &caller, false, |n| n % 2 == 0);
        assert_eq!(heard.verdict, Verdict::Unknown(Reason::Lossy));
    }

    #[test]
    fn one_side_or_none_is_unknown() {
        let unknown = |pbx: &[Does], caller: &[Does]| heard(pbx, caller).verdict;
        assert_eq!(unknown(&GREETING, &[]), Verdict::Unknown(Reason::CallerUnseen));
        assert_eq!(unknown(&[], &[Speak(3_000)]), Verdict::Unknown(Reason::PbxUnseen));
        assert_eq!(unknown(&[], &[]), Verdict::Unknown(Reason::NoAudio));
    }

    #[test]
    fn what_sounds_before_the_answer_counts_for_nothing() {
        let mut ear = Ear::new(Params::default());
        for (n, payload) in (0..).zip(packets(&then(&[Pause(6_000)]))) {
            let at = ANSWERED - Span::from_secs(30) + Span::from_millis(i64::from(n) * 20);
            let payload = payload.expect("sound");
            let (sequence, timestamp) = (n, u32::from(n) * 160);
            let packet =
                RtpPacket { kind: 0, sequence, timestamp, ssrc: 7, marker: false, payload: &payload };
            ear.hear(Direction::FromPbx, Codec::Pcmu, at, &packet);
            ear.hear(Direction::FromCaller, Codec::Pcmu, at, &packet);
        }
        let heard = ear.judge(ANSWERED, soon());
        assert_eq!((heard.greeting, heard.tone), (None, None));
    }

    #[test]
    fn an_unknown_codec_is_said_to_be_one() {
        let mut ear = Ear::new(Params::default());
        let packet =
            RtpPacket { kind: 18, sequence: 1, timestamp: 1, ssrc: 7, marker: false, payload: &[0; 20] };
        ear.hear(Direction::FromPbx, Codec::Other, ANSWERED, &packet);
        assert_eq!(ear.judge(ANSWERED, soon()).verdict, Verdict::Unknown(Reason::Unreadable));
    }

    #[test]
    fn an_ear_stays_below_eight_kilobytes() {
        let lists = 2 * (128 * size_of::<Run>() + 64 * size_of::<Tone>() + 32 * size_of::<u32>());
        assert!(size_of::<Ear>() + lists + 2 * size_of::<G722>() <= 8_192, "{}", size_of::<Ear>());
    }

    #[test]
    fn noise_on_the_wire_never_panics() {
        let mut ear = Ear::new(Params::default());
        let mut seed = 1_u32;
        let mut next = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            seed
        };
        for _ in 0..3_000 {
            let payload: Vec<u8> = (0..next() % 400).map(|_| (next() >> 24) as u8).collect();
            let (sequence, timestamp, ssrc) = ((next() >> 16) as u16, next(), next() % 3);
            let packet = RtpPacket { kind: 0, sequence, timestamp, ssrc, marker: false, payload: &payload };
            let at = Timestamp::from_micros(i64::from(next()) * 1_000 - i64::from(next()));
            let codec =
                [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::TelephoneEvent][(next() >> 30) as usize];
            let from = if next() >> 31 == 0 { Direction::FromPbx } else { Direction::FromCaller };
            ear.hear(from, codec, at, &packet);
        }
        for (a, b) in [(0, 0), (i64::MIN, i64::MAX), (i64::MAX, i64::MIN), (1 << 40, 1 << 41)] {
            let ended = Ended { at: Timestamp::from_micros(b), by_pbx: a == b };
            let _ = ear.judge(Timestamp::from_micros(a), ended);
        }
    }
}

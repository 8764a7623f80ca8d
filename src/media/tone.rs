//! Tones in time: stretches of one pitch, and what beeps, rings and digits are among them.
//!
//! Pitches come in tick by tick in order of time; a tone is one pitch that stays for at least 60 ms. A beep is one tone
//! or two in a row with nothing tonal around it: what recorders sound before they record. Ringback, busy, dial
//! tone and DTMF are known by their pairs of frequencies (ITU-T E.180 supplement 2, Q.23), melodies and special
//! information tones by there being more than two tones in a row.

use super::activity::Run;
use super::sound::Pitch;
use crate::limits;

/// A stretch of one pitch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tone {
    /// When, in ticks.
    pub run: Run,
    /// Its pitch.
    pub pitch: Pitch,
}

/// What one side's tones were so far. Bounded: the oldest go first.
#[derive(Clone, Debug)]
pub struct Tones {
    tones: Vec<Tone>,
    open: Option<Open>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    tone: Tone,
    /// Ticks that had the pitch.
    pitched: u32,
}

impl Tones {
    /// No tones yet.
    pub fn new() -> Tones {
        Tones { tones: Vec::new(), open: None }
    }

    /// Hears the pitch of a tick, or that it has none.
    pub fn hear(&mut self, tick: u32, pitch: Option<Pitch>) {
        match (&mut self.open, pitch) {
            (Some(open), Some(pitch))
                if open.tone.pitch.same(pitch) && tick <= open.tone.run.end + BRIDGED =>
            {
                open.tone.run.end = tick + 1;
                open.pitched += 1;
            }
            (Some(open), None) if tick < open.tone.run.end + BRIDGED => {}
            (_, pitch) => {
                self.close();
                self.open = pitch.map(|pitch| Open {
                    tone: Tone { run: Run { start: tick, end: tick + 1 }, pitch },
                    pitched: 1,
                });
            }
        }
    }

    /// The tones up to now, in order.
    pub fn all(&self) -> Vec<Tone> {
        self.tones.iter().copied().chain(self.open.and_then(Open::kept)).collect()
    }

    fn close(&mut self) {
        if let Some(tone) = self.open.take().and_then(Open::kept) {
            if self.tones.len() >= limits::TONES {
                self.tones.remove(0);
            }
            self.tones.push(tone);
        }
    }
}

impl Open {
    fn kept(self) -> Option<Tone> {
        let solid = self.pitched >= SHORTEST && self.pitched * 3 >= self.tone.run.len() * 2;
        solid.then_some(self.tone)
    }
}

/// Tones that follow each other without a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    /// From the first one's start to the last one's end.
    pub run: Run,
    /// The first one's pitch.
    pub pitch: Pitch,
    /// How many different pitches follow each other.
    pub pitches: u32,
    /// The lowest and the highest frequency.
    lowest: u16,
    highest: u16,
}

impl Chain {
    /// Whether a recorder may have sounded it: 150 to 1000 ms of one or two pitches within 300 to 1500 Hz.
    pub fn may_be_beep(&self) -> bool {
        let long = (SHORTEST_BEEP..=LONGEST_BEEP).contains(&self.run.len());
        long && self.pitches <= 2
            && self.lowest >= LOWEST
            && self.highest <= HIGHEST
            && !self.is_call_progress()
    }

    /// Whether it is a second sounding of the same signal.
    pub fn repeats(&self, other: &Chain) -> bool {
        let (a, b) = (self.run.len(), other.run.len());
        self.pitch.same(other.pitch) && a.abs_diff(b) * 5 <= a.max(b) * 2
    }

    /// A digit (Q.23), or a pair that a network says something with.
    fn is_call_progress(&self) -> bool {
        key(self.pitch).is_some() || PROGRESS.iter().any(|&(low, high)| self.pitch.same(Pitch { low, high }))
    }
}

/// The key whose DTMF pair (Q.23) a pitch is within 2 %, by its event (RFC 4733 3.2).
pub fn key(pitch: Pitch) -> Option<u8> {
    let place =
        |hz: u16, all: [u16; 4]| all.iter().position(|&f| u32::from(hz.abs_diff(f)) * 50 <= u32::from(f));
    let row = place(pitch.low, [697, 770, 852, 941])?;
    let column = place(pitch.high, [1_209, 1_336, 1_477, 1_633])?;
    KEYS.get(row)?.get(column).copied()
}

/// Joins tones into chains.
pub fn chains(tones: &[Tone]) -> Vec<Chain> {
    let mut out: Vec<Chain> = Vec::new();
    let mut last: Option<Pitch> = None;
    for tone in tones {
        let top = tone.pitch.low.max(tone.pitch.high);
        let new =
            Chain { run: tone.run, pitch: tone.pitch, pitches: 1, lowest: tone.pitch.low, highest: top };
        match out.last_mut() {
            Some(chain) if tone.run.start <= chain.run.end + reach(last, tone.pitch) => {
                let same = last.is_some_and(|pitch| pitch.same(tone.pitch));
                chain.run.end = tone.run.end;
                chain.pitches += u32::from(!same);
                chain.lowest = chain.lowest.min(tone.pitch.low);
                chain.highest = chain.highest.max(top);
            }
            _ => out.push(new),
        }
        last = Some(tone.pitch);
    }
    out
}

/// How far apart, in ticks, two tones may be and still follow each other.
fn reach(last: Option<Pitch>, next: Pitch) -> u32 {
    if last.is_some_and(|pitch| pitch.same(next)) { BROKEN } else { IN_A_ROW }
}

/// The keys of a pad, row by row.
const KEYS: [[u8; 4]; 4] = [[1, 2, 3, 12], [4, 5, 6, 13], [7, 8, 9, 14], [10, 0, 11, 15]];

/// Pairs that say busy, ringing or dial.
const PROGRESS: [(u16, u16); 5] = [(480, 620), (440, 480), (350, 440), (400, 450), (400, 425)];

/// The shortest tone, in ticks with its pitch.
const SHORTEST: u32 = 6;

/// A tone goes on over so many ticks that don't have its pitch: a lost packet, or a click.
const BRIDGED: u32 = 6;

/// Tones of different pitch no further apart follow each other, in ticks.
const IN_A_ROW: u32 = 10;

/// One tone that loss broke, or that a recorder sounds twice.
const BROKEN: u32 = 25;

/// Beeps last 150 to 1000 ms; the edges blur by a stretch each.
const SHORTEST_BEEP: u32 = 12;
const LONGEST_BEEP: u32 = 105;

/// Frequencies of beeps, with the pitch's error, in Hz.
const LOWEST: u16 = 290;
const HIGHEST: u16 = 1_530;

#[cfg(test)]
mod tests {
    use super::*;

    const SINGLE: Pitch = Pitch { low: 1_000, high: 0 };

    fn tones(stretches: &[(u32, Option<Pitch>)]) -> Vec<Tone> {
        let (mut tones, mut tick) = (Tones::new(), 0);
        for &(count, pitch) in stretches {
            for _ in 0..count {
                tones.hear(tick, pitch);
                tick += 1;
            }
        }
        tones.all()
    }

    fn beeps(stretches: &[(u32, Option<Pitch>)]) -> usize {
        chains(&tones(stretches)).iter().filter(|c| c.may_be_beep()).count()
    }

    fn hz(low: u16) -> Option<Pitch> {
        Some(Pitch { low, high: 0 })
    }

    #[test]
    fn a_single_tone_is_a_beep_by_length_and_frequency() {
        for (ticks, low, expected) in
            [(40, 1_000, 1), (15, 425, 1), (100, 1_400, 1), (8, 1_000, 0), (200, 1_000, 0), (40, 2_100, 0)]
        {
            assert_eq!(beeps(&[(50, None), (ticks, hz(low)), (50, None)]), expected, "{ticks} {low}");
        }
    }

    #[test]
    fn two_in_a_row_or_at_once_are_a_beep_and_three_are_none() {
        assert_eq!(beeps(&[(20, hz(950)), (20, hz(1_400)), (50, None)]), 1);
        assert_eq!(beeps(&[(40, Some(Pitch { low: 500, high: 1_000 })), (50, None)]), 1);
        assert_eq!(beeps(&[(33, hz(950)), (33, hz(1_400)), (33, hz(1_300)), (50, None)]), 0);
    }

    #[test]
    fn digits_ringing_and_busy_are_no_beeps() {
        for (low, high) in [(770, 1_336), (440, 480), (480, 620), (941, 1_477)] {
            assert_eq!(beeps(&[(30, Some(Pitch { low, high })), (50, None)]), 0, "{low}+{high}");
        }
        assert_eq!(key(Pitch { low: 700, high: 1_215 }), Some(1));
        assert_eq!(key(Pitch { low: 941, high: 1_477 }), Some(11));
        assert_eq!(key(SINGLE), None);
    }

    #[test]
    fn a_lost_packet_breaks_no_tone() {
        let found = tones(&[(10, Some(SINGLE)), (4, None), (20, hz(1_006)), (50, None)]);
        assert_eq!(found, [Tone { run: Run { start: 0, end: 34 }, pitch: SINGLE }]);
    }

    #[test]
    fn a_pitch_that_slides_is_no_tone() {
        let mut tones = Tones::new();
        for tick in 0..60_u16 {
            tones.hear(u32::from(tick), hz(600 + tick * 12));
        }
        assert_eq!(tones.all(), []);
    }

    #[test]
    fn the_same_signal_again_is_known() {
        let found = chains(&tones(&[
            (30, hz(440)),
            (900, None),
            (31, hz(442)),
            (300, None),
            (30, hz(1_000)),
            (9, None),
        ]));
        assert!(found[0].repeats(&found[1]) && !found[0].repeats(&found[2]));
    }

    #[test]
    fn the_oldest_tones_go_first() {
        let melody: Vec<_> = (0..200).map(|n| (10, hz(400 + n % 2 * 300))).collect();
        assert_eq!(tones(&melody).len(), limits::TONES + 1);
    }
}

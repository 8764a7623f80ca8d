//! When something is to be heard on one side of a line: runs of sound above the line's own noise.
//!
//! Levels come in tick by tick in order of time. The noise is the least that was heard lately, or what has kept one
//! level for so long that no speaker does. What sounded while the noise was unknown and proves to be noise is
//! taken back. Whether a run is speech, music or a tone isn't known here.

use crate::limits;

/// A stretch of time in ticks of 10 ms; `end` is the first tick after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its first tick.
    pub start: u32,
    /// The first tick after it.
    pub end: u32,
}

impl Run {
    /// Its length in ticks.
    pub fn len(self) -> u32 {
        self.end.saturating_sub(self.start)
    }

    /// The ticks that both hold.
    pub fn shared(self, other: Run) -> u32 {
        self.end.min(other.end).saturating_sub(self.start.max(other.start))
    }
}

/// What was heard on one side so far. Bounded: of more than `limits::SPEECH_RUNS` runs the closest two become one.
#[derive(Clone, Debug)]
pub struct Activity {
    runs: Vec<Run>,
    open: Option<Open>,
    noise: Noise,
    absent: u32,
    /// Ticks in a row that had a pitch.
    tonal: u32,
}

/// The run that goes on: where it began, its last sounding tick, how many ticks sounded.
#[derive(Clone, Copy, Debug)]
struct Open {
    start: u32,
    last: u32,
    sounding: u32,
}

impl Activity {
    /// Nothing heard yet.
    pub fn new() -> Activity {
        Activity { runs: Vec::new(), open: None, noise: Noise::new(), absent: 0, tonal: 0 }
    }

    /// Hears one tick at `level` dB below full scale; `tonal` levels tell nothing about noise.
    pub fn hear(&mut self, tick: u32, level: u8, tonal: bool) {
        self.absent = 0;
        self.tonal = if tonal { self.tonal.saturating_add(1) } else { 0 };
        if self.tonal >= A_TONE {
            self.noise.restart();
        } else if !tonal && let Some(noise) = self.noise.hear(level) {
            self.take_back(tick, noise);
        }
        let sounding = level.saturating_add(ABOVE) <= self.noise.level() && level <= FAINTEST;
        if tonal || sounding { self.sound(tick) } else { self.pause(tick) }
    }

    /// Hears that `count` ticks from `tick` on never came.
    pub fn miss(&mut self, tick: u32, count: u32) {
        self.absent = self.absent.saturating_add(count);
        if self.absent > BRIDGED {
            self.pause(tick.saturating_add(count));
        }
    }

    /// The runs up to now, in order.
    pub fn runs(&self) -> impl Iterator<Item = Run> + '_ {
        let open = self.open.filter(|open| open.sounding >= SHORTEST);
        self.runs.iter().copied().chain(open.map(|open| Run { start: open.start, end: open.last + 1 }))
    }

    fn sound(&mut self, tick: u32) {
        let open = self.open.get_or_insert(Open { start: tick, last: tick, sounding: 0 });
        open.last = tick;
        open.sounding = open.sounding.saturating_add(1);
    }

    fn pause(&mut self, tick: u32) {
        let Some(open) = self.open else { return };
        if tick.saturating_sub(open.last) > PAUSE {
            self.open = None;
            if open.sounding >= SHORTEST {
                self.keep(Run { start: open.start, end: open.last + 1 });
            }
        }
    }

    /// The last `ticks` of the open run were noise.
    fn take_back(&mut self, tick: u32, ticks: u32) {
        let Some(open) = self.open else { return };
        self.open = None;
        let end = tick.saturating_sub(ticks).min(open.last + 1);
        if end >= open.start.saturating_add(SHORTEST) {
            self.keep(Run { start: open.start, end });
        }
    }

    fn keep(&mut self, run: Run) {
        if self.runs.len() >= limits::SPEECH_RUNS {
            self.join_closest();
        }
        self.runs.push(run);
    }

    fn join_closest(&mut self) {
        let gap = |n: &usize| match self.runs.get(*n..*n + 2) {
            Some(&[a, b]) => b.start.saturating_sub(a.end),
            _ => u32::MAX,
        };
        let Some(closest) = (0..self.runs.len().saturating_sub(1)).min_by_key(gap) else { return };
        let end = self.runs.remove(closest + 1).end;
        if let Some(run) = self.runs.get_mut(closest) {
            run.end = end;
        }
    }
}

/// The line's own noise, in dB below full scale.
#[derive(Clone, Debug)]
struct Noise {
    /// The least of the window before and of this one, and how many ticks this one has had.
    before: u8,
    least: u8,
    ticks: u8,
    /// The last levels, in a circle.
    last: [u8; STEADY_TICKS],
    filled: u8,
    at: u8,
}

impl Noise {
    fn new() -> Noise {
        Noise { before: 0, least: 0, ticks: 0, last: [0; STEADY_TICKS], filled: 0, at: 0 }
    }

    fn level(&self) -> u8 {
        self.before.max(self.least).max(LOUDEST_NOISE)
    }

    /// Forgets what was heard, for a tone or prompt has ended and another source may follow.
    fn restart(&mut self) {
        (self.before, self.least, self.ticks, self.filled) = (0, 0, 0, 0);
    }

    /// Takes a level in; the number of ticks that proved to be noise, if they did.
    fn hear(&mut self, level: u8) -> Option<u32> {
        self.least = self.least.max(level);
        self.ticks += 1;
        if self.ticks >= WINDOW {
            (self.before, self.least, self.ticks) = (self.least, level, 0);
        }
        let place = usize::from(self.at);
        if let Some(slot) = self.last.get_mut(place) {
            *slot = level;
        }
        self.at = ((place + 1) % STEADY_TICKS) as u8;
        self.filled = self.filled.saturating_add(1).min(STEADY_TICKS as u8);
        self.steady()
    }

    fn steady(&mut self) -> Option<u32> {
        if usize::from(self.filled) < STEADY_TICKS {
            return None;
        }
        let (least, most) = self.last.iter().fold((u8::MAX, 0), |(a, b), &l| (a.min(l), b.max(l)));
        let noise = most - least <= STEADY_BAND && least >= LOUDEST_NOISE;
        let news = noise && self.level() > most;
        if news {
            (self.before, self.least) = (most, most);
        }
        news.then_some(STEADY_TICKS as u32)
    }
}

/// What has a pitch for so many ticks is a tone, and another source may follow it.
const A_TONE: u32 = 10;

/// Runs with a shorter pause between them are one, in ticks.
const PAUSE: u32 = 20;

/// A run of fewer sounding ticks is a click.
const SHORTEST: u32 = 6;

/// So many lost ticks are taken for what was around them.
const BRIDGED: u32 = 6;

/// Sound is at least this much louder than noise, in dB.
const ABOVE: u8 = 9;

/// Nothing below this is sound, in dB below full scale.
const FAINTEST: u8 = 50;

/// Nothing louder is taken for noise, in dB below full scale.
const LOUDEST_NOISE: u8 = 26;

/// How long the least level stands for the noise: one to two windows, in ticks.
const WINDOW: u8 = 150;

/// A level that keeps within this band for so long is noise; speakers change more in half a second.
const STEADY_BAND: u8 = 5;
const STEADY_TICKS: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(levels: impl IntoIterator<Item = u8>) -> Vec<(u32, u32)> {
        let mut activity = Activity::new();
        for (tick, level) in (0..).zip(levels) {
            activity.hear(tick, level, false);
        }
        activity.runs().map(|run| (run.start, run.end)).collect()
    }

    /// Syllables of 200 ms with dips between them.
    fn speech(ticks: u32) -> impl Iterator<Item = u8> {
        (0..ticks).map(|n| if n % 20 < 15 { 20 + (n % 7) as u8 } else { 55 })
    }

    fn quiet(level: u8, ticks: u32) -> impl Iterator<Item = u8> {
        (0..ticks).map(move |n| level + (n % 3) as u8)
    }

    #[test]
    fn speech_in_silence_is_one_run_a_sentence() {
        let levels =
            quiet(80, 50).chain(speech(200)).chain(quiet(80, 100)).chain(speech(100)).chain(quiet(80, 50));
        assert_eq!(heard(levels), [(50, 245), (350, 445)]);
    }

    #[test]
    fn a_noisy_line_is_quiet_and_speech_on_it_is_heard() {
        let levels = quiet(42, 300).chain(speech(100).map(|l| l.min(43))).chain(quiet(42, 300));
        assert_eq!(heard(levels), [(300, 395)]);
    }

    #[test]
    fn comfort_noise_after_speech_is_taken_back() {
        let runs = heard(quiet(85, 20).chain(speech(100)).chain(quiet(44, 500)));
        assert_eq!(runs.len(), 1);
        assert!(runs[0].1 <= 125, "{runs:?}");
    }

    #[test]
    fn clicks_are_nothing() {
        assert_eq!(heard(quiet(70, 100).chain([10, 12]).chain(quiet(70, 100))), []);
    }

    #[test]
    fn a_lost_packet_ends_no_run_and_a_long_gap_does() {
        let mut activity = Activity::new();
        for tick in (0..60).filter(|t| t % 10 < 6) {
            activity.hear(tick, if tick < 6 { 80 } else { 30 }, false);
            if tick % 10 == 5 {
                activity.miss(tick + 1, 4);
            }
        }
        activity.miss(60, 100);
        assert_eq!(activity.open.map(|open| open.start), None);
        assert_eq!(activity.runs, [Run { start: 10, end: 56 }]);
    }

    #[test]
    fn memory_is_bounded_and_the_first_and_last_words_stay() {
        let mut activity = Activity::new();
        for n in 0..1_000_u32 {
            for tick in 0..60 {
                activity.hear(n * 60 + tick, if tick < 20 { 20 } else { 80 }, false);
            }
        }
        assert!(activity.runs.len() <= limits::SPEECH_RUNS);
        assert!(activity.runs().next().expect("runs").start <= 60);
        assert!(activity.runs().last().expect("runs").end >= 999 * 60);
    }
}

//! The daemon's time: that of the wall, told apart from steps of it.
//!
//! | the wall | is |
//! |---|---|
//! | runs as the clock that nobody sets does, or a second off | followed, never back |
//! | jumps against that clock | followed, and the jump told once: the engine dates anew what is due |
//! | jumped while nothing ran, in the same run of the machine | told as a jump at the start |
//! | is behind what was written, or was set soon after the machine started | told as a jump after which nobody knows how much time has passed |
//! | runs as the clock that nobody sets does, and the one with a battery ran ahead of both | told the same, as a jump by nothing |
//!
//! How far the wall is from the other clock is kept in the store, and whether it is in doubt. Sleep is no jump: both
//! clocks count it. While a host pauses its virtual machine neither does; the wall is set at some time after, or never.
//! Only the clock with a battery tells that from a clock that was wrong. Where there is none, a pause looks like a clock
//! that was put forward.

use std::sync::Arc;

use tracing::warn;

use crate::clock::Clock;
use crate::event::{ClockGap, State};
use crate::time::{Span, Timestamp};

/// The wall, and what it did.
pub struct Pace {
    clock: Arc<dyn Clock>,
    boot: Option<String>,
    last: Timestamp,
    /// The wall over the time since the machine started.
    offset: Span,
    /// A jump that wasn't told yet.
    gap: Option<ClockGap>,
    /// The last jump, and when the other clock said so.
    jumped: Option<(Span, Span)>,
    /// What is kept of the offset, and of the doubt.
    kept: Option<Kept>,
    /// The machine has just started, and its clock may have been wrong from the start.
    doubted: bool,
    /// The clock with a battery over the time since the machine started, and when it was looked at.
    battery: (Option<Span>, Span),
}

/// What the store knows of the run of the machine it was written in.
#[derive(Clone, Copy)]
struct Kept {
    offset: Span,
    doubted: bool,
}

impl Pace {
    /// Goes on from what a store knows. Gives the time at which an engine begins; a jump since then is told as the first.
    /// Until the clock of a machine that has just started may be trusted, `state` says so.
    pub fn resume(clock: Arc<dyn Clock>, state: &mut State) -> (Pace, Timestamp) {
        let (wall, running) = read(&*clock);
        let boot = clock.boot();
        let offset = wall.since(Timestamp::from_micros(running.as_micros()));
        let kept = state.meta.get(KEPT).and_then(|kept| parse(kept, boot.as_deref()));
        let booted = state.last_at.is_some() && kept.is_none_or(|kept| kept.doubted);
        let behind = state.last_at.map(|last| wall.since(last)).filter(|by| *by < Span::ZERO - SLEW);
        let by = match kept {
            Some(kept) => Some(offset - kept.offset).filter(|by| is_jump(*by)),
            None => behind,
        };
        let began = by.map_or(wall, |by| wall - by);
        let battery = battery(&*clock, running);
        let settled = if battery.is_some() { SETTLED } else { SETTLED_ALONE };
        if booted && running < settled {
            // In the engine's time, which a jump at the start is yet to move.
            let settles = began + (settled - running);
            state.meta.insert(State::SETTLES.to_owned(), settles.as_micros().to_string());
        }
        let gap = by.map(|by| ClockGap { by_us: by.as_micros(), unsure: booted });
        let doubted = booted && running < DOUBTFUL;
        let battery = (battery, running);
        let pace = Pace { clock, boot, last: wall, offset, gap, jumped: None, kept: None, doubted, battery };
        (pace, began)
    }

    /// What time it is.
    pub fn now(&mut self) -> Timestamp {
        let (wall, running) = read(&*self.clock);
        let by = wall.since(Timestamp::from_micros(running.as_micros()) + self.offset);
        self.offset = self.offset + by;
        self.doubted &= running < DOUBTFUL;
        let (_, looked) = self.battery;
        if is_jump(by) || running - looked >= LOOK {
            self.look(running);
        }
        if is_jump(by) {
            self.jump(by, running);
            self.last = wall;
        }
        self.last = self.last.max(wall);
        self.last
    }

    /// Whether a text that was just decided may leave: not if the machine was paused before. Then there is a jump to be
    /// told first.
    pub fn lets_leave(&mut self) -> bool {
        let (running, (_, looked)) = (self.clock.boottime(), self.battery);
        if running - looked >= LOOK_FOR_TEXT {
            self.look(running);
        }
        !self.gap.is_some_and(|gap| gap.unsure)
    }

    /// A jump that the engine must be told of before anything else.
    pub fn take_gap(&mut self) -> Option<ClockGap> {
        self.gap.take()
    }

    /// What time it was when the wall showed `at`, a moment ago; if it jumped since, by what it shows now.
    pub fn of(&mut self, at: Timestamp) -> Timestamp {
        if !is_jump(at.since(self.last)) {
            return at;
        }
        let now = self.now();
        let (_, running) = read(&*self.clock);
        let recent = self.jumped.filter(|(_, when)| running - *when < RECENT);
        let moved = recent.map(|(by, _)| at + by);
        moved.filter(|moved| distance(*moved, now) < distance(at, now)).map_or(at, |moved| moved.min(now))
    }

    /// What the store must keep, if that is something else than before.
    pub fn unkept(&mut self) -> Option<(String, String)> {
        let same = |kept: Kept| {
            let by = self.offset - kept.offset;
            kept.doubted == self.doubted && !is_jump(by + by)
        };
        if self.gap.is_some() || self.kept.is_some_and(same) {
            return None;
        }
        self.kept = Some(Kept { offset: self.offset, doubted: self.doubted });
        let boot = self.boot.as_deref()?;
        let doubted = if self.doubted { UNSURE } else { "" };
        Some((KEPT.to_owned(), format!("{boot} {}{doubted}", self.offset.as_micros())))
    }

    /// Looks whether time went by that only the clock with a battery knows of.
    fn look(&mut self, running: Span) {
        let now = battery(&*self.clock, running);
        let (before, _) = std::mem::replace(&mut self.battery, (now, running));
        let paused = now.zip(before).map(|(now, before)| now - before).filter(|by| *by > PAUSED);
        if let Some(by) = paused {
            self.note(Span::ZERO, true);
            warn!(
                "the machine seems to have been paused for {} s: texts that waited become tasks",
                by.as_secs()
            );
        }
    }

    /// A jump, beside what wasn't told yet.
    fn note(&mut self, by: Span, unsure: bool) {
        let before = self.gap.take();
        self.gap = Some(ClockGap {
            by_us: before.map_or(0, |gap| gap.by_us).saturating_add(by.as_micros()),
            unsure: unsure || before.is_some_and(|gap| gap.unsure),
        });
    }

    fn jump(&mut self, by: Span, running: Span) {
        self.note(by, self.doubted);
        self.jumped = Some((by, running));
        let (way, secs) = if by < Span::ZERO { ("back", -by.as_secs()) } else { ("forward", by.as_secs()) };
        warn!("the clock was set {way} by {secs} s; what is due keeps the time it had left");
    }
}

/// Both clocks at one moment: what comes between the two looks is no jump.
fn read(clock: &dyn Clock) -> (Timestamp, Span) {
    let mut before = clock.boottime();
    for _ in 0..TRIES {
        let (wall, after) = (clock.now(), clock.boottime());
        if after - before < BLINK {
            return (wall, after);
        }
        before = after;
    }
    (clock.now(), clock.boottime())
}

/// The clock with a battery over the time since the machine started.
fn battery(clock: &dyn Clock, running: Span) -> Option<Span> {
    let shown = clock.battery()?;
    Some(shown.since(Timestamp::from_micros(running.as_micros())))
}

fn parse(kept: &str, boot: Option<&str>) -> Option<Kept> {
    let (of, rest) = kept.split_once(' ')?;
    let (offset, doubted) = rest.strip_suffix(UNSURE).map_or((rest, false), |offset| (offset, true));
    let offset = offset.parse().ok().filter(|_| boot == Some(of)).map(Span::from_micros)?;
    Some(Kept { offset, doubted })
}

fn is_jump(by: Span) -> bool {
    by.as_micros().unsigned_abs() > SLEW.as_micros().unsigned_abs()
}

fn distance(one: Timestamp, other: Timestamp) -> u64 {
    one.since(other).as_micros().unsigned_abs()
}

/// The row of the store that keeps the offset: which run of the machine, microseconds, and whether they are in doubt.
const KEPT: &str = "clock.offset";
const UNSURE: &str = " unsure";
/// A clock that is put right little by little is off by less.
const SLEW: Span = Span::from_secs(1);
/// Packets that were stamped before a jump come no later after it.
const RECENT: Span = Span::from_secs(15);
/// A time server has been asked when the machine has run for so long.
const SETTLED: Span = Span::from_secs(120);
/// The same, where no battery kept the time while the machine was off: by then an acknowledgement of before is stale anyway.
const SETTLED_ALONE: Span = Span::from_secs(610);
/// The clock with a battery is looked at so often, and before a text leaves unless it was just looked at.
const LOOK: Span = Span::from_secs(1);
const LOOK_FOR_TEXT: Span = Span::from_millis(20);
/// It shows whole seconds; what is more than this is a pause.
const PAUSED: Span = Span::from_secs(5);
/// A jump before this may put right a clock that was wrong from the start.
const DOUBTFUL: Span = Span::from_secs(3_600);
/// Both clocks are read within this.
const BLINK: Span = Span::from_millis(50);
const TRIES: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::HandClock;

    const HOUR: Span = Span::from_secs(3_600);

    fn start() -> Timestamp {
        Timestamp::from_parts(1_795_000_000, 0)
    }

    fn pace(clock: &Arc<HandClock>, state: &mut State) -> (Pace, Timestamp) {
        Pace::resume(clock.clone(), state)
    }

    fn gap(by: Span, unsure: bool) -> Option<ClockGap> {
        Some(ClockGap { by_us: by.as_micros(), unsure })
    }

    #[test]
    fn a_jump_is_told_once_and_followed_either_way() {
        let clock = Arc::new(HandClock::at(start()));
        let (mut pace, began) = pace(&clock, &mut State::default());
        assert_eq!((began, pace.take_gap()), (start(), None));
        clock.pass(Span::from_secs(5));
        assert_eq!((pace.now(), pace.take_gap()), (start() + Span::from_secs(5), None));
        for by in [HOUR, Span::ZERO - HOUR, Span::ZERO - Span::from_secs(86_400), Span::from_secs(86_400)] {
            let to = clock.now() + by;
            clock.set(to);
            clock.pass(Span::from_secs(2));
            assert_eq!((pace.now(), pace.take_gap()), (to + Span::from_secs(2), gap(by, false)));
            assert_eq!((pace.now(), pace.take_gap()), (to + Span::from_secs(2), None));
        }
    }

    #[test]
    fn two_jumps_between_two_looks_are_told_as_one() {
        let clock = Arc::new(HandClock::at(start()));
        let (mut pace, _) = pace(&clock, &mut State::default());
        clock.set(start() + HOUR);
        pace.now();
        clock.set(start() + HOUR + HOUR);
        pace.now();
        assert_eq!(pace.take_gap(), gap(HOUR + HOUR, false));
    }

    #[test]
    fn sleep_and_a_slow_correction_are_no_jumps_and_time_never_goes_back() {
        let clock = Arc::new(HandClock::at(start()));
        let (mut pace, _) = pace(&clock, &mut State::default());
        clock.pass(HOUR);
        let mut before = pace.now();
        assert_eq!(before, start() + HOUR);
        for _ in 0..100 {
            clock.set(clock.now() - Span::from_millis(900));
            clock.pass(Span::from_millis(1));
            let now = pace.now();
            assert!(now >= before);
            before = now;
        }
        assert_eq!(pace.take_gap(), None);
    }

    #[test]
    fn what_was_stamped_before_a_jump_is_dated_after_it() {
        let clock = Arc::new(HandClock::at(start()));
        let (mut pace, _) = pace(&clock, &mut State::default());
        for by in [HOUR, Span::ZERO - HOUR] {
            let stamped = clock.now();
            clock.set(stamped + by);
            clock.pass(Span::from_millis(100));
            assert_eq!((pace.of(stamped), pace.take_gap()), (stamped, None), "nobody has noticed");
            pace.now();
            assert_eq!((pace.of(stamped), pace.take_gap()), (stamped + by, gap(by, false)));
            let other = stamped - Span::from_secs(86_400);
            assert_eq!(pace.of(other), if by == HOUR { other + HOUR } else { other });
        }
        clock.pass(Span::from_secs(16));
        let late = clock.now() - Span::from_secs(5);
        assert_eq!(pace.of(late), late);
    }

    #[test]
    fn a_machine_that_was_paused_by_its_host_is_told_from_a_clock_that_was_set() {
        let clock = Arc::new(HandClock::at(start()));
        let (mut pace, _) = pace(&clock, &mut State::default());
        clock.pause(HOUR);
        clock.pass(Span::from_millis(100));
        assert_eq!((pace.now(), pace.take_gap()), (clock.now(), None), "nobody has looked");
        assert!(!pace.lets_leave());
        assert_eq!(pace.take_gap(), gap(Span::ZERO, true));
        clock.pass(Span::from_secs(9));
        clock.set(clock.now() + HOUR);
        assert_eq!(
            (pace.now(), pace.take_gap()),
            (clock.now(), gap(HOUR, false)),
            "the time server was heard"
        );
        clock.pause(HOUR);
        clock.set(clock.now() + HOUR);
        assert_eq!((pace.now(), pace.take_gap()), (clock.now(), gap(HOUR, true)), "the host sets it at once");
        clock.pause(HOUR);
        clock.pass(Span::from_secs(1));
        assert_eq!((pace.now(), pace.take_gap()), (clock.now(), gap(Span::ZERO, true)));
        for _ in 0..100 {
            clock.pass(Span::from_millis(1_234));
            pace.now();
        }
        clock.pass(HOUR);
        assert!(pace.lets_leave());
        assert_eq!((pace.now(), pace.take_gap()), (clock.now(), None), "sleep is none");
    }

    #[test]
    fn where_no_battery_keeps_the_time_texts_wait_until_an_acknowledgement_is_stale() {
        let clock = Arc::new(HandClock::at(start()));
        clock.lose_battery();
        let mut state = State { last_at: Some(start()), ..State::default() };
        clock.restart(start() + Span::from_secs(3));
        let (mut pace, _) = pace(&clock, &mut state);
        assert_eq!(state.settles(), Some(start() + Span::from_secs(613)));
        clock.pause(HOUR);
        clock.pass(HOUR);
        assert_eq!((pace.now(), pace.take_gap()), (clock.now(), None));
    }

    #[test]
    fn a_clock_that_was_set_while_nothing_ran_is_told_at_the_start() {
        let clock = Arc::new(HandClock::at(start()));
        let mut state = State { last_at: Some(start()), ..State::default() };
        let (mut before, _) = pace(&clock, &mut State::default());
        state.meta.extend(before.unkept());
        assert_eq!(before.unkept(), None);
        clock.pass(Span::from_secs(60));
        clock.set(clock.now() - HOUR);
        let (mut pace, began) = pace(&clock, &mut state);
        assert_eq!((began, pace.take_gap()), (start() + Span::from_secs(60), gap(Span::ZERO - HOUR, false)));
        assert_eq!((pace.now(), state.settles()), (start() + Span::from_secs(60) - HOUR, None));
    }

    #[test]
    fn the_doubt_of_a_clock_outlives_another_start_in_the_same_hour() {
        let clock = Arc::new(HandClock::at(start()));
        let mut state = State { last_at: Some(start()), ..State::default() };
        clock.restart(start() - HOUR);
        clock.pass(Span::from_secs(20));
        let (mut first, _) = pace(&clock, &mut state);
        first.take_gap();
        state.meta = first.unkept().into_iter().collect();
        clock.pass(Span::from_secs(10));
        let (mut second, _) = pace(&clock, &mut state);
        assert_eq!(second.take_gap(), None, "it was told");
        assert_eq!(state.settles(), Some(start() - HOUR + SETTLED));
        state.meta = second.unkept().into_iter().collect();
        clock.set(clock.now() + HOUR);
        second.now();
        assert_eq!(second.take_gap(), gap(HOUR, true));
        clock.pass(HOUR);
        second.now();
        state.meta = second.unkept().into_iter().collect();
        let (mut third, _) = pace(&clock, &mut state);
        clock.set(clock.now() + HOUR);
        third.now();
        assert_eq!(third.take_gap(), gap(HOUR, false));
    }

    #[test]
    fn a_machine_that_starts_behind_what_was_written_is_unsure_and_settles() {
        let clock = Arc::new(HandClock::at(start()));
        let mut state = State { last_at: Some(start()), ..State::default() };
        let (mut before, _) = pace(&clock, &mut State::default());
        state.meta.extend(before.unkept());
        clock.restart(start() - HOUR);
        clock.pass(Span::from_secs(20));
        let (mut pace, began) = pace(&clock, &mut state);
        let by = Span::from_secs(20) - HOUR;
        assert_eq!((began, pace.take_gap()), (start(), gap(by, true)));
        assert_eq!(state.settles(), Some(start() + SETTLED - Span::from_secs(20)), "before the jump");
        clock.set(clock.now() + HOUR);
        pace.now();
        assert_eq!(pace.take_gap(), gap(HOUR, true), "the time server was heard");
        clock.pass(HOUR);
        pace.now();
        clock.set(clock.now() + HOUR);
        pace.now();
        assert_eq!(pace.take_gap(), gap(HOUR, false));
    }
}

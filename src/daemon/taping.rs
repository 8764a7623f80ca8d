//! What the engine is given, noted on a tape where the configuration asks for one.
//!
//! | the tape | leaves by |
//! |---|---|
//! | runs | half full or a day old, and a moment without calls: a new one. Full, not written in time, or not at all: none |
//! | none | a moment without calls, an hour later: a new one |
//!
//! A new tape begins with what the store kept, so the engine begins anew from that, too: what it does from then on
//! follows from the tape alone. One that is as old as tapes are kept ends, whatever goes on, and is deleted with the next
//! look at the folder, each hour, but for a day after a step of the clock, which may be a mistake. Where a number is to
//! be forgotten, the tape ends and is deleted: nobody looks for numbers in packets. Another configuration is noted with
//! its files. Without `[tape]` nothing of this happens.

use tracing::{info, warn};

use crate::engine::{Engine, Input};
use crate::event::{JournalEntry, Operator, State};
use crate::settings::{Taping, Written};
use crate::tape::{Begin, Encoder, Recorder, Shelf, Standing};
use crate::time::{Span, Timestamp};

/// The tape of a run, or none.
pub struct Tape {
    /// What every tape begins with; none: nothing is ever taped.
    plan: Option<Plan>,
    on: Option<On>,
    /// When the last one began or broke off.
    since: Timestamp,
    /// When the last input was taken.
    at: Timestamp,
    /// When old tapes were looked for.
    cleared: Timestamp,
    /// Until then no tape is called old: the clock was set.
    doubted: Timestamp,
}

struct Plan {
    shelf: Shelf,
    files: Vec<Written>,
    taps: Vec<String>,
    seed: u64,
    /// A tape is as old as this when a new one is wanted.
    lasts: Span,
    /// It is as old as this when it may not go on.
    keep: Span,
}

/// A tape that is written.
struct On {
    encoder: Encoder,
    recorder: Recorder,
}

impl Tape {
    /// As the configuration wants it; nothing is written yet.
    pub fn new(taping: Option<&Taping>, (files, taps): (Vec<Written>, Vec<String>), seed: u64) -> Tape {
        let plan = |taping: &Taping| Plan {
            shelf: Shelf::new(taping),
            files,
            taps,
            seed,
            lasts: Span::from_micros(DAY.as_micros().min(taping.keep.as_micros() / 2)),
            keep: taping.keep,
        };
        let never = Timestamp::default();
        Tape { plan: taping.map(plan), on: None, since: never, at: never, cleared: never, doubted: never }
    }

    /// Begins a tape with what an engine is about to begin with. Where that fails, it is told, and nothing else.
    pub fn begin(&mut self, state: &State, at: Timestamp) {
        let Some(plan) = &self.plan else { return };
        (self.since, self.at, self.cleared) = (at, at, at);
        let begin = Begin { files: &plan.files, taps: &plan.taps, state, seed: plan.seed, at };
        match Recorder::start(plan.shelf.clone(), at, self.aged(at)) {
            Ok(recorder) => self.on = Some(On { encoder: Encoder::begin(&begin), recorder }),
            Err(error) => warn!("no tape: {error}"),
        }
        self.hand_over_all();
    }

    /// The files of the configuration the engine is given next; later tapes begin with them.
    pub fn reread(&mut self, files: Vec<Written>) {
        if let Some(plan) = &mut self.plan {
            plan.files = files;
        }
    }

    /// Gives the engine an input, and notes it.
    pub fn give(&mut self, engine: &mut Engine, at: Timestamp, input: Input<'_>) {
        if matches!(input, Input::Operator(Operator::Erase(_))) {
            self.discard(at.max(engine.now()));
        }
        let taken = at.max(engine.now());
        if let Input::ClockGap(gap) = &input {
            self.doubted = taken + gap.by() + DAY;
        }
        let Some(On { encoder, .. }) = &mut self.on else { return engine.handle(at, input) };
        self.at = taken;
        let mut whole = true;
        match input {
            Input::Packet(packet) => {
                let was_due = is_due(engine, taken);
                engine.handle(at, Input::Packet(packet));
                match engine.used_packet() {
                    true => whole = encoder.packet(taken, &packet),
                    false if was_due => encoder.time(taken),
                    false => {}
                }
                return self.unless_broken(whole);
            }
            Input::Receipt(ref receipt) => encoder.receipt(taken, receipt),
            Input::NotAccepted(ref key, after) => encoder.not_accepted(taken, key, after),
            Input::Drops(count) => encoder.drops(taken, count),
            Input::Settings(_) => {
                whole = self.plan.as_ref().is_some_and(|plan| encoder.settings(taken, &plan.files));
            }
            Input::Operator(ref act) => encoder.operator(taken, act),
            Input::Reply(ref reply) => encoder.reply(taken, reply),
            Input::ClockGap(gap) => {
                encoder.clock_gap(taken, gap);
                for at in [&mut self.at, &mut self.since, &mut self.cleared] {
                    *at = *at + gap.by();
                }
            }
            Input::End => whole = false,
        }
        engine.handle(at, input);
        self.unless_broken(whole);
    }

    /// Lets time pass in the engine, and notes it where something was due.
    pub fn advance(&mut self, engine: &mut Engine, at: Timestamp) {
        let at = at.max(engine.now());
        if let Some(On { encoder, .. }) = &mut self.on
            && is_due(engine, at)
        {
            encoder.time(at);
            self.at = at;
        }
        engine.advance(at);
        self.hand_over_all();
        self.look_after(at);
    }

    /// Ends a tape that is too old, and has old ones deleted.
    fn look_after(&mut self, now: Timestamp) {
        let Some(plan) = self.plan.as_ref().filter(|_| now.since(self.cleared) >= AGAIN) else { return };
        let (shelf, keep) = (plan.shelf.clone(), plan.keep);
        if now.since(self.since) >= keep {
            self.break_off("it is as old as tapes are kept");
        }
        self.cleared = now;
        shelf.clear_aside(self.aged(now));
    }

    /// By which time tapes are old.
    fn aged(&self, now: Timestamp) -> Timestamp {
        if now < self.doubted { Timestamp::default() } else { now }
    }

    /// An entry that the inputs so far made.
    pub fn entry(&mut self, entry: &JournalEntry) {
        if let Some(on) = &mut self.on {
            on.encoder.entry(entry);
        }
    }

    /// Hands over what gathered, if entries follow from it, which go to the store next, or if it is much.
    pub fn hand_over(&mut self) {
        let Some(on) = &mut self.on else { return };
        if on.encoder.journal() || on.encoder.ready.len() >= MUCH {
            self.hand_over_all();
        }
    }

    fn hand_over_all(&mut self) {
        let Some(on) = self.on.as_mut().filter(|on| !on.encoder.ready.is_empty()) else { return };
        on.recorder.give(std::mem::take(&mut on.encoder.ready));
        match on.recorder.standing() {
            Standing::Fine | Standing::Long => {}
            Standing::Full => self.break_off("it has all the room of a tape"),
            Standing::Behind => self.break_off("the disk is too slow"),
            // Its thread told why.
            Standing::Failed => (self.on, self.since) = (None, self.at),
        }
    }

    /// Whether it is time for a new tape.
    pub fn wants_another(&self, now: Timestamp) -> bool {
        let Some(plan) = &self.plan else { return false };
        let age = now.since(self.since);
        match &self.on {
            None => age >= AGAIN,
            Some(on) => age >= plan.lasts || on.recorder.standing() == Standing::Long,
        }
    }

    /// The end of a tape: the run ends, or begins another. Waits for the disk no longer than `patience`.
    pub fn end(&mut self, at: Timestamp, patience: Option<Span>) {
        let Some(mut on) = self.on.take() else { return };
        on.encoder.journal();
        on.encoder.end(at, None);
        on.recorder.give(on.encoder.ready);
        if let Some(patience) = patience {
            on.recorder.finish(patience);
        }
    }

    fn unless_broken(&mut self, whole: bool) {
        if !whole {
            self.break_off("an input that a tape can't hold");
        }
    }

    /// Leaves nothing of the tape.
    fn discard(&mut self, at: Timestamp) {
        let Some(on) = self.on.take() else { return };
        info!("the tape ends here and is deleted: a number is erased; the next one begins in an hour");
        on.recorder.discard();
        self.since = at;
    }

    fn break_off(&mut self, why: &str) {
        let Some(mut on) = self.on.take() else { return };
        warn!("the tape ends here: {why}; the next one begins in a moment without calls");
        on.encoder.end(self.at, Some(why));
        on.recorder.give(on.encoder.ready);
        self.since = self.at;
    }
}

/// Whether something is due by `at`: how late it is met is a part of what happened.
fn is_due(engine: &Engine, at: Timestamp) -> bool {
    engine.deadline().is_some_and(|due| due <= at)
}

/// So many bytes needn't wait for more.
const MUCH: usize = 32 * 1024;
/// A new tape is wanted after a day.
const DAY: Span = Span::from_secs(86_400);
/// Where there is none, another is tried after an hour.
const AGAIN: Span = Span::from_secs(3_600);

#[cfg(test)]
mod tests;

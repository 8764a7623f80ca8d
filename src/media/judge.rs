//! From what two sides told to a verdict.
//!
//! A recorder is one tone that follows a greeting, or stands alone at the start, and a PBX that is silent from then on.
//! Everything else that sounds like it has something a recorder doesn't: an answer to what the caller said, speech after
//! the tone but for a goodbye (`closing`), a tone that comes again, digits before it. Without a tone nothing is called a
//! voicemail, for people answer with long sentences too. In doubt the verdict is unknown.

use super::activity::Run;
use super::closing::{Closing, Sign};
use super::ear::Params;
use super::side::{Digit, POUND, STAR, TICK, Told};
use super::tone::{Chain, Tone, chains};
use super::turns::Turns;
use crate::event::heard::{Heard, Interval, Message, Reason, Verdict};
use crate::time::Span;

/// How long a leg lasted after its answer, and whether the PBX's side hung up.
#[derive(Clone, Copy, Debug)]
pub struct Lasted {
    /// From the answer to the end.
    pub lasted: Span,
    /// It was the PBX's side that ended it.
    pub by_pbx: bool,
}

/// Judges a leg answered `answered` after the ticks' origin.
pub fn judge(params: Params, caller: &Told, pbx: &Told, answered: Span, lasted: Lasted) -> Heard {
    let scene = Scene::new(caller, pbx, answered, lasted);
    let beep = scene.beep();
    let verdict = scene.verdict(params, caller, pbx, beep);
    let recorded = matches!(verdict, Verdict::VoicemailMessage | Verdict::VoicemailHangup);
    let tone = beep.ok().or_else(|| scene.chains.iter().rfind(|c| c.may_be_beep()).copied());
    Heard {
        verdict,
        greeting: scene.greeting(tone.map(|chain| chain.run.start)),
        tone: tone.map(|chain| interval(chain.run)),
        message: beep.ok().filter(|_| recorded).map(|beep| scene.said_after(beep.run.end)),
        rest: scene.rest(tone),
        two_way_ms: ms(scene.turns.two_way),
        dtmf_before_tone: scene.digits_before(tone.map_or(u32::MAX, |chain| chain.run.start)),
        fax: scene.fax,
        from_caller: caller.received,
        from_pbx: pbx.received,
    }
}

/// The leg from the answer to its end, in ticks since the answer.
struct Scene {
    caller: Vec<Run>,
    pbx: Vec<Run>,
    chains: Vec<Chain>,
    digits: Vec<Digit>,
    turns: Turns,
    fax: bool,
    by_pbx: bool,
    end: u32,
    end_ms: u32,
}

impl Scene {
    fn new(caller: &Told, pbx: &Told, answered: Span, Lasted { lasted, by_pbx }: Lasted) -> Scene {
        let cut = Cut::new(answered, lasted);
        let (said, spoken) = (cut.runs(&caller.speech), cut.runs(&pbx.speech));
        let (of_caller, of_pbx) = (cut.tones(&caller.tones), cut.tones(&pbx.tones));
        Scene {
            turns: Turns::of(&spoken, &said),
            fax: is_fax(&of_caller, &of_pbx, &said),
            caller: said,
            pbx: spoken,
            chains: chains(&of_pbx),
            digits: caller.digits.iter().filter_map(|&digit| cut.digit(digit)).collect(),
            by_pbx,
            end: cut.end,
            end_ms: u32::try_from(lasted.as_millis()).unwrap_or(0),
        }
    }

    fn verdict(&self, params: Params, caller: &Told, pbx: &Told, beep: Result<Chain, Reason>) -> Verdict {
        if let Some(reason) = unheard(caller, pbx).or(self.fax.then_some(Reason::Fax)) {
            return Verdict::Unknown(reason);
        }
        if self.turns.replies >= SURE_REPLIES && ms(self.turns.two_way) >= SURE_TWO_WAY_MS {
            return Verdict::Conversation;
        }
        match beep {
            Ok(beep) => self.recorded(params, caller, beep),
            Err(Reason::SpokeLate) if self.turns.replies < SURE_REPLIES => {
                Verdict::Unknown(Reason::SpokeLate)
            }
            Err(_) if self.turns.replies >= 2 => Verdict::Conversation,
            Err(reason) => Verdict::Unknown(reason),
        }
    }

    /// The verdict where a recorder was heard.
    fn recorded(&self, params: Params, caller: &Told, beep: Chain) -> Verdict {
        let spoke = i64::from(self.said_after(beep.run.end).speech_ms) >= params.min_message.as_millis();
        let talked = Turns::of(before(&self.pbx, beep), before(&self.caller, beep));
        let at_once = self.end.saturating_sub(beep.run.end) < AT_ONCE;
        let doubtful = at_once && (total(&self.caller) > A_WORD || total(&self.pbx) < SOME_WORDS);
        match () {
            () if talked.replies >= 2 || talked.heard_out >= A_SENTENCE => {
                Verdict::Unknown(Reason::TalkedBefore)
            }
            () if self.owns_mailbox(beep.run.start) => Verdict::Unknown(Reason::Dialled),
            () if self.waits_long(beep.run.end) => Verdict::Unknown(Reason::Waited),
            () if spoke => Verdict::VoicemailMessage,
            () if is_lossy(caller, 10) => Verdict::Unknown(Reason::Lossy),
            () if doubtful => Verdict::Unknown(Reason::Undecided),
            () => Verdict::VoicemailHangup,
        }
    }

    /// The tone a recorder began with, or why there is none.
    fn beep(&self) -> Result<Chain, Reason> {
        let suspect = self.long_greeting() || self.nobody_answers();
        let mut why = if suspect { Reason::NoTone } else { Reason::Undecided };
        for chain in self.chains.iter().filter(|chain| chain.may_be_beep()) {
            match self.objection(chain) {
                None => return Ok(*chain),
                Some(Reason::Undecided) => {}
                Some(reason) => why = reason,
            }
        }
        Err(why)
    }

    /// What speaks against this tone as the one a recording begins with.
    fn objection(&self, chain: &Chain) -> Option<Reason> {
        let before = Run { start: 0, end: chain.run.start };
        let greeted: u32 = self.pbx.iter().map(|run| run.shared(before)).sum();
        let last = self.pbx.iter().filter(|run| run.start < chain.run.start).map(|run| run.end).max();
        let gap = chain.run.start.saturating_sub(last.unwrap_or(0));
        let most = if greeted >= SOME_WORDS { LONGEST_GAP } else { SHORT_GAP };
        if gap > if last.is_some() { most } else { LATEST_ALONE } {
            return Some(Reason::Undecided);
        }
        let pause = Run { start: last.unwrap_or(chain.run.start), end: chain.run.start };
        if self.caller.iter().map(|run| run.shared(pause)).sum::<u32>() > A_WORD {
            return Some(Reason::Undecided);
        }
        if self.chains.iter().any(|other| other.run != chain.run && other.repeats(chain)) {
            return Some(Reason::ToneRepeats);
        }
        self.speaks_after(chain)
    }

    /// What speaks against a tone in what the PBX's side does after it: a recorder is silent, but for its goodbye.
    fn speaks_after(&self, chain: &Chain) -> Option<Reason> {
        let after = Run { start: chain.run.end + EDGE, end: u32::MAX };
        let toned = self.chains.iter().map(|chain| chain.run).filter(|run| run.start > chain.run.end);
        let spoken = self.pbx.iter().filter(|run| run.end > after.start).copied();
        let sounds: Vec<Run> = toned.chain(spoken).collect();
        let sounded = sounds.iter().map(|run| run.shared(after)).sum::<u32>();
        if sounded <= A_GRUNT {
            return (sounded > A_CLICK).then_some(Reason::SpokeLate);
        }
        let closing = Closing {
            tone: chain.run,
            sounds: &sounds,
            caller: &self.caller,
            digits: &self.digits,
            end: self.end,
            by_pbx: self.by_pbx,
        };
        match closing.sign() {
            Sign::Goodbye => None,
            Sign::Unsure => Some(Reason::SpokeLate),
            Sign::Speech => Some(Reason::SpokeAfterTone),
        }
    }

    /// Whether the digits before a tone are an owner's: a PIN, a code with `*` or `#`. One digit may choose in a menu.
    fn owns_mailbox(&self, tone: u32) -> bool {
        let mut keys = self.digits.iter().filter(|digit| digit.tick < tone).map(|digit| digit.key);
        keys.clone().count() >= OWNERS_DIGITS || keys.any(|key| key == STAR || key == POUND)
    }

    /// Whether the caller was silent for so long after a tone that it may have been put on hold.
    fn waits_long(&self, from: u32) -> bool {
        let after = Run { start: from, end: self.end };
        match self.caller.iter().find(|run| run.shared(after) > 0) {
            Some(run) => run.start.saturating_sub(from) > LONGEST_WAIT,
            None => after.len() > LONGEST_SILENCE,
        }
    }

    /// What the caller said after a tone, else after the greeting, else after the answer.
    fn rest(&self, tone: Option<Chain>) -> Message {
        let greeted = || self.greeting(None).map_or(0, |said| said.end_ms / 10);
        self.said_after(tone.map_or_else(greeted, |tone| tone.run.end))
    }

    fn said_after(&self, start: u32) -> Message {
        let speech = spoken_within(&self.caller, Run { start, end: self.end });
        Message { start_ms: ms(start), end_ms: self.end_ms, speech_ms: ms(speech) }
    }

    /// What the PBX's side said up to `end`, or until the caller had the floor.
    fn greeting(&self, end: Option<u32>) -> Option<Interval> {
        let end = end.unwrap_or(self.turns.first_reply.unwrap_or(self.end));
        let mut said = self.pbx.iter().filter(|run| run.start < end);
        let first = said.next()?;
        let last = said.next_back().unwrap_or(first);
        Some(interval(Run { start: first.start, end: last.end.min(end) }))
    }

    /// Whether the PBX's side spoke for long while the caller listened, and never answered a whole sentence.
    fn long_greeting(&self) -> bool {
        self.turns.heard_out < A_SENTENCE
            && self.greeting(None).is_some_and(|said| {
                let while_said = Run { start: said.start_ms / 10, end: said.end_ms / 10 };
                let over: u32 = self.caller.iter().map(|run| run.shared(while_said)).sum();
                ms(while_said.len()) >= LONG_GREETING_MS && over <= SOME_WORDS / 2
            })
    }

    /// Whether the PBX's side spoke and the caller never said a word.
    fn nobody_answers(&self) -> bool {
        total(&self.pbx) >= A_SENTENCE && total(&self.caller) < A_WORD
    }

    fn digits_before(&self, end: u32) -> u32 {
        u32::try_from(self.digits.iter().filter(|digit| digit.tick < end).count()).unwrap_or(u32::MAX)
    }
}

/// Ticks since the origin to ticks since the answer.
struct Cut {
    answered: u32,
    end: u32,
}

impl Cut {
    fn new(answered: Span, lasted: Span) -> Cut {
        let ticks = |span: Span| u32::try_from(span.as_micros() / TICK.as_micros()).unwrap_or(0);
        Cut { answered: ticks(answered), end: ticks(lasted) }
    }

    fn tick(&self, tick: u32) -> Option<u32> {
        tick.checked_sub(self.answered).filter(|tick| *tick < self.end)
    }

    fn digit(&self, digit: Digit) -> Option<Digit> {
        self.tick(digit.tick).map(|tick| Digit { tick, ..digit })
    }

    fn run(&self, run: Run) -> Run {
        let shift = |tick: u32| tick.saturating_sub(self.answered).min(self.end);
        Run { start: shift(run.start), end: shift(run.end) }
    }

    fn runs(&self, runs: &[Run]) -> Vec<Run> {
        runs.iter().map(|run| self.run(*run)).filter(|run| run.len() > 0).collect()
    }

    /// Tones that began after the answer.
    fn tones(&self, tones: &[Tone]) -> Vec<Tone> {
        let after = |tone: &&Tone| self.tick(tone.run.start).is_some();
        tones.iter().filter(after).map(|tone| Tone { run: self.run(tone.run), pitch: tone.pitch }).collect()
    }
}

/// Why nothing can be said whatever was heard.
fn unheard(caller: &Told, pbx: &Told) -> Option<Reason> {
    let unreadable = |told: &Told| told.unreadable * 2 > told.received;
    match () {
        () if caller.received + pbx.received == 0 => Some(Reason::NoAudio),
        () if unreadable(caller) || unreadable(pbx) => match caller.encrypted.max(pbx.encrypted) {
            0 => Some(Reason::Unreadable),
            _ => Some(Reason::Encrypted),
        },
        () if caller.received == 0 => Some(Reason::CallerUnseen),
        () if pbx.received == 0 => Some(Reason::PbxUnseen),
        () if is_lossy(pbx, 20) => Some(Reason::Lossy),
        () => None,
    }
}

/// Whether more than `percent` of what a side sent never came.
fn is_lossy(told: &Told, percent: u32) -> bool {
    u64::from(told.lost) * 100 > u64::from(percent) * (u64::from(told.lost) + u64::from(told.received))
}

/// A calling fax machine's 1100 Hz (T.30 4.2.2), or an answering one's 2100 Hz (T.30 4.1).
fn is_fax(caller: &[Tone], pbx: &[Tone], said: &[Run]) -> bool {
    let cng = |tone: &&Tone| {
        tone.pitch.high == 0 && tone.pitch.low.abs_diff(1_100) <= 40 && (38..=62).contains(&tone.run.len())
    };
    let ced =
        |tone: &Tone| tone.pitch.high == 0 && tone.pitch.low.abs_diff(2_100) <= 40 && tone.run.len() >= 200;
    let calls = caller.iter().filter(cng).count();
    calls >= 2 || calls == 1 && said.is_empty() || pbx.iter().any(ced)
}

/// How long was spoken within a stretch, a breath's pause between words counted in.
fn spoken_within(runs: &[Run], within: Run) -> u32 {
    let mut spoken = 0;
    let mut last: Option<Run> = None;
    for run in runs.iter().filter(|run| run.shared(within) > 0) {
        let run = Run { start: run.start.max(within.start), end: run.end.min(within.end) };
        let pause = last.map_or(u32::MAX, |last| run.start.saturating_sub(last.end));
        spoken += run.len() + if pause <= A_BREATH { pause } else { 0 };
        last = Some(run);
    }
    spoken
}

/// The runs that began before a tone.
fn before(runs: &[Run], beep: Chain) -> &[Run] {
    runs.get(..runs.partition_point(|run| run.start < beep.run.start)).unwrap_or(runs)
}

fn total(runs: &[Run]) -> u32 {
    runs.iter().map(|run| run.len()).sum()
}

fn interval(run: Run) -> Interval {
    Interval { start_ms: ms(run.start), end_ms: ms(run.end) }
}

fn ms(ticks: u32) -> u32 {
    ticks.saturating_mul(10)
}

/// So many replies of the PBX's side over so long are a conversation, whatever beeps in it.
const SURE_REPLIES: u32 = 3;
const SURE_TWO_WAY_MS: u32 = 5_000;

/// What sounds without a pause for the caller for so long may be a greeting.
const LONG_GREETING_MS: u32 = 3_000;

/// In ticks: what is a click, a grunt (or what loss makes of silence), a word, a sentence, some words.
const A_CLICK: u32 = 10;
const A_GRUNT: u32 = 30;
const A_WORD: u32 = 50;
const SOME_WORDS: u32 = 150;
const A_SENTENCE: u32 = 100;

/// Speakers pause for so long within what they say, in ticks.
const A_BREATH: u32 = 100;

/// How far behind a greeting its tone may be, and behind a word, and behind the answer if nobody spoke; in ticks.
const LONGEST_GAP: u32 = 350;
const SHORT_GAP: u32 = 150;
const LATEST_ALONE: u32 = 500;

/// So many digits before a tone are more than a choice in a menu.
const OWNERS_DIGITS: usize = 2;

/// How long a caller waits before leaving a message, and before hanging up without one; in ticks.
const LONGEST_WAIT: u32 = 800;
const LONGEST_SILENCE: u32 = 2_000;

/// A tone this close to the end says little about what follows it, in ticks.
const AT_ONCE: u32 = 120;

/// What sounds so soon after a tone is its end, in ticks.
const EDGE: u32 = 10;

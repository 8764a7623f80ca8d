//! Whether what the PBX's side says after a tone is a recorder's goodbye, or may be a person's answer.
//!
//! Both come after a pause, and either may hang up then. A recorder is believed only with what people don't do: it
//! speaks because the caller pressed `#` and nothing else, to a caller who says nothing more, and then hangs up or
//! is answered with keys. A goodbye after a silence is unsure, for people think before they answer.

use super::activity::Run;
use super::side::{Digit, POUND};

/// A leg from a tone on, in ticks since the answer.
pub struct Closing<'a> {
    /// The tone that may have begun a recording.
    pub tone: Run,
    /// What the PBX's side sounded after it, in any order.
    pub sounds: &'a [Run],
    /// What the caller said.
    pub caller: &'a [Run],
    /// What the caller pressed.
    pub digits: &'a [Digit],
    /// The leg's end.
    pub end: u32,
    /// The PBX's side hung up.
    pub by_pbx: bool,
}

/// What is made of the sounds after a tone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// A recorder closes a message.
    Goodbye,
    /// A recorder, or a person who thought before answering.
    Unsure,
    /// Somebody speaks who listened.
    Speech,
}

impl Closing<'_> {
    /// What the sounds after the tone are.
    pub fn sign(&self) -> Sign {
        let Some(first) = self.sounds.iter().map(|run| run.start).min() else { return Sign::Unsure };
        let said = self.said(self.tone.end, first);
        let last = self.caller.iter().map(|run| run.end.min(first)).filter(|end| *end > self.tone.end).max();
        let waited = first.saturating_sub(last.unwrap_or(self.tone.end));
        let after = self.said(first, u32::MAX);
        let pressed = self.pressed();
        let by_key =
            pressed.is_some_and(|digit| digit.key == POUND && self.is_answered_at_once(digit, first));
        let dialled = pressed.is_some_and(|digit| digit.tick <= first);
        match () {
            () if said < SOME_WORDS || after > A_WORD => Sign::Speech,
            () if after > 0 => Sign::Unsure,
            () if by_key && (self.hangs_up() || self.is_menu(first)) => Sign::Goodbye,
            () if waited >= A_THOUGHT || dialled => Sign::Unsure,
            () => Sign::Speech,
        }
    }

    fn said(&self, start: u32, end: u32) -> u32 {
        self.caller.iter().map(|run| run.shared(Run { start, end })).sum()
    }

    /// The first key after the tone.
    fn pressed(&self) -> Option<Digit> {
        self.digits.iter().find(|digit| digit.tick > self.tone.end).copied()
    }

    fn is_answered_at_once(&self, digit: Digit, first: u32) -> bool {
        digit.tick <= first && first - digit.tick <= ANSWERS_KEY
    }

    /// Whether further keys answer what was said.
    fn is_menu(&self, first: u32) -> bool {
        self.digits.iter().any(|digit| digit.tick > first + A_KEY)
    }

    /// Whether the PBX's side hung up as soon as it had spoken.
    fn hangs_up(&self) -> bool {
        let last = self.sounds.iter().map(|run| run.end).max().unwrap_or(0);
        self.by_pbx && self.end.saturating_sub(last) <= HANGS_UP
    }
}

/// In ticks: what is a word, and some words.
const A_WORD: u32 = 50;
const SOME_WORDS: u32 = 150;

/// So long a person may think, or be asked to look something up, in ticks.
const A_THOUGHT: u32 = 250;

/// A recorder hangs up within so long after its goodbye, in ticks.
const HANGS_UP: u32 = 200;

/// A key is answered within so long, and takes so long itself; in ticks.
const ANSWERS_KEY: u32 = 250;
const A_KEY: u32 = 20;

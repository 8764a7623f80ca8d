//! Which calls happen, between whom, and what the truth about each is.

use std::fmt;

use crate::frame::Rtp;
use crate::ladder::Messages;
use crate::random::Random;
use crate::script::Script;

/// How calls end, in shares.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mix {
    /// Answered, cancelled, busy, voicemail, proxy forks, challenged.
    Standard,
    /// The same and whatever else ends calls: B2BUA phones, refusals, glare, redirection.
    Hard,
    /// Answered by B2BUA phones alone: signalling tells who answered.
    Phones,
    /// Answered, and up for ten minutes: on the trunk's leg alone.
    Held,
    /// The same with a phone's leg.
    HeldTwo,
}

/// How one call ends.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the names say what happens")]
pub enum Kind {
    Answered,
    Short,
    Cancelled,
    Busy,
    Voicemail,
    Forked,
    Challenged,
    NoAnswer,
    TimedOut,
    Unavailable,
    Declined,
    WrongNumber,
    ForkCancelled,
    PhonesAnswered,
    PhonesCancelled,
    PhonesVoicemail,
    Glare,
    Redirected,
    Held,
    HeldTwo,
}

const STANDARD: &[(u64, Kind)] = &[
    (53, Kind::Answered),
    (2, Kind::Short),
    (20, Kind::Cancelled),
    (5, Kind::Busy),
    (12, Kind::Voicemail),
    (5, Kind::Forked),
    (3, Kind::Challenged),
];

const HARD: &[(u64, Kind)] = &[
    (22, Kind::Answered),
    (2, Kind::Short),
    (13, Kind::Cancelled),
    (4, Kind::Busy),
    (11, Kind::Voicemail),
    (5, Kind::Forked),
    (3, Kind::Challenged),
    (6, Kind::NoAnswer),
    (2, Kind::TimedOut),
    (2, Kind::Unavailable),
    (2, Kind::Declined),
    (1, Kind::WrongNumber),
    (4, Kind::ForkCancelled),
    (11, Kind::PhonesAnswered),
    (5, Kind::PhonesCancelled),
    (4, Kind::PhonesVoicemail),
    (2, Kind::Glare),
    (1, Kind::Redirected),
];

/// The truth about a call: a line of the CSV file.
pub struct Truth {
    n: u64,
    kind: Kind,
    missed: bool,
    /// Only a configuration that names the phones can tell.
    needs_config: bool,
    outcomes: &'static str,
    caller: String,
    called: String,
    call_ids: Vec<String>,
}

impl Truth {
    /// The names of the columns; words and Call-IDs are separated by `|`.
    pub const HEADER: &str = "call,kind,missed,needs_config,outcomes,caller,called,call_ids";
}

impl fmt::Display for Truth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Truth { n, kind, outcomes, caller, called, .. } = self;
        let (missed, config) = (u8::from(self.missed), u8::from(self.needs_config));
        write!(f, "{n},{kind:?},{missed},{config},{outcomes},{caller},{called},{}", self.call_ids.join("|"))
    }
}

/// A call as it goes onto the wire.
pub struct Made {
    /// Its messages, in no order.
    pub messages: Messages,
    /// Its audio: from, until, stream.
    pub streams: Vec<(i64, i64, Rtp)>,
    /// What is true of it.
    pub truth: Truth,
}

/// Whoever calls, and whom: numbers come again, but nobody makes two calls at once.
pub struct Office {
    mix: Mix,
    busy_until: Vec<i64>,
}

impl Mix {
    /// The mix of a name.
    pub fn named(name: &str) -> Option<Mix> {
        match name {
            "standard" => Some(Mix::Standard),
            "hard" => Some(Mix::Hard),
            "phones" => Some(Mix::Phones),
            "held" => Some(Mix::Held),
            "held-two" => Some(Mix::HeldTwo),
            _ => None,
        }
    }

    fn pick(self, random: &mut Random) -> Kind {
        let table = match self {
            Mix::Standard => STANDARD,
            Mix::Hard => HARD,
            Mix::Phones => &[(1, Kind::PhonesAnswered)],
            Mix::Held => &[(1, Kind::Held)],
            Mix::HeldTwo => &[(1, Kind::HeldTwo)],
        };
        let mut left = random.below(table.iter().map(|(share, _)| share).sum());
        for &(share, kind) in table {
            if left < share {
                return kind;
            }
            left -= share;
        }
        Kind::Answered
    }
}

impl Office {
    /// An office nobody has called yet.
    pub fn new(mix: Mix) -> Office {
        Office { mix, busy_until: vec![i64::MIN; 60_000] }
    }

    /// Call number `n`, which begins at `at`.
    pub fn call(&mut self, n: u64, at: i64, random: &mut Random) -> Made {
        let kind = self.mix.pick(random);
        let who = self.caller(at, random);
        let caller = format!("+1312{:07}", 2_000_000 + who * 97);
        let called = format!("+1312555{:04}", 100 + random.below(40));
        let mut script = Script::new((n, at), &caller, &called, random);
        script.play(kind);
        let (end, call_ids) = (script.end(), script.call_ids());
        let (messages, streams) = script.written();
        self.busy_until[who] = end + 2_000_000;
        let (missed, outcomes) = verdict(kind);
        let needs_config = matches!(kind, Kind::PhonesVoicemail);
        let truth = Truth { n, kind, missed, needs_config, outcomes, caller, called, call_ids };
        Made { messages, streams, truth }
    }

    /// Four in ten calls are from one in a hundred callers.
    fn caller(&self, at: i64, random: &mut Random) -> usize {
        let all = self.busy_until.len() as u64;
        loop {
            let pool = if random.chance(0.4) { all / 100 } else { all };
            let who = random.below(pool) as usize;
            if self.busy_until[who] < at {
                return who;
            }
        }
    }
}

fn verdict(kind: Kind) -> (bool, &'static str) {
    match kind {
        Kind::Answered | Kind::Forked | Kind::Challenged | Kind::Redirected => (false, "answered"),
        Kind::PhonesAnswered | Kind::Glare | Kind::Held | Kind::HeldTwo => (false, "answered"),
        Kind::Short => (false, "answered_short"),
        Kind::Cancelled | Kind::ForkCancelled | Kind::PhonesCancelled => (true, "abandoned"),
        Kind::Busy => (true, "busy"),
        Kind::Voicemail | Kind::PhonesVoicemail => (true, "voicemail|voicemail_message|voicemail_hangup"),
        Kind::NoAnswer | Kind::TimedOut => (true, "no_answer"),
        Kind::Unavailable => (true, "failed"),
        Kind::Declined => (true, "declined"),
        Kind::WrongNumber => (false, "wrong_number"),
    }
}

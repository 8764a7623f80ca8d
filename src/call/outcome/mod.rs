//! One verdict for one call, from all its legs.
//!
//! The caller's own leg decides how a call ended; the other legs decide who answered it. An answer is
//! attributed to the hop whose 2xx came last before the caller's, within `CAUSALITY`; where none did, the
//! PBX itself answered: voicemail if it had just stopped ringing phones, an IVR or queue if phones rang on.

mod answered;
mod evidence;
mod hearing;
mod unanswered;

pub use evidence::{CAUSALITY, answerer, is_headless};

use smallvec::SmallVec;

use crate::call::home::{ALONE_PENDING, OWN_NUMBER};
use crate::call::leg::{Leg, SentOn};
use crate::call::outcome::answered::answered_at;
use crate::call::outcome::unanswered::unanswered;
use crate::call::pickup::Pickup;
use crate::call::transaction::Hop;
use crate::event::heard::Heard;
use crate::event::{AnsweredBy, Confidence, Direction, Outcome, VoicemailMessage};
use crate::settings::{Coverage, Judge};
use crate::wire::packet::FrameRef;

/// A call as it is judged.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// Its legs.
    pub legs: &'a [Leg],
    /// Which of them decides: the caller's, or the answered one where no caller's leg is in sight.
    pub lead: usize,
    /// Which way it went.
    pub direction: Direction,
    /// It was for an emergency number.
    pub emergency: bool,
    /// It came from a source that no role names, to a number that isn't the business's.
    pub scanner: bool,
    /// The caller's side was diverted here before it arrived.
    pub diverted: bool,
    /// How the PBX's make covers to voicemail.
    pub coverage: &'a Coverage,
    /// The caller was sent media for a while and sent none.
    pub one_way: bool,
    /// While it was up somebody answered a leg whose start was not seen, and which may be its.
    pub answered_unseen: bool,
    /// A leg that the PBX opened, and that nothing joins to any caller, was answered so that it may be its.
    pub answered_apart: bool,
    /// A clock was set back while it was open: how long anything took isn't known.
    pub misdated: bool,
    /// Somebody took it from another phone, by a code.
    pub picked_up: Option<Pickup>,
    /// What ended it.
    pub ending: Ending,
    /// What was heard of it between the answer and the end, if it was listened to.
    pub heard: Option<&'a Heard>,
}

/// What ends a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// A message.
    Message,
    /// A timer.
    Timer,
    /// There is no more input.
    Input,
}

/// A verdict with its reasons.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The verdict.
    pub outcome: Outcome,
    /// What answered.
    pub answered_by: Option<AnsweredBy>,
    /// How sure it is.
    pub confidence: Confidence,
    /// What was left on voicemail.
    pub message: Option<VoicemailMessage>,
    /// Frames and the rules they satisfied.
    pub evidence: SmallVec<[(FrameRef, &'static str); 2]>,
}

/// Whether an outcome calls for follow-up.
pub fn missed(outcome: Outcome, direction: Direction, judge: &Judge) -> bool {
    use Outcome::*;
    let toward_us = matches!(direction, Direction::Inbound | Direction::Unknown);
    toward_us
        && match outcome {
            Voicemail | VoicemailMessage | VoicemailHangup | Abandoned | NoAnswer | Busy | Declined => true,
            QueueAbandoned | IvrAbandoned | ForwardedUnanswered | Failed => true,
            AnsweredShort => judge.short_is_missed,
            AnsweredInferred => judge.elsewhere_is_missed,
            _ => false,
        }
}

/// Judges a call.
pub fn judge(case: &Case<'_>, settings: &Judge) -> Judgement {
    let Some(hop) = case.legs.get(case.lead).and_then(Leg::caller_hop) else {
        return Judgement::new(Outcome::Unknown, None, Confidence::Low);
    };
    let mut judgement = match hop.answered {
        Some(answered) => answered_at(case, hop, answered.at, settings),
        None => unanswered(case, hop),
    };
    let is_missed = missed(judgement.outcome, Direction::Unknown, settings);
    if is_missed && hop.answered.is_some() && case.is_still_up() {
        let (outcome, rule) = match case.ending {
            Ending::Input => (Outcome::Answered, "call.still_up"),
            Ending::Message | Ending::Timer => (Outcome::Unknown, "call.end_not_seen"),
        };
        judgement = judgement.instead(outcome, hop, rule).unsure();
    } else if is_missed
        && hop.answered.is_some()
        && let Some(sent) = evidence::sent_away(case)
    {
        judgement = sent_away(judgement, sent, case.direction);
    } else if is_missed && hop.answered.is_some() && evidence::was_taken_unseen(case) {
        judgement = judgement.instead(Outcome::Unknown, hop, "call.phone_answer_not_seen").unsure();
    } else if is_missed && case.answered_unseen {
        judgement = judgement.instead(Outcome::Unknown, hop, "call.leg_answered_unseen").unsure();
    } else if hop.answered.is_some()
        && case.legs.iter().any(|leg| [OWN_NUMBER, ALONE_PENDING].contains(&leg.joined_by))
    {
        judgement = judgement.unsure();
    }
    let by_legs_alone = is_missed && judgement.confidence == Confidence::High;
    if case.misdated && hop.answered.is_some() && judgement.outcome != Outcome::Unknown && !by_legs_alone {
        judgement = judgement.because(hop.opened.frame, "call.clock_set_back").unsure();
    }
    if case.emergency {
        judgement = judgement.instead(Outcome::Emergency, hop, "call.emergency_number");
    } else if case.scanner && missed(judgement.outcome, Direction::Unknown, settings) {
        judgement = judgement.instead(Outcome::Rejected, hop, "call.scanner");
    } else if let Some(frame) = case.legs.iter().find_map(|leg| leg.fax) {
        judgement = Judgement::new(Outcome::Fax, Some(AnsweredBy::Fax), Confidence::High);
        judgement = judgement.because(frame, "call.fax_agreed");
    }
    judgement
}

/// The PBX had its caller call somebody else; what came of that only the caller's side knows.
fn sent_away(said: Judgement, sent: SentOn, direction: Direction) -> Judgement {
    let (outcome, confidence, rule) = match sent.answered {
        Some(_) if direction == Direction::Inbound => {
            (Outcome::OffnetAnswered, Confidence::Medium, "call.sent_on_and_answered")
        }
        _ => (Outcome::Unknown, Confidence::Low, "call.sent_on"),
    };
    let judgement = Judgement { outcome, answered_by: Some(AnsweredBy::Unknown), confidence, ..said };
    Judgement { message: None, ..judgement }.because(sent.frame, rule)
}

impl Case<'_> {
    /// No message ended it: the input did, or nobody heard of it for half a day.
    fn is_still_up(&self) -> bool {
        self.ending != Ending::Message && self.legs.get(self.lead).is_some_and(|leg| leg.bye.is_none())
    }
}

impl Judgement {
    /// A verdict without reasons yet.
    pub(super) fn new(
        outcome: Outcome,
        answered_by: Option<AnsweredBy>,
        confidence: Confidence,
    ) -> Judgement {
        Judgement { outcome, answered_by, confidence, message: None, evidence: SmallVec::new() }
    }

    /// With one more reason.
    pub(super) fn because(mut self, frame: FrameRef, rule: &'static str) -> Judgement {
        self.evidence.push((frame, rule));
        self
    }

    /// The same, as a guess.
    fn unsure(mut self) -> Judgement {
        self.confidence = Confidence::Low;
        self
    }

    /// Overruled.
    pub(super) fn instead(mut self, outcome: Outcome, hop: &Hop, rule: &'static str) -> Judgement {
        self.outcome = outcome;
        self.because(hop.opened.frame, rule)
    }
}

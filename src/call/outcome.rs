//! One verdict for one call, from all its legs.
//!
//! The caller's own leg decides how a call ended; the other legs decide who answered it. An answer is
//! attributed to the hop whose 2xx came last before the caller's, within `CAUSALITY`; where none did, the
//! PBX itself answered: voicemail if it had just stopped ringing phones, an IVR or queue if phones rang on.

use crate::call::leg::Leg;
use crate::call::transaction::{Hop, VoicemailSign, ends_by_cancel};
use crate::event::{AnsweredBy, Confidence, Direction, LegResult, Outcome, Role};
use crate::settings::Judge;
use crate::time::{Span, Timestamp};
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
    /// The caller was sent media for a while and sent none.
    pub one_way: bool,
    /// What ended it.
    pub ending: Ending,
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
    /// Frames and the rules they satisfied.
    pub evidence: Vec<(FrameRef, &'static str)>,
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
    if case.emergency {
        judgement = judgement.instead(Outcome::Emergency, hop, "call.emergency_number");
    } else if case.scanner && missed(judgement.outcome, Direction::Unknown, settings) {
        judgement = judgement.instead(Outcome::Rejected, hop, "call.scanner");
    }
    judgement
}

fn unanswered(case: &Case<'_>, hop: &Hop) -> Judgement {
    let leg = &case.legs[case.lead];
    if leg.partial || leg.dialog {
        let rule = if leg.partial { "leg.start_not_seen" } else { "leg.answer_not_seen" };
        return Judgement::new(Outcome::Unknown, None, Confidence::Low).because(hop.opened.frame, rule);
    }
    let (outcome, rule) = match hop.result() {
        LegResult::Answered => (Outcome::Answered, "leg.answered"),
        LegResult::Cancelled => (Outcome::Abandoned, "leg.cancelled"),
        LegResult::Elsewhere => (Outcome::AnsweredInferred, "leg.elsewhere"),
        LegResult::NoAnswer if all_phones_busy(case) => (Outcome::Busy, "call.every_phone_busy"),
        LegResult::NoAnswer => (Outcome::NoAnswer, "leg.no_answer"),
        LegResult::Unavailable => (Outcome::NoAnswer, "leg.unavailable"),
        LegResult::Redirected => (Outcome::NoAnswer, "leg.redirected"),
        LegResult::Busy => (Outcome::Busy, "leg.busy"),
        LegResult::Declined => (Outcome::Declined, "leg.declined"),
        LegResult::WrongNumber => (Outcome::WrongNumber, "leg.wrong_number"),
        LegResult::Rejected => (Outcome::Rejected, "leg.rejected"),
        LegResult::Failed => (Outcome::Failed, "leg.failed"),
        LegResult::NoResponse if hop.responded => (Outcome::Failed, "leg.nobody_alerted"),
        LegResult::NoResponse if leg.malformed => (Outcome::Incomplete, "leg.malformed"),
        LegResult::NoResponse => (Outcome::Failed, "leg.no_response"),
        LegResult::Incomplete if case.ending == Ending::Timer && hop.responded => {
            (Outcome::Unknown, "leg.lost")
        }
        LegResult::Incomplete if case.ending == Ending::Timer && hop.reliable && !leg.malformed => {
            (Outcome::Failed, "leg.no_response")
        }
        LegResult::Incomplete => (Outcome::Incomplete, "leg.incomplete"),
    };
    let confidence = match outcome {
        Outcome::AnsweredInferred | Outcome::Unknown | Outcome::Incomplete => Confidence::Low,
        _ if hop.role == Role::PhoneOut => Confidence::Low,
        _ if hop.refused.is_none() => Confidence::Medium,
        _ => Confidence::High,
    };
    let frame = deciding_frame(hop);
    Judgement::new(outcome, None, confidence).because(frame, rule)
}

/// The CANCEL where it decided, else the final response, else the first message.
fn deciding_frame(hop: &Hop) -> FrameRef {
    match (hop.cancelled, hop.refused) {
        (Some(cancelled), Some(refused)) if ends_by_cancel(refused.status) => cancelled.frame,
        (Some(cancelled), None) => cancelled.frame,
        (_, Some(refused)) => refused.seen.frame,
        (None, None) => hop.opened.frame,
    }
}

fn answered_at(case: &Case<'_>, caller: &Hop, at: Timestamp, settings: &Judge) -> Judgement {
    let mut judgement = match answerer(case, at) {
        Some(hop) => answered_by(case, hop),
        None => match rung_phones(case).next() {
            Some(_) => answered_by_pbx(case, caller, at),
            None => answered_alone(case, caller),
        },
    };
    if gave_up_before(case, caller, at) {
        judgement = Judgement::new(Outcome::Abandoned, None, Confidence::Medium);
        return judgement.because(deciding_frame(caller), "call.cancel_crossed_answer");
    }
    if judgement.outcome == Outcome::Answered
        && matches!(case.direction, Direction::Inbound | Direction::Unknown)
        && let Some(bye) = case.legs[case.lead].bye
        && bye.by_caller
        && bye.seen.at.since(at) < settings.min_talk
    {
        judgement = judgement.instead(Outcome::AnsweredShort, caller, "call.short_talk");
    }
    judgement
}

/// The caller had cancelled when the answer came, and ended the unwanted dialog at once (RFC 3261 9.1).
fn gave_up_before(case: &Case<'_>, caller: &Hop, at: Timestamp) -> bool {
    let bye = case.legs[case.lead].bye.filter(|bye| bye.by_caller && bye.seen.at.since(at) <= UNWANTED);
    bye.is_some() && caller.cancelled.is_some_and(|cancelled| cancelled.at <= at)
}

/// The hop that answered: the last 2xx before the caller's, else one that came later (an IVR handed the
/// call on). Hops whose role is known are preferred to those of proxies in between.
fn answerer<'a>(case: &Case<'a>, at: Timestamp) -> Option<&'a Hop> {
    let answered = |hop: &&Hop| hop.answered.is_some();
    let time = |hop: &&Hop| hop.answered.map_or(at, |seen| seen.at);
    let before = |hop: &&Hop| time(hop) <= at + REORDER;
    let known = |hop: &&Hop| hop.role != Role::Unknown || hop.voicemail.is_some();
    let hops = || others(case).filter(answered);
    let latest = hops().filter(before).filter(known).max_by_key(time);
    let latest = latest.or_else(|| hops().filter(before).max_by_key(time));
    latest.or_else(|| hops().min_by_key(|hop| (hop.voicemail.is_some(), time(hop))))
}

fn answered_by(case: &Case<'_>, hop: &Hop) -> Judgement {
    let frame = hop.answered.map_or(hop.opened.frame, |seen| seen.frame);
    let voicemail = |confidence, rule| {
        Judgement::new(Outcome::Voicemail, Some(AnsweredBy::Voicemail), confidence).because(frame, rule)
    };
    match hop.voicemail {
        Some(VoicemailSign::Configured) => return voicemail(Confidence::High, "call.voicemail_answered"),
        Some(VoicemailSign::Target) => {
            return voicemail(Confidence::Medium, "call.voicemail_target_answered");
        }
        Some(VoicemailSign::Diverted) if answered_like_a_machine(hop) => {
            return voicemail(Confidence::Low, "call.diverted_and_answered_at_once");
        }
        _ => {}
    }
    let (outcome, by, confidence, rule) = match hop.role {
        Role::TrunkOut if case.direction == Direction::Inbound => {
            (Outcome::OffnetAnswered, AnsweredBy::Unknown, Confidence::Medium, "call.answered_off_net")
        }
        Role::TrunkOut => {
            (Outcome::Answered, AnsweredBy::Unknown, Confidence::Medium, "call.answered_on_trunk")
        }
        Role::PhoneOut => (Outcome::Answered, AnsweredBy::Human, Confidence::High, "call.phone_answered"),
        _ => (Outcome::Answered, AnsweredBy::Human, Confidence::Medium, "call.other_leg_answered"),
    };
    Judgement::new(outcome, Some(by), confidence).because(frame, rule)
}

/// The PBX answered, and no phone it rang did.
fn answered_by_pbx(case: &Case<'_>, caller: &Hop, at: Timestamp) -> Judgement {
    let frame = caller.answered.map_or(caller.opened.frame, |seen| seen.frame);
    let before = || rung_phones(case).filter(move |hop| hop.opened.at < at);
    let last_end = before()
        .map(Hop::ended_unanswered)
        .try_fold(Timestamp::from_micros(i64::MIN), |last, end| end.map(|end| end.max(last)));
    let unknown = |rule| {
        Judgement::new(Outcome::Unknown, Some(AnsweredBy::Unknown), Confidence::Low).because(frame, rule)
    };
    match last_end {
        Some(_) if before().any(|hop| hop.elsewhere) => unknown("call.pbx_answered_elsewhere_claimed"),
        Some(end) if before().next().is_some() && near(end, at) => {
            Judgement::new(Outcome::Voicemail, Some(AnsweredBy::Voicemail), Confidence::Medium)
                .because(frame, "call.pbx_answered_when_phones_stopped")
        }
        Some(end) if before().next().is_some() && end < at => {
            unknown("call.pbx_answered_after_phones_stopped")
        }
        _ => abandoned_in_pbx(case, caller, frame),
    }
}

/// The PBX answered first and rang phones while the caller waited; nobody took the call.
fn abandoned_in_pbx(case: &Case<'_>, caller: &Hop, frame: FrameRef) -> Judgement {
    if rung_phones(case).any(|hop| hop.elsewhere) {
        let unknown = Judgement::new(Outcome::Unknown, Some(AnsweredBy::Unknown), Confidence::Low);
        return unknown.because(frame, "call.pbx_answered_elsewhere_claimed");
    }
    let first = rung_phones(case).next().map(|hop| hop.dst);
    let rounds = rung_phones(case).filter(|hop| Some(hop.dst) == first).count();
    let (outcome, by, rule) = if caller.queued || rounds > 1 {
        (Outcome::QueueAbandoned, AnsweredBy::Queue, "call.queue_abandoned")
    } else {
        (Outcome::IvrAbandoned, AnsweredBy::Ivr, "call.ivr_abandoned")
    };
    Judgement::new(outcome, Some(by), Confidence::Medium).because(frame, rule)
}

/// Only the caller's own leg is in sight.
fn answered_alone(case: &Case<'_>, hop: &Hop) -> Judgement {
    let frame = hop.answered.map_or(hop.opened.frame, |seen| seen.frame);
    let (outcome, by, confidence, rule) = match (hop.voicemail, hop.role) {
        (Some(VoicemailSign::Configured), _) if case.diverted => {
            (Outcome::Voicemail, AnsweredBy::Voicemail, Confidence::High, "call.voicemail_answered")
        }
        (Some(VoicemailSign::Configured), _) => (
            Outcome::MailboxRetrieval,
            AnsweredBy::Voicemail,
            Confidence::Medium,
            "call.pilot_without_diversion",
        ),
        (Some(VoicemailSign::Target), _) => {
            (Outcome::Voicemail, AnsweredBy::Voicemail, Confidence::Medium, "call.voicemail_target_answered")
        }
        (_, Role::PhoneOut) => {
            (Outcome::Answered, AnsweredBy::Human, Confidence::Medium, "call.phone_answered")
        }
        _ if case.direction == Direction::Inbound && answered_at_once(hop) => {
            (Outcome::Unknown, AnsweredBy::Unknown, Confidence::Low, "call.answered_at_once")
        }
        _ if case.direction == Direction::Inbound && case.one_way => {
            (Outcome::Unknown, AnsweredBy::Unknown, Confidence::Low, "call.caller_only_listened")
        }
        _ => (Outcome::Answered, AnsweredBy::Unknown, Confidence::Low, "leg.answered"),
    };
    Judgement::new(outcome, Some(by), confidence).because(frame, rule)
}

/// Every hop but the caller's own tries.
fn others<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a Hop> {
    let lead = case.lead;
    let inner = case.legs.iter().skip(lead).take(1).flat_map(Leg::inner_hops);
    let rest = case.legs.iter().enumerate().filter(move |(n, _)| *n != lead);
    inner.chain(rest.flat_map(|(_, leg)| leg.hops.iter()))
}

/// The hops that rang somebody within the business.
fn rung_phones<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a Hop> {
    let rung = |hop: &&Hop| hop.voicemail.is_none() && matches!(hop.role, Role::PhoneOut | Role::Unknown);
    others(case).filter(rung)
}

fn all_phones_busy(case: &Case<'_>) -> bool {
    rung_phones(case).next().is_some() && rung_phones(case).all(|hop| hop.result() == LegResult::Busy)
}

fn answered_after(hop: &Hop) -> Span {
    hop.answered.map_or(Span::ZERO, |answered| answered.at.since(hop.opened.at))
}

fn answered_at_once(hop: &Hop) -> bool {
    answered_after(hop) < NOBODY_PICKS_UP
}

fn answered_like_a_machine(hop: &Hop) -> bool {
    answered_after(hop) <= MACHINE_PICKS_UP && !matches!(hop.role, Role::PhoneOut | Role::TrunkOut)
}

fn near(a: Timestamp, b: Timestamp) -> bool {
    a.since(b) <= CAUSALITY && b.since(a) <= CAUSALITY
}

impl Judgement {
    fn new(outcome: Outcome, answered_by: Option<AnsweredBy>, confidence: Confidence) -> Judgement {
        Judgement { outcome, answered_by, confidence, evidence: Vec::new() }
    }

    fn because(mut self, frame: FrameRef, rule: &'static str) -> Judgement {
        self.evidence.push((frame, rule));
        self
    }

    fn instead(mut self, outcome: Outcome, hop: &Hop, rule: &'static str) -> Judgement {
        self.outcome = outcome;
        self.because(hop.opened.frame, rule)
    }
}

/// A PBX answers its caller this soon after what made it answer.
const CAUSALITY: Span = Span::from_millis(700);

/// Two taps may show neighbouring messages out of order by this much.
const REORDER: Span = Span::from_millis(100);

/// A caller that had given up ends an answer that comes after all within this.
const UNWANTED: Span = Span::from_secs(1);

/// Nobody takes a call in less; a voicemail, an IVR or an announcement does.
const NOBODY_PICKS_UP: Span = Span::from_millis(500);

/// A voicemail picks up a diverted call sooner than a person can.
const MACHINE_PICKS_UP: Span = Span::from_secs(3);

//! The verdict on a call whose caller was answered: by whom or what.

use crate::call::coverage;
use crate::call::outcome::evidence::{
    CAUSALITY, Sign, UNWANTED, answerer, deciding_frame, forwarded, is_headless, rung_phones, unseen_answer,
};
use crate::call::outcome::{Case, Judgement, hearing};
use crate::call::transaction::{Hop, VoicemailSign};
use crate::event::{AnsweredBy, Confidence, Direction, Outcome, Role};
use crate::settings::Judge;
use crate::time::{Span, Timestamp};
use crate::wire::packet::FrameRef;

/// Judges a call whose caller was answered at `at`.
pub(super) fn answered_at(case: &Case<'_>, caller: &Hop, at: Timestamp, settings: &Judge) -> Judgement {
    let mut judgement = by_whom(case, caller, at);
    if let Some(heard) = case.heard {
        judgement = hearing::heed(judgement, case, caller, heard, settings);
    }
    if gave_up_before(case, caller, at) {
        judgement = Judgement::new(Outcome::Abandoned, None, Confidence::Medium);
        return judgement.because(deciding_frame(caller), "call.cancel_crossed_answer");
    }
    if judgement.outcome == Outcome::Answered
        && !case.misdated
        && matches!(case.direction, Direction::Inbound | Direction::Unknown)
        && let Some(bye) = case.legs[case.lead].bye
        && bye.by_caller
        && bye.seen.at.since(at) < settings.min_talk
    {
        judgement = judgement.instead(Outcome::AnsweredShort, caller, "call.short_talk");
    }
    judgement
}

fn by_whom(case: &Case<'_>, caller: &Hop, at: Timestamp) -> Judgement {
    if is_headless(case.legs) {
        return if caller.voicemail.is_some() {
            answered_by(case, caller)
        } else {
            answered_alone(case, caller)
        };
    }
    let rung = || rung_phones(case).next().is_some();
    let dialled_pilot = caller.voicemail == Some(VoicemailSign::Configured) && !case.diverted;
    match answerer(case, at) {
        Some(hop) if dialled_pilot && hop.voicemail.is_some() && !rung() => answered_alone(case, caller),
        Some(hop) => answered_by(case, hop),
        None if case.picked_up.is_some() || unseen_answer(case).is_some() => answered_unseen(case, caller),
        None if matches!(caller.voicemail, Some(VoicemailSign::Connected | VoicemailSign::Media)) => {
            answered_by(case, caller)
        }
        None if rung() => answered_by_pbx(case, caller, at),
        None => forwarded_in_vain(case, at).unwrap_or_else(|| answered_alone(case, caller)),
    }
}

/// Somebody in the business answered, though not in a leg whose answer was seen.
fn answered_unseen(case: &Case<'_>, caller: &Hop) -> Judgement {
    let human = |frame, rule| {
        Judgement::new(Outcome::Answered, Some(AnsweredBy::Human), Confidence::Medium).because(frame, rule)
    };
    let unknown = |frame, rule| {
        Judgement::new(Outcome::Unknown, Some(AnsweredBy::Unknown), Confidence::Low).because(frame, rule)
    };
    match (case.picked_up, unseen_answer(case)) {
        (Some(pickup), _) if pickup.sure => human(pickup.seen.frame, "call.picked_up"),
        (_, Some((hop, Sign::HungUp))) => human(hop.opened.frame, "call.phone_hung_up"),
        (Some(pickup), _) => unknown(pickup.seen.frame, "call.perhaps_picked_up"),
        (None, Some((hop, _))) => unknown(hop.opened.frame, "call.phone_answer_not_seen"),
        (None, None) => answered_alone(case, caller),
    }
}

/// The PBX answered and called out on the trunk until the caller gave up, or it did.
fn forwarded_in_vain(case: &Case<'_>, at: Timestamp) -> Option<Judgement> {
    let hop = forwarded(case).filter(|hop| hop.opened.at > at)?;
    let over = case.legs[case.lead].bye?.seen.at;
    if hop.ended_unanswered().is_some_and(|end| end + CAUSALITY < over) {
        return None;
    }
    let judgement = Judgement::new(Outcome::ForwardedUnanswered, Some(AnsweredBy::Ivr), Confidence::Medium);
    Some(judgement.because(deciding_frame(hop), "call.forwarded_unanswered"))
}

/// The caller had cancelled when the answer came, and ended the unwanted dialog at once (RFC 3261 9.1). Beside the PBX the answer
/// is seen first: it would have refused the call if the CANCEL had come before.
fn gave_up_before(case: &Case<'_>, caller: &Hop, at: Timestamp) -> bool {
    let bye = case.legs[case.lead].bye.filter(|bye| bye.by_caller && bye.seen.at.since(at) <= UNWANTED);
    bye.zip(caller.cancelled).is_some_and(|(bye, cancelled)| cancelled.at <= bye.seen.at)
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
        Some(VoicemailSign::Connected) => return voicemail(Confidence::Medium, "call.connected_to_pilot"),
        Some(VoicemailSign::Media) => return voicemail(Confidence::Medium, "call.media_at_voicemail_host"),
        Some(VoicemailSign::Diverted) if answered_like_a_machine(hop) && rang_like_a_phone(hop) => {
            return Judgement::new(Outcome::Unknown, Some(AnsweredBy::Unknown), Confidence::Low)
                .because(frame, "call.diverted_and_answered_soon");
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
    if case.answered_apart {
        return unknown("call.leg_apart_answered");
    }
    if before().any(|hop| hop.answered.is_some()) {
        return unknown("call.phone_answered_before_the_caller");
    }
    if before().any(Hop::ended_unseen) {
        return unknown("call.phone_stopped_unseen");
    }
    match last_end {
        Some(_) if before().any(|hop| hop.elsewhere) => unknown("call.pbx_answered_elsewhere_claimed"),
        Some(_) if before().next().is_some() && coverage::shows_elsewhere(case.coverage) => {
            unknown("call.pbx_answered_not_as_it_covers")
        }
        // Somebody whose phone isn't in sight answered, or a voicemail did: the phones were still ringing.
        Some(end) if before().next().is_some() && end > at + DISORDER && near(end, at) => {
            unknown("call.pbx_answered_before_phones_stopped")
        }
        Some(end) if before().next().is_some() && near(end, at) => {
            Judgement::new(Outcome::Voicemail, Some(AnsweredBy::Voicemail), Confidence::Medium)
                .because(frame, "call.pbx_answered_when_phones_stopped")
        }
        Some(end) if before().next().is_some() && end < at && covers_now(case, caller) => {
            Judgement::new(Outcome::Voicemail, Some(AnsweredBy::Voicemail), Confidence::Medium)
                .because(frame, "call.pbx_answered_at_coverage_time")
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
        _ if case.direction == Direction::Inbound && covers_now(case, hop) => {
            (Outcome::Unknown, AnsweredBy::Unknown, Confidence::Low, "call.answered_at_coverage_time")
        }
        _ => (Outcome::Answered, AnsweredBy::Unknown, Confidence::Low, "leg.answered"),
    };
    Judgement::new(outcome, Some(by), confidence).because(frame, rule)
}

/// Whether the PBX answered at the moment it covers to the voicemail within it.
fn covers_now(case: &Case<'_>, caller: &Hop) -> bool {
    let answered = caller.answered.map(|seen| seen.at);
    coverage::is_within(case.coverage)
        && answered.is_some_and(|at| coverage::is_time(case.coverage, caller, at))
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

/// It rang, and for longer than a machine lets it.
fn rang_like_a_phone(hop: &Hop) -> bool {
    hop.ringing.is_some() && answered_after(hop) > MACHINE_RINGS
}

fn near(a: Timestamp, b: Timestamp) -> bool {
    a.since(b) <= CAUSALITY && b.since(a) <= CAUSALITY
}

/// A phone's end may be seen so much later than an answer that came after it.
const DISORDER: Span = Span::from_millis(200);

/// Nobody takes a call in less; a voicemail, an IVR or an announcement does.
const NOBODY_PICKS_UP: Span = Span::from_millis(500);

/// A voicemail that rings at all doesn't for longer; a colleague at their desk may.
const MACHINE_RINGS: Span = Span::from_secs(1);

/// A voicemail picks up a diverted call sooner than a person can.
const MACHINE_PICKS_UP: Span = Span::from_secs(3);

//! The verdict on a call whose caller got no answer.

use crate::call::outcome::evidence::{deciding_frame, forwarded, others, rung_phones};
use crate::call::outcome::{Case, Ending, Judgement};
use crate::call::transaction::Hop;
use crate::event::{Confidence, LegResult, Outcome, Role};

/// Judges by the caller's own leg, and by the phones only where that leaves it open.
pub(super) fn unanswered(case: &Case<'_>, hop: &Hop) -> Judgement {
    let leg = &case.legs[case.lead];
    let dialog = leg.dialog && !leg.ended_early(hop);
    let unseen_final = dialog || leg.confirmed || (hop.acked && hop.refused.is_none());
    if leg.partial || unseen_final || leg.tried_unseen() {
        let rule = match (leg.partial, leg.tried_unseen()) {
            (true, _) => "leg.start_not_seen",
            (_, true) => "leg.try_not_seen",
            _ => "leg.answer_not_seen",
        };
        return Judgement::new(Outcome::Unknown, None, Confidence::Low).because(hop.opened.frame, rule);
    }
    let (outcome, rule) = match hop.result() {
        LegResult::Answered => (Outcome::Answered, "leg.answered"),
        LegResult::Cancelled => (Outcome::Abandoned, "leg.cancelled"),
        LegResult::Elsewhere => (Outcome::AnsweredInferred, "leg.elsewhere"),
        LegResult::NoAnswer | LegResult::Unavailable
            if forwarded(case).is_some_and(|hop| hop.alerting().is_some()) =>
        {
            (Outcome::ForwardedUnanswered, "call.forwarded_unanswered")
        }
        LegResult::NoAnswer if all_phones_busy(case) => (Outcome::Busy, "call.every_phone_busy"),
        LegResult::NoAnswer | LegResult::Unavailable if sent_on_as_busy(case) => {
            (Outcome::Busy, "call.diverted_as_busy")
        }
        LegResult::NoAnswer => (Outcome::NoAnswer, "leg.no_answer"),
        LegResult::Unavailable => (Outcome::NoAnswer, "leg.unavailable"),
        LegResult::Redirected => (Outcome::NoAnswer, "leg.redirected"),
        LegResult::Busy => (Outcome::Busy, "leg.busy"),
        LegResult::Declined => (Outcome::Declined, "leg.declined"),
        LegResult::WrongNumber => (Outcome::WrongNumber, "leg.wrong_number"),
        LegResult::Rejected => (Outcome::Rejected, "leg.rejected"),
        LegResult::Failed => (Outcome::Failed, "leg.failed"),
        LegResult::NoResponse if rung_phones(case).any(|hop| hop.alerting().is_some()) => {
            (Outcome::NoAnswer, "leg.no_answer")
        }
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
        Outcome::Abandoned if hop.cancelled.is_none() => Confidence::Medium,
        _ if hop.refused.is_none() => Confidence::Medium,
        _ => Confidence::High,
    };
    let frame = deciding_frame(hop);
    Judgement::new(outcome, None, confidence).because(frame, rule)
}

/// The PBX tried a voicemail because whom it rang was busy, and no phone in sight says otherwise.
fn sent_on_as_busy(case: &Case<'_>) -> bool {
    let tried = || others(case).map(|(_, hop)| hop).filter(|hop| hop.voicemail.is_some());
    tried().last().is_some_and(|hop| hop.for_busy)
        && rung_phones(case).all(|hop| hop.result() == LegResult::Busy)
}

fn all_phones_busy(case: &Case<'_>) -> bool {
    rung_phones(case).next().is_some() && rung_phones(case).all(|hop| hop.result() == LegResult::Busy)
}

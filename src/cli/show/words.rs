//! Codes as sentences for people.

use crate::event::{LegResult, Outcome, Role};

/// An outcome as the contract writes it.
pub fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Answered => "answered",
        Outcome::AnsweredShort => "answered_short",
        Outcome::VoicemailMessage => "voicemail_message",
        Outcome::VoicemailHangup => "voicemail_hangup",
        Outcome::Voicemail => "voicemail",
        Outcome::Abandoned => "abandoned",
        Outcome::NoAnswer => "no_answer",
        Outcome::Busy => "busy",
        Outcome::Declined => "declined",
        Outcome::QueueAbandoned => "queue_abandoned",
        Outcome::IvrAbandoned => "ivr_abandoned",
        Outcome::ForwardedUnanswered => "forwarded_unanswered",
        Outcome::OffnetAnswered => "offnet_answered",
        Outcome::Failed => "failed",
        Outcome::WrongNumber => "wrong_number",
        Outcome::Rejected => "rejected",
        Outcome::Fax => "fax",
        Outcome::Emergency => "emergency",
        Outcome::MailboxRetrieval => "mailbox_retrieval",
        Outcome::AnsweredInferred => "answered_inferred",
        Outcome::Unknown => "unknown",
        Outcome::Incomplete => "incomplete",
    }
}

/// A leg's role.
pub fn role(role: Role) -> &'static str {
    match role {
        Role::TrunkIn => "trunk to PBX",
        Role::TrunkOut => "PBX to trunk",
        Role::PhoneOut => "PBX to phone",
        Role::PhoneIn => "phone to PBX",
        Role::Voicemail => "to voicemail",
        Role::Unknown => "role unknown",
    }
}

/// A leg's result.
pub fn result(result: LegResult) -> &'static str {
    match result {
        LegResult::Answered => "answered",
        LegResult::Cancelled => "cancelled",
        LegResult::Elsewhere => "cancelled, said to be answered elsewhere",
        LegResult::NoAnswer => "not answered",
        LegResult::Busy => "busy",
        LegResult::Declined => "declined",
        LegResult::Redirected => "redirected",
        LegResult::Unavailable => "unavailable",
        LegResult::Failed => "failed",
        LegResult::WrongNumber => "no such number",
        LegResult::Rejected => "rejected",
        LegResult::NoResponse => "no response",
        LegResult::Incomplete => "not finished",
    }
}

/// What a rule of evidence means; the rule itself where it is not known here.
pub fn rule(rule: &str) -> &str {
    RULES.iter().find(|(known, _)| *known == rule).map_or(rule, |(_, sentence)| sentence)
}

/// What joined a leg to its call.
pub fn joined_by(rule: &str) -> &str {
    JOINS.iter().find(|(known, _)| *known == rule).map_or(rule, |(_, sentence)| sentence)
}

const RULES: &[(&str, &str)] = &[
    ("call.restarted", "ringback was started anew during the call; this is what was seen of its end"),
    ("leg.cancelled", "the caller hung up before anybody answered"),
    ("leg.elsewhere", "cancelled because it was answered elsewhere, says the sender; no answer was seen"),
    ("leg.no_answer", "it rang out"),
    ("leg.unavailable", "the called party was not available"),
    ("leg.redirected", "the caller was redirected and did not follow"),
    ("leg.busy", "the called party was busy"),
    ("leg.declined", "the called party declined"),
    ("leg.wrong_number", "the PBX does not know the number"),
    ("leg.rejected", "the call was rejected"),
    ("leg.failed", "the telephone system failed the call"),
    ("leg.nobody_alerted", "it timed out and nothing had rung"),
    ("leg.no_response", "the telephone system did not respond at all"),
    ("leg.malformed", "the INVITE was malformed and nobody responded"),
    ("leg.lost", "it rang and then nothing more was seen"),
    ("leg.incomplete", "the capture ends before the call does"),
    ("leg.start_not_seen", "the capture begins after the call did"),
    ("leg.answer_not_seen", "the responses of this leg can't be seen here"),
    ("leg.try_not_seen", "the caller's side tried once more; what came of that wasn't seen"),
    ("leg.answered", "it was answered; by whom can't be seen"),
    ("call.every_phone_busy", "every phone was busy"),
    ("call.voicemail_answered", "the voicemail answered"),
    ("call.voicemail_target_answered", "the call was sent on to a voicemail target, which answered"),
    (
        "call.diverted_and_answered_at_once",
        "the call was diverted to a short number that answered at once, as a voicemail does",
    ),
    (
        "call.diverted_and_answered_soon",
        "the call was diverted to a short number, which rang as a phone does and answered soon",
    ),
    ("call.diverted_as_busy", "it was sent on to the voicemail because the called party was busy"),
    ("call.message_waiting", "afterwards the mailbox had one message more"),
    ("call.phone_answered", "a phone answered"),
    ("call.other_leg_answered", "another leg of the call was answered"),
    ("call.picked_up", "a colleague took the call from another phone"),
    ("call.perhaps_picked_up", "a colleague may have taken this call from another phone, or another one"),
    ("call.phone_hung_up", "a phone hung up, so it had answered, though that wasn't seen"),
    ("call.phone_stopped_unseen", "a phone was stopped; why wasn't seen"),
    ("call.phone_answer_not_seen", "a phone may have answered; that wasn't seen"),
    (
        "call.leg_answered_unseen",
        "meanwhile a phone was answered whose call wasn't seen; it may have been this one",
    ),
    (
        "call.leg_apart_answered",
        "another leg of the PBX was answered that may have been for this caller; nothing says whose it was",
    ),
    ("call.still_up", "the capture ends while it is up"),
    ("call.end_not_seen", "its end wasn't seen"),
    ("call.sent_on_and_answered", "the PBX sent the caller on to somebody outside, who answered"),
    ("call.sent_on", "the PBX sent the caller on to somebody else; what came of that wasn't seen"),
    ("call.clock_set_back", "a clock was set back while it was up, so how long anything took isn't known"),
    ("call.answered_off_net", "it was forwarded outside and answered there, by a person or a voicemail"),
    ("call.answered_on_trunk", "the far end answered"),
    ("call.connected_to_pilot", "the answer named the voicemail as the party connected"),
    ("call.media_at_voicemail_host", "the answer came with sound from the voicemail's host"),
    (
        "call.pbx_answered_when_phones_stopped",
        "the PBX itself answered as the phones stopped ringing: its voicemail",
    ),
    (
        "call.pbx_answered_before_phones_stopped",
        "the PBX itself answered while phones rang, and stopped them a moment later",
    ),
    (
        "call.pbx_answered_after_phones_stopped",
        "the PBX itself answered some time after the phones had stopped ringing",
    ),
    (
        "call.pbx_answered_elsewhere_claimed",
        "the PBX answered and told the phones that somebody had; who can't be seen",
    ),
    (
        "call.phone_answered_before_the_caller",
        "a phone had answered and hung up before the PBX answered the caller",
    ),
    ("call.forwarded_unanswered", "it was forwarded outside and nobody answered there"),
    ("call.fax_agreed", "both sides agreed on a fax"),
    ("call.queue_abandoned", "the caller waited in a queue and nobody took the call"),
    (
        "call.pbx_answered_at_coverage_time",
        "the PBX itself answered when it covers to its voicemail, and the phones had stopped ringing",
    ),
    (
        "call.pbx_answered_not_as_it_covers",
        "the PBX itself answered, and this make covers to voicemail by a leg that would show",
    ),
    ("call.ivr_abandoned", "the PBX answered, rang phones, and nobody took the call"),
    ("call.pilot_without_diversion", "somebody called the voicemail itself"),
    (
        "call.answered_at_coverage_time",
        "it was answered when the PBX covers to voicemail; a voicemail or a person may have",
    ),
    ("call.answered_at_once", "it was answered sooner than a person can; a voicemail or an IVR may have"),
    (
        "call.caller_only_listened",
        "the caller was played something and never sent audio; a voicemail or an announcement may have answered",
    ),
    ("call.cancel_crossed_answer", "the caller had hung up when the answer came"),
    ("ear.message", "a greeting, a tone, and then the caller spoke: a message was left"),
    ("ear.no_message", "a greeting and a tone were heard, and no message"),
    ("ear.spoke", "the caller spoke to the voicemail"),
    ("ear.encrypted", "its sound is encrypted: nothing was heard, and nothing is recorded"),
    (
        "ear.unreadable",
        "its sound is in a codec other than G.711 and G.722: nothing was heard, and nothing is recorded",
    ),
    ("ear.said_nothing", "the caller said nothing to the voicemail"),
    ("ear.no_recorder", "the PBX answered as a voicemail does, but did not sound like one"),
    ("ear.conversation", "both sides took turns speaking"),
    ("ear.like_voicemail", "it sounded like a voicemail, but a person may have answered"),
    ("ear.dialled", "it sounded like a voicemail, but the caller had dialled digits as who owns it does"),
    ("ear.fax", "a fax machine was heard"),
    ("call.short_talk", "the caller hung up within seconds of the answer"),
    ("call.emergency_number", "the call was to an emergency number, or from the emergency service"),
    ("caller.verstat_passed", "the carrier says that it checked the caller's number and found it signed for"),
    ("caller.verstat_failed", "the carrier says that the signature for the caller's number is wrong"),
    ("caller.verstat_none", "the carrier says that it couldn't check the caller's number"),
    ("caller.attested_a", "the carrier vouches for the caller and the number (attestation A)"),
    ("caller.attested_b", "the carrier vouches for the caller, not for the number (attestation B)"),
    ("caller.attested_c", "the carrier only says where the call came in (attestation C)"),
    (
        "caller.passport_a",
        "a signed claim came along, not checked here: its signer vouches for caller and number (A)",
    ),
    (
        "caller.passport_b",
        "a signed claim came along, not checked here: its signer vouches for the caller (B)",
    ),
    ("caller.passport_c", "a signed claim came along, not checked here: its signer vouches for neither (C)"),
    ("caller.passport_other_caller", "the signed claim is about another caller's number than the one shown"),
    ("caller.passport_other_called", "the signed claim is about a call to another number"),
    ("caller.passport_diverted", "the signed claims tell of a diversion on the way"),
    ("caller.passport_unreadable", "a signed claim came along that can't be read"),
    ("call.scanner", "it came from an unknown source to a number that isn't the business's"),
];

const JOINS: &[(&str, &str)] = &[
    ("first", "the first leg"),
    ("same_call_id", "same Call-ID"),
    ("call_id_named", "it names the other leg's Call-ID"),
    ("call_id_derived", "its Call-ID is made from the other leg's"),
    ("session_id", "same Session-ID"),
    ("charging_vector", "same icid-value"),
    ("cisco_guid", "same Cisco-Guid"),
    ("ucid", "same UCID"),
    ("shared_header", "same value of a header that legs of its make share"),
    ("hep_correlation", "same HEP correlation id"),
    ("media", "same media address"),
    ("ssrc", "carries the same RTP"),
    ("caller", "leaves the PBX for the same caller"),
    ("called", "leaves the PBX for the same number"),
    ("named", "leaves the PBX and names the number called"),
    ("reordered", "seen out of order: enters the PBX the other leg left"),
    ("referred", "the call that a transfer asked for"),
    ("redirected", "goes where a redirection sent the caller"),
    ("own_number", "rings a phone with the number called as its caller, and one call for that number waited"),
    ("alone_pending", "rings for a hidden caller, and one such call waited"),
    ("forked", "the trunk offers the call to another address of the PBX"),
    ("phones", "rings another phone, or the voicemail, for the same caller"),
];

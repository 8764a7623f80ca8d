//! What was heard of an answered leg against what the legs say of it.
//!
//! | heard | the legs say | verdict |
//! |---|---|---|
//! | a recorder and a message | anything, but a mailbox dialled into | `voicemail_message` |
//! | a recorder, no message | anything but a mailbox | `voicemail_hangup` |
//! | turns taken for 5 s | answered, or missed by their timing | `answered`, by a human |
//! | turns taken | voicemail for sure, or missed and less than 5 s | `unknown`: they contradict |
//! | a fax | anything | `fax` |
//! | like a voicemail, no proof | answered | `unknown` |
//! | no proof | voicemail for sure, or by its timing and like one | by what the caller said after the greeting |
//! | no recorder | voicemail by its timing | `unknown` |
//! | else | anything | as it is |

use crate::call::outcome::evidence::answerer;
use crate::call::outcome::{Case, Judgement};
use crate::call::transaction::{Hop, VoicemailSign};
use crate::event::heard::{Heard, Message, Reason, Verdict};
use crate::event::{AnsweredBy, Confidence, Outcome, VoicemailMessage};
use crate::settings::Judge;
use crate::wire::packet::FrameRef;

/// The verdict once the ear is asked.
pub fn heed(said: Judgement, case: &Case<'_>, caller: &Hop, heard: &Heard, settings: &Judge) -> Judgement {
    let frame = caller.answered.map_or(caller.opened.frame, |seen| seen.frame);
    let told = Told { said, frame, certain: is_voicemail_for_sure(case, caller) };
    match heard.verdict {
        _ if heard.fax => told.instead(Outcome::Fax, "ear.fax"),
        Verdict::VoicemailMessage if told.is_mailbox() && heard.dtmf_before_tone > 0 => told.said,
        Verdict::VoicemailMessage => told.voicemail(heard.message, "ear.message"),
        _ if told.is_mailbox() => told.said,
        Verdict::VoicemailHangup => told.voicemail(None, "ear.no_message"),
        Verdict::Conversation => told.conversation(heard),
        Verdict::Unknown(_) if told.said.outcome == Outcome::Voicemail => told.deposit(heard, settings),
        Verdict::Unknown(_) if told.says_answered() && heard.suggests_voicemail() => {
            told.unknown("ear.like_voicemail")
        }
        Verdict::Unknown(_) => told.said,
    }
}

/// What the legs said, and in which frame the answer came.
struct Told {
    said: Judgement,
    frame: FrameRef,
    certain: bool,
}

impl Told {
    fn is_mailbox(&self) -> bool {
        self.said.outcome == Outcome::MailboxRetrieval
    }

    fn says_answered(&self) -> bool {
        matches!(self.said.outcome, Outcome::Answered | Outcome::Unknown)
    }

    fn instead(self, outcome: Outcome, rule: &'static str) -> Judgement {
        Judgement { outcome, ..self.said }.because(self.frame, rule)
    }

    /// A voicemail answered: as sure as the legs are, if they say so too.
    fn voicemail(self, message: Option<Message>, rule: &'static str) -> Judgement {
        let outcome = if message.is_some() { Outcome::VoicemailMessage } else { Outcome::VoicemailHangup };
        let confidence = match self.said.outcome {
            Outcome::Voicemail if self.said.confidence == Confidence::High => Confidence::High,
            _ => Confidence::Medium,
        };
        let answered_by = Some(AnsweredBy::Voicemail);
        let told = Told { said: Judgement { answered_by, confidence, ..self.said }, ..self };
        let judgement = told.instead(outcome, rule);
        Judgement { message: message.map(left), ..judgement }
    }

    fn conversation(self, heard: &Heard) -> Judgement {
        let long = heard.two_way_ms >= FORBIDS_MISSED_MS;
        if self.certain || !(long || self.says_answered()) {
            return self.unknown("ear.conversation");
        }
        let (answered_by, confidence) = (Some(AnsweredBy::Human), Confidence::Medium);
        let told = Told { said: Judgement { answered_by, confidence, ..self.said }, ..self };
        told.instead(Outcome::Answered, "ear.conversation")
    }

    /// The legs know that it was a voicemail; the ear only tells whether the caller spoke.
    fn deposit(self, heard: &Heard, settings: &Judge) -> Judgement {
        let spoke = i64::from(heard.rest.speech_ms) >= settings.min_message.as_millis();
        match heard.verdict {
            Verdict::Unknown(Reason::NoAudio | Reason::Unreadable | Reason::CallerUnseen) => self.said,
            Verdict::Unknown(Reason::Lossy | Reason::PbxUnseen) if !(spoke && self.certain) => self.said,
            _ if !self.certain && !is_like_recorder(heard) => self.unknown("ear.no_recorder"),
            _ if spoke => self.voicemail(Some(heard.rest), "ear.spoke"),
            _ => self.voicemail(None, "ear.said_nothing"),
        }
    }

    fn unknown(self, rule: &'static str) -> Judgement {
        let (answered_by, confidence) = (Some(AnsweredBy::Unknown), Confidence::Low);
        let told = Told { said: Judgement { answered_by, confidence, ..self.said }, ..self };
        told.instead(Outcome::Unknown, rule)
    }
}

/// Whether the leg that answered is configured as voicemail, or was sent to it by name.
fn is_voicemail_for_sure(case: &Case<'_>, caller: &Hop) -> bool {
    let at = caller.answered.map_or(caller.opened.at, |seen| seen.at);
    let sign = answerer(case, at).unwrap_or(caller).voicemail;
    matches!(sign, Some(VoicemailSign::Configured | VoicemailSign::Target))
}

/// Whether it may have been a recorder: a greeting, and nothing after the caller's words.
fn is_like_recorder(heard: &Heard) -> bool {
    heard.verdict == Verdict::Unknown(Reason::NoTone) && heard.two_way_ms < A_TURN_MS
}

fn left(message: Message) -> VoicemailMessage {
    let Message { start_ms, end_ms, speech_ms } = message;
    VoicemailMessage { start_ms: start_ms.into(), end_ms: end_ms.into(), speech_ms: speech_ms.into() }
}

/// What is said in reply to the other side takes at least so long.
const A_TURN_MS: u32 = 500;

/// Two who take turns for so long are no missed call, whatever the legs say.
const FORBIDS_MISSED_MS: u32 = 5_000;

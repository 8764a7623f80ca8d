//! What was heard of an answered leg against what the legs say of it.
//!
//! | heard | the legs say | verdict |
//! |---|---|---|
//! | a recorder and a message | anything, but a mailbox dialled into | `voicemail_message` |
//! | a recorder, no message | anything but a mailbox | `voicemail_hangup` |
//! | a recorder, and digits in INFO before its tone | answered | `unknown`: whose mailbox it is may call |
//! | turns taken for 5 s | answered, or missed by their timing | `answered`, by a human |
//! | turns taken | voicemail for sure, or missed and less than 5 s | `unknown`: they contradict |
//! | a fax | anything | `fax` |
//! | like a voicemail, no proof | answered | `unknown` |
//! | nothing that can be decoded | voicemail | as it is; the evidence says why nothing was heard |
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
    let certain = is_voicemail_for_sure(case, caller);
    let informed = dialled_before_tone(case, caller, heard);
    let dialled = heard.dtmf_before_tone > 0 || informed;
    Told { said, frame, certain, dialled, informed }.against(heard, settings)
}

/// What the legs said, and in which frame the answer came.
struct Told {
    said: Judgement,
    frame: FrameRef,
    certain: bool,
    /// The caller sent keypad digits before the tone.
    dialled: bool,
    /// They came in INFO, which tells no more than that.
    informed: bool,
}

impl Told {
    fn against(self, heard: &Heard, settings: &Judge) -> Judgement {
        match heard.verdict {
            _ if heard.fax => self.instead(Outcome::Fax, "ear.fax"),
            Verdict::VoicemailMessage if self.is_mailbox() && self.dialled => self.said,
            Verdict::VoicemailMessage if self.may_be_owner() => self.unknown("ear.dialled"),
            Verdict::VoicemailMessage => self.voicemail(heard.message, "ear.message"),
            _ if self.is_mailbox() => self.said,
            Verdict::VoicemailHangup if self.may_be_owner() => self.unknown("ear.dialled"),
            Verdict::VoicemailHangup => self.voicemail(None, "ear.no_message"),
            Verdict::Conversation => self.conversation(heard),
            Verdict::Unknown(_) if self.said.outcome == Outcome::Voicemail => self.deposit(heard, settings),
            Verdict::Unknown(_) if self.says_answered() && heard.suggests_voicemail() => {
                self.unknown("ear.like_voicemail")
            }
            Verdict::Unknown(_) => self.said,
        }
    }

    fn is_mailbox(&self) -> bool {
        self.said.outcome == Outcome::MailboxRetrieval
    }

    /// Whether digits that nobody counted came before the tone, and nothing but the ear tells of a voicemail.
    fn may_be_owner(&self) -> bool {
        self.informed && self.says_answered()
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
            Verdict::Unknown(Reason::NoAudio | Reason::CallerUnseen) => self.said,
            Verdict::Unknown(Reason::Unreadable) => self.said.because(self.frame, "ear.unreadable"),
            Verdict::Unknown(Reason::Encrypted) => self.said.because(self.frame, "ear.encrypted"),
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

/// Whether the caller told of digits in INFO before the tone came.
fn dialled_before_tone(case: &Case<'_>, caller: &Hop, heard: &Heard) -> bool {
    let dialled = case.legs.get(case.lead).and_then(|leg| leg.dialled);
    let Some((dialled, answered)) = dialled.zip(caller.answered) else { return false };
    let tone = heard.tone.map_or(i64::MAX, |tone| i64::from(tone.start_ms));
    dialled.since(answered.at).as_millis() < tone
}

/// Whether it may have been a recorder: a greeting, and nothing after the caller's words.
fn is_like_recorder(heard: &Heard) -> bool {
    let silent = matches!(heard.verdict, Verdict::Unknown(Reason::NoTone | Reason::Waited));
    silent && heard.two_way_ms < A_TURN_MS
}

fn left(message: Message) -> VoicemailMessage {
    let Message { start_ms, end_ms, speech_ms } = message;
    VoicemailMessage { start_ms: start_ms.into(), end_ms: end_ms.into(), speech_ms: speech_ms.into() }
}

/// What is said in reply to the other side takes at least so long.
const A_TURN_MS: u32 = 500;

/// Two who take turns for so long are no missed call, whatever the legs say.
const FORBIDS_MISSED_MS: u32 = 5_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;
    use Outcome::{Answered, Fax, IvrAbandoned, MailboxRetrieval, Unknown, Voicemail, VoicemailHangup};

    const SPOKEN: Message = Message { start_ms: 5_000, end_ms: 12_000, speech_ms: 4_000 };

    fn heard(verdict: Verdict) -> Heard {
        Heard {
            verdict,
            greeting: None,
            tone: None,
            message: (verdict == Verdict::VoicemailMessage).then_some(SPOKEN),
            rest: SPOKEN,
            two_way_ms: 0,
            dtmf_before_tone: 0,
            fax: false,
            from_caller: 500,
            from_pbx: 500,
        }
    }

    fn judged(outcome: Outcome, certain: bool, heard: &Heard) -> Judgement {
        let said = Judgement::new(outcome, Some(AnsweredBy::Unknown), Confidence::Medium);
        let dialled = heard.dtmf_before_tone > 0;
        let told = Told { said, frame: FrameRef::default(), certain, dialled, informed: dialled };
        told.against(heard, &Settings::default().pbx.judge)
    }

    #[test]
    fn a_message_that_was_heard_is_one_whatever_the_legs_say() {
        for outcome in [Answered, Voicemail, IvrAbandoned, MailboxRetrieval, Unknown] {
            let judgement = judged(outcome, false, &heard(Verdict::VoicemailMessage));
            assert_eq!(judgement.outcome, Outcome::VoicemailMessage, "{outcome:?}");
            assert_eq!(judgement.message.map(|message| message.speech_ms), Some(4_000));
            assert_ne!(judgement.confidence, Confidence::High);
        }
    }

    #[test]
    fn who_dials_digits_before_the_tone_owns_the_mailbox() {
        let dialled = Heard { dtmf_before_tone: 4, ..heard(Verdict::VoicemailMessage) };
        assert_eq!(judged(MailboxRetrieval, true, &dialled).outcome, MailboxRetrieval);
        assert_eq!(judged(Answered, false, &dialled).outcome, Unknown);
        assert_eq!(judged(Voicemail, true, &dialled).outcome, Outcome::VoicemailMessage);
    }

    #[test]
    fn five_seconds_of_turns_forbid_a_missed_call() {
        let talk = Heard { two_way_ms: 5_000, ..heard(Verdict::Conversation) };
        assert_eq!(judged(Voicemail, false, &talk).outcome, Answered);
        assert_eq!(judged(IvrAbandoned, false, &talk).outcome, Answered);
        assert_eq!(judged(Voicemail, true, &talk).outcome, Unknown);
        let short = Heard { two_way_ms: 3_000, ..talk };
        assert_eq!(judged(Voicemail, false, &short).outcome, Unknown);
        assert_eq!(judged(Answered, false, &short).outcome, Answered);
    }

    #[test]
    fn a_voicemail_known_by_its_leg_took_what_followed_the_greeting() {
        let no_tone = heard(Verdict::Unknown(Reason::NoTone));
        assert_eq!(judged(Voicemail, true, &no_tone).outcome, Outcome::VoicemailMessage);
        let silent = Heard { rest: Message { speech_ms: 1_900, ..SPOKEN }, ..no_tone };
        assert_eq!(judged(Voicemail, true, &silent).outcome, VoicemailHangup);
        let unread = heard(Verdict::Unknown(Reason::Unreadable));
        assert_eq!(judged(Voicemail, true, &unread).outcome, Voicemail);
        let secret = judged(Voicemail, true, &heard(Verdict::Unknown(Reason::Encrypted)));
        assert_eq!(secret.outcome, Voicemail);
        assert_eq!(secret.evidence.last().map(|(_, rule)| *rule), Some("ear.encrypted"));
    }

    #[test]
    fn a_voicemail_known_by_timing_alone_must_sound_like_one() {
        let undecided = heard(Verdict::Unknown(Reason::Undecided));
        assert_eq!(judged(Voicemail, false, &undecided).outcome, Unknown);
        let no_tone = heard(Verdict::Unknown(Reason::NoTone));
        assert_eq!(judged(Voicemail, false, &no_tone).outcome, Outcome::VoicemailMessage);
    }

    #[test]
    fn without_proof_an_answer_stays_one_unless_it_sounds_like_a_recorder() {
        assert_eq!(judged(Answered, false, &heard(Verdict::Unknown(Reason::Undecided))).outcome, Answered);
        assert_eq!(judged(Answered, false, &heard(Verdict::Unknown(Reason::NoTone))).outcome, Unknown);
        let fax = Heard { fax: true, ..heard(Verdict::Unknown(Reason::Fax)) };
        assert_eq!(judged(Answered, false, &fax).outcome, Fax);
    }
}

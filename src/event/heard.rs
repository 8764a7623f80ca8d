//! What was heard of one answered leg: facts in milliseconds since the answer, and a verdict with its reason.

use crate::time::Timestamp;

/// How a leg ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// When.
    pub at: Timestamp,
    /// The PBX's side hung up, not the caller's, nor is it unknown who did.
    pub by_pbx: bool,
}

/// Everything the ear can say of a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// What it comes to.
    pub verdict: Verdict,
    /// What the PBX's side said before the tone, or before the caller first had the floor.
    pub greeting: Option<Interval>,
    /// The tone that began a recording, or the one likest to it.
    pub tone: Option<Interval>,
    /// What the recorder took, if a voicemail answered: from the tone's end to the leg's.
    pub message: Option<Message>,
    /// What the caller said from the tone's end to the leg's: without a tone, from the greeting's end, else from the
    /// answer.
    pub rest: Message,
    /// For how long both sides took turns: from the caller's first reply to the PBX's side's last to that.
    pub two_way_ms: u32,
    /// Digits the caller sent before the tone (all, if there was none): a mailbox's owner does that.
    pub dtmf_before_tone: u32,
    /// A fax machine was heard.
    pub fax: bool,
    /// Packets the caller's side sent.
    pub from_caller: u32,
    /// Packets the PBX's side sent.
    pub from_pbx: u32,
}

/// Who or what answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A recorder, and the caller spoke for at least as long as the site wants of a message.
    VoicemailMessage,
    /// A recorder, and the caller said less.
    VoicemailHangup,
    /// Two who took turns.
    Conversation,
    /// It can't be told, for this reason.
    Unknown(Reason),
}

/// Why it can't be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No packet of this leg was seen after the answer.
    NoAudio,
    /// The codec isn't G.711 or G.722.
    Unreadable,
    /// It is SRTP.
    Encrypted,
    /// Nothing of the caller's side was seen.
    CallerUnseen,
    /// Nothing of the PBX's side was seen.
    PbxUnseen,
    /// Too much was lost to trust a silence.
    Lossy,
    /// A fax machine.
    Fax,
    /// A greeting, or what sounds like one, and no tone.
    NoTone,
    /// A tone after which the PBX's side spoke again.
    SpokeAfterTone,
    /// A tone, and after a pause the PBX's side spoke: a recorder that closes a message, or a person who thought. Or
    /// it made a sound too short to be told from noise.
    SpokeLate,
    /// A tone, and then for long nobody spoke: a recorder, or a caller on hold.
    Waited,
    /// The caller sent digits before the tone as who owns the mailbox does.
    Dialled,
    /// A tone that came more than once: call waiting, a notice of recording, ringing.
    ToneRepeats,
    /// A tone and a silent PBX, but the two sides took turns before.
    TalkedBefore,
    /// Nothing that would tell.
    Undecided,
}

/// From when to when, in milliseconds since the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// The start.
    pub start_ms: u32,
    /// The end.
    pub end_ms: u32,
}

/// What a recorder took, in milliseconds since the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// The end of the tone.
    pub start_ms: u32,
    /// The end of the leg.
    pub end_ms: u32,
    /// How much of it the caller spoke.
    pub speech_ms: u32,
}

impl Heard {
    /// Whether what can't be told looks like a voicemail, so that nobody should call it answered.
    pub fn suggests_voicemail(&self) -> bool {
        match self.verdict {
            Verdict::VoicemailMessage | Verdict::VoicemailHangup => true,
            Verdict::Conversation => false,
            Verdict::Unknown(reason) => match reason {
                Reason::NoTone | Reason::TalkedBefore => true,
                Reason::SpokeLate | Reason::Waited | Reason::Dialled => true,
                Reason::CallerUnseen | Reason::Lossy => self.greeting.is_some(),
                _ => false,
            },
        }
    }
}

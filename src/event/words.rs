//! The words of the contract: enums that are written as one word each.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Declares an enum whose variants are written as words, in JSON and by `word`.
macro_rules! words {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)* }) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        $(#[$meta])*
        pub enum $name { $($(#[$doc])* #[serde(rename = $word)] $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &[$name] = &[$($name::$variant),*];

            /// The word it is written as.
            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }
        }
    };
}

words! {
/// The verdict on a call.
#[allow(missing_docs, reason = "the contract defines each word; the names are the words")]
pub enum Outcome {
    Answered = "answered",
    AnsweredShort = "answered_short",
    VoicemailMessage = "voicemail_message",
    VoicemailHangup = "voicemail_hangup",
    Voicemail = "voicemail",
    Abandoned = "abandoned",
    NoAnswer = "no_answer",
    Busy = "busy",
    Declined = "declined",
    QueueAbandoned = "queue_abandoned",
    IvrAbandoned = "ivr_abandoned",
    ForwardedUnanswered = "forwarded_unanswered",
    OffnetAnswered = "offnet_answered",
    Failed = "failed",
    WrongNumber = "wrong_number",
    Rejected = "rejected",
    Fax = "fax",
    Emergency = "emergency",
    MailboxRetrieval = "mailbox_retrieval",
    AnsweredInferred = "answered_inferred",
    Unknown = "unknown",
    Incomplete = "incomplete",
}
}

words! {
/// Which way a call went, seen from the business.
#[allow(missing_docs, reason = "the names are the words of the contract")]
pub enum Direction {
    Inbound = "inbound",
    Outbound = "outbound",
    Internal = "internal",
    Unknown = "unknown",
}
}

words! {
/// What answered a call.
#[allow(missing_docs, reason = "the names are the words of the contract")]
pub enum AnsweredBy {
    Human = "human",
    Voicemail = "voicemail",
    Ivr = "ivr",
    Queue = "queue",
    Fax = "fax",
    Unknown = "unknown",
}
}

words! {
/// How sure a verdict is.
#[allow(missing_docs, reason = "the names are the words of the contract")]
pub enum Confidence {
    Low = "low",
    Medium = "medium",
    High = "high",
}
}

words! {
/// How one leg ended.
#[allow(missing_docs, reason = "the names are the words of the contract")]
pub enum LegResult {
    Answered = "answered",
    Cancelled = "cancelled",
    Elsewhere = "elsewhere",
    NoAnswer = "no_answer",
    Busy = "busy",
    Declined = "declined",
    Redirected = "redirected",
    Unavailable = "unavailable",
    Failed = "failed",
    WrongNumber = "wrong_number",
    Rejected = "rejected",
    NoResponse = "no_response",
    Incomplete = "incomplete",
}
}

words! {
/// What a leg is for, from the addresses at its ends (trunk, PBX, phone, voicemail).
pub enum Role {
    /// Trunk to PBX.
    TrunkIn = "trunk_in",
    /// PBX to trunk.
    TrunkOut = "trunk_out",
    /// PBX to phone.
    PhoneOut = "phone_out",
    /// Phone to PBX.
    PhoneIn = "phone_in",
    /// To the voicemail's host or pilot.
    Voicemail = "voicemail",
    /// Nothing configured and nothing seen tells.
    Unknown = "unknown",
}
}

words! {
/// What a gate may answer.
#[allow(missing_docs, reason = "the names are the words of the rule language")]
pub enum Answer {
    Allow = "allow",
    Skip = "skip",
    Defer = "defer",
    Review = "review",
}
}

words! {
/// What a person says of a call that no machine may decide about.
pub enum ReviewDecision {
    /// Somebody should call back.
    Missed = "missed",
    /// Somebody spoke with the caller.
    Answered = "answered",
    /// Nothing is to be done.
    Ignore = "ignore",
}
}

words! {
/// Where a message stands.
#[allow(missing_docs, reason = "the names are the words of the contract")]
pub enum MessageState {
    Planned = "planned",
    Claimed = "claimed",
    Submitted = "submitted",
    Accepted = "accepted",
    Sent = "sent",
    Delivered = "delivered",
    Undelivered = "undelivered",
    Failed = "failed",
    Expired = "expired",
    Unknown = "unknown",
    Skipped = "skipped",
    Deferred = "deferred",
    Cancelled = "cancelled",
}
}

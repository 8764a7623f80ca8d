//! A call as its record shows it, and as rules see it.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::words::{AnsweredBy, Confidence, Direction, LegResult, Outcome, Role};
use crate::phone::Party;
use crate::time::{Span, Timestamp};

/// A call's id: the first 48 bits of SHA-256 over Call-ID and From-tag of its first leg, and which call
/// with that key it is (`4f9c2a6b01de`, then `4f9c2a6b01de#2`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallKey {
    /// The 48 bits.
    pub hash: u64,
    /// 1 for the first call with this hash.
    pub nth: u32,
}

/// One reason for a verdict: a frame and the rule it satisfied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// The capture, relative to what was given, or the tap's id.
    pub tap: Arc<str>,
    /// Frame number in it, from 1.
    pub frame: u64,
    /// The rule, as `leg.cancelled`.
    pub rule: Cow<'static, str>,
}

/// One message of a leg's ladder: milliseconds since the call's `at`, frame, method or status, from, to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LadderRow(pub i64, pub u64, pub Cow<'static, str>, pub IpAddr, pub IpAddr);

/// One leg of a closed call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LegRecord {
    /// Call-ID, at most 256 bytes of it, what isn't UTF-8 replaced.
    pub call_id: String,
    /// From-tag, empty if the peer sent none (RFC 2543).
    pub from_tag: String,
    /// What the leg is for.
    pub role: Role,
    /// How it ended.
    pub result: LegResult,
    /// Its final status, if one was seen.
    pub status: Option<u16>,
    /// The rule that joined it to the call; `first` for the first.
    pub joined_by: Cow<'static, str>,
    /// Its messages without retransmissions, at most 64.
    pub ladder: Vec<LadderRow>,
}

/// A message left on voicemail, in milliseconds from the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VoicemailMessage {
    /// Where it starts.
    pub start_ms: i64,
    /// Where it ends.
    pub end_ms: i64,
    /// How much of it is speech.
    pub speech_ms: i64,
}

/// A closed call: one line of `calls.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CallRecord {
    /// Its id.
    pub call: CallKey,
    /// When the first INVITE was seen.
    pub at: Timestamp,
    /// When the message or timer that decided came; none if the call was answered and its end not seen.
    pub ended: Option<Timestamp>,
    /// Who called; none if withheld or unreadable.
    pub caller: Option<Party>,
    /// The URI the caller's identity was read from; none if withheld.
    pub caller_raw: Option<String>,
    /// The display name the caller sent.
    pub caller_name: Option<String>,
    /// The caller asked not to be shown (RFC 3323, 3325).
    pub withheld: bool,
    /// The number the caller wanted.
    pub called: Option<Party>,
    /// The URI it was read from.
    pub called_raw: Option<String>,
    /// The configured line it belongs to.
    pub line: Option<String>,
    /// Which way it went.
    pub direction: Direction,
    /// The verdict.
    pub outcome: Outcome,
    /// Whether someone should follow up.
    pub missed: bool,
    /// What answered.
    pub answered_by: Option<AnsweredBy>,
    /// How sure the verdict is.
    pub confidence: Confidence,
    /// More than one call fitted a leg, and none was guessed.
    pub ambiguous: bool,
    /// The tap dropped packets during the call.
    pub lossy: bool,
    /// Ringing, in milliseconds, to the answer or the end.
    pub rang_ms: i64,
    /// From the answer to the end, in milliseconds.
    pub talked_ms: i64,
    /// The final status the caller got.
    pub final_status: Option<u16>,
    /// The Q.850 cause the caller's leg ended with (RFC 6432).
    pub cause: Option<u16>,
    /// What was left on voicemail.
    pub message: Option<VoicemailMessage>,
    /// What was recorded of it.
    pub recording: Option<Recording>,
    /// Its legs, the caller's first.
    pub legs: Vec<LegRecord>,
    /// Why the verdict is what it is.
    pub evidence: Vec<Evidence>,
}

/// A voicemail on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Recording {
    /// Its path below the output folder.
    pub file: String,
    /// Length in milliseconds.
    pub duration_ms: i64,
    /// Speech in it, in milliseconds.
    pub speech_ms: i64,
    /// The codec it came in.
    pub codec: String,
    /// Packets lost.
    pub lost: u64,
    /// How loud the caller's side was at most, 0 to 255, in up to 100 equal stretches: a waveform to show.
    #[serde(default)]
    pub peaks: Vec<u8>,
}

impl Recording {
    /// Where the message of a call is, below the output folder.
    pub fn file(call: CallKey) -> String {
        format!("voicemail/{call}.wav")
    }
}

/// All that rules ever see of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallSeen {
    /// Its id.
    pub call: CallKey,
    /// How far it got.
    pub phase: CallPhase,
    /// When this phase was reached.
    pub at: Timestamp,
    /// When the call began: the time the calendar is asked about.
    pub began: Timestamp,
    /// Who called; none if withheld or unreadable.
    pub caller: Option<Party>,
    /// The display name the caller sent.
    pub caller_name: Option<String>,
    /// The caller asked not to be shown.
    pub withheld: bool,
    /// The number the caller wanted.
    pub called: Option<Party>,
    /// The user part as sent, for lines configured by it.
    pub called_user: Option<Box<str>>,
    /// Which way it went.
    pub direction: Direction,
}

/// How far a call got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallPhase {
    /// The first INVITE was seen, or one that tells more of where it goes.
    Started,
    /// Somebody or something answered.
    Answered,
    /// It turned out to be part of another call, and is none of its own.
    Joined,
    /// It is over and judged.
    Ended(Verdict),
}

/// What rules need of a verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The verdict.
    pub outcome: Outcome,
    /// Whether someone should follow up.
    pub missed: bool,
    /// How sure it is.
    pub confidence: Confidence,
    /// More than one call fitted a leg.
    pub ambiguous: bool,
    /// The tap dropped packets during it.
    pub lossy: bool,
    /// How long it rang.
    pub rang_for: Span,
    /// How long it was up.
    pub talked_for: Span,
    /// What was left on voicemail.
    pub message: Option<VoicemailMessage>,
}

impl fmt::Display for CallKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012x}", self.hash)?;
        if self.nth > 1 { write!(f, "#{}", self.nth) } else { Ok(()) }
    }
}

impl std::str::FromStr for CallKey {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<CallKey, Self::Err> {
        let (hash, nth) = text.split_once('#').unwrap_or((text, "1"));
        let plausible = hash.len() == 12 && hash.bytes().all(|b| b.is_ascii_hexdigit());
        let parsed = u64::from_str_radix(hash, 16).ok().zip(nth.parse().ok());
        match parsed {
            Some((hash, nth)) if plausible => Ok(CallKey { hash, nth }),
            _ => Err("a call id is twelve hexadecimal digits, as 4f9c2a6b01de"),
        }
    }
}

impl CallSeen {
    /// What rules see of a call when it ended, as far as its record tells.
    pub fn of(record: &CallRecord) -> CallSeen {
        CallSeen {
            call: record.call,
            phase: CallPhase::Ended(Verdict::of(record)),
            at: record.ended.unwrap_or(record.at),
            began: record.at,
            caller: record.caller.clone(),
            caller_name: record.caller_name.clone(),
            withheld: record.withheld,
            called: record.called.clone(),
            called_user: record.called.as_ref().map(|called| called.shown().into()),
            direction: record.direction,
        }
    }
}

impl Verdict {
    /// What rules need of a record.
    pub fn of(record: &CallRecord) -> Verdict {
        Verdict {
            outcome: record.outcome,
            missed: record.missed,
            confidence: record.confidence,
            ambiguous: record.ambiguous,
            lossy: record.lossy,
            rang_for: Span::from_millis(record.rang_ms),
            talked_for: Span::from_millis(record.talked_ms),
            message: record.message,
        }
    }
}

impl Serialize for CallKey {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CallKey {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<CallKey, D::Error> {
        let text = Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for CallKey {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("CallKey")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9a-f]{12}(#[0-9]+)?$" })
    }
}

//! The facts that layers share: what was seen of a call, what was decided, and what was sent.
//!
//! These are also the shapes of `calls.jsonl`, `journal.jsonl`, `messages.jsonl` and `tasks.jsonl`; field
//! order here is key order there. Adding a field is fine, renaming or dropping one breaks scripts.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::ser::SerializeTupleStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::phone::{Number, Party};
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

/// The verdict on a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the contract defines each word; the names are the words")]
pub enum Outcome {
    Answered,
    AnsweredShort,
    VoicemailMessage,
    VoicemailHangup,
    Voicemail,
    Abandoned,
    NoAnswer,
    Busy,
    Declined,
    QueueAbandoned,
    IvrAbandoned,
    ForwardedUnanswered,
    OffnetAnswered,
    Failed,
    WrongNumber,
    Rejected,
    Fax,
    Emergency,
    MailboxRetrieval,
    AnsweredInferred,
    Unknown,
    Incomplete,
}

/// Which way a call went, seen from the business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are the words of the contract")]
pub enum Direction {
    Inbound,
    Outbound,
    Internal,
    Unknown,
}

/// What answered a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are the words of the contract")]
pub enum AnsweredBy {
    Human,
    Voicemail,
    Ivr,
    Queue,
    Fax,
    Unknown,
}

/// How sure a verdict is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are the words of the contract")]
pub enum Confidence {
    Low,
    Medium,
    High,
}

/// How one leg ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are the words of the contract")]
pub enum LegResult {
    Answered,
    Cancelled,
    Elsewhere,
    NoAnswer,
    Busy,
    Declined,
    Redirected,
    Unavailable,
    Failed,
    WrongNumber,
    Rejected,
    NoResponse,
    Incomplete,
}

/// What a leg is for, from the addresses at its ends (trunk, PBX, phone, voicemail).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Trunk to PBX.
    TrunkIn,
    /// PBX to trunk.
    TrunkOut,
    /// PBX to phone.
    PhoneOut,
    /// Phone to PBX.
    PhoneIn,
    /// To the voicemail's host or pilot.
    Voicemail,
    /// Nothing configured and nothing seen tells.
    Unknown,
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
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
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
    /// The first INVITE was seen.
    Started,
    /// Somebody or something answered.
    Answered,
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

/// One gate's answer on the way to a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GateAnswer {
    /// The gate, in the fixed order: `line`, `consent`, `textable` …
    pub gate: Cow<'static, str>,
    /// `allow`, `skip`, `defer` or `review`.
    pub answer: Answer,
    /// The why code, or what the gate found.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub why: Option<Cow<'static, str>>,
}

/// What a gate may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are the words of the rule language")]
pub enum Answer {
    Allow,
    Skip,
    Defer,
    Review,
}

/// What was decided about a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Decision {
    /// The case it belongs to.
    pub case: String,
    /// The call.
    pub call: CallKey,
    /// The caller's class; none where nothing is planned.
    pub class: Option<Cow<'static, str>>,
    /// The line called.
    pub line: Option<String>,
    /// The state of its calendar when the call began.
    pub state: Option<Cow<'static, str>>,
    /// The sequence chosen.
    pub sequence: Option<String>,
    /// Why nothing is planned, as a why code.
    pub reason: Option<Cow<'static, str>>,
    /// Each gate's answer, in order.
    pub trail: Vec<GateAnswer>,
}

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are the words of the contract")]
pub enum MessageState {
    Planned,
    Claimed,
    Submitted,
    Accepted,
    Sent,
    Delivered,
    Undelivered,
    Failed,
    Expired,
    Unknown,
    Skipped,
    Deferred,
    Cancelled,
}

/// A text or mail to somebody: one line of `messages.jsonl` in its last state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Message {
    /// `call/sequence/step`.
    pub key: String,
    /// Its case.
    pub case: String,
    /// When it is to leave.
    pub due: Timestamp,
    /// When it left.
    pub sent: Option<Timestamp>,
    /// `sms` or `email`.
    pub channel: Cow<'static, str>,
    /// To whom.
    pub to: Number,
    /// From which number; none if no sender is configured.
    pub from: Option<Number>,
    /// The template.
    pub template: String,
    /// Which variant of it; none if it has none.
    pub variant: Option<String>,
    /// The text itself.
    pub body: String,
    /// `GSM-7` or `UCS-2`.
    pub encoding: Cow<'static, str>,
    /// Segments it takes.
    pub segments: u32,
    /// The consent it rests on.
    pub consent: Cow<'static, str>,
    /// Where it stands.
    pub state: MessageState,
    /// Why it was skipped, deferred or cancelled.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub why: Option<Cow<'static, str>>,
    /// How often it was handed to the gateway.
    pub attempts: u32,
    /// The gateway.
    pub gateway: Option<String>,
    /// The gateway's own id for it.
    pub gateway_ref: Option<String>,
    /// The gates asked when it was due, in order.
    pub trail: Vec<GateAnswer>,
}

/// What a gateway says about a message it was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The message's key.
    pub key: String,
    /// Where it stands now.
    pub state: MessageState,
    /// The gateway's own id for it, if it gave one.
    pub gateway_ref: Option<String>,
}

/// Something a person must do: one line of `tasks.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Task {
    /// `call/sequence/step`, or `call/<why>` where no step asked for it.
    pub key: String,
    /// Its case.
    pub case: String,
    /// When it was made.
    pub at: Timestamp,
    /// Who should do it; none if nobody is configured.
    pub owner: Option<String>,
    /// When it should be done by.
    pub due: Option<Timestamp>,
    /// What to do.
    pub title: String,
    /// Why it exists where no step asked for it: a why code.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub why: Option<Cow<'static, str>>,
}

/// Something no machine may decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Review {
    /// Its case.
    pub case: String,
    /// The call that raised it.
    pub call: CallKey,
    /// `withheld`, `uncertain_call` …
    pub reason: Cow<'static, str>,
}

/// A case as it opens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseOpened {
    /// Its id: that of the missed call that opened it.
    pub case: String,
    /// The caller; none if withheld.
    pub caller: Option<Party>,
}

/// A case as it ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseClosed {
    /// Its id.
    pub case: String,
    /// `quiet`, or the exit event that resolved it.
    pub why: Cow<'static, str>,
}

/// What happened, for the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
#[allow(missing_docs, reason = "each carries the fact it is named for")]
pub enum Event {
    Call(Box<CallRecord>),
    CaseOpened(CaseOpened),
    CaseClosed(CaseClosed),
    Decision(Decision),
    Message(Box<Message>),
    Task(Task),
    Review(Review),
}

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JournalEntry {
    /// Its place, from 1.
    pub n: u64,
    /// Engine time when it was written.
    pub at: Timestamp,
    /// What happened: `event` names it, `data` is the fact.
    #[serde(flatten)]
    pub event: Event,
}

impl Message {
    /// Whether it waits to be handed to its gateway.
    pub fn is_to_be_submitted(&self) -> bool {
        self.state == MessageState::Submitted
    }
}

impl Serialize for LadderRow {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let LadderRow(ms, frame, label, src, dst) = self;
        let mut row = s.serialize_tuple_struct("LadderRow", 5)?;
        row.serialize_field(ms)?;
        row.serialize_field(frame)?;
        row.serialize_field(label.as_ref())?;
        row.serialize_field(&Shown(*src))?;
        row.serialize_field(&Shown(*dst))?;
        row.end()
    }
}

/// An address as text; most of what a record says are addresses, so those of IPv4 are written digit by digit.
struct Shown(IpAddr);

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            IpAddr::V4(addr) => {
                let (text, len) = dotted(addr);
                s.serialize_str(std::str::from_utf8(&text[..len]).unwrap_or_default())
            }
            IpAddr::V6(addr) => addr.serialize(s),
        }
    }
}

/// An IPv4 address as text, and how long that is.
fn dotted(addr: Ipv4Addr) -> ([u8; 15], usize) {
    let mut text = [b'.'; 15];
    let mut len = 0;
    for (n, octet) in addr.octets().into_iter().enumerate() {
        len += usize::from(n > 0);
        for (least, unit) in [(100, 100), (10, 10), (0, 1)] {
            if octet >= least {
                text[len] = b'0' + octet / unit % 10;
                len += 1;
            }
        }
    }
    (text, len)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ladder_row_shows_addresses_as_the_standard_library_does() {
        for text in ["0.0.0.0", "10.0.0.7", "9.99.100.109", "255.249.200.1", "2001:db8::7", "::ffff:1.2.3.4"]
        {
            let addr: IpAddr = text.parse().expect("an address");
            let row = LadderRow(5, 7, "INVITE".into(), addr, addr);
            let json = serde_json::to_string(&row).expect("a row");
            assert_eq!(json, format!("[5,7,\"INVITE\",\"{addr}\",\"{addr}\"]"));
            assert_eq!(serde_json::from_str::<LadderRow>(&json).ok(), Some(row));
        }
    }
}

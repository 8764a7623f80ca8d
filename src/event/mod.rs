//! The facts that layers share: what was seen of a call, what was decided, and what was sent.
//!
//! These are also the shapes of `calls.jsonl`, `journal.jsonl`, `messages.jsonl` and `tasks.jsonl`; field
//! order here is key order there. Adding a field is fine, renaming or dropping one breaks scripts.

mod call;
mod gap;
pub mod heard;
pub mod json;
mod kept;
mod outreach;
mod wave;
mod words;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

pub use call::{
    CallKey, CallPhase, CallRecord, CallSeen, Evidence, LadderRow, LegRecord, Recording, Verdict,
    VoicemailMessage,
};
pub use gap::ClockGap;
pub use kept::{KeptCase, OpenCall, OptOuts, State};
pub use outreach::{
    CaseClosed, CaseOpened, Decision, GateAnswer, Message, Operator, Receipt, Reply, Review, ReviewDecided,
    Task, TaskDone,
};
pub use wave::{Passed, Piece, Sounded};
pub use words::{
    Answer, AnsweredBy, Confidence, Direction, LegResult, MessageState, Outcome, ReviewDecision, Role,
};

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
    TaskDone(TaskDone),
    ClockGap(ClockGap),
    Reply(Reply),
    ReviewDecided(ReviewDecided),
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

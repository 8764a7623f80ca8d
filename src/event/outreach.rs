//! What was decided, sent and left to people.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::CallKey;
use super::words::{Answer, MessageState, ReviewDecision};
use crate::phone::{Number, Party};
use crate::time::{Span, Timestamp};

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
    /// To whom: a number, or digits as sent, which are never texted.
    pub to: Party,
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

/// What somebody answered to a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reply {
    /// What tells it from others.
    pub id: String,
    /// The gateway it came by.
    pub gateway: String,
    /// Who answered.
    pub from: Party,
    /// To which number of the business, if that is known.
    pub to: Option<Party>,
    /// What was written.
    pub body: String,
    /// It says that no more texts are wanted.
    pub opts_out: bool,
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

/// A person's word that a task is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskDone {
    /// The task's key.
    pub key: String,
    /// Its case.
    pub case: String,
}

/// A person's word on a call that no machine may decide about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReviewDecided {
    /// The case of the review.
    pub case: String,
    /// The call.
    pub call: CallKey,
    /// What it is.
    pub decision: ReviewDecision,
}

/// What people change in a running engine. What must outlive it is the store's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// No texts to this party.
    OptOut(Party),
    /// This party wants texts again.
    OptIn(Party),
    /// Who this is, is to be forgotten; the store forgets it after what this brings.
    Erase(Party),
    /// A task is done.
    TaskDone(TaskDone),
    /// A text that waits is not to leave: its key.
    Cancel(String),
    /// A text is to be sent again, as this one.
    Resend(Box<Message>),
    /// What a call is that no machine may decide about, and what is to be done about it.
    Decide(ReviewDecided, Option<Task>),
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

impl Message {
    /// Dates it as if the clock had been put forward by so much before.
    pub fn redate(&mut self, by: Span) {
        self.due = self.due + by;
        self.sent = self.sent.map(|at| at + by);
    }

    /// Of a key of a text that was sent again, `resend/<key>/<n>`: the first text's, and the how manieth time it was.
    pub fn again_of(key: &str) -> Option<(&str, u64)> {
        let (first, n) = key.strip_prefix("resend/")?.rsplit_once('/')?;
        Some((first, n.parse().ok()?))
    }

    /// Whether it waits to be handed to its gateway, or was and nobody knows what became of it.
    pub fn is_to_be_submitted(&self) -> bool {
        matches!(self.state, MessageState::Claimed | MessageState::Submitted)
    }

    /// Whether it is to be handed to its gateway now. One that was claimed before the clock was in doubt has a why: its
    /// gateway is only asked whether it has it.
    pub fn leaves(&self) -> bool {
        self.is_to_be_submitted() && self.why.is_none()
    }
}

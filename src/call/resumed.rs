//! Calls that were open when an earlier run ended: known by their keys alone, and judged by what is seen of their end.
//!
//! | seen | outcome |
//! |---|---|
//! | the trunk is told a final status, or hangs up, and nothing was answered | that of the status, confidence medium |
//! | anything was answered | `unknown`: who answered was not kept |
//! | nothing within the time a call may ring, or half an hour of talk | `unknown` |

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::call::hash::{Key, KeyMap, Keyer};
use crate::call::open::evidence;
use crate::call::progress::{Heard, leg_key};
use crate::call::role::{self, Party};
use crate::call::transaction::{ends_by_cancel, result_of_status};
use crate::event::{
    AnsweredBy, CallKey, CallPhase, CallRecord, CallSeen, Confidence, LegRecord, LegResult, OpenCall,
    Outcome, Role,
};
use crate::settings::Roles;
use crate::time::{Span, Timestamp};
use crate::wire::packet::FrameRef;
use crate::wire::sip::Method;

/// Calls of an earlier run.
#[derive(Debug, Default)]
pub struct Resumed {
    calls: BTreeMap<CallKey, Left>,
    legs: KeyMap<CallKey>,
    due: BTreeSet<(Timestamp, CallKey)>,
}

/// A call of an earlier run.
#[derive(Debug)]
struct Left {
    keys: Vec<Key>,
    /// Its first leg.
    first: OpenCall,
    /// A leg of it was answered.
    answered: bool,
    /// Its caller hung up before that.
    cancelled: Option<(Timestamp, FrameRef)>,
    due: Timestamp,
}

/// The end of such a call.
#[derive(Debug)]
pub struct End {
    first: OpenCall,
    at: Timestamp,
    result: LegResult,
    outcome: Outcome,
    status: Option<u16>,
    frame: Option<FrameRef>,
    answered: bool,
}

impl Resumed {
    /// Takes in the legs that were kept; tells which calls are up again, as rules see them.
    pub fn take_in(&mut self, rows: Vec<OpenCall>, keyer: &Keyer, now: Timestamp) -> Vec<CallSeen> {
        for row in rows {
            let key = leg_key(keyer, row.call_id.as_bytes(), row.from_tag.as_bytes());
            self.legs.insert(key, row.call);
            let left = self.calls.entry(row.call).or_insert_with(|| Left {
                keys: Vec::new(),
                first: row.clone(),
                answered: false,
                cancelled: None,
                due: now,
            });
            left.keys.push(key);
            left.answered |= row.answered.is_some();
            if row.at < left.first.at {
                left.first = row;
            }
        }
        for (call, left) in &mut self.calls {
            left.due = now + if left.answered { TALKS } else { RINGS };
            self.due.insert((left.due, *call));
        }
        self.calls.values().map(|left| seen_in(&left.first, CallPhase::Started)).collect()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Whether a leg is of one of them.
    pub fn has(&self, leg: Key) -> bool {
        self.legs.contains_key(&leg)
    }

    /// When `expired` has something to tell.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.due.first().map(|(due, _)| *due)
    }

    /// A call of which nothing decided was seen in time.
    pub fn expired(&mut self, now: Timestamp) -> Option<End> {
        let (at, call) = self.due.first().copied().filter(|(due, _)| *due <= now)?;
        let left = self.forget(call)?;
        let end = match left.cancelled.filter(|_| !left.answered) {
            Some((at, frame)) => left.ended(at, LegResult::Cancelled, None, Some(frame)),
            None => left.ended(at, LegResult::Incomplete, None, None),
        };
        Some(end)
    }

    /// Hears a message of a leg; tells of the call's end if this is it.
    pub fn hear(&mut self, leg: Key, heard: &Heard<'_>, roles: &Roles) -> Option<End> {
        let call = self.legs.get(&leg).copied()?;
        let left = self.calls.get_mut(&call)?;
        let (at, frame) = (heard.datagram.at, heard.datagram.frame);
        let is = |end: std::net::SocketAddr| role::party(roles, end.ip()) == Party::Trunk;
        match (heard.message.status(), heard.message.method()) {
            (Some(200..=299), Method::Invite) => {
                left.answered = true;
                self.set_due(call, at + TALKS);
                None
            }
            (Some(status @ 400..), Method::Invite)
                if is(heard.datagram.dst) && !RETRIED.contains(&status) =>
            {
                let left = self.forget(call)?;
                let cancelled = left.cancelled.is_some() && ends_by_cancel(status);
                let result = match status {
                    487 => LegResult::Cancelled,
                    _ if cancelled => LegResult::Cancelled,
                    _ => result_of_status(status, None),
                };
                Some(left.ended(at, result, Some(status), Some(frame)))
            }
            (None, Method::Cancel) if is(heard.datagram.src) => {
                left.cancelled.get_or_insert((at, frame));
                self.set_due(call, at + FINAL_OVERDUE);
                None
            }
            (None, Method::Bye) => {
                let mut left = self.forget(call)?;
                left.answered = true;
                Some(left.ended(at, LegResult::Answered, Some(200), Some(frame)))
            }
            _ => None,
        }
    }

    fn set_due(&mut self, call: CallKey, due: Timestamp) {
        if let Some(left) = self.calls.get_mut(&call) {
            self.due.remove(&(left.due, call));
            left.due = due;
            self.due.insert((due, call));
        }
    }

    fn forget(&mut self, call: CallKey) -> Option<Left> {
        let left = self.calls.remove(&call)?;
        self.due.remove(&(left.due, call));
        for key in &left.keys {
            self.legs.remove(key);
        }
        Some(left)
    }
}

impl Left {
    fn ended(self, at: Timestamp, result: LegResult, status: Option<u16>, frame: Option<FrameRef>) -> End {
        let outcome = if self.answered { Outcome::Unknown } else { outcome(result) };
        End { at, result, outcome, status, frame, answered: self.answered, first: self.first }
    }
}

impl End {
    /// The record of the call; `missed` is left to be judged.
    pub fn record(self, taps: &[Arc<str>]) -> CallRecord {
        let End { first, at, result, outcome, status, frame, answered } = self;
        let sure = outcome != Outcome::Unknown;
        let leg = LegRecord {
            call_id: first.call_id,
            from_tag: first.from_tag,
            role: Role::Unknown,
            result,
            status,
            joined_by: "first".into(),
            ladder: Vec::new(),
        };
        CallRecord {
            call: first.call,
            at: first.at,
            ended: Some(at),
            caller: first.caller,
            caller_raw: None,
            caller_name: None,
            withheld: false,
            called: first.called,
            called_raw: None,
            line: None,
            direction: first.direction,
            outcome,
            missed: false,
            answered_by: answered.then_some(AnsweredBy::Unknown),
            confidence: if sure { Confidence::Medium } else { Confidence::Low },
            ambiguous: false,
            lossy: false,
            rang_ms: 0,
            talked_ms: 0,
            final_status: status,
            cause: None,
            message: None,
            recording: None,
            legs: vec![leg],
            evidence: frame.into_iter().map(|frame| evidence(frame, RESTARTED, taps)).collect(),
        }
    }
}

fn seen_in(row: &OpenCall, phase: CallPhase) -> CallSeen {
    CallSeen {
        call: row.call,
        phase,
        at: row.at,
        began: row.at,
        caller: row.caller.clone(),
        caller_name: None,
        withheld: false,
        called: row.called.clone(),
        called_user: row.called.as_ref().map(|called| called.shown().into()),
        direction: row.direction,
    }
}

fn outcome(result: LegResult) -> Outcome {
    match result {
        LegResult::Cancelled => Outcome::Abandoned,
        LegResult::NoAnswer | LegResult::Unavailable => Outcome::NoAnswer,
        LegResult::Busy => Outcome::Busy,
        LegResult::Declined => Outcome::Declined,
        LegResult::Failed | LegResult::NoResponse => Outcome::Failed,
        LegResult::WrongNumber => Outcome::WrongNumber,
        LegResult::Rejected => Outcome::Rejected,
        LegResult::Answered | LegResult::Elsewhere | LegResult::Redirected | LegResult::Incomplete => {
            Outcome::Unknown
        }
    }
}

/// The rule of evidence of all of them.
const RESTARTED: &str = "call.restarted";
/// Statuses after which the caller's side tries again.
const RETRIED: [u16; 2] = [401, 407];
/// A call that rang when the earlier run ended rings no longer than this.
const RINGS: Span = Span::from_secs(210);
/// The end of a call that was up is waited for this long; meanwhile its caller gets no text.
const TALKS: Span = Span::from_secs(1_800);
/// A CANCEL without a final response counts after this.
const FINAL_OVERDUE: Span = Span::from_secs(4);

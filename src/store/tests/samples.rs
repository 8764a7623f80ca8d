//! Batches as an engine makes them, and stores to put them into.

use std::path::PathBuf;

use tempfile::TempDir;

use crate::event::{
    AnsweredBy, CallKey, CallRecord, CaseClosed, CaseOpened, Confidence, Decision, Direction, Event,
    JournalEntry, LegRecord, LegResult, Message, MessageState, OpenCall, Outcome, Review, Role, Task,
};
use crate::phone::{Number, Party};
use crate::store::{Batch, Opened, Place, Sqlite};
use crate::time::{Span, Timestamp};

/// A folder for a store, gone when dropped.
pub(in crate::store) struct Room {
    folder: TempDir,
}

impl Room {
    pub(in crate::store) fn new() -> Room {
        Room { folder: tempfile::tempdir().expect("a folder") }
    }

    pub(in crate::store) fn place(&self) -> Place {
        Place::new(self.folder.path().join("state").join("ringback.db"))
    }

    pub(in crate::store) fn path(&self) -> PathBuf {
        self.place().path
    }

    pub(in crate::store) fn open(&self) -> Opened {
        Sqlite::open(&self.place()).expect("a store that opens")
    }

    pub(in crate::store) fn sound(&self) -> Sqlite {
        match self.open() {
            Opened::Sound(store) => store,
            Opened::Damaged(_, damage) => panic!("{damage}"),
        }
    }
}

/// A moment `s` seconds after the first.
pub(in crate::store) fn at(s: i64) -> Timestamp {
    Timestamp::from_parts(1_795_198_624, 0) + Span::from_secs(s)
}

/// The `k`th caller.
pub(in crate::store) fn caller(k: u64) -> Party {
    Party::Number(Number::parse(&format!("+1312555{:04}", k % 10_000)).expect("a number"))
}

/// The `k`th call.
pub(in crate::store) fn key(k: u64) -> CallKey {
    CallKey { hash: k, nth: 1 }
}

fn office() -> Party {
    Party::Number(Number::parse("+12175550111").expect("a number"))
}

/// The record of the `k`th call.
pub(in crate::store) fn call(k: u64, s: i64, missed: bool) -> CallRecord {
    let digits = caller(k).shown();
    let leg = LegRecord {
        call_id: format!("{k}-{}@10.0.0.5", digits.trim_start_matches("+1")),
        from_tag: format!("tag{k}"),
        role: Role::TrunkIn,
        result: if missed { LegResult::Cancelled } else { LegResult::Answered },
        status: Some(if missed { 487 } else { 200 }),
        joined_by: "first".into(),
        ladder: Vec::new(),
    };
    CallRecord {
        call: key(k),
        at: at(s - 12),
        ended: Some(at(s)),
        caller: Some(caller(k)),
        caller_raw: Some(format!("sip:{digits}@10.0.0.5")),
        caller_name: Some(format!("Smith {k}")),
        withheld: false,
        called: Some(office()),
        called_raw: Some("sip:2175550111@10.0.0.9".to_owned()),
        line: Some("sales".to_owned()),
        direction: Direction::Inbound,
        outcome: if missed { Outcome::Abandoned } else { Outcome::Answered },
        missed,
        answered_by: (!missed).then_some(AnsweredBy::Human),
        confidence: Confidence::High,
        ambiguous: false,
        lossy: false,
        rang_ms: 12_000,
        talked_ms: 0,
        final_status: Some(487),
        cause: None,
        message: None,
        recording: None,
        legs: vec![leg],
        evidence: Vec::new(),
    }
}

/// The text of the `k`th call's case.
pub(in crate::store) fn message(k: u64, s: i64, state: MessageState) -> Message {
    Message {
        key: format!("{}/lead/ack", key(k)),
        case: key(k).to_string(),
        due: at(s + 30),
        sent: (state != MessageState::Planned).then(|| at(s + 30)),
        channel: "sms".into(),
        to: caller(k),
        from: office().number(),
        template: "ack-lead".to_owned(),
        variant: None,
        body: format!("Hi Smith {k}, we missed your call. Call {} back?", office().shown()),
        encoding: "GSM-7".into(),
        segments: 1,
        consent: "response".into(),
        state,
        why: None,
        attempts: 1,
        gateway: Some("main".to_owned()),
        gateway_ref: None,
        trail: Vec::new(),
    }
}

/// What a missed call leads to: the call, its case, a decision, a text in `state`, a task.
pub(in crate::store) fn missed(n: u64, k: u64, s: i64, state: MessageState) -> Vec<JournalEntry> {
    let case = key(k).to_string();
    let national = caller(k).number().expect("a number").national();
    let decision = Decision {
        case: case.clone(),
        call: key(k),
        class: Some("unknown".into()),
        line: Some("sales".to_owned()),
        state: Some("open".into()),
        sequence: Some("lead".to_owned()),
        reason: None,
        trail: Vec::new(),
    };
    let task = Task {
        key: format!("{case}/lead/call"),
        case: case.clone(),
        at: at(s),
        owner: Some("kim".to_owned()),
        due: None,
        title: format!("Call Smith back at {national}"),
        why: None,
    };
    let events = [
        Event::Call(Box::new(call(k, s, true))),
        Event::CaseOpened(CaseOpened { case: case.clone(), caller: Some(caller(k)) }),
        Event::Decision(decision),
        Event::Message(Box::new(message(k, s, state))),
        Event::Task(task),
        Event::Review(Review { case, call: key(k), reason: "uncertain_call".into() }),
    ];
    entries(n, s, events)
}

/// The end of the `k`th call's case.
pub(in crate::store) fn closed(n: u64, k: u64, s: i64) -> Vec<JournalEntry> {
    entries(n, s, [Event::CaseClosed(CaseClosed { case: key(k).to_string(), why: "quiet".into() })])
}

/// Events as entries from number `n` on.
pub(in crate::store) fn entries(
    n: u64,
    s: i64,
    events: impl IntoIterator<Item = Event>,
) -> Vec<JournalEntry> {
    (n..).zip(events).map(|(n, event)| JournalEntry { n, at: at(s), event }).collect()
}

/// A batch of entries.
pub(in crate::store) fn batch(entries: Vec<JournalEntry>) -> Batch {
    Batch { entries, ..Batch::default() }
}

/// A leg of the `k`th call as it stands while it rings.
pub(in crate::store) fn ringing(k: u64, s: i64) -> OpenCall {
    OpenCall {
        call: key(k),
        call_id: format!("{k}@10.0.0.5"),
        from_tag: format!("tag{k}"),
        caller: Some(caller(k)),
        called: Some(office()),
        direction: Direction::Inbound,
        at: at(s),
        answered: None,
    }
}

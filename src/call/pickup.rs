//! Pickup by code: a colleague dials the PBX, which answers both them and the caller, and stops the phone
//! that rang. Nothing but time joins the two.

use std::collections::VecDeque;

use smallvec::SmallVec;

use crate::call::leg::Leg;
use crate::call::open::OpenCall;
use crate::call::outcome::CAUSALITY;
use crate::call::transaction::{Hop, Seen};
use crate::event::Role;
use crate::limits;
use crate::time::{Span, Timestamp};

/// Somebody within the business who took the call from another phone.
#[derive(Clone, Copy, Debug)]
pub struct Pickup {
    /// The answer the PBX gave them.
    pub seen: Seen,
    /// Nobody else fits.
    pub sure: bool,
}

/// The PBX's answers to phones that dialled nothing it passed on, those of the last moment.
#[derive(Debug, Default)]
pub struct Pickups {
    recent: VecDeque<Code>,
    /// Calls that the PBX answered a moment ago, by place and serial number.
    answered: VecDeque<(u32, u64, Timestamp)>,
}

/// An answer to who may have dialled a code.
#[derive(Clone, Copy, Debug)]
struct Code {
    seen: Seen,
    /// When they dialled.
    dialled: Timestamp,
    /// The call that it was first taken for a pickup of, by place and serial number.
    taken: Option<(u32, u64)>,
}

impl Pickups {
    /// Notes a call that has just been answered. Tells which calls it may be a pickup of, by place and serial number, if those
    /// were seen to be answered before it.
    pub fn note(&mut self, call: u32, open: &OpenCall) -> SmallVec<[(u32, u64); 2]> {
        let answered = |leg| Some((leg, Leg::caller_hop(leg)?.opened.at, leg.caller_hop()?.answered?));
        let Some((leg, dialled, seen)) = open.legs.first().and_then(answered) else {
            return SmallVec::new();
        };
        if leg.role() != Role::PhoneIn && !calls_a_code(open) {
            keep(&mut self.answered, (call, open.serial, seen.at));
            return SmallVec::new();
        }
        if open.legs.len() > 1 || leg.caller_hop().is_some_and(|hop| hop.voicemail.is_some()) {
            return SmallVec::new();
        }
        keep(&mut self.recent, Code { seen, dialled, taken: None });
        let before = self.answered.iter().filter(|(.., at)| near(*at, seen.at));
        before.map(|(call, serial, _)| (*call, *serial)).collect()
    }

    /// Who picked up a call that the PBX answered a moment ago while it stopped a phone it rang; and the call that they were
    /// thought to have picked up before, which isn't sure any more.
    pub fn of(&mut self, call: u32, open: &OpenCall, now: Timestamp) -> Option<(Pickup, Option<(u32, u64)>)> {
        while self.recent.front().is_some_and(|code| now.since(code.seen.at) > CAUSALITY + CAUSALITY) {
            self.recent.pop_front();
        }
        if self.recent.is_empty() {
            return None;
        }
        let first = open.legs.first().filter(|leg| leg.role() != Role::PhoneIn && !calls_a_code(open))?;
        let recent = |seen: &Seen| now.since(seen.at) <= CAUSALITY + LATE;
        let at = first.caller_hop()?.answered.filter(recent)?.at;
        let phones = || open.legs.iter().skip(1).flat_map(|leg: &Leg| &leg.hops);
        let stopped = |hop: &Hop| {
            let end = hop.cancelled.filter(|_| matches!(hop.role, Role::PhoneOut | Role::Unknown));
            end.is_some_and(|end| near(end.at, at))
        };
        if phones().any(|hop| hop.answered.is_some()) || !phones().any(stopped) {
            return None;
        }
        // Who dialled after the answer wasn't the reason for it, however close.
        let fits = |code: &&mut Code| near(code.seen.at, at) && code.dialled <= at + DISORDER;
        let mut fitting = self.recent.iter_mut().filter(fits);
        let code = fitting.next()?;
        let sure = code.taken.is_none() && code.dialled <= at && fitting.next().is_none();
        let rival = code.taken.replace((call, open.serial));
        Some((Pickup { seen: code.seen, sure }, rival))
    }
}

/// Whether a number that is none was dialled, as codes are: where no role tells a phone.
fn calls_a_code(open: &OpenCall) -> bool {
    let is_unknown = open.legs.first().is_some_and(|leg| leg.role() == Role::Unknown);
    is_unknown && open.called.user.starts_with(['*', '#'])
}

fn keep<T>(kept: &mut VecDeque<T>, new: T) {
    if kept.len() >= limits::PICKUPS {
        kept.pop_front();
    }
    kept.push_back(new);
}

fn near(a: Timestamp, b: Timestamp) -> bool {
    a.since(b) <= CAUSALITY && b.since(a) <= CAUSALITY
}

/// A message may be seen so much later than one that was sent after it.
const DISORDER: Span = Span::from_millis(200);

/// What is seen of one moment may come apart by this much.
const LATE: Span = Span::from_millis(300);

//! Pickup by code: a colleague dials the PBX, which answers both them and the caller, and stops the phone
//! that rang. Nothing but time joins the two.

use std::collections::VecDeque;

use crate::call::leg::Leg;
use crate::call::open::OpenCall;
use crate::call::outcome::CAUSALITY;
use crate::call::transaction::{Hop, Seen};
use crate::event::Role;
use crate::limits;
use crate::time::Timestamp;

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
    recent: VecDeque<(Seen, bool)>,
}

impl Pickups {
    /// Notes a call that has just been answered, if it may be a pickup.
    pub fn note(&mut self, open: &OpenCall) {
        let [leg] = &*open.legs else { return };
        let hop = leg.caller_hop().filter(|hop| leg.role() == Role::PhoneIn && hop.voicemail.is_none());
        let Some(seen) = hop.and_then(|hop| hop.answered) else { return };
        if self.recent.len() >= limits::PICKUPS {
            self.recent.pop_front();
        }
        self.recent.push_back((seen, false));
    }

    /// Who picked up a call that the PBX answered a moment ago while it stopped a phone it rang.
    pub fn of(&mut self, open: &OpenCall, now: Timestamp) -> Option<Pickup> {
        while self.recent.front().is_some_and(|(seen, _)| now.since(seen.at) > CAUSALITY + CAUSALITY) {
            self.recent.pop_front();
        }
        if self.recent.is_empty() {
            return None;
        }
        let first = open.legs.first().filter(|leg| leg.role() != Role::PhoneIn)?;
        let at = first.caller_hop()?.answered.filter(|seen| now.since(seen.at) <= CAUSALITY)?.at;
        let phones = || open.legs.iter().skip(1).flat_map(|leg: &Leg| &leg.hops);
        let stopped = |hop: &Hop| {
            let end = hop.cancelled.filter(|_| hop.role == Role::PhoneOut);
            end.is_some_and(|end| near(end.at, at))
        };
        if phones().any(|hop| hop.answered.is_some()) || !phones().any(stopped) {
            return None;
        }
        let mut fitting = self.recent.iter_mut().filter(|(seen, _)| near(seen.at, at));
        let (seen, taken) = fitting.next()?;
        let sure = !*taken && fitting.next().is_none();
        *taken = true;
        Some(Pickup { seen: *seen, sure })
    }
}

fn near(a: Timestamp, b: Timestamp) -> bool {
    a.since(b) <= CAUSALITY && b.since(a) <= CAUSALITY
}

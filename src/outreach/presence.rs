//! Who is on the phone: which numbers ring or talk now, and how many calls each calendar's lines carry.
//!
//! A call counts from its start to its end for the party outside: the caller of an inbound call, the called
//! one of an outbound call, both where the direction isn't known.

use std::collections::BTreeMap;

use crate::event::{CallKey, CallSeen, Direction};
use crate::limits;
use crate::phone::Party;
use crate::rules::line;
use crate::settings::Settings;

#[derive(Debug, Default)]
pub(super) struct Presence {
    calls: BTreeMap<CallKey, Up>,
    parties: BTreeMap<Party, u32>,
    calendars: BTreeMap<String, u32>,
}

/// A call that rings or is up.
#[derive(Debug)]
struct Up {
    parties: Vec<Party>,
    calendar: Option<String>,
    /// Calls on the calendar's lines when it began, this one included.
    load: u32,
}

impl Presence {
    /// Takes what is known of a running call; gives the parties that it no longer concerns and no other does.
    pub(super) fn note(&mut self, settings: &Settings, seen: &CallSeen) -> Vec<Party> {
        let parties = outside(settings, seen);
        if let Some(up) = self.calls.get_mut(&seen.call) {
            let before = std::mem::replace(&mut up.parties, parties.clone());
            self.join(&parties);
            return self.leave(before);
        }
        if self.calls.len() < limits::CALLS_WATCHED {
            let calendar = calendar(settings, seen);
            let load = calendar.as_ref().map_or(1, |id| {
                let count = self.calendars.entry(id.clone()).or_default();
                *count += 1;
                *count
            });
            self.join(&parties);
            self.calls.insert(seen.call, Up { parties, calendar, load });
        }
        Vec::new()
    }

    /// Forgets a call that ended; gives the parties that are now on no call, and the load it met.
    pub(super) fn end(&mut self, settings: &Settings, seen: &CallSeen) -> (Vec<Party>, u32) {
        let Some(up) = self.calls.remove(&seen.call) else {
            let others = calendar(settings, seen).and_then(|id| self.calendars.get(&id).copied());
            return (Vec::new(), others.unwrap_or(0).saturating_add(1));
        };
        if let Some(id) = up.calendar {
            discount(&mut self.calendars, &id);
        }
        (self.leave(up.parties), up.load)
    }

    /// Whether a call with this party rings or is up.
    pub(super) fn is_up(&self, party: &Party) -> bool {
        self.parties.contains_key(party)
    }

    fn join(&mut self, parties: &[Party]) {
        for party in parties {
            *self.parties.entry(party.clone()).or_default() += 1;
        }
    }

    fn leave(&mut self, mut parties: Vec<Party>) -> Vec<Party> {
        parties.retain(|party| discount(&mut self.parties, party));
        parties
    }
}

/// The parties outside the business; of what was dialled also the number behind an access code that nobody told.
pub(super) fn outside(settings: &Settings, seen: &CallSeen) -> Vec<Party> {
    let (caller, called) = (caller(seen), seen.called.as_ref());
    let parties = match seen.direction {
        Direction::Inbound => [caller, None],
        Direction::Outbound => [called, None],
        Direction::Unknown => [caller, called],
        Direction::Internal => [None, None],
    };
    let mut parties: Vec<Party> = parties.into_iter().flatten().cloned().collect();
    if seen.direction == Direction::Outbound {
        let behind = behind_access_code(settings, seen.called_user.as_deref().unwrap_or_default());
        parties.extend(behind);
        parties.sort_unstable();
        parties.dedup();
    }
    parties
}

/// The numbers that digits are without the first one or two. A text to somebody who isn't on the phone waits at worst.
fn behind_access_code(settings: &Settings, dialled: &str) -> Vec<Party> {
    let plain = dialled.len() >= SHORTEST_DIALLED && dialled.bytes().all(|byte| byte.is_ascii_digit());
    if !plain {
        return Vec::new();
    }
    let plan = settings.dialplan();
    let rests = (1..=ACCESS_CODE).filter_map(|digits| dialled.get(digits..));
    let parties = rests.filter_map(|rest| plan.read(rest.as_bytes()));
    parties.filter(|party| party.number().is_some()).collect()
}

/// The caller, unless the number is withheld and came through all the same.
pub(super) fn caller(seen: &CallSeen) -> Option<&Party> {
    seen.caller.as_ref().filter(|_| !seen.withheld)
}

fn calendar(settings: &Settings, seen: &CallSeen) -> Option<String> {
    if matches!(seen.direction, Direction::Outbound | Direction::Internal) {
        return None;
    }
    line::find(&settings.lines, seen.called.as_ref(), seen.called_user.as_deref())?.calendar.clone()
}

/// An access code has so many digits at most.
const ACCESS_CODE: usize = 2;

/// An access code and a local number.
const SHORTEST_DIALLED: usize = 8;

/// One less; true if that was the last.
fn discount<K: Ord + ?Sized, O: Ord + std::borrow::Borrow<K>>(
    counts: &mut BTreeMap<O, u32>,
    key: &K,
) -> bool {
    let Some(count) = counts.get_mut(key) else {
        return false;
    };
    *count = count.saturating_sub(1);
    let last = *count == 0;
    if last {
        counts.remove(key);
    }
    last
}

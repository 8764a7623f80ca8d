//! What is remembered of calls after they are forgotten: their ids, and dialogs whose start was not seen.
//! Both are bounded; the oldest goes first.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::net::IpAddr;

use crate::call::hash::{Key, KeyMap, Taken};
use crate::call::leg;
use crate::call::open::OpenCall;
use crate::call::outcome::CAUSALITY;
use crate::call::transaction::Hop;
use crate::event::{CallKey, Role};
use crate::limits;
use crate::time::{Span, Timestamp};

/// Ids of recent calls, so that a key used again gets the next number.
#[derive(Debug, Default)]
pub struct RecentIds {
    nth: HashMap<u64, u32, BuildHasherDefault<Taken>>,
    order: VecDeque<u64>,
}

/// Dialogs whose start was not seen, or is no call's, so that answers within them aren't taken for calls.
#[derive(Debug, Default)]
pub struct Strangers {
    keys: KeyMap<()>,
    order: VecDeque<Key>,
}

impl RecentIds {
    /// The id of a new call with this hash.
    pub fn next(&mut self, hash: u64) -> CallKey {
        let nth = self.nth.entry(hash).or_default();
        *nth += 1;
        let key = CallKey { hash, nth: *nth };
        if key.nth == 1 {
            self.order.push_back(hash);
            if self.order.len() > limits::RECENT_IDS
                && let Some(oldest) = self.order.pop_front()
            {
                self.nth.remove(&oldest);
            }
        }
        key
    }
}

impl Strangers {
    /// Remembers a dialog.
    pub fn add(&mut self, key: Key) {
        if self.keys.insert(key, ()).is_none() {
            self.order.push_back(key);
            if self.order.len() > limits::STRANGERS
                && let Some(oldest) = self.order.pop_front()
            {
                self.keys.remove(&oldest);
            }
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Whether the dialog is one of them.
    pub fn contains(&self, key: Key) -> bool {
        self.keys.contains_key(&key)
    }
}

/// Answers to phones whose INVITEs were not seen, the last ones: each may have picked up a call that seems to be missed. Who
/// answered a phone that the PBX rang is told by that leg's caller.
#[derive(Debug, Default)]
pub struct UnseenAnswers {
    /// When, and the PBX that a phone called, as it does to pick a call up.
    recent: VecDeque<(Timestamp, IpAddr)>,
}

impl UnseenAnswers {
    /// Notes an answer that belongs to no call in sight.
    pub fn add(&mut self, hop: &Hop) {
        if hop.role != Role::PhoneIn || hop.answered.is_none() {
            return;
        }
        if self.recent.len() >= limits::UNSEEN_ANSWERS {
            self.recent.pop_front();
        }
        self.recent.push_back((hop.opened.at, hop.dst.ip()));
    }

    /// Whether one came since a call began, where the call entered the PBX.
    pub fn may_be_of(&self, open: &OpenCall) -> bool {
        let Some(first) = open.legs.first().and_then(|leg| leg.hops.first()) else { return false };
        self.recent.iter().any(|(at, pbx)| *at >= open.began && *pbx == first.dst.ip())
    }
}

/// Answers to legs that a PBX opened and nothing joins to a caller, the last ones: a forward that shows the office's own
/// number, a queue's agent, another site. Who was answered at that moment may have been put through to them.
#[derive(Debug, Default)]
pub struct AnswersApart {
    recent: VecDeque<Apart>,
}

/// Such an answer.
#[derive(Clone, Copy, Debug)]
pub struct Apart {
    /// The call that the leg begins, and its serial number: places are used again.
    pub call: u32,
    /// Its place among all calls seen.
    pub serial: u64,
    /// Its sender, if no role tells that it is the PBX.
    src: Option<IpAddr>,
    opened: Timestamp,
    answered: Timestamp,
}

impl AnswersApart {
    /// Notes a call that was just answered, if its first leg leaves a PBX.
    pub fn note(&mut self, call: u32, open: &OpenCall) {
        let Some(hop) = open.legs.first().and_then(|leg| leg.caller_hop()) else { return };
        let src = match hop.role {
            Role::TrunkOut | Role::PhoneOut | Role::Voicemail => None,
            Role::Unknown => Some(hop.src.ip()),
            _ => return,
        };
        let Some(answered) = hop.answered.map(|seen| seen.at) else { return };
        if self.recent.len() >= limits::UNSEEN_ANSWERS {
            self.recent.pop_front();
        }
        self.recent.push_back(Apart { call, serial: open.serial, src, opened: hop.opened.at, answered });
    }

    /// Forgets a call whose leg turned out to be another's.
    pub fn forget(&mut self, serial: u64) {
        self.recent.retain(|apart| apart.serial != serial);
    }

    /// Whether one may be the reason why a call that ended at `end` was answered, or somebody it was put through to later; `over`
    /// tells when a leg apart ended, if it did, and nothing of one that was forgotten.
    pub fn may_be_of(
        &self,
        open: &OpenCall,
        end: Timestamp,
        over: impl Fn(&Apart) -> Option<Option<Timestamp>>,
    ) -> bool {
        let first = open.legs.first().and_then(|leg| leg.hops.first());
        let is_explained = leg::is_alone(&open.legs) || open.is_taken();
        let Some((first, at)) = first.zip(open.answered_at()).filter(|_| !is_explained) else {
            return false;
        };
        self.recent.iter().any(|apart| {
            let left = apart.src.is_none_or(|src| src == first.dst.ip() && first.src.ip() != src);
            let since = apart.answered.since(at);
            let cause = Span::ZERO - CAUSALITY <= since && since <= DISORDER;
            let later = || since > DISORDER && apart.answered < end;
            let with_it = || match over(apart) {
                Some(Some(over)) => end.since(over).as_micros().abs() <= TOGETHER.as_micros(),
                Some(None) => true,
                None => false,
            };
            let is_other = apart.serial != open.serial && apart.opened >= open.began - DISORDER;
            left && is_other && (cause || (later() && with_it()))
        })
    }
}

/// Whole legs that belong together may be seen in the wrong order by this much.
const DISORDER: Span = Span::from_millis(200);

/// Both legs of one call end within this.
const TOGETHER: Span = Span::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_used_again_gets_the_next_number() {
        let mut ids = RecentIds::default();
        assert_eq!(ids.next(7).to_string(), "000000000007");
        assert_eq!(ids.next(7).to_string(), "000000000007#2");
        for other in 0..limits::RECENT_IDS as u64 {
            ids.next(1_000 + other);
        }
        assert_eq!(ids.next(7).nth, 1);
    }
}

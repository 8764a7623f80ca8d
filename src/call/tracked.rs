//! The calls in sight and the ways to find them: by a message's keys, by traits of a new leg, by where RTP
//! is expected. Their number is bounded.

use std::net::SocketAddr;

use slab::Slab;

use crate::call::hash::{Key, KeyMap, Keyer};
use crate::call::join::{Hints, Traits, media_key};
use crate::call::leg::Leg;
use crate::call::open::OpenCall;

/// The calls in sight.
#[derive(Debug, Default)]
pub struct Tracked {
    calls: Slab<OpenCall>,
    legs: KeyMap<LegRef>,
    pub(super) hints: Hints,
    ears: KeyMap<Ear>,
}

/// A leg by its call and its place there.
#[derive(Clone, Copy, Debug)]
pub struct LegRef {
    /// The call.
    pub call: u32,
    /// Its place among the call's legs.
    pub leg: u16,
}

/// An address where RTP of a call is expected: the caller's own, or where the caller sends it.
#[derive(Clone, Copy, Debug)]
struct Ear {
    call: u32,
    callers: bool,
}

impl Tracked {
    /// The call in a place, if there is one.
    pub fn get(&self, call: u32) -> Option<&OpenCall> {
        self.calls.get(call as usize)
    }

    /// The call in a place, if there is one.
    pub fn get_mut(&mut self, call: u32) -> Option<&mut OpenCall> {
        self.calls.get_mut(call as usize)
    }

    /// Where the leg with a key is.
    pub fn leg(&self, key: Key) -> Option<LegRef> {
        self.legs.get(&key).copied()
    }

    /// Takes a new call with its first leg; tells its place.
    pub fn insert(&mut self, mut open: OpenCall, leg: Leg) -> u32 {
        let key = leg.key;
        open.legs.push(leg);
        let call = self.calls.insert(open) as u32;
        self.legs.insert(key, LegRef { call, leg: 0 });
        call
    }

    /// Adds a leg to a call, in front of the others if it is the caller's. A call takes `MAX_LEGS`.
    pub fn add_leg(&mut self, call: u32, leg: Leg, in_front: bool) {
        let Some(open) = self.calls.get_mut(call as usize).filter(|open| open.legs.len() < MAX_LEGS) else {
            return;
        };
        let place = if in_front { 0 } else { open.legs.len() };
        open.legs.insert(place, leg);
        for (n, leg) in open.legs.iter().enumerate().skip(place) {
            self.legs.insert(leg.key, LegRef { call, leg: n as u16 });
        }
    }

    /// Lets a call be found by the traits of one of its legs.
    pub fn offer(&mut self, call: u32, traits: &Traits) {
        self.offer_keys(call, traits.offered());
    }

    /// Lets a call be found by some keys.
    pub fn offer_keys(&mut self, call: u32, keys: impl Iterator<Item = Key>) {
        let Some(open) = self.calls.get_mut(call as usize) else { return };
        for key in keys {
            if open.hints.len() < MAX_HINTS && !open.hints.contains(&key) {
                open.hints.push(key);
                self.hints.add(key, call);
            }
        }
    }

    /// Expects RTP where a session description of the caller's leg wants it: the caller's own, or the answer.
    pub fn listen(&mut self, call: u32, media: &[Key], callers: bool) {
        let Some(open) = self.calls.get_mut(call as usize) else { return };
        for key in media {
            if open.media.addrs.len() < MAX_ADDRS && !open.media.addrs.contains(key) {
                open.media.addrs.push(*key);
                self.ears.insert(*key, Ear { call, callers });
            }
        }
    }

    /// Hears an RTP packet sent to `dst`; one look-up if no call expects it.
    pub fn hear_rtp(&mut self, dst: SocketAddr, keyer: &Keyer) {
        if self.ears.is_empty() {
            return;
        }
        let Some(ear) = self.ears.get(&media_key(keyer, dst)) else { return };
        if let Some(open) = self.calls.get_mut(ear.call as usize) {
            let media = &mut open.media;
            let heard = if ear.callers { &mut media.to_caller } else { &mut media.from_caller };
            *heard = heard.saturating_add(1);
        }
    }

    /// The calls that aren't closed, oldest first.
    pub fn open(&self) -> Vec<u32> {
        let open = self.calls.iter().filter(|(_, open)| open.closed.is_none());
        let mut order: Vec<(u64, u32)> = open.map(|(call, open)| (open.serial, call as u32)).collect();
        order.sort_unstable();
        order.into_iter().map(|(_, call)| call).collect()
    }

    /// Forgets a call and every way to find it.
    pub fn forget(&mut self, call: u32) {
        let Some(open) = self.calls.try_remove(call as usize) else { return };
        for leg in &open.legs {
            if self.legs.get(&leg.key).is_some_and(|at| at.call == call) {
                self.legs.remove(&leg.key);
            }
        }
        for key in &open.hints {
            self.hints.remove(*key, call);
        }
        for key in &open.media.addrs {
            if self.ears.get(key).is_some_and(|ear| ear.call == call) {
                self.ears.remove(key);
            }
        }
    }

    /// The calls that have to go so that new ones find room, an eighth of all at once: finished ones first,
    /// then the oldest that never rang, at last the oldest. None while there is room.
    pub fn surplus(&self) -> Vec<u32> {
        if self.calls.len() < MAX_CALLS {
            return Vec::new();
        }
        let rank = |open: &OpenCall| match open.closed {
            Some(_) => (0, open.serial),
            None if !open.has_rung() => (1, open.serial),
            None => (2, open.serial),
        };
        let mut order: Vec<((u8, u64), u32)> =
            self.calls.iter().map(|(n, open)| (rank(open), n as u32)).collect();
        order.sort_unstable();
        order.truncate(MAX_CALLS / 8);
        order.into_iter().map(|(_, call)| call).collect()
    }
}

const MAX_CALLS: usize = 65_536;
const MAX_LEGS: usize = 64;
const MAX_HINTS: usize = 256;
const MAX_ADDRS: usize = 8;

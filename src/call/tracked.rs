//! The calls in sight and the ways to find them: by a message's keys, by traits of a new leg, by where RTP
//! is expected. Their number is bounded.

use std::cmp::Reverse;
use std::net::IpAddr;

use slab::Slab;

use crate::call::hash::{Key, KeyMap, Keyer};
use crate::call::idle::Idle;
use crate::call::join::{Hints, Traits, media_key};
use crate::call::leg::Leg;
use crate::call::listening::{Ears, Sound, Spot};
use crate::call::open::OpenCall;
use crate::call::relayed::{self, Candidate, Relay, Relayed};
use crate::limits;
use crate::settings::Roles;
use crate::wire::packet::Datagram;
use crate::wire::rtp::RtpPacket;
use crate::wire::sdp::Kinds;
use crate::wire::stream::Stream;

/// The calls in sight.
#[derive(Debug, Default)]
pub struct Tracked {
    calls: Slab<Box<OpenCall>>,
    legs: KeyMap<LegRef>,
    pub(super) hints: Hints,
    spots: KeyMap<Expected>,
    idle: Idle,
    relayed: Relayed,
    /// Bytes of all calls, as booked.
    held: usize,
}

/// A leg by its call and its place there.
#[derive(Clone, Copy, Debug)]
pub struct LegRef {
    /// The call.
    pub call: u32,
    /// Its place among the call's legs.
    pub leg: u16,
}

/// Whose RTP is expected at an address, the caller's own or where the caller sends it, and what it is.
#[derive(Clone, Copy, Debug)]
struct Expected {
    call: u32,
    callers: bool,
    kinds: Kinds,
}

/// What an RTP packet shows.
#[derive(Clone, Copy, Debug)]
pub enum Shown {
    /// Two calls are one.
    Relay(Relay),
    /// It is time to ask what was heard of a call.
    Due(u32),
}

impl Tracked {
    /// How many calls there are.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// The call in a place, if there is one.
    pub fn get(&self, call: u32) -> Option<&OpenCall> {
        self.calls.get(call as usize).map(|open| &**open)
    }

    /// The call in a place, if there is one.
    pub fn get_mut(&mut self, call: u32) -> Option<&mut OpenCall> {
        self.calls.get_mut(call as usize).map(|open| &mut **open)
    }

    /// Where the leg with a key is.
    pub fn leg(&self, key: Key) -> Option<LegRef> {
        self.legs.get(&key).copied()
    }

    /// Takes a new call with its first leg; tells its place.
    pub fn insert(&mut self, mut open: Box<OpenCall>, leg: Leg) -> u32 {
        let key = leg.key;
        open.legs.push(leg);
        let call = self.calls.insert(open) as u32;
        self.legs.insert(key, LegRef { call, leg: 0 });
        call
    }

    /// Adds a leg to a call, in front of the others if it is the caller's. A call takes `limits::LEGS`.
    pub fn add_leg(&mut self, call: u32, leg: Leg, in_front: bool) {
        let Some(open) = self.calls.get_mut(call as usize).filter(|open| open.legs.len() < limits::LEGS)
        else {
            return;
        };
        let place = if in_front { 0 } else { open.legs.len() };
        open.legs.insert(place, leg);
        for (n, leg) in open.legs.iter().enumerate().skip(place) {
            self.legs.insert(leg.key, LegRef { call, leg: n as u16 });
        }
    }

    /// Lets a call be found by the traits of one of its legs, which may be its first.
    pub fn offer(&mut self, call: u32, traits: &Traits, is_first: bool) {
        self.offer_keys(call, traits.offered(is_first));
    }

    /// Lets a call be found by some keys.
    pub fn offer_keys(&mut self, call: u32, keys: impl Iterator<Item = Key>) {
        let Some(open) = self.calls.get_mut(call as usize) else { return };
        for key in keys {
            if open.hints.len() < limits::HINTS && !open.hints.contains(&key) {
                open.hints.push(key);
                self.hints.add(key, call);
            }
        }
    }

    /// Expects RTP where a session description of the caller's leg wants it: the caller's own, or the answer.
    pub fn expect(&mut self, call: u32, spots: &[Spot], callers: bool) {
        if let Some(open) = self.calls.get_mut(call as usize).filter(|_| !spots.is_empty()) {
            open.media.looked_back = [false; 2];
        }
        self.await_at(call, spots, callers);
    }

    fn await_at(&mut self, call: u32, spots: &[Spot], callers: bool) {
        let Some(open) = self.calls.get_mut(call as usize) else { return };
        for spot in spots {
            let known = open.media.spots.iter().any(|(key, _)| *key == spot.key);
            let fits = open.media.spots.len() < limits::SPOTS;
            if !known && fits {
                open.media.spots.push((spot.key, spot.place));
                self.idle.wake(spot.place);
            }
            if known || fits {
                self.spots.insert(spot.key, Expected { call, callers, kinds: spot.kinds });
            }
        }
    }

    /// Listens to a call from now on, or no more.
    pub fn listen(&mut self, call: u32, listening: bool) {
        let Some(open) = self.calls.get_mut(call as usize) else { return };
        open.media.listening = listening;
        for (_, place) in open.media.spots.iter().filter(|_| listening) {
            self.idle.wake(*place);
        }
    }

    /// Whether an RTP stream is known and nobody wants it.
    #[inline]
    pub fn ignores(&self, stream: &Stream) -> bool {
        self.idle.has(stream)
    }

    /// Hears an RTP packet; its stream is ignored from now on if no call wants more of it. Tells of two calls that it
    /// shows to be one, or of one of which it is time to ask what was heard.
    pub fn hear_rtp(&mut self, datagram: &Datagram<'_>, keyer: &Keyer, ears: &mut dyn Ears) -> Option<Shown> {
        let packet = &RtpPacket::read(datagram.payload)?;
        let expected = self.spots.get(&media_key(keyer, datagram.dst)).copied();
        let open = expected.and_then(|to| Some((to, self.calls.get_mut(to.call as usize)?)));
        let Some((to, open)) = open.filter(|(_, open)| open.closed.is_none()) else {
            self.ignore(datagram);
            return None;
        };
        open.media.count(to.callers);
        let compared = open.media.is_compared();
        let relay = if compared { self.relayed.hear(open.serial, packet, keyer) } else { None };
        if open.media.listening {
            let Expected { call, callers, kinds } = to;
            let sound = Sound { from_caller: !callers, codec: kinds.codec(packet.kind), datagram, packet };
            let due = ears.hear(call, &sound);
            self.expect_back(to, datagram, keyer);
            if due && relay.is_none() {
                return Some(Shown::Due(call));
            }
        } else if open.media.has_enough(to.callers) && !compared {
            self.ignore(datagram);
        }
        relay.map(Shown::Relay)
    }

    /// Compares what an answered call carries with what others do, where it or they may be one's part.
    pub fn compare(&mut self, call: u32, roles: &Roles) {
        let Some(open) = self.calls.get(call as usize).filter(|open| open.is_unexplained()) else { return };
        let Some(hop) = open.legs.first().and_then(|leg| leg.hops.first()) else { return };
        let new = Candidate::new(call, open.serial, hop, roles);
        let calls = &self.calls;
        let same = |old: &Candidate, open: &OpenCall| open.serial == old.serial && open.is_unexplained();
        let live = |old: &Candidate| calls.get(old.call as usize).is_some_and(|open| same(old, open));
        for call in self.relayed.add(new, live) {
            let Some(open) = self.calls.get_mut(call as usize) else { continue };
            open.media.compared = relayed::COMPARED;
            open.media.spots.iter().for_each(|(_, place)| self.idle.wake(*place));
        }
    }

    /// Compares a call with others no more.
    pub fn leave_alone(&mut self, call: u32) {
        if let Some(open) = self.calls.get(call as usize).filter(|open| open.answer_told) {
            self.relayed.forget(open.serial);
        }
    }

    fn ignore(&mut self, datagram: &Datagram<'_>) {
        if let Some(stream) = Stream::of(datagram) {
            self.idle.add(stream);
        }
    }

    /// Where both sides are heard through address translation, a description may name an address that nobody sends
    /// to: what answers a stream goes back to where it came from (RFC 4961).
    fn expect_back(&mut self, to: Expected, datagram: &Datagram<'_>, keyer: &Keyer) {
        let Some(open) = self.calls.get_mut(to.call as usize) else { return };
        let looked = &mut open.media.looked_back[usize::from(to.callers)];
        if std::mem::replace(looked, true) {
            return;
        }
        let back = Spot::new(keyer, datagram.src, to.kinds);
        if !self.spots.contains_key(&back.key) {
            self.await_at(to.call, &[back], !to.callers);
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
        drop(self.take(call));
    }

    /// The same, and gives it.
    pub fn take(&mut self, call: u32) -> Option<Box<OpenCall>> {
        let open = self.calls.try_remove(call as usize)?;
        self.held = self.held.saturating_sub(open.booked);
        for leg in &open.legs {
            if self.legs.get(&leg.key).is_some_and(|at| at.call == call) {
                self.legs.remove(&leg.key);
            }
        }
        for key in &open.hints {
            self.hints.remove(*key, call);
        }
        for (key, _) in &open.media.spots {
            if self.spots.get(key).is_some_and(|expected| expected.call == call) {
                self.spots.remove(key);
            }
        }
        Some(open)
    }

    /// Books what a call holds now.
    pub fn book(&mut self, call: u32) {
        if let Some(open) = self.calls.get_mut(call as usize) {
            let held = open.held();
            self.held = (self.held + held).saturating_sub(std::mem::replace(&mut open.booked, held));
        }
    }

    /// Whether no more calls have room.
    pub fn is_full(&self) -> bool {
        self.calls.len() >= limits::CALLS || self.is_heavy()
    }

    /// Whether there is room for few.
    pub fn is_tight(&self) -> bool {
        let close = |used: usize, most: usize| used >= most - most / 64;
        close(self.calls.len(), limits::CALLS) || close(self.held, limits::CALLS_HELD)
    }

    /// Whether calls may not grow.
    pub fn is_heavy(&self) -> bool {
        self.held >= limits::CALLS_HELD
    }

    /// The calls that have to go so that new ones find room, an eighth of all at once: finished ones first, oldest
    /// first; if these are few, then ones that never rang, of whoever sent most of them, oldest first. So a flood
    /// from one source drives out itself. Never one that rang, if its INVITE was seen: answers alone prove no call.
    pub fn surplus(&self) -> Vec<u32> {
        let (mut finished, mut silent) = (Vec::new(), Vec::new());
        for (n, open) in &self.calls {
            if open.closed.is_some() {
                finished.push((open.serial, n as u32));
            } else if !open.has_rung() || open.is_partial() {
                silent.push((open.source(), Reverse(open.serial), n as u32));
            }
        }
        finished.sort_unstable();
        let enough = finished.len() >= limits::CALLS / 64 && !self.is_heavy();
        let silent = if enough { Vec::new() } else { by_crowd(silent) };
        let order = finished.into_iter().map(|(_, call)| call).chain(silent);
        let (mut calls, mut bytes) = (limits::CALLS / 8, limits::CALLS_HELD / 8);
        order
            .take_while(|call| {
                let more = if self.is_heavy() { bytes > 0 } else { calls > 0 };
                calls = calls.saturating_sub(1);
                bytes = bytes.saturating_sub(self.get(*call).map_or(0, |open| open.booked));
                more
            })
            .collect()
    }
}

/// Calls in the order of how many newer ones their source has, most first; equals oldest first.
fn by_crowd(mut calls: Vec<(Option<IpAddr>, Reverse<u64>, u32)>) -> Vec<u32> {
    calls.sort_unstable();
    let crowds = calls.chunk_by(|(one, ..), (other, ..)| one == other);
    let mut order: Vec<(Reverse<usize>, u64, u32)> = crowds
        .flat_map(|crowd| crowd.iter().enumerate())
        .map(|(newer, (_, serial, call))| (Reverse(newer), serial.0, *call))
        .collect();
    order.sort_unstable();
    order.into_iter().map(|(.., call)| call).collect()
}

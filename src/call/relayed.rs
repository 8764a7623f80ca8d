//! Legs that carry one stream: who hands RTP on unchanged shows its SSRC and payload on both sides (RFC 3550 7.1).
//!
//! Compared are only answered legs that nothing explains yet, and only while one of them leaves the host that another
//! entered before it; each for a few seconds, which begin anew with every leg that might belong to it. Two legs are one
//! call's if they, and no third, show an SSRC with equal payloads; a payload that repeats, as silence does, says nothing.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use smallvec::SmallVec;

use crate::call::hash::Keyer;
use crate::call::role::{self, Party};
use crate::call::transaction::Hop;
use crate::limits;
use crate::settings::Roles;
use crate::time::{Span, Timestamp};
use crate::wire::rtp::RtpPacket;

/// The answered legs that nothing explains yet, and what they carry.
#[derive(Debug, Default)]
pub struct Relayed {
    candidates: VecDeque<Candidate>,
    /// How many of them have an end in each place, by a small hash of it: those they leave, and those they enter.
    ends: [Census; 2],
}

/// Most answered legs have no end where another has the opposite one, which this tells without a look at those.
#[derive(Debug)]
struct Census([u8; 256]);

/// An answered call that may be a part of another, or miss one.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The call, and its serial number: places are used again.
    pub call: u32,
    /// Its place among all calls seen.
    pub serial: u64,
    began: Timestamp,
    ends: [Place; 2],
    streams: Vec<Stream>,
}

/// Two calls that are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relay {
    /// The caller's.
    pub call: u32,
    /// The one of the leg that the PBX opened for it.
    pub part: u32,
}

/// One end of a leg, as another leg may begin there: an address of version 6, zero for the PBX's, and a port where both
/// ends are on one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place(u128, u16);

/// A stream of a leg.
#[derive(Clone, Debug)]
struct Stream {
    ssrc: u32,
    /// Payloads of the last moment, as fingerprints.
    recent: [u32; RECENT],
    count: usize,
    /// How many were another leg's too, and which one's.
    equal: u8,
    with: u64,
    /// More than two legs have shown it.
    crowded: bool,
}

impl Relayed {
    /// Takes a call that was just answered by nobody in sight; tells which calls are to be compared from now on, of those
    /// that are still `live`.
    pub fn add(&mut self, new: Candidate, live: impl Fn(&Candidate) -> bool) -> SmallVec<[u32; 4]> {
        if self.candidates.len() >= limits::RELAYED_LEGS {
            self.remove(0);
        }
        let ([leaving, entering], [from, to]) = (&self.ends, new.ends);
        let may = leaving.has(to) || entering.has(from);
        let candidates = self.candidates.iter().filter(|_| may);
        let partners = candidates.filter(|old| new.leads_to(old) || old.leads_to(&new));
        let mut compared: SmallVec<[u32; 4]> = partners.filter(|old| live(old)).map(|old| old.call).collect();
        if !compared.is_empty() {
            compared.push(new.call);
        }
        self.ends.iter_mut().zip(new.ends).for_each(|(census, end)| census.count(end, 1));
        self.candidates.push_back(new);
        compared
    }

    fn remove(&mut self, at: usize) {
        if let Some(gone) = self.candidates.remove(at) {
            self.ends.iter_mut().zip(gone.ends).for_each(|(census, end)| census.count(end, -1));
        }
    }

    /// Forgets a call.
    pub fn forget(&mut self, serial: u64) {
        if let Some(at) = self.candidates.iter().position(|candidate| candidate.serial == serial) {
            self.remove(at);
        }
    }

    /// Hears a packet of a call that is compared; tells which two calls it shows to be one.
    pub fn hear(&mut self, serial: u64, packet: &RtpPacket<'_>, keyer: &Keyer) -> Option<Relay> {
        let mark = keyer.fingerprint(u64::from(packet.kind), [packet.payload]);
        let at = self.candidates.iter().position(|candidate| candidate.serial == serial)?;
        let is_new = self.candidates.get_mut(at)?.stream(packet.ssrc)?.push(mark);
        let shows = |candidate: &Candidate| candidate.shown(packet.ssrc).is_some();
        let mut others = self.candidates.iter().enumerate().filter(|(n, other)| *n != at && shows(other));
        let (other, _) = others.next()?;
        if others.next().is_some() {
            self.candidates.iter_mut().for_each(|candidate| candidate.crowd(packet.ssrc));
        }
        let (with, theirs) = {
            let other = self.candidates.get(other)?;
            (other.serial, other.shown(packet.ssrc)?.clone())
        };
        let own = self.candidates.get_mut(at)?.stream(packet.ssrc)?;
        if is_new && theirs.has(mark) {
            own.agree(with);
        }
        let proven = own.equal_with(with).saturating_add(theirs.equal_with(serial)) >= ENOUGH;
        if own.crowded || theirs.crowded || !proven {
            return None;
        }
        let (one, other) = (self.candidates.get(at)?, self.candidates.get(other)?);
        let relay = |call: &Candidate, part: &Candidate| Relay { call: call.call, part: part.call };
        match (one.leads_to(other), other.leads_to(one)) {
            (true, _) => Some(relay(one, other)),
            (_, true) => Some(relay(other, one)),
            _ => None,
        }
    }
}

impl Candidate {
    /// A call by its first leg.
    pub fn new(call: u32, serial: u64, hop: &Hop, roles: &Roles) -> Candidate {
        let place = |end: SocketAddr, other: SocketAddr| match end.ip() {
            ip if ip == other.ip() => Place::of(ip, end.port()),
            ip if role::party(roles, ip) == Party::Pbx => Place(0, 0),
            ip => Place::of(ip, 0),
        };
        let ends = [place(hop.src, hop.dst), place(hop.dst, hop.src)];
        Candidate { call, serial, began: hop.opened.at, ends, streams: Vec::new() }
    }

    /// Whether the other leg leaves the host that this one entered, and not before it.
    fn leads_to(&self, other: &Candidate) -> bool {
        self.ends[1] == other.ends[0] && other.began.since(self.began) >= Span::ZERO
    }

    fn shown(&self, ssrc: u32) -> Option<&Stream> {
        self.streams.iter().find(|stream| stream.ssrc == ssrc)
    }

    /// The stream of an SSRC, a new one if there is room.
    fn stream(&mut self, ssrc: u32) -> Option<&mut Stream> {
        let known = self.streams.iter().position(|stream| stream.ssrc == ssrc);
        if known.is_none() && self.streams.len() < limits::RELAYED_STREAMS {
            self.streams.push(Stream::new(ssrc));
        }
        let n = known.unwrap_or(self.streams.len().saturating_sub(1));
        self.streams.get_mut(n).filter(|stream| stream.ssrc == ssrc)
    }

    fn crowd(&mut self, ssrc: u32) {
        let streams = self.streams.iter_mut().filter(|stream| stream.ssrc == ssrc);
        streams.for_each(|stream| stream.crowded = true);
    }
}

impl Census {
    fn has(&self, place: Place) -> bool {
        self.0[place.small_hash()] > 0
    }

    /// There are never more than `limits::RELAYED_LEGS`.
    fn count(&mut self, place: Place, change: i8) {
        let count = &mut self.0[place.small_hash()];
        *count = count.saturating_add_signed(change);
    }
}

impl Default for Census {
    fn default() -> Census {
        Census([0; 256])
    }
}

impl Place {
    /// Below 256. Nothing but time is lost by equal ones.
    fn small_hash(self) -> usize {
        let Place(ip, port) = self;
        let mixed = (ip as u64 ^ (ip >> 64) as u64 ^ u64::from(port)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 56) as usize
    }

    fn of(ip: IpAddr, port: u16) -> Place {
        let ip = match ip {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        Place(ip.to_bits(), port)
    }
}

impl Stream {
    fn new(ssrc: u32) -> Stream {
        Stream { ssrc, recent: [0; RECENT], count: 0, equal: 0, with: 0, crowded: false }
    }

    /// Takes a payload; tells whether it was not among the last.
    fn push(&mut self, mark: u32) -> bool {
        let is_new = !self.has(mark);
        if let Some(place) = self.recent.get_mut(self.count % RECENT).filter(|_| is_new) {
            *place = mark;
            self.count = self.count.wrapping_add(1);
        }
        is_new
    }

    fn has(&self, mark: u32) -> bool {
        self.recent.iter().take(self.count).any(|recent| *recent == mark)
    }

    /// One more payload was another leg's too.
    fn agree(&mut self, with: u64) {
        self.equal = if self.with == with { self.equal.saturating_add(1) } else { 1 };
        self.with = with;
    }

    fn equal_with(&self, with: u64) -> u8 {
        if self.with == with { self.equal } else { 0 }
    }
}

/// The rule by which a leg joins.
pub const SSRC: &str = "ssrc";

/// So many packets of a leg are compared, both directions together: a few seconds.
pub const COMPARED: u8 = 250;

/// So many equal payloads prove that two legs carry one stream: a fifth of a second of sound.
const ENOUGH: u8 = 10;

/// Payloads of a stream that are remembered: the PBX hands them on in less than a third of a second.
const RECENT: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(serial: u64, began: i64, from: [u8; 4], to: [u8; 4]) -> Candidate {
        let ends = [from, to].map(|ip| Place::of(IpAddr::from(ip), 0));
        let began = Timestamp::from_micros(began);
        Candidate { call: serial as u32, serial, began, ends, streams: Vec::new() }
    }

    const TRUNK: [u8; 4] = [203, 0, 113, 20];
    const PBX: [u8; 4] = [192, 168, 10, 5];
    const PHONE: [u8; 4] = [192, 168, 20, 21];

    fn two_legs() -> Relayed {
        let mut relayed = Relayed::default();
        assert!(relayed.add(candidate(1, 0, TRUNK, PBX), |_| true).is_empty());
        assert_eq!(relayed.add(candidate(2, 9, PBX, PHONE), |_| true).as_slice(), [1, 2]);
        relayed
    }

    /// Lets each of some legs show packets with these payloads in turn; what that comes to.
    fn played(relayed: &mut Relayed, legs: &[u64], payload: impl Fn(u64, u8) -> [u8; 20]) -> Option<Relay> {
        let keyer = Keyer::new(7);
        let mut found = None;
        for n in 0..60 {
            for leg in legs {
                let payload = payload(*leg, n);
                let packet = RtpPacket {
                    kind: 0,
                    sequence: n.into(),
                    timestamp: 0,
                    ssrc: 9,
                    marker: false,
                    payload: &payload,
                };
                found = found.or(relayed.hear(*leg, &packet, &keyer));
            }
        }
        found
    }

    #[test]
    fn two_legs_that_carry_one_stream_are_one_call() {
        let relay = played(&mut two_legs(), &[1, 2], |_, n| [n; 20]);
        assert_eq!(relay, Some(Relay { call: 1, part: 2 }));
        let inward = played(&mut two_legs(), &[2, 1], |_, n| [n; 20]);
        assert_eq!(inward, Some(Relay { call: 1, part: 2 }));
    }

    #[test]
    fn equal_sources_with_other_payloads_or_with_silence_are_nothing() {
        assert_eq!(played(&mut two_legs(), &[1, 2], |leg, n| [n + leg as u8 * 90; 20]), None);
        assert_eq!(played(&mut two_legs(), &[1, 2], |_, _| [0xff; 20]), None);
        assert_eq!(played(&mut two_legs(), &[1, 2], |_, n| [n % 5; 20]), None);
    }

    #[test]
    fn a_stream_in_three_legs_ties_none_of_them_even_after_one_has_gone() {
        let mut relayed = two_legs();
        relayed.add(candidate(3, 12, PBX, [192, 168, 20, 22]), |_| true);
        assert_eq!(played(&mut relayed, &[1, 2, 3], |_, n| [n; 20]), None);
        relayed.forget(3);
        assert_eq!(played(&mut relayed, &[1, 2], |_, n| [n + 100; 20]), None);
    }

    #[test]
    fn legs_are_compared_only_where_one_leaves_what_the_other_entered_before() {
        let mut relayed = Relayed::default();
        assert!(relayed.add(candidate(1, 9, TRUNK, PBX), |_| true).is_empty());
        assert!(relayed.add(candidate(2, 10, TRUNK, PBX), |_| true).is_empty(), "trunk only");
        assert!(relayed.add(candidate(3, 5, PBX, PHONE), |_| true).is_empty(), "it rang before");
        assert_eq!(relayed.add(candidate(4, 11, PBX, PHONE), |_| true).as_slice(), [1, 2, 4]);
    }

    #[test]
    fn candidates_and_their_streams_are_bounded() {
        let mut relayed = Relayed::default();
        for serial in 0..1_000 {
            relayed.add(candidate(serial, 0, TRUNK, PBX), |_| true);
        }
        assert_eq!(relayed.candidates.len(), limits::RELAYED_LEGS);
        for ssrc in 0..100 {
            let packet =
                RtpPacket { kind: 0, sequence: 0, timestamp: 0, ssrc, marker: false, payload: &[1; 20] };
            assert_eq!(relayed.hear(999, &packet, &Keyer::new(7)), None);
        }
        assert!(
            relayed.candidates.iter().all(|candidate| candidate.streams.len() <= limits::RELAYED_STREAMS)
        );
    }
}

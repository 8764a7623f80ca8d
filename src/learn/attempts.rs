//! All attempts of a capture, in the order they were sent, each with the one it was sent on for.
//!
//! In: SIP messages in the order of time. A retransmission, and a copy from a second tap, change nothing.
//! What is kept is bounded: later attempts than the first hundred thousand are counted only.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

use siphasher::sip::SipHasher13;

use super::attempt::{Attempt, Link, Reading};
use crate::limits;
use crate::settings::{Profile, Sender};
use crate::time::Span;
use crate::wire::facts::Reader;
use crate::wire::packet::Datagram;
use crate::wire::sip::{Message, Method, reasons};

/// The attempts so far.
pub struct Attempts {
    /// In the order they were sent.
    pub all: Vec<Attempt>,
    /// How many came when there was no more room.
    pub beyond: u64,
    /// Addresses that stand in each other's place in one and the same message, seen on both sides of a translation.
    pub aliases: BTreeSet<(IpAddr, IpAddr)>,
    seed: u64,
    /// By hop: Call-ID, branch, CSeq and the two hosts.
    by_hop: BTreeMap<u64, usize>,
    /// The newest by Call-ID and the two hosts, for what is sent within the dialog.
    by_dialog: BTreeMap<u64, usize>,
    /// The first of a Call-ID.
    by_call: BTreeMap<u64, usize>,
    /// The first of a Call-ID, branch and CSeq, wherever it was seen.
    by_transaction: BTreeMap<u64, usize>,
    /// The newest that a host got, oldest first.
    got: BTreeMap<IpAddr, VecDeque<usize>>,
    /// Reads diversions as any PBX sends them.
    generic: Profile,
}

impl Attempts {
    /// None yet; `seed` keys the hashes, a History-Info names voicemail by `pilot_params`.
    pub fn new(seed: u64, pilot_params: Vec<String>) -> Attempts {
        let mut generic = Profile::default();
        generic.diversion.pilot_params = pilot_params;
        generic.diversion.ignore_if_equals_did = false;
        Attempts {
            all: Vec::new(),
            beyond: 0,
            aliases: BTreeSet::new(),
            seed,
            by_hop: BTreeMap::new(),
            by_dialog: BTreeMap::new(),
            by_call: BTreeMap::new(),
            by_transaction: BTreeMap::new(),
            got: BTreeMap::new(),
            generic,
        }
    }

    /// Takes one message; tells whether it is the first to answer its attempt.
    pub fn message(&mut self, datagram: &Datagram<'_>, message: &Message<'_>) -> bool {
        let Some(keys) = self.keys(datagram, message) else { return false };
        let mut answers = false;
        let n = self.attempt_of(datagram, message, &keys);
        let attempt = n.and_then(|n| self.all.get_mut(n));
        match (message.method(), message.status()) {
            (Method::Invite, None) if message.to_tag().is_none() => self.invite(datagram, message, &keys),
            (Method::Invite, Some(status)) => {
                if let Some(attempt) = attempt {
                    let before = attempt.answered;
                    attempt.response(datagram.at, status, message.sdp().is_some());
                    answers = before != attempt.answered;
                }
            }
            (Method::Cancel, None) => {
                let elsewhere = says_elsewhere(message);
                if let Some(attempt) = attempt {
                    attempt.cancelled.get_or_insert((datagram.at, elsewhere));
                }
            }
            (Method::Bye, None) => {
                if let Some(attempt) = attempt {
                    attempt.ended.get_or_insert(datagram.at);
                }
            }
            _ => {}
        }
        answers
    }

    /// The attempt a message belongs to. A capture agent may know its host by another address in what it sends
    /// than in what it gets.
    fn attempt_of(&mut self, datagram: &Datagram<'_>, message: &Message<'_>, keys: &Keys) -> Option<usize> {
        if message.method() == Method::Bye {
            return self.by_dialog.get(&keys.dialog).or_else(|| self.by_call.get(&keys.call)).copied();
        }
        if let Some(n) = self.by_hop.get(&keys.hop) {
            return Some(*n);
        }
        let n = *self.by_transaction.get(&keys.transaction)?;
        let (src, dst) = (datagram.src.ip().to_canonical(), datagram.dst.ip().to_canonical());
        let ends = if message.status().is_some() { (dst, src) } else { (src, dst) };
        let other = self.all.get(n).and_then(|attempt| alias((attempt.src, attempt.dst), ends));
        self.aliases.extend(other.filter(|_| self.aliases.len() < limits::LEARNT_ALIASES));
        other.map(|_| n)
    }

    fn invite(&mut self, datagram: &Datagram<'_>, message: &Message<'_>, keys: &Keys) {
        if self.by_hop.contains_key(&keys.hop) {
            return;
        }
        if self.all.len() >= limits::LEARNT_ATTEMPTS || self.by_hop.len() >= limits::LEARNT_HOPS {
            self.beyond += 1;
            return;
        }
        let seed = self.seed;
        let hash = |bytes: &[u8]| hashed(seed, &[bytes]);
        let reader = Reader { profile: &self.generic, sender: Sender::Pbx, is_own: &|_| false };
        let reading = Reading { call: keys.call, hash: &hash, reader: &reader };
        let mut attempt = Attempt::open(datagram, message, &reading);
        let n = self.seen_before(&attempt, keys).unwrap_or(self.all.len());
        self.by_hop.insert(keys.hop, n);
        self.by_dialog.insert(keys.dialog, n);
        let got = self.got.entry(attempt.dst).or_default();
        if got.len() >= MOST_RECENT {
            got.pop_front();
        }
        got.push_back(n);
        if n == self.all.len() {
            self.by_call.entry(keys.call).or_insert(n);
            self.by_transaction.entry(keys.transaction).or_insert(n);
            attempt.parent = self.parent(&attempt);
            self.all.push(attempt);
        }
    }

    /// The same attempt with another address at one end: seen on the other side of a translation, or by an agent
    /// that knows its host by another address.
    fn seen_before(&mut self, attempt: &Attempt, keys: &Keys) -> Option<usize> {
        let first = *self.by_transaction.get(&keys.transaction)?;
        let same = self.all.get(first)?;
        let other = alias((same.src, same.dst), (attempt.src, attempt.dst))?;
        self.aliases.extend(Some(other).filter(|_| self.aliases.len() < limits::LEARNT_ALIASES));
        Some(first)
    }

    /// The attempt that its sender got and sends on with this one: the surest sign counts, then the newest.
    fn parent(&self, attempt: &Attempt) -> Option<(usize, Link)> {
        let got = self.got.get(&attempt.src).into_iter().flatten().rev();
        let open =
            got.filter_map(|n| self.all.get(*n).filter(|before| before.is_open()).map(|before| (*n, before)));
        let links = open.filter_map(|(n, before)| linked(before, attempt).map(|link| (n, link)));
        let best = links.min_by_key(|(_, link)| *link as u8);
        best.or_else(|| self.through_other_address(attempt))
    }

    /// With one Via more than the first attempt of the same call, the same host stands between them.
    fn through_other_address(&self, attempt: &Attempt) -> Option<(usize, Link)> {
        let n = *self.by_call.get(&attempt.call)?;
        let first = self.all.get(n)?;
        let apart = first.src != attempt.src && first.dst != attempt.src && first.dst != attempt.dst;
        (apart && first.is_open() && attempt.vias == first.vias + 1).then_some((n, Link::OtherAddress))
    }

    fn keys(&self, datagram: &Datagram<'_>, message: &Message<'_>) -> Option<Keys> {
        let call_id = message.call_id()?;
        let cseq = message.cseq()?.number.to_be_bytes();
        let (src, dst) = (datagram.src.ip().to_canonical(), datagram.dst.ip().to_canonical());
        let hosts = format!("{} {}", src.min(dst), src.max(dst));
        let branch = message.top_via().and_then(|via| via.branch).unwrap_or_default();
        Some(Keys {
            call: hashed(self.seed, &[call_id]),
            transaction: hashed(self.seed, &[call_id, branch, &cseq]),
            hop: hashed(self.seed, &[call_id, branch, &cseq, hosts.as_bytes()]),
            dialog: hashed(self.seed, &[call_id, hosts.as_bytes()]),
        })
    }
}

struct Keys {
    call: u64,
    transaction: u64,
    hop: u64,
    dialog: u64,
}

/// The two addresses of one end, if the other end has one.
fn alias(one: (IpAddr, IpAddr), other: (IpAddr, IpAddr)) -> Option<(IpAddr, IpAddr)> {
    match (one.0 == other.0, one.1 == other.1) {
        (true, false) => Some((one.1, other.1)),
        (false, true) => Some((one.0, other.0)),
        _ => None,
    }
}

/// How `next` is known to be sent on for `before`, which its sender got.
fn linked(before: &Attempt, next: &Attempt) -> Option<Link> {
    if before.call == next.call {
        return Some(Link::CallId);
    }
    if before.cancelled.is_some() {
        return None;
    }
    if next.ids.iter().any(|id| before.ids.contains(id) || *id == before.call) {
        return Some(Link::Ids);
    }
    if before.media.is_some() && before.media == next.media {
        return Some(Link::Media);
    }
    if before.caller.is(&next.caller) {
        return Some(Link::Caller);
    }
    let soon = next.at.since(before.at) <= RIGHT_AFTER;
    (soon && before.called.is(&next.called)).then_some(Link::Called)
}

fn says_elsewhere(message: &Message<'_>) -> bool {
    reasons(message).any(|reason| match reason.cause {
        Some(200) => reason.protocol.eq_ignore_ascii_case(b"SIP"),
        Some(26) => reason.protocol.eq_ignore_ascii_case(b"Q.850"),
        _ => false,
    })
}

fn hashed(seed: u64, parts: &[&[u8]]) -> u64 {
    let hasher = SipHasher13::new_with_keys(seed, seed.rotate_left(32) ^ 0x6c65_6172_6e00_0000);
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    hasher.hash(&bytes)
}

/// Among so many of the newest that a host got the one it sends on is looked for.
const MOST_RECENT: usize = 256;

/// How soon an attempt to the same number follows the one it is sent on for.
const RIGHT_AFTER: Span = Span::from_secs(3);

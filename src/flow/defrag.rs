//! IP fragments put together, by (source, destination, id, protocol); what came first stays.
//!
//! A packet waits 5 s of capture time for its fragments. At most 1,024 packets and 4 MiB are held, the
//! oldest go first. A whole packet is remembered by what its fragments were, so that a second copy of them
//! (a mirror of two ports) doesn't make a second packet.

use std::hash::BuildHasher;
use std::net::IpAddr;

use super::Counters;
use super::pieces::Pieces;
use super::table::{Keyed, Table};
use crate::limits;
use crate::time::{Span, Timestamp};
use crate::wire::frame::{Fragment, IpPacket};

/// Packets of which some fragments are there.
pub(super) struct Defrag {
    keyed: Keyed,
    waiting: Table<Key, Entry>,
    cost: usize,
}

type Key = (IpAddr, IpAddr, u32, u8);

struct Entry {
    since: Timestamp,
    pieces: Pieces,
    total: Option<u64>,
    /// Fragments that were taken, for the count if the packet never becomes whole.
    taken: u64,
    /// True once the packet was handed out.
    done: bool,
    /// Offset and hash of the fragments seen.
    marks: Vec<(u32, u64)>,
}

impl Defrag {
    pub(super) fn new(keyed: Keyed) -> Defrag {
        Defrag { waiting: Table::new(keyed.clone()), keyed, cost: 0 }
    }

    /// Takes a fragment; returns the whole payload if it was the last one missing.
    pub(super) fn push(
        &mut self,
        at: Timestamp,
        packet: &IpPacket<'_>,
        counters: &mut Counters,
    ) -> Option<Vec<u8>> {
        let fragment = packet.fragment?;
        self.expire(at, counters);
        if !sound(&fragment, packet) {
            counters.fragments_dropped += 1;
            return None;
        }
        let key = (packet.src, packet.dst, fragment.id, packet.proto);
        let mark = (fragment.offset, self.keyed.hash_one(packet.payload));
        if let Some(entry) = self.waiting.get(&key).filter(|entry| entry.done) {
            if entry.marks.contains(&mark) {
                counters.fragments_repeated += 1;
                return None;
            }
            self.drop_entry(&key, counters);
        }
        if self.waiting.get(&key).is_none() {
            self.waiting.insert(key, Entry::new(at));
            self.cost += ENTRY_COST;
        }
        let entry = self.waiting.get(&key)?;
        let before = entry.cost();
        match entry.take(fragment, packet.payload, mark) {
            Taken::New => {}
            Taken::Nothing => counters.fragments_repeated += 1,
            Taken::Conflict => counters.fragments_dropped += 1,
        }
        let whole = entry.whole();
        self.cost = (self.cost + entry.cost()).saturating_sub(before);
        self.shrink(counters);
        whole
    }

    fn expire(&mut self, at: Timestamp, counters: &mut Counters) {
        while let Some((&key, entry)) = self.waiting.oldest() {
            if at.since(entry.since) <= PATIENCE {
                break;
            }
            self.drop_entry(&key, counters);
        }
    }

    fn shrink(&mut self, counters: &mut Counters) {
        while self.waiting.len() > limits::FRAGMENTED || self.cost > limits::FRAGMENTS_HELD {
            let Some((&key, _)) = self.waiting.oldest() else { break };
            self.drop_entry(&key, counters);
        }
    }

    fn drop_entry(&mut self, key: &Key, counters: &mut Counters) {
        let Some(entry) = self.waiting.remove(key) else { return };
        self.cost = self.cost.saturating_sub(ENTRY_COST + entry.cost());
        if !entry.done {
            counters.fragments_dropped += entry.taken;
        }
    }
}

enum Taken {
    New,
    Nothing,
    Conflict,
}

impl Entry {
    fn new(since: Timestamp) -> Entry {
        Entry { since, pieces: Pieces::default(), total: None, taken: 0, done: false, marks: Vec::new() }
    }

    fn take(&mut self, fragment: Fragment, payload: &[u8], mark: (u32, u64)) -> Taken {
        let at = u64::from(fragment.offset);
        let end = at + payload.len() as u64;
        let beyond = self.total.is_some_and(|total| end > total);
        let differs =
            !fragment.more && (self.total.is_some_and(|total| end != total) || end < self.pieces.end());
        if beyond || differs {
            return Taken::Conflict;
        }
        let closes = !fragment.more && self.total.is_none();
        if closes {
            self.total = Some(end);
        }
        if self.pieces.insert(at, payload) == 0 && !closes {
            return Taken::Nothing;
        }
        self.taken += 1;
        if self.marks.len() < limits::FRAGMENT_MARKS {
            self.marks.push(mark);
        }
        Taken::New
    }

    fn whole(&mut self) -> Option<Vec<u8>> {
        if self.done || self.total != Some(self.pieces.bytes() as u64) {
            return None;
        }
        let whole = self.pieces.join();
        self.pieces = Pieces::default();
        self.done = true;
        Some(whole)
    }

    fn cost(&self) -> usize {
        self.pieces.cost() + self.marks.capacity() * size_of::<(u32, u64)>()
    }
}

/// All but the last are multiples of 8 bytes (RFC 791), none is empty, cut, or ends beyond 64 KiB.
fn sound(fragment: &Fragment, packet: &IpPacket<'_>) -> bool {
    let len = packet.payload.len();
    packet.missing == 0
        && len > 0
        && (!fragment.more || len.is_multiple_of(8))
        && fragment.offset as usize + len <= MAX_WHOLE
}

const PATIENCE: Span = Span::from_secs(5);
const MAX_WHOLE: usize = 65_535;
/// The entry itself with its key and place in the table, roughly.
const ENTRY_COST: usize = 320;

#[cfg(test)]
mod tests {
    use super::*;

    fn fragment(id: u32, offset: u32, payload: &[u8]) -> IpPacket<'_> {
        IpPacket {
            src: [10, 0, 0, 1].into(),
            dst: [10, 0, 0, 2].into(),
            proto: 17,
            payload,
            missing: 0,
            fragment: Some(Fragment { id, offset, more: true }),
            depth: 0,
        }
    }

    #[test]
    fn memory_stays_within_its_bounds_and_is_booked_exactly() {
        let (mut defrag, mut counters) = (Defrag::new(Keyed::new(1)), Counters::default());
        for n in 0..200_000u32 {
            let (id, offset) = (n % 1_500, n / 1_500 * 480 % 60_000);
            defrag.push(Timestamp::from_micros(0), &fragment(id, offset, &[1; 480]), &mut counters);
            assert!(defrag.cost <= limits::FRAGMENTS_HELD && defrag.waiting.len() <= limits::FRAGMENTED);
            if n % 5_000 == 0 {
                let cost: usize = defrag.waiting.values().map(|entry| ENTRY_COST + entry.cost()).sum();
                assert_eq!(defrag.cost, cost);
            }
        }
        assert!(counters.fragments_dropped > 100_000);
    }

    #[test]
    fn the_oldest_packet_goes_first() {
        let (mut defrag, mut counters) = (Defrag::new(Keyed::new(1)), Counters::default());
        for id in 0..=1_024 {
            defrag.push(Timestamp::from_micros(0), &fragment(id, 0, &[1; 8]), &mut counters);
        }
        let last = |id| IpPacket {
            fragment: Some(Fragment { id, offset: 8, more: false }),
            ..fragment(id, 8, &[2; 4])
        };
        assert!(defrag.push(Timestamp::from_micros(0), &last(1), &mut counters).is_some());
        assert!(defrag.push(Timestamp::from_micros(0), &last(0), &mut counters).is_none());
    }
}

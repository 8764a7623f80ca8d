//! Byte ranges of something whose middle may be missing: IP fragments and TCP segments ahead of a gap.

use std::collections::BTreeMap;

/// Ranges that don't overlap; what came first stays.
#[derive(Default)]
pub(super) struct Pieces {
    ranges: BTreeMap<u64, Box<[u8]>>,
    bytes: usize,
}

impl Pieces {
    /// Keeps those bytes of `data`, which starts at `at`, that aren't there yet. Returns how many.
    pub(super) fn insert(&mut self, at: u64, data: &[u8]) -> usize {
        let end = at.saturating_add(data.len() as u64);
        let before = self.bytes;
        let mut from = at.max(self.end_of_range_at(at));
        while from < end {
            let next = self.ranges.range(from..end).next();
            let (until, resume) = next.map_or((end, end), |(&start, r)| (start, start + r.len() as u64));
            if let Some(fresh) = slice(data, from - at, until - at) {
                self.bytes += fresh.len();
                self.ranges.insert(from, fresh.into());
            }
            from = resume;
        }
        self.bytes - before
    }

    /// Takes out the range that starts at `at`.
    pub(super) fn take(&mut self, at: u64) -> Option<Box<[u8]>> {
        let range = self.ranges.remove(&at)?;
        self.bytes -= range.len();
        Some(range)
    }

    /// Where the first range starts.
    pub(super) fn start(&self) -> Option<u64> {
        self.ranges.first_key_value().map(|(&start, _)| start)
    }

    /// Where the last range ends, 0 if there is none.
    pub(super) fn end(&self) -> u64 {
        self.ranges.last_key_value().map_or(0, |(start, range)| start + range.len() as u64)
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Memory held, with what each range costs beside its bytes.
    pub(super) fn cost(&self) -> usize {
        self.bytes + self.ranges.len() * RANGE_COST
    }

    /// All ranges in order.
    pub(super) fn join(&self) -> Vec<u8> {
        let mut whole = Vec::with_capacity(self.bytes);
        self.ranges.values().for_each(|range| whole.extend_from_slice(range));
        whole
    }

    fn end_of_range_at(&self, at: u64) -> u64 {
        self.ranges.range(..=at).next_back().map_or(0, |(start, range)| start + range.len() as u64)
    }
}

/// A non-empty part of `data`.
fn slice(data: &[u8], from: u64, until: u64) -> Option<&[u8]> {
    let part = data.get(usize::try_from(from).ok()?..usize::try_from(until).ok()?)?;
    (!part.is_empty()).then_some(part)
}

/// A map entry and an allocation, roughly.
const RANGE_COST: usize = 96;

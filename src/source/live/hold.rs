//! Puts what several taps bring into the order of capture time.
//!
//! A batch waits a while after it came for packets that were captured before its own; then all that was
//! captured up to its last packet goes out, in order. So a packet waits at most that long, and one that comes
//! too late goes out late, as it is. When a clock was set back, only what was here then is out of order. How
//! much waits is bounded: over that, the oldest doesn't wait.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use slab::Slab;

use super::batch::Batch;
use crate::time::{Span, Timestamp};
use crate::wire::packet::{Packet, TapId};

/// The packets that wait for their turn.
pub(super) struct Hold {
    /// How long a batch waits.
    wait: Span,
    slots: Slab<Slot>,
    /// The next packet of each slot.
    heads: BinaryHeap<Reverse<Head>>,
    /// The slots in the order they came, each with the time it came; what was reused since is told by its number.
    queue: VecDeque<(Span, usize, u64)>,
    /// What was captured up to here is due.
    due: Option<Timestamp>,
    /// The slot whose last packet was handed out.
    spent: Option<usize>,
    bytes: usize,
    batches: u64,
    finished: bool,
}

struct Slot {
    tap: TapId,
    number: u64,
    batch: Batch,
    next: usize,
}

/// By capture time, then tap, then number.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Head {
    at: Timestamp,
    tap: TapId,
    n: u64,
    slot: usize,
}

/// Which packet is due.
#[derive(Clone, Copy)]
pub(super) struct Place {
    slot: usize,
    index: usize,
}

impl Hold {
    /// Nothing waits longer than `wait`.
    pub fn new(wait: Span) -> Hold {
        Hold {
            wait,
            slots: Slab::new(),
            heads: BinaryHeap::new(),
            queue: VecDeque::new(),
            due: None,
            spent: None,
            bytes: 0,
            batches: 0,
            finished: false,
        }
    }

    /// Takes what a tap brought at `came`.
    pub fn take(&mut self, tap: TapId, mut batch: Batch, came: Span) {
        batch.sort();
        let Some((at, n)) = batch.place(0) else { return };
        self.bytes += batch.size();
        self.batches += 1;
        let number = self.batches;
        let slot = self.slots.insert(Slot { tap, number, batch, next: 0 });
        self.heads.push(Reverse(Head { at, tap, n, slot }));
        self.queue.push_back((came, slot, number));
    }

    /// The next packet that is due at `now`.
    pub fn next(&mut self, now: Span) -> Option<Place> {
        loop {
            let Some(Reverse(head)) = self.heads.peek() else {
                self.queue.clear();
                self.due = None;
                return None;
            };
            if self.due.is_some_and(|due| head.at <= due) {
                return self.step();
            }
            self.due = None;
            let (came, slot, number) = *self.queue.front()?;
            if !(now >= came + self.wait || self.finished || self.bytes > MOST) {
                return None;
            }
            self.queue.pop_front();
            let waiting = self.slots.get(slot).filter(|slot| slot.number == number);
            self.due = waiting.and_then(|slot| slot.batch.latest());
        }
    }

    /// The packet at a place that `next` told last.
    pub fn packet(&self, place: Place) -> Option<Packet<'_>> {
        let slot = self.slots.get(place.slot)?;
        slot.batch.packet(place.index, slot.tap)
    }

    /// The batch whose last packet has been seen, to be used again.
    pub fn take_spent(&mut self) -> Option<Batch> {
        let slot = self.slots.try_remove(self.spent.take()?)?;
        self.bytes = self.bytes.saturating_sub(slot.batch.size());
        Some(slot.batch)
    }

    /// When, after `now`, the next packet is due, as long as nothing more comes.
    pub fn wait(&self, now: Span) -> Option<Span> {
        let (came, ..) = self.queue.front()?;
        let until = (*came + self.wait).as_micros().saturating_sub(now.as_micros());
        Some(Span::from_micros(until.max(0)))
    }

    /// Nothing waits from now on.
    pub fn finish(&mut self) {
        self.finished = true;
    }

    fn step(&mut self) -> Option<Place> {
        let Reverse(Head { slot: at, .. }) = self.heads.pop()?;
        let slot = self.slots.get_mut(at)?;
        let place = Place { slot: at, index: slot.next };
        slot.next += 1;
        match slot.batch.place(slot.next) {
            Some((time, n)) => self.heads.push(Reverse(Head { at: time, tap: slot.tap, n, slot: at })),
            None => self.spent = Some(at),
        }
        Some(place)
    }
}

/// More bytes than this don't wait.
const MOST: usize = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::super::batch::Frame;
    use super::*;
    use crate::wire::packet::LinkType;

    fn ms(ms: i64) -> Span {
        Span::from_millis(ms)
    }

    /// A batch with packets of these capture times, in milliseconds, numbered from `first` on.
    fn batch(first: u64, times: &[i64]) -> Batch {
        let mut batch = Batch::default();
        for (n, time) in (first..).zip(times) {
            let at = Timestamp::from_micros(time * 1_000);
            batch.frame(n, &Frame { at, link: LinkType(1), parts: [b"x", b"", b""], wire_len: 1 });
        }
        batch
    }

    /// (milliseconds, tap, number) of all that is due at `now`.
    fn due(hold: &mut Hold, now: i64) -> Vec<(i64, u16, u64)> {
        let mut seen = Vec::new();
        while let Some(place) = hold.next(ms(now)) {
            let packet = hold.packet(place).expect("a packet");
            seen.push((packet.at.as_micros() / 1_000, packet.frame.tap.0, packet.frame.n));
            hold.take_spent();
        }
        seen
    }

    #[test]
    fn a_packet_waits_a_tenth_of_a_second_for_older_ones_of_other_taps() {
        let mut hold = Hold::new(ms(100));
        hold.take(TapId(0), batch(1, &[10, 20, 30]), ms(0));
        hold.take(TapId(1), batch(1, &[5, 25, 45]), ms(60));
        assert_eq!(due(&mut hold, 99), []);
        assert_eq!(hold.wait(ms(60)), Some(ms(40)));
        assert_eq!(due(&mut hold, 100), [(5, 1, 1), (10, 0, 1), (20, 0, 2), (25, 1, 2), (30, 0, 3)]);
        assert_eq!(due(&mut hold, 159), []);
        assert_eq!(due(&mut hold, 160), [(45, 1, 3)]);
        assert_eq!((hold.bytes, hold.slots.len(), hold.wait(ms(160))), (0, 0, None));
    }

    #[test]
    fn what_one_agent_sends_out_of_order_is_put_in_order() {
        let mut hold = Hold::new(ms(100));
        hold.take(TapId(0), batch(1, &[30, 10, 20]), ms(0));
        hold.take(TapId(0), batch(4, &[15]), ms(50));
        assert_eq!(due(&mut hold, 100), [(10, 0, 2), (15, 0, 4), (20, 0, 3), (30, 0, 1)]);
    }

    #[test]
    fn what_comes_too_late_goes_out_late_and_alone() {
        let mut hold = Hold::new(ms(100));
        hold.take(TapId(0), batch(1, &[100]), ms(0));
        assert_eq!(due(&mut hold, 100), [(100, 0, 1)]);
        hold.take(TapId(1), batch(1, &[50]), ms(110));
        hold.take(TapId(0), batch(2, &[200]), ms(110));
        assert_eq!(due(&mut hold, 210), [(50, 1, 1), (200, 0, 2)]);
    }

    #[test]
    fn a_clock_set_back_disturbs_only_what_was_held_then() {
        let mut hold = Hold::new(ms(100));
        hold.take(TapId(0), batch(1, &[3_600_000]), ms(0));
        assert_eq!(due(&mut hold, 100), [(3_600_000, 0, 1)]);
        hold.take(TapId(0), batch(2, &[20]), ms(110));
        hold.take(TapId(1), batch(1, &[10]), ms(150));
        assert_eq!(due(&mut hold, 209), []);
        assert_eq!(due(&mut hold, 210), [(10, 1, 1), (20, 0, 2)]);
    }

    #[test]
    fn equal_times_come_by_tap_and_number() {
        let mut hold = Hold::new(ms(100));
        hold.take(TapId(1), batch(1, &[7, 7]), ms(0));
        hold.take(TapId(0), batch(1, &[7]), ms(0));
        assert_eq!(due(&mut hold, 100), [(7, 0, 1), (7, 1, 1), (7, 1, 2)]);
    }

    #[test]
    fn too_much_to_hold_does_not_wait() {
        let mut hold = Hold::new(ms(100));
        let mut large = Batch::default();
        let (at, bytes) = (Timestamp::from_micros(1), vec![0; MOST + 1]);
        large.frame(1, &Frame { at, link: LinkType(1), parts: [&bytes, b"", b""], wire_len: 1 });
        hold.take(TapId(0), large, ms(0));
        hold.take(TapId(0), batch(2, &[5]), ms(0));
        assert_eq!(due(&mut hold, 0), [(0, 0, 1)]);
        hold.finish();
        assert_eq!(due(&mut hold, 0), [(5, 0, 2)]);
    }

    #[test]
    fn what_need_not_wait_goes_out_at_once() {
        let mut hold = Hold::new(Span::ZERO);
        hold.take(TapId(0), batch(1, &[30, 40]), ms(7));
        assert_eq!(due(&mut hold, 7), [(30, 0, 1), (40, 0, 2)]);
    }

    #[test]
    fn an_empty_batch_leaves_nothing_behind() {
        let mut hold = Hold::new(ms(100));
        hold.take(TapId(0), Batch::default(), ms(0));
        assert_eq!((due(&mut hold, 1_000), hold.slots.len()), (vec![], 0));
    }
}

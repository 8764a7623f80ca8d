//! What taps have brought and nobody took yet.
//!
//! Each tap has its own share of room. A tap that has used it up waits, so that a slow reader makes the kernel
//! drop packets, which is counted, instead of memory grow; and a flooded tap leaves the others their room.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::batch::Batch;
use super::{Drops, TapState};
use crate::time::Span;
use crate::wire::packet::TapId;

/// Between the threads of the taps and the reader.
pub(super) struct Queue {
    inside: Mutex<Inside>,
    came: Condvar,
    room: Condvar,
    stopping: AtomicBool,
}

struct Inside {
    items: VecDeque<Item>,
    /// Bytes that wait, by tap.
    waiting: Vec<usize>,
    spare: Vec<Batch>,
}

/// What a tap brings.
pub(super) enum Item {
    /// Packets, and when they came.
    Packets(TapId, Batch, Span),
    /// Packets that were lost.
    Drops(Drops),
    /// It works, or doesn't.
    State(TapState),
}

impl Queue {
    /// A queue for so many taps.
    pub fn new(taps: usize) -> Queue {
        let inside = Inside { items: VecDeque::new(), waiting: vec![0; taps], spare: Vec::new() };
        Queue {
            inside: Mutex::new(inside),
            came: Condvar::new(),
            room: Condvar::new(),
            stopping: AtomicBool::new(false),
        }
    }

    /// Adds packets, after waiting for room; once stopped, what has no room is left out.
    pub fn push(&self, tap: TapId, batch: Batch, came: Span) {
        let place = usize::from(tap.0);
        let mut inside = self.lock();
        while inside.waiting.get(place).is_some_and(|waiting| *waiting >= SHARE) {
            if self.is_stopping() {
                return;
            }
            inside = self.room.wait(inside).unwrap_or_else(PoisonError::into_inner);
        }
        if let Some(waiting) = inside.waiting.get_mut(place) {
            *waiting += batch.size();
        }
        inside.items.push_back(Item::Packets(tap, batch, came));
        self.came.notify_one();
    }

    /// Adds what a tap has to tell besides packets.
    pub fn tell(&self, item: Item) {
        self.lock().items.push_back(item);
        self.came.notify_one();
    }

    /// Takes all there is into `into`, which is empty; waits for something no longer than `wait`.
    pub fn take(&self, into: &mut VecDeque<Item>, wait: Span) {
        let mut inside = self.lock();
        if inside.items.is_empty() && wait > Span::ZERO {
            let wait = Duration::from_micros(u64::try_from(wait.as_micros()).unwrap_or(0));
            let empty = |inside: &mut Inside| inside.items.is_empty();
            let waited = self.came.wait_timeout_while(inside, wait, empty);
            inside = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        std::mem::swap(&mut inside.items, into);
        inside.waiting.fill(0);
        self.room.notify_all();
    }

    /// An empty batch, one that was used before if there is any.
    pub fn spare(&self) -> Batch {
        self.lock().spare.pop().unwrap_or_default()
    }

    /// Takes back a batch whose packets were seen.
    pub fn give_back(&self, batch: Batch) {
        let batch = batch.emptied();
        let mut inside = self.lock();
        if inside.spare.len() < SPARE {
            inside.spare.push(batch);
        }
    }

    /// Lets no tap wait any longer.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        let _inside = self.lock();
        self.room.notify_all();
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// A thread that panicked holding the lock leaves the queue as it was before or after a step.
    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many bytes of one tap may wait.
const SHARE: usize = 4 * 1024 * 1024;

/// So many used batches are kept.
const SPARE: usize = 8;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::super::batch::Frame;
    use super::*;
    use crate::time::Timestamp;
    use crate::wire::packet::LinkType;

    fn large() -> Batch {
        let mut batch = Batch::default();
        let parts = [&vec![0; SHARE][..], b"", b""];
        batch.frame(1, &Frame { at: Timestamp::default(), link: LinkType(1), parts, wire_len: 1 });
        batch
    }

    fn taken(queue: &Queue) -> usize {
        let mut items = VecDeque::new();
        queue.take(&mut items, Span::ZERO);
        items.len()
    }

    #[test]
    fn a_tap_without_room_waits_and_leaves_the_others_theirs() {
        let queue = Arc::new(Queue::new(2));
        queue.push(TapId(0), large(), Span::ZERO);
        let full = {
            let queue = queue.clone();
            thread::spawn(move || queue.push(TapId(0), large(), Span::ZERO))
        };
        queue.push(TapId(1), large(), Span::ZERO);
        let mut count = 0;
        while count < 3 {
            count += taken(&queue);
        }
        full.join().expect("it ends");
        assert_eq!((count, taken(&queue)), (3, 0));
    }

    #[test]
    fn stopping_frees_a_tap_that_waits() {
        let queue = Arc::new(Queue::new(1));
        queue.push(TapId(0), large(), Span::ZERO);
        let full = {
            let queue = queue.clone();
            thread::spawn(move || queue.push(TapId(0), large(), Span::ZERO))
        };
        queue.stop();
        full.join().expect("it ends");
        assert_eq!(taken(&queue), 1);
    }

    #[test]
    fn used_batches_come_again_up_to_a_number() {
        let queue = Queue::new(1);
        for _ in 0..SPARE + 3 {
            queue.give_back(Batch::default());
        }
        assert_eq!(queue.lock().spare.len(), SPARE);
        queue.spare();
        assert_eq!(queue.lock().spare.len(), SPARE - 1);
    }
}

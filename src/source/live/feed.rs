//! The end of the queue that a tap's thread holds: what it hands on, what it tells, what it waits for.

use std::os::fd::BorrowedFd;
use std::sync::Arc;

use rustix::event::PollFlags;

use super::batch::{Batch, Frame};
use super::bell::Bell;
use super::queue::{Item, Queue};
use super::tally::Tally;
use super::trouble::Trouble;
use super::wanted::{Wanted, Wish};
use super::{Drops, State, TapState};
use crate::clock::Clock;
use crate::time::{Span, Timestamp};
use crate::wire::packet::{Datagram, TapId};

/// What a tap's thread works with.
pub(in crate::source) struct Feed {
    pub clock: Arc<dyn Clock>,
    pub tally: Arc<Tally>,
    /// The name of the tap, for what it logs.
    pub id: Arc<str>,
    tap: TapId,
    queue: Arc<Queue>,
    bell: Arc<Bell>,
    wish: Arc<Wish>,
    seen_wish: u64,
    batch: Batch,
    packets: u64,
    state: Option<State>,
    ready: Vec<PollFlags>,
}

/// What all feeds of some taps share.
pub(super) struct Shared {
    pub clock: Arc<dyn Clock>,
    pub queue: Arc<Queue>,
    pub wish: Arc<Wish>,
}

impl Feed {
    pub(super) fn new(tap: TapId, id: &str, shared: &Shared, bell: Arc<Bell>, tally: Arc<Tally>) -> Feed {
        Feed {
            clock: shared.clock.clone(),
            tally,
            id: Arc::from(id),
            tap,
            queue: shared.queue.clone(),
            bell,
            wish: shared.wish.clone(),
            seen_wish: 0,
            batch: Batch::default(),
            packets: 0,
            state: None,
            ready: Vec::new(),
        }
    }

    /// Takes a frame.
    #[inline]
    pub fn frame(&mut self, frame: &Frame<'_>) {
        self.packets += 1;
        self.batch.frame(self.packets, frame);
        if self.batch.is_full() {
            self.flush();
        }
    }

    /// Takes a datagram.
    pub fn datagram(&mut self, datagram: &Datagram<'_>) {
        self.packets += 1;
        self.batch.datagram(self.packets, datagram);
        if self.batch.is_full() {
            self.flush();
        }
    }

    /// Hands on what was taken; waits if nobody takes it from there.
    pub fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let batch = std::mem::replace(&mut self.batch, self.queue.spare());
        Tally::add(&self.tally.packets, batch.len() as u64);
        Tally::add(&self.tally.bytes, batch.size() as u64);
        self.queue.push(self.tap, batch, self.clock.boottime());
    }

    /// Tells of packets that were lost between two times.
    pub fn drops(&mut self, count: u64, from: Timestamp, to: Timestamp) {
        if count > 0 {
            Tally::add(&self.tally.drops, count);
            self.queue.tell(Item::Drops(Drops { tap: self.tap, count, from, to }));
        }
    }

    /// Tells how the tap is, if that isn't what it told last.
    pub fn state(&mut self, state: State) {
        if self.state.as_ref() != Some(&state) {
            self.state = Some(state.clone());
            self.queue.tell(Item::State(TapState { tap: self.tap, state }));
        }
    }

    /// Tells that the tap works, or why it doesn't.
    pub fn told(&mut self, trouble: Option<Trouble>) {
        self.state(trouble.map_or(State::Up, State::Down));
    }

    pub fn is_stopping(&self) -> bool {
        self.queue.is_stopping()
    }

    /// What RTP is wanted now.
    pub fn wanted(&self) -> Wanted {
        self.wish.get()
    }

    /// What RTP is wanted now, if that has changed since this was asked before.
    pub fn newly_wanted(&mut self) -> Option<Wanted> {
        self.wish.newer(&mut self.seen_wish)
    }

    /// Waits until one of `fds` is ready, the bell is rung or the time is up; says what each is ready for.
    pub fn wait(
        &mut self,
        fds: &[(BorrowedFd<'_>, PollFlags)],
        longest: Span,
    ) -> Result<&[PollFlags], Trouble> {
        self.bell
            .wait(fds, longest, &mut self.ready)
            .map_err(|error| Trouble::system("wait for packets", &error))?;
        Ok(&self.ready)
    }
}

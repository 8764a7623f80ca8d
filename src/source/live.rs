//! Taps that listen while they run: each in a thread of its own, all as one stream in the order of time.
//!
//! | what it listens to | thread |
//! |---|---|
//! | an interface | `ring` |
//! | HEP agents | `hep_listener` |
//! | a folder | `folder_watch` |
//!
//! A tap that can't listen says so once and tries again each second; the others go on. Packets come in
//! batches and wait 100 ms for older ones, but those of a single interface or folder, which come in order.
//! Memory is bounded: a reader that is too slow makes the kernel drop packets, and is told how many.

mod batch;
mod bell;
mod feed;
mod hold;
mod queue;
mod tally;
#[cfg(test)]
pub(in crate::source) mod testing;
mod trouble;
mod wanted;

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::{folder_watch, hep_listener, ring};
use crate::clock::Clock;
use crate::settings::{Tap, TapKind};
use crate::time::{Span, Timestamp};
use crate::wire::packet::{Packet, TapId};

pub(in crate::source) use batch::Frame;
pub(in crate::source) use feed::Feed;
pub(in crate::source) use tally::Tally;
pub use tally::{AgentCounts, REFUSALS, Refused, TapCounts};
pub use trouble::Trouble;
pub use wanted::Wanted;

use bell::Bell;
use feed::Shared;
use hold::Hold;
use queue::{Item, Queue};
use wanted::Wish;

/// Taps that are listening.
pub struct Taps {
    clock: Arc<dyn Clock>,
    queue: Arc<Queue>,
    wish: Arc<Wish>,
    taps: Vec<Running>,
    hold: Hold,
    came: VecDeque<Item>,
    told: VecDeque<Live<'static>>,
}

/// What comes next.
#[derive(Clone, Debug)]
pub enum Live<'a> {
    /// A packet. It may be older than the one before, if it came more than 100 ms later than it should have.
    Packet(Packet<'a>),
    /// Packets were lost.
    Drops(Drops),
    /// A tap began to listen, or can't.
    State(TapState),
    /// Nothing came in the time given.
    Idle,
}

/// Packets that a tap lost because nobody took them in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drops {
    /// The tap.
    pub tap: TapId,
    /// How many.
    pub count: u64,
    /// After this time.
    pub from: Timestamp,
    /// Up to this time.
    pub to: Timestamp,
}

/// How a tap is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TapState {
    /// The tap.
    pub tap: TapId,
    /// How it is.
    pub state: State,
}

/// Whether a tap listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It does.
    Up,
    /// It doesn't, and tries again.
    Down(Trouble),
}

struct Running {
    bell: Arc<Bell>,
    tally: Arc<Tally>,
    thread: Option<JoinHandle<()>>,
}

impl Taps {
    /// Starts to listen; each tap then tells how it is. Taps are numbered as they come.
    ///
    /// # Errors
    /// If the system has no threads or descriptors left.
    pub fn start(taps: &[Tap], clock: Arc<dyn Clock>) -> io::Result<Taps> {
        let shared =
            Shared { clock: clock.clone(), queue: Arc::new(Queue::new(taps.len())), wish: Arc::default() };
        let mut started = Taps {
            clock,
            queue: shared.queue.clone(),
            wish: shared.wish.clone(),
            taps: Vec::new(),
            hold: Hold::new(hold(taps)),
            came: VecDeque::new(),
            told: VecDeque::new(),
        };
        for (number, tap) in (0..=u16::MAX).zip(taps) {
            let (bell, tally) = (Arc::new(Bell::new()?), Arc::<Tally>::default());
            let feed = Feed::new(TapId(number), &tap.id, &shared, bell.clone(), tally.clone());
            let kind = tap.kind.clone();
            let thread = thread::Builder::new().name(format!("tap {}", tap.id));
            let thread = Some(thread.spawn(move || listen(&kind, feed))?);
            started.taps.push(Running { bell, tally, thread });
        }
        Ok(started)
    }

    /// What comes next, after waiting for it no longer than `wait`.
    pub fn next(&mut self, wait: Span) -> Live<'_> {
        if let Some(spent) = self.hold.take_spent() {
            self.queue.give_back(spent);
        }
        let mut now = self.clock.boottime();
        let until = now + wait;
        loop {
            if let Some(told) = self.told.pop_front() {
                return told;
            }
            if let Some(place) = self.hold.next(now) {
                // A place that was just told is there.
                return self.hold.packet(place).map_or(Live::Idle, Live::Packet);
            }
            let left = until - now;
            let patience = self.hold.wait(now).map_or(left, |wait| wait.min(left));
            if !self.refill(patience) && left <= Span::ZERO {
                return Live::Idle;
            }
            now = self.clock.boottime();
        }
    }

    /// Says which RTP is worth capturing. All is, until something else is said.
    pub fn want(&self, wanted: Wanted) {
        if self.wish.change(wanted) {
            self.taps.iter().for_each(|tap| tap.bell.ring());
        }
    }

    /// What a tap has counted so far.
    pub fn counts(&self, tap: TapId) -> Option<TapCounts> {
        self.taps.get(usize::from(tap.0)).map(|tap| tap.tally.read())
    }

    /// Stops to listen, within a second. What has come by then is still handed out, without waiting.
    pub fn stop(&mut self) {
        self.queue.stop();
        self.taps.iter().for_each(|tap| tap.bell.ring());
        for tap in &mut self.taps {
            // A thread catches its own panics.
            let _ = tap.thread.take().map(JoinHandle::join);
        }
        self.hold.finish();
    }

    /// Takes what has come; false if that is nothing.
    fn refill(&mut self, patience: Span) -> bool {
        self.queue.take(&mut self.came, patience);
        let any = !self.came.is_empty();
        for item in self.came.drain(..) {
            match item {
                Item::Packets(tap, batch, came) => self.hold.take(tap, batch, came),
                Item::Drops(drops) => self.told.push_back(Live::Drops(drops)),
                Item::State(state) => self.told.push_back(Live::State(state)),
            }
        }
        any
    }
}

impl Drop for Taps {
    fn drop(&mut self) {
        self.stop();
    }
}

/// How long packets wait for older ones.
fn hold(taps: &[Tap]) -> Span {
    match taps {
        [Tap { kind: TapKind::Interface(_) | TapKind::Files { .. }, .. }] => Span::ZERO,
        _ => Span::from_millis(100),
    }
}

/// Listens until it is told to stop, beginning anew after each trouble.
fn listen(kind: &TapKind, mut feed: Feed) {
    while !feed.is_stopping() {
        let ended = catch_unwind(AssertUnwindSafe(|| match kind {
            TapKind::Interface(tap) => ring::listen(tap, &mut feed),
            TapKind::Hep(tap) => hep_listener::listen(tap, &mut feed),
            TapKind::Files { folder } => folder_watch::listen(folder, &mut feed),
        }));
        feed.flush();
        if let Err(trouble) = ended.unwrap_or(Err(Trouble::Fault)) {
            feed.told(Some(trouble));
            pause(&mut feed);
        }
    }
}

/// Waits for a second, or until the bell is rung.
fn pause(feed: &mut Feed) {
    // Without descriptors to wait for there is nothing else to be done.
    let _ = feed.wait(&[], AGAIN);
}

/// How long a tap waits before it tries again.
const AGAIN: Span = Span::from_secs(1);

#[cfg(test)]
mod tests;

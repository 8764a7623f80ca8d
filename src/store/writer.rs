//! The one thread that writes: it groups what gathered, and never loses what it took.
//!
//! | state | leaves by |
//! |---|---|
//! | waiting | a batch comes |
//! | gathering, at most 5 ms | the time is over, or an urgent batch comes |
//! | committing, at most 1,000 rows at once | success: told durable. Failure: degraded |
//! | degraded, again after 10 ms up to 1 s | success: recovered. Damage: the store is renewed, once per success |
//!
//! At most [`BOUND`] rows wait. The last tenth of that is for what decides about texts: a batch of nothing but
//! answered calls and open legs is refused before. What is refused is given back and counted; its numbers are missing
//! in the journal for good, and a text whose entry was refused must not leave.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::error::StoreError;
use super::open::Damage;
use super::{Batch, Store};
use crate::event::Event;

/// The thread's other end. Dropped, it still writes what it took, if the store lets it.
#[derive(Debug)]
pub struct Writer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Box<dyn Store>>>,
}

/// What the thread tells, from within itself: take it quickly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// So many rows are about to be committed.
    Writing(usize),
    /// They would survive a power cut.
    Written,
    /// All entries up to this number, but for those refused, would survive a power cut.
    Durable(u64),
    /// Commits fail, for this reason; told when the reason changes, not at every try.
    Degraded(String),
    /// Commits succeed again.
    Recovered,
    /// The store was found damaged, and goes on anew: nothing may be sent until an operator releases it.
    Damaged(Damage),
}

/// How the thread fares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The last number told durable.
    pub durable: u64,
    /// Rows that wait.
    pub waiting: usize,
    /// Entries refused because too many waited.
    pub refused: u64,
    /// Why commits fail; none if they don't.
    pub degraded: Option<String>,
}

/// Too much waits: the batch was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Full(pub Box<Batch>);

impl Writer {
    /// Starts the thread over a store. Fails if the system gives no thread.
    pub fn start(store: Box<dyn Store>, tell: impl FnMut(News) + Send + 'static) -> io::Result<Writer> {
        let shared = Arc::new(Shared::default());
        let hand = Hand {
            shared: Arc::clone(&shared),
            store,
            tell: Box::new(tell),
            held: Vec::new(),
            mended: false,
        };
        let thread = thread::Builder::new().name("store".to_owned()).spawn(move || hand.run())?;
        Ok(Writer { shared, thread: Some(thread) })
    }

    /// Takes a batch; `urgent` if a text waits for it to be durable. Never waits for the disk.
    pub fn put(&self, batch: Batch, urgent: bool) -> Result<(), Full> {
        let mut queue = self.shared.queue();
        let room = if is_essential(&batch) { BOUND } else { BOUND - RESERVE };
        if queue.rows.saturating_add(batch.rows()) > room {
            queue.refused += batch.entries.len() as u64;
            return Err(Full(Box::new(batch)));
        }
        queue.rows += batch.rows();
        queue.urgent |= urgent;
        queue.waiting.push_back(batch);
        drop(queue);
        self.shared.changed.notify_one();
        Ok(())
    }

    /// How many rows it takes of what decides about texts. Only `put` makes it less.
    pub fn room(&self) -> usize {
        BOUND.saturating_sub(self.shared.queue().rows)
    }

    /// Entries that it refused.
    pub fn refused(&self) -> u64 {
        self.shared.queue().refused
    }

    /// Has the thread do something with the store once what was put before is written: an erasure, a retention.
    pub fn ask<R: Send + 'static>(
        &self,
        act: impl FnOnce(&mut dyn Store) -> R + Send + 'static,
    ) -> Receiver<R> {
        let (answer, answered) = mpsc::channel();
        // Whoever asked may have gone.
        let job = move |store: &mut dyn Store| drop(answer.send(act(store)));
        self.shared.queue().jobs.push_back(Box::new(job));
        self.shared.changed.notify_one();
        answered
    }

    /// The last number told durable.
    pub fn durable(&self) -> u64 {
        self.shared.durable.load(Ordering::Acquire)
    }

    /// How the thread fares.
    pub fn standing(&self) -> Standing {
        let queue = self.shared.queue();
        Standing {
            durable: self.durable(),
            waiting: queue.rows,
            refused: queue.refused,
            degraded: queue.degraded.clone(),
        }
    }

    /// Writes what waits, ends the thread and gives the store back; none if the thread broke. What couldn't be
    /// written is what `Standing::waiting` then says.
    pub fn stop(mut self) -> (Option<Box<dyn Store>>, Standing) {
        let store = self.end();
        (store, self.standing())
    }

    fn end(&mut self) -> Option<Box<dyn Store>> {
        self.shared.queue().stopping = true;
        self.shared.changed.notify_one();
        self.thread.take()?.join().ok()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.end();
    }
}

type Job = Box<dyn FnOnce(&mut dyn Store) + Send>;

/// What waits for the thread.
#[derive(Default)]
struct Queue {
    waiting: VecDeque<Batch>,
    /// Rows that wait, those in the thread's hand among them.
    rows: usize,
    urgent: bool,
    jobs: VecDeque<Job>,
    stopping: bool,
    refused: u64,
    degraded: Option<String>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    durable: AtomicU64,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shared(durable {})", self.durable.load(Ordering::Acquire))
    }
}

impl Shared {
    /// A panic elsewhere leaves the queue as whole as it was.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for something to do, gathers, and moves what is to be committed next into `held`.
    fn gather(&self, held: &mut Vec<Batch>) -> (VecDeque<Job>, bool) {
        let idle = |queue: &mut Queue| queue.waiting.is_empty() && queue.jobs.is_empty() && !queue.stopping;
        let calm = |queue: &mut Queue| !queue.urgent && queue.jobs.is_empty() && !queue.stopping;
        let mut queue = self.queue();
        if held.is_empty() {
            queue = self.changed.wait_while(queue, idle).unwrap_or_else(PoisonError::into_inner);
            queue = match self.changed.wait_timeout_while(queue, GATHER, calm) {
                Ok((queue, _)) => queue,
                Err(poisoned) => poisoned.into_inner().0,
            };
            let mut rows = 0;
            while rows < GROUP
                && let Some(batch) = queue.waiting.pop_front()
            {
                rows += batch.rows();
                held.push(batch);
            }
            queue.urgent &= !queue.waiting.is_empty();
        }
        let is_last = queue.stopping && queue.waiting.is_empty();
        // What was put before a job is written before it.
        let jobs = if queue.waiting.is_empty() { std::mem::take(&mut queue.jobs) } else { VecDeque::new() };
        (jobs, is_last)
    }

    /// Jobs wait until what was put before them is written.
    fn put_off(&self, mut jobs: VecDeque<Job>) {
        let mut queue = self.queue();
        jobs.append(&mut queue.jobs);
        queue.jobs = jobs;
    }

    fn pause(&self, pause: Duration) {
        let queue = self.queue();
        drop(self.changed.wait_timeout_while(queue, pause, |queue| !queue.stopping));
    }
}

/// The thread: the store, and what is being written.
struct Hand {
    shared: Arc<Shared>,
    store: Box<dyn Store>,
    tell: Box<dyn FnMut(News) + Send>,
    held: Vec<Batch>,
    /// The store was renewed, and nothing was written since.
    mended: bool,
}

impl Hand {
    fn run(mut self) -> Box<dyn Store> {
        let mut pause = FIRST_PAUSE;
        loop {
            let (jobs, is_last) = self.shared.gather(&mut self.held);
            let written = self.held.is_empty() || self.write();
            if written {
                jobs.into_iter().for_each(|job| job(&mut *self.store));
            } else {
                self.shared.put_off(jobs);
            }
            if written {
                pause = FIRST_PAUSE;
                if is_last {
                    return self.store;
                }
            } else if self.shared.queue().stopping {
                return self.store;
            } else {
                self.shared.pause(pause);
                pause = (pause * 2).min(LAST_PAUSE);
            }
        }
    }

    /// Writes what is in hand; keeps it if that fails.
    fn write(&mut self) -> bool {
        (self.tell)(News::Writing(self.held.iter().map(Batch::rows).sum()));
        let mut result = self.store.commit(&self.held);
        if let Err(StoreError::Damaged { what }) = &result
            && !self.mended
        {
            result = self.mend(&what.clone());
        }
        match result {
            Ok(_) => self.wrote(),
            Err(error) => self.failed(error.to_string()),
        }
    }

    fn mend(&mut self, what: &str) -> Result<u64, StoreError> {
        let damage = self.store.renew(what)?;
        self.mended = true;
        (self.tell)(News::Damaged(damage));
        self.store.commit(&self.held)
    }

    fn wrote(&mut self) -> bool {
        let rows: usize = self.held.iter().map(Batch::rows).sum();
        let last = self.held.iter().flat_map(|batch| &batch.entries).map(|entry| entry.n).max();
        self.held.clear();
        self.mended = false;
        let mut queue = self.shared.queue();
        queue.rows = queue.rows.saturating_sub(rows);
        let recovered = queue.degraded.take().is_some();
        drop(queue);
        (self.tell)(News::Written);
        if let Some(n) = last {
            self.shared.durable.fetch_max(n, Ordering::AcqRel);
            (self.tell)(News::Durable(n));
        }
        if recovered {
            (self.tell)(News::Recovered);
        }
        true
    }

    fn failed(&mut self, why: String) -> bool {
        let before = self.shared.queue().degraded.replace(why.clone());
        if before.as_deref() != Some(&why) {
            (self.tell)(News::Degraded(why));
        }
        false
    }
}

/// Whether a batch may take the room that is kept for what decides about texts.
fn is_essential(batch: &Batch) -> bool {
    let weighs = |event: &Event| !matches!(event, Event::Call(call) if !call.missed);
    !batch.opt_outs.is_empty() || batch.entries.iter().any(|entry| weighs(&entry.event))
}

/// So many rows may wait.
pub const BOUND: usize = 100_000;
/// So many of them are kept for what decides about texts.
const RESERVE: usize = BOUND / 10;
/// So many rows are committed at once, or the one batch that has more.
const GROUP: usize = 1_000;
/// What gathers in this time is committed together.
const GATHER: Duration = Duration::from_millis(5);
/// A failed commit is tried again after this, then after twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// The longest wait between two tries.
const LAST_PAUSE: Duration = Duration::from_secs(1);

//! What other threads ask of the loop: figures, and what people want changed. Each is answered on its next turn.

use std::fmt;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};

use super::figures::Figures;
use crate::engine::Input;
use crate::event::Operator;
use crate::store::Store;
use crate::time::Span;

/// What the loop is asked.
pub enum Ask {
    /// All that can be told now.
    Figures(Sender<Figures>),
    /// The engine takes the first, one after the other, and the store does the second once it has what the engine said to
    /// it. All of that or, where too much waits for the disk, nothing.
    Act(Vec<Input<'static>>, Option<Job>),
    /// Texts may leave again.
    Release,
}

/// Something for the store's thread; without a store, whoever asked is told that too much waits for the disk.
pub type Job = Box<dyn FnOnce(Option<&mut dyn Store>) + Send>;

/// Why nobody can say that something is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotKept {
    /// Too much waits for the disk: it was not done, and may be asked for again.
    Full,
    /// The disk is slow: it is done later, if ringback runs on.
    Slow,
    /// Ringback ended before it was written.
    Ended,
}

impl fmt::Display for NotKept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotKept::Full => {
                "not done, too much waits for the disk already; make room for the store, then ask again"
            }
            NotKept::Slow => "the store can't be written now; it is done once it can, if ringback runs on",
            NotKept::Ended => "ringback ended before it was written; look whether it is done, else ask again",
        })
    }
}

/// How the loop is asked, by any thread.
#[derive(Clone)]
pub struct Asking {
    asks: Sender<Ask>,
}

impl Asking {
    /// Both ends.
    pub fn new() -> (Asking, Receiver<Ask>) {
        let (asks, asked) = channel();
        (Asking { asks }, asked)
    }

    /// All that can be told now; none if the loop doesn't turn.
    pub fn figures(&self) -> Option<Figures> {
        let (answer, answered) = channel();
        self.asks.send(Ask::Figures(answer)).ok()?;
        answered.recv_timeout(duration(TURN)).ok()
    }

    /// Has the engine take something, and then the store do `act`. What comes back is durable.
    ///
    /// # Errors
    /// It isn't, or not yet.
    pub fn act<R: Send + 'static>(
        &self,
        inputs: Vec<Input<'static>>,
        act: impl FnOnce(&mut dyn Store) -> R + Send + 'static,
    ) -> Result<R, NotKept> {
        let (answer, answered) = channel();
        // Whoever asked may have gone.
        let job = move |store: Option<&mut dyn Store>| drop(answer.send(store.map(act)));
        self.asks.send(Ask::Act(inputs, Some(Box::new(job)))).map_err(|_| NotKept::Ended)?;
        match answered.recv_timeout(duration(DISK)) {
            Ok(answer) => answer.ok_or(NotKept::Full),
            Err(RecvTimeoutError::Timeout) => Err(NotKept::Slow),
            Err(RecvTimeoutError::Disconnected) => Err(NotKept::Ended),
        }
    }

    /// Has the engine take something that the store has already.
    pub fn tell(&self, operator: Operator) {
        // Who isn't there any more reads it from the store.
        let _ = self.asks.send(Ask::Act(vec![Input::Operator(operator)], None));
    }

    /// Lets texts leave again.
    pub fn release(&self) {
        let _ = self.asks.send(Ask::Release);
    }
}

fn duration(span: Span) -> std::time::Duration {
    std::time::Duration::from_micros(u64::try_from(span.as_micros()).unwrap_or(0))
}

/// A loop that doesn't answer within this doesn't turn.
const TURN: Span = Span::from_secs(2);
/// A store that takes longer can't be written.
const DISK: Span = Span::from_secs(20);

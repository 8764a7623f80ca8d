//! What other threads ask of the loop: figures, and what people want changed. Each is answered on its next turn.

use std::sync::mpsc::{Receiver, Sender, channel};

use super::figures::Figures;
use crate::engine::Input;
use crate::event::Operator;
use crate::store::Store;
use crate::time::Span;

/// What the loop is asked.
pub enum Ask {
    /// All that can be told now.
    Figures(Sender<Figures>),
    /// The engine takes the first, one after the other, and the store does the second once it has what the engine said to it.
    Act(Vec<Input<'static>>, Option<Job>),
    /// Texts may leave again.
    Release,
}

/// Something for the store's thread.
pub type Job = Box<dyn FnOnce(&mut dyn Store) + Send>;

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

    /// Has the engine take something, and then the store do `act`; none if that takes too long, and then it is done
    /// later, or never if the daemon ends before.
    pub fn act<R: Send + 'static>(
        &self,
        inputs: Vec<Input<'static>>,
        act: impl FnOnce(&mut dyn Store) -> R + Send + 'static,
    ) -> Option<R> {
        let (answer, answered) = channel();
        // Whoever asked may have gone.
        let job = move |store: &mut dyn Store| drop(answer.send(act(store)));
        self.asks.send(Ask::Act(inputs, Some(Box::new(job)))).ok()?;
        answered.recv_timeout(duration(DISK)).ok()
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

//! A new tape in the middle of a run: the engine begins anew from what the store kept, as after a restart.
//!
//! Only in a moment without calls, and only if nothing happened while the store was read: then it is the same to
//! whoever calls.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};

use tracing::debug;

use super::figures::Counts;
use super::taping::Tape;
use crate::engine::Engine;
use crate::event::State;
use crate::settings::Settings;
use crate::store::{StoreError, Writer};
use crate::time::Timestamp;

/// What it takes, and how far it is.
pub struct Renewal {
    settings: Settings,
    seed: u64,
    /// What the store is asked for, and after how many batches.
    asked: Option<(u64, Receiver<Result<State, StoreError>>)>,
    /// Batches given to the store, and what else was changed in it.
    pub batches: u64,
    /// What the engines before this one counted.
    earlier: Counts,
}

impl Renewal {
    /// Nothing is wanted yet.
    pub fn new(settings: Settings, seed: u64) -> Renewal {
        Renewal { settings, seed, asked: None, batches: 0, earlier: Counts::default() }
    }

    /// Another configuration; which taps there are it can't change.
    pub fn reconfigure(&mut self, settings: &Settings) {
        let taps = std::mem::take(&mut self.settings.taps);
        self.settings = Settings { taps, ..settings.clone() };
    }

    /// What the engine counted, and those before it in this run.
    pub fn counts(&self, engine: &Engine) -> Counts {
        self.earlier.clone().and(Counts::of(&engine.summary()))
    }

    /// Is told in every turn of the loop in which nothing came.
    pub fn turn(&mut self, engine: &mut Engine, tape: &mut Tape, writer: &Writer) {
        match &self.asked {
            Some((batches, answer)) => {
                let same = *batches == self.batches && engine.is_quiet();
                match answer.try_recv() {
                    Err(TryRecvError::Empty) => return,
                    Ok(Ok(state)) if same && state.open_calls.is_empty() => self.renew(engine, tape, state),
                    _ => debug!("something happened; the tape goes on"),
                }
                self.asked = None;
            }
            None if tape.wants_another(engine.now()) && engine.is_quiet() => {
                self.asked = Some((self.batches, writer.ask(|store| store.load())));
            }
            None => {}
        }
    }

    #[cfg(test)]
    pub fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    fn renew(&mut self, engine: &mut Engine, tape: &mut Tape, state: State) {
        let now = engine.now();
        tape.end(now, None);
        tape.begin(&state, now);
        self.earlier = self.counts(engine);
        *engine = begun(&self.settings, state, self.seed, now);
    }
}

/// An engine that goes on from `state`.
pub fn begun(settings: &Settings, state: State, seed: u64, now: Timestamp) -> Engine {
    let mut engine = Engine::restore(settings, state, seed, now);
    engine.name_taps(settings.taps.iter().map(|tap| Arc::from(tap.id.as_str())).collect());
    engine
}

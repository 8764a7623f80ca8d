//! What the store needs while it is written: a copy each day, from which an opening goes on if it finds damage.
//!
//! The copy is made by a thread of its own; the loop only says when.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tracing::{info, warn};

use crate::clock::Clock;
use crate::store::{Place, back_up};
use crate::time::Span;

/// The copies of a store.
pub struct Upkeep {
    place: Place,
    clock: Arc<dyn Clock>,
    due: Span,
    copying: Option<JoinHandle<()>>,
}

impl Upkeep {
    /// The first copy is made an hour from now.
    pub fn new(place: Place, clock: Arc<dyn Clock>) -> Upkeep {
        let due = after(clock.boottime(), FIRST);
        Upkeep { place, clock, due, copying: None }
    }

    /// Is told in every turn of the loop.
    pub fn turn(&mut self) {
        let now = self.clock.boottime();
        if now < self.due || self.copying.as_ref().is_some_and(|copying| !copying.is_finished()) {
            return;
        }
        self.due = after(now, EVERY);
        let place = self.place.clone();
        let copy = move || match back_up(&place) {
            Ok(path) => info!("store copied to {}", path.display()),
            Err(error) => warn!("the store couldn't be copied: {error}; tried again tomorrow"),
        };
        self.copying = thread::Builder::new().name("backup".to_owned()).spawn(copy).ok();
    }
}

fn after(now: Span, span: Span) -> Span {
    Span::from_micros(now.as_micros().saturating_add(span.as_micros()))
}

const FIRST: Span = Span::from_secs(3_600);
const EVERY: Span = Span::from_secs(86_400);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::HandClock;
    use crate::store::Sqlite;
    use crate::time::Timestamp;

    #[test]
    fn the_store_is_copied_after_an_hour_and_then_each_day() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::new(folder.path().join("ringback.db"));
        let _store = Sqlite::open(&place).expect("opens");
        let clock = Arc::new(HandClock::at(Timestamp::from_parts(1_000, 0)));
        let mut upkeep = Upkeep::new(place.clone(), clock.clone());
        let mut copies = |passed: i64| {
            clock.pass(Span::from_secs(passed));
            upkeep.turn();
            upkeep.copying.take().map(|copying| copying.join().expect("copies")).is_some()
        };
        assert_eq!([copies(3_599), copies(1), copies(86_399), copies(1)], [false, true, false, true]);
        assert_eq!(std::fs::read_dir(&place.backups).expect("backups").count(), 1);
    }
}

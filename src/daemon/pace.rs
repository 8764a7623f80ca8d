//! The daemon's time: that of the wall, as long as it runs like a clock.
//!
//! Set back, it goes on at the pace of the clock that never is. Set forward, it follows at once: what falls due by that
//! is judged by how late it is.

use std::sync::Arc;

use tracing::warn;

use crate::clock::Clock;
use crate::time::{Span, Timestamp};

/// Time that never goes back.
pub struct Pace {
    clock: Arc<dyn Clock>,
    last: Timestamp,
    boot: Span,
    /// How far the wall is behind.
    behind: Span,
}

impl Pace {
    /// Not before `from`.
    pub fn new(clock: Arc<dyn Clock>, from: Timestamp) -> Pace {
        let boot = clock.boottime();
        Pace { clock, last: from, boot, behind: Span::ZERO }
    }

    /// What time it is.
    pub fn now(&mut self) -> Timestamp {
        let (wall, boot) = (self.clock.now(), self.clock.boottime());
        let steady = self.last + Span::from_micros(boot.as_micros().saturating_sub(self.boot.as_micros()));
        let is_behind = wall + SLEW < steady;
        let behind = if is_behind { steady.since(wall) } else { Span::ZERO };
        if is_behind && self.behind == Span::ZERO {
            warn!("the clock is {} s behind what was written already; going on without it", behind.as_secs());
        }
        self.behind = behind;
        self.last = if is_behind { steady } else { wall.max(self.last) };
        self.boot = boot;
        self.last
    }

    /// What time it was when the wall showed `at`, a moment ago.
    pub fn of(&self, at: Timestamp) -> Timestamp {
        (at + self.behind).min(self.last.max(at))
    }
}

/// A clock that is put right little by little is off by less.
const SLEW: Span = Span::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::HandClock;

    #[test]
    fn a_clock_set_back_is_not_followed_and_time_goes_on() {
        let start = Timestamp::from_parts(1_000, 0);
        let clock = Arc::new(HandClock::at(start));
        let mut pace = Pace::new(clock.clone(), start);
        clock.pass(Span::from_secs(5));
        assert_eq!(pace.now(), start + Span::from_secs(5));
        clock.set(start - Span::from_secs(3_600));
        clock.pass(Span::from_secs(2));
        assert_eq!(pace.now(), start + Span::from_secs(7));
        let wall = clock.now();
        assert_eq!(pace.of(wall - Span::from_secs(1)), start + Span::from_secs(6));
        clock.set(start + Span::from_secs(100));
        assert_eq!(pace.now(), start + Span::from_secs(100));
        assert_eq!(pace.of(clock.now()), clock.now());
    }

    #[test]
    fn time_runs_on_from_what_was_written_by_a_clock_that_was_ahead() {
        let clock = Arc::new(HandClock::at(Timestamp::from_parts(1_000, 0)));
        let mut pace = Pace::new(clock.clone(), Timestamp::from_parts(5_000, 0));
        clock.pass(Span::from_secs(3));
        assert_eq!(pace.now(), Timestamp::from_parts(5_003, 0));
    }
}

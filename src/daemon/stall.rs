//! Whether the loop was held up: by a machine that slept, was frozen, or had no time for it.
//!
//! Taps bring what the kernel kept meanwhile a moment later. Until then engine time must not run on to the clock's, or all
//! of that would come too late.

use std::sync::Arc;

use crate::clock::Clock;
use crate::time::Span;

/// The turns of a loop that comes round many times a second.
pub struct Stall {
    clock: Arc<dyn Clock>,
    last: Span,
    /// Until then taps may bring what is old.
    until: Span,
}

impl Stall {
    /// The first turn begins now.
    pub fn new(clock: Arc<dyn Clock>) -> Stall {
        let now = clock.boottime();
        Stall { clock, last: now, until: now }
    }

    /// Is told in every turn; whether what comes may be older than it ever is otherwise.
    pub fn turn(&mut self) -> bool {
        let now = self.clock.boottime();
        if now >= self.last + HELD_UP {
            self.until = now + CATCH_UP;
        }
        self.last = now;
        now < self.until
    }
}

/// A turn that waits for nothing but packets is over sooner.
const HELD_UP: Span = Span::from_millis(250);
/// Taps have brought what was kept for them after this.
const CATCH_UP: Span = Span::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::HandClock;
    use crate::time::Timestamp;

    #[test]
    fn a_loop_that_was_held_up_waits_for_what_taps_kept() {
        let clock = Arc::new(HandClock::at(Timestamp::from_parts(1_000, 0)));
        let mut stall = Stall::new(clock.clone());
        let mut after = |ms| {
            clock.pass(Span::from_millis(ms));
            stall.turn()
        };
        assert_eq!(
            [after(50), after(100), after(3_000), after(50), after(200)],
            [false, false, true, true, true]
        );
        assert_eq!([after(200), after(100), after(50)], [true, false, false]);
    }
}

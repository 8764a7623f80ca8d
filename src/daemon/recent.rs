//! How much SIP came of late: what was counted at each of the last ten minutes.

use std::collections::VecDeque;

use crate::time::{Span, Timestamp};

/// Counts at moments a minute apart, the oldest first.
#[derive(Debug, Default)]
pub struct Recent {
    counted: VecDeque<(Timestamp, u64)>,
}

impl Recent {
    /// Whether a minute has passed since the last count, or the clock was set back.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.counted.back().is_none_or(|(at, _)| now < *at || now >= *at + EACH)
    }

    /// Takes the count of a moment; a clock that was set back begins anew.
    pub fn note(&mut self, now: Timestamp, count: u64) {
        if self.counted.back().is_some_and(|(at, _)| now < *at) {
            self.counted.clear();
        }
        self.counted.push_back((now, count));
        while self.counted.len() > KEPT {
            self.counted.pop_front();
        }
    }

    /// How long ago the oldest count was, at most about ten minutes, and how many came since then.
    pub fn since(&self, now: Timestamp, count: u64) -> (Span, u64) {
        let (at, before) = self.counted.front().copied().unwrap_or((now, count));
        (now.since(at).max(Span::ZERO), count.saturating_sub(before))
    }
}

const EACH: Span = Span::from_secs(60);
const KEPT: usize = 11;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_in_the_last_ten_minutes_counts() {
        let minute = |n: i64| Timestamp::from_parts(n * 60, 0);
        let mut recent = Recent::default();
        assert_eq!(recent.since(minute(0), 7), (Span::ZERO, 0));
        for n in 0..30 {
            assert!(recent.is_due(minute(n)));
            recent.note(minute(n), 100 * n as u64);
            assert!(!recent.is_due(minute(n) + Span::from_secs(59)));
        }
        assert_eq!(recent.since(minute(29), 2_905), (Span::from_secs(600), 1_005));
        assert!(recent.is_due(minute(3)), "the clock was set back");
        recent.note(minute(3), 3_000);
        assert_eq!(recent.since(minute(4), 3_001), (Span::from_secs(60), 1));
    }
}

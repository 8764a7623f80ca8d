//! What is measured where it happens: how long a verdict takes to be durable, how big commits are and how long they take.
//!
//! The loop says what it put and when the verdicts in it fell; the store's thread says what became durable. The time of
//! a verdict is engine time, and begins to count once the slack and the hold of the taps have passed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::histogram::Histogram;
use crate::clock::Clock;
use crate::store::News;
use crate::time::Span;

/// The measuring, shared by the loop, the store's thread and whoever asks.
pub struct Gauge {
    clock: Arc<dyn Clock>,
    measures: Mutex<Measures>,
}

/// What was measured so far.
#[derive(Clone, Debug)]
pub struct Measures {
    /// From the verdict on a call to the durable row of the text it causes.
    pub outbox: Histogram,
    /// How long commits took that succeeded.
    pub commits: Histogram,
    /// Rows of each.
    pub rows: Histogram,
    /// Commits that failed.
    pub failed: u64,
    /// Why no texts leave until an operator says so.
    pub hold: Option<String>,
    /// Texts that were put and aren't durable yet: their entries, and when their verdicts fell.
    waiting: VecDeque<(u64, Span)>,
    /// When the commit under way began, and its rows.
    commit: Option<(Span, usize)>,
}

impl Gauge {
    /// Nothing measured yet; `hold` is why no texts leave.
    pub fn new(clock: Arc<dyn Clock>, hold: Option<String>) -> Gauge {
        let measures = Measures {
            outbox: Histogram::of_time(),
            commits: Histogram::of_time(),
            rows: Histogram::of_sizes(),
            failed: 0,
            hold,
            waiting: VecDeque::new(),
            commit: None,
        };
        Gauge { clock, measures: Mutex::new(measures) }
    }

    /// A text's entry is about to be put; its verdict fell so long ago.
    pub fn planned(&self, n: u64, ago: Span) {
        let now = self.clock.boottime().as_micros();
        let fell = Span::from_micros(now.saturating_sub(ago.as_micros()));
        self.measures().waiting.push_back((n, fell));
    }

    /// The entry was refused after all.
    pub fn refused(&self, n: u64) {
        self.measures().waiting.retain(|(waiting, _)| *waiting != n);
    }

    /// The store's thread told something.
    pub fn hear(&self, news: &News) {
        let now = self.clock.boottime();
        let mut measures = self.measures();
        match news {
            News::Writing(rows) => {
                // One that is still there didn't succeed.
                measures.failed += u64::from(measures.commit.is_some());
                measures.commit = Some((now, *rows));
            }
            News::Written => {
                if let Some((began, rows)) = measures.commit.take() {
                    measures.commits.observe(micros(began, now));
                    measures.rows.observe(rows as u64);
                }
            }
            News::Durable(n) => measures.durable(*n, now),
            News::Damaged(damage) => measures.hold = Some(damage.to_string()),
            News::Degraded(_) | News::Recovered => {}
        }
    }

    /// An operator wants texts to leave again.
    pub fn release(&self) {
        self.measures().hold = None;
    }

    /// What was measured so far.
    pub fn read(&self) -> Measures {
        self.measures().clone()
    }

    fn measures(&self) -> MutexGuard<'_, Measures> {
        self.measures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Measures {
    fn durable(&mut self, n: u64, now: Span) {
        while let Some((_, fell)) = self.waiting.front().copied().filter(|(waiting, _)| *waiting <= n) {
            self.waiting.pop_front();
            self.outbox.observe(micros(fell, now));
        }
    }
}

fn micros(from: Span, to: Span) -> u64 {
    u64::try_from(to.as_micros().saturating_sub(from.as_micros())).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::HandClock;
    use crate::time::Timestamp;

    fn shown(histogram: &Histogram) -> String {
        let mut text = String::new();
        histogram.write(&mut text, "x");
        text
    }

    #[test]
    fn a_verdict_counts_from_when_it_fell_to_when_its_text_is_durable() {
        let clock = Arc::new(HandClock::at(Timestamp::from_parts(1_000, 0)));
        let gauge = Gauge::new(clock.clone(), None);
        clock.pass(Span::from_secs(1));
        gauge.planned(5, Span::from_millis(40));
        gauge.planned(9, Span::ZERO);
        gauge.planned(11, Span::ZERO);
        gauge.refused(11);
        gauge.hear(&News::Writing(7));
        clock.pass(Span::from_millis(2));
        gauge.hear(&News::Written);
        gauge.hear(&News::Durable(8));
        let measured = gauge.read();
        assert!(shown(&measured.outbox).ends_with("x_sum 0.042\nx_count 1\n"), "{}", shown(&measured.outbox));
        assert!(shown(&measured.commits).ends_with("x_sum 0.002\nx_count 1\n"));
        assert!(shown(&measured.rows).ends_with("x_sum 7\nx_count 1\n"));
        gauge.hear(&News::Durable(20));
        assert!(shown(&gauge.read().outbox).ends_with("x_count 2\n"));
    }

    #[test]
    fn a_commit_that_is_begun_again_failed() {
        let gauge = Gauge::new(Arc::new(HandClock::at(Timestamp::from_parts(1_000, 0))), None);
        (0..3).for_each(|_| gauge.hear(&News::Writing(1)));
        gauge.hear(&News::Written);
        assert_eq!(gauge.read().failed, 2);
        assert!(shown(&gauge.read().commits).ends_with("x_count 1\n"));
    }
}

//! The clock was set: what is due keeps the time that was left, and what was done keeps its distance.
//!
//! Where nobody knows how much time passed, a text that still waits may be stale: it is judged as if it were, and becomes
//! a task.

use super::{Events, Followup};
use crate::event::ClockGap;
use crate::time::Timestamp;

impl Followup {
    /// Goes on after a step of the clock; `now` is the time after it.
    pub fn step(&mut self, gap: &ClockGap, now: Timestamp, out: &mut Events) {
        self.agenda.redate(gap.by());
        self.cases.redate(gap.by());
        self.resent.redate(gap.by());
        self.live = self.live.map(|live| live + gap.by());
        if gap.unsure
            && let Some(live) = self.live.replace(Timestamp::MAX)
        {
            self.judge_waiting(now, out);
            self.live = Some(live);
        }
    }

    fn judge_waiting(&mut self, now: Timestamp, out: &mut Events) {
        for (slot, no, at) in self.cases.waiting() {
            self.agenda.remove(slot);
            self.run_step(no, at, now, out);
        }
        for (slot, no) in self.resent.waiting() {
            self.agenda.remove(slot);
            self.run_again(no, now, out);
        }
    }
}

//! The clock was set: what is due keeps the time that was left, and what was done keeps its distance.
//!
//! Where nobody knows how much time passed, a text of before may be stale, and is taken to be:
//!
//! | a text | is |
//! |---|---|
//! | waits for its time, or for the end of a call | judged at once, and becomes a task |
//! | was claimed, and its gateway's answer is still to come | marked, `stale`: it becomes a task if its gateway doesn't have it |

use super::{Events, Followup};
use crate::event::{ClockGap, Event};
use crate::rules::Why;
use crate::time::Timestamp;

impl Followup {
    /// Goes on after a step of the clock; `now` is the time after it.
    pub fn step(&mut self, gap: &ClockGap, now: Timestamp, out: &mut Events) {
        self.agenda.redate(gap.by());
        self.cases.redate(gap.by());
        self.resent.redate(gap.by());
        self.live = self.live.map(|live| live + gap.by());
        self.settled = self.settled + gap.by();
        if gap.unsure && self.live.is_some() {
            self.in_doubt(|followup| followup.judge_waiting(now, out));
            self.mark_claimed(now, out);
        }
    }

    /// Judges texts as if they were older than any may be.
    pub(super) fn in_doubt(&mut self, judge: impl FnOnce(&mut Followup)) {
        let live = self.live.replace(NOBODY_KNOWS);
        judge(self);
        self.live = live;
    }

    /// Whether texts are judged as if they were older than any may be.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.live == Some(NOBODY_KNOWS)
    }

    /// What time it is in truth when a deadline at `now` is met; stale where nobody knows.
    pub(super) fn truly(&self, now: Timestamp) -> Result<Timestamp, Why> {
        if self.is_in_doubt() { Err(Why::Stale) } else { Ok(self.live.map_or(now, |live| live.max(now))) }
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

    fn mark_claimed(&mut self, now: Timestamp, out: &mut Events) {
        let claimed = self.cases.messages_mut().chain(self.resent.messages_mut());
        for message in claimed.filter(|message| message.leaves()) {
            message.why = Some(Why::Stale.into());
            out.push((now, Event::Message(message.clone())));
        }
    }
}

/// In place of the time it is in truth.
const NOBODY_KNOWS: Timestamp = Timestamp::MAX;

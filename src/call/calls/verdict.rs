//! When a call is judged, and as what.

use crate::call::calls::{Calls, Told, recording};
use crate::call::listening;
use crate::call::open::{OpenCall, Plan};
use crate::call::outcome::{self, Case, Ending};
use crate::call::recent::Apart;
use crate::event::heard::{Ended, Heard};
use crate::event::{CallPhase, CallSeen};
use crate::time::{Span, Timestamp};

impl Calls {
    /// Sets the call's deadline as things stand now, or closes it.
    pub(super) fn settle(&mut self, call: u32, now: Timestamp) {
        let Some(open) = self.tracked.get_mut(call).filter(|open| open.closed.is_none()) else { return };
        let newly_answered = !open.answer_told && open.is_answered();
        open.answer_told |= newly_answered;
        let found = match open.picked_up {
            None if open.answer_told => self.pickups.of(call, open, now),
            _ => None,
        };
        if let Some((pickup, rival)) = found {
            open.picked_up = Some(pickup);
            self.doubt_pickup(rival);
        }
        let Some(open) = self.tracked.get_mut(call) else { return };
        let plan = open.plan(&self.office.pbx.judge);
        if plan.at > now && open.due.is_none_or(|due| plan.at < due.at) {
            open.due = Some(self.timers.set(plan.at.min(now + LOOK_AGAIN), now, call));
        }
        if newly_answered {
            self.apart.note(call, open);
            self.look_for_pickup(call, now);
            self.note_change(call);
            self.tell(call, now, CallPhase::Answered);
            self.tracked.compare(call, &self.office.pbx.roles);
        }
        if plan.at <= now {
            self.close(call, now, plan);
        }
    }

    /// Looks whether a call that has just been answered picked up one that was answered a moment ago.
    fn look_for_pickup(&mut self, call: u32, now: Timestamp) {
        let Some(open) = self.tracked.get(call) else { return };
        for (call, serial) in self.pickups.note(call, open) {
            let unexplained = |open: &&mut OpenCall| {
                open.serial == serial && open.closed.is_none() && open.picked_up.is_none()
            };
            if let Some(open) = self.tracked.get_mut(call).filter(unexplained)
                && let Some((pickup, rival)) = self.pickups.of(call, open, now)
            {
                open.picked_up = Some(pickup);
                self.doubt_pickup(rival);
            }
        }
    }

    /// Who was thought to have picked a call up may have picked up another one.
    fn doubt_pickup(&mut self, rival: Option<(u32, u64)>) {
        let open = rival.and_then(|(call, serial)| {
            self.tracked.get_mut(call).filter(|open| open.serial == serial && open.closed.is_none())
        });
        if let Some(pickup) = open.and_then(|open| open.picked_up.as_mut()) {
            pickup.sure = false;
        }
    }

    /// Listens to an answered call as long as its legs don't say who answered.
    pub(super) fn listen(&mut self, call: u32, now: Timestamp) {
        let answered = |open: &&OpenCall| open.closed.is_none() && open.is_answered();
        let Some(open) = self.tracked.get(call).filter(answered) else { return };
        let coverage = &self.office.pbx.profile.coverage;
        let case = open.case(self.direction_of(open), Ending::Message, coverage);
        let (was, is) = (open.media.listening, listening::wanted(&case));
        if was != is {
            self.tracked.listen(call, is);
        }
        if was && !is {
            self.forget_sound(call, now);
        }
    }

    pub(super) fn due(&mut self, call: u32, now: Timestamp) {
        let Some(open) = self.tracked.get_mut(call) else { return };
        if open.closed.is_some() {
            return self.tracked.forget(call);
        }
        let plan = open.plan(&self.office.pbx.judge);
        if plan.at > now {
            open.due = Some(self.timers.set(plan.at.min(now + LOOK_AGAIN), now, call));
        } else {
            self.close(call, now, plan);
        }
    }

    pub(super) fn close(&mut self, call: u32, now: Timestamp, plan: Plan) {
        self.tracked.leave_alone(call);
        let Some(open) = self.tracked.get_mut(call) else { return };
        open.closed = Some(now);
        open.due = Some(self.timers.set(now + LINGER, now, call));
        let Some(open) = self.tracked.get(call) else { return };
        let end = plan.ended.unwrap_or(now);
        let heard = open.answered_at().filter(|_| open.media.listening);
        let by_pbx = open.legs.first().and_then(|leg| leg.bye).is_some_and(|bye| !bye.by_caller);
        let heard = heard.and_then(|at| self.ears.judge(call, at, Ended { at: end, by_pbx }));
        let case = self.case(open, plan.ending, end, heard.as_ref());
        let direction = case.direction;
        let judgement = outcome::judge(&case, &self.office.pbx.judge);
        let left = recording::span(&judgement, open.answered_at()).filter(|_| !open.stray);
        let recording = match open.media.listening {
            true => self.recorded(call, left, &judgement, now),
            false => None,
        };
        let Some(open) = self.tracked.get_mut(call) else { return };
        let mut record = open.record(plan.ended, direction, judgement, &self.taps);
        record.missed = outcome::missed(record.outcome, direction, &self.office.pbx.judge);
        record.lossy = open.serial <= self.lost;
        record.recording = recording;
        let called_user = std::mem::take(&mut open.called.user);
        if open.stray {
            return;
        }
        let seen = self.followed.then(|| CallSeen {
            at: end,
            called_user: Some(called_user).filter(|user| !user.is_empty()),
            ..CallSeen::of(&record)
        });
        let verdict = (Box::new(record), seen);
        let told = match plan.ending {
            Ending::Message if self.mailboxes.any() => self.mailboxes.hold(verdict, open.mailboxes(), now),
            _ => Some(verdict),
        };
        self.told.extend(told.map(|(record, seen)| Told::Closed(record, seen)));
    }

    /// A call as it is judged if it ends at `end`.
    pub(super) fn case<'a>(
        &'a self,
        open: &'a OpenCall,
        ending: Ending,
        end: Timestamp,
        heard: Option<&'a Heard>,
    ) -> Case<'a> {
        let ended = |apart: &Apart| {
            let apart = self.tracked.get(apart.call).filter(|open| open.serial == apart.serial);
            Some(apart?.legs.first()?.bye.map(|bye| bye.seen.at))
        };
        Case {
            heard,
            answered_unseen: self.unseen.may_be_of(open),
            answered_apart: self.apart.may_be_of(open, end, ended),
            misdated: open.serial <= self.misdated,
            ..open.case(self.direction_of(open), ending, &self.office.pbx.profile.coverage)
        }
    }

    /// Judges a call early, and forgets it: there are too many.
    pub(super) fn give_up(&mut self, call: u32, now: Timestamp) {
        if self.tracked.get(call).is_some_and(|open| open.closed.is_none()) {
            self.counters.evicted += 1;
            self.close(call, now, Plan { at: now, ended: Some(now), ending: Ending::Input });
        }
        self.tracked.forget(call);
    }
}

/// A deadline further away is looked at again after this, so that outdated ones don't pile up.
const LOOK_AGAIN: Span = Span::from_secs(120);

/// A closed call is kept this long for stragglers: 64 times T1 (RFC 3261 17.2.1).
const LINGER: Span = Span::from_secs(32);

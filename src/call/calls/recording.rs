//! Messages as they are left: asks now and then what an answered call comes to by now, and passes the sound of a message on as it
//! comes.
//!
//! What it comes to says the same judge as at the call's end, as if that were now. A call that turns out to be no message after all
//! takes back what was passed on. Sound is passed on so late that what the network brings out of order is in its place.

use crate::call::calls::{Calls, Told};
use crate::call::outcome::{self, Ending, Judgement};
use crate::event::heard::{self, Ended};
use crate::event::{CallPhase, Outcome, Recording, Sounded};
use crate::time::{Span, Timestamp};

/// When a message began and when it ended.
pub(super) type Lasted = (Timestamp, Timestamp);

/// From when to when a message lasts, if the call came to one.
pub(super) fn span(judgement: &Judgement, answered: Option<Timestamp>) -> Option<Lasted> {
    let left = judgement.message.filter(|_| judgement.outcome == Outcome::VoicemailMessage)?;
    let at = |ms| Some(answered? + Span::from_millis(ms));
    Some((at(left.start_ms)?, at(left.end_ms)?))
}

impl Calls {
    /// Asks what a call that is listened to comes to by now.
    pub(super) fn look(&mut self, call: u32, now: Timestamp) {
        let Some(open) = self.tracked.get(call).filter(|open| open.closed.is_none() && !open.stray) else {
            return;
        };
        let Some(answered) = open.answered_at() else { return };
        let Some(heard) = self.ears.judge(call, answered, Ended { at: now, by_pbx: false }) else { return };
        let case = self.case(open, Ending::Message, now, Some(&heard));
        let judgement = outcome::judge(&case, &self.office.pbx.judge);
        match span(&judgement, Some(answered)) {
            Some((from, _)) => self.pass_on(call, (from, now - LATE), now),
            None if heard.verdict == heard::Verdict::Conversation => self.drop_sound(call, now),
            None => {}
        }
    }

    /// Passes on the rest of a message that was left, and forgets what was heard; what the call's record says of it.
    pub(super) fn recorded(
        &mut self,
        call: u32,
        left: Option<Lasted>,
        judgement: &Judgement,
        now: Timestamp,
    ) -> Option<Recording> {
        if let Some((from, to)) = left {
            self.pass_on(call, (from, to), to);
        }
        let passed = left.and_then(|_| self.ears.passed(call));
        if passed.is_some() {
            self.ears.drop_sound(call);
        }
        self.forget_sound(call, now);
        let passed = passed?;
        Some(Recording {
            file: Recording::file(self.tracked.get(call)?.id),
            duration_ms: passed.millis,
            speech_ms: judgement.message.map_or(0, |message| message.speech_ms),
            codec: passed.codec.to_owned(),
            lost: passed.lost.into(),
            peaks: passed.peaks,
        })
    }

    /// Forgets what was heard of a call; what was passed on of it is taken back.
    pub(super) fn forget_sound(&mut self, call: u32, now: Timestamp) {
        self.drop_sound(call, now);
        self.ears.forget(call);
    }

    fn drop_sound(&mut self, call: u32, now: Timestamp) {
        if self.ears.passed(call).is_some() {
            self.sounded(call, Sounded::Nothing, now);
        }
        self.ears.drop_sound(call);
    }

    fn pass_on(&mut self, call: u32, (from, to): Lasted, now: Timestamp) {
        if let Some(piece) = self.ears.pass_on(call, from, to) {
            self.sounded(call, Sounded::Piece(piece), now);
        }
    }

    fn sounded(&mut self, call: u32, sounded: Sounded, now: Timestamp) {
        let direction = self.direction(call);
        let Some(open) = self.tracked.get(call) else { return };
        let seen = self.followed.then(|| Box::new(open.seen(now, direction, CallPhase::Answered)));
        self.told.push(Told::Sounded(open.id, sounded, seen));
    }
}

/// How late a packet may be and still find its place.
const LATE: Span = Span::from_millis(400);

//! Messages of no leg in sight: of a call of an earlier run, of an INVITE that comes later or never was seen, of what is no call.

use crate::call::calls::opening::Opening;
use crate::call::calls::{Calls, Told};
use crate::call::office::Office;
use crate::call::progress::{Heard, Keys};
use crate::call::waiting::{self, MESSAGE_WAITING};
use crate::call::{identity, open, outcome, resumed};
use crate::event::{CallPhase, CallSeen, Verdict};
use crate::wire::packet::Datagram;
use crate::wire::sip::{Message, Method};
use crate::wire::waiting::Waiting;

impl Calls {
    /// A message of no leg in sight: it opens one, waits for its INVITE, or belongs to what was not seen.
    pub(super) fn unknown(&mut self, heard: &Heard<'_>, may_hold: bool) {
        if self.is_of_noncall(heard.keys) || self.is_of_resumed(heard) {
            return;
        }
        let of_invite = heard.message.method() == Method::Invite;
        match heard.message.status() {
            None if heard.opens_leg() && self.office.make.is_noncall(heard.message) => {
                self.noncalls.add(heard.keys.leg);
            }
            None if heard.opens_leg() => {
                self.open_leg(heard, Opening::Invite);
            }
            None if self.reveals_answer(heard) && self.open_revealed(heard, may_hold) => {}
            None if of_invite => {
                self.counters.partial += 1;
                self.strangers.add(heard.keys.leg);
            }
            Some(_) if of_invite && self.strangers.contains(heard.keys.leg) => {}
            Some(_) if of_invite && may_hold => {
                self.tries.add(heard.keys.attempt());
                self.hold(heard);
            }
            Some(200..) if of_invite => {
                self.open_leg(heard, Opening::Answer);
            }
            Some(_) if of_invite => self.counters.partial += 1,
            None if OF_DIALOG.contains(&heard.message.method()) => {
                self.counters.partial += 1;
                if heard.message.method() == Method::Cancel {
                    self.tries.add(heard.keys.attempt());
                }
            }
            None => self.notice(heard),
            _ => {}
        }
    }

    /// Whether a request of a dialog whose INVITE was not seen shows that somebody answered it, though that was not seen:
    /// an INVITE or a BYE, or an ACK that is in none of its transactions and waits for no response in sight.
    fn reveals_answer(&self, heard: &Heard<'_>) -> bool {
        let keys = heard.keys;
        let known = |key| self.strangers.contains(key);
        let Some(backward) = keys.leg_of_called(&self.keyer) else { return false };
        let is_stranger = || known(keys.leg) || known(backward);
        match heard.message.method() {
            Method::Ack => {
                !is_stranger() && !self.tries.contains(keys.attempt()) && !self.held.has_answer(keys.leg)
            }
            Method::Invite | Method::Bye => !is_stranger(),
            _ => false,
        }
    }

    /// Joins the leg of such a dialog to the call that its PBX makes it for, by its caller's number; false if there is none.
    /// The INVITE of one that was answered at once may come after its ACK, which waits for it.
    fn open_revealed(&mut self, heard: &Heard<'_>, may_hold: bool) -> bool {
        if may_hold && heard.message.method() == Method::Ack {
            self.hold(heard);
            return true;
        }
        let by_called = Heard { from_caller: false, ..*heard };
        self.open_leg(heard, Opening::Revealed) || self.open_leg(&by_called, Opening::Revealed)
    }

    fn hold(&mut self, heard: &Heard<'_>) {
        if let Some(evicted) = self.held.push(heard.keys.leg, heard.datagram) {
            self.take_held(&evicted.datagram());
        }
    }

    /// Takes what a notice says of a mailbox: one message more may be what a call left.
    fn notice(&mut self, heard: &Heard<'_>) {
        let Some(waiting) = Waiting::of(heard.message) else { return };
        let user = heard.message.to().and_then(|to| identity::comparable(to.uri().user()));
        let Some(mailbox) = user.map(|user| Office::mailbox_key(&self.keyer, &user)) else { return };
        if self.mailboxes.notice(mailbox, waiting)
            && let Some((mut record, seen)) = self.mailboxes.left_in(mailbox, heard.datagram.at)
        {
            let Datagram { frame, .. } = *heard.datagram;
            waiting::confirm(&mut record, open::evidence(frame, MESSAGE_WAITING, &self.taps));
            record.missed = outcome::missed(record.outcome, record.direction, &self.office.pbx.judge);
            let phase = CallPhase::Ended(Verdict::of(&record));
            self.told.push(Told::Closed(record, seen.map(|seen| CallSeen { phase, ..seen })));
        }
    }

    /// Whether a message belongs to a call of an earlier run, which hears it.
    fn is_of_resumed(&mut self, heard: &Heard<'_>) -> bool {
        if self.resumed.is_empty() {
            return false;
        }
        let backward = heard.keys.leg_of_called(&self.keyer);
        let known = [Some(heard.keys.leg), backward].into_iter().flatten().find(|key| self.resumed.has(*key));
        let Some(leg) = known else { return false };
        if let Some(end) = self.resumed.hear(leg, heard, &self.office.pbx.roles) {
            self.end_resumed(end);
        }
        true
    }

    /// Judges a call of an earlier run by what was seen of its end.
    pub(super) fn end_resumed(&mut self, end: resumed::End) {
        let judge = &self.office.pbx.judge;
        let mut record = end.record(&self.taps);
        record.missed = outcome::missed(record.outcome, record.direction, judge);
        let seen = self.followed.then(|| CallSeen::of(&record));
        self.told.push(Told::Closed(Box::new(record), seen));
    }

    /// Whether a dialog was opened by an INVITE that is no call; either side of it may speak.
    fn is_of_noncall(&self, keys: &Keys<'_>) -> bool {
        let contains = |key| self.noncalls.contains(key);
        !self.noncalls.is_empty()
            && (contains(keys.leg) || keys.leg_of_called(&self.keyer).is_some_and(contains))
    }

    /// Takes a message that waited for its INVITE: by now that has come, or never will.
    pub(super) fn take_held(&mut self, datagram: &Datagram<'_>) {
        if let Ok(message) = Message::parse(datagram.payload)
            && let Some(keys) = Keys::of(&self.keyer, &message)
        {
            self.keyed(datagram, &message, &keys, false);
        }
    }
}

/// Requests that belong to a call whose start should have been seen.
const OF_DIALOG: [Method; 4] = [Method::Ack, Method::Bye, Method::Cancel, Method::Prack];

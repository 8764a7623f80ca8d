//! Mailboxes as notices tell of them (RFC 3842), and verdicts that the next notice may make surer.
//!
//! A voicemail that can't be heard says afterwards that there is one message more. So a call that may have been left to
//! one waits a moment for that: less than a second where it is missed anyway, longer where it would be `unknown`. Only a
//! mailbox that was told of before is waited for, and only a rise counts: at its registration a phone is told how things
//! stand. Where two calls fit one rise, it is nobody's.

use std::collections::VecDeque;

use smallvec::SmallVec;

use crate::call::hash::{Key, KeyMap};
use crate::event::{AnsweredBy, CallRecord, CallSeen, Confidence, Evidence, Outcome};
use crate::limits;
use crate::time::{Span, Timestamp};
use crate::wire::waiting::Waiting;

/// The mailboxes that were told of, and the calls that wait for a notice.
#[derive(Debug, Default)]
pub struct Mailboxes {
    known: KeyMap<Waiting>,
    left: VecDeque<Left>,
    next: Option<Timestamp>,
    /// The make's notices may have no count.
    without_count: bool,
}

/// A verdict, and what rules see of it.
pub type Told = (Box<CallRecord>, Option<CallSeen>);

/// A call that may have left a message.
#[derive(Debug)]
struct Left {
    mailboxes: SmallVec<[Key; 2]>,
    ended: Timestamp,
    due: Timestamp,
    /// None: it has been told.
    verdict: Option<Told>,
}

impl Mailboxes {
    /// None known yet.
    pub fn new(without_count: bool) -> Mailboxes {
        Mailboxes { without_count, ..Mailboxes::default() }
    }

    /// Reads notices as another make sends them.
    pub fn read_by(&mut self, without_count: bool) {
        self.without_count = without_count;
    }

    /// Whether notices are seen here at all.
    pub fn any(&self) -> bool {
        !self.known.is_empty()
    }

    /// Takes a notice; tells whether the mailbox has more messages than before.
    pub fn notice(&mut self, mailbox: Key, now: Waiting) -> bool {
        if now.new.is_none() && !self.without_count {
            return false;
        }
        let before = self.known.get(&mailbox).copied();
        if before.is_some() || self.known.len() < limits::MAILBOXES {
            self.known.insert(mailbox, now);
        }
        before.is_some_and(|before| match (before.new, now.new) {
            (Some(before), Some(now)) => now > before,
            _ => self.without_count && now.any && !before.any,
        })
    }

    /// Keeps a verdict for a while if a notice may make it surer; gives back what is to be told now.
    pub fn hold(&mut self, verdict: Told, mut mailboxes: SmallVec<[Key; 2]>, now: Timestamp) -> Option<Told> {
        mailboxes.retain(|mailbox| self.known.contains_key(mailbox));
        let Some(wait) = patience(&verdict.0).filter(|_| !mailboxes.is_empty()) else { return Some(verdict) };
        self.forget(now);
        let surplus = if self.left.len() >= limits::MAILBOX_CALLS { self.left.pop_front() } else { None };
        self.left.push_back(Left { mailboxes, ended: now, due: now + wait, verdict: Some(verdict) });
        self.plan();
        surplus.and_then(|left| left.verdict)
    }

    /// The call that left the message, a mailbox having one more; none if it has been told, or might be another.
    pub fn left_in(&mut self, mailbox: Key, now: Timestamp) -> Option<Told> {
        self.forget(now);
        let mut fitting = self.left.iter().enumerate().filter(|(_, left)| left.mailboxes.contains(&mailbox));
        let (at, _) = fitting.next().filter(|_| fitting.next().is_none())?;
        let verdict = self.left.remove(at)?.verdict;
        self.plan();
        verdict
    }

    /// When a verdict has waited long enough.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.next
    }

    /// A verdict that has waited until `now`.
    pub fn expired(&mut self, now: Timestamp) -> Option<Told> {
        self.next.filter(|next| *next <= now)?;
        let over = |left: &&mut Left| left.due <= now && left.verdict.is_some();
        let verdict = self.left.iter_mut().filter(over).min_by_key(|left| left.due)?.verdict.take();
        self.plan();
        verdict
    }

    /// A verdict that still waits, the oldest first.
    pub fn pop(&mut self) -> Option<Told> {
        let verdict = self.left.iter_mut().find_map(|left| left.verdict.take());
        self.plan();
        verdict
    }

    fn plan(&mut self) {
        self.next = self.left.iter().filter(|left| left.verdict.is_some()).map(|left| left.due).min();
    }

    /// What was told and ended long ago explains no message any more.
    fn forget(&mut self, now: Timestamp) {
        self.left.retain(|left| left.verdict.is_some() || now.since(left.ended) <= NOTICE);
    }
}

/// Makes a verdict surer by a notice: whoever answered, it took a message.
pub fn confirm(record: &mut CallRecord, because: Evidence) {
    if record.outcome == Outcome::Unknown {
        record.confidence = Confidence::Medium;
    }
    record.outcome = Outcome::VoicemailMessage;
    record.answered_by = Some(AnsweredBy::Voicemail);
    record.evidence.push(because);
}

/// How long a verdict waits for a notice; none if that would add nothing to it, or contradict what was heard.
fn patience(record: &CallRecord) -> Option<Span> {
    let last = record.evidence.last().map(|evidence| &*evidence.rule)?;
    match record.outcome {
        Outcome::Voicemail | Outcome::IvrAbandoned | Outcome::QueueAbandoned => Some(AT_ONCE),
        Outcome::Unknown if MAYBE_VOICEMAIL.contains(&last) => Some(LATER),
        _ => None,
    }
}

/// The rules of `unknown` calls that a voicemail may have answered.
const MAYBE_VOICEMAIL: [&str; 8] = [
    "call.pbx_answered_before_phones_stopped",
    "call.pbx_answered_after_phones_stopped",
    "call.pbx_answered_not_as_it_covers",
    "call.pbx_answered_elsewhere_claimed",
    "call.answered_at_coverage_time",
    "call.caller_only_listened",
    "ear.like_voicemail",
    "ear.no_recorder",
];

/// The rule by which a notice makes a verdict surer.
pub const MESSAGE_WAITING: &str = "call.message_waiting";

/// A missed call is told within a second of its end.
const AT_ONCE: Span = Span::from_millis(900);

/// Nobody acts on what isn't known, so it can wait longer.
const LATER: Span = Span::from_secs(30);

/// A notice comes no later than this after the call.
const NOTICE: Span = Span::from_secs(120);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::hash::Keyer;

    fn mailbox(user: &[u8]) -> Key {
        Keyer::new(7).key(0, user)
    }

    fn counted(new: u32) -> Waiting {
        Waiting { any: new > 0, new: Some(new) }
    }

    #[test]
    fn only_a_rise_of_a_count_that_was_known_tells_of_a_message() {
        let mut mailboxes = Mailboxes::new(false);
        assert!(!mailboxes.notice(mailbox(b"201"), counted(3)), "at registration");
        assert!(!mailboxes.notice(mailbox(b"201"), counted(3)));
        assert!(mailboxes.notice(mailbox(b"201"), counted(4)));
        assert!(!mailboxes.notice(mailbox(b"201"), counted(1)), "heard");
        assert!(!mailboxes.notice(mailbox(b"202"), Waiting { any: false, new: None }));
        assert!(!mailboxes.notice(mailbox(b"202"), Waiting { any: true, new: None }), "no count");
    }

    #[test]
    fn without_counts_only_the_change_to_yes_tells() {
        let mut mailboxes = Mailboxes::new(true);
        let told = |any| Waiting { any, new: None };
        assert!(!mailboxes.notice(mailbox(b"201"), told(true)), "at registration");
        assert!(!mailboxes.notice(mailbox(b"201"), told(true)));
        assert!(!mailboxes.notice(mailbox(b"201"), told(false)));
        assert!(mailboxes.notice(mailbox(b"201"), told(true)));
    }

    #[test]
    fn mailboxes_are_bounded() {
        let mut mailboxes = Mailboxes::new(false);
        for n in 0..20_000_u32 {
            mailboxes.notice(mailbox(&n.to_be_bytes()), counted(0));
        }
        assert_eq!(mailboxes.known.len(), limits::MAILBOXES);
    }
}

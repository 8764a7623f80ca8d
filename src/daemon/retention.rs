//! Deletes what is older than the site keeps, in pieces, by the store's own thread and between what it commits.
//!
//! An hour after the start for the first time, then each hour: by then a clock that was wrong is set. For a day after a
//! step of the clock nothing is: it may have been a mistake. What is open or owed stays, however old. A replay never
//! comes here.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};

use tracing::{info, warn};

use crate::clock::Clock;
use crate::settings::Policy;
use crate::store::{Retained, StoreError, Writer};
use crate::time::{Span, Timestamp};

/// When something is deleted next, and what was.
pub struct Retention {
    clock: Arc<dyn Clock>,
    keep: Option<Span>,
    voicemail: Option<Span>,
    due: Span,
    voices_due: Span,
    /// Nothing is deleted before this.
    doubted: Span,
    asked: Option<Receiver<Result<Retained, StoreError>>>,
    /// Entries deleted since the last look.
    gone: u64,
}

impl Retention {
    /// Nothing is deleted that a site says nothing of.
    pub fn new(clock: Arc<dyn Clock>, policy: &Policy) -> Retention {
        let due = clock.boottime() + EACH;
        let (keep, voicemail) = (policy.records_for, policy.voicemail_for);
        Retention { clock, keep, voicemail, due, voices_due: due, doubted: due, asked: None, gone: 0 }
    }

    /// Goes on with another configuration.
    pub fn reconfigure(&mut self, policy: &Policy) {
        (self.keep, self.voicemail) = (policy.records_for, policy.voicemail_for);
    }

    /// Is told of a step of the clock.
    pub fn put_off(&mut self) {
        self.doubted = self.clock.boottime() + DAY;
    }

    /// Before when messages are to be deleted now, which is asked for in every turn of the loop in which nothing came.
    pub fn voices_before(&mut self, now: Timestamp) -> Option<Timestamp> {
        let running = self.clock.boottime();
        let keep = self.voicemail.filter(|_| running >= self.voices_due.max(self.doubted))?;
        self.voices_due = running + EACH;
        Some(now - keep)
    }

    /// Is told in every turn of the loop in which nothing came; true if the store changes by it.
    pub fn turn(&mut self, now: Timestamp, writer: &Writer) -> bool {
        let running = self.clock.boottime();
        match self.asked.as_ref().map(Receiver::try_recv) {
            Some(Err(TryRecvError::Empty)) => return false,
            Some(answer) => {
                self.asked = None;
                self.heard(answer.ok(), running);
            }
            None => {}
        }
        let Some(keep) = self.keep.filter(|_| running >= self.due.max(self.doubted)) else { return false };
        let before = now - keep;
        self.asked = Some(writer.ask(move |store| store.retain(before)));
        true
    }

    fn heard(&mut self, answer: Option<Result<Retained, StoreError>>, running: Span) {
        self.due = running + EACH;
        match answer {
            Some(Ok(retained)) => {
                self.gone = self.gone.saturating_add(retained.entries);
                if retained.more {
                    self.due = running + BREATH;
                } else if self.gone > 0 {
                    info!(
                        "{} journal entries were older than policy.records_for, and are deleted",
                        self.gone
                    );
                    self.gone = 0;
                }
            }
            Some(Err(error)) => warn!("what is old can't be deleted: {error}; tried again in an hour"),
            None => {}
        }
    }
}

const EACH: Span = Span::from_secs(3_600);
const DAY: Span = Span::from_secs(86_400);
/// Commits have the disk for so long between two pieces.
const BREATH: Span = Span::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::HandClock;
    use crate::event::{Event, JournalEntry, Task, TaskDone};
    use crate::store::{Batch, Place, Reader, Sqlite};

    fn task(n: u64, at: Timestamp) -> JournalEntry {
        let key = format!("{n}/no_line");
        let task = Task {
            key,
            case: n.to_string(),
            at,
            owner: None,
            due: None,
            title: "Call back".into(),
            why: None,
        };
        JournalEntry { n, at, event: Event::Task(task) }
    }

    fn kept_for(records_for: Option<Span>) -> Policy {
        Policy { records_for, voicemail_for: records_for }
    }

    fn wait(retention: &mut Retention, now: Timestamp, writer: &Writer) {
        while retention.asked.is_some() {
            retention.turn(now, writer);
        }
    }

    #[test]
    fn what_is_old_goes_after_an_hour_and_what_is_owed_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::new(folder.path().join("ringback.db"));
        let start = Timestamp::from_parts(1_795_000_000, 0);
        let clock = Arc::new(HandClock::at(start));
        let store = Sqlite::open(&place).expect("opens").store();
        let writer = Writer::start(Box::new(store), |_| {}).expect("a thread");
        let old = start - Span::from_secs(20 * 86_400);
        let done = TaskDone { key: "2/no_line".into(), case: "2".into() };
        let done = JournalEntry { n: 3, at: old, event: Event::TaskDone(done) };
        let entries = vec![task(1, old), task(2, old), done, task(4, start)];
        writer.put(Batch { entries, ..Batch::default() }, true).expect("room");
        let mut retention = Retention::new(clock.clone(), &kept_for(Some(Span::from_secs(10 * 86_400))));
        assert!(!retention.turn(start, &writer));
        clock.pass(EACH);
        retention.put_off();
        clock.pass(Span::from_secs(86_399));
        assert!(!retention.turn(start, &writer), "the clock was set a day ago");
        clock.pass(Span::from_secs(1));
        assert!(retention.turn(start, &writer));
        wait(&mut retention, start, &writer);
        let reader = Reader::open(&place.path).expect("a store");
        let left: Vec<u64> = reader.entries(0, 10).expect("read").iter().map(|entry| entry.n).collect();
        assert_eq!(left, [1, 4], "the first is still to be done");
        assert!(!retention.turn(start, &writer));
        retention.reconfigure(&kept_for(None));
        clock.pass(EACH);
        assert!(!retention.turn(start, &writer));
    }
}

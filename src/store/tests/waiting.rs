//! The thread that writes: what waits, what is told, and what happens when the disk says no.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};

use super::samples::*;
use crate::event::{Event, MessageState, State};
use crate::phone::Party;
use crate::store::{
    BOUND, Batch, Damage, Erased, Full, Memory, News, Retained, Sqlite, Store, StoreError, Writer,
};
use crate::time::Timestamp;

/// A store that fails as told, and tells what it was given.
struct Trial {
    inner: Memory,
    trouble: Arc<Mutex<Option<StoreError>>>,
    groups: Sender<usize>,
}

impl Store for Trial {
    fn load(&mut self) -> Result<State, StoreError> {
        self.inner.load()
    }

    fn commit(&mut self, batches: &[Batch]) -> Result<u64, StoreError> {
        if let Some(trouble) = self.trouble.lock().expect("unbroken").clone() {
            return Err(trouble);
        }
        let _ = self.groups.send(batches.len());
        self.inner.commit(batches)
    }

    fn erase(&mut self, party: &Party) -> Result<Erased, StoreError> {
        self.inner.erase(party)
    }

    fn retain(&mut self, before: Timestamp) -> Result<Retained, StoreError> {
        self.inner.retain(before)
    }

    fn release(&mut self) -> Result<(), StoreError> {
        self.inner.release()
    }

    fn renew(&mut self, what: &str) -> Result<Damage, StoreError> {
        *self.trouble.lock().expect("unbroken") = None;
        self.inner.renew(what)
    }
}

struct Setting {
    writer: Writer,
    news: Receiver<News>,
    groups: Receiver<usize>,
    trouble: Arc<Mutex<Option<StoreError>>>,
}

fn setting(trouble: Option<StoreError>) -> Setting {
    let (groups_in, groups) = mpsc::channel();
    let (told, news) = mpsc::channel();
    let trouble = Arc::new(Mutex::new(trouble));
    let store = Trial { inner: Memory::new(), trouble: Arc::clone(&trouble), groups: groups_in };
    let writer = Writer::start(Box::new(store), telling(told)).expect("a thread");
    Setting { writer, news, groups, trouble }
}

/// Passes on what isn't told of every commit.
fn telling(told: Sender<News>) -> impl FnMut(News) + Send + 'static {
    move |news| match news {
        News::Writing(_) | News::Written => {}
        news => drop(told.send(news)),
    }
}

fn answered(n: u64) -> Batch {
    batch(entries(n, 0, [Event::Call(Box::new(call(n, 0, false)))]))
}

fn important(n: u64) -> Batch {
    batch(entries(n, 0, [Event::Message(Box::new(message(n, 0, MessageState::Submitted)))]))
}

#[test]
fn what_was_put_is_told_durable() {
    let Setting { writer, news, .. } = setting(None);
    writer.put(batch(missed(1, 7, 0, MessageState::Planned)), true).expect("room");
    assert_eq!(news.recv(), Ok(News::Durable(6)));
    assert_eq!(writer.durable(), 6);
    let (store, standing) = writer.stop();
    assert_eq!((standing.waiting, standing.degraded), (0, None));
    assert_eq!(store.expect("unbroken").load().expect("a state").next, 7);
}

#[test]
fn what_gathered_is_committed_together() {
    let Setting { writer, groups, .. } = setting(None);
    (1..=500).for_each(|n| writer.put(answered(n), false).expect("room"));
    drop(writer);
    let groups: Vec<usize> = groups.iter().collect();
    assert_eq!(groups.iter().sum::<usize>(), 500);
    assert!(groups.len() < 100, "{groups:?}");
}

#[test]
fn stopping_writes_what_waits() {
    let Setting { writer, .. } = setting(None);
    (1..=3_000).for_each(|n| writer.put(answered(n), false).expect("room"));
    let (store, standing) = writer.stop();
    assert_eq!(standing.waiting, 0);
    assert_eq!(store.expect("unbroken").load().expect("a state").next, 3_001);
}

#[test]
fn a_full_disk_is_told_once_and_nothing_is_lost_when_room_returns() {
    let Setting { writer, news, trouble, .. } = setting(Some(StoreError::Full));
    (1..=2_500).for_each(|n| writer.put(answered(n), true).expect("room"));
    assert_eq!(news.recv(), Ok(News::Degraded(StoreError::Full.to_string())));
    assert_eq!(writer.standing().waiting, 2_500);
    assert_eq!(writer.durable(), 0);
    assert_eq!(writer.standing().degraded, Some(StoreError::Full.to_string()));
    *trouble.lock().expect("unbroken") = None;
    let told: Vec<News> = news.iter().take_while(|news| *news != News::Durable(2_500)).collect();
    assert!(!told.iter().any(|news| matches!(news, News::Degraded(_))), "once: {told:?}");
    assert_eq!(told.iter().filter(|news| **news == News::Recovered).count(), 1);
    let (store, _) = writer.stop();
    assert_eq!(store.expect("unbroken").load().expect("a state").next, 2_501);
}

#[test]
fn what_waits_is_bounded_and_refusals_are_counted() {
    let Setting { writer, news, .. } = setting(Some(StoreError::Full));
    let half = |from: u64| {
        let calls = (0..BOUND as u64 / 2).map(|n| Event::Call(Box::new(call(n, 0, false))));
        batch(entries(from, 0, calls))
    };
    writer.put(half(1), false).expect("room");
    assert!(matches!(news.recv(), Ok(News::Degraded(_))));
    let Full(refused) = writer.put(half(50_001), false).expect_err("the last tenth is for texts");
    assert_eq!(refused.entries.len(), BOUND / 2);
    writer.put(important(100_001), true).expect("room for what decides about texts");
    let standing = writer.standing();
    assert_eq!((standing.waiting, standing.refused), (BOUND / 2 + 1, BOUND as u64 / 2));
    writer
        .put(batch((0..BOUND / 2).flat_map(|k| important(200_000 + k as u64).entries).collect()), true)
        .expect_err("no more than the bound");
}

#[test]
fn damage_met_on_the_way_is_told_and_writing_goes_on() {
    let Setting { writer, news, .. } = setting(Some(StoreError::Damaged { what: "page 3".to_owned() }));
    writer.put(important(1), true).expect("room");
    let Ok(News::Damaged(damage)) = news.recv() else { panic!("damage is told") };
    assert_eq!(damage.what, "page 3");
    assert_eq!(news.recv(), Ok(News::Durable(1)));
    let hold = writer.ask(|store| store.load().expect("a state").hold).recv().expect("an answer");
    assert!(hold.expect("a reason").contains("page 3"));
}

#[test]
fn a_job_sees_what_was_put_before_it() {
    let Setting { writer, .. } = setting(None);
    writer.put(answered(1), false).expect("room");
    let next = writer.ask(|store| store.load().expect("a state").next);
    assert_eq!(next.recv(), Ok(2));
}

#[test]
fn a_store_that_may_not_grow_keeps_what_it_has_and_takes_the_rest_later() {
    let room = Room::new();
    let store = room.sound();
    let pages: i64 = store.db.pragma_query_value(None, "page_count", |row| row.get(0)).expect("a count");
    store.db.pragma_update_and_check(None, "max_page_count", pages + 5, |_| Ok(())).expect("a limit");
    let (told, news) = mpsc::channel();
    let writer = Writer::start(Box::new(store), telling(told)).expect("a thread");
    (1..=300).for_each(|n| writer.put(answered(n), true).expect("room"));
    let degraded = news.iter().find(|news| matches!(news, News::Degraded(_)));
    assert_eq!(degraded, Some(News::Degraded(StoreError::Full.to_string())));
    let (store, standing) = writer.stop();
    assert!(standing.waiting > 0 && standing.durable < 300);
    drop(store);
    let mut store = room.sound();
    assert_eq!(store.load().expect("a state").next, standing.durable + 1);
    let rest: Vec<Batch> = (standing.durable + 1..=300).map(answered).collect();
    assert_eq!(store.commit(&rest), Ok(300));
}

#[test]
fn a_store_that_may_not_be_written_says_so() {
    let room = Room::new();
    let mut store: Sqlite = room.sound();
    store.db.pragma_update(None, "query_only", true).expect("a pragma");
    assert_eq!(store.commit(&[answered(1)]), Err(StoreError::ReadOnly));
}

//! What goes in comes out again, from both stores alike.

use proptest::prelude::*;

use super::samples::*;
use crate::event::{
    ClockGap, Event, JournalEntry, Message, MessageState, OpenCall, Reply, Review, ReviewDecided,
    ReviewDecision, State, Task, TaskDone,
};
use crate::store::{Batch, Memory, OptOut, Reader, Store, StoreError};
use crate::time::Span;

#[test]
fn a_new_store_is_empty_and_begins_with_entry_one() {
    let room = Room::new();
    let state = room.sound().load().expect("a state");
    assert_eq!((state.next, state.last_at, state.hold), (1, None, None));
    assert!(state.cases.is_empty() && state.opted_out.is_empty());
}

#[test]
fn what_was_committed_is_there_after_a_restart() {
    let room = Room::new();
    let story = missed(1, 7, 0, MessageState::Planned);
    let mut first = Batch { open_calls: vec![ringing(8, 1)], ..batch(story.clone()) };
    first.opt_outs.push(OptOut::Out(caller(9)));
    first.meta.push(("clock.offset".to_owned(), "17".to_owned()));
    assert_eq!(room.sound().commit(&[first]), Ok(6));

    let state = room.sound().load().expect("a state");
    assert_eq!((state.next, state.last_at), (7, Some(at(0))));
    assert_eq!(state.cases.len(), 1);
    assert_eq!(state.cases[0].caller, Some(caller(7)));
    assert_eq!(state.calls, [call(7, 0, true)]);
    assert_eq!(state.messages, [message(7, 0, MessageState::Planned)]);
    assert_eq!((state.decisions.len(), state.tasks.len()), (1, 1));
    assert_eq!(state.open_calls, [ringing(8, 1)]);
    assert!(state.opted_out.holds(&caller(9)) && !state.opted_out.holds(&caller(7)));
    assert_eq!(state.meta["clock.offset"], "17");
    assert_eq!(Reader::open(&room.path()).expect("a reader").entries(1, 100), Ok(story));
}

#[test]
fn a_reader_sees_what_a_writer_commits_meanwhile() {
    let room = Room::new();
    let mut store = room.sound();
    let reader = Reader::open(&room.path()).expect("a reader");
    assert_eq!(reader.last(), Ok(0));
    store.commit(&[batch(missed(1, 7, 0, MessageState::Planned))]).expect("room on the disk");
    assert_eq!(reader.last(), Ok(6));
}

#[test]
fn an_entry_written_twice_is_there_once() {
    let room = Room::new();
    let mut store = room.sound();
    let story = batch(missed(1, 7, 0, MessageState::Planned));
    assert_eq!(store.commit(std::slice::from_ref(&story)), Ok(6));
    assert_eq!(store.commit(&[story, batch(closed(7, 7, 5))]), Ok(7));
}

#[test]
fn a_number_is_not_given_to_another_entry() {
    let room = Room::new();
    let mut store = room.sound();
    store.commit(&[batch(missed(1, 7, 0, MessageState::Planned))]).expect("room on the disk");
    let both = [batch(closed(7, 7, 5)), batch(closed(3, 7, 5))];
    assert_eq!(store.commit(&both), Err(StoreError::Taken { n: 3 }));
    assert_eq!(Reader::open(&room.path()).expect("a reader").last(), Ok(6), "all of it or nothing");
}

#[test]
fn a_call_that_is_over_leaves_no_leg() {
    let room = Room::new();
    let mut store = room.sound();
    let other = OpenCall { call_id: "b@10.0.0.9".to_owned(), ..ringing(8, 2) };
    let answered = OpenCall { answered: Some(at(4)), ..ringing(8, 1) };
    let open = |open_calls| Batch { open_calls, ..Batch::default() };
    store.commit(&[open(vec![ringing(8, 1), other.clone()]), open(vec![answered.clone()])]).expect("room");
    assert_eq!(store.load().expect("a state").open_calls, [answered, other]);
    store.commit(&[Batch { over: vec![key(8)], ..Batch::default() }]).expect("room");
    assert_eq!(store.load().expect("a state").open_calls, []);
}

#[test]
fn a_case_is_kept_for_three_days_after_it_closed() {
    let room = Room::new();
    let mut store = room.sound();
    let story = [batch(missed(1, 7, 0, MessageState::Delivered)), batch(closed(7, 7, 60))];
    store.commit(&story).expect("room on the disk");
    let later = |n, s| batch(entries(n, s, [Event::Call(Box::new(call(n, s, false)))]));
    store.commit(&[later(8, 60 + 72 * 3_600)]).expect("room on the disk");
    assert_eq!(store.load().expect("a state").cases.len(), 1);
    store.commit(&[later(9, 61 + 72 * 3_600)]).expect("room on the disk");
    let state = store.load().expect("a state");
    assert_eq!((state.cases.len(), state.messages.len(), state.calls.len()), (0, 0, 0));
}

#[test]
fn a_clock_that_fell_back_by_years_brings_no_old_case_back() {
    let years = 6 * 365 * 86_400;
    let day = 86_400;
    let set = |n, s, by: i64| {
        batch(entries(n, s, [Event::ClockGap(ClockGap { by_us: by * 1_000_000, unsure: true })]))
    };
    let later = |n, s| batch(entries(n, s, [Event::Call(Box::new(call(n, s, false)))]));
    for by in [-years, years] {
        let (room, mut memory) = (Room::new(), Memory::new());
        let mut disk = room.sound();
        let story = [
            batch(missed(1, 7, 0, MessageState::Delivered)),
            batch(closed(7, 7, 60)),
            batch(missed(8, 8, 9 * day, MessageState::Delivered)),
            batch(closed(14, 8, 9 * day + 60)),
            set(15, 10 * day + by, by),
            later(16, 10 * day + by + 60),
        ];
        for store in [&mut disk as &mut dyn Store, &mut memory] {
            store.commit(&story).expect("room on the disk");
            let kept: Vec<_> = store.load().expect("a state").cases;
            let told: Vec<_> = kept.iter().map(|case| (case.case.clone(), case.closed)).collect();
            assert_eq!(told, [(key(8).to_string(), Some(at(9 * day + 60 + by)))]);
            // Three days on, and set right again, nothing is left of it.
            store.commit(&[later(17, 13 * day + by), set(18, 13 * day + 60, -by)]).expect("room on the disk");
            assert_eq!(store.load().expect("a state").cases, []);
        }
    }
}

#[test]
fn what_is_old_goes_and_what_an_open_case_needs_stays() {
    let room = Room::new();
    let mut store = room.sound();
    let story = [
        batch(missed(1, 1, 0, MessageState::Delivered)),
        batch(missed(7, 2, 10, MessageState::Planned)),
        batch(closed(13, 1, 20)),
        batch(entries(14, 30, [Event::Call(Box::new(call(3, 30, false)))])),
        batch(missed(15, 4, 1_000, MessageState::Delivered)),
    ];
    store.commit(&story).expect("room on the disk");
    let case = key(1).to_string();
    let decision = ReviewDecision::Ignore;
    let decided = ReviewDecided { case: case.clone(), call: key(1), decision };
    let done = TaskDone { key: format!("{case}/lead/call"), case };
    store
        .commit(&[batch(entries(21, 1_001, [Event::TaskDone(done), Event::ReviewDecided(decided)]))])
        .expect("room on the disk");
    let retained = store.retain(at(500)).expect("room on the disk");
    assert_eq!((retained.entries, retained.more), (8, false));
    let left: Vec<u64> = numbers(&room);
    assert_eq!(left, [7, 8, 9, 10, 11, 12, 15, 16, 17, 18, 19, 20, 21, 22]);
    let state = store.load().expect("a state");
    assert_eq!(state.calls, [call(2, 10, true), call(4, 1_000, true)]);
    let known = |k| {
        store
            .db
            .query_row("SELECT count(*) FROM people WHERE value = ?1", [caller(k).shown()], |row| row.get(0))
    };
    assert_eq!([1, 2, 3, 4].map(known), [Ok(0), Ok(1), Ok(0), Ok(1)]);
}

#[test]
fn a_number_of_a_text_sent_again_is_used_once_however_old_it_is() {
    let room = Room::new();
    let mut store = room.sound();
    let (case, first) = (key(1).to_string(), message(1, 0, MessageState::Delivered).key);
    let again = |n: u64, s| {
        let key = format!("resend/{first}/{n}");
        entries(
            6 + n,
            s,
            [Event::Message(Box::new(Message { key, ..message(1, s, MessageState::Delivered) }))],
        )
    };
    let done = TaskDone { key: format!("{case}/lead/call"), case };
    let story = [
        batch(missed(1, 1, 0, MessageState::Delivered)),
        batch(again(1, 10)),
        batch(again(2, 20)),
        batch(closed(9, 1, 30)),
        batch(entries(10, 40, [Event::TaskDone(done)])),
        batch(again(5, 1_000)),
    ];
    store.commit(&story).expect("room on the disk");
    let resent = || Reader::open(&room.path()).expect("a reader").resent(&first);
    assert_eq!(resent(), Ok(5));
    store.retain(at(500)).expect("room on the disk");
    let left: i64 = store
        .db
        .query_row("SELECT count(*) FROM messages WHERE key GLOB 'resend/*'", [], |row| row.get(0))
        .expect("a count");
    assert_eq!((left, resent()), (1, Ok(5)));
    assert_eq!(Reader::open(&room.path()).expect("a reader").resent("another"), Ok(0));
}

#[test]
fn what_a_person_has_still_to_read_stays_and_goes_once_that_is_done() {
    let room = Room::new();
    let mut store = room.sound();
    let reply = Reply {
        id: "5".into(),
        gateway: "main".into(),
        from: caller(9),
        to: None,
        body: "Please call me after six".into(),
        opts_out: false,
    };
    let task = Task {
        key: "reply/5".into(),
        case: "reply/5".into(),
        at: at(0),
        owner: None,
        due: None,
        title: "Read the reply".into(),
        why: None,
    };
    let review = Review { case: "none".into(), call: key(1), reason: "uncertain_call".into() };
    let old = [
        Event::Call(Box::new(call(1, 0, true))),
        Event::Review(review),
        Event::Reply(reply.clone()),
        Event::Task(task),
        Event::Call(Box::new(call(2, 0, false))),
    ];
    let newest = entries(6, 1_000, [Event::Call(Box::new(call(3, 1_000, false)))]);
    store.commit(&[batch(entries(1, 0, old)), batch(newest)]).expect("room on the disk");
    assert_eq!(store.retain(at(500)).expect("room on the disk").entries, 1);
    let reader = Reader::open(&room.path()).expect("a reader");
    assert_eq!(reader.call(&key(1).to_string()), Ok(Some(call(1, 0, true))));
    let kept = reader.entries(3, 1).expect("sound").remove(0);
    assert_eq!(kept.event, Event::Reply(reply));
    let decided = ReviewDecided { case: "none".into(), call: key(1), decision: ReviewDecision::Ignore };
    let done = TaskDone { key: "reply/5".into(), case: "reply/5".into() };
    let said = entries(7, 1_001, [Event::ReviewDecided(decided), Event::TaskDone(done)]);
    store.commit(&[batch(said)]).expect("room on the disk");
    store.retain(at(500)).expect("room on the disk");
    assert_eq!(numbers(&room), [6, 7, 8]);
}

#[test]
fn the_newest_entry_stays_however_old_and_the_numbers_go_on() {
    let room = Room::new();
    let mut store = room.sound();
    let mut memory = Memory::new();
    let all = entries(1, 0, [1, 2, 3].map(|k| Event::Call(Box::new(call(k, 0, false)))));
    for store in [&mut store as &mut dyn Store, &mut memory] {
        store.commit(&[batch(all.clone())]).expect("room on the disk");
        assert_eq!(store.retain(at(500)).expect("room on the disk").entries, 2);
        assert_eq!(store.retain(at(500)).expect("room on the disk").entries, 0);
        let state = store.load().expect("a state");
        assert_eq!((state.next, state.last_at), (4, Some(at(0))));
    }
    assert_eq!(numbers(&room), [3]);
}

fn numbers(room: &Room) -> Vec<u64> {
    let reader = Reader::open(&room.path()).expect("a reader");
    reader.entries(1, 100).expect("sound").iter().map(|entry| entry.n).collect()
}

/// A step of a random story: which caller, what happens, how much later.
fn any_steps() -> impl Strategy<Value = Vec<(u64, u8, i64)>> {
    proptest::collection::vec((0..4_u64, 0..9_u8, 0..200_000_i64), 1..30)
}

fn told(steps: &[(u64, u8, i64)]) -> Vec<Batch> {
    let (mut n, mut s) = (1, 0);
    let mut batches = Vec::new();
    for (k, what, later) in steps {
        let by = match what {
            7 => *later * 1_000,
            8 => -*later * 1_000,
            _ => 0,
        };
        s += later + by;
        let state = MessageState::ALL[usize::from(*what) % MessageState::ALL.len()];
        let said = |event| entries(n, s, [event]);
        let entries: Vec<JournalEntry> = match what {
            0 => missed(n, *k, s, MessageState::Planned),
            1 => closed(n, *k, s),
            2 => said(Event::Call(Box::new(call(*k, s, false)))),
            3 => said(Event::Message(Box::new(message(*k, s, state)))),
            4 => said(Event::Message(Box::new(message(*k, s, MessageState::Deferred)))),
            7 | 8 => said(Event::ClockGap(ClockGap { by_us: by * 1_000_000, unsure: false })),
            _ => Vec::new(),
        };
        n += entries.len() as u64;
        let mut batch = batch(entries);
        match what {
            5 => batch.open_calls.push(ringing(*k, s)),
            6 => batch.over.push(key(*k)),
            _ => {}
        }
        batches.push(batch);
    }
    batches
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn both_stores_make_the_same_of_any_story(steps in any_steps()) {
        let mut seen = std::collections::BTreeSet::new();
        // A case opens once.
        let steps: Vec<_> = steps.into_iter().filter(|(k, what, _)| *what != 0 || seen.insert(*k)).collect();
        let room = Room::new();
        let (mut disk, mut memory) = (room.sound(), Memory::new());
        let story = told(&steps);
        prop_assert_eq!(disk.commit(&story), memory.commit(&story));
        let mut kept = disk.load().expect("a state");
        kept.opted_out = memory.load().expect("a state").opted_out;
        prop_assert_eq!(&kept, &memory.load().expect("a state"));
        drop(disk);
        let mut again = room.sound().load().expect("a state");
        again.opted_out = kept.opted_out.clone();
        prop_assert_eq!(again, kept);
    }
}

#[test]
fn a_text_that_leaves_after_its_case_closed_is_no_later_word_in_it() {
    let room = Room::new();
    let (mut disk, mut memory) = (room.sound(), Memory::new());
    let story = [
        batch(missed(1, 7, 0, MessageState::Planned)),
        batch(closed(7, 7, 10)),
        batch(entries(8, 40, [Event::Message(Box::new(message(7, 40, MessageState::Sent)))])),
    ];
    for store in [&mut disk as &mut dyn Store, &mut memory] {
        store.commit(&story).expect("room on the disk");
        let state = store.load().expect("a state");
        assert_eq!((state.cases[0].last, state.cases[0].closed), (at(0), Some(at(10))));
    }
}

#[test]
fn a_case_that_closed_with_a_text_planned_is_kept() {
    let room = Room::new();
    let mut store = room.sound();
    let later = (State::KEPT + Span::from_secs(3_600)).as_secs();
    let story = [
        batch(missed(1, 7, 0, MessageState::Planned)),
        batch(closed(7, 7, 60)),
        batch(entries(8, later, [Event::Call(Box::new(call(8, later, false)))])),
    ];
    store.commit(&story).expect("room on the disk");
    assert_eq!(store.load().expect("a state").messages.len(), 1);
}

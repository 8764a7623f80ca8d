//! What erasing a number leaves: nothing that names it, and a journal that still checks.

use std::fs;
use std::path::PathBuf;

use memchr::memmem;

use super::samples::*;
use crate::event::{Event, JournalEntry, MessageState, Recording};
use crate::phone::Party;
use crate::store::check::{self, Depth};
use crate::store::{Batch, OptOut, Reader, Store, back_up};

/// Every file of the store that has one of the texts in it.
fn holding(room: &Room, texts: &[&str]) -> Vec<PathBuf> {
    let mut holding = Vec::new();
    for folder in [room.place().folder().to_owned(), room.place().backups] {
        for file in fs::read_dir(folder).into_iter().flatten().flatten().filter(|file| file.path().is_file())
        {
            let bytes = fs::read(file.path()).expect("a file");
            if texts.iter().any(|text| memmem::find(&bytes, text.as_bytes()).is_some()) {
                holding.push(file.path());
            }
        }
    }
    holding
}

fn nowhere() -> Vec<PathBuf> {
    Vec::new()
}

/// A store with two hundred callers, so that pages have been split and merged.
fn crowd(room: &Room) -> crate::store::Sqlite {
    let mut store = room.sound();
    for k in 0..200 {
        let story = batch(missed(1 + 6 * k, k * 37 % 200, k as i64, MessageState::Planned));
        store.commit(&[story]).expect("room on the disk");
    }
    store
}

#[test]
fn an_erased_number_is_in_no_file() {
    let room = Room::new();
    let mut store = crowd(&room);
    back_up(&room.place()).expect("a backup");
    store.commit(&[Batch { open_calls: vec![ringing(37, 500)], ..Batch::default() }]).expect("room");
    let traces = ["3125550037", "312-555-0037", "Smith 37"];
    assert!(holding(&room, &traces).len() >= 2, "it is there before");
    let erased = store.erase(&caller(37)).expect("room on the disk");
    assert!(erased.rows >= 5 && erased.left.is_empty(), "{erased:?}");
    assert_eq!(holding(&room, &traces), nowhere());
    assert_eq!(holding(&room, &["3125550038"]).len(), 2, "others stay, in the store and its backup");
}

#[test]
fn the_journal_checks_and_reads_after_an_erasure() {
    let room = Room::new();
    let mut store = crowd(&room);
    store.erase(&caller(37)).expect("room on the disk");
    assert_eq!(check::contents(&store.db, Depth::Thorough), Ok(()));
    let entries = Reader::open(&room.path()).expect("a reader").entries(1, 2_000).expect("all of them");
    assert_eq!(entries.len(), 1_200);
    let is_erased = |entry: &&JournalEntry| match &entry.event {
        Event::Call(call) => call.caller.as_ref().is_some_and(|caller| caller.shown().starts_with("erased-")),
        _ => false,
    };
    assert_eq!(entries.iter().filter(is_erased).count(), 1);
}

#[test]
fn who_was_erased_is_texted_no_more() {
    let room = Room::new();
    let mut store = crowd(&room);
    store.erase(&caller(37)).expect("room on the disk");
    let state = store.load().expect("a state");
    assert_eq!((state.cases.len(), state.messages.len(), state.tasks.len()), (199, 199, 199));
    let case = key(37).to_string();
    assert!(state.messages.iter().all(|message| message.case != case));
}

#[test]
fn an_opt_out_holds_after_the_number_is_erased() {
    let room = Room::new();
    let mut store = crowd(&room);
    store.commit(&[Batch { opt_outs: vec![OptOut::Out(caller(37))], ..Batch::default() }]).expect("room");
    store.erase(&caller(37)).expect("room on the disk");
    drop(store);
    assert!(room.sound().load().expect("a state").opted_out.holds(&caller(37)));
}

#[test]
fn who_calls_again_after_an_erasure_is_somebody_new() {
    let room = Room::new();
    let mut store = crowd(&room);
    store.erase(&caller(37)).expect("room on the disk");
    store.commit(&[batch(missed(2_000, 500, 900, MessageState::Planned))]).expect("room");
    let mut again = call(501, 901, false);
    again.caller = Some(caller(37));
    store.commit(&[batch(entries(2_006, 901, [Event::Call(Box::new(again.clone()))]))]).expect("room");
    let entries = Reader::open(&room.path()).expect("a reader").entries(1, 3_000).expect("all of them");
    let of_37 = entries
        .iter()
        .filter(|entry| matches!(&entry.event, Event::Call(call) if call.caller == again.caller));
    assert_eq!(of_37.count(), 1);
}

#[test]
fn a_number_as_digits_is_the_same_person_to_an_erasure() {
    let room = Room::new();
    let mut store = room.sound();
    let mut odd = call(1, 0, false);
    odd.caller = Some(Party::Digits("3125550001".into()));
    odd.caller_raw = Some("sip:3125550001@10.0.0.5".to_owned());
    store.commit(&[batch(entries(1, 0, [Event::Call(Box::new(odd))]))]).expect("room on the disk");
    store.erase(&caller(1)).expect("room on the disk");
    assert_eq!(holding(&room, &["3125550001", "Smith 1"]), nowhere());
}

#[test]
fn a_text_to_somebody_else_about_the_number_goes_too() {
    let room = Room::new();
    let mut store = room.sound();
    let mut alert = message(1, 0, MessageState::Submitted);
    alert.to = caller(2);
    alert.body = "Missed call from (312) 555-0001".to_owned();
    let mut story = missed(1, 1, 0, MessageState::Planned);
    alert.key = "alert/1".to_owned();
    story.extend(entries(7, 1, [Event::Message(Box::new(alert))]));
    store.commit(&[batch(story)]).expect("room on the disk");
    store.erase(&caller(1)).expect("room on the disk");
    assert_eq!(holding(&room, &["555-0001"]), nowhere());
    assert!(!holding(&room, &[&caller(2).shown()]).is_empty());
}

#[test]
fn what_was_set_aside_with_the_number_in_it_is_named() {
    let room = Room::new();
    let store = crowd(&room);
    store.db.execute("UPDATE journal SET crc = crc + 1 WHERE n = 1200", []).expect("a row");
    drop(store);
    let opened = room.open();
    let aside = opened.damage().expect("damage").aside.clone();
    let erased = opened.store().erase(&caller(37)).expect("room on the disk");
    assert_eq!(Some(erased.left), aside.map(|aside| vec![aside]));
}

#[test]
fn rows_name_people_by_id_alone() {
    let room = Room::new();
    let store = crowd(&room);
    let bodies: String =
        store.db.query_row("SELECT group_concat(body) FROM journal", [], |row| row.get(0)).expect("bodies");
    for text in ["312555", "Smith", "217555", "missed your call"] {
        let found = bodies.matches(text).count();
        // The office's own number is what texts come from.
        assert_eq!(found, if text == "217555" { 200 } else { 0 }, "{text}");
    }
}

#[test]
fn where_an_erased_number_may_have_left_messages_is_told_whether_a_record_names_one_or_not() {
    let room = Room::new();
    let mut store = room.sound();
    let entry = |n: u64, k: u64| {
        let record = call(k, 0, true);
        JournalEntry { n, at: record.at, event: Event::Call(Box::new(record)) }
    };
    let entries = vec![entry(1, 37), entry(2, 38)];
    store.commit(&[Batch { entries, ..Batch::default() }]).expect("room on the disk");
    let erased = store.erase(&caller(37)).expect("room on the disk");
    assert_eq!(erased.recordings, [Recording::file(key(37))]);
}

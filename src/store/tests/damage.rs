//! A store that isn't what was written: found, set aside, gone on from, and nothing sent.

use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};

use super::samples::*;
use crate::event::MessageState;
use crate::store::{Damage, Opened, Reader, Store, StoreError, back_up};

/// A store with `calls` missed calls, a backup after `backed_up` of them, cleanly closed.
fn written(room: &Room, calls: u64, backed_up: u64) {
    let mut store = room.sound();
    for k in 0..calls {
        store.commit(&[batch(missed(1 + 6 * k, k, k as i64, MessageState::Planned))]).expect("room");
        if k + 1 == backed_up {
            back_up(&room.place()).expect("a backup");
        }
    }
}

fn damaged(room: &Room) -> (crate::store::Sqlite, Damage) {
    match room.open() {
        Opened::Damaged(store, damage) => (store, damage),
        Opened::Sound(_) => panic!("damage is found"),
    }
}

#[test]
fn a_changed_byte_in_an_entry_is_found_at_the_start() {
    let room = Room::new();
    written(&room, 3, 0);
    room.sound()
        .db
        .execute("UPDATE journal SET body = replace(body, 'lead', 'lied') WHERE n = 4", [])
        .expect("a row");
    let (mut store, damage) = damaged(&room);
    assert_eq!(damage.what, "journal entry 4: its checksum is wrong");
    assert_eq!((damage.salvaged, damage.unreadable), (17, 1));
    assert!(damage.aside.as_ref().is_some_and(|aside| aside.exists()), "nothing is deleted");
    let state = store.load().expect("a state");
    assert!(state.hold.expect("a reason").contains("entry 4"));
    assert_eq!((state.cases.len(), state.messages.len()), (3, 2));
    assert_eq!(store.commit(&[batch(missed(19, 9, 9, MessageState::Planned))]), Ok(24));
}

#[test]
fn a_changed_number_is_never_texted() {
    let room = Room::new();
    written(&room, 1, 0);
    let mut store = room.sound();
    store
        .db
        .execute("UPDATE people SET value = '+13125559999' WHERE value = ?1", [caller(0).shown()])
        .expect("a row");
    let found = store.load().expect_err("damage is found");
    assert!(matches!(found, StoreError::Damaged { what } if what.starts_with("people row")));
}

#[test]
fn nothing_is_sent_until_an_operator_releases_it() {
    let room = Room::new();
    written(&room, 2, 1);
    fs::write(room.path(), "this is no database, though it is long enough to hold a header; ".repeat(4))
        .expect("a file");
    let (_, damage) = damaged(&room);
    assert!(damage.to_string().ends_with("nothing is sent until `ringback release`"));
    let mut again = room.sound();
    assert_eq!(again.load().expect("a state").hold, Some(damage.to_string()), "a restart is no release");
    again.release().expect("room on the disk");
    drop(again);
    assert_eq!(room.sound().load().expect("a state").hold, None);
}

#[test]
fn a_damaged_store_goes_on_from_its_last_good_backup() {
    let room = Room::new();
    written(&room, 4, 3);
    let good = room.place().backups().remove(0);
    // A later backup that is damaged is not trusted.
    let mut later = fs::read(&good).expect("a backup");
    let middle = later.len() / 2;
    later[middle..].fill(0x5a);
    fs::write(room.place().backup(99), later).expect("a file");
    fs::write(room.path(), "no database. ".repeat(20)).expect("a file");
    let (mut store, damage) = damaged(&room);
    assert_eq!(damage.restored, Some(good));
    assert_eq!(store.load().expect("a state").next, 19);
}

#[test]
fn what_came_after_the_backup_is_read_from_the_damaged_file() {
    let room = Room::new();
    written(&room, 4, 2);
    room.sound().db.execute("UPDATE journal SET crc = crc + 1 WHERE n = 17", []).expect("a row");
    let (mut store, damage) = damaged(&room);
    assert_eq!((damage.restored.is_some(), damage.salvaged, damage.unreadable), (true, 11, 1));
    let state = store.load().expect("a state");
    assert_eq!((state.next, state.messages.len()), (25, 4));
}

#[test]
fn what_may_be_lost_since_the_backup_is_told() {
    let told = |spoil: &dyn Fn(&Room)| {
        let room = Room::new();
        written(&room, 4, 2);
        spoil(&room);
        damaged(&room).1.to_string()
    };
    let sql = |room: &Room, sql: &str| assert_eq!(room.sound().db.execute(sql, []), Ok(1));
    let since = format!("ends with entry 12 of {}", at(1));
    let one = told(&|room| sql(room, "UPDATE journal SET crc = crc + 1 WHERE n = 17"));
    assert!(one.contains(&since), "{one}");
    assert!(one.contains("; of entries 13 to 24 1 may be lost; no opt-out is lost; "), "{one}");
    let before = told(&|room| sql(room, "UPDATE journal SET crc = crc + 1 WHERE n = 7"));
    assert!(before.contains("; all 12 entries after it were read from what is damaged; "), "{before}");
    let all = told(&|room| fs::write(room.path(), "no database. ".repeat(20)).expect("a file"));
    let entered = format!("; opt-outs since {} may be lost: enter them again", at(1));
    assert!(all.contains("; every entry after 12 is lost") && all.contains(&entered), "{all}");
    let gone = told(&|room| fs::remove_file(room.path()).expect("removed"));
    assert!(gone.contains(&since) && gone.contains(&entered), "{gone}");
}

#[test]
fn a_cut_file_is_found() {
    for (part, whole) in [(2, 3), (1, 2), (1, 50)] {
        let room = Room::new();
        written(&room, 30, 0);
        let file = OpenOptions::new().write(true).open(room.path()).expect("a file");
        let length = file.metadata().expect("a length").len();
        file.set_len(length * part / whole).expect("shorter");
        let (_, damage) = damaged(&room);
        assert!(damage.what.contains("cut") || damage.what.contains("shorter"), "{damage}");
    }
}

#[test]
fn a_file_cut_by_a_hundred_bytes_is_found() {
    let room = Room::new();
    written(&room, 30, 0);
    let file = OpenOptions::new().write(true).open(room.path()).expect("a file");
    file.set_len(file.metadata().expect("a length").len() - 100).expect("shorter");
    assert_eq!(damaged(&room).1.what, "the file is cut: 100 bytes are missing at its end");
}

#[test]
fn garbage_in_any_page_is_found_or_harmless() {
    let whole = Room::new();
    written(&whole, 30, 0);
    let entries =
        |room: &Room| Reader::open(&room.path()).expect("a reader").entries(1, 1_000).expect("sound");
    let (bytes, before) = (fs::read(whole.path()).expect("a file"), entries(&whole));
    let mut found = 0;
    for page in 0..bytes.len() / 4_096 {
        let room = Room::new();
        drop(room.sound());
        fs::write(room.path(), &bytes).expect("a file");
        let mut file = OpenOptions::new().write(true).open(room.path()).expect("a file");
        file.seek(SeekFrom::Start(page as u64 * 4_096)).expect("within");
        file.write_all(&[0xa5; 4_096]).expect("room");
        drop(file);
        match room.open() {
            Opened::Damaged(..) => found += 1,
            Opened::Sound(_) => assert_eq!(entries(&room), before, "page {page}"),
        }
    }
    assert!(found * 10 > bytes.len() / 4_096 * 8, "{found} of {}", bytes.len() / 4_096);
}

#[test]
fn a_store_that_was_taken_away_is_not_begun_as_if_new() {
    let room = Room::new();
    written(&room, 2, 2);
    fs::remove_file(room.path()).expect("a file");
    let (mut store, damage) = damaged(&room);
    assert!(damage.what.ends_with("is gone"));
    assert_eq!(store.load().expect("a state").next, 13);
}

/// Somebody wants no texts any more.
fn opt_out(store: &mut crate::store::Sqlite, who: crate::phone::Party) {
    let opt_outs = vec![crate::store::OptOut::Out(who)];
    store.commit(&[crate::store::Batch { opt_outs, ..Default::default() }]).expect("room");
}

#[test]
fn a_store_that_was_emptied_is_not_begun_as_if_new() {
    let room = Room::new();
    written(&room, 2, 1);
    let mut store = room.sound();
    opt_out(&mut store, caller(1));
    crate::store::back_up(&room.place()).expect("a backup");
    drop(store);
    fs::write(room.path(), "").expect("a file");
    let (mut store, damage) = damaged(&room);
    assert_eq!(damage.what, "the file is empty");
    assert!(store.load().expect("a state").opted_out.holds(&caller(1)));
}

#[test]
fn an_empty_file_where_no_store_was_is_begun() {
    let room = Room::new();
    fs::create_dir_all(room.place().folder()).expect("a folder");
    fs::write(room.path(), "").expect("a file");
    assert!(matches!(room.open(), Opened::Sound(_)));
}

#[test]
fn opt_outs_survive_damage() {
    let room = Room::new();
    written(&room, 2, 1);
    let mut store = room.sound();
    opt_out(&mut store, caller(1));
    store.db.execute("UPDATE journal SET crc = crc + 1 WHERE n = 12", []).expect("a row");
    drop(store);
    assert!(damaged(&room).0.load().expect("a state").opted_out.holds(&caller(1)));
}

#[test]
fn a_store_found_damaged_while_it_is_written_goes_on() {
    let room = Room::new();
    written(&room, 2, 2);
    let mut store = room.sound();
    let damage = store.renew("page 3").expect("room on the disk");
    assert!(damage.restored.is_some());
    assert_eq!(store.commit(&[batch(missed(13, 9, 9, MessageState::Planned))]), Ok(18));
    assert!(store.load().expect("a state").hold.is_some());
    drop(store);
    assert_eq!(room.sound().load().expect("a state").next, 19);
}

#[test]
fn a_store_that_is_taken_away_while_it_is_written_is_written_again_whole() {
    let room = Room::new();
    let mut store = room.sound();
    store.commit(&[batch(missed(1, 7, 0, MessageState::Planned))]).expect("room on the disk");
    let beside = |end: &str| room.place().beside(end);
    for other in [false, true] {
        let n = 7 + 6 * u64::from(other);
        fs::remove_file(room.path()).expect("removed");
        if other {
            fs::write(room.path(), "an older one").expect("written");
        }
        store.commit(&[batch(missed(n, n + 100, 60, MessageState::Planned))]).expect("room on the disk");
        assert_eq!(Reader::open(&room.path()).expect("a reader").last(), Ok(n + 5));
    }
    assert_eq!(fs::read(beside(".damaged-1")).expect("kept"), b"an older one");
    drop(store);
    let state = room.sound().load().expect("a state");
    assert_eq!((state.next, state.hold, state.cases.len()), (19, None, 3));
}

//! Who may open a store, and which.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;

use super::samples::*;
use crate::event::MessageState;
use crate::store::open::sound;
use crate::store::schema::{STEPS, migrate};
use crate::store::{Batch, OptOut, Place, Reader, Sqlite, Store, StoreError, back_up};

#[test]
fn a_second_writer_is_refused_and_told_who_writes() {
    let room = Room::new();
    let first = room.sound();
    let refused = Sqlite::open(&room.place()).expect_err("one writer");
    assert_eq!(refused, StoreError::InUse { path: room.path(), pid: Some(std::process::id()) });
    drop(first);
    room.sound();
}

#[test]
fn a_later_version_is_refused_and_left_as_it_is() {
    let room = Room::new();
    room.sound().db.pragma_update(None, "user_version", STEPS.len() as i64 + 1).expect("a pragma");
    let before = fs::read(room.path()).expect("a file");
    let refused = Sqlite::open(&room.place()).expect_err("too new");
    let known = STEPS.len() as i64;
    assert_eq!(refused, StoreError::Newer { path: room.path(), found: known + 1, known });
    assert!(refused.to_string().ends_with("install the later one again"));
    assert!(matches!(Reader::open(&room.path()), Err(StoreError::Newer { .. })));
    assert_eq!(fs::read(room.path()).expect("a file"), before);
}

#[test]
fn an_older_version_is_brought_forward_after_a_backup() {
    let room = Room::new();
    let mut store = room.sound();
    store.commit(&[batch(missed(1, 7, 0, MessageState::Planned))]).expect("room on the disk");
    drop(store);
    let steps: Vec<&str> =
        STEPS.iter().copied().chain(["CREATE TABLE later (a)", "INSERT INTO later VALUES (1)"]).collect();
    let db = sound(&room.place(), &steps).expect("brought forward");
    assert_eq!(db.query_row("SELECT a FROM later", [], |row| row.get(0)), Ok(1));
    assert_eq!(db.pragma_query_value(None, "user_version", |row| row.get(0)), Ok(steps.len() as i64));
    let backup = Connection::open(room.place().backups().remove(0)).expect("a backup");
    assert_eq!(backup.pragma_query_value(None, "user_version", |row| row.get(0)), Ok(STEPS.len() as i64));
    assert_eq!(backup.query_row("SELECT count(*) FROM journal", [], |row| row.get(0)), Ok(6));
}

#[test]
fn an_older_store_knows_how_often_a_text_was_sent_again() {
    let room = Room::new();
    std::fs::create_dir_all(room.place().folder()).expect("made");
    let db = sound(&room.place(), &STEPS[..3]).expect("the third version");
    for key in ["a/lead/ack", "resend/a/lead/ack/9", "resend/a/lead/ack/10", "resend/reply/7/2"] {
        db.execute("INSERT INTO messages VALUES (?1, 1, 'a', 0)", [key]).expect("written");
    }
    drop(db);
    room.sound();
    let reader = Reader::open(&room.path()).expect("a reader");
    let of = |key| reader.resent(key).expect("read");
    assert_eq!(["a/lead/ack", "reply/7", "resend"].map(of), [10, 2, 0]);
}

#[test]
fn an_older_store_knows_which_entry_closed_a_case() {
    let room = Room::new();
    std::fs::create_dir_all(room.place().folder()).expect("made");
    let mut db = sound(&room.place(), &STEPS[..4]).expect("the fourth version");
    let closing = r#"{"event":"case_closed","data":{"case":"a","why":"quiet"}}"#;
    for (n, body) in [(1, "{"), (2, closing), (3, r#"{"event":"task","data":{"title":"case_closed"}}"#)] {
        db.execute("INSERT INTO journal VALUES (?1, 5, ?2, 0)", (n, body)).expect("written");
    }
    db.execute_batch("INSERT INTO cases VALUES ('a', 1, 1, 4, 4, 5), ('b', 1, 1, 4, 4, NULL)")
        .expect("written");
    migrate(&mut db, 4, STEPS).expect("brought forward");
    let of = |id: &str| {
        db.query_row("SELECT closed_n FROM cases WHERE id = ?1", [id], |row| row.get::<_, Option<i64>>(0))
    };
    assert_eq!((of("a"), of("b")), (Ok(Some(2)), Ok(None)));
}

#[test]
fn room_for_a_start_on_a_full_disk_is_kept_and_made_again() {
    let room = Room::new();
    let kept = || fs::metadata(room.place().beside(".reserve")).map_or(0, |it| it.len());
    assert!(!room.place().give_up_room(), "there is no store yet");
    drop(room.sound());
    assert_eq!(kept(), 1 << 20);
    assert!(room.place().give_up_room());
    assert_eq!(kept(), 0);
    let _writer = room.sound();
    assert_eq!(kept(), 1 << 20);
    room.place().give_up_room();
    back_up(&room.place()).expect("a backup");
    assert_eq!(kept(), 1 << 20, "a disk that was full has room again, some day");
}

#[test]
fn a_step_that_fails_leaves_the_store_as_it_was() {
    let room = Room::new();
    drop(room.sound());
    let steps: Vec<&str> = STEPS.iter().copied().chain(["CREATE TABLE later (a); nonsense"]).collect();
    sound(&room.place(), &steps).expect_err("nonsense");
    room.sound();
}

#[test]
fn a_database_of_another_program_is_refused_and_left_as_it_is() {
    let room = Room::new();
    fs::create_dir_all(room.place().folder()).expect("a folder");
    Connection::open(room.path()).expect("a file").execute_batch("CREATE TABLE theirs (a)").expect("a table");
    let before = fs::read(room.path()).expect("a file");
    assert_eq!(Sqlite::open(&room.place()).expect_err("theirs"), StoreError::Foreign { path: room.path() });
    assert_eq!(fs::read(room.path()).expect("a file"), before);
}

#[test]
fn a_file_that_is_no_database_is_not_moved() {
    let room = Room::new();
    fs::create_dir_all(room.place().folder()).expect("a folder");
    fs::write(room.path(), "somebody's notes; ".repeat(10)).expect("a file");
    assert_eq!(Sqlite::open(&room.place()).expect_err("theirs"), StoreError::Foreign { path: room.path() });
    assert!(room.path().exists());
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    // Not even root makes files there.
    let refused = Sqlite::open(&Place::new("/proc/self/ringback.db")).expect_err("no files there");
    assert!(refused.to_string().starts_with("store /proc/self/ringback.db.lock: "), "{refused}");
}

#[test]
fn a_reader_of_no_store_is_told_what_makes_one() {
    let refused = Reader::open(&Room::new().path()).expect_err("nothing there");
    assert!(refused.to_string().ends_with("`ringback run` makes it"));
}

#[test]
fn nobody_else_may_read_any_file_of_it() {
    let room = Room::new();
    let mut store = room.sound();
    fs::set_permissions(room.path(), fs::Permissions::from_mode(0o644)).expect("a file of ours");
    drop(store);
    store = room.sound();
    store.commit(&[batch(missed(1, 7, 0, MessageState::Planned))]).expect("room on the disk");
    back_up(&room.place()).expect("a backup");
    let mut seen = 0;
    for folder in [room.place().folder().to_owned(), room.place().backups] {
        for file in fs::read_dir(folder).expect("a folder").flatten().filter(|file| file.path().is_file()) {
            seen += 1;
            assert_eq!(
                file.metadata().expect("a file").permissions().mode() & 0o777,
                0o600,
                "{:?}",
                file.path()
            );
        }
    }
    assert!(seen >= 6, "store, log, index of the log, lock, key, backup: {seen}");
    drop(store);
}

#[test]
fn the_last_backups_are_kept_and_no_more() {
    let room = Room::new();
    let mut store = room.sound();
    let place = Place { keep: 2, ..room.place() };
    for k in 0..4 {
        store.commit(&[batch(missed(1 + 6 * k, k, 0, MessageState::Planned))]).expect("room on the disk");
        back_up(&place).expect("a backup");
    }
    assert_eq!(place.backups(), [place.backup(24), place.backup(18)]);
    assert_eq!(fs::read_dir(&place.backups).expect("a folder").count(), 2, "nothing half made");
}

#[test]
fn opt_outs_whose_key_is_gone_stop_all_sending() {
    let room = Room::new();
    let mut store = room.sound();
    let stop = Batch { opt_outs: vec![OptOut::Out(caller(1))], ..Batch::default() };
    store.commit(&[stop]).expect("room on the disk");
    drop(store);
    fs::remove_file(room.place().beside(".key")).expect("a key");
    let opened = room.open();
    assert!(opened.damage().is_some_and(|damage| damage.what.starts_with("the key of 1 opt-outs")));
    assert!(opened.store().load().expect("a state").hold.is_some());
}

#[test]
fn who_opted_in_again_is_off_the_list() {
    let room = Room::new();
    let mut store = room.sound();
    let told = |opt_out| Batch { opt_outs: vec![opt_out], ..Batch::default() };
    store.commit(&[told(OptOut::Out(caller(1))), told(OptOut::In(caller(1)))]).expect("room on the disk");
    assert!(store.load().expect("a state").opted_out.is_empty());
}

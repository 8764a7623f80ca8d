//! A store that can be read at a start and not be written: a disk that became read-only, or has no room to open it.
//!
//! The engine goes on from what is there, and calls are judged; each commit tries to open the store, and fails as long as
//! that can't be. What failed waits with whoever writes, so that nothing is lost while there is room for it. One that can't
//! be read either is none: nobody knows what number the next entry has.

use rusqlite::{Connection, OpenFlags};

use super::error::StoreError;
use super::files::{self, Place};
use super::open::Damage;
use super::sqlite::{self, Sqlite, fingerprint};
use super::{Batch, Erased, Retained, Store, check, load, schema};
use crate::event::{OptOuts, State};
use crate::phone::Party;
use crate::time::Timestamp;

/// A store that isn't open yet.
#[derive(Debug)]
pub struct Shut {
    place: Place,
    state: State,
    open: Option<Sqlite>,
    /// What was found when it opened, as long as nobody was told.
    damage: Option<Damage>,
}

impl Shut {
    /// Reads the store at `place`, where an opening failed.
    ///
    /// # Errors
    /// It can't be read, is damaged, or of another version.
    pub fn read(place: &Place) -> Result<Shut, StoreError> {
        Ok(Shut { place: place.clone(), state: state(place)?, open: None, damage: None })
    }

    fn open(&mut self) -> Result<&mut Sqlite, StoreError> {
        if self.open.is_none() {
            let opened = Sqlite::open(&self.place)?;
            let damage = opened.damage().cloned();
            let store = opened.store();
            if load::newest(&store.db)?.is_some_and(|(n, _)| n >= self.state.next) {
                let what = "another ringback wrote it meanwhile; restart this one".to_owned();
                return Err(StoreError::Refused { what });
            }
            self.open = Some(store);
            self.damage = damage;
        }
        if let Some(damage) = &self.damage {
            return Err(StoreError::damaged(damage.what.clone()));
        }
        self.open.as_mut().ok_or(StoreError::ReadOnly)
    }
}

impl Store for Shut {
    fn load(&mut self) -> Result<State, StoreError> {
        match &mut self.open {
            Some(store) => store.load(),
            None => Ok(self.state.clone()),
        }
    }

    fn commit(&mut self, batches: &[Batch]) -> Result<u64, StoreError> {
        self.open()?.commit(batches)
    }

    fn erase(&mut self, party: &Party) -> Result<Erased, StoreError> {
        self.open()?.erase(party)
    }

    fn retain(&mut self, before: Timestamp) -> Result<Retained, StoreError> {
        self.open()?.retain(before)
    }

    fn release(&mut self) -> Result<(), StoreError> {
        self.open()?.release()
    }

    fn renew(&mut self, what: &str) -> Result<Damage, StoreError> {
        match self.damage.take() {
            Some(damage) => Ok(damage),
            None => self.open()?.renew(what),
        }
    }
}

/// What an engine starts from, of a store that nobody writes.
fn state(place: &Place) -> Result<State, StoreError> {
    // Without its key nobody is known to have opted out; nothing leaves before the store opens, which finds that out.
    let key = if place.beside(".key").exists() { files::key(place)?.0 } else { [0; 32] };
    let opted_out = OptOuts::new(key);
    if !place.path.exists() {
        let gone = || StoreError::damaged(format!("{} is gone", place.path.display()));
        let empty = State { next: 1, opted_out, ..State::default() };
        return if place.was_used() { Err(gone()) } else { Ok(empty) };
    }
    let log = std::fs::metadata(sqlite::log_of(&place.path)).is_ok_and(|log| log.len() > 0);
    check::file(&place.path, log)?;
    let db = connect(place, log)?;
    check::contents(&db, check::Depth::Quick)?;
    load::load(&db, opted_out, fingerprint(&key))
}

/// A connection to a store of this version. Where nothing can be written beside it, and it has no log, it is read as a file
/// that doesn't change.
fn connect(place: &Place, has_log: bool) -> Result<Connection, StoreError> {
    let known = schema::STEPS.len() as i64;
    let whole = |db: Connection| match schema::version(&db, &place.path, schema::STEPS)? {
        found if found == known => Ok(db),
        found => Err(StoreError::Refused {
            what: format!("its version is {found}, and must be brought up to date"),
        }),
    };
    match sqlite::connect_to_read(&place.path).and_then(whole) {
        Err(StoreError::Refused { .. } | StoreError::ReadOnly | StoreError::Full) if !has_log => {
            whole(unchanging(place)?)
        }
        other => other,
    }
}

fn unchanging(place: &Place) -> Result<Connection, StoreError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    let escaped = |byte: &u8| match plain(*byte) {
        true => char::from(*byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    let path: String = place.path.as_os_str().as_encoded_bytes().iter().map(escaped).collect();
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    Ok(Connection::open_with_flags(format!("file:{path}?immutable=1"), flags)?)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::tests::samples::*;
    use super::*;
    use crate::event::MessageState;

    /// A store with a missed call, which nobody may write from here on.
    fn shut(room: &Room) -> Shut {
        let mut store = room.sound();
        store.commit(&[batch(missed(1, 7, 0, MessageState::Planned))]).expect("room on the disk");
        drop(store);
        bar(room);
        assert!(Sqlite::open(&room.place()).is_err_and(|error| error.may_pass()));
        Shut::read(&room.place()).expect("it can be read")
    }

    /// Root may write what is read-only, but no lock where a folder is.
    fn bar(room: &Room) {
        let _ = fs::remove_file(room.place().beside(".lock"));
        fs::create_dir(room.place().beside(".lock")).expect("made");
    }

    fn unbar(room: &Room) {
        fs::remove_dir(room.place().beside(".lock")).expect("removed");
    }

    #[test]
    fn a_store_that_cannot_be_written_is_gone_on_from_and_written_once_it_can() {
        let room = Room::new();
        let mut store = shut(&room);
        let state = store.load().expect("a state");
        assert_eq!((state.next, state.cases.len(), state.messages.len()), (7, 1, 1));
        let next = [batch(missed(7, 8, 60, MessageState::Planned))];
        assert!(store.commit(&next).is_err());
        unbar(&room);
        assert_eq!(store.commit(&next), Ok(12));
        drop(store);
        assert_eq!(room.sound().load().expect("a state").next, 13);
    }

    #[test]
    fn a_first_start_that_cannot_make_a_store_begins_with_nothing() {
        let room = Room::new();
        fs::create_dir_all(room.place().folder()).expect("made");
        bar(&room);
        let mut store = Shut::read(&room.place()).expect("nothing is there");
        assert_eq!(store.load().expect("a state").next, 1);
        unbar(&room);
        assert_eq!(store.commit(&[batch(missed(1, 7, 0, MessageState::Planned))]), Ok(6));
    }

    #[test]
    fn one_that_another_wrote_meanwhile_is_left_alone() {
        let room = Room::new();
        let mut store = shut(&room);
        unbar(&room);
        room.sound().commit(&[batch(missed(7, 8, 60, MessageState::Planned))]).expect("room on the disk");
        let refused = store.commit(&[batch(missed(7, 9, 60, MessageState::Planned))]);
        assert!(matches!(refused, Err(StoreError::Refused { .. })), "{refused:?}");
        assert_eq!(room.sound().load().expect("a state").next, 13);
    }

    #[test]
    fn damage_that_is_found_when_it_opens_is_told_once_and_writing_goes_on() {
        let room = Room::new();
        let mut store = shut(&room);
        unbar(&room);
        fs::write(room.path(), "no database. ".repeat(20)).expect("a file");
        let next = [batch(missed(7, 8, 60, MessageState::Planned))];
        assert!(matches!(store.commit(&next), Err(StoreError::Damaged { .. })));
        assert!(store.renew("").expect("told").aside.is_some());
        assert_eq!(store.commit(&next), Ok(12));
        assert!(store.load().expect("a state").hold.is_some());
    }

    #[test]
    fn damage_and_what_is_gone_are_no_beginning() {
        let room = Room::new();
        drop(shut(&room));
        fs::write(room.path(), "no database. ".repeat(20)).expect("a file");
        assert!(matches!(Shut::read(&room.place()), Err(StoreError::Damaged { .. })));
        fs::remove_file(room.path()).expect("removed");
        assert!(matches!(Shut::read(&room.place()), Err(StoreError::Damaged { .. })));
    }

    #[test]
    fn a_file_beside_which_nothing_can_be_written_is_read_as_it_is() {
        let room = Room::new();
        drop(shut(&room));
        let db = unchanging(&room.place()).expect("opens");
        assert_eq!(load::newest(&db).expect("read").map(|(n, _)| n), Some(6));
    }
}

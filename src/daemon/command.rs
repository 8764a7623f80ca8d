//! What people ask for by commands: one JSON object a line over the control socket, and one back.
//!
//! ```text
//! {"do":"opt_out","number":"+13125550142"}
//! {"done":true,"told":"+13125550142 gets no texts any more"}
//! ```
//! With a daemon its engine takes each first, and its store then; without one the store alone is written.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::event::{Event, JournalEntry, Operator, TaskDone};
use crate::phone::Party;
use crate::store::{Batch, Erased, OptOut, Place, Reader, Sqlite, Store, StoreError, back_up};
use crate::tape::Shelf;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
#[allow(missing_docs, reason = "each variant says what its fields are")]
pub enum Command {
    /// Copy the store into its folder of backups.
    Backup {},
    /// Forget who a number belongs to.
    Erase { number: Party },
    /// No more texts to a number.
    OptOut { number: Party },
    /// A number wants texts again.
    OptIn { number: Party },
    /// A task is done.
    TaskDone { key: String },
    /// Texts may leave again, although the store was damaged.
    Release {},
    /// Tell what was seen, as `/metrics` does.
    Figures {},
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// It is done, and would survive a power cut.
    pub done: bool,
    /// What was done, or why it wasn't, in a sentence.
    pub told: String,
}

impl Answer {
    /// It is done.
    pub fn done(told: impl Into<String>) -> Answer {
        Answer { done: true, told: told.into() }
    }

    /// It isn't, and this is why.
    pub fn refused(why: impl Into<String>) -> Answer {
        Answer { done: false, told: why.into() }
    }
}

impl From<StoreError> for Answer {
    fn from(error: StoreError) -> Answer {
        Answer::refused(error.to_string())
    }
}

impl Command {
    /// What it is, for the log: without numbers.
    pub fn word(&self) -> &'static str {
        match self {
            Command::Backup {} => "backup",
            Command::Erase { .. } => "erase",
            Command::OptOut { .. } => "opt out",
            Command::OptIn { .. } => "opt in",
            Command::TaskDone { .. } => "task done",
            Command::Release {} => "release",
            Command::Figures {} => "figures",
        }
    }

    /// What an engine takes before the store does, so that the store has the last word.
    ///
    /// # Errors
    /// There is no such task, or it is done; the store can't be read.
    pub fn before(&self, store: &Path) -> Result<Option<Operator>, Answer> {
        Ok(match self {
            Command::Erase { number } => Some(Operator::Erase(number.clone())),
            Command::OptOut { number } => Some(Operator::OptOut(number.clone())),
            Command::TaskDone { key } => Some(Operator::TaskDone(open_task(store, key)?)),
            Command::Backup {} | Command::OptIn { .. } | Command::Release {} | Command::Figures {} => None,
        })
    }

    /// What an engine takes once the store has it: nothing leaves that isn't permitted for good.
    pub fn after(&self) -> Option<Operator> {
        match self {
            Command::OptIn { number } => Some(Operator::OptIn(number.clone())),
            _ => None,
        }
    }

    /// What the store does, after what the engine said to it. Tapes hold what is to be forgotten in packets, where nobody
    /// looks for it: all are deleted.
    pub fn carry_out(&self, store: &mut dyn Store, tapes: Option<&Shelf>) -> Answer {
        let opt_out = |store: &mut dyn Store, opt_out| {
            store.commit(&[Batch { opt_outs: vec![opt_out], ..Batch::default() }])
        };
        let done = match self {
            Command::Backup {} | Command::TaskDone { .. } | Command::Figures {} => Ok("done".to_owned()),
            Command::Erase { number } => return erase(store, number, tapes),
            Command::OptOut { number } => opt_out(store, OptOut::Out(number.clone()))
                .map(|_| format!("{} gets no texts any more", number.shown())),
            Command::OptIn { number } => opt_out(store, OptOut::In(number.clone()))
                .map(|_| format!("{} may be texted again", number.shown())),
            Command::Release {} => store.release().map(|()| "texts leave again".to_owned()),
        };
        done.map_or_else(Answer::from, Answer::done)
    }

    /// Does it without a daemon, under the lock of the store.
    pub fn alone(&self, place: &Place, tapes: Option<&Shelf>, clock: &dyn Clock) -> Answer {
        let done = self.try_alone(place, tapes, clock);
        match done.and_then(|answer| place.give_back().map(|()| answer)) {
            Ok(answer) => answer,
            Err(error) => Answer::from(error),
        }
    }

    fn try_alone(
        &self,
        place: &Place,
        tapes: Option<&Shelf>,
        clock: &dyn Clock,
    ) -> Result<Answer, StoreError> {
        let mut store = Sqlite::open(place)?.store();
        match self {
            Command::Backup {} => Ok(copied(place)),
            Command::TaskDone { key } => {
                let done = match open_task(&place.path, key) {
                    Ok(done) => done,
                    Err(answer) => return Ok(answer),
                };
                let state = store.load()?;
                let at = state.last_at.map_or(clock.now(), |last| last.max(clock.now()));
                let entries = vec![JournalEntry { n: state.next, at, event: Event::TaskDone(done) }];
                store.commit(&[Batch { entries, ..Batch::default() }])?;
                Ok(self.carry_out(&mut store, tapes))
            }
            _ => Ok(self.carry_out(&mut store, tapes)),
        }
    }
}

/// Copies a store; any thread may.
pub fn copied(place: &Place) -> Answer {
    match back_up(place) {
        Ok(path) => Answer::done(format!("store copied to {}", path.display())),
        Err(error) => Answer::from(error),
    }
}

fn open_task(store: &Path, key: &str) -> Result<TaskDone, Answer> {
    match Reader::open(store).and_then(|reader| reader.task(key))? {
        Some((task, false)) => Ok(TaskDone { key: task.key, case: task.case }),
        Some((_, true)) => Err(Answer::refused(format!("task {key} is done already"))),
        None => Err(Answer::refused(format!("there is no task {key}; `ringback task list` names them"))),
    }
}

fn erase(store: &mut dyn Store, number: &Party, tapes: Option<&Shelf>) -> Answer {
    let told = match store.erase(number) {
        Ok(erased) => erased_words(&erased),
        Err(error) => return Answer::from(error),
    };
    match tapes.map(|tapes| (tapes, tapes.delete_all())) {
        None => Answer::done(told),
        Some((_, Ok(()))) => Answer::done(format!("{told}; no tape is left")),
        Some((tapes, Err(error))) => {
            let folder = tapes.folder().display();
            Answer::refused(format!(
                "{told}; tapes in {folder} can't be deleted: {error}; delete them by hand"
            ))
        }
    }
}

fn erased_words(erased: &Erased) -> String {
    let mut told = format!("erased: {} rows; what gateways were given before stays with them", erased.rows);
    for left in &erased.left {
        told.push_str(&format!("; still in {}, which was set aside as damaged: delete it", left.display()));
    }
    told
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::clock::HandClock;
    use crate::event::Task;
    use crate::phone::Number;
    use crate::settings::Taping;
    use crate::tape;
    use crate::time::{Span, Timestamp};

    fn number() -> Party {
        Party::Number(Number::parse("+13125550142").expect("a number"))
    }

    #[test]
    fn a_command_is_one_object_and_nothing_else_is_one() {
        let line = serde_json::to_string(&Command::OptOut { number: number() }).expect("JSON");
        assert_eq!(line, r#"{"do":"opt_out","number":"+13125550142"}"#);
        assert_eq!(
            serde_json::from_str::<Command>(&line).expect("a command"),
            Command::OptOut { number: number() }
        );
        for wrong in
            [r#"{"do":"format"}"#, r#"{"do":"erase"}"#, r#"{"do":"backup","to":"/etc/passwd"}"#, "[]", "{}"]
        {
            assert!(serde_json::from_str::<Command>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn without_a_daemon_the_store_is_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::new(folder.path().join("ringback.db"));
        let clock = HandClock::at(Timestamp::from_parts(1_000, 0));
        let opted_out = || {
            let reader = Reader::open(&place.path).expect("a store");
            reader.opt_outs(&place, Some(&number())).expect("read")
        };
        assert!(Command::OptOut { number: number() }.alone(&place, None, &clock).done);
        assert_eq!(opted_out(), (1, true));
        assert!(Command::OptIn { number: number() }.alone(&place, None, &clock).done);
        assert_eq!(opted_out(), (0, false));
        assert!(Command::Backup {}.alone(&place, None, &clock).done);
        assert!(
            Command::Erase { number: number() }
                .alone(&place, None, &clock)
                .told
                .starts_with("erased: 0 rows")
        );
    }

    #[test]
    fn no_tape_is_left_where_a_number_was_erased() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::new(folder.path().join("ringback.db"));
        let clock = HandClock::at(Timestamp::from_parts(1_000, 0));
        let taping =
            Taping { folder: folder.path().join("tape"), keep: Span::from_secs(86_400), most: 1 << 20 };
        let tapes = Shelf::new(&taping);
        let tape = taping.folder.join("20261120T211407Z");
        fs::create_dir_all(&tape).expect("made");
        fs::write(tape.join(tape::LINES), "{}").expect("written");
        assert!(Command::OptOut { number: number() }.alone(&place, Some(&tapes), &clock).done);
        assert!(tape.exists());
        let answer = Command::Erase { number: number() }.alone(&place, Some(&tapes), &clock);
        assert!(answer.done && answer.told.ends_with("; no tape is left"), "{}", answer.told);
        assert!(!tape.exists());
        fs::create_dir_all(tape.join(tape::LINES)).expect("made");
        let answer = Command::Erase { number: number() }.alone(&place, Some(&tapes), &clock);
        assert!(!answer.done && answer.told.contains("delete them by hand"), "{}", answer.told);
    }

    #[test]
    fn a_task_is_done_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::new(folder.path().join("ringback.db"));
        let clock = HandClock::at(Timestamp::from_parts(1_000, 0));
        let at = clock.now();
        let task = Task {
            key: "4f9c2a6b01de/no_line".into(),
            case: "4f9c2a6b01de".into(),
            at,
            owner: None,
            due: None,
            title: "Call back".into(),
            why: None,
        };
        let mut store = Sqlite::open(&place).expect("opens").store();
        let entries = vec![JournalEntry { n: 1, at, event: Event::Task(task.clone()) }];
        store.commit(&[Batch { entries, ..Batch::default() }]).expect("written");
        drop(store);
        let done = |key: &str| Command::TaskDone { key: key.into() }.alone(&place, None, &clock);
        assert!(!done("another").done);
        assert!(done(&task.key).done);
        assert_eq!(done(&task.key), Answer::refused(format!("task {} is done already", task.key)));
        let reader = Reader::open(&place.path).expect("a store");
        assert_eq!(reader.task(&task.key).expect("read"), Some((task, true)));
        assert_eq!(reader.last().expect("read"), 2);
    }

    #[test]
    fn a_store_that_another_process_writes_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::new(folder.path().join("ringback.db"));
        let _writer = Sqlite::open(&place).expect("opens");
        let clock = HandClock::at(Timestamp::from_parts(1_000, 0));
        let answer = Command::OptOut { number: number() }.alone(&place, None, &clock);
        assert!(!answer.done && answer.told.contains("writes it"), "{}", answer.told);
    }
}

//! What people ask for by commands: one JSON object a line over the control socket, and one back.
//!
//! ```text
//! {"do":"opt_out","number":"+13125550142"}
//! {"done":true,"told":"+13125550142 gets no texts any more"}
//! ```
//! With a daemon its engine takes each first, and its store then; without one the store alone is written.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::event::{
    CallRecord, Event, JournalEntry, Message, MessageState, Operator, Review, ReviewDecided, ReviewDecision,
    State, Task, TaskDone,
};
use crate::limits;
use crate::phone::Party;
use crate::rules::Why;
use crate::store::{Batch, Erased, OptOut, Place, Reader, Sqlite, Store, StoreError, back_up};
use crate::tape::Shelf;
use crate::time::Timestamp;
use crate::voicemail::Voices;

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
    /// No more texts to any of these numbers.
    OptOutAll { numbers: Vec<Party> },
    /// A text that waits is not to leave.
    MessageCancel { key: String },
    /// A text is to be sent again.
    MessageResend { key: String },
    /// What a call is that no machine may decide about.
    ReviewDecide { call: String, decision: ReviewDecision },
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

/// What is kept beside the store, and forgotten with it.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The tapes, if runs are taped.
    pub tapes: Option<Shelf>,
    /// The messages that callers left.
    pub voices: Voices,
}

impl Command {
    /// Reads a line; what comes after its end is nothing.
    ///
    /// # Errors
    /// It is no command: why.
    pub fn read(line: &[u8]) -> Result<Command, String> {
        let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
        serde_json::from_slice(line).map_err(|error| format!("no command: {error}"))
    }

    /// The same in parts, each of which a daemon takes; more than one of a long list alone.
    pub fn parts(&self) -> Vec<Command> {
        match self {
            Command::OptOutAll { numbers } => {
                let part = |part: &[Party]| Command::OptOutAll { numbers: part.to_vec() };
                numbers.chunks(limits::AT_ONCE).map(part).collect()
            }
            one => vec![one.clone()],
        }
    }

    /// How many numbers it is about, where that may be any number.
    pub fn numbers(&self) -> usize {
        match self {
            Command::OptOutAll { numbers } => numbers.len(),
            _ => 0,
        }
    }

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
            Command::OptOutAll { .. } => "opt out all",
            Command::MessageCancel { .. } => "message cancel",
            Command::MessageResend { .. } => "message resend",
            Command::ReviewDecide { .. } => "review decide",
        }
    }

    /// What an engine takes before the store does, so that the store has the last word.
    ///
    /// # Errors
    /// There is no such thing, or it is done; it is too much; the store can't be read.
    pub fn before(&self, store: &Path) -> Result<Vec<Operator>, Answer> {
        if self.numbers() > limits::AT_ONCE {
            let (numbers, most) = (self.numbers(), limits::AT_ONCE);
            let told =
                format!("{numbers} numbers at once; ask for {most} at most, and for the others after them");
            return Err(Answer::refused(told));
        }
        Ok(match self {
            Command::Erase { number } => vec![Operator::Erase(number.clone())],
            Command::OptOut { number } => vec![Operator::OptOut(number.clone())],
            Command::OptOutAll { numbers } => numbers.iter().cloned().map(Operator::OptOut).collect(),
            Command::TaskDone { key } => vec![Operator::TaskDone(open_task(store, key)?)],
            Command::MessageCancel { key } => vec![Operator::Cancel(waiting(store, key)?.key)],
            Command::MessageResend { key } => vec![Operator::Resend(Box::new(again(store, key)?))],
            Command::ReviewDecide { call, decision } => {
                let (decided, task) = review(store, call, *decision)?;
                vec![Operator::Decide(decided, task)]
            }
            Command::Backup {} | Command::OptIn { .. } | Command::Release {} | Command::Figures {} => {
                Vec::new()
            }
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
    pub fn carry_out(&self, store: &mut dyn Store, kept: &Kept) -> Answer {
        let listed =
            |store: &mut dyn Store, opt_outs| store.commit(&[Batch { opt_outs, ..Batch::default() }]);
        let opt_out = |store: &mut dyn Store, opt_out| listed(store, vec![opt_out]);
        let done = match self {
            Command::Backup {}
            | Command::TaskDone { .. }
            | Command::ReviewDecide { .. }
            | Command::Figures {} => Ok("done".to_owned()),
            Command::MessageCancel { key } => Ok(format!("text {key} is cancelled")),
            Command::MessageResend { .. } => {
                Ok("the text is planned, and leaves if ringback runs within ten minutes".to_owned())
            }
            Command::OptOutAll { numbers } => {
                let all = numbers.iter().cloned().map(OptOut::Out).collect();
                listed(store, all).map(|_| opted_out(numbers.len()))
            }
            Command::Erase { number } => return erase(store, number, kept),
            Command::OptOut { number } => opt_out(store, OptOut::Out(number.clone()))
                .map(|_| format!("{} gets no texts any more", number.shown())),
            Command::OptIn { number } => opt_out(store, OptOut::In(number.clone()))
                .map(|_| format!("{} may be texted again", number.shown())),
            Command::Release {} => store.release().map(|()| "texts leave again".to_owned()),
        };
        done.map_or_else(Answer::from, Answer::done)
    }

    /// Does it without a daemon, under the lock of the store.
    pub fn alone(&self, place: &Place, kept: &Kept, clock: &dyn Clock) -> Answer {
        let done = self.try_alone(place, kept, clock);
        match done.and_then(|answer| place.give_back().map(|()| answer)) {
            Ok(answer) => answer,
            Err(error) => Answer::from(error),
        }
    }

    fn try_alone(&self, place: &Place, kept: &Kept, clock: &dyn Clock) -> Result<Answer, StoreError> {
        let mut store = Sqlite::open(place)?.store();
        match self {
            Command::Backup {} => Ok(copied(place)),
            Command::Erase { .. }
            | Command::OptOut { .. }
            | Command::OptOutAll { .. }
            | Command::OptIn { .. }
            | Command::Release {} => Ok(self.carry_out(&mut store, kept)),
            _ => {
                let acts = match self.before(&place.path) {
                    Ok(acts) => acts,
                    Err(answer) => return Ok(answer),
                };
                let state = store.load()?;
                let at = state.last_at.map_or(clock.now(), |last| last.max(clock.now()));
                let events = match acts.into_iter().map(|act| said(act, (&state, &place.path), at)).collect()
                {
                    Ok::<Vec<_>, Answer>(events) => events.concat(),
                    Err(answer) => return Ok(answer),
                };
                let entries =
                    (state.next..).zip(events).map(|(n, event)| JournalEntry { n, at, event }).collect();
                store.commit(&[Batch { entries, ..Batch::default() }])?;
                Ok(self.carry_out(&mut store, kept))
            }
        }
    }
}

/// What an act says to the journal where no engine runs.
fn said(act: Operator, (state, store): (&State, &Path), at: Timestamp) -> Result<Vec<Event>, Answer> {
    Ok(match act {
        Operator::TaskDone(done) => vec![Event::TaskDone(done)],
        Operator::Cancel(key) => {
            let mut text = waiting(store, &key)?;
            (text.state, text.why) = (MessageState::Cancelled, Some(Why::ByHand.into()));
            vec![Event::Message(Box::new(text))]
        }
        Operator::Resend(text) if state.opted_out.holds(&text.to) => {
            return Err(Answer::refused(format!("{} {}", text.key, Why::OptedOut.sentence())));
        }
        Operator::Resend(text) => vec![Event::Message(Box::new(Message { due: at, ..*text }))],
        Operator::Decide(decided, task) => {
            let task = task.map(|task| Event::Task(Task { at, ..task }));
            std::iter::once(Event::ReviewDecided(decided)).chain(task).collect()
        }
        Operator::OptOut(_) | Operator::OptIn(_) | Operator::Erase(_) => Vec::new(),
    })
}

/// What is told of so many numbers that opted out.
pub fn opted_out(numbers: usize) -> String {
    format!("{numbers} numbers get no texts any more")
}

/// How an engine took an act whose outcome it decides; none where the act is all there is.
pub fn became(act: &Operator, store: &Path) -> Option<Answer> {
    let key = match act {
        Operator::Cancel(key) => key,
        Operator::Resend(text) => &text.key,
        _ => return None,
    };
    let found = match Reader::open(store).and_then(|reader| reader.message(key)) {
        Ok(found) => found,
        Err(error) => return Some(Answer::from(error)),
    };
    let why = |message: &Message| message.why.as_deref().and_then(Why::from_code).map_or("", Why::sentence);
    Some(match (act, found) {
        (Operator::Cancel(_), Some(text)) if text.state == MessageState::Cancelled => {
            Answer::done(format!("text {key} is cancelled"))
        }
        (Operator::Cancel(_), Some(text)) => {
            Answer::refused(format!("text {key} can't be cancelled any more: it is {}", text.state.word()))
        }
        (_, Some(text)) if text.state == MessageState::Skipped => {
            Answer::refused(format!("text {key} doesn't leave: {}", why(&text)))
        }
        (_, Some(text)) => Answer::done(format!("text {key} is {}", text.state.word())),
        (_, None) => Answer::refused(format!("text {key} doesn't leave: too many are being sent again")),
    })
}

/// A text that hasn't left yet.
fn waiting(store: &Path, key: &str) -> Result<Message, Answer> {
    let text = text(store, key)?;
    match text.state {
        MessageState::Planned | MessageState::Deferred => Ok(text),
        state => Err(Answer::refused(format!("text {key} doesn't wait any more: it is {}", state.word()))),
    }
}

/// A text as it is to be sent again.
fn again(store: &Path, key: &str) -> Result<Message, Answer> {
    let text = text(store, key)?;
    if text.is_pending() {
        return Err(Answer::refused(format!("text {key} is on its way: it is {}", text.state.word())));
    }
    let first = Message::again_of(&text.key).map_or(&*text.key, |(first, _)| first).to_owned();
    let n = Reader::open(store)?.resent(&first)?.saturating_add(1);
    Ok(Message {
        key: format!("resend/{first}/{n}"),
        state: MessageState::Planned,
        why: None,
        sent: None,
        attempts: 0,
        gateway_ref: None,
        trail: Vec::new(),
        ..text
    })
}

fn text(store: &Path, key: &str) -> Result<Message, Answer> {
    let found = Reader::open(store)?.message(key)?;
    found
        .ok_or_else(|| Answer::refused(format!("there is no text {key}; `ringback message list` names them")))
}

/// What a person says of a call, and the task that it brings.
fn review(
    store: &Path,
    call: &str,
    decision: ReviewDecision,
) -> Result<(ReviewDecided, Option<Task>), Answer> {
    let reader = Reader::open(store)?;
    let review = match reader.review(call)? {
        Some((review, false)) => review,
        Some((_, true)) => return Err(Answer::refused(format!("call {call} is decided already"))),
        None => {
            let told =
                format!("call {call} is not to be reviewed; `ringback review list` names those that are");
            return Err(Answer::refused(told));
        }
    };
    let record = reader.call(call)?;
    let task = (decision == ReviewDecision::Missed).then(|| call_back(&review, record.as_ref()));
    Ok((ReviewDecided { case: review.case, call: review.call, decision }, task))
}

fn call_back(review: &Review, record: Option<&CallRecord>) -> Task {
    let caller = record.and_then(|record| record.caller.as_ref().filter(|_| !record.withheld));
    Task {
        key: format!("{}/reviewed", review.call),
        case: review.case.clone(),
        at: record.map_or(Timestamp::default(), |record| record.at),
        owner: None,
        due: None,
        title: caller.map_or_else(
            || format!("Find out who called: {}", review.call),
            |caller| format!("Call back {}", caller.national()),
        ),
        why: None,
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

fn erase(store: &mut dyn Store, number: &Party, kept: &Kept) -> Answer {
    let erased = match store.erase(number) {
        Ok(erased) => erased,
        Err(error) => return Answer::from(error),
    };
    let told = erased_words(&erased);
    let by_hand = |what: &str, folder: &Path, error: io::Error| {
        let folder = folder.display();
        Answer::refused(format!("{told}; {what} in {folder} can't be deleted: {error}; delete them by hand"))
    };
    if let Err(error) = kept.voices.delete(&erased.recordings) {
        return by_hand("messages", kept.voices.folder(), error);
    }
    match kept.tapes.as_ref().map(|tapes| (tapes, tapes.delete_all())) {
        None => Answer::done(told),
        Some((_, Ok(()))) => Answer::done(format!("{told}; no tape is left")),
        Some((tapes, Err(error))) => by_hand("tapes", tapes.folder(), error),
    }
}

fn erased_words(erased: &Erased) -> String {
    let found = if erased.rows == 0 { ", none was of this number" } else { "" };
    let mut told = format!(
        "erased: {} rows{found}; what gateways were given before stays with them, as in the outbox of a file gateway",
        erased.rows
    );
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
    use crate::phone::Number;
    use crate::settings::Taping;
    use crate::tape;
    use crate::time::Span;

    fn kept(folder: &tempfile::TempDir, tapes: Option<&Shelf>) -> Kept {
        Kept { tapes: tapes.cloned(), voices: Voices::new(folder.path().join("voicemail")) }
    }

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
    fn a_long_list_is_cut_in_parts_and_a_longer_one_than_a_part_is_refused() {
        let list = |count: usize| Command::OptOutAll { numbers: vec![number(); count] };
        let parts = list(2 * limits::AT_ONCE + 1).parts();
        assert_eq!(
            parts.iter().map(Command::numbers).collect::<Vec<_>>(),
            [limits::AT_ONCE, limits::AT_ONCE, 1]
        );
        let nowhere = Path::new("ringback.db");
        assert_eq!(parts[0].before(nowhere).expect("taken").len(), limits::AT_ONCE);
        let refused = list(limits::AT_ONCE + 1).before(nowhere).expect_err("too many");
        assert!(
            !refused.done && refused.told.starts_with("5001 numbers at once; ask for 5000"),
            "{refused:?}"
        );
        assert_eq!(Command::Backup {}.parts(), [Command::Backup {}]);
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
        assert!(Command::OptOut { number: number() }.alone(&place, &kept(&folder, None), &clock).done);
        assert_eq!(opted_out(), (1, true));
        assert!(Command::OptIn { number: number() }.alone(&place, &kept(&folder, None), &clock).done);
        assert_eq!(opted_out(), (0, false));
        assert!(Command::Backup {}.alone(&place, &kept(&folder, None), &clock).done);
        assert!(
            Command::Erase { number: number() }
                .alone(&place, &kept(&folder, None), &clock)
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
        assert!(
            Command::OptOut { number: number() }.alone(&place, &kept(&folder, Some(&tapes)), &clock).done
        );
        assert!(tape.exists());
        let answer = Command::Erase { number: number() }.alone(&place, &kept(&folder, Some(&tapes)), &clock);
        assert!(answer.done && answer.told.ends_with("; no tape is left"), "{}", answer.told);
        assert!(!tape.exists());
        fs::create_dir_all(tape.join(tape::LINES)).expect("made");
        let answer = Command::Erase { number: number() }.alone(&place, &kept(&folder, Some(&tapes)), &clock);
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
        let done =
            |key: &str| Command::TaskDone { key: key.into() }.alone(&place, &kept(&folder, None), &clock);
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
        let answer = Command::OptOut { number: number() }.alone(&place, &kept(&folder, None), &clock);
        assert!(!answer.done && answer.told.contains("writes it"), "{}", answer.told);
    }
}

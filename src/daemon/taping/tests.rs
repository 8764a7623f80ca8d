//! Every capture of `captures/`, taken as the daemon takes packets, and once more from its tape.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::*;
use crate::config;
use crate::engine::{Audio, Output};
use crate::event::{ClockGap, Event, MessageState, TaskDone};
use crate::phone::{Number, Party};
use crate::replay::{self, Played, Sink};
use crate::settings::Settings;
use crate::source::{self, Merge, PacketSource};
use crate::store::{Batch, Memory, Store, Writer};
use crate::tape;
use crate::wire::packet::TapId;

use super::super::renewal::{Renewal, begun};

/// A daemon without threads: an engine, its tape, its store, and a gateway that accepts a moment later.
struct Desk {
    settings: Settings,
    /// What it goes on with at last.
    fresh: Option<Settings>,
    folder: PathBuf,
    tape: Tape,
    engine: Engine,
    store: Memory,
    entries: Vec<JournalEntry>,
    answers: Vec<Input<'static>>,
}

fn taping(folder: &Path) -> Taping {
    Taping { folder: folder.to_owned(), keep: Span::from_secs(100 * 365 * 86_400), most: 1 << 30 }
}

fn tape_of(settings: &Settings, folder: &Path) -> Tape {
    let taps = settings.taps.iter().map(|tap| tap.id.clone()).collect();
    let files = vec![Written { name: "ringback.toml".into(), text: "schema = 1\n".into() }];
    Tape::new(Some(&taping(folder)), (files, taps), SEED)
}

impl Desk {
    fn new(scenario: &Path, folder: &Path) -> Desk {
        let config = scenario.join("ringback.toml");
        let settings = match config.exists() {
            true => config::load(&config).expect("a configuration").settings,
            false => Settings::default(),
        };
        let mut tape = tape_of(&settings, folder);
        let state = State { next: 1, ..State::default() };
        tape.begin(&state, START);
        let engine = begun(&settings, state, SEED, START);
        let folder = folder.to_owned();
        let (entries, answers) = (Vec::new(), Vec::new());
        Desk { settings, fresh: None, folder, tape, engine, store: Memory::new(), entries, answers }
    }

    fn play(&mut self, scenario: &Path, (from, count): (usize, usize)) -> usize {
        let plan = source::plan(&[scenario.to_owned()]).expect("a plan");
        let mut merge = Merge::open(&plan.runs[0].captures, TapId(0)).expect("opens");
        let mut n = 0;
        while let Some(packet) = merge.next() {
            let packet = packet.expect("no damage");
            if (from..from + count).contains(&n) {
                // The loop turns in between, later than what was due.
                let late = packet.at - Span::from_millis(7);
                if late.since(self.engine.now()) > Span::from_millis(50) {
                    self.tape.advance(&mut self.engine, late);
                }
                self.turn();
                self.tape.give(&mut self.engine, packet.at, Input::Packet(packet));
                self.drain();
            }
            n += 1;
        }
        n
    }

    fn give(&mut self, input: Input<'_>) {
        let now = self.engine.now();
        self.tape.give(&mut self.engine, now, input);
        self.drain();
    }

    /// Goes on with another configuration.
    fn reload(&mut self, fresh: Settings) {
        self.tape.reread(vec![Written { name: "ringback.toml".into(), text: FRESH.into() }]);
        self.give(Input::Settings(&fresh));
        self.fresh = Some(fresh);
    }

    /// The states of texts, in the order of the journal.
    fn texts(&self) -> Vec<MessageState> {
        let of = |entry: &JournalEntry| match &entry.event {
            Event::Message(message) => Some(message.state),
            _ => None,
        };
        self.entries.iter().filter_map(of).collect()
    }

    fn pass(&mut self, span: Span) {
        let until = self.engine.now() + span;
        while self.engine.now() < until {
            let next = self.engine.deadline().unwrap_or(until).max(self.engine.now()) + Span::from_millis(37);
            self.tape.advance(&mut self.engine, next);
            self.drain();
            self.turn();
        }
    }

    fn turn(&mut self) {
        for answer in std::mem::take(&mut self.answers) {
            let now = self.engine.now();
            self.tape.give(&mut self.engine, now, answer);
            self.drain();
        }
    }

    fn drain(&mut self) {
        let mut batch = Batch::default();
        while let Some(output) = self.engine.poll() {
            match output {
                Output::Journal(entry) => {
                    self.tape.entry(&entry);
                    batch.entries.push(*entry);
                }
                Output::Submit(message) => {
                    let answer = match message.attempts {
                        1 => Input::NotAccepted(message.key, Span::from_secs(3)),
                        _ => super::super::receipt(&message.key, MessageState::Accepted, Some("7".into())),
                    };
                    self.answers.push(answer);
                }
                Output::LookUp(message) => self.answers.push(Input::NotAccepted(message.key, Span::ZERO)),
                Output::Audio(_) => {}
            }
        }
        (batch.open_calls, batch.over) = self.engine.take_open();
        self.tape.hand_over();
        self.entries.extend(batch.entries.iter().cloned());
        self.store.commit(&[batch]).expect("written");
    }

    /// Killed, and started anew a second later: its tape has no end.
    fn killed(&mut self) {
        self.tape.hand_over_all();
        let on = self.tape.on.take().expect("it is taped");
        on.recorder.finish(PATIENCE);
        let now = self.engine.now() + Span::from_secs(1);
        let state = self.store.load().expect("a state");
        self.tape.begin(&state, now);
        self.engine = begun(&self.settings, state, SEED, now);
        self.answers.clear();
        self.drain();
    }

    fn tapes(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.folder).expect("a folder");
        let mut tapes: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
        tapes.sort();
        tapes
    }

    /// Plays every tape, and compares what comes out with the journal.
    fn compare(mut self, named: &str) -> Vec<Played> {
        self.tape.end(self.engine.now(), Some(PATIENCE));
        let (mut journal, mut all) = (Journal::default(), Vec::new());
        for tape in self.tapes() {
            let mut tape = tape::Tape::open(&tape).expect("opens");
            let next = usize::try_from(tape.state.next).expect("small");
            assert_eq!(journal.0.len() + 1, next, "{named}: where the tape begins");
            let reread = |files: &[Written]| match files {
                [file] if file.text == FRESH => Ok(self.fresh.clone()),
                others => Err(format!("{others:?}")),
            };
            let played = replay::play(&mut tape, &self.settings, &reread, &mut journal).expect("plays");
            assert_eq!((&played.damage, &played.differs), (&None, &None), "{named}");
            all.push(played);
        }
        assert_eq!(journal.0, self.entries, "{named}");
        let compared = all.iter().map(|played| played.compared).max();
        assert_eq!(compared, Some(self.entries.len() as u64), "{named}");
        all
    }
}

#[derive(Default)]
struct Journal(Vec<JournalEntry>);

impl Sink for Journal {
    fn entry(&mut self, entry: &JournalEntry) -> io::Result<()> {
        self.0.push(entry.clone());
        Ok(())
    }

    fn audio(&mut self, _: &Audio) -> io::Result<()> {
        Ok(())
    }

    fn read(&mut self, _: u64, _: u64) {}
}

fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures")
}

fn scenarios() -> Vec<PathBuf> {
    let entries = fs::read_dir(captures()).expect("captures");
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    found.retain(|path| path.join("expected").is_dir());
    found.sort();
    assert!(found.len() > 150, "{}", found.len());
    found
}

#[test]
fn the_tape_of_every_capture_gives_the_same_journal_with_fewer_packets() {
    let (mut taken, mut taped) = (0, 0);
    for scenario in scenarios() {
        let folder = tempfile::tempdir().expect("a folder");
        let named = scenario.display().to_string();
        let mut desk = Desk::new(&scenario, folder.path());
        desk.play(&scenario, (0, ALL));
        desk.pass(Span::from_secs(7_200));
        taken += desk.engine.summary().flow.packets;
        let played = desk.compare(&named);
        assert_eq!(played[0].ending, tape::Ending::Stopped, "{named}");
        taped += played[0].summary.flow.packets;
    }
    assert!(taped * 10 < taken * 9, "{taped} of {taken} packets");
}

#[test]
fn after_a_kill_the_second_tape_goes_on_from_its_snapshot() {
    for scenario in scenarios() {
        let folder = tempfile::tempdir().expect("a folder");
        let named = scenario.display().to_string();
        let mut desk = Desk::new(&scenario, folder.path());
        let all = desk.play(&scenario, (0, 0));
        desk.play(&scenario, (0, all / 2));
        desk.killed();
        desk.play(&scenario, (all / 2, ALL));
        desk.pass(Span::from_secs(40));
        desk.killed();
        desk.pass(Span::from_secs(7_200));
        let played = desk.compare(&named);
        let endings: Vec<_> = played.iter().map(|played| &played.ending).collect();
        let open = &tape::Ending::Open;
        assert_eq!(endings, [open, open, &tape::Ending::Stopped], "{named}");
    }
}

#[test]
fn in_a_moment_without_calls_an_old_tape_gives_way_to_a_new_one() {
    let (scenario, folder) = (captures().join("caller-cancels"), tempfile::tempdir().expect("a folder"));
    let mut desk = Desk::new(&scenario, folder.path());
    desk.play(&scenario, (0, 3));
    let writer = Writer::start(Box::new(Memory::new()), |_| {}).expect("starts");
    let mut renewal = Renewal::new(desk.settings.clone(), SEED);
    // The store has what the engine had; a call is up, so nothing happens.
    desk.tape.since = desk.engine.now() - Span::from_secs(200_000);
    renewal.turn(&mut desk.engine, &mut desk.tape, &writer);
    assert_eq!((desk.engine.is_quiet(), renewal.is_asked()), (false, false));
    desk.play(&scenario, (3, ALL));
    desk.pass(Span::from_secs(600));
    let batch = Batch { entries: desk.entries.clone(), ..Batch::default() };
    writer.put(batch, true).expect("is taken");
    desk.tape.since = desk.engine.now() - Span::from_secs(200_000);
    let seen = renewal.counts(&desk.engine).packets();
    while desk.tapes().len() == 1 {
        renewal.turn(&mut desk.engine, &mut desk.tape, &writer);
    }
    assert_eq!((desk.engine.summary().flow.packets, renewal.counts(&desk.engine).packets()), (0, seen));
    desk.play(&captures().join("busy"), (0, ALL));
    desk.pass(Span::from_secs(600));
    desk.tape.end(desk.engine.now(), Some(PATIENCE));
    let played = desk.compare("renewed");
    assert_eq!(played.len(), 2);
    assert!(played.iter().all(|played| played.ending == tape::Ending::Stopped));
}

#[test]
fn another_configuration_and_what_people_ask_for_are_on_the_tape() {
    let (scenario, folder) = (captures().join("caller-cancels"), tempfile::tempdir().expect("a folder"));
    let mut desk = Desk::new(&scenario, folder.path());
    desk.play(&scenario, (0, 3));
    desk.give(Input::Operator(Operator::OptOut(caller())));
    desk.play(&scenario, (3, ALL));
    desk.pass(Span::from_secs(600));
    assert_eq!(desk.texts(), [MessageState::Planned, MessageState::Skipped]);
    desk.give(Input::Operator(Operator::OptIn(caller())));
    let done = TaskDone { key: "a/task".into(), case: "a".into() };
    desk.give(Input::Operator(Operator::TaskDone(done.clone())));
    assert_eq!(desk.entries.last().map(|entry| &entry.event), Some(&Event::TaskDone(done)));
    let fresh = Settings { lines: Vec::new(), ..desk.settings.clone() };
    desk.reload(fresh);
    let before = desk.entries.len();
    desk.play(&captures().join("busy"), (0, ALL));
    desk.pass(Span::from_secs(600));
    assert!(desk.entries.len() > before && desk.texts().len() == 2, "no line, no text");
    desk.compare("told by people");
}

#[test]
fn steps_of_the_clock_are_on_the_tape() {
    let (scenario, folder) = (captures().join("caller-cancels"), tempfile::tempdir().expect("a folder"));
    let mut desk = Desk::new(&scenario, folder.path());
    desk.play(&scenario, (0, ALL));
    let before = desk.engine.now();
    for by_us in [-3_600_000_000, 86_400_000_000, -90_000_000_000] {
        desk.give(Input::ClockGap(ClockGap { by_us, unsure: false }));
        desk.pass(Span::from_secs(3));
    }
    assert!(desk.engine.now() < before);
    desk.pass(Span::from_secs(600));
    assert!(desk.texts().contains(&MessageState::Accepted));
    desk.give(Input::ClockGap(ClockGap { by_us: 1_000_000_000, unsure: true }));
    let now = desk.engine.now();
    assert_eq!(desk.tape.aged(now + DAY), now + DAY);
    assert_eq!(desk.tape.aged(now + DAY - Span::from_secs(1)), Timestamp::default(), "nothing is old");
    desk.compare("set and set again");
}

#[test]
fn the_next_tape_begins_with_the_configuration_that_was_read_anew() {
    let (scenario, folder) = (captures().join("caller-cancels"), tempfile::tempdir().expect("a folder"));
    let mut desk = Desk::new(&scenario, folder.path());
    desk.reload(Settings { lines: Vec::new(), taps: Vec::new(), ..desk.settings.clone() });
    desk.killed();
    desk.tape.end(desk.engine.now(), Some(PATIENCE));
    let texts =
        desk.tapes().into_iter().map(|tape| tape::Tape::open(&tape).expect("opens").files[0].text.clone());
    assert_eq!(texts.collect::<Vec<_>>(), ["schema = 1\n", FRESH]);
}

#[test]
fn nothing_is_left_of_the_tape_on_which_a_number_was_erased() {
    let (scenario, folder) = (captures().join("caller-cancels"), tempfile::tempdir().expect("a folder"));
    let mut desk = Desk::new(&scenario, folder.path());
    desk.play(&scenario, (0, ALL));
    let is_there = || fs::read_dir(folder.path()).expect("a folder").next().is_some();
    // The thread is told by nobody when it has begun, or is done.
    while !is_there() {
        std::thread::yield_now();
    }
    desk.give(Input::Operator(Operator::Erase(caller())));
    assert!(desk.tape.on.is_none());
    assert_eq!(desk.texts(), [MessageState::Planned, MessageState::Cancelled]);
    while is_there() {
        std::thread::yield_now();
    }
    assert!(!desk.tape.wants_another(desk.engine.now() + Span::from_secs(3_599)));
    assert!(desk.tape.wants_another(desk.engine.now() + AGAIN));
}

#[test]
fn a_tape_that_is_full_ends_and_the_engine_goes_on() {
    let (scenario, folder) = (captures().join("caller-cancels"), tempfile::tempdir().expect("a folder"));
    let mut desk = Desk::new(&scenario, folder.path());
    desk.tape.plan.as_mut().expect("a plan").shelf =
        Shelf::new(&Taping { most: 4 * 2_000, ..taping(folder.path()) });
    desk.tape.end(START, Some(PATIENCE));
    desk.tape.begin(&State { next: 1, ..State::default() }, START);
    desk.play(&scenario, (0, ALL));
    desk.tape.hand_over_all();
    assert!(!desk.tape.wants_another(desk.engine.now()));
    assert!(desk.tape.on.is_none());
    let entries = desk.entries.len();
    desk.pass(Span::from_secs(600));
    assert!(desk.entries.len() > entries);
    let broke_off = desk.tape.since;
    assert!(!desk.tape.wants_another(broke_off + Span::from_secs(3_599)));
    assert!(desk.tape.wants_another(broke_off + AGAIN));
}

#[test]
fn a_tape_as_old_as_tapes_are_kept_ends_also_while_a_call_is_up() {
    let (scenario, folder) = (captures().join("caller-cancels"), tempfile::tempdir().expect("a folder"));
    let mut desk = Desk::new(&scenario, folder.path());
    desk.play(&scenario, (0, 3));
    let now = desk.engine.now();
    desk.tape.plan.as_mut().expect("a plan").keep = Span::from_secs(7_200);
    (desk.tape.since, desk.tape.cleared) = (now - Span::from_secs(7_199), now);
    desk.tape.advance(&mut desk.engine, now + Span::from_secs(2));
    assert!(desk.tape.on.is_some());
    desk.tape.cleared = now - AGAIN;
    desk.tape.advance(&mut desk.engine, now + Span::from_secs(3));
    assert!(desk.tape.on.is_none());
}

#[test]
fn without_a_configuration_for_it_nothing_is_taped() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut tape = Tape::new(None, (Vec::new(), Vec::new()), SEED);
    tape.begin(&State::default(), START);
    assert!(!tape.wants_another(START + AGAIN + AGAIN));
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

fn caller() -> Party {
    Party::Number(Number::parse("+13125550145").expect("a number"))
}

const FRESH: &str = "fresh";
const SEED: u64 = 11;
const START: Timestamp = Timestamp::from_micros(0);
const ALL: usize = usize::MAX / 2;
const PATIENCE: Span = Span::from_secs(60);

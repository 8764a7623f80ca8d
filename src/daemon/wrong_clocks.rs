//! Histories of calls on a machine whose clock nobody can rely on: set by people and time servers, wrong after a power cut,
//! asleep, paused by its host; with a gateway that refuses and answers late. Whatever happens, by true time no
//! acknowledgement leaves later than its step allows, none twice, and none is lost without a person being told.
//!
//! It runs what the loop runs, without its threads. What no machine can know is left out: a time server is heard before a
//! clock counts as settled, and a clock isn't off by just as much as the machine was off.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::pace::Pace;
use super::renewal::begun;
use super::{AGAIN, LAG, TICK, receipt};
use crate::clock::{Clock, HandClock};
use crate::config;
use crate::engine::{Engine, Input, Output};
use crate::event::{Event, JournalEntry, Message, MessageState, State};
use crate::settings::Settings;
use crate::store::{Batch, Memory, Store};
use crate::time::{Span, Timestamp};
use crate::wire::packet::{Body, Datagram, FrameRef, Packet, Transport};

/// What happens next.
#[derive(Clone, Debug)]
enum Act {
    /// Somebody new calls, or who called last.
    Ring {
        anew: bool,
    },
    /// The call that rings for longest is over.
    HangUp,
    Wait(Span),
    Sleep(Span),
    /// The machine's host pauses it; the clock is put right after so many seconds, or at once.
    Pause(Span, Option<i64>),
    /// Somebody sets the clock by so much.
    Set(Span),
    /// The daemon is down for so long, and the clock is set meanwhile.
    Restart(Span, Span),
    /// No power for so long; the clock comes up so wrong, and is put right so many seconds later.
    PowerCut(Span, Wrong, i64),
    /// The gateway refuses the next text.
    Refuse,
}

#[derive(Clone, Copy, Debug)]
enum Wrong {
    By(Span),
    /// It begins in 1970.
    Lost,
}

struct World {
    settings: Settings,
    clock: Arc<HandClock>,
    truth: Timestamp,
    /// When a time server puts the clock right.
    righted: Option<Timestamp>,
    pace: Pace,
    engine: Engine,
    store: Memory,
    entries: Vec<JournalEntry>,
    /// What the gateway has, and what it said of it, on its way.
    ledger: BTreeSet<String>,
    answers: Vec<(Timestamp, Input<'static>)>,
    refuses: bool,
    /// Calls that ring, by number, each with its caller.
    ringing: Vec<(u32, u32)>,
    calls: u32,
    callers: u32,
    /// When each call was over, by Call-ID.
    over: BTreeMap<String, Timestamp>,
}

impl World {
    fn new(has_battery: bool) -> World {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/caller-cancels/ringback.toml");
        let settings = config::load(&file).expect("a configuration").settings;
        let truth = Timestamp::from_parts(1_795_208_047, 0);
        let clock = Arc::new(HandClock::at(truth));
        if !has_battery {
            clock.lose_battery();
        }
        clock.pass(DAY);
        let mut state = State { next: 1, ..State::default() };
        let (pace, now) = Pace::resume(clock.clone(), &mut state);
        World {
            engine: begun(&settings, state, 7, now),
            settings,
            clock,
            truth: truth + DAY,
            righted: None,
            pace,
            store: Memory::new(),
            entries: Vec::new(),
            ledger: BTreeSet::new(),
            answers: Vec::new(),
            refuses: false,
            ringing: Vec::new(),
            calls: 0,
            callers: 0,
            over: BTreeMap::new(),
        }
    }

    fn act(&mut self, act: &Act) {
        match *act {
            Act::Ring { anew } => {
                self.callers += u32::from(anew || self.callers == 0);
                self.calls += 1;
                self.ringing.push((self.calls, self.callers));
                self.hear(
                    (self.calls, self.callers),
                    "INVITE sip:+13125550111@192.168.10.5 SIP/2.0",
                    "INVITE",
                );
                self.hear((self.calls, self.callers), "SIP/2.0 180 Ringing", "INVITE");
                self.wait(Span::from_secs(2));
            }
            Act::HangUp if self.ringing.is_empty() => {}
            Act::HangUp => {
                let call = self.ringing.remove(0);
                self.over.insert(call_id(call.0), self.truth);
                self.hear(call, "SIP/2.0 486 Busy Here", "INVITE");
                self.hear(call, "ACK sip:+13125550111@192.168.10.5 SIP/2.0", "ACK");
                self.wait(Span::from_secs(2));
            }
            Act::Wait(span) => self.wait(span),
            Act::Sleep(span) => {
                self.pass(span);
                self.turn();
            }
            Act::Pause(span, righted) => {
                self.clock.pause(span);
                self.truth = self.truth + span;
                self.righted = Some(self.truth + Span::from_secs(righted.unwrap_or(0)));
                self.pass(TICK);
                self.turn();
            }
            Act::Set(by) => {
                self.clock.set(self.clock.now() + by);
                self.turn();
            }
            Act::Restart(off, by) => {
                self.pass(off);
                self.clock.set(self.clock.now() + by);
                self.start();
            }
            Act::PowerCut(off, wrong, righted) => {
                self.truth = self.truth + off;
                self.clock.pause(off);
                let shown = match wrong {
                    Wrong::By(by) => self.truth + by,
                    Wrong::Lost => Timestamp::default(),
                };
                self.clock.restart(shown);
                self.righted = Some(self.truth + Span::from_secs(righted));
                self.pass(Span::from_secs(15));
                self.start();
            }
            Act::Refuse => self.refuses = true,
        }
    }

    /// Time goes by, whoever turns.
    fn pass(&mut self, span: Span) {
        self.truth = self.truth + span;
        self.clock.pass(span);
        if self.righted.is_some_and(|at| at <= self.truth) {
            self.righted = None;
            self.clock.set(self.truth);
        }
    }

    fn wait(&mut self, span: Span) {
        let until = self.truth + span;
        while self.truth < until {
            let next = self.answers.iter().map(|(at, _)| *at).chain(self.righted).chain([until]).min();
            let left = next.map_or(TICK, |next| next.since(self.truth));
            let due = self.engine.deadline().map_or(left, |due| due.since(self.engine.now()));
            self.pass(due.min(left).clamp(TICK, Span::from_secs(60)));
            self.turn();
        }
    }

    /// One turn of the loop, as the daemon's.
    fn turn(&mut self) {
        let now = self.time() - LAG;
        self.engine.advance(now);
        self.drain();
        let (came, later) =
            std::mem::take(&mut self.answers).into_iter().partition(|(at, _)| *at <= self.truth);
        self.answers = later;
        for (_, answer) in Vec::<(Timestamp, Input<'static>)>::into_iter(came) {
            self.engine.handle(self.engine.now(), answer);
            self.drain();
        }
    }

    fn time(&mut self) -> Timestamp {
        let now = self.pace.now();
        self.follow();
        now
    }

    fn follow(&mut self) {
        if let Some(gap) = self.pace.take_gap() {
            self.engine.handle(self.engine.now(), Input::ClockGap(gap));
            self.drain();
        }
    }

    /// The process is gone, and another starts.
    fn start(&mut self) {
        self.answers.clear();
        let mut state = self.store.load().expect("a state");
        let (pace, now) = Pace::resume(self.clock.clone(), &mut state);
        (self.pace, self.engine) = (pace, begun(&self.settings, state, 7, now));
        self.time();
        self.drain();
    }

    fn hear(&mut self, (call, caller): (u32, u32), first: &str, method: &str) {
        let who = format!("+1312556{caller:04}");
        let tag = if first.starts_with("INVITE") { "" } else { ";tag=p" };
        let payload = format!(
            "{first}\r\nVia: SIP/2.0/UDP 203.0.113.20:5060;branch=z9hG4bK{call}\r\n\
             From: <sip:{who}@203.0.113.20>;tag=f{call}\r\nTo: <sip:+13125550111@192.168.10.5>{tag}\r\n\
             Call-ID: {}\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n",
            call_id(call)
        );
        let at = self.time();
        let (trunk, pbx) = ("203.0.113.20:5060", "192.168.10.5:5060");
        let (src, dst) = if first.starts_with("SIP") { (pbx, trunk) } else { (trunk, pbx) };
        let datagram = Datagram {
            at,
            src: src.parse().expect("an address"),
            dst: dst.parse().expect("an address"),
            transport: Transport::Udp,
            payload: payload.as_bytes(),
            frame: FrameRef::default(),
            cut: false,
            correlation: b"",
        };
        let packet = Packet { at, frame: FrameRef::default(), body: Body::Datagram(datagram) };
        self.engine.handle(at, Input::Packet(packet));
        self.drain();
    }

    fn drain(&mut self) {
        let mut batch = Batch::default();
        let mut submits = Vec::new();
        while let Some(output) = self.engine.poll() {
            match output {
                Output::Journal(entry) => batch.entries.push(*entry),
                Output::Submit(message) => submits.push(message),
                Output::Audio(_) => {}
                Output::LookUp(message) => {
                    let answer = match self.ledger.contains(&message.key) {
                        true => receipt(&message.key, MessageState::Accepted, Some("7".into())),
                        false => Input::NotAccepted(message.key, Span::ZERO),
                    };
                    self.answers.push((self.truth + Span::from_secs(3), answer));
                }
            }
        }
        (batch.open_calls, batch.over) = self.engine.take_open();
        batch.meta.extend(self.pace.unkept());
        self.entries.extend(batch.entries.iter().cloned());
        self.store.commit(&[batch]).expect("written");
        if submits.is_empty() || self.pace.lets_leave() {
            return submits.into_iter().for_each(|message| self.submit(&message));
        }
        self.follow();
        for message in submits {
            self.engine.handle(self.engine.now(), Input::NotAccepted(message.key, Span::ZERO));
        }
        self.drain();
    }

    fn submit(&mut self, message: &Message) {
        let over = self.ended(&message.key);
        let late = self.truth.since(over + ACK);
        assert!(late <= GRACE + SLACK, "{} leaves {} s late", message.key, late.as_secs());
        let answer = match std::mem::take(&mut self.refuses) {
            true => Input::NotAccepted(message.key.clone(), AGAIN),
            false => {
                assert!(self.ledger.insert(message.key.clone()), "{} leaves twice", message.key);
                receipt(&message.key, MessageState::Accepted, Some("7".into()))
            }
        };
        self.answers.push((self.truth + Span::from_millis(300), answer));
    }

    /// When the call was over, in truth, that a text is for.
    fn ended(&self, key: &str) -> Timestamp {
        let id = key.split('/').next().expect("a call");
        let call = self.entries.iter().find_map(|entry| match &entry.event {
            Event::Call(call) if call.call.to_string() == id => Some(call),
            _ => None,
        });
        let legs = call.into_iter().flat_map(|call| &call.legs);
        legs.filter_map(|leg| self.over.get(&leg.call_id)).max().copied().expect("a call that was over")
    }

    /// All is over; what became of every text and every call?
    fn judge(mut self) {
        while !self.ringing.is_empty() {
            self.act(&Act::HangUp);
        }
        self.wait(Span::from_secs(3 * 3_600));
        let mut texts: BTreeMap<&str, &Message> = BTreeMap::new();
        let (mut cases, mut told) = (BTreeMap::new(), BTreeSet::new());
        let mut callers = BTreeSet::new();
        for entry in &self.entries {
            match &entry.event {
                Event::Message(message) => drop(texts.insert(&message.key, message)),
                Event::CaseOpened(case) => drop(cases.insert(&case.case, case.caller.as_ref())),
                // A case that takes over from an earlier one has a task of its own.
                Event::Task(task) => drop(told.insert(cases[&task.case])),
                Event::Call(call) => drop(callers.insert(call.caller.as_ref())),
                _ => {}
            }
        }
        for (key, text) in &texts {
            let is_there = self.ledger.contains(*key);
            match text.state {
                MessageState::Accepted => assert!(is_there, "{text:?}"),
                MessageState::Skipped => {
                    assert!(!is_there && text.why.is_some() && told.contains(&Some(&text.to)), "{text:?}");
                }
                MessageState::Cancelled => assert!(!is_there && text.why.is_some(), "{text:?}"),
                _ => panic!("it never ends: {text:?}"),
            }
        }
        assert_eq!(callers.len(), self.callers as usize, "somebody's call is in no journal");
        let of: BTreeSet<_> = texts.values().map(|text| &text.case).collect();
        assert_eq!(of.len(), texts.len(), "two for one case");
    }
}

fn call_id(call: u32) -> String {
    format!("{call}@203.0.113.20")
}

fn acts(has_battery: bool) -> impl Strategy<Value = Vec<Act>> {
    let secs = |choices: &'static [i64]| prop::sample::select(choices).prop_map(Span::from_secs);
    let set = || secs(&[3_600, -3_600, 86_400, -86_400]);
    let off = || secs(&[3, 40, 900]);
    let wrong = prop_oneof![
        2 => Just(Wrong::By(Span::ZERO)),
        4 => set().prop_map(Wrong::By),
        1 => Just(Wrong::Lost),
    ];
    let heard = if has_battery { 20..115_i64 } else { 20..600 };
    let pause = (secs(&[30, 1_200]), prop::option::of(1..60_i64)).prop_map(move |(span, righted)| {
        if has_battery { Act::Pause(span, righted) } else { Act::Sleep(span) }
    });
    let act = prop_oneof![
        4 => any::<bool>().prop_map(|anew| Act::Ring { anew }),
        4 => Just(Act::HangUp),
        3 => secs(&[1, 9, 19, 21, 60]).prop_map(Act::Wait),
        1 => secs(&[300, 700, 4_000]).prop_map(Act::Wait),
        1 => secs(&[15, 400, 1_000, 90_000]).prop_map(Act::Sleep),
        1 => pause,
        2 => set().prop_map(Act::Set),
        1 => (off(), prop_oneof![Just(Span::ZERO), set()]).prop_map(|(off, by)| Act::Restart(off, by)),
        2 => (off(), wrong, heard).prop_map(|(off, wrong, heard)| Act::PowerCut(off, wrong, heard)),
        1 => Just(Act::Refuse),
    ];
    prop::collection::vec(act, 1..40)
}

fn play(acts: &[Act], has_battery: bool) {
    let mut world = World::new(has_battery);
    acts.iter().for_each(|act| world.act(act));
    world.judge();
}

#[test]
fn with_a_clock_that_only_people_set_everybody_is_texted_once() {
    let mut world = World::new(true);
    for by in [3_600, -3_600, 86_400, -86_400] {
        for act in [
            Act::Ring { anew: true },
            Act::HangUp,
            Act::Set(Span::from_secs(by)),
            Act::Wait(Span::from_secs(30)),
        ] {
            world.act(&act);
        }
    }
    assert_eq!(world.ledger.len(), 4);
    world.judge();
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(4),
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_clock_makes_an_acknowledgement_leave_late_or_twice_or_be_lost(acts in acts(true)) {
        play(&acts, true);
    }

    #[test]
    fn nor_does_one_without_a_battery(acts in acts(false)) {
        play(&acts, false);
    }
}

const DAY: Span = Span::from_secs(86_400);
/// An acknowledgement is due so long after its call, and may be so late.
const ACK: Span = Span::from_secs(20);
const GRACE: Span = Span::from_secs(600);
/// A verdict takes a moment, and so does the loop.
const SLACK: Span = Span::from_secs(3);

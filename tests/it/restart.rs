//! The engine as the daemon uses it: captures, cut where the machine lost power, slept, or lost packets.

use std::path::Path;

use ringback::config;
use ringback::engine::{Engine, Input, Output};
use ringback::event::{
    ClockGap, Confidence, Event, JournalEntry, Message, MessageState, Operator, Outcome, Receipt, Reply,
    State,
};
use ringback::phone::{Number, Party};
use ringback::settings::Settings;
use ringback::source::{self, Merge, PacketSource};
use ringback::store::{Batch, Memory, OptOut, Store};
use ringback::time::{Span, Timestamp};
use ringback::wire::packet::{Packet, TapId};

const MINUTE: Span = Span::from_secs(60);
const HOUR: Span = Span::from_secs(3_600);

/// A machine with a store that outlives its engine.
struct Machine {
    settings: Settings,
    store: Memory,
    engine: Engine,
    entries: Vec<JournalEntry>,
    /// Keys of texts that were to be submitted, and to be looked up.
    submitted: Vec<String>,
    looked_up: Vec<String>,
    /// How far the clock was set since the captures were made.
    set: Span,
}

impl Machine {
    fn new(scenario: &str) -> Machine {
        let settings =
            config::load(&folder(scenario).join("ringback.toml")).expect("a configuration").settings;
        let state = State { next: 1, ..State::default() };
        let engine = Engine::restore(&settings, state, 1, Timestamp::from_micros(0));
        let (submitted, looked_up) = (Vec::new(), Vec::new());
        Machine {
            settings,
            store: Memory::new(),
            engine,
            entries: Vec::new(),
            submitted,
            looked_up,
            set: Span::ZERO,
        }
    }

    /// Plays the packets of a capture from `from` on, `count` of them, at most.
    fn play(&mut self, scenario: &str, from: usize, count: usize) -> Timestamp {
        let plan = source::plan(&[folder(scenario).join("call.pcap")]).expect("a plan");
        let mut merge = Merge::open(&plan.runs[0].captures, TapId(0)).expect("opens");
        let mut n = 0;
        while let Some(packet) = merge.next() {
            let packet = packet.expect("no damage");
            let packet = Packet { at: packet.at + self.set, ..packet };
            if (from..from + count).contains(&n) {
                self.engine.handle(packet.at, Input::Packet(packet));
                self.commit();
            }
            n += 1;
        }
        self.engine.now()
    }

    fn pass(&mut self, until: Timestamp) {
        while let Some(due) = self.engine.deadline().filter(|due| *due <= until) {
            self.engine.advance(due);
            self.commit();
        }
        self.engine.advance(until);
        self.commit();
    }

    fn tell(&mut self, input: Input<'_>) {
        self.engine.handle(self.engine.now(), input);
        self.commit();
    }

    fn commit(&mut self) {
        let mut batch = Batch::default();
        while let Some(output) = self.engine.poll() {
            match output {
                Output::Journal(entry) => batch.entries.push(*entry),
                Output::Submit(message) => self.submitted.push(message.key),
                Output::LookUp(message) => self.looked_up.push(message.key),
                Output::Audio(_) => {}
            }
        }
        (batch.open_calls, batch.over) = self.engine.take_open();
        self.entries.extend(batch.entries.iter().cloned());
        self.store.commit(&[batch]).expect("written");
    }

    /// The engine is gone, and another one starts at `now`.
    fn restart(&mut self, now: Timestamp) {
        let state = self.store.load().expect("a state");
        self.engine = Engine::restore(&self.settings, state, 2, now);
        self.commit();
    }

    /// Somebody sets the clock.
    fn set_clock(&mut self, by: Span, unsure: bool) {
        self.set = self.set + by;
        self.tell(Input::ClockGap(ClockGap { by_us: by.as_micros(), unsure }));
    }

    /// The machine lost power and starts again: the daemon finds its clock behind what it wrote last, by so much.
    fn power_cut(&mut self, behind: Span) {
        let last = self.store.load().expect("a state").last_at.expect("an entry");
        self.restart(last);
        self.set_clock(Span::ZERO - behind, true);
    }

    /// The same, but that its clock is ahead of what it wrote last, and may yet be set until `settles`.
    fn power_cut_until(&mut self, now: Timestamp, settles: Timestamp) {
        let mut state = self.store.load().expect("a state");
        state.meta.insert(State::SETTLES.to_owned(), settles.as_micros().to_string());
        self.engine = Engine::restore(&self.settings, state, 2, now);
        self.commit();
    }

    /// The gateway doesn't take the last text that was submitted; it is to be tried again.
    fn refuse(&mut self, after: Span) -> String {
        let key = self.submitted.last().expect("a text").clone();
        self.tell(Input::NotAccepted(key.clone(), after));
        key
    }

    fn told(&self, key: &str, state: MessageState) -> Input<'static> {
        Input::Receipt(Receipt { key: key.to_owned(), state, gateway_ref: None })
    }

    /// One text was submitted, didn't leave in the end, and a person is told.
    fn is_left_to_a_person(&mut self) {
        self.pass(self.engine.now() + Span::from_secs(40 * 3_600));
        let tasks = self.count(|event| matches!(event, Event::Task(_)));
        let why = self.store.load().expect("a state").messages.last().and_then(|text| text.why.clone());
        assert_eq!((self.submitted.len(), tasks, why.as_deref()), (1, 1, Some("stale")));
        assert_eq!(self.states().last(), Some(&MessageState::Skipped));
    }

    /// The configuration is read anew.
    fn reload(&mut self) {
        let settings = self.settings.clone();
        self.tell(Input::Settings(&settings));
    }

    fn states(&self) -> Vec<MessageState> {
        let messages = self.entries.iter().filter_map(|entry| match &entry.event {
            Event::Message(message) => Some(message.state),
            _ => None,
        });
        messages.collect()
    }

    fn calls(&self) -> Vec<(Outcome, bool, Confidence)> {
        let calls = self.entries.iter().filter_map(|entry| match &entry.event {
            Event::Call(call) => Some((call.outcome, call.missed, call.confidence)),
            _ => None,
        });
        calls.collect()
    }

    fn count(&self, wanted: fn(&Event) -> bool) -> usize {
        self.entries.iter().filter(|entry| wanted(&entry.event)).count()
    }
}

fn folder(scenario: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(scenario)
}

const ALL: usize = usize::MAX / 2;

#[test]
fn a_text_that_was_planned_leaves_at_its_time_after_a_restart() {
    let mut machine = Machine::new("caller-cancels");
    let ended = machine.play("caller-cancels", 0, ALL);
    machine.restart(ended + Span::from_secs(5));
    machine.pass(ended + Span::from_secs(19));
    assert_eq!(machine.submitted, [""; 0]);
    machine.pass(ended + Span::from_secs(21));
    assert_eq!(machine.submitted.len(), 1);
    assert_eq!(machine.states(), [MessageState::Planned, MessageState::Claimed]);
    assert_eq!(machine.count(|event| matches!(event, Event::Task(_))), 1);
    let numbers: Vec<u64> = machine.entries.iter().map(|entry| entry.n).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
}

#[test]
fn a_text_that_fell_due_while_the_machine_was_off_is_a_task_not_a_stale_text() {
    let mut machine = Machine::new("caller-cancels");
    let ended = machine.play("caller-cancels", 0, ALL);
    machine.restart(ended + HOUR);
    machine.pass(ended + HOUR + MINUTE);
    assert_eq!(machine.submitted, [""; 0]);
    assert_eq!(machine.states(), [MessageState::Planned, MessageState::Skipped]);
    assert_eq!(machine.count(|event| matches!(event, Event::Task(_))), 1);
}

#[test]
fn a_machine_that_slept_sends_nothing_stale() {
    let mut machine = Machine::new("caller-cancels");
    let ended = machine.play("caller-cancels", 0, ALL);
    machine.engine.advance(ended + HOUR);
    machine.commit();
    assert_eq!(machine.submitted, [""; 0]);
    assert_eq!(machine.states(), [MessageState::Planned, MessageState::Skipped]);
}

#[test]
fn a_claimed_text_is_looked_up_and_what_was_accepted_is_not_sent_again() {
    let mut machine = Machine::new("caller-cancels");
    let ended = machine.play("caller-cancels", 0, ALL);
    machine.pass(ended + MINUTE);
    machine.restart(ended + MINUTE);
    assert_eq!(machine.looked_up, machine.submitted);
    let key = machine.looked_up[0].clone();
    let gateway_ref = Some("7".to_owned());
    machine.tell(Input::Receipt(Receipt { key, state: MessageState::Accepted, gateway_ref }));
    machine.pass(ended + HOUR);
    assert_eq!(machine.submitted.len(), 1);
    assert_eq!(machine.states().last(), Some(&MessageState::Accepted));
    machine.restart(ended + HOUR);
    assert_eq!(machine.looked_up.len(), 1);
}

#[test]
fn a_claimed_text_that_never_arrived_is_decided_anew() {
    for (off, again, state) in [(MINUTE, 2, MessageState::Claimed), (HOUR, 1, MessageState::Skipped)] {
        let mut machine = Machine::new("caller-cancels");
        let ended = machine.play("caller-cancels", 0, ALL);
        machine.pass(ended + MINUTE);
        machine.restart(ended + MINUTE + off);
        let key = machine.looked_up[0].clone();
        machine.tell(Input::NotAccepted(key, Span::ZERO));
        machine.pass(ended + HOUR + HOUR);
        assert_eq!((machine.submitted.len(), machine.states().last()), (again, Some(&state)));
    }
}

#[test]
fn a_call_that_ends_in_sight_of_the_next_run_keeps_its_verdict_with_medium_confidence() {
    let mut machine = Machine::new("caller-cancels");
    let rings = machine.play("caller-cancels", 0, 3);
    machine.restart(rings + Span::from_secs(1));
    let ended = machine.play("caller-cancels", 3, ALL);
    assert_eq!(machine.calls(), [(Outcome::Abandoned, true, Confidence::Medium)]);
    machine.pass(ended + MINUTE);
    assert_eq!(machine.submitted.len(), 1);
    assert!(machine.store.load().expect("a state").open_calls.is_empty());
}

#[test]
fn a_call_that_ended_unseen_is_unknown_and_reviewed() {
    let mut machine = Machine::new("caller-cancels");
    let rings = machine.play("caller-cancels", 0, 3);
    machine.restart(rings + MINUTE);
    machine.pass(rings + HOUR);
    assert_eq!(machine.calls(), [(Outcome::Unknown, false, Confidence::Low)]);
    assert_eq!(machine.count(|event| matches!(event, Event::Review(_))), 1);
    assert_eq!(machine.submitted, [""; 0]);
    assert!(machine.store.load().expect("a state").open_calls.is_empty());
}

#[test]
fn a_call_that_was_up_at_a_restart_is_never_called_missed() {
    let mut machine = Machine::new("answered");
    let answered = machine.play("answered", 0, 5);
    machine.restart(answered + Span::from_secs(1));
    let ended = machine.play("answered", 5, ALL);
    machine.pass(ended + HOUR);
    assert_eq!(machine.calls(), [(Outcome::Unknown, false, Confidence::Low)]);
    assert_eq!(machine.submitted, [""; 0]);
}

#[test]
fn a_missed_call_with_packets_lost_is_reviewed_and_not_texted() {
    let mut machine = Machine::new("caller-cancels");
    machine.play("caller-cancels", 0, 3);
    machine.tell(Input::Drops(7));
    let ended = machine.play("caller-cancels", 3, ALL);
    machine.pass(ended + HOUR);
    assert_eq!(machine.calls(), [(Outcome::Abandoned, true, Confidence::High)]);
    assert_eq!(machine.count(|event| matches!(event, Event::Review(_))), 1);
    assert_eq!((machine.submitted.len(), machine.engine.summary().drops), (0, 7));
}

#[test]
fn who_opted_out_is_not_texted_and_a_person_is_told() {
    let mut machine = Machine::new("caller-cancels");
    let caller = Party::Number(Number::parse("+13125550145").expect("a number"));
    let opt_out = Batch { opt_outs: vec![OptOut::Out(caller)], ..Batch::default() };
    machine.store.commit(&[opt_out]).expect("written");
    machine.restart(Timestamp::from_micros(0));
    let ended = machine.play("caller-cancels", 0, ALL);
    machine.pass(ended + HOUR);
    assert_eq!(machine.submitted, [""; 0]);
    assert_eq!(machine.states(), [MessageState::Planned, MessageState::Skipped]);
    assert_eq!(machine.count(|event| matches!(event, Event::Task(_))), 1);
}

#[test]
fn a_sequence_that_left_the_configuration_sends_nothing_and_a_person_is_told() {
    let mut machine = Machine::new("caller-cancels");
    let ended = machine.play("caller-cancels", 0, ALL);
    machine.settings.sequences.clear();
    machine.restart(ended + Span::from_secs(1));
    machine.pass(ended + HOUR);
    assert_eq!(machine.submitted, [""; 0]);
    assert_eq!(machine.states(), [MessageState::Planned, MessageState::Skipped]);
    assert_eq!(machine.count(|event| matches!(event, Event::Task(_))), 1);
}

#[test]
fn a_case_of_an_earlier_run_closes_once_it_was_quiet_for_a_day() {
    let mut machine = Machine::new("caller-cancels");
    let ended = machine.play("caller-cancels", 0, ALL);
    machine.restart(ended + Span::from_secs(1));
    let state = machine.store.load().expect("a state");
    let plan = |machine: &Machine| machine.count(|event| matches!(event, Event::CaseClosed(_)));
    assert_eq!((state.cases.len(), plan(&machine)), (1, 0));
    // Quiet for a day after the text, the case closes, whatever run planned it.
    machine.pass(ended + HOUR);
    machine.restart(ended + HOUR);
    let key = machine.looked_up[0].clone();
    machine.tell(Input::Receipt(Receipt { key, state: MessageState::Delivered, gateway_ref: None }));
    for _ in 0..30 {
        let now = machine.engine.now();
        machine.pass(now + HOUR);
    }
    assert_eq!(plan(&machine), 1);
    machine.restart(machine.engine.now());
    assert!(machine.engine.deadline().is_some());
}

#[test]
fn another_configuration_lets_what_runs_go_on() {
    let mut machine = Machine::new("caller-cancels");
    let rings = machine.play("caller-cancels", 0, 3);
    let deadline = machine.engine.deadline();
    machine.settings.sequences[0].steps[0].after = HOUR;
    machine.reload();
    assert_eq!(machine.engine.deadline(), deadline);
    let ended = machine.play("caller-cancels", 3, ALL);
    assert!(ended > rings);
    assert_eq!(machine.calls(), [(Outcome::Abandoned, true, Confidence::High)]);
    // The call is followed up as the new file says; the file after that is too late for it.
    machine.settings.sequences.clear();
    machine.reload();
    machine.pass(ended + HOUR - MINUTE);
    assert_eq!(machine.submitted, [""; 0]);
    machine.pass(ended + HOUR);
    assert_eq!(machine.submitted.len(), 1);
    assert_eq!(machine.count(|event| matches!(event, Event::Task(_))), 1);
}

#[test]
fn another_configuration_decides_whether_a_text_that_waits_may_leave() {
    let mut machine = Machine::new("caller-cancels");
    let ended = machine.play("caller-cancels", 0, ALL);
    machine.settings.consent.sign_off = None;
    machine.reload();
    machine.pass(ended + HOUR);
    assert_eq!(machine.submitted, [""; 0]);
    assert_eq!(machine.states(), [MessageState::Planned, MessageState::Skipped]);
}

#[test]
fn lines_that_come_with_another_configuration_know_who_is_on_the_phone() {
    let mut machine = Machine::new("caller-cancels");
    let lines = std::mem::take(&mut machine.settings.lines);
    machine.reload();
    machine.play("caller-cancels", 0, 3);
    machine.settings.lines = lines;
    machine.reload();
    let ended = machine.play("caller-cancels", 3, ALL);
    machine.pass(ended + MINUTE);
    assert_eq!(machine.submitted.len(), 1);
    let mut none = Machine::new("caller-cancels");
    none.settings.lines.clear();
    none.reload();
    let ended = none.play("caller-cancels", 0, ALL);
    none.pass(ended + HOUR);
    assert_eq!((none.calls().len(), none.entries.len()), (1, 1));
}

fn caller() -> Party {
    Party::Number(Number::parse("+13125550145").expect("a number"))
}

#[test]
fn who_opts_out_while_a_text_waits_is_not_texted_until_they_opt_in() {
    for (opts_in, submitted) in [(false, 0), (true, 1)] {
        let mut machine = Machine::new("caller-cancels");
        let ended = machine.play("caller-cancels", 0, ALL);
        machine.tell(Input::Operator(Operator::OptOut(caller())));
        if opts_in {
            machine.tell(Input::Operator(Operator::OptIn(caller())));
        }
        machine.pass(ended + HOUR);
        assert_eq!(machine.submitted.len(), submitted);
    }
}

#[test]
fn who_is_erased_is_forgotten_and_a_new_call_opens_a_new_case() {
    let mut machine = Machine::new("caller-cancels");
    let ended = machine.play("caller-cancels", 0, ALL);
    assert_eq!((machine.engine.load().cases, machine.engine.load().deadlines), (1, 3));
    machine.tell(Input::Operator(Operator::Erase(caller())));
    assert_eq!((machine.engine.load().cases, machine.engine.load().deadlines), (0, 0));
    assert_eq!(machine.states(), [MessageState::Planned, MessageState::Cancelled]);
    let written = machine.entries.len();
    machine.pass(ended + HOUR);
    assert_eq!((machine.submitted.len(), machine.entries.len()), (0, written));
}

/// An hour and a day, either way.
fn steps() -> [Span; 4] {
    [3_600, -3_600, 86_400, -86_400].map(Span::from_secs)
}

#[test]
fn a_text_keeps_the_time_it_had_left_when_the_clock_is_set() {
    for by in steps() {
        let mut machine = Machine::new("caller-cancels");
        let ended = machine.play("caller-cancels", 0, ALL) + by;
        machine.set_clock(by, false);
        assert_eq!(machine.engine.now(), ended);
        machine.pass(ended + Span::from_secs(19));
        assert_eq!(machine.submitted, [""; 0]);
        machine.pass(ended + HOUR);
        assert_eq!(machine.submitted.len(), 1);
        assert_eq!(machine.states(), [MessageState::Planned, MessageState::Claimed]);
    }
}

#[test]
fn a_call_that_rings_while_the_clock_is_set_is_judged_as_if_it_were_not() {
    let record = |machine: &Machine| {
        machine.entries.iter().find_map(|entry| match &entry.event {
            Event::Call(call) => Some(call.clone()),
            _ => None,
        })
    };
    let mut plain = Machine::new("caller-cancels");
    plain.play("caller-cancels", 0, ALL);
    let mut wanted = record(&plain).expect("a call");
    for by in steps() {
        let mut machine = Machine::new("caller-cancels");
        machine.play("caller-cancels", 0, 3);
        machine.set_clock(by, false);
        let ended = machine.play("caller-cancels", 3, ALL);
        let mut found = record(&machine).expect("a call");
        assert_eq!((found.at, found.ended), (wanted.at + by, wanted.ended.map(|at| at + by)));
        (found.at, found.ended) = (wanted.at, wanted.ended);
        assert_eq!(found, wanted);
        machine.pass(ended + HOUR);
        assert_eq!(machine.submitted.len(), 1);
    }
    wanted.rang_ms = 0;
    assert_ne!(record(&plain), Some(wanted));
}

#[test]
fn what_is_due_keeps_its_time_over_a_restart_after_the_clock_was_set() {
    for by in steps() {
        let mut machine = Machine::new("caller-cancels");
        let ended = machine.play("caller-cancels", 0, ALL) + by;
        machine.set_clock(by, false);
        let before = machine.store.load().expect("a state");
        assert_eq!(before.cases[0].opened, before.calls[0].ended.expect("ended"));
        machine.restart(ended + Span::from_secs(5));
        machine.pass(ended + Span::from_secs(19));
        assert_eq!(machine.submitted, [""; 0]);
        machine.pass(ended + MINUTE);
        assert_eq!(machine.submitted.len(), 1);
        assert_eq!(machine.count(|event| matches!(event, Event::Task(_))), 1);
        machine.pass(ended + Span::from_secs(23 * 3_600));
        assert_eq!(machine.count(|event| matches!(event, Event::CaseClosed(_))), 0);
        machine.pass(ended + Span::from_secs(25 * 3_600));
        assert_eq!(machine.count(|event| matches!(event, Event::CaseClosed(_))), 1);
    }
}

#[test]
fn a_case_that_goes_on_over_a_set_clock_still_caps_its_number() {
    let mut machine = Machine::new("caller-cancels");
    let ended = machine.play("caller-cancels", 0, ALL);
    machine.pass(ended + MINUTE);
    let key = machine.submitted[0].clone();
    machine.tell(Input::Receipt(Receipt { key, state: MessageState::Accepted, gateway_ref: None }));
    let sent = |machine: &mut Machine| machine.store.load().expect("a state").messages[0].sent;
    let before = sent(&mut machine).expect("sent");
    machine.set_clock(Span::from_secs(-86_400), false);
    assert_eq!(sent(&mut machine), Some(before - Span::from_secs(86_400)));
    assert_eq!(machine.engine.load().deadlines, 2, "the end of its case, and of its cap");
}

#[test]
fn where_nobody_knows_how_much_time_passed_a_text_that_waited_is_a_task() {
    for by in steps() {
        let mut machine = Machine::new("caller-cancels");
        let ended = machine.play("caller-cancels", 0, ALL) + by;
        machine.set_clock(by, true);
        assert_eq!(machine.states(), [MessageState::Planned, MessageState::Skipped]);
        machine.pass(ended + HOUR);
        assert_eq!(machine.submitted, [""; 0]);
        assert_eq!(machine.count(|event| matches!(event, Event::Task(_))), 1);
    }
}

#[test]
fn no_text_of_before_leaves_until_the_clock_of_a_machine_that_started_is_settled() {
    let mut machine = Machine::new("caller-cancels");
    let ended = machine.play("caller-cancels", 0, ALL);
    let settles = ended + MINUTE + MINUTE;
    let mut state = machine.store.load().expect("a state");
    state.meta.insert(State::SETTLES.to_owned(), settles.as_micros().to_string());
    machine.engine = Engine::restore(&machine.settings, state, 2, ended + Span::from_secs(1));
    machine.pass(settles - Span::from_secs(1));
    assert_eq!(machine.submitted, [""; 0]);
    machine.pass(settles);
    assert_eq!(machine.submitted.len(), 1);
}

#[test]
fn after_a_power_cut_with_the_clock_an_hour_behind_what_was_due_before_it_does_not_leave() {
    for behind in [HOUR, Span::from_secs(86_400), Span::from_secs(56 * 365 * 86_400)] {
        let mut machine = Machine::new("caller-cancels");
        let ended = machine.play("caller-cancels", 0, ALL);
        machine.pass(ended + MINUTE);
        // The gateway was out of reach; the text waits, overdue by the time of the last entry.
        machine.refuse(Span::from_secs(30));
        machine.power_cut(behind);
        machine.is_left_to_a_person();
    }
}

#[test]
fn a_text_that_waits_for_the_end_of_a_call_does_not_leave_after_it_once_the_clock_was_found_wrong() {
    let mut machine = Machine::new("caller-cancels");
    let ended = machine.play("caller-cancels", 0, ALL);
    machine.pass(ended + Span::from_secs(21));
    machine.refuse(Span::from_secs(60));
    machine.set = Span::from_secs(60);
    machine.play("caller-cancels", 0, 3);
    machine.pass(ended + Span::from_secs(85));
    assert_eq!(machine.states().last(), Some(&MessageState::Deferred));
    machine.set_clock(HOUR, true);
    assert_eq!(machine.states().last(), Some(&MessageState::Skipped), "the caller is on the phone still");
    machine.play("caller-cancels", 3, ALL);
    assert_eq!(machine.calls().len(), 2);
    machine.is_left_to_a_person();
}

#[test]
fn a_text_on_its_way_at_a_power_cut_is_not_sent_anew_by_a_clock_that_was_wrong() {
    for restarts in [0, 2] {
        let mut machine = Machine::new("caller-cancels");
        let ended = machine.play("caller-cancels", 0, ALL);
        machine.pass(ended + Span::from_secs(21));
        machine.power_cut(HOUR);
        for _ in 0..restarts {
            machine.restart(machine.engine.now());
        }
        assert_eq!((machine.submitted.len(), machine.looked_up.len()), (1, 1 + restarts));
        machine.refuse(Span::ZERO);
        machine.is_left_to_a_person();
    }
}

#[test]
fn a_text_on_its_way_at_a_power_cut_that_had_arrived_is_accepted_whatever_the_clock_did() {
    let mut machine = Machine::new("caller-cancels");
    let ended = machine.play("caller-cancels", 0, ALL);
    machine.pass(ended + Span::from_secs(21));
    machine.power_cut(HOUR);
    let arrived = machine.told(&machine.submitted[0], MessageState::Accepted);
    machine.tell(arrived);
    machine.set_clock(HOUR, true);
    machine.pass(ended + HOUR);
    let text = machine.store.load().expect("a state").messages.remove(0);
    assert_eq!((text.state, text.why, machine.submitted.len()), (MessageState::Accepted, None, 1));
}

#[test]
fn a_text_its_gateway_never_got_waits_until_the_clock_is_settled_too() {
    for sets in [None, Some(HOUR)] {
        let mut machine = Machine::new("caller-cancels");
        let ended = machine.play("caller-cancels", 0, ALL);
        machine.pass(ended + Span::from_secs(21));
        let settles = ended + MINUTE + MINUTE;
        machine.power_cut_until(ended + Span::from_secs(30), settles);
        machine.refuse(Span::ZERO);
        machine.pass(settles - Span::from_secs(1));
        assert_eq!(machine.submitted.len(), 1);
        match sets {
            Some(by) => {
                machine.set_clock(by, true);
                machine.is_left_to_a_person();
            }
            None => {
                machine.pass(settles);
                assert_eq!(machine.submitted.len(), 2);
            }
        }
    }
}

#[test]
fn a_text_sent_again_is_no_staler_than_others_when_the_clock_was_wrong_and_a_person_is_told() {
    let (mut machine, ended) = failed();
    let text = again(&machine);
    machine.tell(Input::Operator(Operator::Resend(text.clone())));
    machine.power_cut(HOUR);
    machine.tell(Input::NotAccepted(text.key.clone(), Span::ZERO));
    machine.pass(ended + HOUR);
    assert_eq!((machine.submitted.len(), machine.states().last()), (2, Some(&MessageState::Skipped)));
    let told = |event: &Event| matches!(event, Event::Task(task) if task.key.ends_with("/1/stale"));
    assert_eq!(machine.count(told), 1);

    let (mut settling, ended) = failed();
    settling.tell(Input::Operator(Operator::Resend(text.clone())));
    let settles = ended + MINUTE + MINUTE;
    settling.power_cut_until(ended + Span::from_secs(70), settles);
    settling.tell(Input::NotAccepted(text.key.clone(), Span::ZERO));
    settling.pass(settles - Span::from_secs(1));
    assert_eq!(settling.submitted.len(), 2);
    settling.pass(settles);
    assert_eq!(settling.submitted.len(), 3);
}

fn reply(body: &str) -> Reply {
    Reply {
        id: "1".into(),
        gateway: "main".into(),
        from: caller(),
        to: None,
        body: body.into(),
        opts_out: false,
    }
}

#[test]
fn a_stop_holds_from_the_moment_it_is_read_and_other_words_are_a_task() {
    for (body, texts, tasks) in [("Stop.", 0, 1), ("call me after 5", 1, 2)] {
        let mut machine = Machine::new("caller-cancels");
        let ended = machine.play("caller-cancels", 0, ALL);
        machine.tell(Input::Reply(reply(body)));
        machine.pass(ended + HOUR);
        assert_eq!(machine.submitted.len(), texts, "{body}");
        assert_eq!(machine.count(|event| matches!(event, Event::Task(_))), tasks, "{body}");
        let opted_out = |event: &Event| matches!(event, Event::Reply(reply) if reply.opts_out);
        assert_eq!(machine.count(opted_out), 1 - texts);
    }
}

/// The last text of the machine, to be sent again as the first of its kind.
fn again(machine: &Machine) -> Box<Message> {
    let mut texts = machine.entries.iter().filter_map(|entry| match &entry.event {
        Event::Message(message) => Some((**message).clone()),
        _ => None,
    });
    let last = texts.next_back().expect("a text");
    let key = format!("resend/{}/1", machine.submitted[0]);
    Box::new(Message { key, state: MessageState::Planned, ..last })
}

fn failed() -> (Machine, Timestamp) {
    let mut machine = Machine::new("caller-cancels");
    let ended = machine.play("caller-cancels", 0, ALL);
    machine.pass(ended + MINUTE);
    let key = machine.submitted[0].clone();
    machine.tell(Input::Receipt(Receipt { key, state: MessageState::Failed, gateway_ref: None }));
    (machine, ended)
}

#[test]
fn a_text_sent_again_is_claimed_once_and_looked_up_after_a_restart() {
    let (mut machine, ended) = failed();
    let text = again(&machine);
    machine.tell(Input::Operator(Operator::Resend(text.clone())));
    machine.tell(Input::Operator(Operator::Resend(text.clone())));
    assert_eq!(machine.submitted[1..], *std::slice::from_ref(&text.key));
    machine.restart(ended + MINUTE + MINUTE);
    assert_eq!(machine.looked_up, std::slice::from_ref(&text.key));
    machine.tell(Input::NotAccepted(text.key.clone(), Span::ZERO));
    machine.pass(ended + Span::from_secs(180));
    assert_eq!(machine.submitted.len(), 3);
    let key = text.key.clone();
    machine.tell(Input::Receipt(Receipt { key, state: MessageState::Unknown, gateway_ref: None }));
    let told = |event: &Event| matches!(event, Event::Task(task) if task.key.ends_with("/gateway_unknown"));
    assert_eq!(machine.count(told), 1);
}

#[test]
fn a_text_is_not_sent_again_to_who_opted_out_or_is_on_the_phone_or_too_late() {
    let (mut machine, _) = failed();
    let text = again(&machine);
    machine.tell(Input::Operator(Operator::OptOut(caller())));
    machine.tell(Input::Operator(Operator::Resend(text.clone())));
    assert_eq!((machine.submitted.len(), machine.states().last()), (1, Some(&MessageState::Skipped)));

    let (mut machine, ended) = failed();
    machine.set = HOUR;
    machine.play("caller-cancels", 0, 3);
    machine.tell(Input::Operator(Operator::Resend(text.clone())));
    assert_eq!((machine.submitted.len(), machine.states().last()), (1, Some(&MessageState::Skipped)));

    let (mut late, _) = failed();
    late.tell(Input::Operator(Operator::Resend(text.clone())));
    late.restart(ended + HOUR);
    late.tell(Input::NotAccepted(text.key.clone(), Span::ZERO));
    late.pass(ended + HOUR + MINUTE);
    assert_eq!((late.submitted.len(), late.states().last()), (2, Some(&MessageState::Skipped)));
}

#[test]
fn a_text_that_waits_is_cancelled_by_hand_and_its_task_is_still_made() {
    let mut machine = Machine::new("caller-cancels");
    let ended = machine.play("caller-cancels", 0, ALL);
    let key = machine.entries.iter().find_map(|entry| match &entry.event {
        Event::Message(message) => Some(message.key.clone()),
        _ => None,
    });
    machine.tell(Input::Operator(Operator::Cancel(key.expect("a text"))));
    machine.restart(ended + Span::from_secs(1));
    machine.pass(ended + HOUR);
    assert_eq!(machine.states(), [MessageState::Planned, MessageState::Cancelled]);
    assert_eq!(machine.submitted, [""; 0]);
    assert_eq!(machine.count(|event| matches!(event, Event::Task(_))), 1);
}

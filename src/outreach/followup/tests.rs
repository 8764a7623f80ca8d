//! The follow-up, driven with calls alone.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::*;
use crate::event::{CallKey, Confidence, Direction, Message, Outcome, Task};
use crate::outreach::is_known;
use crate::outreach::template::{Values, Variable, Wording};
use crate::phone::Party;
use crate::settings::{
    Action, Calendar, Caps, Consent, Did, Gateway, GatewayKind, Hours, InboundConsent, Line, Sequence,
    SignOff, Site, Step, Template, Unverified, Variant,
};

const LEAD: &str = "+13125550142";
const ADS: &str = "+13125550111";

fn number(text: &str) -> Number {
    Number::parse(text).expect("a number")
}

fn at(text: &str) -> Timestamp {
    let at: jiff::Timestamp = text.parse().expect("a time");
    Timestamp::from_micros(at.as_microsecond())
}

/// 21:14:07 on a Friday in Chicago.
fn friday_night() -> Timestamp {
    at("2026-11-21T03:14:07Z")
}

fn step(id: &str, after: i64, action: Action) -> Step {
    Step {
        id: id.into(),
        after: Span::from_secs(after),
        action,
        enabled: true,
        skip_after: Span::from_secs(600),
    }
}

fn sms() -> Action {
    Action::Sms { template: "ack".into() }
}

fn task(title: &str) -> Action {
    let due = Some(Span::from_secs(3_600));
    Action::Task { to: Some("line.owner".into()), title: Some(title.into()), due }
}

fn line(id: &str, did: Did) -> Line {
    Line {
        id: id.into(),
        did: vec![did],
        calendar: Some("office".into()),
        owner: Some("dana".into()),
        sms_from: Some("main".into()),
        source: Some("google-ads".into()),
        campaign: None,
        product: None,
        high_value: false,
        recorded: true,
    }
}

fn office() -> Calendar {
    let mut office = Calendar { overflow_calls: Some(2), ..Calendar::default() };
    office.open[..5].fill(vec![Hours { from: 510, to: 1_020 }]);
    office
}

/// One line, one calendar, one sequence: a text and a task 20 s after the call.
fn settings() -> Settings {
    let text = "{business}: {greet}sorry we missed your call. Reply here or call {line}. STOP to opt out.";
    let variants = vec![Variant { id: None, weight: 1, text: text.into() }];
    let gateway =
        Gateway { kind: GatewayKind::File { path: "outbox".into() }, from: Some(number("+13125550100")) };
    let sign_off = SignOff { who: "owner".into(), on: jiff::civil::date(2026, 11, 20), note: None };
    Settings {
        site: Site {
            short: "Midwest Ins.".into(),
            tz: TimeZone::get("America/Chicago").expect("bundled"),
            country: Some("US".into()),
            ..Site::default()
        },
        lines: vec![line("ads-auto", Did::Number(number(ADS)))],
        calendars: BTreeMap::from([("office".into(), office())]),
        gateways: BTreeMap::from([("main".into(), gateway)]),
        consent: Consent { inbound_call: InboundConsent::Response, sign_off: Some(sign_off) },
        templates: BTreeMap::from([(
            "ack".into(),
            Template { id: "ack".into(), variants, max_segments: Some(1) },
        )]),
        sequences: vec![Sequence {
            id: "lead".into(),
            classes: vec!["lead".into()],
            states: Vec::new(),
            steps: vec![step("ack", 20, sms()), step("task", 20, task("Call back {caller} ({source})"))],
        }],
        ..Settings::default()
    }
}

fn verdict(outcome: Outcome) -> Verdict {
    let missed = matches!(outcome, Outcome::Abandoned | Outcome::NoAnswer | Outcome::Busy);
    Verdict {
        outcome,
        missed,
        confidence: Confidence::High,
        ambiguous: false,
        lossy: false,
        rang_for: Span::from_secs(12),
        talked_for: Span::from_secs(20),
        message: None,
    }
}

fn seen(call: u64, at: Timestamp, phase: CallPhase) -> CallSeen {
    CallSeen {
        call: CallKey { hash: call, nth: 1 },
        phase,
        at,
        began: at - Span::from_secs(12),
        caller: Some(Party::Number(number(LEAD))),
        caller_name: Some("HOSTILE {line}".into()),
        withheld: false,
        called: Some(Party::Number(number(ADS))),
        called_user: None,
        direction: Direction::Inbound,
    }
}

fn ended(call: u64, at: Timestamp, outcome: Outcome) -> CallSeen {
    seen(call, at, CallPhase::Ended(verdict(outcome)))
}

fn called_back(call: u64, at: Timestamp, outcome: Outcome) -> CallSeen {
    let (caller, called) = (Some(Party::Digits("201".into())), Some(Party::Number(number(LEAD))));
    CallSeen { caller, called, direction: Direction::Outbound, ..ended(call, at, outcome) }
}

/// A follow-up and all it said, with a gateway that accepts at once.
struct Office {
    followup: Followup,
    events: Events,
}

impl Office {
    fn new(settings: &Settings) -> Office {
        Office { followup: Followup::new(settings), events: Vec::new() }
    }

    fn call(&mut self, call: &CallSeen) {
        self.until(call.at);
        self.followup.call_seen(call, &mut self.events);
    }

    fn missed(&mut self, call: u64, at: Timestamp) {
        self.call(&ended(call, at, Outcome::Abandoned));
    }

    fn until(&mut self, at: Timestamp) {
        self.accept();
        while let Some(due) = self.followup.deadline().filter(|due| *due <= at) {
            self.followup.expire(due, &mut self.events);
            self.accept();
        }
    }

    fn accept(&mut self) {
        let submitted: Vec<_> =
            self.messages().into_iter().filter(|m| m.state == MessageState::Submitted).collect();
        for message in submitted {
            let gateway_ref = Some(message.key.clone());
            let receipt = Receipt { key: message.key, state: MessageState::Accepted, gateway_ref };
            self.followup.receipt(message.sent.expect("sent"), &receipt, &mut self.events);
        }
    }

    fn finish(&mut self) {
        let last = self.events.last().map_or(Timestamp::default(), |(at, _)| *at);
        self.until(last + Span::from_secs(72 * 3_600));
    }

    /// Every message in its last state.
    fn messages(&self) -> Vec<Message> {
        let mut last = BTreeMap::new();
        for (_, event) in &self.events {
            if let Event::Message(message) = event {
                last.insert(message.key.clone(), Message::clone(message));
            }
        }
        last.into_values().collect()
    }

    fn message(&self) -> Message {
        let messages = self.messages();
        assert_eq!(messages.len(), 1, "{messages:?}");
        messages.into_iter().next().expect("one")
    }

    fn states(&self) -> Vec<(MessageState, Option<String>)> {
        let of = |event: &Event| match event {
            Event::Message(message) => Some((message.state, message.why.clone().map(Into::into))),
            _ => None,
        };
        self.events.iter().filter_map(|(_, event)| of(event)).collect()
    }

    fn each<'a, T>(&'a self, of: impl FnMut(&'a Event) -> Option<T>) -> Vec<T> {
        self.events.iter().map(|(_, event)| event).filter_map(of).collect()
    }

    fn tasks(&self) -> Vec<&Task> {
        self.each(|event| if let Event::Task(task) = event { Some(task) } else { None })
    }

    fn reviews(&self) -> Vec<&str> {
        self.each(|event| if let Event::Review(review) = event { Some(review.reason.as_ref()) } else { None })
    }

    fn decisions(&self) -> Vec<&Decision> {
        self.each(|event| if let Event::Decision(decision) = event { Some(decision) } else { None })
    }

    fn closed(&self) -> Vec<&str> {
        self.each(
            |event| if let Event::CaseClosed(closed) = event { Some(closed.why.as_ref()) } else { None },
        )
    }

    fn opened(&self) -> usize {
        self.events.iter().filter(|(_, event)| matches!(event, Event::CaseOpened(_))).count()
    }
}

fn secs(s: i64) -> Span {
    Span::from_secs(s)
}

/// A text that was not sent, and why; with the one task that stands for it.
fn skipped_with_a_task(settings: &Settings, call: &CallSeen) -> String {
    let mut office = Office::new(settings);
    office.call(call);
    office.finish();
    let message = office.message();
    assert_eq!((message.state, message.attempts, message.sent), (MessageState::Skipped, 0, None));
    assert_eq!(office.tasks().len(), 1);
    message.why.expect("a reason").into()
}

#[test]
fn a_call_abandoned_at_night_gets_its_text_twenty_seconds_later() {
    let mut office = Office::new(&settings());
    office.missed(0x4f9c_2a6b_01de, friday_night());
    assert_eq!(office.followup.deadline(), Some(friday_night() + secs(20)));
    office.finish();
    let message = office.message();
    assert_eq!(message.key, "4f9c2a6b01de/lead/ack");
    assert_eq!(message.sent, Some(friday_night() + secs(20)));
    assert_eq!((message.state, message.attempts), (MessageState::Accepted, 1));
    assert_eq!(message.gateway_ref.as_deref(), Some("4f9c2a6b01de/lead/ack"));
    assert_eq!(
        (message.encoding.as_ref(), message.segments, message.consent.as_ref()),
        ("GSM-7", 1, "response")
    );
    assert_eq!(
        message.body,
        "Midwest Ins.: sorry we missed your call. Reply here or call 312-555-0111. STOP to opt out."
    );
    let gates: Vec<_> = message.trail.iter().map(|answer| answer.gate.as_ref()).collect();
    assert_eq!(gates, ["enabled", "consent", "exits", "textable", "cap", "template", "sender", "late"]);
    let states: Vec<_> = office.states().into_iter().map(|(state, _)| state).collect();
    assert_eq!(states, [MessageState::Planned, MessageState::Submitted, MessageState::Accepted]);
}

#[test]
fn its_task_names_caller_source_owner_and_time() {
    let mut office = Office::new(&settings());
    office.missed(1, friday_night());
    office.finish();
    let [task] = office.tasks()[..] else { panic!("{:?}", office.tasks()) };
    assert_eq!(task.key, "000000000001/lead/task");
    assert_eq!(task.title, "Call back 312-555-0142 (google-ads)");
    assert_eq!(task.owner.as_deref(), Some("dana"));
    assert_eq!(task.due, Some(friday_night() + secs(3_620)));
    assert_eq!(office.closed(), ["quiet"]);
}

#[test]
fn its_decision_tells_every_gate() {
    let mut office = Office::new(&settings());
    office.missed(1, friday_night());
    let [decision] = office.decisions()[..] else { panic!("{:?}", office.decisions()) };
    let gates: Vec<_> = decision.trail.iter().map(|answer| answer.gate.as_ref()).collect();
    assert_eq!(gates, ["case", "line", "state", "identity", "class", "stop", "consent", "sequence"]);
    assert_eq!(decision.state.as_deref(), Some("after_hours"));
    assert_eq!(decision.sequence.as_deref(), Some("lead"));
    assert_eq!((decision.class.as_deref(), decision.reason.as_deref()), (Some("lead"), None));
}

#[test]
fn a_second_miss_is_absorbed() {
    let mut office = Office::new(&settings());
    office.missed(1, friday_night());
    office.missed(2, friday_night() + secs(240));
    office.missed(3, friday_night() + secs(8 * 3_600));
    office.finish();
    assert_eq!(office.message().state, MessageState::Accepted);
    assert_eq!(office.tasks().len(), 1);
    assert_eq!(office.opened(), 1);
    let reasons: Vec<_> = office.decisions().iter().map(|decision| decision.reason.as_deref()).collect();
    assert_eq!(reasons, [None, Some("absorbed"), Some("absorbed")]);
    assert_eq!(office.decisions()[2].case, "000000000001");
}

#[test]
fn a_miss_after_a_quiet_day_opens_a_new_case() {
    let mut office = Office::new(&settings());
    office.missed(1, friday_night());
    office.missed(2, friday_night() + secs(20 + 24 * 3_600));
    office.finish();
    assert_eq!(office.opened(), 2);
    assert_eq!(office.messages().len(), 2);
    assert_eq!(office.closed(), ["quiet", "quiet"]);
}

#[test]
fn a_call_within_the_day_keeps_the_case_open() {
    let mut office = Office::new(&settings());
    office.missed(1, friday_night());
    office.missed(2, friday_night() + secs(23 * 3_600));
    office.missed(3, friday_night() + secs(46 * 3_600));
    assert_eq!((office.opened(), office.closed().len()), (1, 0));
}

#[test]
fn nothing_leaves_while_the_caller_is_on_the_phone() {
    let mut office = Office::new(&settings());
    office.missed(1, friday_night());
    office.call(&seen(2, friday_night() + secs(10), CallPhase::Started));
    office.until(friday_night() + secs(60));
    assert_eq!(office.message().state, MessageState::Deferred);
    assert_eq!(office.message().why.as_deref(), Some("call_in_progress"));
    assert!(office.tasks().is_empty());
    office.call(&ended(2, friday_night() + secs(70), Outcome::Answered));
    office.finish();
    assert_eq!(office.message().state, MessageState::Cancelled);
    assert_eq!(office.message().why.as_deref(), Some("answered"));
    assert!(office.tasks().is_empty());
    assert_eq!(office.closed(), ["answered"]);
}

#[test]
fn what_waited_leaves_when_the_call_was_missed_too() {
    let mut office = Office::new(&settings());
    office.missed(1, friday_night());
    office.call(&seen(2, friday_night() + secs(10), CallPhase::Started));
    office.call(&seen(3, friday_night() + secs(12), CallPhase::Started));
    office.missed(2, friday_night() + secs(40));
    assert_eq!(office.message().state, MessageState::Deferred, "call 3 still rings");
    office.missed(3, friday_night() + secs(50));
    office.finish();
    let message = office.message();
    assert_eq!((message.state, message.sent), (MessageState::Accepted, Some(friday_night() + secs(50))));
    assert_eq!(message.why, None);
    assert_eq!(office.tasks().len(), 1);
}

#[test]
fn a_text_held_for_too_long_is_stale_and_a_task_remains() {
    let mut settings = settings();
    settings.sequences[0].steps.truncate(1);
    let mut office = Office::new(&settings);
    office.missed(1, friday_night());
    office.call(&seen(2, friday_night() + secs(10), CallPhase::Started));
    office.call(&ended(2, friday_night() + secs(700), Outcome::Fax));
    assert_eq!(office.message().why.as_deref(), Some("stale"));
    let [task] = office.tasks()[..] else { panic!("{:?}", office.tasks()) };
    assert_eq!((task.key.as_str(), task.why.as_deref()), ("000000000001/stale", Some("stale")));
    assert_eq!((task.owner.as_deref(), task.title.as_str()), (Some("dana"), "Call back 312-555-0142"));
}

#[test]
fn a_callback_cancels_what_is_planned() {
    let mut office = Office::new(&settings());
    office.missed(1, friday_night());
    office.call(&called_back(2, friday_night() + secs(15), Outcome::NoAnswer));
    assert_eq!(office.message().state, MessageState::Planned);
    office.call(&called_back(3, friday_night() + secs(18), Outcome::Answered));
    office.finish();
    assert_eq!(office.message().why.as_deref(), Some("called_back"));
    assert_eq!(office.message().state, MessageState::Cancelled);
    assert_eq!((office.tasks().len(), office.closed()), (0, vec!["called_back"]));
}

#[test]
fn a_minute_of_talk_is_reached_and_a_later_miss_a_new_case() {
    let mut office = Office::new(&settings());
    office.missed(1, friday_night());
    let talked_for = secs(60);
    let long = Verdict { talked_for, ..verdict(Outcome::Answered) };
    office.call(&seen(2, friday_night() + secs(600), CallPhase::Ended(long)));
    assert_eq!(office.closed(), ["reached"]);
    office.missed(3, friday_night() + secs(700));
    office.finish();
    assert_eq!((office.opened(), office.messages().len()), (2, 2));
}

#[test]
fn a_new_case_takes_over_what_an_older_one_still_planned() {
    let mut settings = settings();
    settings.sequences[0].steps.push(step("final", 48 * 3_600, task("Last call")));
    settings.sequences[0].steps.push(step("later", 47 * 3_600, sms()));
    let mut office = Office::new(&settings);
    office.missed(1, friday_night());
    office.missed(2, friday_night() + secs(25 * 3_600));
    office.finish();
    let whys: Vec<_> = office.messages().into_iter().map(|message| (message.key, message.why)).collect();
    assert_eq!(whys[1], ("000000000001/lead/later".to_owned(), Some("missed_again".into())));
    assert_eq!(office.tasks().iter().filter(|task| task.title == "Last call").count(), 1);
}

#[test]
fn a_withheld_caller_is_reviewed_and_never_texted() {
    for leaked in [None, Some(Party::Number(number(LEAD)))] {
        let mut office = Office::new(&settings());
        for call in 1..=2 {
            let at = friday_night() + secs(60 * call as i64);
            office.call(&CallSeen {
                caller: leaked.clone(),
                withheld: true,
                ..ended(call, at, Outcome::Abandoned)
            });
        }
        office.finish();
        assert_eq!((office.messages().len(), office.tasks().len(), office.opened()), (0, 0, 2));
        assert_eq!(office.reviews(), ["withheld", "withheld"]);
        let of = |event: &Event| matches!(event, Event::CaseOpened(opened) if opened.caller.is_some());
        assert!(!office.events.iter().any(|(_, event)| of(event)));
    }
}

#[test]
fn what_is_not_certain_is_reviewed_and_never_texted() {
    let low = Verdict { confidence: Confidence::Low, ..verdict(Outcome::Abandoned) };
    let ambiguous = Verdict { ambiguous: true, ..verdict(Outcome::Abandoned) };
    let lossy = Verdict { lossy: true, ..verdict(Outcome::Abandoned) };
    let inferred = verdict(Outcome::AnsweredInferred);
    let unknown = verdict(Outcome::Unknown);
    for verdict in [low, ambiguous, lossy, inferred, unknown, verdict(Outcome::Incomplete)] {
        let mut office = Office::new(&settings());
        office.call(&seen(1, friday_night(), CallPhase::Ended(verdict.clone())));
        office.finish();
        assert_eq!(office.reviews(), ["uncertain_call"], "{verdict:?}");
        assert_eq!((office.messages().len(), office.tasks().len()), (0, 0));
        assert_eq!(office.opened(), usize::from(verdict.missed));
    }
    let mut office = Office::new(&settings());
    office.call(&CallSeen { direction: Direction::Unknown, ..ended(1, friday_night(), Outcome::Abandoned) });
    assert_eq!(office.reviews(), ["uncertain_call"]);
}

#[test]
fn a_certain_miss_after_an_uncertain_one_is_followed_up() {
    let mut office = Office::new(&settings());
    let low = Verdict { confidence: Confidence::Low, ..verdict(Outcome::Abandoned) };
    office.call(&seen(1, friday_night(), CallPhase::Ended(low)));
    office.missed(2, friday_night() + secs(60));
    office.finish();
    assert_eq!((office.opened(), office.message().state), (1, MessageState::Accepted));
    assert_eq!(office.message().case, "000000000001");
}

#[test]
fn who_is_dialled_behind_an_access_code_is_on_the_phone() {
    let outside = |country: &str, dialled: &str| {
        let mut settings = settings();
        settings.site.country = Some(country.into());
        let called = settings.dialplan().read(dialled.as_bytes());
        let call = called_back(1, friday_night(), Outcome::Answered);
        presence::outside(&settings, &CallSeen { called, called_user: Some(dialled.into()), ..call })
    };
    let has = |parties: Vec<Party>, wanted: &str| parties.contains(&Party::Number(number(wanted)));
    assert!(has(outside("US", "93125550142"), "+13125550142"));
    assert!(has(outside("US", "913125550142"), "+13125550142"));
    assert!(has(outside("DE", "003012345678"), "+493012345678"), "without a plan it reads as one abroad");
    assert_eq!(outside("US", "+13125550142"), [Party::Number(number("+13125550142"))]);
    assert_eq!(outside("US", "*721234567"), [Party::Digits("*721234567".into())]);
}

#[test]
fn numbers_that_take_no_texts_leave_a_task() {
    for (caller, why) in [
        ("+18005550142", "toll_free"),
        ("+14162345678", "foreign"),
        ("+442079460123", "foreign"),
        ("+19002345678", "premium"),
        ("+12129112345", "invalid"),
        ("+15002345678", "not_textable"),
        (ADS, "own_number"),
    ] {
        let caller = Some(Party::Number(number(caller)));
        let call = CallSeen { caller, ..ended(1, friday_night(), Outcome::Abandoned) };
        assert_eq!(skipped_with_a_task(&settings(), &call), why);
        let mut alone = settings();
        alone.sequences[0].steps.truncate(1);
        assert_eq!(skipped_with_a_task(&alone, &call), why);
    }
}

#[test]
fn a_caller_without_a_number_gets_a_skipped_text_and_a_task() {
    let caller = Some(Party::Digits("6001".into()));
    let call = CallSeen { caller, ..ended(1, friday_night(), Outcome::Abandoned) };
    assert_eq!(skipped_with_a_task(&settings(), &call), "no_number");
    let mut alone = settings();
    alone.sequences[0].steps.truncate(1);
    assert_eq!(skipped_with_a_task(&alone, &call), "no_number");
}

#[test]
fn a_caller_who_sent_nothing_gets_a_task_and_no_text_that_names_nobody() {
    let mut alone = settings();
    alone.sequences[0].steps.truncate(1);
    let mut office = Office::new(&alone);
    office.call(&CallSeen { caller: None, ..ended(1, friday_night(), Outcome::Abandoned) });
    office.finish();
    assert!(office.messages().is_empty());
    let [task] = office.tasks()[..] else { panic!("{:?}", office.tasks()) };
    assert_eq!(task.why.as_deref(), Some("no_number"));
}

#[test]
fn without_consent_signature_or_a_verified_profile_tasks_are_all() {
    let call = ended(1, friday_night(), Outcome::Abandoned);
    let mut unsigned = settings();
    unsigned.consent.sign_off = None;
    assert_eq!(skipped_with_a_task(&unsigned, &call), "no_sign_off");
    let mut none = settings();
    none.consent.inbound_call = InboundConsent::None;
    assert_eq!(skipped_with_a_task(&none, &call), "no_consent");
    let mut shaky = settings();
    let keys = vec!["coverage.style".to_owned()];
    shaky.unverified = Some(Unverified { profile: "nec-sv".into(), keys });
    assert_eq!(skipped_with_a_task(&shaky, &call), "profile_unverified");
    let mut nowhere = settings();
    nowhere.site.country = None;
    assert_eq!(skipped_with_a_task(&nowhere, &call), "no_country");
}

#[test]
fn a_text_that_cannot_be_made_or_sent_leaves_a_task() {
    let call = ended(1, friday_night(), Outcome::Abandoned);
    let mut senderless = settings();
    senderless.lines[0].sms_from = Some("gone".into());
    assert_eq!(skipped_with_a_task(&senderless, &call), "no_sender");
    let mut unfilled = settings();
    unfilled.templates.get_mut("ack").expect("ack").variants[0].text = "{owner} knows".into();
    assert_eq!(skipped_with_a_task(&unfilled, &call), "template_error");
}

#[test]
fn a_step_that_is_switched_off_says_so() {
    let mut settings = settings();
    settings.sequences[0].steps.iter_mut().for_each(|step| step.enabled = false);
    let mut office = Office::new(&settings);
    office.missed(1, friday_night());
    office.finish();
    assert_eq!(office.message().why.as_deref(), Some("disabled"));
    assert!(office.tasks().is_empty());
}

#[test]
fn the_cap_counts_across_cases_and_ends_with_its_window() {
    let mut settings = settings();
    settings.caps = Caps { per_number: Some((1, secs(3 * 86_400))) };
    let mut office = Office::new(&settings);
    for (call, day) in [(1, 0), (2, 2), (3, 4)] {
        office.missed(call, friday_night() + secs(day * 86_400));
    }
    office.finish();
    let whys: Vec<_> = office.messages().into_iter().map(|message| message.why).collect();
    assert_eq!(whys, [None, Some("capped".into()), None]);
    assert_eq!(office.tasks().len(), 3);
}

#[test]
fn a_call_to_no_line_is_one_task_and_no_text() {
    let mut office = Office::new(&settings());
    for call in 1..=2 {
        let called = Some(Party::Number(number("+13125550199")));
        let at = friday_night() + secs(60 * call as i64);
        office.call(&CallSeen { called, ..ended(call, at, Outcome::Abandoned) });
    }
    let reasons: Vec<_> = office.decisions().iter().map(|decision| decision.reason.as_deref()).collect();
    assert_eq!(reasons, [Some("no_line"), Some("absorbed")]);
    assert!(office.messages().is_empty());
    let [task] = office.tasks()[..] else { panic!("{:?}", office.tasks()) };
    assert_eq!((task.key.as_str(), task.owner.as_deref()), ("000000000001/no_line", None));
    office.missed(3, friday_night() + secs(300));
    office.finish();
    assert_eq!(
        office.message().state,
        MessageState::Accepted,
        "a call to a line is followed up all the same"
    );
}

#[test]
fn where_no_sequence_fits_the_owner_gets_a_task() {
    let mut settings = settings();
    settings.sequences[0].states = vec!["open".into()];
    let mut office = Office::new(&settings);
    office.missed(1, friday_night());
    let [task] = office.tasks()[..] else { panic!("{:?}", office.tasks()) };
    assert_eq!((task.key.as_str(), task.owner.as_deref()), ("000000000001/no_sequence", Some("dana")));
}

#[test]
fn variables_that_are_said_to_be_known_have_values() {
    let settings = settings();
    let call = ended(1, friday_night(), Outcome::Abandoned);
    let values = compose::values(&settings, settings.lines.first(), &call, "000000000001");
    let names = [
        "business",
        "first",
        "line",
        "owner",
        "source",
        "caller",
        "call.local_time",
        "task.title",
        "case.id",
    ];
    for name in names {
        let wording = Wording::parse(&format!("{{{name}}}")).expect("a variable");
        let known =
            crate::outreach::template::missing(&wording, |variable| is_known(&settings, variable)).is_empty();
        assert_eq!(wording.fill(&values).is_ok(), known, "{name}");
        assert!(wording.fill(&Values::default()).is_err(), "{name}");
    }
    assert!(!is_known(&settings, &Variable::Link("booking".into())));
    assert!(!is_known(&Settings::default(), &Variable::Business));
    let mut by_user = settings.clone();
    by_user.lines[0] = Line { source: None, ..line("sales", Did::User("sales".into())) };
    assert!(!is_known(&by_user, &Variable::Line) && !is_known(&by_user, &Variable::Source));
}

#[test]
fn the_second_of_two_calls_overflows_an_office_that_takes_one() {
    let noon = at("2026-11-20T18:00:00Z");
    let mut office = Office::new(&settings());
    let other = CallSeen { caller: Some(Party::Digits("x".into())), ..seen(1, noon, CallPhase::Started) };
    office.call(&other);
    office.call(&seen(2, noon + secs(1), CallPhase::Started));
    office.call(&CallSeen {
        at: noon + secs(30),
        phase: CallPhase::Ended(verdict(Outcome::NoAnswer)),
        ..other
    });
    office.call(&ended(2, noon + secs(31), Outcome::NoAnswer));
    office.call(&CallSeen {
        caller: Some(Party::Number(number("+13125550143"))),
        ..ended(3, noon + secs(40), Outcome::Busy)
    });
    let states: Vec<_> = office.decisions().iter().map(|decision| decision.state.as_deref()).collect();
    assert_eq!(states, [Some("open"), Some("overflow"), Some("overflow")]);
}

#[test]
fn calls_that_were_not_missed_leave_no_trace() {
    let mut office = Office::new(&settings());
    for (call, outcome) in
        [Outcome::Answered, Outcome::WrongNumber, Outcome::Rejected, Outcome::Fax, Outcome::Emergency]
            .into_iter()
            .enumerate()
    {
        office.call(&ended(call as u64, friday_night(), outcome));
        office.call(&called_back(call as u64 + 10, friday_night(), Outcome::Abandoned));
    }
    assert!(office.events.is_empty(), "{:?}", office.events);
    assert_eq!(office.followup.deadline(), None);
}

#[test]
fn without_lines_nothing_is_planned() {
    let mut office = Office::new(&Settings::default());
    office.call(&seen(1, friday_night(), CallPhase::Started));
    office.missed(1, friday_night());
    office.call(&ended(2, friday_night(), Outcome::Unknown));
    assert!(office.events.is_empty());
}

#[test]
fn receipts_in_any_order_end_in_the_same_state() {
    use MessageState::{Accepted, Delivered, Sent, Unknown};
    for order in [[Accepted, Sent, Delivered], [Delivered, Sent, Accepted], [Sent, Delivered, Unknown]] {
        let mut followup = Followup::new(&settings());
        let mut out = Vec::new();
        followup.call_seen(&ended(1, friday_night(), Outcome::Abandoned), &mut out);
        let key = "000000000001/lead/ack".to_owned();
        let early = Receipt { key: key.clone(), state: Delivered, gateway_ref: None };
        followup.receipt(friday_night(), &early, &mut out);
        followup.expire(friday_night() + secs(20), &mut out);
        for state in order.into_iter().chain(order) {
            let receipt = Receipt { key: key.clone(), state, gateway_ref: Some("SM1".into()) };
            followup.receipt(friday_night() + secs(21), &receipt, &mut out);
        }
        let office = Office { followup, events: out };
        assert_eq!(office.message().state, Delivered, "{order:?}");
        assert_eq!(office.message().gateway_ref.as_deref(), Some("SM1"));
        assert_eq!(office.states()[1].0, MessageState::Submitted, "a receipt before the text means nothing");
    }
}

#[test]
fn a_text_of_unknown_fate_becomes_a_task_and_is_not_sent_again() {
    let mut settings = settings();
    settings.sequences[0].steps.truncate(1);
    let mut followup = Followup::new(&settings);
    let mut out = Vec::new();
    followup.call_seen(&ended(1, friday_night(), Outcome::Abandoned), &mut out);
    followup.expire(friday_night() + secs(20), &mut out);
    let receipt =
        Receipt { key: "000000000001/lead/ack".into(), state: MessageState::Unknown, gateway_ref: None };
    followup.receipt(friday_night() + secs(50), &receipt, &mut out);
    followup.receipt(friday_night() + secs(51), &receipt, &mut out);
    followup.receipt(friday_night() + secs(51), &Receipt { key: "other".into(), ..receipt }, &mut out);
    let mut office = Office { followup, events: out };
    office.finish();
    assert_eq!(
        office.tasks().iter().map(|task| task.key.as_str()).collect::<Vec<_>>(),
        ["000000000001/gateway_unknown"]
    );
    assert_eq!((office.message().state, office.message().attempts), (MessageState::Unknown, 1));
}

#[test]
fn nothing_is_kept_of_cases_long_closed() {
    let mut settings = settings();
    settings.caps = Caps { per_number: Some((3, secs(7 * 86_400))) };
    let mut office = Office::new(&settings);
    for call in 0..200 {
        let at = friday_night() + secs(i64::try_from(call).expect("small") * 60);
        let caller = Some(Party::Number(number(&format!("+1312555{call:04}"))));
        office.call(&CallSeen { caller: caller.clone(), ..seen(call, at, CallPhase::Started) });
        office.call(&CallSeen { caller, ..ended(call, at + secs(30), Outcome::NoAnswer) });
    }
    assert_eq!(office.followup.cases.len(), 200);
    office.until(friday_night() + secs(30 * 86_400));
    let followup = &office.followup;
    assert_eq!((followup.cases.len(), followup.deadline(), followup.texted.len()), (0, None, 0));
    assert_eq!(
        format!("{:?}", followup.cases),
        format!("{:?}", Cases::default()).replace("opened: 0", "opened: 200")
    );
    assert_eq!(format!("{:?}", followup.presence), format!("{:?}", Presence::default()));
}

#[test]
fn cases_beyond_the_bound_close_for_overload_and_leave_nothing_due() {
    let (mut followup, mut events) = (Followup::new(&settings()), Vec::new());
    let numbers = 0..limits::CASES as u64 + 500;
    for call in numbers {
        let caller = Some(Party::Number(number(&format!("+1312{}", 2_000_000 + call))));
        followup
            .call_seen(&CallSeen { caller, ..ended(call, friday_night(), Outcome::Abandoned) }, &mut events);
    }
    assert_eq!(followup.cases.len(), limits::CASES);
    assert!(followup.agenda.len() <= 3 * limits::CASES, "{}", followup.agenda.len());
    let closed = events.iter().filter(|(_, event)| matches!(event, Event::CaseClosed(_)));
    assert_eq!(closed.count(), 500);
}

#[test]
fn numbers_beyond_the_bound_are_capped() {
    let mut settings = settings();
    settings.caps = Caps { per_number: Some((3, secs(7 * 86_400))) };
    let mut office = Office::new(&settings);
    for n in 1..=limits::NUMBERS_TEXTED {
        office.followup.texted.insert(number(&n.to_string()), 1);
    }
    office.missed(1, friday_night());
    office.finish();
    let message = office.message();
    assert_eq!((message.state, message.why.as_deref()), (MessageState::Skipped, Some("capped")));
}

proptest::proptest! {
    /// Calls of every kind at any time, of few numbers: a case gets at most one text, every planned text ends,
    /// nothing leaves while its number is on the phone, and time never goes back.
    #[test]
    fn any_history_keeps_the_promises(calls in proptest::collection::vec((0..3_u8, 0..4_u8, 0..9_u8, 0..90_000_i64, 1..2_000_i64), 1..40)) {
        let mut phases = Vec::new();
        for (n, (who, way, how, start, lasts)) in calls.into_iter().enumerate() {
            let outcome = [Outcome::Abandoned, Outcome::NoAnswer, Outcome::Busy, Outcome::Answered, Outcome::Unknown,
                Outcome::Fax, Outcome::Incomplete, Outcome::Abandoned, Outcome::AnsweredInferred][usize::from(how)];
            let (start, end) = (friday_night() + secs(start), friday_night() + secs(start + lasts));
            let outside = Some(Party::Number(number(&format!("+1312555014{who}"))));
            let own = Some(Party::Number(number(ADS)));
            let direction = [Direction::Inbound, Direction::Outbound, Direction::Inbound, Direction::Unknown][usize::from(way)];
            let (caller, called) = if way == 1 { (own, outside) } else { (outside, own) };
            let of = |at, phase| CallSeen { caller: caller.clone(), called: called.clone(), direction, ..seen(n as u64, at, phase) };
            phases.push(of(start, CallPhase::Started));
            phases.push(of(end, CallPhase::Ended(verdict(outcome))));
        }
        phases.sort_by_key(|seen| seen.at);
        let mut settings = settings();
        settings.caps = Caps { per_number: Some((2, secs(86_400))) };
        let mut office = Office::new(&settings);
        let mut up: BTreeMap<Party, i32> = BTreeMap::new();
        for phase in &phases {
            let before = office.events.len();
            office.until(phase.at);
            for (_, event) in &office.events[before..] {
                if let Event::Message(message) = event && message.state == MessageState::Submitted {
                    assert!(up.get(&message.to).is_none_or(|calls| *calls == 0));
                }
            }
            office.followup.call_seen(phase, &mut office.events);
            for party in presence::outside(&settings, phase) {
                *up.entry(party).or_default() += if phase.phase == CallPhase::Started { 1 } else { -1 };
            }
        }
        office.until(Timestamp::MAX);
        let mut cases = BTreeMap::new();
        for message in office.messages() {
            assert!(matches!(message.state, MessageState::Accepted | MessageState::Skipped | MessageState::Cancelled), "{message:?}");
            *cases.entry(message.case).or_insert(0) += message.attempts;
        }
        assert!(cases.values().all(|texts| *texts <= 1), "{cases:?}");
        assert_eq!(office.followup.deadline(), None);
        assert_eq!(office.followup.cases.len(), 0);
    }
}

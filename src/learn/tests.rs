//! Small offices made of messages, and what is learnt of them.

use std::fmt::Write;
use std::net::SocketAddr;

use proptest::prelude::*;

use super::{Learner, Material, Proposal, Value};
use crate::limits;
use crate::settings::Profile;
use crate::time::{Span, Timestamp};
use crate::wire::packet::{Body, Datagram, FrameRef, Packet, Transport};

const TRUNK: &str = "203.0.113.20";
const PBX: &str = "192.168.10.5";
const DESK: &str = "192.168.20.21";
const OTHER_DESK: &str = "192.168.20.22";
const VOICEMAIL: &str = "192.168.10.6";

/// Messages with their times in milliseconds and their ends.
#[derive(Default)]
struct Office {
    sent: Vec<(i64, String, String, String)>,
}

/// One leg: its ends, its parties and its Call-ID.
#[derive(Clone, Copy)]
struct Leg<'l> {
    from: &'l str,
    to: &'l str,
    caller: &'l str,
    called: &'l str,
    id: &'l str,
}

impl Office {
    fn request(&mut self, at: i64, leg: Leg<'_>, method: &str, lines: &str) {
        let Leg { from, to, caller, called, id } = leg;
        let tag = if method == "BYE" { ";tag=b" } else { "" };
        let text = format!(
            "{method} sip:{called}@{to} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{id}\r\n\
             From: <sip:{caller}@{from}>;tag=a\r\nTo: <sip:{called}@{to}>{tag}\r\nCall-ID: {id}\r\nCSeq: 1 {method}\r\n\
             {lines}Content-Length: 0\r\n\r\n"
        );
        self.sent.push((at, from.to_owned(), to.to_owned(), text));
    }

    fn response(&mut self, at: i64, leg: Leg<'_>, status: u16, method: &str) {
        let Leg { from, to, caller, called, id } = leg;
        let text = format!(
            "SIP/2.0 {status} X\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{id}\r\nFrom: <sip:{caller}@{from}>;tag=a\r\n\
             To: <sip:{called}@{to}>;tag=b\r\nCall-ID: {id}\r\nCSeq: 1 {method}\r\nContact: <sip:{caller}@{from}>\r\n\
             Content-Length: 0\r\n\r\n"
        );
        self.sent.push((at, to.to_owned(), from.to_owned(), text));
    }

    fn answered(&mut self, at: i64, after: i64, leg: Leg<'_>) {
        self.request(at, leg, "INVITE", "");
        self.response(at + 100, leg, 180, "INVITE");
        self.response(at + after, leg, 200, "INVITE");
    }

    fn given_up(&mut self, at: i64, after: i64, leg: Leg<'_>, reason: &str) {
        self.request(at, leg, "INVITE", "");
        self.response(at + 100, leg, 180, "INVITE");
        self.request(at + after, leg, "CANCEL", reason);
        self.response(at + after + 10, leg, 487, "INVITE");
    }

    /// A call from outside that rings two phones, of which the first answers.
    fn inbound(&mut self, at: i64, id: &str) {
        let (trunk, desk, other) = (format!("{id}t"), format!("{id}d"), format!("{id}o"));
        self.answered(at, 5_010, Leg { id: &trunk, ..leg(TRUNK, PBX, "+12025550142", "+12025550100") });
        self.answered(at + 10, 4_990, Leg { id: &desk, ..leg(PBX, DESK, "+12025550142", "201") });
        self.given_up(at + 11, 5_000, Leg { id: &other, ..leg(PBX, OTHER_DESK, "+12025550142", "202") }, "");
    }

    /// A call from outside that rings a phone in vain and comes to voicemail after so long.
    fn covered(&mut self, at: i64, id: &str, after: i64) {
        let (trunk, desk, pilot) = (format!("{id}t"), format!("{id}d"), format!("{id}v"));
        self.answered(at, after + 200, Leg { id: &trunk, ..leg(TRUNK, PBX, "+12025550142", "+12025550100") });
        self.given_up(at + 10, after, Leg { id: &desk, ..leg(PBX, DESK, "+12025550142", "201") }, "");
        let to = Leg { id: &pilot, ..leg(PBX, VOICEMAIL, "+12025550142", "6000") };
        self.request(at + 10 + after, to, "INVITE", "Diversion: <sip:201@h>;reason=no-answer\r\n");
        self.response(at + 100 + after, to, 200, "INVITE");
    }

    fn learnt(mut self) -> Proposal {
        self.sent.sort_by_key(|(at, ..)| *at);
        let mut profile = Profile::default();
        profile.diversion.pilot_params = vec!["vm-digits".to_owned()];
        let mut learner = Learner::new(vec![profile], 0);
        let mut last = Timestamp::from_micros(0);
        for (n, (at, from, to, text)) in self.sent.iter().enumerate() {
            last = Timestamp::from_micros(0) + Span::from_millis(*at);
            learner.packet(&packet(last, n as u64, (from, to), text.as_bytes()));
        }
        learner.finish(last, Material::Captures(1))
    }
}

fn leg<'l>(from: &'l str, to: &'l str, caller: &'l str, called: &'l str) -> Leg<'l> {
    Leg { from, to, caller, called, id: "x" }
}

fn packet<'p>(at: Timestamp, n: u64, ends: (&str, &str), payload: &'p [u8]) -> Packet<'p> {
    let end = |text: &str| SocketAddr::new(text.parse().expect("an address"), 5060);
    let frame = FrameRef { n: n + 1, ..FrameRef::default() };
    let datagram = Datagram {
        at,
        frame,
        src: end(ends.0),
        dst: end(ends.1),
        transport: Transport::Udp,
        payload,
        cut: false,
        correlation: &[],
    };
    Packet { at, frame, body: Body::Datagram(datagram) }
}

fn texts(proposal: &Proposal, name: &str) -> Vec<String> {
    match proposal.keys.iter().find(|key| key.name == name).map(|key| &key.value) {
        Some(Value::Texts(texts)) => texts.clone(),
        Some(Value::Text(text)) => vec![text.clone()],
        Some(Value::Wholes(numbers)) => numbers.iter().map(i64::to_string).collect(),
        None => Vec::new(),
    }
}

fn asks(proposal: &Proposal, words: &str) -> bool {
    proposal.questions.iter().any(|question| question.contains(words))
}

#[test]
fn a_pbx_between_trunk_and_phones_is_found() {
    let mut office = Office::default();
    office.inbound(0, "a");
    let told = office.learnt();
    assert_eq!(texts(&told, "roles.trunk_peers"), [TRUNK]);
    assert_eq!(texts(&told, "roles.pbx_hosts"), [PBX]);
    assert_eq!(texts(&told, "roles.phone_nets"), [format!("{DESK}/32"), format!("{OTHER_DESK}/32")]);
    assert_eq!(texts(&told, "numbers.dids"), ["+12025550100"]);
    assert!(asks(&told, "Whose line is +12025550100 (1 call)"), "{:?}", told.questions);
    assert!(asks(&told, "voicemail pilot"), "{:?}", told.questions);
}

#[test]
fn voicemail_its_pilot_and_its_ring_time_are_found() {
    let mut office = Office::default();
    for n in 0..3_i64 {
        office.covered(n * 100_000, &n.to_string(), 20_000 + n * 300);
    }
    let told = office.learnt();
    assert_eq!(texts(&told, "roles.voicemail_hosts"), [VOICEMAIL]);
    assert_eq!(texts(&told, "roles.voicemail_pilots"), ["6000"]);
    assert_eq!(texts(&told, "coverage.ring_seconds"), ["20"]);
    assert_eq!(texts(&told, "coverage.style"), ["b2bua"]);
    assert_eq!(texts(&told, "diversion.headers"), ["Diversion"]);
    assert_eq!(texts(&told, "roles.phone_nets"), [format!("{DESK}/32")]);
}

#[test]
fn an_extension_that_reads_as_a_code_is_a_phones_and_where_a_code_leads_is_none() {
    for code in ["211", "911", "112"] {
        let mut office = Office::default();
        office.answered(0, 5_010, Leg { id: "t", ..leg(TRUNK, PBX, "+12025550142", "+12025550100") });
        office.answered(10, 4_990, Leg { id: "d", ..leg(PBX, DESK, "+12025550142", code) });
        assert_eq!(texts(&office.learnt(), "roles.phone_nets"), [format!("{DESK}/32")], "{code}");
    }
    for code in ["411", "911"] {
        let mut office = Office::default();
        office.inbound(0, "a");
        office.answered(100_000, 5_010, Leg { id: "p", ..leg(DESK, PBX, "201", code) });
        office.answered(100_010, 4_990, Leg { id: "q", ..leg(PBX, "203.0.113.99", "+12025550100", code) });
        let nets = texts(&office.learnt(), "roles.phone_nets");
        assert_eq!(nets, [format!("{DESK}/32"), format!("{OTHER_DESK}/32")], "{code}");
    }
}

#[test]
fn phones_rung_together_may_have_codes_for_extensions_without_a_trunk_in_sight() {
    let mut office = Office::default();
    office.answered(0, 4_990, Leg { id: "d", ..leg(PBX, DESK, "+12025550142", "211") });
    office.given_up(1, 5_000, Leg { id: "o", ..leg(PBX, OTHER_DESK, "+12025550142", "212") }, "");
    let nets = texts(&office.learnt(), "roles.phone_nets");
    assert_eq!(nets, [format!("{DESK}/32"), format!("{OTHER_DESK}/32")]);
}

/// A call from outside that the PBX sends on to a host that nothing else is seen of, by a long number.
fn sent_on_once(lines: &str) -> Proposal {
    let mut office = Office::default();
    office.answered(0, 500, Leg { id: "t", ..leg(TRUNK, PBX, "+12025550142", "+12025550100") });
    let to = Leg { id: "v", ..leg(PBX, VOICEMAIL, "+12025550142", "81080000") };
    office.request(100, to, "INVITE", lines);
    office.response(400, to, 200, "INVITE");
    office.learnt()
}

#[test]
fn a_long_number_that_one_call_was_sent_on_to_makes_no_trunk() {
    let told = sent_on_once("");
    assert_eq!(texts(&told, "roles.pbx_hosts"), [PBX]);
    assert!(texts(&told, "roles.trunk_peers").is_empty(), "{:?}", told.keys);
    assert!(asks(&told, &format!("What is {VOICEMAIL}? Too little is seen of it")), "{:?}", told.questions);
    assert!(asks(&told, &format!("What is {TRUNK}?")), "{:?}", told.questions);
}

#[test]
fn voicemail_that_the_history_of_a_make_names_is_found_by_one_call() {
    let history =
        "History-Info: <sip:201@h?Reason=SIP%3Bcause%3D486&Reason=R%3Bvm-digits%3D81080000>;index=1\r\n";
    let told = sent_on_once(history);
    assert_eq!(texts(&told, "roles.trunk_peers"), [TRUNK]);
    assert_eq!(texts(&told, "roles.voicemail_hosts"), [VOICEMAIL]);
    assert_eq!(texts(&told, "roles.voicemail_pilots"), ["81080000"]);
}

#[test]
fn ring_times_that_differ_are_no_habit() {
    let mut office = Office::default();
    for (n, after) in [8_000, 15_000, 31_000].into_iter().enumerate() {
        office.covered(n as i64 * 100_000, &n.to_string(), after);
    }
    assert!(texts(&office.learnt(), "coverage.ring_seconds").is_empty());
}

#[test]
fn two_hosts_of_which_nothing_tells_are_a_question() {
    let mut office = Office::default();
    office.answered(0, 4_000, leg(TRUNK, PBX, "+12025550142", "201"));
    let told = office.learnt();
    assert!(told.keys.iter().all(|key| !key.name.starts_with("roles.")), "{:?}", told.keys);
    assert!(asks(&told, &format!("Which of {TRUNK} and {PBX} is the PBX")), "{:?}", told.questions);
}

#[test]
fn a_host_with_signs_of_two_roles_is_a_question() {
    let mut office = Office::default();
    office.inbound(0, "a");
    let odd = "192.168.20.99";
    office.answered(60_000, 4_000, Leg { id: "b", ..leg(odd, PBX, "+12025550177", "+12025550100") });
    office.answered(90_000, 4_000, Leg { id: "c", ..leg(odd, PBX, "205", "201") });
    let told = office.learnt();
    assert!(!texts(&told, "roles.trunk_peers").contains(&odd.to_owned()));
    assert!(!texts(&told, "roles.phone_nets").iter().any(|net| net.starts_with(odd)));
    assert!(asks(&told, "What is 192.168.20.99? Its signs contradict each other"), "{:?}", told.questions);
}

#[test]
fn a_stranger_that_rings_once_beside_a_busy_trunk_is_no_trunk() {
    let mut office = Office::default();
    for n in 0..25_i64 {
        office.inbound(n * 20_000, &n.to_string());
    }
    office.answered(900_000, 4_000, Leg { id: "s", ..leg("198.51.100.9", PBX, "+12025550199", "201") });
    let told = office.learnt();
    assert_eq!(texts(&told, "roles.trunk_peers"), [TRUNK]);
    assert!(asks(&told, "What is 198.51.100.9? Too little is seen of it"), "{:?}", told.questions);
}

#[test]
fn a_pbx_that_says_elsewhere_falsely_is_not_believed() {
    let mut office = Office::default();
    let reason = "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n";
    office.given_up(0, 9_000, Leg { id: "t", ..leg(TRUNK, PBX, "+12025550142", "+12025550100") }, "");
    for (id, phone, user) in [("d", DESK, "201"), ("o", OTHER_DESK, "202")] {
        office.given_up(10, 9_000, Leg { id, ..leg(PBX, phone, "+12025550142", user) }, reason);
    }
    assert_eq!(texts(&office.learnt(), "coverage.elsewhere"), ["ignore"]);
}

#[test]
fn phones_that_only_register_and_the_registrar_are_known() {
    let mut office = Office::default();
    office.inbound(0, "a");
    for (n, phone) in ["192.168.20.31", "192.168.20.32"].into_iter().enumerate() {
        let id = format!("r{n}");
        let leg = Leg { id: &id, ..leg(phone, PBX, "231", "231") };
        office.response(20_000, leg, 200, "REGISTER");
    }
    assert_eq!(texts(&office.learnt(), "roles.phone_nets"), ["192.168.20.0/24"]);
}

#[test]
fn what_was_sent_is_never_more_than_a_comment_or_a_string() {
    let mut office = Office::default();
    office.inbound(0, "a");
    let hostile = "x%22%0a%5bsite%5d\u{202e}";
    office.answered(60_000, 4_000, Leg { id: "h", ..leg(TRUNK, PBX, "+12025550142", hostile) });
    let text = office.learnt().to_string();
    let read: toml::Table = text.parse().expect("TOML");
    assert!(!read.contains_key("site"), "{text}");
    assert!(!text.contains('\u{202e}'), "{text}");
}

#[test]
fn many_attempts_of_one_call_take_no_long_time() {
    let mut office = Office::default();
    office.request(0, Leg { id: "t", ..leg(TRUNK, PBX, "+12025550142", "201") }, "INVITE", "");
    for n in 0..20_000_i64 {
        let id = format!("m{n}");
        let leg = Leg { id: &id, ..leg(PBX, DESK, "+12025550142", "201") };
        office.request(1 + n, leg, "INVITE", "");
        office.response(2 + n, leg, 486, "INVITE");
    }
    let told = office.learnt();
    assert_eq!(texts(&told, "roles.phone_nets"), [format!("{DESK}/32")]);
}

#[test]
fn what_taps_heard_is_told_by_how_long_they_listened_and_what_they_lost() {
    let mut learner = Learner::new(vec![Profile::default()], 0);
    let mut office = Office::default();
    office.inbound(0, "a");
    for (n, (at, from, to, text)) in office.sent.iter().enumerate() {
        let at = Timestamp::from_micros(0) + Span::from_millis(*at);
        learner.packet(&packet(at, n as u64, (from, to), text.as_bytes()));
    }
    let material = Material::Taps { count: 1, listened: Span::from_secs(259_200), lost: 7 };
    let told = learner.finish(Timestamp::from_micros(9_000_000), material);
    assert!(told.read.starts_with("3 d on 1 tap, 3 INVITEs"), "{}", told.read);
    let source = told.keys.iter().find(|key| key.name == "roles.pbx_hosts").map(|key| key.source.as_str());
    assert!(source.is_some_and(|source| source.ends_with("signs in 3 d on 1 tap")), "{source:?}");
    assert!(
        told.notes.contains(&"Lost: 7 packets, before they could be read.".to_owned()),
        "{:?}",
        told.notes
    );
}

#[test]
fn one_invite_from_ever_new_addresses_takes_no_more_room_than_many() {
    let mut learner = Learner::new(vec![Profile::default()], 0);
    let text = "INVITE sip:201@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nCall-ID: a\r\nCSeq: 1 INVITE\r\n\
                From: <sip:202@h>;tag=a\r\nTo: <sip:201@h>\r\n\r\n";
    for n in 0..(limits::LEARNT_HOPS as u64 + 1_000) {
        let from = std::net::Ipv4Addr::from_bits(0x0a00_0000 + n as u32).to_string();
        learner.packet(&packet(Timestamp::from_micros(n as i64), n, (&from, PBX), text.as_bytes()));
    }
    let told = learner.finish(Timestamp::from_micros(9_000_000), Material::Captures(1));
    let full = "There was no more room for 1000 INVITEs: learn from less at once.";
    assert!(told.notes.iter().any(|note| note == full), "{:?}", told.notes);
}

proptest! {
    #[test]
    fn whatever_is_sent_the_proposal_is_toml(lines in proptest::collection::vec("[ -~\u{80}-\u{ff}]{0,60}", 0..12)) {
        let mut learner = Learner::new(vec![Profile::default()], 0);
        let mut text = String::from("INVITE sip:201@h SIP/2.0\r\nCall-ID: a\r\nCSeq: 1 INVITE\r\nFrom: <sip:202@h>;tag=a\r\n");
        for line in &lines {
            let _ = write!(text, "{line}\r\n");
        }
        text.push_str("\r\n");
        for (n, ends) in [(TRUNK, PBX), (PBX, DESK), (PBX, OTHER_DESK), (DESK, PBX)].into_iter().enumerate() {
            learner.packet(&packet(Timestamp::from_micros(n as i64), n as u64, ends, text.as_bytes()));
        }
        let text = learner.finish(Timestamp::from_micros(9), Material::Captures(1)).to_string();
        prop_assert!(text.parse::<toml::Table>().is_ok(), "{}", text);
    }
}

//! Tapes as they are written, and as a stranger may hand them over.

use std::fs;

use super::*;
use crate::event::{MessageState, Receipt, TaskDone};
use crate::phone::{Number, Party};
use crate::tape::{Begin, Encoder};
use crate::wire::packet::{LinkType, Transport};

const AT: Timestamp = Timestamp::from_parts(1_795_000_000, 0);

fn secs(secs: i64) -> Timestamp {
    AT + Span::from_secs(secs)
}

fn files() -> Vec<Written> {
    vec![Written { name: "ringback.toml".into(), text: "schema = 1\n".into() }]
}

fn state() -> State {
    let mut opted_out = OptOuts::new([7; 32]);
    opted_out.insert_hash([9; 32]);
    State { next: 5, last_at: Some(AT), opted_out, hold: Some("why".into()), ..State::default() }
}

/// A frame, a payload of an agent, and one of each other input.
fn written() -> Encoder {
    let (state, files, taps) = (state(), files(), ["eth1".to_owned(), "agents".to_owned()]);
    let begin = Begin { files: &files, taps: &taps, state: &state, seed: 3, at: AT };
    let mut encoder = Encoder::begin(&begin);
    let frame = FrameRef { tap: TapId(0), n: 17 };
    let body = Body::Frame { link: LinkType(1), bytes: b"a frame", wire_len: 9 };
    assert!(encoder.packet(secs(1), &Packet { at: AT, frame, body }));
    let frame = FrameRef { tap: TapId(1), n: 4 };
    let datagram = Datagram {
        at: AT,
        frame,
        src: "192.0.2.1:5060".parse().expect("an address"),
        dst: "[2001:db8::1]:5062".parse().expect("an address"),
        transport: Transport::Ws,
        payload: b"BYE",
        cut: true,
        correlation: b"x\0",
    };
    assert!(encoder.packet(secs(2), &Packet { at: AT, frame, body: Body::Datagram(datagram) }));
    let receipt = Receipt { key: "k".into(), state: MessageState::Accepted, gateway_ref: None };
    encoder.receipt(secs(3), &receipt);
    encoder.not_accepted(secs(4), "k", Span::from_secs(30));
    encoder.drops(secs(5), 6);
    encoder.time(secs(6));
    encoder
}

fn put(encoder: &Encoder) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join(LINES), &encoder.ready.lines).expect("writes");
    fs::write(folder.path().join(PACKETS), &encoder.ready.packets).expect("writes");
    folder
}

/// Everything on a tape, as text; the error that ended it.
fn all(path: &Path) -> (Vec<String>, Result<Ending, String>) {
    let mut found = Vec::new();
    let mut tape = match Tape::open(path) {
        Ok(tape) => tape,
        Err(error) => return (found, Err(error.to_string())),
    };
    loop {
        match tape.next() {
            Ok(Some(taken)) => found.push(format!("{taken:?}")),
            Ok(None) => return (found, Ok(tape.ending().clone())),
            Err(error) => return (found, Err(error.to_string())),
        }
    }
}

/// The tape with lines changed: what `change` makes of them, joined.
fn changed(change: impl FnOnce(Vec<String>) -> Vec<String>) -> (Vec<String>, Result<Ending, String>) {
    let mut encoder = written();
    encoder.end(secs(6), None);
    let text = String::from_utf8(encoder.ready.lines.clone()).expect("text");
    let lines = change(text.lines().map(str::to_owned).collect());
    encoder.ready.lines = (lines.join("\n") + "\n").into_bytes();
    let folder = put(&encoder);
    let (found, ended) = all(folder.path());
    let from = folder.path().join(LINES).display().to_string();
    (found, ended.map_err(|error| error.replace(&from, "F")))
}

fn refused(change: impl FnOnce(&mut Vec<String>)) -> String {
    let change = |mut lines: Vec<String>| {
        change(&mut lines);
        lines
    };
    changed(change).1.expect_err("is refused")
}

#[test]
fn what_was_written_is_read_again() {
    let mut encoder = written();
    encoder.end(secs(7), None);
    let folder = put(&encoder);
    let tape = Tape::open(folder.path()).expect("opens");
    assert_eq!((tape.at, tape.seed, &tape.files, &tape.state), (AT, 3, &files(), &state()));
    let (found, ended) = all(&folder.path().join(LINES));
    assert_eq!(ended, Ok(Ending::Stopped));
    let told = |at: usize, parts: &[&str]| {
        assert!(parts.iter().all(|part| found[at].contains(part)), "{}", found[at]);
    };
    told(0, &["Packet(Timestamp(1795000001", "TapId(0), n: 17", "LinkType(1)", "wire_len: 9"]);
    told(
        1,
        &[
            "TapId(1), n: 4",
            "Ws",
            "192.0.2.1:5060",
            "[2001:db8::1]:5062",
            "[66, 89, 69]",
            "[120, 0]",
            "cut: true",
        ],
    );
    told(2, &["Receipt(", "\"k\"", "Accepted"]);
    told(3, &["NotAccepted(", "\"k\"", "30000000"]);
    told(4, &["Drops(", ", 6)"]);
    told(5, &["Time(Timestamp(1795000006"]);
    assert_eq!(found.len(), 6);
}

#[test]
fn what_people_changed_is_read_again() {
    let mut encoder = written();
    assert!(encoder.settings(secs(6), &files()));
    let party = Party::Number(Number::parse("+13125550142").expect("a number"));
    let acts = [
        Operator::OptOut(party.clone()),
        Operator::OptIn(party),
        Operator::TaskDone(TaskDone { key: "k/task".into(), case: "k".into() }),
    ];
    acts.iter().for_each(|act| encoder.operator(secs(7), act));
    encoder.end(secs(8), None);
    let folder = put(&encoder);
    assert_eq!(Tape::open(folder.path()).expect("opens").taps, ["eth1", "agents"]);
    let (found, ended) = all(folder.path());
    assert_eq!(ended, Ok(Ending::Stopped));
    let wanted = acts.iter().map(|act| format!("{:?}", Taken::Operator(secs(7), act.clone())));
    let settings = format!("{:?}", Taken::Settings(secs(6), files()));
    assert_eq!(found[6..], [vec![settings], wanted.collect()].concat());
    let long = Written { name: "long".into(), text: "x".repeat(limits::TAPE_LINE) };
    assert!(!encoder.settings(secs(9), &[long]), "no line may be so long");
}

#[test]
fn a_tape_of_a_run_that_was_killed_is_read_to_where_it_breaks_off() {
    let mut encoder = written();
    let folder = put(&encoder);
    assert_eq!(all(folder.path()).1, Ok(Ending::Open));
    let len = encoder.ready.lines.len();
    encoder.ready.lines.truncate(len - 3);
    let folder = put(&encoder);
    let (found, ended) = all(folder.path());
    assert_eq!((found.len(), ended), (5, Ok(Ending::Open)));
}

#[test]
fn a_tape_that_went_no_further_says_why() {
    let mut encoder = written();
    encoder.end(secs(7), Some("full"));
    assert_eq!(all(put(&encoder).path()).1, Ok(Ending::Untaped("full".into())));
}

#[test]
fn a_later_version_is_refused_by_its_number_whatever_else_it_has() {
    let told = refused(|lines| lines[0] = r#"{"tape":{"version":2,"more":[]}}"#.into());
    assert_eq!(told, "F:1: a later ringback wrote it, as version 2; this one reads up to 1");
}

#[test]
fn what_is_no_tape_is_told() {
    for first in
        ["", "x", "{}", "[1]", r#"{"tape":{}}"#, r#"{"tape":{"version":0}}"#, r#"{"tape":{"version":-1}}"#]
    {
        let told = refused(|lines| lines[0] = first.into());
        assert_eq!(told, "F:1: no tape of ringback: its first line doesn't say so");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let told = all(folder.path()).1.expect_err("no file");
    assert!(told.contains("can't be read: ") && told.contains("name a tape"), "{told}");
    fs::write(folder.path().join(LINES), "").expect("writes");
    assert!(all(folder.path()).1.expect_err("empty").contains("no tape of ringback"));
}

#[test]
fn a_line_that_is_wrong_is_told_by_its_number() {
    // Lines: 1 tape, 2 file, 3 state, 4 opt_out, 5 and 6 packet, 7 receipt, 8 not_accepted, 9 drops, 10 time, 11 end.
    let cases: [(usize, &str, &str); 12] = [
        (
            0,
            r#"{"tape":{"version":1,"ringback":"1","at":"2026-11-20T00:00:00Z","seed":"00"}}"#,
            "F:1: the seed isn't",
        ),
        (1, r#"{"drops":{"at":"2026-11-20T00:00:00Z","count":1}}"#, "F:2: there is no state before it"),
        (
            2,
            r#"{"state":{"next":0,"last_at":null,"opt_out_key":"","meta":{},"hold":null}}"#,
            "F:3: the next entry",
        ),
        (
            2,
            r#"{"state":{"next":1,"last_at":null,"opt_out_key":"00","meta":{},"hold":null}}"#,
            "F:3: `opt_out_key`",
        ),
        (3, r#"{"opt_out":"00"}"#, "F:4: the hash isn't 32 bytes"),
        (3, r#"{"file":{"name":"a","text":""}}"#, "F:4: this belongs before the state's rows"),
        (
            4,
            r#"{"packet":{"at":"2026-11-20T00:00:00Z","n":2,"tap":0,"frame":1}}"#,
            "F:5: points to packet 2; after 0",
        ),
        (5, r#"{"time":{"at":"1970-01-01T00:00:00Z"}}"#, "F:6: goes back in time"),
        (6, r#"{"receipt":{"at":"x"}}"#, "F:7: not as version 1 writes it: "),
        (
            7,
            r#"{"not_accepted":{"at":"2026-11-20T00:00:00Z","key":"k","after_us":-1}}"#,
            "F:8: `after_us` is below",
        ),
        (8, r#"{"file":{"name":"a","text":""}}"#, "F:9: this belongs before the inputs"),
        (9, r#"{"unheard":{}}"#, "F:10: not as version 1 writes it: unknown variant"),
    ];
    for (at, line, wanted) in cases {
        let told = refused(|lines| lines[at] = line.into());
        assert!(told.starts_with(wanted), "{told}; wanted {wanted}");
    }
    assert!(refused(|lines| lines.push("{}".into())).starts_with("F:12: "));
}

#[test]
fn a_packet_that_isnt_there_is_told_by_the_line_that_points_to_it() {
    let mut encoder = written();
    let len = encoder.ready.packets.len();
    encoder.ready.packets.truncate(len - 4);
    let told = all(put(&encoder).path()).1.expect_err("is cut");
    assert!(told.contains("tape.jsonl:6: packet 2 isn't there: call.pcapng: damaged at byte"), "{told}");
    encoder.ready.packets.clear();
    assert!(all(put(&encoder).path()).1.expect_err("is empty").contains("is no capture"));
    let folder = put(&encoder);
    fs::remove_file(folder.path().join(PACKETS)).expect("removes");
    assert!(all(folder.path()).1.expect_err("is gone").contains("call.pcapng can't be read: "));
}

#[test]
fn a_frame_is_not_taken_for_a_payload() {
    let told = refused(|lines| {
        let datagram = lines[5].split_once("\"datagram\":").expect("one").1.to_owned();
        lines[4] = lines[4].replace("}}", &format!(",\"datagram\":{datagram}"));
    });
    assert_eq!(told, "F:5: its packet is a frame, no payload");
}

#[test]
fn a_line_without_end_is_not_read_into_memory() {
    let told = refused(|lines| lines[8] = "x".repeat(limits::TAPE_LINE + 1));
    assert_eq!(told, format!("F:9: longer than {} bytes", limits::TAPE_LINE));
}

#[test]
fn no_change_of_a_byte_makes_it_panic() {
    let mut encoder = written();
    encoder.end(secs(6), None);
    let (lines, packets) = (encoder.ready.lines.clone(), encoder.ready.packets.clone());
    let folder = put(&encoder);
    for at in 0..lines.len() {
        let mut changed = lines.clone();
        changed[at] ^= 1 << (at % 7);
        fs::write(folder.path().join(LINES), &changed).expect("writes");
        let _ = all(folder.path());
    }
    fs::write(folder.path().join(LINES), &lines).expect("writes");
    for at in 0..packets.len() {
        let mut changed = packets.clone();
        changed[at] ^= 1 << (at % 8);
        fs::write(folder.path().join(PACKETS), &changed).expect("writes");
        let _ = all(folder.path());
    }
}

use std::fs;

use super::*;
use crate::config::{self, Refused};

/// The rules of a capture, and a test below them.
fn rules(test: &str) -> String {
    let office = include_str!("../../../captures/caller-cancels/ringback.toml");
    format!("{office}{test}")
}

fn told(test: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ringback.toml");
    fs::write(&path, rules(test)).expect("written");
    let problems = match config::load(&path) {
        Ok(loaded) => failures(&loaded),
        Err(Refused::Wrong(problems)) => problems.into_iter().filter(|problem| !problem.warning).collect(),
        Err(Refused::Unreadable(why)) => panic!("{why}"),
    };
    let first = 1 + rules("").lines().count();
    problems.iter().map(|it| format!("{}: {}", (it.line + 1).saturating_sub(first), it.text)).collect()
}

/// A test of these facts, call and wishes, a line each.
fn test(given: &str, call: &str, expect: &str) -> String {
    let call = format!("from = \"+13125550142\", to = \"+13125550111\", {call}");
    format!("[[test]]\nname = \"a test\"\ngiven = [{given}]\ncall = {{ {call} }}\nexpect = {{ {expect} }}\n")
}

const NIGHT: &str = "at = \"2026-11-20T21:14:00-06:00\", outcome = \"no_answer\"";

#[test]
fn what_the_rules_do_is_what_a_test_may_ask_for() {
    let lead = "class = \"lead\", state = \"after_hours\", sends = [\"ack\"], tasks = [\"task\"]";
    assert_eq!(told(&test("", NIGHT, lead)), [""; 0]);
    let noon = "at = \"2026-11-20T12:14:00-06:00\", outcome = \"abandoned\", lasts = \"9s\"";
    assert_eq!(told(&test("", noon, "state = \"lunch\", sends = [\"ack\"]")), [""; 0]);
    let answered = "at = \"2026-11-20T12:14:00-06:00\", outcome = \"answered\"";
    assert_eq!(told(&test("", answered, "sends = [], tasks = []")), [""; 0]);
    let nobody = test("", NIGHT, "review = \"withheld\", sends = []")
        .replace("from = \"+13125550142\"", "from = \"withheld\"");
    assert_eq!(told(&nobody), [""; 0]);
}

#[test]
fn a_number_is_read_as_the_trunk_sends_it() {
    let lead = test("", NIGHT, "state = \"after_hours\", sends = [\"ack\"]");
    for to in ["13125550111", "3125550111", "5550111", "+13125550111;npdi"] {
        assert_eq!(told(&lead.replace("+13125550111", to)), [""; 0], "{to}");
    }
    let missed = "\"+13125550142 missed to 13125550100 at 2026-11-20T21:10:00-06:00\"";
    assert_eq!(told(&test(missed, NIGHT, "sends = [], reason = \"absorbed\"")), [""; 0]);
    assert_ne!(told(&lead.replace("+13125550111", "13125550119")), [""; 0], "nobody has it");
}

#[test]
fn what_was_before_counts() {
    let missed = "\"+13125550142 missed to +13125550100 at 2026-11-20T21:10:00-06:00\"";
    assert_eq!(told(&test(missed, NIGHT, "sends = [], reason = \"absorbed\"")), [""; 0]);
    let other = "\"+13125550143 missed at 2026-11-20T21:10:00-06:00\"";
    assert_eq!(told(&test(other, NIGHT, "sends = [\"ack\"]")), [""; 0]);
    let stopped = "\"+13125550142 stopped at 2026-11-20T21:10:00-06:00\"";
    assert_eq!(told(&test(stopped, NIGHT, "sends = [], skipped = { ack = \"opted_out\" }")), [""; 0]);
    let resolved = "\"+13125550142 missed at 2026-11-20T21:01:00-06:00\", \"+13125550142 called_back at 2026-11-20T21:05:00-06:00\"";
    assert_eq!(told(&test(resolved, NIGHT, "sends = [\"ack\"]")), [""; 0]);
}

#[test]
fn a_failing_test_says_what_it_expected_and_got_and_where() {
    let got = told(&test("", NIGHT, "class = \"client\", sends = [\"ack\", \"book\"], tasks = []"));
    let expected = [
        "5: test \"a test\" fails: expected class client, got lead",
        "5: test \"a test\" fails: expected sends ack, book, got ack",
        "5: test \"a test\" fails: expected tasks none, got task",
    ];
    assert_eq!(got, expected);
    let stopped = "\"+13125550142 stopped at 2026-11-20T21:10:00-06:00\"";
    let got =
        told(&test(stopped, NIGHT, "sends = [\"ack\"], owner = \"dana\", skipped = { ack = \"capped\" }"));
    let expected = [
        "5: test \"a test\" fails: expected owner dana, got nobody",
        "5: test \"a test\" fails: expected sends ack, got none; ack skipped (opted_out)",
        "5: test \"a test\" fails: expected ack skipped (capped), got opted_out",
    ];
    assert_eq!(got, expected);
}

#[test]
fn what_is_no_test_is_told_at_its_line() {
    for (wrong, said) in [
        ("[[test]]\nname = \"a\"\nexpect = { sends = [] }\n", "1: [[test]] has no `call`; write call = {"),
        (&test("\"someone missed at noon\"", NIGHT, "sends = []"), "3: `given`: "),
        (
            &test("\"+13125550142 missed at noon\"", NIGHT, "sends = []"),
            "3: `given`: `noon` is not a time with its offset",
        ),
        (
            &test("\"+13125550142 missed at 2027-01-01T00:00:00Z\"", NIGHT, "sends = []"),
            "is not before the test's call",
        ),
        (
            &test("\"+13125550142 replied \\\"yes\\\" at 2026-01-01T00:00:00Z\"", NIGHT, "sends = []"),
            "not understood yet",
        ),
        (&test("\"+13125550142 in book\"", NIGHT, "sends = []"), "3: `given`: `in` is not understood yet"),
        (
            &test("", "at = \"2026-11-20T21:14:00-06:00\", outcome = \"mised\"", "sends = []"),
            "4: `outcome`: it can't be `mised`",
        ),
        (
            &test("", &format!("{NIGHT}, voicemail_says = \"hi\""), "sends = []"),
            "4: `voicemail_says` in [test.call] is not understood yet",
        ),
        (&test("", NIGHT, "sends = [], reason = \"absorbt\""), "5: `reason`: it can't be `absorbt`"),
        (&test("", NIGHT, ""), "5: `expect` asks for nothing"),
        (&test("", NIGHT, "skipped = {}"), "5: `expect` asks for nothing"),
        (&test("", NIGHT, "clas = \"lead\""), "5: unknown key `clas`"),
        (
            &format!("{}reply = \"2m:yes\"\n", test("", NIGHT, "sends = []")),
            "6: `reply` in [[test]] is not understood yet",
        ),
    ] {
        let told = told(wrong);
        assert_eq!(told.len(), 1, "{wrong}{told:?}");
        assert!(told[0].contains(said), "{wrong}{told:?}");
    }
}

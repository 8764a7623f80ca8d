//! `explain` on what a replay wrote: asked by call, by number and by message; and what it says of the unknown.

use std::path::Path;
use std::process::{Command, Output};

use ringback::event::{CallRecord, Message};
use serde::de::DeserializeOwned;

fn ringback(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringback"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(args).output().expect("it runs")
}

/// The folder that a replay of `captures/<name>` wrote into `out`.
fn replayed(name: &str, out: &Path) -> String {
    let folder = out.to_str().expect("a UTF-8 path");
    let done = ringback(&["replay", "--out", folder, &format!("captures/{name}")]);
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    format!("{folder}/{name}")
}

fn records<T: DeserializeOwned>(file: &str) -> Vec<T> {
    let text = std::fs::read_to_string(file).expect("a file of the replay");
    text.lines().map(|line| serde_json::from_str(line).expect("a record")).collect()
}

fn explained(what: &str, out: &str) -> String {
    let done = ringback(&["explain", what, "--out", out]);
    assert_eq!(done.status.code(), Some(0), "{what}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}

#[test]
fn a_call_its_caller_and_its_message_get_the_same_explanation() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = replayed("caller-cancels", folder.path());
    let call: CallRecord = records(&format!("{out}/calls.jsonl")).remove(0);
    let message: Message = records(&format!("{out}/messages.jsonl")).remove(0);
    let by_call = explained(&call.call.to_string(), &out);
    assert_eq!(by_call, explained("+13125550145", &out));
    assert_eq!(by_call, explained(&message.key, &out));
}

#[test]
fn an_explanation_names_the_frame_the_ladder_and_every_gate() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = replayed("caller-cancels", folder.path());
    let told = explained("+13125550145", &out);
    for part in [
        "+13125550145 called +13125550111",
        "(frame 4 of call.pcap, leg.cancelled)",
        "frame      6  487",
        "203.0.113.20 -> 192.168.10.5",
        "sequence lead",
        "/lead/ack",
        "Reply STOP to opt out.",
        "/lead/task",
    ] {
        assert!(told.contains(part), "{part:?} is missing in\n{told}");
    }
    let message: Message = records(&format!("{out}/messages.jsonl")).remove(0);
    assert!(!message.trail.is_empty());
    for asked in &message.trail {
        assert!(told.contains(asked.gate.as_ref()), "{}", asked.gate);
    }
}

#[test]
fn a_caller_who_was_answered_is_explained_although_nothing_follows() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = replayed("answered", folder.path());
    let told = explained("+13125550142", &out);
    assert!(told.contains("because"), "{told}");
    assert!(!told.contains("message "), "{told}");
}

#[test]
fn what_the_replay_does_not_know_is_status_1_and_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = replayed("caller-cancels", folder.path());
    for what in ["+13125550199", "0123456789ab", "0123456789ab/lead/ack", "9ca2", ""] {
        let done = ringback(&["explain", what, "--out", &out]);
        assert_eq!(done.status.code(), Some(1), "{what:?}");
        assert!(done.stdout.is_empty(), "{what:?}");
        let told = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(told.contains(&format!("`{what}`")) && told.lines().count() == 1, "{told}");
    }
}

#[test]
fn a_folder_that_no_replay_wrote_is_status_1_and_says_what_to_name() {
    let done = ringback(&["explain", "+13125550145", "--out", "captures"]);
    assert_eq!(done.status.code(), Some(1));
    let told = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(told.starts_with("ringback: captures: no journal.jsonl in it"), "{told}");
}

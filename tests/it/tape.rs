//! A tape that is kept, and what is said of one that isn't as it should be.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const KEPT: &str = "tests/tapes/restarted";

fn replay(args: &[&str], out: &Path) -> Output {
    let mut ringback = Command::new(env!("CARGO_BIN_EXE_ringback"));
    ringback.current_dir(env!("CARGO_MANIFEST_DIR")).args(["replay", "--tape"]).args(args);
    ringback.arg("--out").arg(out).output().expect("it runs")
}

fn said(done: &Output) -> String {
    String::from_utf8_lossy(&done.stderr).into_owned()
}

/// A copy of the tape with its lines changed.
fn changed(folder: &Path, change: impl FnOnce(&mut Vec<String>)) -> String {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join(KEPT);
    let text = fs::read_to_string(kept.join("tape.jsonl")).expect("is there");
    let mut lines = text.lines().map(str::to_owned).collect();
    change(&mut lines);
    fs::write(folder.join("tape.jsonl"), lines.join("\n") + "\n").expect("writes");
    fs::copy(kept.join("call.pcapng"), folder.join("call.pcapng")).expect("copies");
    folder.to_str().expect("text").to_owned()
}

#[test]
fn a_tape_that_is_kept_gives_the_journal_of_its_run() {
    let out = tempfile::tempdir().expect("a folder");
    let done = replay(&[KEPT], out.path());
    assert_eq!((done.status.code(), said(&done).as_str()), (Some(0), ""));
    let journal = fs::read_to_string(out.path().join("journal.jsonl")).expect("is there");
    let expected = Path::new(env!("CARGO_MANIFEST_DIR")).join(KEPT).join("journal.jsonl");
    if std::env::var_os("RINGBACK_BLESS").is_some() {
        fs::write(&expected, &journal).expect("writes");
    }
    assert_eq!(journal, fs::read_to_string(&expected).expect("is there"));
}

#[test]
fn a_journal_that_isnt_that_of_the_run_is_told_and_another_configuration_is_not_held_to_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let tape = changed(folder.path(), |lines| {
        let end = lines.len() - 1;
        lines.insert(end, r#"{"journal":{"n":15,"digest":"0011223344556677"}}"#.into());
    });
    let done = replay(&[&tape], &out);
    assert_eq!(done.status.code(), Some(1));
    assert!(said(&done).contains("the journal isn't that of its run"), "{}", said(&done));
    let done = replay(&[&tape, "--config", "captures/no-answer/ringback.toml"], &out);
    assert_eq!((done.status.code(), said(&done).as_str()), (Some(0), ""));
}

#[test]
fn what_stands_before_a_damage_is_played() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let tape = changed(folder.path(), |lines| {
        let end = lines.len() - 1;
        lines[end] = "{\"packet\":{}}".into();
    });
    let done = replay(&[&tape], &out);
    assert_eq!(done.status.code(), Some(1));
    let told = said(&done);
    assert!(told.contains("tape.jsonl:") && told.ends_with("what is before it was played\n"), "{told}");
    let journal = fs::read_to_string(out.join("journal.jsonl")).expect("is there");
    assert_eq!(journal.lines().count(), 11, "{journal}");
}

#[test]
fn a_configuration_that_a_tape_lacks_is_not_looked_for_on_this_machine() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let tape = changed(folder.path(), |lines| {
        lines[1] =
            lines[1].replace("[pbx.roles]", "[pbx]\\nprofile = \\\"/etc/hostname.toml\\\"\\n[pbx.roles]");
    });
    let done = replay(&[&tape], &out);
    assert_eq!(done.status.code(), Some(2));
    assert!(said(&done).contains("there is no profile /etc/hostname.toml"), "{}", said(&done));
    assert!(!out.exists());
}

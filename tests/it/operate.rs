//! Commands about the store of a configuration, as people type them, with no daemon running.

use std::path::Path;
use std::process::{Command, Output};

use ringback::event::{Event, JournalEntry, Task};
use ringback::store::{Batch, Place, Sqlite, Store};
use ringback::time::Timestamp;

/// A configuration in a folder of its own, and its store.
fn site(folder: &Path) {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/caller-cancels/ringback.toml");
    let text = std::fs::read_to_string(captures).expect("a configuration");
    let text = format!("{text}[store]\npath = \"ringback.db\"\n");
    std::fs::write(folder.join("ringback.toml"), text).expect("written");
}

fn ringback(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringback"));
    command.current_dir(folder).args(args).args(["--config", "ringback.toml"]).output().expect("it runs")
}

fn said(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn refused(output: &Output, status: i32) -> String {
    assert_eq!(output.status.code(), Some(status), "{}", String::from_utf8_lossy(&output.stdout));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(told.lines().count(), 1, "{told}");
    told
}

#[test]
fn a_number_is_put_on_the_list_however_it_is_written_and_taken_off() {
    let folder = tempfile::tempdir().expect("a folder");
    site(folder.path());
    let run = |args: &[&str]| ringback(folder.path(), args);
    assert!(refused(&run(&["optout", "list"]), 1).contains("no such file"));
    assert_eq!(said(&run(&["optout", "add", "(312) 555-0145"])), "+13125550145 gets no texts any more\n");
    assert_eq!(said(&run(&["optout", "list", "+13125550145"])), "+13125550145 gets no texts\n");
    let json = said(&run(&["optout", "list", "3125550145", "--format", "json"]));
    assert_eq!(json, "{\"number\":\"+13125550145\",\"opted_out\":true}\n");
    assert_eq!(said(&run(&["optout", "list", "--format", "json"])), "{\"opted_out\":1}\n");
    said(&run(&["optout", "remove", "5550145"]));
    assert_eq!(said(&run(&["optout", "list", "--format", "json"])), "{\"opted_out\":0}\n");
    assert!(refused(&run(&["optout", "add", "201"]), 2).contains("write it as +1"));
}

#[test]
fn a_task_is_listed_until_it_is_done() {
    let folder = tempfile::tempdir().expect("a folder");
    site(folder.path());
    let run = |args: &[&str]| ringback(folder.path(), args);
    let at = Timestamp::from_parts(1_795_198_624, 0);
    let task = Task {
        key: "4f9c2a6b01de/no_line".into(),
        case: "4f9c2a6b01de".into(),
        at,
        owner: None,
        due: None,
        title: "Call back 312-555-0145".into(),
        why: None,
    };
    let mut store = Sqlite::open(&Place::new(folder.path().join("ringback.db"))).expect("opens").store();
    let entries = vec![JournalEntry { n: 1, at, event: Event::Task(task) }];
    store.commit(&[Batch { entries, ..Batch::default() }]).expect("written");
    let in_use = refused(&run(&["task", "done", "4f9c2a6b01de/no_line"]), 1);
    assert!(in_use.contains("writes it"), "{in_use}");
    drop(store);
    let listed = said(&run(&["task", "list"]));
    assert!(
        listed.contains("Call back 312-555-0145") && listed.contains("[4f9c2a6b01de/no_line]"),
        "{listed}"
    );
    said(&run(&["task", "done", "4f9c2a6b01de/no_line"]));
    assert_eq!(said(&run(&["task", "list"])), "");
    assert!(said(&run(&["task", "list", "--all", "--format", "json"])).contains("\"done\":true"));
    assert!(refused(&run(&["task", "done", "4f9c2a6b01de/no_line"]), 1).contains("done already"));
    assert!(refused(&run(&["message", "show", "x/y/z"]), 1).contains("there is no text x/y/z"));
    assert_eq!(said(&run(&["review", "list"])), "");
}

#[test]
fn a_store_is_copied_and_a_number_erased_without_a_daemon() {
    let folder = tempfile::tempdir().expect("a folder");
    site(folder.path());
    let run = |args: &[&str]| ringback(folder.path(), args);
    said(&run(&["optout", "add", "+13125550145"]));
    let copied = said(&run(&["backup"]));
    assert!(copied.starts_with("store copied to backup/ringback.db-"), "{copied}");
    assert!(folder.path().join(copied.trim().trim_start_matches("store copied to ")).is_file());
    assert!(said(&run(&["erase", "+13125550145"])).starts_with("erased: 0 rows"));
    assert_eq!(
        said(&run(&["optout", "list", "--format", "json"])),
        "{\"opted_out\":1}\n",
        "an opt-out outlives it"
    );
    assert_eq!(said(&run(&["release"])), "texts leave again\n");
}

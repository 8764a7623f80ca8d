//! Commands about the store of a configuration, as people type them, with no daemon running and beside one.

use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Output};
use std::time::Duration;

use ringback::event::{CallRecord, Event, JournalEntry, Message, MessageState, Review, Task};
use ringback::phone::{Number, Party};
use ringback::store::{Batch, Place, Sqlite, Store};
use ringback::time::Timestamp;

/// A configuration in a folder of its own, and its store.
fn site(folder: &Path) {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/caller-cancels/ringback.toml");
    let text = std::fs::read_to_string(captures).expect("a configuration");
    let text = format!("{text}[store]\npath = \"ringback.db\"\n");
    std::fs::write(folder.join("ringback.toml"), text).expect("written");
}

const CAPTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/caller-cancels");

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

/// A daemon that listens for HEP, killed when this goes.
struct Daemon {
    process: Child,
    port: u16,
}

impl Daemon {
    /// Starts it in the folder of a site and waits until it says that it is ready.
    fn start(folder: &Path) -> Daemon {
        Daemon::start_with(folder, "")
    }

    /// One with more in its configuration.
    fn start_with(folder: &Path, more: &str) -> Daemon {
        site(folder);
        let free = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port");
        let path = folder.join("ringback.toml");
        let text = std::fs::read_to_string(&path).expect("a configuration");
        let tap = format!("[[tap]]\ntype = \"hep\"\nlisten = \"{free}\"\n{more}");
        std::fs::write(&path, format!("{text}{tap}")).expect("written");
        let notices = UnixDatagram::bind(folder.join("notify")).expect("a socket");
        notices.set_read_timeout(Some(Duration::from_secs(30))).expect("set");
        let log = std::fs::File::create(folder.join("log")).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringback"));
        command.current_dir(folder).args(["run", "--config", "ringback.toml"]).stderr(log);
        let process = command.env("NOTIFY_SOCKET", folder.join("notify")).spawn().expect("it runs");
        let (daemon, mut told) = (Daemon { process, port: free.port() }, [0; 100]);
        while notices.recv(&mut told).map(|length| told[..length].to_vec()).expect("ready") != b"READY=1" {}
        daemon
    }

    /// Sends what agents sent to a collector in a capture.
    fn sends(&self, capture: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(capture).join("call.pcap");
        let file = std::fs::read(path).expect("a capture");
        let agent = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let mut rest = &file[24..];
        while let [_, _, _, _, _, _, _, _, a, b, c, d, ..] = rest {
            let end = 16 + u32::from_le_bytes([*a, *b, *c, *d]) as usize;
            agent.send_to(&rest[16 + 42..end], ("127.0.0.1", self.port)).expect("sent");
            rest = &rest[end..];
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.process.kill().expect("killed");
        self.process.wait().expect("waited for");
    }
}

/// What a doctor finds: check, state and sentence.
fn diagnosed(folder: &Path) -> Vec<[String; 3]> {
    let done = ringback(folder, &["doctor", "--json"]);
    let text = String::from_utf8(done.stdout).expect("text");
    let found: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let wrong = found.iter().any(|it| it["state"] == "wrong");
    assert_eq!(done.status.code(), Some(i32::from(wrong)), "{text}");
    let words = |it: &serde_json::Value| {
        ["check", "state", "says"].map(|key| it[key].as_str().expect("a word").to_owned())
    };
    found.iter().map(words).collect()
}

fn holds(found: &[[String; 3]], check: &str, state: &str, says: &str) -> bool {
    found.iter().any(|it| it[0] == check && it[1] == state && it[2].contains(says))
}

#[test]
fn a_doctor_asks_the_daemon_what_it_saw_and_the_store_who_called() {
    let folder = tempfile::tempdir().expect("a folder");
    let daemon = Daemon::start(folder.path());
    let found = diagnosed(folder.path());
    assert!(holds(&found, "sip", "warning", "has seen no SIP in 0 packets"), "{found:?}");
    assert!(holds(&found, "gateway", "ok", "outbox.jsonl can be written; nothing is in it"), "{found:?}");
    daemon.sends("hep-packed-and-strange-chunks");
    let (mut asked, mut found) = (0, found);
    while !holds(&found, "answers", "ok", "of") && asked < 500 {
        asked += 1;
        found = diagnosed(folder.path());
    }
    for (check, state, says) in [
        ("sip", "ok", "12 SIP messages came in the last"),
        ("drops", "ok", "none of 12 packets was lost"),
        ("hep", "warning", "2 HEP messages were refused: their payload doesn't unfold"),
        ("hep", "warning", "1 HEP messages were refused: they are no HEP version 3"),
        ("calls", "ok", "the last call was on"),
        ("peers", "ok", "192.168.10.5 (PBX, "),
        ("answers", "ok", "0 of "),
    ] {
        assert!(holds(&found, check, state, says), "{check}: {found:?}");
    }
    drop(daemon);
    let found = diagnosed(folder.path());
    assert!(holds(&found, "daemon", "unknown", "no daemon runs"), "{found:?}");
    assert!(holds(&found, "peers", "ok", "203.0.113.20 (trunk, "), "{found:?}");
}

#[test]
fn the_log_is_for_people_or_for_programs_and_shows_no_number_in_either() {
    for (format, is_json) in [("human", false), ("json", true)] {
        let folder = tempfile::tempdir().expect("a folder");
        let more = format!("[log]\nlevel = \"debug\"\nformat = \"{format}\"\n");
        let daemon = Daemon::start_with(folder.path(), &more);
        daemon.sends("hep-packed-and-strange-chunks");
        let read = || std::fs::read_to_string(folder.path().join("log")).expect("a log");
        let mut asked = 0;
        while !read().contains("text ") && asked < 500 {
            asked += 1;
            diagnosed(folder.path());
        }
        drop(daemon);
        let log = read();
        assert!(log.contains("text ") && log.contains(": listening"), "{log}");
        for line in log.lines() {
            let told = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(line);
            assert_eq!(told.is_ok(), is_json, "{line}");
            let keys: Vec<String> = told.into_iter().flatten().map(|(key, _)| key).collect();
            assert!(!is_json || keys == ["at", "level", "message", "target"], "{line}");
            assert!(!line.contains("312555") && !line.contains("555-01"), "{line}");
        }
    }
}

#[test]
fn a_store_that_cannot_be_written_at_the_start_stops_no_capture_and_gets_all_of_it_later() {
    let folder = tempfile::tempdir().expect("a folder");
    site(folder.path());
    said(&ringback(folder.path(), &["optout", "add", "+13125550199"]));
    // Root may write anything, but no file where a folder is.
    let bar = folder.path().join("ringback.db.lock");
    std::fs::remove_file(&bar).and_then(|()| std::fs::create_dir(&bar)).expect("barred");
    let daemon = Daemon::start(folder.path());
    daemon.sends("hep-packed-and-strange-chunks");
    let read = || std::fs::read_to_string(folder.path().join("log")).expect("a log");
    let seen =
        |is_done: &dyn Fn() -> bool| (0..500).any(|_| is_done() || diagnosed(folder.path()).is_empty());
    assert!(seen(&|| read().contains("INFO ringback::daemon: call ")), "{}", read());
    let told: Vec<String> = read().lines().filter(|line| line.contains("ERROR")).map(str::to_owned).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("the store can't be written: store ringback.db.lock: "), "{told:?}");
    let found = diagnosed(folder.path());
    assert!(holds(&found, "store", "wrong", "rows wait for a store that can't be written"), "{found:?}");
    std::fs::remove_dir(&bar).expect("free again");
    let kept = || said(&ringback(folder.path(), &["message", "list"])).lines().count() > 0;
    assert!(seen(&kept), "{}", read());
    assert!(read().contains("the store can be written again"), "{}", read());
}

#[test]
fn a_store_of_a_later_version_or_of_another_program_is_no_reason_to_start_again_and_again() {
    let folder = tempfile::tempdir().expect("a folder");
    site(folder.path());
    let path = folder.path().join("ringback.toml");
    let text = std::fs::read_to_string(&path).expect("a configuration");
    std::fs::write(&path, format!("{text}[[tap]]\ntype = \"files\"\nfolder = \".\"\n")).expect("written");
    let store = folder.path().join("ringback.db");
    std::fs::write(&store, "no store. ".repeat(30)).expect("written");
    let run = || {
        let done = ringback(folder.path(), &["run"]);
        let text = String::from_utf8_lossy(&done.stderr).into_owned();
        (done.status.code(), text.lines().last().unwrap_or_default().to_owned())
    };
    let told = run();
    assert!(told.0 == Some(2) && told.1.contains("a file of another program"), "{told:?}");
    std::fs::remove_file(&store).expect("removed");
    said(&ringback(folder.path(), &["optout", "add", "+13125550199"]));
    // `user_version` in the header of the file.
    let mut bytes = std::fs::read(&store).expect("a store");
    bytes[60..64].copy_from_slice(&99_u32.to_be_bytes());
    std::fs::write(&store, bytes).expect("written");
    let told = run();
    assert!(told.0 == Some(2) && told.1.ends_with("install the later one again"), "{told:?}");
}

#[test]
fn a_selftest_passes_beside_a_daemon_and_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let daemon = Daemon::start(folder.path());
    let room = folder.path().join("tmp");
    std::fs::create_dir(&room).expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringback"));
    command.current_dir(folder.path()).args(["selftest", "--json", "--config", "ringback.toml"]);
    let done = command.env("TMPDIR", &room).output().expect("it runs");
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    assert_eq!(done.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&done.stderr));
    let found: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let stages: Vec<&str> = found.iter().filter_map(|it| it["check"].as_str()).collect();
    assert_eq!(stages, ["site", "tap", "call", "sip", "verdict", "text", "outbox", "end"], "{text}");
    assert!(found.iter().all(|it| it["state"] == "ok"), "{text}");
    assert!(text.contains("doesn't hear lo"), "{text}");
    assert_eq!(std::fs::read_dir(&room).expect("readable").count(), 0, "something is left");
    let outbox =
        std::fs::read_to_string(folder.path().join("outbox/outbox.jsonl")).expect("the site's outbox");
    assert_eq!(outbox, "");
    drop(daemon);
}

#[test]
fn a_selftest_is_refused_where_the_daemon_would_hear_it_whatever_its_file_says_since() {
    let folder = tempfile::tempdir().expect("a folder");
    let lo = "[[tap]]\ntype = \"interface\"\ninterface = \"lo\"\n";
    let daemon = Daemon::start_with(folder.path(), lo);
    let path = folder.path().join("ringback.toml");
    let text = std::fs::read_to_string(&path).expect("a configuration");
    std::fs::write(&path, text.replace(lo, "")).expect("written");
    let done = ringback(folder.path(), &["selftest"]);
    assert_eq!(done.status.code(), Some(1));
    let told = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(told.starts_with("wrong    site       the daemon that runs taps lo"), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
    drop(daemon);
}

#[test]
fn a_long_list_is_imported_part_by_part() {
    let folder = tempfile::tempdir().expect("a folder");
    let daemon = Daemon::start(folder.path());
    let count = ringback::limits::AT_ONCE + 7;
    let list: String = (0..count).map(|n| format!("+1312555{n:04}\n")).collect();
    std::fs::write(folder.path().join("list.csv"), list).expect("written");
    let run = |args: &[&str]| ringback(folder.path(), args);
    let told = said(&run(&["optout", "import", "list.csv"]));
    assert_eq!(told, format!("{count} numbers get no texts any more\n"));
    let listed = said(&run(&["optout", "list", "--format", "json"]));
    assert_eq!(listed, format!("{{\"opted_out\":{count}}}\n"));
    drop(daemon);
}

/// A text as a store has it.
fn text(key: &str, state: MessageState) -> Message {
    Message {
        key: key.into(),
        case: "4f9c2a6b01de".into(),
        due: Timestamp::from_parts(1_795_198_624, 0),
        sent: None,
        channel: "sms".into(),
        to: Party::Number(Number::parse("+13125550145").expect("a number")),
        from: None,
        template: "ack".into(),
        variant: None,
        body: "Sorry we missed your call.".into(),
        encoding: "GSM-7".into(),
        segments: 1,
        consent: "response".into(),
        state,
        why: None,
        attempts: 0,
        gateway: Some("main".into()),
        gateway_ref: None,
        trail: Vec::new(),
    }
}

fn put(folder: &Path, events: Vec<Event>) {
    let mut store = Sqlite::open(&Place::new(folder.join("ringback.db"))).expect("opens").store();
    let next = store.load().expect("a state").next;
    let at = Timestamp::from_parts(1_795_198_624, 0);
    let entries = (next..).zip(events).map(|(n, event)| JournalEntry { n, at, event }).collect();
    store.commit(&[Batch { entries, ..Batch::default() }]).expect("written");
}

#[test]
fn a_text_that_waits_is_cancelled_and_one_that_left_is_sent_again_but_not_to_who_opted_out() {
    let folder = tempfile::tempdir().expect("a folder");
    site(folder.path());
    let run = |args: &[&str]| ringback(folder.path(), args);
    let texts =
        [("4f9c2a6b01de/lead/ack", MessageState::Planned), ("4f9c2a6b01de/lead/two", MessageState::Failed)];
    put(folder.path(), texts.map(|(key, state)| Event::Message(Box::new(text(key, state)))).to_vec());
    assert!(refused(&run(&["message", "cancel", "nothing"]), 1).contains("there is no text"));
    assert!(refused(&run(&["message", "resend", "4f9c2a6b01de/lead/ack"]), 1).contains("on its way"));
    said(&run(&["message", "cancel", "4f9c2a6b01de/lead/ack"]));
    let shown = said(&run(&["message", "show", "4f9c2a6b01de/lead/ack", "--format", "json"]));
    assert!(shown.contains("\"state\":\"cancelled\",\"why\":\"by_hand\""), "{shown}");
    assert!(refused(&run(&["message", "cancel", "4f9c2a6b01de/lead/ack"]), 1).contains("it is cancelled"));
    said(&run(&["message", "resend", "4f9c2a6b01de/lead/two"]));
    let again = said(&run(&["message", "show", "resend/4f9c2a6b01de/lead/two/1", "--format", "json"]));
    assert!(again.contains("\"state\":\"planned\"") && again.contains("+13125550145"), "{again}");
    said(&run(&["message", "cancel", "resend/4f9c2a6b01de/lead/two/1"]));
    said(&run(&["message", "resend", "resend/4f9c2a6b01de/lead/two/1"]));
    said(&run(&["message", "show", "resend/4f9c2a6b01de/lead/two/2"]));
    said(&run(&["optout", "add", "+13125550145"]));
    let told = refused(&run(&["message", "resend", "4f9c2a6b01de/lead/two"]), 1);
    assert!(told.contains("resend/4f9c2a6b01de/lead/two/3"), "{told}");
    assert!(
        refused(&run(&["message", "show", "resend/4f9c2a6b01de/lead/two/3"]), 1).contains("there is no text")
    );
}

#[test]
fn a_review_is_decided_once_and_a_missed_call_becomes_a_task() {
    let folder = tempfile::tempdir().expect("a folder");
    site(folder.path());
    let run = |args: &[&str]| ringback(folder.path(), args);
    let review = |call: &str| {
        let call = call.parse().expect("a call");
        Event::Review(Review { case: "4f9c2a6b01de".into(), call, reason: "uncertain_call".into() })
    };
    let recorded = folder.path().join("out");
    let replay = ["replay", "--out", recorded.to_str().expect("text"), CAPTURE];
    assert!(ringback(folder.path(), &replay).status.success());
    let line = std::fs::read_to_string(recorded.join("caller-cancels/calls.jsonl")).expect("a call");
    let mut call: CallRecord = serde_json::from_str(line.trim()).expect("a call");
    call.call = "4f9c2a6b01de".parse().expect("a call");
    put(folder.path(), vec![Event::Call(Box::new(call)), review("4f9c2a6b01de"), review("4f9c2a6b01df")]);
    let listed = said(&run(&["review", "list"]));
    for part in [
        "+13125550145      +13125550111      abandoned",
        "11 s",
        "hung up before anybody",
        "a person decides",
    ] {
        assert!(listed.contains(part), "{part}: {listed}");
    }
    assert!(listed.contains("[4f9c2a6b01de]") && listed.contains("[4f9c2a6b01df]"), "{listed}");
    let explained = said(&run(&["explain", "4f9c2a6b01de"]));
    assert!(explained.contains("abandoned, missed") && explained.contains("\nreview\n"), "{explained}");
    assert_eq!(explained, said(&run(&["explain", "312-555-0145"])));
    assert!(refused(&run(&["explain", "+13125550146"]), 1).contains("nothing in ringback.db is about"));
    said(&run(&["review", "decide", "4f9c2a6b01de", "missed"]));
    said(&run(&["review", "decide", "4f9c2a6b01df", "ignore"]));
    assert_eq!(said(&run(&["review", "list"])), "");
    let all = said(&run(&["review", "list", "--all", "--format", "json"]));
    assert_eq!(all.matches("\"decided\":true").count(), 2, "{all}");
    let tasks = said(&run(&["task", "list"]));
    assert!(tasks.contains("[4f9c2a6b01de/reviewed]") && tasks.lines().count() == 1, "{tasks}");
    assert!(refused(&run(&["review", "decide", "4f9c2a6b01de", "answered"]), 1).contains("decided already"));
    assert!(refused(&run(&["review", "decide", "nothing", "ignore"]), 1).contains("not to be reviewed"));
    assert_eq!(run(&["review", "decide", "4f9c2a6b01de", "text"]).status.code(), Some(2));
}

#[test]
fn a_list_of_opt_outs_is_imported_as_a_whole_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    site(folder.path());
    let run = |args: &[&str]| ringback(folder.path(), args);
    let list = |text: &str| std::fs::write(folder.path().join("list.csv"), text).expect("written");
    list("name,phone\n\"Doe, J\",(312) 555-0145\nRoe,nobody\n");
    assert!(refused(&run(&["optout", "import", "list.csv"]), 2).contains("list.csv:3: "));
    assert!(!folder.path().join("ringback.db").exists());
    list("name,phone\n\"Doe, J\",(312) 555-0145\nRoe,+13125550146\n");
    assert_eq!(said(&run(&["optout", "import", "list.csv"])), "2 numbers get no texts any more\n");
    assert_eq!(said(&run(&["optout", "list", "--format", "json"])), "{\"opted_out\":2}\n");
    assert_eq!(said(&run(&["optout", "list", "+13125550146"])), "+13125550146 gets no texts\n");
    assert!(refused(&run(&["optout", "import", "none.csv"]), 2).contains("can't be read"));
}

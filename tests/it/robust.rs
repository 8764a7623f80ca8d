//! What a replay does where the machine or the input lets it down: no panic, no half file, one line that says so.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const RINGBACK: &str = env!("CARGO_BIN_EXE_ringback");

/// The files of a run, as they are named when it is done.
const FILES: [&str; 5] = ["calls.jsonl", "journal.jsonl", "messages.jsonl", "summary.json", "tasks.jsonl"];

fn capture() -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/caller-cancels/call.pcap"))
        .expect("a capture")
}

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).expect("written");
    }
    folder
}

fn run(command: &mut Command, folder: &Path) -> Output {
    command.current_dir(folder).output().expect("it runs")
}

fn replay(folder: &TempDir, args: &[&str]) -> Output {
    run(Command::new(RINGBACK).arg("replay").args(args), folder.path())
}

/// The program without the right of root to pass over permissions, if we have it.
fn without_rights(locked: &Path) -> Command {
    if File::open(locked).is_err() && fs::read_dir(locked).is_err() {
        return Command::new(RINGBACK);
    }
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set", "-dac_override,-dac_read_search", RINGBACK]);
    command
}

fn lock(path: &Path) {
    fs::set_permissions(path, Permissions::from_mode(0o000)).expect("locked");
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn shown(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn status(output: &Output) -> Option<i32> {
    output.status.code()
}

/// All names in a folder, in their order.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn an_unreadable_file_or_folder_is_told_and_the_rest_is_replayed() {
    let found = folder(&[("a.pcap", &capture()), ("b.pcap", &capture())]);
    fs::create_dir(found.path().join("c")).expect("a folder");
    fs::write(found.path().join("c/d.pcap"), capture()).expect("written");
    let (file, inner) = (found.path().join("b.pcap"), found.path().join("c"));
    lock(&file);
    lock(&inner);
    let done = run(without_rights(&file).args(["replay", "."]), found.path());
    fs::set_permissions(&inner, Permissions::from_mode(0o755)).expect("unlocked");
    let told = errors(&done);
    let told: Vec<&str> = told.lines().collect();
    assert_eq!((status(&done), told.len()), (Some(1), 2), "{told:?}");
    assert!(told[0].starts_with("ringback: b.pcap: ") && told[0].contains("Permission denied"), "{told:?}");
    assert!(told[1].starts_with("ringback: c: ") && told[1].contains("Permission denied"), "{told:?}");
    assert!(shown(&done).contains("1 call, 1 missed"), "{}", shown(&done));
}

#[test]
fn an_unreadable_file_that_was_named_is_one_line_and_no_output() {
    let found = folder(&[("a.pcap", &capture())]);
    let file = found.path().join("a.pcap");
    lock(&file);
    let done = run(without_rights(&file).args(["replay", "--out", "out", "a.pcap"]), found.path());
    assert_eq!((status(&done), errors(&done).lines().count()), (Some(1), 1), "{}", errors(&done));
    assert!(
        errors(&done).starts_with("ringback: a.pcap: can't be read: Permission denied"),
        "{}",
        errors(&done)
    );
    assert!(done.stdout.is_empty() && names(found.path()) == ["a.pcap"]);
}

#[test]
fn an_unreadable_configuration_is_one_line_that_says_what_to_do() {
    let found = folder(&[("a.toml", b"schema = 1\n")]);
    let file = found.path().join("a.toml");
    lock(&file);
    let done = run(without_rights(&file).args(["check", "--config", "a.toml"]), found.path());
    assert_eq!((status(&done), errors(&done).lines().count()), (Some(2), 1), "{}", errors(&done));
    assert!(errors(&done).contains("let this user read it"), "{}", errors(&done));
}

#[test]
fn an_output_folder_that_cannot_be_written_is_named() {
    let found = folder(&[("a.pcap", &capture()), ("file", b"x")]);
    let closed = found.path().join("closed");
    fs::create_dir(&closed).expect("a folder");
    lock(&closed);
    for out in ["file", "file/inner", "closed", "closed/inner"] {
        let done = run(without_rights(&closed).args(["replay", "--out", out, "a.pcap"]), found.path());
        assert_eq!((status(&done), errors(&done).lines().count()), (Some(1), 1), "{}", errors(&done));
        let told = format!("ringback: can't write the output: {out}: ");
        assert!(errors(&done).starts_with(&told), "{}", errors(&done));
    }
    fs::set_permissions(&closed, Permissions::from_mode(0o755)).expect("unlocked");
    assert!(names(&closed).is_empty());
    assert_eq!(fs::read(found.path().join("file")).expect("still there"), b"x");
}

#[test]
fn output_that_has_no_room_leaves_no_file_behind() {
    let found = folder(&[("a.pcap", &capture())]);
    // Without a byte allowed in any file, and the signal for it ignored, writing fails as on a full disk.
    let script = "trap '' XFSZ; ulimit -f 0; exec \"$0\" replay --out out a.pcap";
    let done = run(Command::new("sh").args(["-c", script, RINGBACK]), found.path());
    assert_eq!((status(&done), errors(&done).lines().count()), (Some(1), 1), "{}", errors(&done));
    assert!(errors(&done).starts_with("ringback: can't write the output: out: "), "{}", errors(&done));
    assert_eq!(names(found.path()), ["a.pcap"]);
}

#[test]
fn a_killed_run_leaves_no_file_under_its_final_name() {
    let found = folder(&[("a.pcap", &capture())]);
    for (signal, number, out) in [("TERM", 15, "first"), ("INT", 2, "second")] {
        let mut command = Command::new(RINGBACK);
        command.current_dir(found.path()).args(["replay", "--out", out, "-"]).stdin(Stdio::piped());
        let mut running = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs");
        let mut input = running.stdin.take().expect("its input");
        let capture = capture();
        input.write_all(&capture).expect("read");
        // More than a pipe holds: once it is written the run is in the middle of it.
        for _ in 0..200 {
            input.write_all(&capture[24..]).expect("read");
        }
        let killed = Command::new("kill").args(["-s", signal, &running.id().to_string()]).status();
        assert!(killed.expect("kill runs").success());
        let ended = running.wait().expect("it ends");
        assert_eq!((ended.signal(), ended.success()), (Some(number), false));
        let left = names(&found.path().join(out));
        assert!(left.iter().all(|name| name.starts_with('.') && name.ends_with(".part")), "{left:?}");
        drop(input);
    }
}

#[test]
fn a_run_after_a_killed_one_writes_all_its_files_and_leaves_nothing_else() {
    let found = folder(&[("a.pcap", &capture())]);
    fs::create_dir(found.path().join("out")).expect("a folder");
    fs::write(found.path().join("out/.calls.jsonl.part"), "{\"half\":").expect("written");
    assert_eq!(status(&replay(&found, &["--out", "out", "a.pcap"])), Some(0));
    assert_eq!(names(&found.path().join("out")), FILES);
    let calls = fs::read_to_string(found.path().join("out/calls.jsonl")).expect("calls");
    assert!(calls.starts_with("{\"call\":"), "{calls}");
}

#[test]
fn a_reader_that_goes_away_ends_the_telling_but_not_the_writing() {
    let found = folder(&[("a.pcap", &capture())]);
    for args in
        [&["a.pcap"][..], &["--out", "out", "a.pcap"], &["--format", "json", "--out", "json", "a.pcap"]]
    {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = Command::new(RINGBACK);
        let command = command.current_dir(found.path()).arg("replay").args(args).stdout(writer);
        let done =
            command.stderr(Stdio::piped()).spawn().expect("it runs").wait_with_output().expect("it ends");
        assert_eq!((status(&done), errors(&done).as_str()), (Some(0), ""), "{args:?}");
    }
    assert_eq!(
        (names(&found.path().join("out")), names(&found.path().join("json"))),
        (FILES.map(String::from).to_vec(), FILES.map(String::from).to_vec())
    );
}

#[test]
fn standard_input_given_twice_is_wrong_usage() {
    let done = replay(&folder(&[]), &["-", "-"]);
    assert_eq!((status(&done), done.stdout.is_empty()), (Some(2), true));
    assert!(errors(&done).starts_with("ringback: - is given twice; "), "{}", errors(&done));
}

#[test]
fn an_end_before_the_capture_begins_is_wrong_usage() {
    let found = folder(&[("a.pcap", &capture())]);
    for (until, capture) in [("2026-11-20T15:59:59Z", "a.pcap"), ("1999-01-01T00:00:00-06:00", "-")] {
        let mut command = Command::new(RINGBACK);
        command.args(["replay", "--out", "out", "--until", until, capture]);
        command.stdin(File::open(found.path().join("a.pcap")).expect("the capture"));
        let done = run(&mut command, found.path());
        assert_eq!((status(&done), errors(&done).lines().count()), (Some(2), 1), "{}", errors(&done));
        assert!(errors(&done).contains("--until is before the first packet"), "{}", errors(&done));
        assert_eq!(names(found.path()), ["a.pcap"]);
    }
    assert_eq!(status(&replay(&found, &["--until", "2026-11-20T16:00:00Z", "a.pcap"])), Some(0));
}

#[test]
fn a_file_that_grows_is_read_as_far_as_it_goes() {
    let whole = capture();
    let (begun, rest) = whole.split_at(whole.len() - 100);
    let found = folder(&[("a.pcap", begun)]);
    let done = replay(&found, &["--out", "out", "a.pcap"]);
    assert_eq!(status(&done), Some(1));
    assert!(errors(&done).contains("a.pcap: damaged at byte "), "{}", errors(&done));
    assert!(shown(&done).contains("in 6 SIP messages of 6 packets"), "{}", shown(&done));
    let mut grown = OpenOptions::new().append(true).open(found.path().join("a.pcap")).expect("opened");
    grown.write_all(rest).expect("written");
    let done = replay(&found, &["--out", "out", "a.pcap"]);
    assert_eq!((status(&done), errors(&done).as_str()), (Some(0), ""));
}

#[test]
fn what_follows_a_gzip_capture_is_remarked_unless_it_is_zeros() {
    let found = folder(&[("a.pcap", &capture())]);
    assert!(
        Command::new("gzip")
            .arg("-n")
            .arg(found.path().join("a.pcap"))
            .status()
            .expect("gzip runs")
            .success()
    );
    let packed = fs::read(found.path().join("a.pcap.gz")).expect("packed");
    let told = |after: &[u8]| {
        fs::write(found.path().join("b.gz"), [&packed[..], after].concat()).expect("written");
        let done = replay(&found, &["b.gz"]);
        assert!(shown(&done).contains("1 call, 1 missed"), "{}", shown(&done));
        assert_eq!(status(&done), Some(0), "{}", errors(&done));
        errors(&done)
    };
    assert_eq!(told(&[0; 512]), "");
    let remark = format!("ringback: b.gz: what begins at byte {} is no gzip data", packed.len());
    assert!(told(b"garbage").starts_with(&remark), "{}", told(b"garbage"));
}

/// A pcapng of simple packet blocks with the packets of a little-endian pcap.
fn simple_blocks(pcap: &[u8]) -> Vec<u8> {
    let word = |number: usize| u32::try_from(number).expect("small").to_le_bytes();
    let mut file = [[0x0a, 0x0d, 0x0d, 0x0a], word(28), [0x4d, 0x3c, 0x2b, 0x1a], [1, 0, 0, 0]].concat();
    file.extend([[0xff; 4], [0xff; 4], word(28), word(1), word(20), word(1), word(0), word(20)].concat());
    let mut rest = &pcap[24..];
    while let Some((head, packets)) = rest.split_first_chunk::<16>() {
        let len = u32::from_le_bytes([head[8], head[9], head[10], head[11]]) as usize;
        let (packet, next) = packets.split_at(len);
        let whole = 16 + len.next_multiple_of(4);
        file.extend([word(3), word(whole), word(len)].concat());
        file.extend(packet);
        file.resize(file.len() + len.next_multiple_of(4) - len, 0);
        file.extend(word(whole));
        rest = next;
    }
    file
}

#[test]
fn a_capture_without_times_says_once_that_it_is_dated_1970() {
    let found = folder(&[("a.pcapng", &simple_blocks(&capture()))]);
    let done = replay(&found, &["a.pcapng"]);
    assert_eq!((status(&done), errors(&done).lines().count()), (Some(0), 1), "{}", errors(&done));
    assert!(errors(&done).starts_with("ringback: a.pcapng: 7 packets carry no time"), "{}", errors(&done));
    assert!(shown(&done).contains("1970-01-01"), "{}", shown(&done));
}

#[test]
fn several_scenarios_end_with_a_total_and_one_does_not() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let several = ["replay", "captures/caller-cancels", "captures/answered", "captures/withheld"];
    let done = run(Command::new(RINGBACK).args(several), root);
    let last = shown(&done).lines().last().map(str::to_owned);
    assert_eq!(last.as_deref(), Some("TOTAL of 3 runs: 3 calls, 2 missed, 1 text"));
    assert!(!shown(&run(Command::new(RINGBACK).args(&several[..2]), root)).contains("TOTAL"));
    let json = run(Command::new(RINGBACK).args(["replay", "--format", "json"]).args(&several[1..]), root);
    assert!(!shown(&json).contains("TOTAL"));
}

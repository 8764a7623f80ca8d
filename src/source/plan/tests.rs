use tempfile::TempDir;

use super::super::samples::simple_pcap;
use super::*;

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("creates");
        fs::write(path, bytes).expect("writes");
    }
    folder
}

fn capture() -> Vec<u8> {
    simple_pcap(&[(1, 0, b"x")])
}

/// The scenario names and the capture names of each run.
fn names(paths: &[PathBuf]) -> Vec<(String, Vec<String>)> {
    let plan = plan(paths).expect("a plan");
    let captures = |run: &Run| run.captures.iter().map(|capture| capture.name.clone()).collect();
    plan.runs.iter().map(|run| (run.name().to_owned(), captures(run))).collect()
}

fn error(path: PathBuf) -> String {
    plan(&[path]).expect_err("an error").to_string()
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn captures_are_known_by_their_first_bytes_and_sorted_by_path() {
    let pcap = capture();
    let found = folder(&[
        ("z.txt", &pcap),
        ("a/b.pcap", &pcap),
        ("a-b.pcap", &pcap),
        ("note.pcap", b"not a capture at all"),
        ("empty.pcap", b""),
        (".hidden.pcap", &pcap),
        ("broken.gz", &[0x1f, 0x8b, 8, 0, 0]),
    ]);
    let expected = vec![(String::new(), strings(&["a-b.pcap", "a/b.pcap", "z.txt"]))];
    assert_eq!(names(&[found.path().to_owned()]), expected);
}

#[test]
fn a_scenario_is_a_run_of_its_own_and_may_be_nested() {
    let pcap = capture();
    let found = folder(&[
        ("loose.pcap", &pcap),
        ("b/expected/calls.jsonl", b"{}"),
        ("b/expected/not-an-input.pcap", &pcap),
        ("b/call.pcap", &pcap),
        ("b/more/call.pcap", &pcap),
        ("deep/a/ringback.toml", b"schema = 1"),
        ("deep/a/call.pcap", &pcap),
    ]);
    let expected = vec![
        (String::new(), strings(&["loose.pcap"])),
        ("b".to_owned(), strings(&["call.pcap", "more/call.pcap"])),
        ("deep/a".to_owned(), strings(&["call.pcap"])),
    ];
    assert_eq!(names(&[found.path().to_owned()]), expected);
}

#[test]
fn a_scenario_that_is_given_itself_is_called_by_its_own_name() {
    let pcap = capture();
    let found = folder(&[("hangup/ringback.toml", b""), ("hangup/call.pcap", &pcap)]);
    let path = found.path().join("hangup");
    let plan = plan(std::slice::from_ref(&path)).expect("a plan");
    let scenario = plan.runs[0].scenario.clone().expect("a scenario");
    let config = Some(path.join("ringback.toml"));
    assert_eq!(scenario, Scenario { folder: path, name: "hangup".into(), config });
}

#[test]
fn names_that_would_be_equal_are_numbered() {
    let pcap = capture();
    let files: [(&str, &[u8]); 4] =
        [("mon/call.pcap", &pcap), ("tue/call.pcap", &pcap), ("x/s/expected/e", b""), ("x/s/c", &pcap)];
    let found = folder(&files);
    let at = |name: &str| found.path().join(name);
    let given = [at("mon/call.pcap"), at("tue/call.pcap"), at("x"), at("x")];
    let runs = names(&given);
    assert_eq!(runs[0].1, strings(&["call.pcap", "call.pcap#2"]));
    assert_eq!((runs[1].0.as_str(), runs[2].0.as_str()), ("s", "s#2"));
}

#[test]
fn what_was_named_and_is_no_capture_is_an_error_of_one_line() {
    let found =
        folder(&[("a.txt", b"hello world"), ("b.pcap", b""), ("c/d", b"text"), ("e.gz", &[0x1f, 0x8b, 8])]);
    let at = |name: &str| found.path().join(name);
    let told = error(at("a.txt"));
    assert!(told.contains("a.txt: not a capture, starts with \"hello wo\"; give pcap"), "{told}");
    assert!(error(at("b.pcap")).contains("b.pcap: empty; "));
    assert!(error(at("e.gz")).ends_with("e.gz: can't be read: gzip data is cut; copy it again"));
    assert!(error(at("c")).contains("c: no capture in this folder; "));
    assert!(error(at("missing")).contains("missing: can't be read: "));
    assert!(error(at("new\nline")).lines().count() == 1);
}

#[test]
fn a_scenario_without_a_capture_is_an_error() {
    let found = folder(&[("a.pcap", &capture()), ("s/ringback.toml", b"")]);
    assert!(error(found.path().to_owned()).contains("s: no capture in this folder"));
}

#[test]
fn a_damaged_capture_is_planned_and_so_is_one_without_packets() {
    let cut = &capture()[..30];
    let found = folder(&[("cut.pcap", cut), ("none.pcap", &simple_pcap(&[]))]);
    let plan = plan(&[found.path().to_owned()]).expect("a plan");
    assert!(plan.runs[0].captures.iter().all(|capture| capture.due == CaptureFile::AT_ONCE));
}

#[test]
fn standard_input_is_not_touched_while_planning() {
    let plan = plan(&[PathBuf::from("-")]).expect("a plan");
    let capture = &plan.runs[0].captures[0];
    assert_eq!((capture.name.as_str(), capture.due), ("-", Due::Stream));
}

#[cfg(unix)]
#[test]
fn loops_of_links_end_and_links_do_not_double_captures() {
    use std::os::unix::fs::symlink;
    let found = folder(&[("a/one.pcap", &capture()), ("b/two.pcap", &capture())]);
    let at = |name: &str| found.path().join(name);
    symlink(found.path(), at("a/up")).expect("links");
    symlink(at("b"), at("c")).expect("links");
    symlink("self", at("self")).expect("links");
    symlink(at("a/one.pcap"), at("latest.pcap")).expect("links");
    let expected = vec![(String::new(), strings(&["a/one.pcap", "b/two.pcap"]))];
    assert_eq!(names(&[found.path().to_owned()]), expected);
}

#[cfg(unix)]
#[test]
fn what_is_neither_file_nor_folder_is_passed_over() {
    let found = folder(&[("a.pcap", &capture())]);
    let _socket = std::os::unix::net::UnixListener::bind(found.path().join("socket")).expect("binds");
    assert_eq!(names(&[found.path().to_owned()]), [(String::new(), strings(&["a.pcap"]))]);
}

#[cfg(unix)]
#[test]
fn a_stream_that_is_no_capture_is_an_error_before_anything_is_read_on() {
    let plan = plan(&[PathBuf::from("/dev/null")]).expect("a plan");
    let opened = super::super::Merge::open(&plan.runs[0].captures, TapId(0));
    assert!(matches!(opened.err(), Some(InputError::Empty { .. })));
}

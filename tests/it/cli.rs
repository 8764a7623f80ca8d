//! The command line: what is refused, with which status, and in which words.

use std::process::{Command, Output, Stdio};

fn ringback(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringback"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(args).output().expect("it runs")
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_right_configuration_is_summed_up_in_a_line() {
    let done = ringback(&["check", "--config", "systemd/ringback.toml"]);
    let summary = "ok: 2 lines, 1 calendar, 1 gateway, 1 sequence, 2 templates, 2 tests; 1 warning\n";
    assert_eq!(String::from_utf8_lossy(&done.stdout), summary);
    assert_eq!(done.status.code(), Some(0));
}

#[test]
fn a_configuration_that_is_not_there_is_status_2_and_one_line() {
    for command in [&["check", "--config", "no-such.toml"][..], &["check", "--config", "tests"]] {
        let done = ringback(command);
        assert_eq!(done.status.code(), Some(2), "{command:?}");
        assert_eq!(told(&done).lines().count(), 1, "{}", told(&done));
        assert!(told(&done).starts_with(command[2]), "{}", told(&done));
    }
}

#[test]
fn another_command_given_a_wrong_configuration_is_status_2() {
    let capture = "captures/answered/call.pcap";
    let done = ringback(&["replay", "--config", "tests/configs/quote.toml", capture]);
    assert_eq!(done.status.code(), Some(2), "{}", told(&done));
    assert!(told(&done).starts_with("tests/configs/quote.toml:3: "), "{}", told(&done));
    assert!(done.stdout.is_empty());
}

#[test]
fn a_tape_stands_in_place_of_captures_and_one_that_isnt_there_is_told() {
    for args in
        [&["replay", "--tape", "x", "y"][..], &["replay", "--tape", "x", "--until", "1h"], &["replay"]]
    {
        assert_eq!(ringback(args).status.code(), Some(2), "{args:?}");
    }
    let done = ringback(&["replay", "--tape", "nowhere/tape.jsonl"]);
    assert_eq!(done.status.code(), Some(1));
    assert!(told(&done).starts_with("ringback: nowhere/tape.jsonl: can't be read: "), "{}", told(&done));
}

#[test]
fn a_profile_that_is_not_there_is_told_with_the_one_meant() {
    for args in [
        &["check", "--profile", "avaya-arua"][..],
        &["replay", "--profile", "avaya-arua", "captures/answered"],
    ] {
        let done = ringback(args);
        assert_eq!(done.status.code(), Some(2), "{args:?}");
    }
    let done = ringback(&["check", "--profile", "avaya-arua"]);
    assert!(told(&done).contains("no profile `avaya-arua`; did you mean `avaya-aura`?"), "{}", told(&done));
    let done = ringback(&["check", "--profile", "./no-such.toml"]);
    assert!(told(&done).starts_with("--profile: there is no profile ./no-such.toml"), "{}", told(&done));
}

#[test]
fn commands_of_later_versions_are_refused_by_name() {
    for command in ["simulate", "diff", "report", "10dlc-kit", "contacts", "gateway"] {
        let done = ringback(&[command, "--config", "x"]);
        assert_eq!(done.status.code(), Some(2), "{command}");
        let line = told(&done);
        assert!(line.contains(&format!("`{command}` comes with a later version")), "{line}");
    }
}

#[test]
fn a_daemon_that_cannot_start_says_why_in_one_line() {
    let done = ringback(&["run", "--config", "captures/caller-cancels/ringback.toml"]);
    assert_eq!(done.status.code(), Some(2));
    let lines = told(&done);
    let why: Vec<&str> = lines.lines().filter(|line| line.starts_with("ringback: ")).collect();
    assert_eq!(why.len(), 1, "{lines}");
    assert!(why[0].contains("there is no [[tap]]; write one"), "{lines}");
    assert_eq!(ringback(&["run", "--config", "no-such.toml"]).status.code(), Some(2));
}

#[test]
fn a_slip_in_a_command_names_the_command_meant() {
    let done = ringback(&["chekc"]);
    assert_eq!(done.status.code(), Some(2));
    assert_eq!(told(&done), "ringback: no command `chekc`; did you mean `check`?\n");
    assert!(told(&ringback(&["frobnicate"])).contains("--help"));
}

#[test]
fn wrong_usage_is_status_2_and_help_is_status_0() {
    for (args, says) in [
        (&["replay"][..], "<CAPTURE>...; `ringback replay --help`"),
        (
            &["check", "--cofnig", "x"],
            "'--cofnig' found; a similar argument exists: '--config'; `ringback check --help`",
        ),
        (&["replay", "--until", "soon", "x"], "`soon` is not a length of time"),
        (
            &["review", "decide", "x", "y"],
            "[possible values: missed, answered, ignore]; `ringback review decide --help`",
        ),
        (&["explain", "x", "--out", "y", "--config", "z"], "cannot be used with"),
    ] {
        let done = ringback(args);
        let line = told(&done);
        assert_eq!((done.status.code(), line.lines().count()), (Some(2), 1), "{line}");
        assert!(line.starts_with("ringback: ") && line.contains(says), "{line}");
    }
    assert_eq!(ringback(&[]).status.code(), Some(2));
    let help = ringback(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    let text = String::from_utf8_lossy(&help.stdout).into_owned();
    assert!(["replay", "check", "explain", "learn"].iter().all(|command| text.contains(command)), "{text}");
}

#[test]
fn a_doctor_tells_what_is_wrong_a_line_each() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("ringback.toml");
    let doctor = |interface: &str| {
        let tap = format!("[[tap]]\ntype = \"interface\"\ninterface = \"{interface}\"\n");
        std::fs::write(&config, format!("schema = 1\n[store]\npath = \"ringback.db\"\n{tap}"))
            .expect("written");
        ringback(&["doctor", "--json", "--config", config.to_str().expect("text")])
    };
    let done = doctor("no-such-one");
    assert_eq!(done.status.code(), Some(1), "{}", told(&done));
    let lines = String::from_utf8(done.stdout).expect("text");
    let found: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let state = |check: &str| {
        let of_it = found.iter().find(|finding| finding["check"] == check);
        of_it.map_or("", |finding| finding["state"].as_str().unwrap_or_default())
    };
    assert_eq!((state("config"), state("interface"), state("store")), ("ok", "wrong", "unknown"), "{lines}");
    assert!(["capture", "roles", "disk", "clock"].iter().all(|check| !state(check).is_empty()), "{lines}");
    std::fs::write(&config, "schema = 1\ntaps = 1\n").expect("written");
    let done = ringback(&["doctor", "--config", config.to_str().expect("text")]);
    assert_eq!(done.status.code(), Some(1));
    let text = String::from_utf8(done.stdout).expect("text");
    assert!(text.starts_with("wrong    config     ") && text.contains("ringback.toml:2: "), "{text}");
    assert_eq!(ringback(&["doctor", "--config", "no-such.toml"]).status.code(), Some(2));
}

#[test]
fn every_command_is_completed_and_has_a_page_of_the_manual() {
    let commands = [
        "backup",
        "check",
        "completions",
        "doctor",
        "erase",
        "explain",
        "learn",
        "man",
        "message",
        "optout",
        "release",
        "replay",
        "review",
        "run",
        "selftest",
        "task",
    ];
    let below = [
        "message-cancel",
        "message-list",
        "message-resend",
        "message-show",
        "optout-add",
        "optout-import",
        "optout-list",
        "optout-remove",
        "review-decide",
        "review-list",
        "task-done",
        "task-list",
    ];
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = String::from_utf8(ringback(&["completions", shell]).stdout).expect("text");
        assert!(commands.iter().all(|command| script.contains(command)), "{shell}: {script}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let pages = folder.path().join("man1");
    assert_eq!(ringback(&["man", pages.to_str().expect("text")]).status.code(), Some(0));
    let page = |name: &str| std::fs::read_to_string(pages.join(name)).expect(name);
    let whole = page("ringback.1");
    for (parent, command) in below.map(|name| (name.split('-').next().unwrap_or_default(), name)) {
        let (above, own) = (page(&format!("ringback-{parent}.1")), page(&format!("ringback-{command}.1")));
        assert!(above.contains(&format!("{}(1)", command.replace('-', "\\-"))), "{command}: {above}");
        assert!(own.starts_with(".ie"), "{command}");
    }
    for command in commands {
        assert!(whole.contains(&format!("ringback\\-{command}(1)")), "{command}: {whole}");
        assert!(page(&format!("ringback-{command}.1")).starts_with(".ie"), "{command}");
    }
    assert_eq!(std::fs::read_dir(&pages).expect("pages").count(), commands.len() + below.len() + 1);
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringback"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args([
        "check",
        "--config",
        "tests/configs/surprises.toml",
    ]);
    let done = command.stdout(writer).stderr(Stdio::piped()).spawn().expect("it runs").wait_with_output();
    let done = done.expect("it ends");
    assert_eq!(done.status.code(), Some(0));
    assert!(!told(&done).contains("panicked"), "{}", told(&done));
}

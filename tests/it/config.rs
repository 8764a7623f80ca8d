//! Configurations: every broken one is told with file, line and what to write instead; the reference is
//! right, and whatever is put wrong in it is found.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ringback::config::{self, Loaded, Problem, Refused};
use ringback::settings::{Did, GatewayKind};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn reference() -> String {
    fs::read_to_string(root().join("systemd/ringback.toml")).expect("the reference")
}

fn load(text: impl AsRef<[u8]>) -> Result<Loaded, Refused> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ringback.toml");
    fs::write(&path, text).expect("written");
    config::load(&path)
}

/// What is wrong, warnings aside.
fn errors(text: &str) -> Vec<Problem> {
    match load(text) {
        Ok(_) => Vec::new(),
        Err(Refused::Wrong(list)) => list.into_iter().filter(|problem| !problem.warning).collect(),
        Err(Refused::Unreadable(why)) => panic!("{why}"),
    }
}

/// The lines of the reference that give a key a value, by index.
fn key_lines(text: &str) -> Vec<(usize, &str, &str)> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.starts_with(['#', '[']));
    lines.filter_map(|(n, line)| line.split_once(" = ").map(|(key, value)| (n, key, value))).collect()
}

fn with_line(text: &str, at: usize, line: &str) -> String {
    let lines = text.lines().enumerate().map(|(n, old)| if n == at { line } else { old });
    lines.collect::<Vec<_>>().join("\n")
}

/// Every `NAME.expected` with the configuration it is of.
fn expectations(folder: &Path) -> Vec<(PathBuf, String)> {
    let entries = fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path());
    let mut found: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|e| e == "expected")).collect();
    found.sort();
    let read = |path: PathBuf| (path.with_extension("toml"), fs::read_to_string(&path).expect("readable"));
    found.into_iter().map(read).collect()
}

#[test]
fn every_configuration_is_told_as_expected() {
    let folder = root().join("tests/configs");
    let mut cases = expectations(&folder);
    cases.extend(expectations(&folder.join("split")));
    assert!(cases.len() >= 20, "{} configurations", cases.len());
    for (path, expected) in cases {
        let path = path.strip_prefix(&folder).expect("below it");
        let mut check = Command::new(env!("CARGO_BIN_EXE_ringback"));
        let done =
            check.current_dir(&folder).arg("check").arg("--config").arg(path).output().expect("it runs");
        assert_eq!(String::from_utf8_lossy(&done.stderr), expected, "{}", path.display());
        let wrong = expected.lines().any(|line| !line.contains(": warning: "));
        assert_eq!(done.status.code(), Some(i32::from(wrong)), "{}", path.display());
        assert_eq!(done.stdout.is_empty(), wrong, "{}", path.display());
    }
}

#[test]
fn every_error_names_its_line_and_what_to_write_instead() {
    for (path, expected) in expectations(&root().join("tests/configs")) {
        let lines = fs::read(&path).expect("readable").split(|byte| *byte == b'\n').count();
        for error in expected.lines().filter(|line| !line.contains(": warning: ")) {
            let mut parts = error.splitn(3, ':');
            assert_eq!(parts.next().map(Path::new), path.file_name().map(Path::new), "{error}");
            let line: usize = parts.next().and_then(|line| line.parse().ok()).expect("a line");
            assert!((1..=lines).contains(&line), "{error}");
            assert!(parts.next().is_some_and(|text| text.contains("; ")), "{error}");
        }
    }
}

#[test]
fn the_reference_means_what_it_says() {
    let loaded = config::load(&root().join("systemd/ringback.toml")).expect("right");
    let warnings: Vec<&str> = loaded.warnings.iter().map(|warning| warning.text.as_str()).collect();
    assert_eq!(warnings, ["clients aren't told apart yet: every caller is class lead"]);
    let settings = loaded.settings;
    assert_eq!(settings.site.short, "Miller Heating");
    assert_eq!(settings.site.tz.iana_name(), Some("America/New_York"));
    let pilots = &settings.pbx.roles.voicemail_pilots;
    assert!(pilots[0].is_match("6000") && !pilots[0].is_match("60001") && !pilots[0].is_match("16000"));
    let kept = settings.pbx.numbers.strip[0].captures("914075550160").expect("a match");
    assert_eq!(kept.get(1).map(|group| group.as_str()), Some("14075550160"));
    assert_eq!(settings.lines[1].did, [Did::Rest]);
    let shop = &settings.calendars["shop"];
    assert_eq!((shop.open[0].len(), shop.open[5].len(), shop.open[6].len()), (2, 1, 0));
    assert_eq!((shop.closed[1].hours.from, shop.closed[1].hours.to), (0, 1_440));
    assert_eq!(settings.templates["ack-ab"].variants.len(), 2);
    assert_eq!(settings.sequences[0].steps.len(), 2);
}

#[test]
fn the_reference_has_every_key_there_is() {
    let text = reference();
    let written: BTreeSet<&str> = text
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
        .collect();
    for (at, _, _) in key_lines(&text) {
        for error in errors(&with_line(&text, at, "zebra = 1")) {
            let Some((_, known)) = error.text.split_once("write one of ") else { continue };
            for key in known.split(", ") {
                assert!(written.contains(key), "`{key}` is not in the reference");
            }
        }
    }
}

#[test]
fn paths_begin_at_the_folder_of_the_file_that_names_them() {
    let loaded = config::load(&root().join("systemd/ringback.toml")).expect("right");
    let GatewayKind::File { path } = &loaded.settings.gateways["outbox"].kind;
    assert_eq!(*path, root().join("systemd/outbox"));
}

#[test]
fn a_bogus_key_is_refused_in_every_table() {
    let text = reference();
    let mut places = vec![(0, format!("bogus = 1\n{text}"))];
    for (n, line) in text.lines().enumerate() {
        if line.starts_with('[') {
            places.push((n + 1, with_line(&text, n, &format!("{line}\nbogus = 1"))));
        }
        for (brace, _) in line.match_indices("{ ") {
            let (before, after) = line.split_at(brace + 2);
            places.push((n, with_line(&text, n, &format!("{before}bogus = 1, {after}"))));
        }
    }
    assert!(places.len() > 25, "{} places", places.len());
    for (at, broken) in places {
        let found = errors(&broken);
        let told = |problem: &Problem| problem.line == at + 1 && problem.text.contains("`bogus`");
        assert!(found.len() == 1 && found.iter().all(told), "line {}: {found:?}", at + 1);
    }
}

#[test]
fn a_slip_in_any_key_names_the_key_meant() {
    let text = reference();
    for (at, key, value) in key_lines(&text) {
        let found = errors(&with_line(&text, at, &format!("{key}x = {value}")));
        let meant = format!("`{key}x`");
        let told = |problem: &&Problem| problem.line == at + 1 && problem.text.contains(&meant);
        let told = found.iter().find(told).unwrap_or_else(|| panic!("{key}: {found:?}"));
        assert!(told.text.ends_with(&format!("did you mean `{key}`?")), "{told}");
    }
}

#[test]
fn a_value_of_the_wrong_kind_is_told_at_its_line_in_every_key() {
    let text = reference();
    for (at, key, _) in key_lines(&text) {
        let wrong = if ["enabled", "promiscuous", "record", "tcp"].contains(&key) { "1" } else { "true" };
        let found = errors(&with_line(&text, at, &format!("{key} = {wrong}")));
        let told = |problem: &Problem| problem.line == at + 1 && problem.text.contains(&format!("`{key}`"));
        assert!(found.iter().any(told), "{key}: {found:?}");
    }
}

#[test]
fn a_line_cut_anywhere_is_an_error_and_never_a_panic() {
    let text = reference();
    for (n, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
        for (cut, _) in line.char_indices().step_by(7) {
            // What is left may be right by chance; it must be told or taken.
            let _ = load(with_line(&text, n, &line[..cut]));
        }
    }
}

#[test]
fn line_ends_and_the_mark_of_windows_change_nothing() {
    let windows = format!("\u{feff}{}", reference().replace('\n', "\r\n"));
    assert!(load(&windows).is_ok());
    let broken = windows.replace("tz = ", "tzz = ");
    let at = reference().lines().position(|line| line.starts_with("tz = ")).expect("a zone");
    assert_eq!(errors(&broken).first().map(|error| error.line), Some(at + 1));
}

#[test]
fn files_of_rules_d_are_merged_by_name_and_other_files_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("written");
    fs::create_dir(folder.path().join("rules.d")).expect("a folder");
    write("ringback.toml", "schema = 1\n[[line]]\nid = \"main\"\ndid = \"100\"\ncalendar = \"shop\"\n");
    write("rules.d/20.toml", "[[line]]\nid = \"third\"\ndid = \"102\"\n");
    write("rules.d/10.toml", "[[line]]\nid = \"second\"\ndid = \"101\"\n[calendar.shop]\nopen = {}\n");
    write("rules.d/README", "not TOML at all");
    let settings = config::load(&folder.path().join("ringback.toml")).expect("right").settings;
    let ids: Vec<&str> = settings.lines.iter().map(|line| line.id.as_str()).collect();
    assert_eq!(ids, ["main", "second", "third"]);
    assert!(settings.calendars.contains_key("shop"));
}

#[test]
fn a_thousand_errors_are_told_up_to_a_bound() {
    let keys: String = (0..1_000).map(|n| format!("bogus{n} = 1\n")).collect();
    let found = errors(&format!("schema = 1\n{keys}"));
    assert!((100..=102).contains(&found.len()), "{}", found.len());
}

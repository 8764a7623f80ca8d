//! Every scenario under `captures/` and `tests/damaged/` gives its expected output to the byte: as it stands,
//! and in another time zone, locale and folder.
//!
//! `RINGBACK_BLESS=1 cargo test --test it replay` rewrites the expected files. Read them before you commit
//! them; `tests/prove scenarios` holds the verdicts in them against `truth.json` independently.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const FILES: [&str; 5] = ["calls.jsonl", "journal.jsonl", "messages.jsonl", "tasks.jsonl", "summary.json"];

#[test]
fn every_scenario_gives_its_expected_output() {
    let out = tempfile::tempdir().expect("a folder");
    let blessing = std::env::var_os("RINGBACK_BLESS").is_some();
    if blessing {
        mark_as_scenarios();
    }
    for root in roots() {
        replay(&root, out.path(), &[]);
    }
    if blessing {
        bless(out.path());
    }
    assert_same(out.path());
}

#[test]
fn zone_locale_and_folder_change_nothing() {
    let elsewhere = tempfile::tempdir().expect("a folder");
    let copy = elsewhere.path().join("somewhere else");
    copy_scenarios(&copy);
    let out = elsewhere.path().join("out");
    replay(&copy, &out, &[("TZ", "Asia/Kathmandu"), ("LC_ALL", "tr_TR.UTF-8"), ("LANG", "tr_TR.UTF-8")]);
    assert_same(&out);
}

/// One run over all scenarios of a folder; damaged ones among them make it exit with 1.
fn replay(folder: &Path, out: &Path, env: &[(&str, &str)]) {
    let ringback = env!("CARGO_BIN_EXE_ringback");
    let mut command = Command::new(ringback);
    command.arg("replay").arg("--out").arg(out).arg(folder).current_dir(out.parent().expect("a parent"));
    let done = command.envs(env.iter().copied()).output().expect("ringback runs");
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(matches!(done.status.code(), Some(0 | 1)), "{told}");
}

fn assert_same(out: &Path) {
    let mut different = Vec::new();
    for (name, folder) in scenarios() {
        for file in FILES {
            let expected = fs::read(folder.join("expected").join(file)).unwrap_or_default();
            let found = fs::read(out.join(&name).join(file)).unwrap_or_default();
            if expected != found {
                different.push(format!("{name}/{file}: {}", first_difference(&expected, &found)));
            }
        }
    }
    assert!(different.is_empty(), "{} files differ:\n{}", different.len(), different.join("\n"));
}

fn first_difference(expected: &[u8], found: &[u8]) -> String {
    let lines = |bytes| String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect::<Vec<_>>();
    let (expected, found) = (lines(expected), lines(found));
    let n = expected.iter().zip(&found).take_while(|(a, b)| a == b).count();
    let line = |lines: &[String]| lines.get(n).cloned().unwrap_or_else(|| "nothing".to_owned());
    format!("line {}\n  expected {}\n  found    {}", n + 1, line(&expected), line(&found))
}

/// A folder without a configuration is a scenario of its own only once it holds `expected/`.
fn mark_as_scenarios() {
    for folder in scenarios().values() {
        fs::create_dir_all(folder.join("expected")).expect("a folder");
    }
}

fn bless(out: &Path) {
    for (name, folder) in scenarios() {
        let expected = folder.join("expected");
        for file in FILES {
            fs::copy(out.join(&name).join(file), expected.join(file)).expect("a file of the run");
        }
    }
}

fn copy_scenarios(to: &Path) {
    for (name, folder) in scenarios() {
        fs::create_dir_all(to.join(&name).join("expected")).expect("a folder");
        for entry in fs::read_dir(folder).expect("a scenario").flatten() {
            if entry.path().is_file() {
                fs::copy(entry.path(), to.join(&name).join(entry.file_name())).expect("a copy");
            }
        }
    }
}

fn roots() -> [PathBuf; 2] {
    ["captures", "tests/damaged"].map(|folder| Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))
}

/// The scenarios by name.
fn scenarios() -> BTreeMap<String, PathBuf> {
    let listed = roots().into_iter().flat_map(|root| fs::read_dir(root).expect("scenarios"));
    let folders = listed.flatten().map(|entry| entry.path());
    let named = folders.filter(|folder| folder.join("truth.json").is_file());
    named.map(|folder| (folder.file_name().expect("a name").to_string_lossy().into_owned(), folder)).collect()
}

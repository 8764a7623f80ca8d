//! A writer that is killed: whatever it was told is durable is there afterwards.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The example that drives a store; it is built with the tests.
fn example() -> PathBuf {
    let test = std::env::current_exe().expect("a path");
    test.parent().and_then(Path::parent).expect("below the target folder").join("examples").join("store")
}

#[test]
fn a_killed_writer_loses_nothing_it_acknowledged() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ringback.db");
    let mut acknowledged: u64 = 0;
    for lines in [3, 40, 11, 120, 7] {
        let mut writer = Command::new(example())
            .arg("write")
            .arg(&path)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the example is built with the tests");
        let mut told = BufReader::new(writer.stdout.take().expect("a pipe")).lines();
        let last = told.by_ref().take(lines).last().expect("a line").expect("text");
        writer.kill().expect("it runs");
        writer.wait().expect("it ends");
        acknowledged = told.map_while(Result::ok).last().unwrap_or(last).parse().expect("a number");
        let mut check = Command::new(example());
        let checked = check.arg("check").arg(&path).arg(acknowledged.to_string()).output().expect("it runs");
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    }
    assert!(acknowledged > 180);
}

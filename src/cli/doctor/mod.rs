//! `ringback doctor`: whether it can hear calls and keep what it hears, and what to do where it can't.
//!
//! Each check asks the machine for facts and judges them apart from it; the running daemon is asked for what it saw, the
//! store for the calls of the last week. What this user may not see is `unknown`, never
//! `ok`. Nothing is written, and nothing is sent.

mod clock;
pub(super) mod daemon;
mod gateways;
mod site;
mod store;
mod taps;
mod traffic;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use super::run::place;
use super::{DoctorArgs, USAGE, finish};
use crate::clock::{Clock, SystemClock};
use crate::config::{self, Refused};

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// What was looked at, in a word.
    check: &'static str,
    state: State,
    /// A sentence; where something is wrong, with what to do.
    says: String,
}

/// How what was looked at is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Ok,
    /// It works, but less well than it could.
    Warning,
    /// Calls, texts or the journal are in danger.
    Wrong,
    /// This user may not see it, or the machine doesn't say.
    Unknown,
}

/// Looks at everything and tells it. Status 1 if anything is wrong, 2 if the configuration can't be read.
pub fn run(args: &DoctorArgs) -> ExitCode {
    let path = args.config.as_deref().unwrap_or(Path::new(config::DEFAULT_PATH));
    let findings = match config::load(path) {
        Ok(loaded) => {
            let settings = &loaded.settings;
            let mut all = site::findings(path, &loaded);
            let place = place(settings);
            all.extend(taps::findings(&settings.taps));
            let seen = daemon::findings(settings, &place);
            let runs = daemon::runs(&seen);
            all.extend(seen);
            all.extend(traffic::findings(settings, &place.path, SystemClock.now()));
            all.extend(gateways::findings(settings, (&place.path, runs)));
            all.extend(store::findings(&place.path, runs));
            all.push(clock::finding());
            all
        }
        Err(Refused::Wrong(problems)) => problems.iter().map(site::problem).collect(),
        Err(Refused::Unreadable(why)) => {
            eprintln!("{why}");
            return ExitCode::from(USAGE);
        }
    };
    finish(tell(&findings, args.json).map(|()| status(&findings)))
}

fn status(findings: &[Finding]) -> ExitCode {
    match findings.iter().any(|finding| finding.state == State::Wrong) {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    }
}

/// Prints them, a line each.
pub(super) fn tell(findings: &[Finding], as_json: bool) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    for Finding { check, state, says } in findings {
        match as_json {
            true => writeln!(stdout, "{}", json!({"check": check, "state": state.word(), "says": says}))?,
            false => writeln!(stdout, "{:<8} {check:<10} {says}", state.word())?,
        }
    }
    Ok(())
}

impl Finding {
    pub(super) fn new(check: &'static str, state: State, says: impl Into<String>) -> Finding {
        Finding { check, state, says: says.into() }
    }
}

impl State {
    fn word(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Wrong => "wrong",
            State::Unknown => "unknown",
        }
    }
}

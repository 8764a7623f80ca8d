//! `ringback check`: all that is wrong in a configuration, and a line of what is in it if nothing is.

use std::io::{self, Write};
use std::process::ExitCode;

use super::{CheckArgs, USAGE, finish};
use crate::config::{self, Loaded, Problem, Refused};

/// Checks the configuration: problems to stderr, the summary to stdout. Status 1 if anything is wrong, 2 if a
/// file can't be read.
pub fn run(args: &CheckArgs) -> ExitCode {
    match config::load(&args.config) {
        Ok(loaded) => {
            tell(&loaded.warnings);
            finish(writeln!(io::stdout(), "{}", summary(&loaded)).map(|()| ExitCode::SUCCESS))
        }
        Err(Refused::Wrong(problems)) => {
            tell(&problems);
            ExitCode::FAILURE
        }
        Err(Refused::Unreadable(why)) => {
            eprintln!("{why}");
            ExitCode::from(USAGE)
        }
    }
}

fn tell(problems: &[Problem]) {
    let mut stderr = io::stderr().lock();
    for problem in problems {
        // Nobody is left to tell if stderr is gone.
        let _ = writeln!(stderr, "{problem}");
    }
}

fn summary(loaded: &Loaded) -> String {
    let settings = &loaded.settings;
    let parts = [
        count(settings.lines.len(), "line"),
        count(settings.calendars.len(), "calendar"),
        count(settings.gateways.len(), "gateway"),
        count(settings.sequences.len(), "sequence"),
        count(settings.templates.len(), "template"),
    ];
    format!("ok: {}; {}", parts.join(", "), count(loaded.warnings.len(), "warning"))
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

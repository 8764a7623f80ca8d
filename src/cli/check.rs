//! `ringback check`: all that is wrong in a configuration, its own tests among it, and a line of what is in it if nothing
//! is; with `--profile` what a profile knows, and from where.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use super::show::keys;
use super::{CheckArgs, KeyFormat, USAGE, finish};
use crate::config::{self, Key, Loaded, Problem, Refused};

/// Checks the configuration: problems to stderr, the summary to stdout. Status 1 if anything is wrong, 2 if a
/// file can't be read.
pub fn run(args: &CheckArgs) -> ExitCode {
    let outcome = match (&args.config, &args.profile) {
        (None, Some(profile)) => {
            config::profile::profile(profile).map(|found| told(&found.keys, args.format, None))
        }
        (config, profile) => {
            let path = config.as_deref().unwrap_or(Path::new(config::DEFAULT_PATH));
            config::load_under(path, profile.as_deref()).and_then(tried).map(|loaded| {
                tell(&loaded.warnings);
                let keys = if profile.is_some() { loaded.keys.as_slice() } else { &[] };
                told(keys, args.format, Some(&loaded))
            })
        }
    };
    match outcome {
        Ok(written) => finish(written.map(|()| ExitCode::SUCCESS)),
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

/// A configuration whose own tests pass; else what is wrong, warnings among it.
fn tried(loaded: Loaded) -> Result<Loaded, Refused> {
    match config::failures(&loaded) {
        failures if failures.is_empty() => Ok(loaded),
        failures => Err(Refused::Wrong([loaded.warnings, failures].concat())),
    }
}

fn told(keys: &[Key], format: KeyFormat, loaded: Option<&Loaded>) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match format {
        KeyFormat::Table => write!(stdout, "{}", keys::table(keys))?,
        KeyFormat::Json => write!(stdout, "{}", keys::json(keys)?)?,
    }
    match (loaded, format) {
        (Some(loaded), KeyFormat::Table) => writeln!(stdout, "{}", summary(loaded)),
        _ => Ok(()),
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
        count(loaded.trials.len(), "test"),
    ];
    format!("ok: {}; {}", parts.join(", "), count(loaded.warnings.len(), "warning"))
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

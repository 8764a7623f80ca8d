//! `ringback run`: the daemon, from its configuration to its exit status.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::{RunArgs, USAGE, log};
use crate::clock::SystemClock;
use crate::config;
use crate::daemon::{self, Stopped};
use crate::settings::{LogFormat, Settings};
use crate::store::Place;

/// Runs until SIGTERM or SIGINT; SIGHUP has it read its configuration anew. Status 2 if the configuration can't be used, or the store
/// that it names is of a later version or none, 1 if anything else at the start can't.
pub fn run(args: &RunArgs) -> ExitCode {
    let path = args.config.as_deref().unwrap_or(Path::new(config::DEFAULT_PATH));
    let loaded = match config::load(path) {
        Ok(loaded) => loaded,
        Err(refused) => {
            eprintln!("{refused}");
            return ExitCode::from(USAGE);
        }
    };
    let logging = loaded.settings.log;
    log::begin(logging);
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let begun = stop_signals().and_then(|stop| Ok((stop, reload_signal()?, seed()?)));
    let done = begun.map_err(Stopped::System).and_then(|(stop, reload, seed)| {
        let (settings, files, config) = (loaded.settings, loaded.files, path.to_owned());
        let (place, clock) = (place(&settings), Arc::new(SystemClock));
        daemon::run(daemon::Run { settings, files, config, place, clock, seed, stop, reload })
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(stopped @ Stopped::NoTap) => {
            eprintln!("ringback: {}: {stopped}", path.display());
            ExitCode::from(USAGE)
        }
        Err(stopped) => {
            // What no restart makes better is told apart, so that nobody starts it again and again.
            let is_final = matches!(&stopped, Stopped::Store(error) if error.is_final());
            match logging.format {
                LogFormat::Human => eprintln!("ringback: {stopped}"),
                LogFormat::Json => tracing::error!("{stopped}"),
            }
            if is_final { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
        }
    }
}

/// Set once SIGTERM or SIGINT came.
pub(super) fn stop_signals() -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, stop.clone())?;
    }
    Ok(stop)
}

/// Set each time SIGHUP came.
fn reload_signal() -> io::Result<Arc<AtomicBool>> {
    let reload = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGHUP, reload.clone())?;
    Ok(reload)
}

/// What nobody on the network may know.
pub(super) fn seed() -> io::Result<u64> {
    let mut bytes = [0; 8];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

/// Where the store of a configuration is.
pub fn place(settings: &Settings) -> Place {
    let usual = || default_store(std::env::var_os("STATE_DIRECTORY"));
    Place::new(settings.store.clone().unwrap_or_else(usual))
}

/// The store in the first of systemd's state directories, else where that would be.
fn default_store(state: Option<OsString>) -> PathBuf {
    let first = state.and_then(|list| std::env::split_paths(&list).next());
    let folder = first.filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or_else(|| PathBuf::from("/var/lib/ringback")).join("ringback.db")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_is_in_the_service_s_own_folder() {
        for (state, path) in [
            (None, "/var/lib/ringback/ringback.db"),
            (Some("/run/a:/run/b"), "/run/a/ringback.db"),
            (Some(""), "/var/lib/ringback/ringback.db"),
        ] {
            assert_eq!(default_store(state.map(OsString::from)), PathBuf::from(path));
        }
    }
}

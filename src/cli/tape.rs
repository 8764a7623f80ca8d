//! `ringback replay --tape`: a run of the daemon once more.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use super::replay::{settings, unread};
use super::screen::{Screen, Total};
use super::{ReplayArgs, USAGE, show};
use crate::config;
use crate::replay::{self, OutDir, Played, Stopped};
use crate::settings::{Settings, Written};
use crate::tape::{Ending, Tape};

/// Plays a tape under its own configuration, or another that was named.
pub(super) fn replay(path: &Path, args: &ReplayArgs) -> io::Result<ExitCode> {
    let mut tape = match Tape::open(path) {
        Ok(tape) => tape,
        Err(error) => {
            eprintln!("ringback: {}", show::clean(&error.to_string()));
            return Ok(ExitCode::FAILURE);
        }
    };
    let settings = match configured(&tape, args) {
        Ok(settings) => settings,
        Err(code) => return Ok(code),
    };
    let out = args.out.as_deref().map(OutDir::create).transpose()?;
    let mut screen = Screen::new(args.format, settings.site.tz.clone(), out);
    screen.begin(None)?;
    let reread = |files: &[Written]| reread(files, args);
    let done = replay::play(&mut tape, &settings, &reread, &mut screen);
    screen.bar.finish_and_clear();
    match done {
        Ok(played) => {
            unread(&played.summary, "");
            let well = told(&tape, &played, args);
            screen.end(&played.summary, &mut Total::default())?;
            Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Err(stopped) => {
            screen.discard();
            match stopped {
                Stopped::Output(error) => Err(error),
                other => Err(io::Error::other(format!("{other:?}"))),
            }
        }
    }
}

/// The tape's own configuration, unless another one or another profile was named.
fn configured(tape: &Tape, args: &ReplayArgs) -> Result<Settings, ExitCode> {
    if let Some(path) = args.config.as_deref() {
        return settings(Some(path), args.profile.as_deref());
    }
    let refused = |refused: config::Refused| {
        let place = tape.path().display();
        eprintln!("ringback: {place}: its configuration can't be used; name one with --config\n{refused}");
        ExitCode::from(USAGE)
    };
    config::load_copies(&tape.files, args.profile.as_deref()).map(|loaded| loaded.settings).map_err(refused)
}

/// What its run read anew, unless another configuration was named.
fn reread(files: &[Written], args: &ReplayArgs) -> Result<Option<Settings>, String> {
    if args.config.is_some() {
        return Ok(None);
    }
    let loaded = config::load_copies(files, args.profile.as_deref()).map_err(|refused| {
        let told = refused.to_string();
        let first = told.lines().next().unwrap_or_default();
        format!("its configuration can't be used: {first}")
    })?;
    Ok(Some(loaded.settings))
}

/// Tells how it went; true if all of the tape was read and its own configuration gave its journal.
fn told(tape: &Tape, played: &Played, args: &ReplayArgs) -> bool {
    let path = tape.path().display().to_string();
    let name = show::clean(&path);
    let as_it_was = args.config.is_none() && args.profile.is_none();
    if let Some(damage) = &played.damage {
        eprintln!("ringback: {}; what is before it was played", show::clean(&damage.to_string()));
    }
    match (&played.damage, &played.ending) {
        (None, Ending::Open) => {
            eprintln!(
                "ringback: {name} has no end: its run was killed, or goes on; played to where it breaks off"
            );
        }
        (_, Ending::Untaped(why)) => {
            eprintln!("ringback: {name} ends before its run did: {}", show::clean(why));
        }
        _ => {}
    }
    match &played.differs {
        Some(differs) if as_it_was => {
            let version =
                if tape.ringback == env!("CARGO_PKG_VERSION") { "" } else { ", of another version" };
            eprintln!(
                "ringback: {name}:{}: the journal isn't that of its run{version}; they were the same up to entry {}",
                differs.line, differs.same
            );
            false
        }
        _ => played.damage.is_none(),
    }
}

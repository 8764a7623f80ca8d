//! Commands that change the store: done by the running daemon, or without one under the store's lock.

use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

use super::{ChoreArgs, Decided, USAGE, numbers};
use crate::clock::SystemClock;
use crate::config;
use crate::daemon::command::{Answer, Command, Kept, opted_out};
use crate::daemon::{self, control};
use crate::event::ReviewDecision;
use crate::phone::Party;
use crate::settings::Settings;
use crate::tape::Shelf;

/// What is to be done.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "each is the command of its name")]
pub enum Chore<'a> {
    Backup,
    Erase(&'a str),
    OptOut(&'a str),
    OptIn(&'a str),
    TaskDone(&'a str),
    Release,
    OptOutAll(&'a Path),
    MessageCancel(&'a str),
    MessageResend(&'a str),
    ReviewDecide(&'a str, Decided),
}

/// Does it, and says what was done. Status 1 if it can't be, 2 if the configuration or the number can't be used.
pub fn run(args: &ChoreArgs, chore: Chore<'_>) -> ExitCode {
    let settings = match settings(args) {
        Ok(settings) => settings,
        Err(status) => return status,
    };
    let command = match command(chore, &settings) {
        Ok(command) => command,
        Err(wrong) => {
            eprintln!("ringback: {wrong}");
            return ExitCode::from(USAGE);
        }
    };
    let answer = carry_out(&command, &settings);
    if answer.done {
        println!("{}", answer.told);
        return ExitCode::SUCCESS;
    }
    eprintln!("ringback: {}", answer.told);
    ExitCode::FAILURE
}

/// The configuration of a command about its store; what is wrong with it is told.
///
/// # Errors
/// The status to end with.
pub fn settings(args: &ChoreArgs) -> Result<Settings, ExitCode> {
    let path = args.config.as_deref().unwrap_or(Path::new(config::DEFAULT_PATH));
    config::load(path).map(|loaded| loaded.settings).map_err(|refused| {
        eprintln!("{refused}");
        ExitCode::from(USAGE)
    })
}

/// A number as people of the site write it.
///
/// # Errors
/// It is none; what to write instead.
pub fn number(text: &str, settings: &Settings) -> Result<Party, String> {
    let plan = settings.dialplan();
    let read = plan.read(text.trim().as_bytes());
    read.filter(|party| party.number().is_some())
        .ok_or_else(|| format!("`{text}` is no telephone number here; write it as +13125550142"))
}

fn command(chore: Chore<'_>, settings: &Settings) -> Result<Command, String> {
    Ok(match chore {
        Chore::Backup => Command::Backup {},
        Chore::Erase(text) => Command::Erase { number: number(text, settings)? },
        Chore::OptOut(text) => Command::OptOut { number: number(text, settings)? },
        Chore::OptIn(text) => Command::OptIn { number: number(text, settings)? },
        Chore::TaskDone(key) => Command::TaskDone { key: key.to_owned() },
        Chore::Release => Command::Release {},
        Chore::OptOutAll(path) => {
            let numbers = numbers::read(path, |text| number(text, settings));
            Command::OptOutAll { numbers: numbers.map_err(|wrong| wrong.join("\nringback: "))? }
        }
        Chore::MessageCancel(key) => Command::MessageCancel { key: key.to_owned() },
        Chore::MessageResend(key) => Command::MessageResend { key: key.to_owned() },
        Chore::ReviewDecide(call, what) => {
            let decision = match what {
                Decided::Missed => ReviewDecision::Missed,
                Decided::Answered => ReviewDecision::Answered,
                Decided::Ignore => ReviewDecision::Ignore,
            };
            Command::ReviewDecide { call: call.to_owned(), decision }
        }
    })
}

/// Has the daemon do it, part by part; where none runs, all of it is done here.
fn carry_out(command: &Command, settings: &Settings) -> Answer {
    let place = super::run::place(settings);
    let socket = control::socket(settings, &place);
    let (all, mut taken) = (command.numbers(), 0);
    let mut last = Answer::done(opted_out(all));
    for part in command.parts() {
        let answer = match control::ask(&socket, &part) {
            Ok(Some(answer)) => answer,
            Ok(None) => {
                let tapes = settings.tape.as_ref().map(Shelf::new);
                let kept = Kept { tapes, voices: daemon::voices(settings, &place) };
                return command.alone(&place, &kept, &SystemClock);
            }
            Err(error) => unasked(&socket, &error),
        };
        if !answer.done {
            return if taken == 0 { answer } else { cut_short(&answer, taken, all) };
        }
        taken += part.numbers();
        last = answer;
    }
    if all > 0 { Answer::done(opted_out(all)) } else { last }
}

fn unasked(socket: &Path, error: &std::io::Error) -> Answer {
    let cure = match error.kind() {
        ErrorKind::PermissionDenied => "run this as root, or as one of the socket's group",
        _ => "see what `journalctl -u ringback` says",
    };
    Answer::refused(format!("control socket {}: {error}; {cure}", socket.display()))
}

/// Of a list that a daemon took the beginning of.
fn cut_short(answer: &Answer, taken: usize, all: usize) -> Answer {
    let why = &answer.told;
    Answer::refused(format!("{why}; {taken} of {all} numbers are taken, import the whole list again"))
}

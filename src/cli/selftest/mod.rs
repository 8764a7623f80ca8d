//! `ringback selftest`: a call over the loopback, through an engine of its own, to the outbox of a file gateway.
//!
//! Everything is in a temporary folder, which goes at the end, also at SIGTERM or SIGINT: no store, gateway or number of
//! the site has a part in it. The interface `lo` is tapped where this user may capture; else the call reaches the engine
//! as HEP. Each stage is told as it is passed; the first that isn't ends it.

mod call;
mod office;

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType};

use super::doctor::daemon::Seen;
use super::doctor::{self, Finding, State};
use super::run::{place, seed, stop_signals};
use super::{DoctorArgs, finish};
use crate::clock::{Clock, SystemClock};
use crate::config::{self, Refused};
use crate::daemon::command::{Answer, Command};
use crate::daemon::control;
use crate::time::Span;

use call::Call;
use office::{Office, Tapped};

/// Makes the call and tells each stage. Status 1 if one isn't passed.
pub fn run(args: &DoctorArgs) -> ExitCode {
    let tapped = match rustix::net::socket(AddressFamily::PACKET, SocketType::RAW, None) {
        Ok(_) => Tapped::Loopback,
        Err(_) => Tapped::Hep,
    };
    let mut tell = |stage: &'static str, came: Result<String, String>| -> Result<(), Stop> {
        let is_well = came.is_ok();
        let (state, says) = match came {
            Ok(says) => (State::Ok, says),
            Err(says) => (State::Wrong, says),
        };
        doctor::tell(&[Finding::new(stage, state, says)], args.json).map_err(Stop::Unread)?;
        if is_well { Ok(()) } else { Err(Stop::Failed) }
    };
    match stages(args, tapped, &mut tell) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Failed) => ExitCode::FAILURE,
        Err(Stop::Unread(error)) => finish(Err(error)),
    }
}

/// Why it ended before its end.
enum Stop {
    /// A stage wasn't passed, which was told.
    Failed,
    /// Nobody reads what is told.
    Unread(std::io::Error),
}

type Tell<'t> = dyn FnMut(&'static str, Result<String, String>) -> Result<(), Stop> + 't;

fn stages(args: &DoctorArgs, tapped: Tapped, tell: &mut Tell<'_>) -> Result<(), Stop> {
    tell("site", heard_by_the_site(args.config.as_deref()))?;
    let (call, office) = match begun(tapped) {
        Ok(begun) => begun,
        Err(why) => return tell("engine", Err(why)),
    };
    tell("tap", office.reaches(LISTENS, "tap_up", 1).map(|()| tapped.says().to_owned()))?;
    tell("call", call.make(office.hep()))?;
    let all = call::MESSAGES;
    let read = office.reaches(SEES, "sip_messages_total", all);
    tell("sip", read.map(|()| format!("the engine read all {all} messages of it")))?;
    let judged = office.reaches(SEES, "outcomes_total{outcome=\"abandoned\"}", 1);
    tell("verdict", judged.map(|()| "it is a missed call, `abandoned`".to_owned()))?;
    let accepted = office.reaches(SENDS, "texts_total{state=\"accepted\"}", 1);
    tell(
        "text",
        accepted.map(|()| "its text was planned, claimed and accepted by the file gateway".to_owned()),
    )?;
    tell("outbox", office.outbox())?;
    tell("end", office.close())
}

/// The ends of the call, and the engine.
fn begun(tapped: Tapped) -> Result<(Call, Office), String> {
    let seed = seed().map_err(|error| format!("/dev/urandom: {error}"))?;
    let call = Call::new(seed)?;
    let stop = stop_signals().map_err(|error| error.to_string())?;
    let office = Office::open(tapped, &call, seed, stop)?;
    Ok((call, office))
}

/// A daemon that taps `lo` itself would take the call for one of the site's.
fn heard_by_the_site(config: Option<&Path>) -> Result<String, String> {
    let path = config.unwrap_or(Path::new(config::DEFAULT_PATH));
    let loaded = match config::load(path) {
        Ok(loaded) => loaded,
        Err(_) if path.try_exists().is_ok_and(|is_there| !is_there) => {
            return Ok("there is no configuration of a site, and none is needed".to_owned());
        }
        Err(refused) => return Err(cant_tell(refused)),
    };
    let settings = &loaded.settings;
    heard_by(control::ask(&control::socket(settings, &place(settings)), &Command::Figures {}))
}

/// The taps are those that the daemon runs with, whatever its file says since.
fn heard_by(answer: io::Result<Option<Answer>>) -> Result<String, String> {
    let unsure = |why: &str, mend: &str| {
        Err(format!(
            "a daemon runs, and {why}: nobody knows whether it taps lo and would take this call for one of the site's; {mend}"
        ))
    };
    let told = match answer {
        Ok(None) => return Ok("no daemon runs; none is needed".to_owned()),
        Ok(Some(Answer { done: true, told })) => told,
        Ok(Some(Answer { told, .. })) => return unsure(&told, "systemctl restart ringback"),
        Err(error) => return unsure(&format!("can't be asked: {error}"), "sudo ringback selftest"),
    };
    match Seen::read(&told).interfaces() {
        Some(all) if all.contains(&"lo") => Err(
            "the daemon that runs taps lo and would take this call for one of the site's; systemctl stop \
             ringback, and try again"
                .to_owned(),
        ),
        Some(_) => Ok("the daemon that runs doesn't hear lo, and has no part in this".to_owned()),
        None => unsure("is of another version", "systemctl restart ringback"),
    }
}

/// A daemon may run all the same, with what the file said before.
fn cant_tell(refused: Refused) -> String {
    let (why, mend) = match refused {
        Refused::Unreadable(why) => (why, "sudo ringback selftest reads it"),
        Refused::Wrong(problems) => {
            let first = problems.iter().find(|problem| !problem.warning);
            (first.map(ToString::to_string).unwrap_or_default(), "mend the file; ringback check tells all")
        }
    };
    format!(
        "{why}: so nobody knows whether the site's daemon taps lo and would take this call for its own; {mend}"
    )
}

/// Asks again and again until it is so, or so much time has passed.
fn until(patience: Span, mut is_so: impl FnMut() -> bool) -> bool {
    let end = SystemClock.boottime() + patience;
    loop {
        if is_so() {
            return true;
        }
        if SystemClock.boottime() > end {
            return false;
        }
        std::thread::sleep(OFTEN);
    }
}

const OFTEN: Duration = Duration::from_millis(20);
/// How long each stage may take, on a slow and busy machine.
const LISTENS: Span = Span::from_secs(10);
const SEES: Span = Span::from_secs(5);
const SENDS: Span = Span::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_taps_are_those_of_the_daemon_that_runs() {
        let tap = |kind: &str, at: &str| {
            let row = format!("ringback_tap_info{{tap=\"lo\",type=\"{kind}\",at=\"{at}\"}} 1\n");
            heard_by(Ok(Some(Answer::done(row))))
        };
        assert!(tap("interface", "lo").expect_err("it hears lo").contains("systemctl stop"));
        assert!(tap("interface", "eth1").is_ok() && tap("files", "lo").is_ok());
        assert_eq!(heard_by(Ok(None)), Ok("no daemon runs; none is needed".to_owned()));
        let unsure = [
            Ok(Some(Answer::done("ringback_tap_up{tap=\"lo\"} 1\n"))),
            Ok(Some(Answer::refused("the engine doesn't turn"))),
            Err(io::ErrorKind::PermissionDenied.into()),
        ];
        for answer in unsure {
            assert!(heard_by(answer).expect_err("nobody knows").contains("nobody knows whether it taps lo"));
        }
    }

    #[test]
    fn a_configuration_that_is_there_and_cannot_be_read_stops_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ringback.toml");
        assert!(heard_by_the_site(Some(&path)).is_ok());
        std::fs::write(&path, "schema = 1\n[[tap]]\ntype = \"interface\"\n").expect("written");
        let why = heard_by_the_site(Some(&path)).expect_err("nobody knows");
        assert!(why.contains("whether the site's daemon taps lo") && why.contains("mend the file"), "{why}");
        assert_eq!(why.lines().count(), 1, "{why}");
        let why = heard_by_the_site(Some(folder.path())).expect_err("a folder is no file");
        assert!(why.contains("sudo ringback selftest"), "{why}");
    }
}

//! `ringback replay`: captures through the whole engine, told on standard output and into a folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jiff::tz::TimeZone;

use super::screen::{Screen, Total};
use super::{ReplayArgs, USAGE, show};
use crate::config;
use crate::engine::Summary;
use crate::replay::{self, OutDir, Stopped};
use crate::settings::Settings;
use crate::source::{self, CaptureFile, Plan};
use crate::time::Timestamp;

/// Replays what was named: each scenario for itself, everything else as one run.
pub fn run(args: ReplayArgs) -> ExitCode {
    super::finish(match &args.tape {
        Some(tape) => super::tape::replay(tape, &args),
        None => replay(&args),
    })
}

fn replay(args: &ReplayArgs) -> io::Result<ExitCode> {
    if args.captures.iter().filter(|path| path.as_os_str() == "-").count() > 1 {
        eprintln!("ringback: - is given twice; standard input can be read once only");
        return Ok(ExitCode::from(USAGE));
    }
    let plan = match source::plan(&args.captures) {
        Ok(plan) => plan,
        Err(error) => {
            eprintln!("ringback: {error}");
            return Ok(ExitCode::FAILURE);
        }
    };
    if let Some((first, name)) = begins_after(&plan, args) {
        return Ok(too_early(first, &name));
    }
    let mut all_well = true;
    let mut total = Total::default();
    for run in &plan.runs {
        let scenario = run.scenario.as_ref();
        let config = args.config.as_deref().or(scenario.and_then(|scenario| scenario.config.as_deref()));
        let settings = match settings(config, args.profile.as_deref()) {
            Ok(settings) => settings,
            Err(code) => return Ok(code),
        };
        let out = args.out.as_deref().map(|out| folder(out, scenario.map(|scenario| scenario.name.as_str())));
        let named = scenario.filter(|_| plan.runs.len() > 1).map(|scenario| scenario.name.as_str());
        match one(args, &run.captures, settings, Place { out: out.as_deref(), named }, &mut total)? {
            Ok(whole) => all_well &= whole,
            Err(code) => return Ok(code),
        }
    }
    if plan.runs.len() > 1 {
        total.tell(args.format, args.out.is_some())?;
    }
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The first capture that begins only after outreach was to end, as far as that is known before it is read.
fn begins_after(plan: &Plan, args: &ReplayArgs) -> Option<(Timestamp, String)> {
    let firsts = plan.runs.iter().filter_map(|run| {
        let begin = |capture: &CaptureFile| Some((capture.begins()?, capture.path.display().to_string()));
        run.captures.iter().filter_map(begin).min()
    });
    firsts.filter(|(first, _)| args.until.is_before(*first)).min()
}

fn too_early(first: Timestamp, name: &str) -> ExitCode {
    let first = show::local(first, &TimeZone::UTC);
    eprintln!(
        "ringback: --until is before the first packet of {}, of {first}; give a later time, or a length as 72h",
        show::clean(name)
    );
    ExitCode::from(USAGE)
}

/// Where the output of a run goes, and what it is called among several.
struct Place<'a> {
    out: Option<&'a Path>,
    named: Option<&'a str>,
}

/// One run; tells whether all of its input could be read, or the exit status if it couldn't begin.
fn one(
    args: &ReplayArgs,
    captures: &[CaptureFile],
    settings: Settings,
    place: Place<'_>,
    total: &mut Total,
) -> io::Result<Result<bool, ExitCode>> {
    let tz = settings.site.tz.clone();
    let out = place.out.map(OutDir::create).transpose()?;
    let mut screen = Screen::new(args.format, tz, out);
    screen.begin(place.named)?;
    let run = replay::Run { captures, settings, until: args.until };
    let bar = screen.bar.clone();
    let named = place.named.map(|name| format!("{}/", show::clean(name))).unwrap_or_default();
    let done = replay::run(run, &mut screen, |told| bar.suspend(|| eprintln!("ringback: {named}{told}")));
    screen.bar.finish_and_clear();
    match done {
        Ok(summary) => {
            let whole = summary.damage.is_empty();
            unread(&summary, &named);
            screen.end(&summary, total)?;
            Ok(Ok(whole))
        }
        Err(stopped) => {
            screen.discard();
            match stopped {
                Stopped::Output(error) => Err(error),
                Stopped::Before(first) => Ok(Err(too_early(first, "the capture"))),
                Stopped::Input(error) => {
                    eprintln!("ringback: {error}");
                    Ok(Ok(false))
                }
            }
        }
    }
}

/// Tells what a report without calls may be due to: packets that couldn't be read as a whole, or at all.
pub(super) fn unread(summary: &Summary, place: &str) {
    let flow = &summary.flow;
    if flow.unknown_link > 0 {
        let packets = flow.unknown_link;
        eprintln!(
            "ringback: {place}{packets} packets have a link type that isn't read; capture on Ethernet, \"any\" or lo"
        );
    }
    if flow.cut > 0 {
        let packets = flow.cut;
        eprintln!(
            "ringback: {place}{packets} packets were cut short by the capture; capture with a snap length of 0"
        );
    }
}

/// Settings of a configuration under a profile; the exit status if either can't be used. Warnings are for
/// `check` to tell.
pub(super) fn settings(config: Option<&Path>, profile: Option<&str>) -> Result<Settings, ExitCode> {
    let settings = match (config, profile) {
        (Some(path), profile) => config::load_under(path, profile).map(|loaded| loaded.settings),
        (None, Some(name)) => {
            config::profile::profile(name).map(|found| Settings { pbx: found.pbx, ..Settings::default() })
        }
        (None, None) => Ok(Settings::default()),
    };
    settings.map_err(|refused| {
        eprintln!("{refused}");
        ExitCode::from(USAGE)
    })
}

fn folder(out: &Path, scenario: Option<&str>) -> PathBuf {
    scenario.map_or_else(|| out.to_owned(), |name| out.join(name))
}

fn told(error: io::Error, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Reads one of the files a replay wrote, a value a line.
pub(super) fn lines<T: serde::de::DeserializeOwned>(path: &Path) -> io::Result<Vec<T>> {
    let text = fs::read_to_string(path).map_err(|error| told(error, path))?;
    let value = |(n, line)| {
        serde_json::from_str(line).map_err(|error| {
            let what = format!("{}:{}: not written by this version: {error}", path.display(), n + 1);
            io::Error::new(io::ErrorKind::InvalidData, what)
        })
    };
    text.lines().enumerate().map(value).collect()
}

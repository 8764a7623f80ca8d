//! `ringback learn`: a profile proposed from captures, on standard output; what is damaged on standard error.

use std::io::{self, Write};
use std::process::ExitCode;

use super::{LearnArgs, USAGE, finish};
use crate::config;
use crate::learn::{Learner, Proposal};
use crate::source::{self, CaptureFile, Merge, PacketSource};
use crate::time::Timestamp;
use crate::wire::packet::TapId;

/// Learns from all captures together, whatever folders they are in. Status 1 if one can't be read to its end.
pub fn run(args: &LearnArgs) -> ExitCode {
    if args.captures.iter().filter(|path| path.as_os_str() == "-").count() > 1 {
        eprintln!("ringback: - is given twice; standard input can be read once only");
        return ExitCode::from(USAGE);
    }
    let captures: Vec<CaptureFile> = match source::plan(&args.captures) {
        Ok(plan) => plan.runs.into_iter().flat_map(|run| run.captures).collect(),
        Err(error) => {
            eprintln!("ringback: {error}");
            return ExitCode::FAILURE;
        }
    };
    match learn(&captures) {
        Ok((proposal, whole)) => finish(tell(&proposal).map(|()| match whole {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })),
        Err(why) => {
            eprintln!("ringback: {why}");
            ExitCode::FAILURE
        }
    }
}

fn tell(proposal: &Proposal) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    write!(stdout, "{proposal}")?;
    stdout.flush()
}

/// What the captures tell, and whether all could be read to their end.
fn learn(captures: &[CaptureFile]) -> Result<(Proposal, bool), String> {
    let profiles = config::profile::all().map_err(|refused| refused.to_string())?;
    let mut merge = Merge::open(captures, TapId(0)).map_err(|error| error.to_string())?;
    let mut learner = Learner::new(profiles, SEED);
    let (mut last, mut whole) = (Timestamp::from_micros(i64::MIN), true);
    while let Some(next) = merge.next() {
        match next {
            Ok(packet) => {
                last = last.max(packet.at);
                learner.packet(&packet);
            }
            Err(damage) => {
                eprintln!("ringback: {damage}");
                whole = false;
            }
        }
    }
    for remark in merge.take_remarks() {
        eprintln!("ringback: {remark}");
    }
    Ok((learner.finish(last, captures.len()), whole))
}

/// The same captures give the same profile.
const SEED: u64 = 0;

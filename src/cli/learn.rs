//! `ringback learn`: a profile proposed from captures or from taps, on standard output; what went wrong on standard
//! error.

mod live;

use std::io::{self, Write};
use std::process::ExitCode;

use super::{LearnArgs, USAGE, finish};
use crate::config;
use crate::learn::{Learner, Material, Proposal};
use crate::source::{self, CaptureFile, Merge, PacketSource};
use crate::time::Timestamp;
use crate::wire::packet::TapId;

/// Learns from all captures together, whatever folders they are in, or from the taps for a period. Status 1 if a
/// capture can't be read to its end, or a tap never listened.
pub fn run(args: &LearnArgs) -> ExitCode {
    let learnt = match args.period {
        Some(period) => live::learn(args.config.as_deref(), period),
        None => captured(args),
    };
    match learnt {
        Ok((proposal, whole)) => finish(tell(&proposal).map(|()| match whole {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })),
        Err(status) => status,
    }
}

fn tell(proposal: &Proposal) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    write!(stdout, "{proposal}")?;
    stdout.flush()
}

/// What the captures that were named tell, or the exit status if they can't.
fn captured(args: &LearnArgs) -> Result<(Proposal, bool), ExitCode> {
    if args.captures.iter().filter(|path| path.as_os_str() == "-").count() > 1 {
        eprintln!("ringback: - is given twice; standard input can be read once only");
        return Err(ExitCode::from(USAGE));
    }
    let plan = source::plan(&args.captures).map_err(|error| error.to_string());
    let learnt = plan.and_then(|plan| {
        let captures: Vec<CaptureFile> = plan.runs.into_iter().flat_map(|run| run.captures).collect();
        learn(&captures)
    });
    learnt.map_err(|why| failed(&why))
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
    Ok((learner.finish(last, Material::Captures(captures.len())), whole))
}

fn failed(why: &str) -> ExitCode {
    eprintln!("ringback: {why}");
    ExitCode::FAILURE
}

/// The same captures give the same profile.
const SEED: u64 = 0;

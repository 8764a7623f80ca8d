//! `ringback learn --for`: what the taps of a configuration hear for a period, to a proposal.
//!
//! In: their packets, and an interrupt that ends it early. Out: what the capture form says of the same packets. Of
//! the taps only SIP is asked; nothing is written, stored or sent. Clocks are read here alone: how long it
//! listened is told by the one that never goes back.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::{USAGE, run};
use super::failed;
use crate::clock::{Clock, SystemClock};
use crate::config;
use crate::daemon::Stopped;
use crate::learn::{Learner, Material, Proposal};
use crate::settings::Tap;
use crate::source::{Live, State, Taps, Wanted};
use crate::time::{Span, Timestamp};

/// What is heard in the period, and whether each tap listened; or the exit status if none can.
pub(super) fn learn(config: Option<&Path>, period: Span) -> Result<(Proposal, bool), ExitCode> {
    let path = config.unwrap_or(Path::new(config::DEFAULT_PATH));
    let loaded = config::load(path).map_err(|refused| {
        eprintln!("{refused}");
        ExitCode::from(USAGE)
    })?;
    let taps = loaded.settings.taps;
    if taps.is_empty() {
        eprintln!("ringback: {}: {}", path.display(), Stopped::NoTap);
        return Err(ExitCode::from(USAGE));
    }
    let profiles = config::profile::all().map_err(|refused| failed(&refused.to_string()))?;
    let lacks = |error: io::Error| failed(&Stopped::System(error).to_string());
    let stop = run::stop_signals().map_err(lacks)?;
    let learner = Learner::new(profiles, run::seed().map_err(lacks)?);
    let listening = Listening::start(&taps, Arc::new(SystemClock), learner).map_err(lacks)?;
    // Each tap has said why by then.
    listening.hear(period, &stop).ok_or(ExitCode::FAILURE)
}

/// Taps that are learnt from.
struct Listening<'t> {
    clock: Arc<dyn Clock>,
    names: &'t [Tap],
    taps: Taps,
    learner: Learner,
    /// When the newest packet was captured.
    last: Timestamp,
    lost: u64,
    /// The taps that have said how they are.
    told: BTreeSet<u16>,
    /// The taps that listen, or have.
    heard: BTreeSet<u16>,
}

impl<'t> Listening<'t> {
    fn start(names: &'t [Tap], clock: Arc<dyn Clock>, learner: Learner) -> io::Result<Listening<'t>> {
        let taps = Taps::start(names, clock.clone())?;
        taps.want(Wanted::None);
        let (told, heard) = (BTreeSet::new(), BTreeSet::new());
        Ok(Listening { clock, names, taps, learner, last: BEFORE_ALL, lost: 0, told, heard })
    }

    /// Listens for `period`, or until told to stop; none if no tap can.
    fn hear(mut self, period: Span, stop: &AtomicBool) -> Option<(Proposal, bool)> {
        let begun = self.clock.boottime();
        let until = begun + period;
        while !stop.load(Ordering::Relaxed) {
            let left = until - self.clock.boottime();
            if left <= Span::ZERO {
                break;
            }
            self.take_next(left.min(TICK));
            if self.heard.is_empty() && self.told.len() == self.names.len() {
                return None;
            }
        }
        let ended = self.clock.boottime().min(until);
        let listened = ended - begun;
        self.taps.stop();
        while self.take_next(Span::ZERO) {}
        let whole = self.heard.len() == self.names.len();
        let material = Material::Taps { count: self.heard.len(), listened, lost: self.lost };
        Some((self.learner.finish(self.last, material), whole))
    }

    /// Takes what comes within `wait`; false if nothing does.
    fn take_next(&mut self, wait: Span) -> bool {
        match self.taps.next(wait) {
            Live::Packet(packet) => {
                self.last = self.last.max(packet.at);
                self.learner.packet(&packet);
            }
            Live::Drops(drops) => self.lost = self.lost.saturating_add(drops.count),
            Live::State(state) => {
                self.told.insert(state.tap.0);
                let tap = self.names.get(usize::from(state.tap.0)).map_or("?", |tap| tap.id.as_str());
                match state.state {
                    State::Up => {
                        self.heard.insert(state.tap.0);
                        eprintln!("ringback: tap {tap}: listening");
                    }
                    State::Down(trouble) => eprintln!("ringback: tap {tap}: {trouble}"),
                }
            }
            Live::Idle => return false,
        }
        true
    }
}

const BEFORE_ALL: Timestamp = Timestamp::from_micros(i64::MIN);

/// A wish to stop is looked at so often.
const TICK: Span = Span::from_millis(50);

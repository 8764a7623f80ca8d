//! Captures through the whole engine on a virtual clock.
//!
//! The only difference to the daemon is where packets come from and that every gateway accepts at once.
//! A damaged capture is read up to the damage; the others go on.

mod messages;
mod outdir;
mod tape;

use std::fmt::Display;
use std::io;
use std::sync::Arc;

use crate::engine::{Audio, Engine, Input, Output, Summary};
use crate::event::{JournalEntry, Message, MessageState, Receipt};
use crate::settings::Settings;
use crate::source::{CaptureFile, Merge};
use crate::time::{Span, Timestamp};
use crate::wire::packet::TapId;

pub use messages::LastStates;
pub use outdir::OutDir;
pub use tape::{Differs, Played, Reread, play};

/// Where the journal of a run goes.
pub trait Sink {
    /// Takes one entry, in order.
    fn entry(&mut self, entry: &JournalEntry) -> io::Result<()>;
    /// Takes the sound of a message; the call that names it comes next.
    fn audio(&mut self, audio: &Audio) -> io::Result<()>;
    /// Is told now and then how many bytes were read, of how many.
    fn read(&mut self, bytes: u64, of: u64);
}

/// How far outreach is played out after the last packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// This long after the last packet.
    After(Span),
    /// Up to a point in time.
    At(Timestamp),
}

impl Until {
    /// Whether nothing of a capture that begins at `first` is left to be played out.
    pub fn is_before(self, first: Timestamp) -> bool {
        matches!(self, Until::At(at) if at < first)
    }
}

/// What a run needs.
pub struct Run<'a> {
    /// The captures, merged by time.
    pub captures: &'a [CaptureFile],
    /// The configuration.
    pub settings: Settings,
    /// How far outreach is played out.
    pub until: Until,
}

/// Why a run stopped.
#[derive(Debug)]
pub enum Stopped {
    /// A capture couldn't be opened.
    Input(crate::source::InputError),
    /// The output couldn't be written.
    Output(io::Error),
    /// Outreach was to end before the first packet, which was captured then.
    Before(Timestamp),
}

/// Runs captures through the engine into `sink`; tells each damage as it is met, and what was odd.
pub fn run(
    run: Run<'_>,
    sink: &mut dyn Sink,
    mut told: impl FnMut(&dyn Display),
) -> Result<Summary, Stopped> {
    let mut merge = Merge::open(run.captures, TapId(0)).map_err(Stopped::Input)?;
    let mut engine = Engine::new(&run.settings, SEED);
    engine.name_taps(run.captures.iter().map(|capture| Arc::from(capture.name.as_str())).collect());
    let (mut progress, mut damages) = (PROGRESS, Vec::new());
    while let Some(next) = merge.next_unless(|packet| engine.lets_go(packet)) {
        match next {
            Ok(packet) => {
                let at = packet.at;
                if engine.last_packet().is_none() && run.until.is_before(at) {
                    return Err(Stopped::Before(at));
                }
                engine.handle(at, Input::Packet(packet));
                drain(&mut engine, sink)?;
            }
            Err(damage) => {
                told(&damage);
                damages.push(damage);
            }
        }
        if engine.packets() >= progress {
            progress = engine.packets() + PROGRESS;
            sink.read(merge.bytes_read(), merge.bytes_total());
        }
    }
    for remark in merge.take_remarks() {
        told(&remark);
    }
    if let Some(last) = engine.last_packet() {
        engine.handle(last, Input::End);
        play_out(&mut engine, sink, last, run.until)?;
    }
    Ok(engine
        .summary()
        .with_damage(damages.into_iter().map(|damage| (damage.name, damage.offset, damage.what))))
}

/// Lets what was planned happen, up to `until`.
fn play_out(engine: &mut Engine, sink: &mut dyn Sink, last: Timestamp, until: Until) -> Result<(), Stopped> {
    let end = match until {
        Until::After(span) => last + span,
        Until::At(at) => at.max(last),
    };
    drain(engine, sink)?;
    while let Some(at) = engine.deadline().filter(|at| *at <= end) {
        engine.advance(at);
        drain(engine, sink)?;
    }
    Ok(())
}

fn drain(engine: &mut Engine, sink: &mut dyn Sink) -> Result<(), Stopped> {
    while let Some(output) = engine.poll() {
        match output {
            Output::Journal(entry) => sink.entry(&entry).map_err(Stopped::Output)?,
            Output::Audio(audio) => sink.audio(&audio).map_err(Stopped::Output)?,
            Output::Submit(message) | Output::LookUp(message) => engine.accept(&message),
        }
    }
    Ok(())
}

impl Engine {
    /// The gateway of replay: it accepts at once, and its reference is the key.
    fn accept(&mut self, message: &Message) {
        let at = message.sent.unwrap_or(message.due);
        let receipt = Receipt {
            key: message.key.clone(),
            state: MessageState::Accepted,
            gateway_ref: Some(message.key.clone()),
        };
        self.handle(at, Input::Receipt(receipt));
    }
}

/// Replay keys its hashes with a fixed seed, so that the same captures give the same bytes.
const SEED: u64 = 0;

/// Packets between two looks at how much was read.
const PROGRESS: u64 = 4_096;

//! A tape through the engine: the same inputs at the same times, so the same journal.
//!
//! What gateways said then is on the tape; nothing is accepted here. The tape tells a digest of the journal as it went,
//! and what is made here is held to it. A tape that can't be read on is played up to there.

use super::{Sink, Stopped};
use crate::engine::{Engine, Input, Output, Summary};
use crate::settings::{Settings, Written};
use crate::tape::{Digest, Ending, Hex, Taken, Tape, TapeError};

/// What came of a tape.
#[derive(Debug)]
pub struct Played {
    /// What was seen.
    pub summary: Summary,
    /// Where the tape couldn't be read on.
    pub damage: Option<TapeError>,
    /// Where the journal was first seen not to be that of the tape's run.
    pub differs: Option<Differs>,
    /// Journal entries that were held to the tape's.
    pub compared: u64,
    /// How the tape ends.
    pub ending: Ending,
}

/// Where the journal went another way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differs {
    /// The line of the tape that shows it.
    pub line: u64,
    /// The last entry that was seen to be the same, 0 if none.
    pub same: u64,
}

/// The configuration that files of a tape mean; none: that which it is played under stays. Else what is wrong in them.
pub type Reread<'a> = &'a dyn Fn(&[Written]) -> Result<Option<Settings>, String>;

/// Plays a tape into `sink`, under the settings given, which may be others than its own. Where its run read its
/// configuration anew, `reread` says what to go on with.
///
/// # Errors
/// The output can't be written.
pub fn play(
    tape: &mut Tape,
    settings: &Settings,
    reread: Reread<'_>,
    sink: &mut dyn Sink,
) -> Result<Played, Stopped> {
    let state = std::mem::take(&mut tape.state);
    let mut engine = Engine::restore(settings, state, tape.seed, tape.at);
    engine.name_taps(match tape.taps.is_empty() {
        true => settings.taps.iter().map(|tap| tap.id.as_str().into()).collect(),
        false => tape.taps.iter().map(|tap| tap.as_str().into()).collect(),
    });
    let mut deck = Deck { engine, sink, digest: Digest::default(), compared: 0, differs: None };
    let mut inputs = 0_u64;
    let damage = loop {
        deck.drain().map_err(Stopped::Output)?;
        match tape.next() {
            Ok(Some(Taken::Journal(n, digest))) => deck.compare((n, digest), tape.line()),
            Ok(Some(Taken::Settings(at, files))) => match reread(&files) {
                Ok(fresh) => fresh.iter().for_each(|fresh| deck.engine.handle(at, Input::Settings(fresh))),
                Err(what) => break Some(TapeError { path: tape.path().to_owned(), line: tape.line(), what }),
            },
            Ok(Some(taken)) => deck.take(taken),
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
        inputs += 1;
        if inputs.is_multiple_of(PROGRESS) {
            let (read, size) = tape.read();
            deck.sink.read(read, size);
        }
    };
    let Deck { engine, compared, differs, .. } = deck;
    Ok(Played { summary: engine.summary(), damage, differs, compared, ending: tape.ending().clone() })
}

struct Deck<'a> {
    engine: Engine,
    sink: &'a mut dyn Sink,
    digest: Digest,
    compared: u64,
    differs: Option<Differs>,
}

impl Deck<'_> {
    fn take(&mut self, taken: Taken<'_>) {
        let engine = &mut self.engine;
        match taken {
            // One that came late was taken later than it says.
            Taken::Packet(at, packet) => engine.handle(at.min(packet.at), Input::Packet(packet)),
            Taken::Receipt(at, receipt) => engine.handle(at, Input::Receipt(receipt)),
            Taken::NotAccepted(at, key, after) => engine.handle(at, Input::NotAccepted(key, after)),
            Taken::Drops(at, count) => engine.handle(at, Input::Drops(count)),
            Taken::Operator(at, act) => engine.handle(at, Input::Operator(act)),
            Taken::Reply(at, reply) => engine.handle(at, Input::Reply(reply)),
            Taken::ClockGap(at, gap) => engine.handle(at, Input::ClockGap(gap)),
            Taken::Time(at) => engine.advance(at),
            Taken::Settings(..) | Taken::Journal(..) => {}
        }
    }

    fn drain(&mut self) -> std::io::Result<()> {
        while let Some(output) = self.engine.poll() {
            match output {
                Output::Journal(entry) => {
                    self.digest.add(&entry);
                    self.sink.entry(&entry)?;
                }
                Output::Audio(audio) => self.sink.audio(&audio)?,
                Output::Submit(_) | Output::LookUp(_) => {}
            }
        }
        // Rows for a store, which nobody keeps here.
        drop(self.engine.take_open());
        Ok(())
    }

    fn compare(&mut self, (n, digest): (u64, Hex), line: u64) {
        if self.differs.is_some() {
            return;
        }
        match n == self.digest.n() && digest == self.digest.so_far() {
            true => self.compared = n,
            false => self.differs = Some(Differs { line, same: self.compared }),
        }
    }
}

/// Lines between two looks at how much was read.
const PROGRESS: u64 = 4_096;

//! ringback day and night: taps into the engine, its journal into the store, texts to their gateways.
//!
//! ```text
//! Taps ─> Engine ─> Batch ─> Writer ── durable n ──> Carrier ─> Gateway
//!           ^                                           │
//!           └───────────── receipts ────────────────────┘
//! ```
//! One loop owns the engine. It waits for packets, never for the disk or a gateway. A text leaves only when the entry
//! that claims it would survive a power cut. Engine time is that of the packets, and a little behind the clock while none
//! come, so that those which taps hold back are not late. Told to stop, it takes what the taps still have, writes it, and ends.

mod ask;
mod carrier;
pub mod command;
pub mod control;
mod desk;
mod figures;
mod gauge;
mod histogram;
mod http;
mod keeper;
mod late;
mod notify;
mod pace;
mod postman;
mod recent;
mod reload;
mod renewal;
mod retention;
mod serve;
mod stall;
mod taping;
mod upkeep;
#[cfg(test)]
mod wrong_clocks;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;

use tracing::{debug, error, info, warn};

use crate::clock::Clock;
use crate::engine::{Engine, Input, Output};
use crate::event::{Event, JournalEntry, MessageState, Outcome, Receipt, State};
use crate::gateway::{FileGateway, GatewayError};
use crate::settings::{GatewayKind, Settings, Tap, TapKind, Taping, Written};
use crate::source::{self, Live, Taps};
use crate::store::{Batch, OptOut, Place, Shut, Sqlite, Store, StoreError, Writer};
use crate::time::{Span, Timestamp};
use crate::voicemail::Voices;
use crate::wire::packet::Packet;

use carrier::{Carrier, Gateways};
use desk::Desk;
use keeper::Keeper;
use notify::Supervisor;
use pace::Pace;
use reload::Reload;
use renewal::Renewal;
use retention::Retention;
use stall::Stall;
use taping::Tape;
use upkeep::Upkeep;

/// Why it can't run.
#[derive(Debug)]
pub enum Stopped {
    /// The configuration names no tap.
    NoTap,
    /// The store can't be used.
    Store(StoreError),
    /// A gateway can't be used.
    Gateway(String, GatewayError),
    /// The system has no threads or descriptors left.
    System(io::Error),
}

/// What it runs with.
pub struct Run {
    /// The configuration.
    pub settings: Settings,
    /// The files it was read from, which a tape begins with.
    pub files: Vec<Written>,
    /// The file it is from.
    pub config: PathBuf,
    /// Where the store is.
    pub place: Place,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// Keys the hashes of network bytes; nobody outside may know it.
    pub seed: u64,
    /// Set from outside when it is to stop.
    pub stop: Arc<AtomicBool>,
    /// Set from outside when the configuration is to be read anew.
    pub reload: Arc<AtomicBool>,
}

/// Runs until it is told to stop.
///
/// # Errors
/// What can't be used at the start. Later troubles are told in the log, and tried again.
pub fn run(run: Run) -> Result<(), Stopped> {
    let Run { settings, files, config, place, clock, seed, stop, reload } = run;
    if settings.taps.is_empty() {
        return Err(Stopped::NoTap);
    }
    let (store, mut state) = open(&place)?;
    let gateways = gateways(&settings, |_| true, later)?;
    let hold = state.hold.clone();
    let names = settings.taps.iter().map(|tap| tap.id.clone()).collect();
    let mut tape = Tape::new(taping(&settings).as_ref(), (files, names), seed);
    let (pace, now) = Pace::resume(clock.clone(), &mut state);
    tape.begin(&state, now);
    let engine = renewal::begun(&settings, state, seed, now);
    let (carrier, answers) =
        Carrier::start(gateways, clock.clone(), hold.is_some()).map_err(Stopped::System)?;
    let mut desk = Desk::new(&settings, clock.clone(), hold, Reload::new(config, reload, settings.clone()));
    let writer = Writer::start(store, desk.hearing(carrier.news())).map_err(Stopped::System)?;
    let taps = Taps::start(&settings.taps, clock.clone()).map_err(Stopped::System)?;
    desk.open(&settings, &place, &clock);
    let keeper = Keeper::start(voices(&settings, &place)).map_err(Stopped::System)?;
    let upkeep = Upkeep::new(place, clock.clone());
    let stall = Stall::new(clock.clone());
    let supervisor = Supervisor::from_environment(clock.clone());
    let lag = lag(&settings.taps);
    let retention = Retention::new(clock.clone(), &settings.policy);
    let renewal = Renewal::new(settings.clone(), seed);
    let office = Office {
        engine,
        writer,
        carrier,
        answers,
        desk,
        clock,
        pace,
        keeper,
        upkeep,
        stall,
        tape,
        renewal,
        retention,
        lag,
        last: 0,
        late: 0,
    };
    office.serve(taps, &settings.taps, supervisor, &stop);
    Ok(())
}

/// Where messages are kept: as configured, else beside the store.
pub fn voices(settings: &Settings, place: &Place) -> Voices {
    let beside = || place.path.with_file_name("voicemail");
    Voices::new(settings.voicemail.folder.clone().unwrap_or_else(beside))
}

/// The engine and where its outputs go.
struct Office {
    engine: Engine,
    writer: Writer,
    carrier: Carrier,
    answers: Receiver<Input<'static>>,
    desk: Desk,
    clock: Arc<dyn Clock>,
    pace: Pace,
    keeper: Keeper,
    upkeep: Upkeep,
    stall: Stall,
    tape: Tape,
    renewal: Renewal,
    retention: Retention,
    /// Engine time is so far behind the clock while no packets come.
    lag: Span,
    /// The number of the last entry that was put.
    last: u64,
    /// Packets that came too late to be judged by.
    late: u64,
}

impl Office {
    fn serve(mut self, mut taps: Taps, names: &[Tap], mut supervisor: Supervisor, stop: &AtomicBool) {
        let mut told = 0;
        self.time();
        self.drain();
        while !stop.load(Ordering::Relaxed) {
            let live = taps.next(self.patience());
            // Read before `stall` looks: what holds the loop up after this is seen now, or before engine time runs on.
            let now = matches!(live, Live::Idle).then(|| self.time() - self.lag);
            let is_behind = self.stall.turn();
            let now = now.filter(|_| !is_behind);
            told += usize::from(self.take(live, names));
            if let Some(now) = now {
                self.tape.advance(&mut self.engine, now);
                self.renewal.turn(&mut self.engine, &mut self.tape, &self.writer);
                self.renewal.batches += u64::from(self.retention.turn(now, &self.writer));
                if let Some(before) = self.retention.voices_before(now) {
                    self.keeper.clear(before);
                }
            }
            self.take_answers();
            self.attend(&taps, names);
            self.drain();
            supervisor.feed(told >= names.len());
            self.upkeep.turn();
        }
        supervisor.stopping();
        self.desk.close();
        taps.stop();
        let until = self.clock.boottime() + FLUSH;
        while self.clock.boottime() < until {
            match taps.next(Span::ZERO) {
                Live::Idle => break,
                live => drop(self.take(live, names)),
            }
        }
        self.end();
    }

    /// How long the taps may be waited for.
    fn patience(&mut self) -> Span {
        let now = self.time() - self.lag;
        let due = self.engine.deadline().map_or(TICK, |due| due.since(now));
        due.clamp(Span::ZERO, TICK)
    }

    /// What time it is; a step of the clock is followed first.
    fn time(&mut self) -> Timestamp {
        let now = self.pace.now();
        self.follow();
        now
    }

    fn follow(&mut self) {
        if let Some(gap) = self.pace.take_gap() {
            self.retention.put_off();
            self.give(self.engine.now(), Input::ClockGap(gap));
            self.drain();
        }
    }

    /// Takes what a tap tells; true if it is how the tap is.
    fn take(&mut self, live: Live<'_>, names: &[Tap]) -> bool {
        match live {
            Live::Packet(packet) => {
                let at = self.pace.of(packet.at);
                self.follow();
                if at + LATE < self.engine.now() {
                    if late::is_loss(&packet) {
                        self.lose(name(names, packet.frame.tap.0), at);
                    }
                } else {
                    self.give(at, Input::Packet(Packet { at, ..packet }));
                }
                self.drain();
            }
            Live::Drops(drops) => {
                warn!("tap {}: {} packets lost", name(names, drops.tap.0), drops.count);
                self.give(self.engine.now(), Input::Drops(drops.count));
            }
            Live::State(told) => {
                self.desk.note_tap(told.tap, &told.state);
                match told.state {
                    source::State::Up => info!("tap {}: listening", name(names, told.tap.0)),
                    source::State::Down(trouble) => warn!("tap {}: {trouble}", name(names, told.tap.0)),
                }
                return true;
            }
            Live::Idle => {}
        }
        false
    }

    /// A packet that came too late says nothing of when things happened: it counts as lost.
    fn lose(&mut self, tap: &str, at: Timestamp) {
        self.late = self.late.saturating_add(1);
        if self.late.is_power_of_two() {
            let by = self.engine.now().since(at).as_secs();
            warn!("tap {tap}: a packet came {by} s late and isn't used; {} so far", self.late);
        }
        self.give(self.engine.now(), Input::Drops(1));
    }

    fn take_answers(&mut self) {
        while let Ok(answer) = self.answers.try_recv() {
            self.give(self.engine.now(), answer);
        }
    }

    fn give(&mut self, at: Timestamp, input: Input<'_>) {
        self.tape.give(&mut self.engine, at, input);
    }

    /// Passes on what the engine gave: entries to the store, texts to the carrier.
    fn drain(&mut self) {
        let mut batch = Batch::default();
        let (mut submits, mut n) = (Vec::new(), 0);
        while let Some(output) = self.engine.poll() {
            match output {
                Output::Journal(entry) => {
                    told(&entry);
                    self.tape.entry(&entry);
                    self.desk.entries.count(&entry);
                    self.gauge(&entry);
                    batch.opt_outs.extend(opted_out(&entry));
                    n = entry.n;
                    batch.entries.push(*entry);
                }
                // What is submitted was claimed by the entry right before.
                Output::Submit(message) => submits.push((n, message)),
                Output::LookUp(message) => self.carrier.look_up(message),
                Output::Audio(audio) => self.keeper.keep(audio),
            }
        }
        (batch.open_calls, batch.over) = self.engine.take_open();
        batch.meta.extend(self.pace.unkept());
        self.tape.hand_over();
        if batch.is_empty() {
            return;
        }
        self.renewal.batches += 1;
        let leave = submits.is_empty() || self.pace.lets_leave();
        match self.writer.put(batch, !submits.is_empty()) {
            Ok(()) if !leave => {
                self.last = self.last.max(n);
                self.follow();
                for (_, message) in submits {
                    self.give(self.engine.now(), Input::NotAccepted(message.key, Span::ZERO));
                }
            }
            Ok(()) => {
                self.last = self.last.max(n);
                submits.into_iter().for_each(|(n, message)| self.carrier.submit(n, message));
            }
            Err(full) => {
                error!("the store is behind: {} entries are lost", full.0.entries.len());
                full.0.entries.iter().for_each(|entry| self.desk.gauge.refused(entry.n));
                for (_, message) in submits {
                    self.give(self.engine.now(), Input::NotAccepted(message.key, AGAIN));
                }
            }
        }
    }

    /// Writes what there is, lets texts leave that are on their way, and ends.
    fn end(mut self) {
        self.drain();
        let until = self.clock.boottime() + FLUSH;
        while self.writer.durable() < self.last && self.clock.boottime() < until {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        self.carrier.stop(self.writer.durable());
        self.take_answers();
        self.drain();
        self.tape.end(self.engine.now(), Some(SYNC));
        let (_, standing) = self.writer.stop();
        match standing.waiting {
            0 => info!("stopped; {} entries in the store", standing.durable),
            rows => error!("stopped; {rows} rows couldn't be written"),
        }
    }
}

fn open(place: &Place) -> Result<(Box<dyn Store>, State), Stopped> {
    let mut store: Box<dyn Store> = match Sqlite::open(place) {
        Ok(opened) => {
            opened.damage().into_iter().for_each(|damage| error!("{damage}"));
            Box::new(opened.store())
        }
        // Calls are judged meanwhile; the first commit tells what is wrong.
        Err(error) if error.may_pass() => Box::new(Shut::read(place).map_err(|_| Stopped::Store(error))?),
        Err(error) => return Err(Stopped::Store(error)),
    };
    let state = store.load().map_err(Stopped::Store)?;
    if let Some(why) = &state.hold {
        warn!("no texts leave: {why}");
    }
    let pending = state.messages.iter().filter(|message| message.is_pending()).count();
    info!(
        "store {}: next entry {}, {} cases, {pending} texts pending, {} legs open",
        place.path.display(),
        state.next,
        state.cases.len(),
        state.open_calls.len()
    );
    Ok((store, state))
}

/// Opens those that are wanted; `or_else` says what becomes of one whose files can't be used.
fn gateways(
    settings: &Settings,
    is_wanted: impl Fn(&str) -> bool,
    or_else: fn(&std::path::Path, GatewayError) -> Result<FileGateway, GatewayError>,
) -> Result<Gateways, Stopped> {
    let mut gateways = Gateways::new();
    for (id, gateway) in settings.gateways.iter().filter(|(id, _)| is_wanted(id)) {
        let GatewayKind::File { path } = &gateway.kind;
        let opened = FileGateway::open(path).or_else(|error| or_else(path, error));
        let gateway = opened.map_err(|error| Stopped::Gateway(id.clone(), error))?;
        if gateway.cut() > 0 {
            warn!("gateway {id}: cut off {} bytes of a text that was never finished", gateway.cut());
        }
        gateways.insert(id.clone(), Box::new(gateway));
    }
    Ok(gateways)
}

/// Calls are judged though no text can leave; the postman tells why, and when one can.
fn later(folder: &std::path::Path, error: GatewayError) -> Result<FileGateway, GatewayError> {
    match error {
        GatewayError::File(..) => Ok(FileGateway::later(folder)),
        GatewayError::InUse(_) => Err(error),
    }
}

/// Logs what people may want to see of the journal, without numbers.
fn told(entry: &JournalEntry) {
    match &entry.event {
        // Who tries many numbers in vain, as scanners do, would fill the log.
        Event::Call(call) if call.outcome == Outcome::Rejected => debug!("call {}: rejected", call.call),
        Event::Call(call) => info!("call {}: {}", call.call, call.outcome.word()),
        Event::Message(message) => info!("text {}: {}", message.key, message.state.word()),
        Event::Review(review) => info!("call {}: to be reviewed, {}", review.call, review.reason),
        Event::Task(task) => info!("task {}", task.key),
        Event::TaskDone(done) => info!("task {}: done", done.key),
        Event::ClockGap(gap) if gap.unsure => {
            warn!("nobody knows how much time passed by the clock: texts that waited become tasks");
        }
        Event::Reply(reply) if reply.opts_out => info!("reply {}: no more texts are wanted", reply.id),
        Event::Reply(reply) => info!("reply {}: to be read by a person", reply.id),
        Event::ReviewDecided(decided) => {
            info!("call {}: {} by a person", decided.call, decided.decision.word())
        }
        Event::CaseOpened(_) | Event::CaseClosed(_) | Event::Decision(_) | Event::ClockGap(_) => {}
    }
}

/// Tapes hold voices, which are kept no longer than voicemail.
fn taping(settings: &Settings) -> Option<Taping> {
    let longest = settings.policy.voicemail_for;
    let keep = |taping: &Taping| longest.map_or(taping.keep, |longest| longest.min(taping.keep));
    settings.tape.as_ref().map(|taping| Taping { keep: keep(taping), ..taping.clone() })
}

/// How far engine time is behind the clock while no packets come: as late as packets may be.
fn lag(taps: &[Tap]) -> Span {
    let is_files = |tap: &Tap| matches!(tap.kind, TapKind::Files { .. });
    if taps.iter().any(is_files) { FILES_LAG } else { LAG }
}

/// Who must not be texted from an entry on.
fn opted_out(entry: &JournalEntry) -> Option<OptOut> {
    match &entry.event {
        Event::Reply(reply) if reply.opts_out => Some(OptOut::Out(reply.from.clone())),
        _ => None,
    }
}

fn name(taps: &[Tap], number: u16) -> &str {
    taps.get(usize::from(number)).map_or("?", |tap| tap.id.as_str())
}

/// A gateway's word on a text.
fn receipt(key: &str, state: MessageState, gateway_ref: Option<String>) -> Input<'static> {
    Input::Receipt(Receipt { key: key.to_owned(), state, gateway_ref })
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stopped::NoTap => f.write_str(
                "there is no [[tap]]; write one, as [[tap]] type = \"interface\" interface = \"eth1\"",
            ),
            Stopped::Store(error) => write!(f, "{error}"),
            Stopped::Gateway(id, error) => write!(f, "gateway {id}: {error}"),
            Stopped::System(error) => write!(f, "{error}; this machine has no threads or descriptors left"),
        }
    }
}

impl std::error::Error for Stopped {}

/// Taps hold packets back for 100 ms, and an interface for a moment more.
const LAG: Span = Span::from_millis(150);
/// What writes captures into a folder may keep packets for as long as this.
const FILES_LAG: Span = Span::from_secs(10);
/// A packet that is older than engine time by more counts as lost.
const LATE: Span = Span::from_secs(1);
/// Receipts, deadlines and a wish to stop are looked at so often.
const TICK: Span = Span::from_millis(50);
/// What is still there at the end may take so long to be taken, and so long to be written.
const FLUSH: Span = Span::from_millis(1_500);
/// The end of a tape may take the disk so long.
const SYNC: Span = Span::from_millis(500);
/// A text that could not leave is tried again after this.
const AGAIN: Span = Span::from_secs(30);

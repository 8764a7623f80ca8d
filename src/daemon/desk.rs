//! What the loop does for others between packets: it tells figures, obeys people, and takes a new configuration.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use tracing::warn;

use super::ask::{Ask, Asking, Job};
use super::command::Kept;
use super::figures::{Entries, Figures, TapFigures};
use super::gauge::Gauge;
use super::postman::{Postman, Standing};
use super::recent::Recent;
use super::reload::Reload;
use super::{Office, control, http};
use crate::clock::Clock;
use crate::engine::Input;
use crate::event::{Event, JournalEntry, MessageState, Operator};
use crate::rules::stop;
use crate::settings::{Settings, Tap};
use crate::source::{State, Taps};
use crate::store::{News, Place};
use crate::tape::Shelf;
use crate::time::Span;
use crate::wire::packet::TapId;

/// What others are served with.
pub struct Desk {
    /// What is measured.
    pub gauge: Arc<Gauge>,
    /// Entries of the journal in this run.
    pub entries: Entries,
    /// The control socket, if it is there.
    socket: Option<PathBuf>,
    asking: Asking,
    asked: Receiver<Ask>,
    reload: Reload,
    /// SIP of the last minutes.
    recent: Recent,
    postman: Option<Postman>,
    /// Why each tap doesn't listen.
    troubles: Vec<Option<String>>,
}

impl Desk {
    /// Nobody is served yet; `hold` is why no texts leave.
    pub fn new(settings: &Settings, clock: Arc<dyn Clock>, hold: Option<String>, reload: Reload) -> Desk {
        let (asking, asked) = Asking::new();
        let troubles = vec![Some("hasn't begun to listen".to_owned()); settings.taps.len()];
        let gauge = Arc::new(Gauge::new(clock, hold));
        Desk {
            gauge,
            entries: Entries::default(),
            socket: None,
            asking,
            asked,
            reload,
            postman: None,
            recent: Recent::default(),
            troubles,
        }
    }

    /// Measures what the store's thread tells, and passes it on.
    pub fn hearing(&self, mut next: impl FnMut(News) + Send + 'static) -> impl FnMut(News) + Send + 'static {
        let gauge = self.gauge.clone();
        move |news| {
            gauge.hear(&news);
            next(news);
        }
    }

    /// Lets others ask, by the control socket and over HTTP. Where that can't be is told; the daemon runs without.
    pub fn open(&mut self, settings: &Settings, place: &Place, clock: &Arc<dyn Clock>) {
        let path = control::socket(settings, place);
        let kept =
            Kept { tapes: settings.tape.as_ref().map(Shelf::new), voices: super::voices(settings, place) };
        match control::listen(&path, self.asking.clone(), (place.clone(), kept), clock.clone()) {
            Ok(()) => self.socket = Some(path),
            Err(error) => {
                let path = path.display();
                warn!(
                    "control socket {path}: {error}; no command reaches this run; write [control] socket = \"…\""
                );
            }
        }
        match Postman::start(settings, place.path.clone(), self.asking.clone()) {
            Ok(postman) => self.postman = Some(postman),
            Err(error) => warn!("no inbox is read: {error}"),
        }
        if let Some(at) = settings.metrics
            && let Err(error) = http::listen(at, self.asking.clone(), clock.clone())
        {
            warn!("[metrics] {at}: {error}; no figures are told; write another `listen`");
        }
    }

    /// A tap told how it is.
    pub fn note_tap(&mut self, tap: TapId, state: &State) {
        if let Some(trouble) = self.troubles.get_mut(usize::from(tap.0)) {
            *trouble = match state {
                State::Up => None,
                State::Down(why) => Some(why.to_string()),
            };
        }
    }

    /// The run is over: nobody reaches it any more.
    pub fn close(&mut self) {
        // One that went away already is as good.
        self.socket.take().into_iter().for_each(|path| drop(std::fs::remove_file(path)));
    }
}

impl Office {
    /// Answers what was asked since the last turn.
    pub(super) fn attend(&mut self, taps: &Taps, names: &[Tap]) {
        if let Some(fresh) = self.desk.reload.turn() {
            self.carrier.add(fresh.gateways);
            self.renewal.reconfigure(&fresh.settings);
            self.retention.reconfigure(&fresh.settings.policy);
            self.desk.postman.iter().for_each(|postman| postman.reconfigure(&fresh.settings));
            self.tape.reread(fresh.files);
            self.give(self.engine.now(), Input::Settings(&fresh.settings));
        }
        let now = self.pace.now();
        if self.desk.recent.is_due(now) {
            self.desk.recent.note(now, self.renewal.counts(&self.engine).number(SIP));
        }
        while let Ok(ask) = self.desk.asked.try_recv() {
            match ask {
                // Whoever asked may have gone.
                Ask::Figures(answer) => drop(answer.send(self.figures(taps, names))),
                Ask::Act(inputs, job) => self.act(inputs, job),
                Ask::Release => {
                    self.desk.gauge.release();
                    self.carrier.let_go();
                }
            }
        }
    }

    /// Has the engine take what people and callers said, if the store takes all that comes of it.
    fn act(&mut self, inputs: Vec<Input<'static>>, job: Option<Job>) {
        self.drain();
        let needed: usize = inputs.iter().map(most_rows).sum();
        let refused = self.writer.refused();
        let has_room = needed <= self.writer.room();
        let taken = if has_room { inputs } else { inputs.iter().filter_map(at_once).collect() };
        for input in taken {
            self.give(self.engine.now(), input);
            self.drain();
        }
        // What was read of the store before is old now.
        self.renewal.batches += 1;
        let Some(job) = job else { return };
        match has_room && self.writer.refused() == refused {
            true => drop(self.writer.ask(move |store| job(Some(store)))),
            false => job(None),
        }
    }

    /// Measures an entry that is about to be put, if it is a text that a verdict caused.
    pub(super) fn gauge(&mut self, entry: &JournalEntry) {
        if let Event::Message(message) = &entry.event
            && message.state == MessageState::Planned
            && message.attempts == 0
        {
            // While no packets come, engine time is behind the clock by the slack.
            let late = self.pace.now().since(entry.at + self.lag);
            self.desk.gauge.planned(entry.n, late.max(Span::ZERO));
        }
    }

    fn figures(&mut self, taps: &Taps, names: &[Tap]) -> Figures {
        let now = self.pace.now();
        let tap = |(number, tap): (u16, &Tap)| TapFigures {
            id: tap.id.clone(),
            hears: tap.kind.hears(),
            counts: taps.counts(TapId(number)).unwrap_or_default(),
            trouble: self.desk.troubles.get(usize::from(number)).cloned().flatten(),
        };
        let counts = self.renewal.counts(&self.engine);
        Figures {
            recent: self.desk.recent.since(now, counts.number(SIP)),
            counts,
            load: self.engine.load(),
            entries: self.desk.entries.clone(),
            taps: (0..=u16::MAX).zip(names).map(tap).collect(),
            store: self.writer.standing(),
            measures: self.desk.gauge.read(),
            late: self.late,
            texts_waiting: self.carrier.waiting(),
            gateways: self.gateways(),
        }
    }

    /// Why no text can leave by a gateway: its folder, else what it said to the last text.
    fn gateways(&self) -> Standing {
        let mut standing = self.desk.postman.as_ref().map(Postman::standing).unwrap_or_default();
        for (id, why) in self.carrier.refusals() {
            standing.entry(id).or_default().get_or_insert(why);
        }
        standing
    }
}

/// How many rows come of an input at most; of who opts out none, whom the store lists by itself.
fn most_rows(input: &Input<'_>) -> usize {
    match input {
        Input::Operator(Operator::OptOut(_) | Operator::OptIn(_)) => 0,
        _ => ROWS,
    }
}

/// What holds though the reply that says it has to wait: nobody who opts out is texted meanwhile.
fn at_once(input: &Input<'_>) -> Option<Input<'static>> {
    match input {
        Input::Reply(reply) if stop::opts_out(&reply.body) => {
            Some(Input::Operator(Operator::OptOut(reply.from.clone())))
        }
        _ => None,
    }
}

/// A text, its task and its case, and with a reply who opts out.
const ROWS: usize = 8;
/// The count of SIP messages, by its name in a summary.
const SIP: &str = "sip_messages";

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::sync::mpsc::channel;

    use super::*;
    use crate::clock::HandClock;
    use crate::daemon::carrier::{Carrier, Gateways};
    use crate::daemon::keeper::Keeper;
    use crate::daemon::pace::Pace;
    use crate::daemon::renewal::Renewal;
    use crate::daemon::retention::Retention;
    use crate::daemon::stall::Stall;
    use crate::daemon::taping::Tape;
    use crate::daemon::upkeep::Upkeep;
    use crate::engine::Engine;
    use crate::event::{Reply, State, TaskDone};
    use crate::phone::Party;
    use crate::settings::Policy;
    use crate::store::{BOUND, Batch, Memory, OptOut, Store, Writer};
    use crate::time::Timestamp;

    fn office() -> Office {
        let settings = Settings::default();
        let start = Timestamp::from_parts(1_795_000_000, 0);
        let clock: Arc<dyn Clock> = Arc::new(HandClock::at(start));
        let (pace, now) = Pace::resume(clock.clone(), &mut State::default());
        let (carrier, answers) = Carrier::start(Gateways::new(), clock.clone(), false).expect("a thread");
        let reload = Reload::new(PathBuf::new(), Arc::<AtomicBool>::default(), settings.clone());
        Office {
            engine: Engine::restore(&settings, State::default(), 7, now),
            writer: Writer::start(Box::new(Memory::new()), |_| {}).expect("a thread"),
            carrier,
            answers,
            desk: Desk::new(&settings, clock.clone(), None, reload),
            pace,
            keeper: Keeper::start(crate::voicemail::Voices::new(PathBuf::from("voicemail")))
                .expect("a thread"),
            upkeep: Upkeep::new(Place::new("ringback.db"), clock.clone()),
            stall: Stall::new(clock.clone()),
            tape: Tape::new(None, (Vec::new(), Vec::new()), 7),
            renewal: Renewal::new(settings, 7),
            retention: Retention::new(clock.clone(), &Policy::default()),
            clock,
            lag: Span::ZERO,
            last: 0,
            late: 0,
        }
    }

    fn done() -> Vec<Input<'static>> {
        let task = TaskDone { key: "a/no_line".into(), case: "a".into() };
        vec![Input::Operator(Operator::TaskDone(task))]
    }

    #[test]
    fn who_opts_out_is_heard_before_the_disk_has_room() {
        let said = |body: &str| {
            let from = Party::Digits("1".into());
            let (id, gateway, body) = ("1".to_owned(), "main".to_owned(), body.to_owned());
            at_once(&Input::Reply(Reply { id, gateway, from, to: None, body, opts_out: false }))
        };
        assert!(matches!(said("Stop"), Some(Input::Operator(Operator::OptOut(_)))));
        assert!(said("stop calling at six").is_none() && done().iter().all(|input| at_once(input).is_none()));
    }

    #[test]
    fn what_the_store_has_no_room_for_is_not_begun() {
        let mut office = office();
        let (open, gate) = channel::<()>();
        let (told, begun) = channel();
        drop(office.writer.ask(move |_| (told.send(()), gate.recv()).1));
        begun.recv().expect("the disk is slow");
        let party = Party::Digits("1".into());
        let opt_outs = vec![OptOut::Out(party.clone()); BOUND - ROWS + 1];
        office.writer.put(Batch { opt_outs, ..Batch::default() }, false).expect("room");
        let (answer, answered) = channel();
        let job = || {
            let answer = answer.clone();
            let job = move |store: Option<&mut dyn Store>| answer.send(store.is_some()).unwrap_or(());
            Some(Box::new(job) as Job)
        };
        office.act(done(), job());
        assert_eq!((answered.recv(), office.last), (Ok(false), 0));
        // The store alone lists who opts out, and may still wait.
        office.act(vec![Input::Operator(Operator::OptOut(party))], job());
        drop(open);
        assert_eq!(answered.recv(), Ok(true));
        office.act(done(), job());
        assert_eq!((answered.recv(), office.writer.durable()), (Ok(true), 1));
    }
}

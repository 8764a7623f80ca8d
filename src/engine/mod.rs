//! The whole of ringback without its I/O: inputs in, outputs out, one deadline queue.
//!
//! ```text
//! Packet ─> flow ─> wire::sip ─> call ─> CallSeen ─> outreach ─> Message
//!                                  └───────┴──> JournalEntry       └──> Submit
//! ```
//! `handle` one input, drain `poll`, then look at `deadline`. Before an input at T every deadline up to T
//! runs at its own time. Engine time never goes back: an input older than it is taken now and counted as
//! late. A step of the clock moves engine time and all that is due by it; flow and calls live by a time of their own that
//! no step moves. Same inputs, same seed, same outputs.

mod ears;
mod summary;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::call::{Calls, Told};
use crate::event::{
    CallKey, CallPhase, CallSeen, ClockGap, Event, JournalEntry, Message, OpenCall, Operator, Receipt,
    Recording, Reply, Sounded, State, Task,
};
use crate::flow::{Flow, Piece};
use crate::media::Streams;
use crate::outreach::Followup;
use crate::rules::{line, stop};
use crate::settings::{Line, Settings, Voicemail};
use crate::time::{Span, Timestamp, earlier};
use crate::wire::packet::{Body, Packet};
use crate::wire::sip;
use crate::wire::stream::Stream;

use ears::Ears;

pub use summary::Summary;

/// What the engine takes.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// A packet from a tap.
    Packet(Packet<'a>),
    /// What a gateway said of a message.
    Receipt(Receipt),
    /// A gateway surely doesn't have the message with this key; it is decided anew after so long.
    NotAccepted(String, Span),
    /// A tap lost so many packets.
    Drops(u64),
    /// Another configuration, to go on with; which taps there are it can't change.
    Settings(&'a Settings),
    /// What a person asks for.
    Operator(Operator),
    /// What somebody answered to a text.
    Reply(Reply),
    /// The clock was set.
    ClockGap(ClockGap),
    /// There is no more input: what is still open is judged by what is known.
    End,
}

/// What the engine gives.
#[derive(Clone, Debug)]
pub enum Output {
    /// Something happened.
    Journal(Box<JournalEntry>),
    /// A message is to be handed to its gateway; the answer comes back as a receipt.
    Submit(Box<Message>),
    /// What is heard of a message that a caller leaves is to be kept; once it is whole the call that names it comes next.
    Audio(Box<Audio>),
    /// Nobody knows whether the gateway has this message: it is to be asked. The answer comes back as a receipt, or as
    /// `NotAccepted`.
    LookUp(Box<Message>),
}

/// The sound of a message, and where it is to be kept.
#[derive(Clone, Debug)]
pub struct Audio {
    /// The path below the output folder, as the call's record names it.
    pub file: String,
    /// What is heard of it.
    pub sounded: Sounded,
}

/// How much an engine holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Calls that are followed.
    pub open_calls: usize,
    /// Cases, open ones and those that may still hear of a text.
    pub cases: usize,
    /// Steps and ends of cases that are due at some time.
    pub deadlines: usize,
}

/// The engine.
pub struct Engine {
    now: Timestamp,
    /// Engine time is so far ahead of the time of flow and calls.
    stepped: Span,
    flow: Flow,
    calls: Calls,
    media: Streams,
    followup: Followup,
    lines: Vec<Line>,
    voicemail: Voicemail,
    summary: Summary,
    entries: u64,
    outputs: VecDeque<Output>,
    /// Until then nothing happens but by an input.
    quiet_until: Timestamp,
    /// Calls that are over, for a store; none where nobody keeps them.
    over: Option<Vec<CallKey>>,
    /// The last packet changed more than counts.
    used: bool,
    /// The list in which calls told the last time, empty, to be used again.
    spare: Vec<Told>,
}

impl Engine {
    /// An engine in empty state; `seed` keys the hashes of network bytes.
    pub fn new(settings: &Settings, seed: u64) -> Engine {
        Engine {
            now: Timestamp::from_micros(i64::MIN),
            stepped: Span::ZERO,
            flow: Flow::new(seed),
            calls: Calls::new(settings, seed, Box::new(Ears::new(settings))),
            media: Streams::new(seed),
            lines: settings.lines.clone(),
            voicemail: settings.voicemail.clone(),
            followup: Followup::new(settings),
            summary: Summary::of_site(&settings.site),
            entries: 0,
            outputs: VecDeque::new(),
            quiet_until: Timestamp::from_micros(i64::MIN),
            over: None,
            used: false,
            spare: Vec::new(),
        }
    }

    /// An engine that goes on from `state` at `now`. Messages are claimed in the journal before they are submitted,
    /// and what is due late is judged by the time it really is.
    pub fn restore(settings: &Settings, state: State, seed: u64, now: Timestamp) -> Engine {
        let mut engine = Engine::new(settings, seed);
        engine.now = state.last_at.map_or(now, |last| last.max(now));
        engine.entries = state.next.saturating_sub(1);
        engine.over = Some(Vec::new());
        let mut events = Vec::new();
        engine.followup = Followup::restore(settings, &state, engine.now, &mut events);
        engine.record(events);
        let unsure = engine.followup.unsure();
        engine.outputs.extend(unsure.into_iter().map(|message| Output::LookUp(Box::new(message))));
        engine.calls.resume(state.open_calls, engine.now);
        engine.tell();
        engine
    }

    /// What changed of open calls since the last time, for a store: legs as they stand now, and calls that are over.
    pub fn take_open(&mut self) -> (Vec<OpenCall>, Vec<CallKey>) {
        let over = self.over.as_mut().map(std::mem::take).unwrap_or_default();
        let mut changed = self.calls.take_changed();
        for leg in &mut changed {
            leg.at = leg.at + self.stepped;
            leg.answered = leg.answered.map(|at| at + self.stepped);
        }
        (changed, over)
    }

    /// Engine time.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Names the taps, in the order of their ids, as evidence is to show them.
    pub fn name_taps(&mut self, taps: Vec<Arc<str>>) {
        self.calls.name_taps(taps);
    }

    /// Takes an input that came at `at`.
    #[inline]
    pub fn handle(&mut self, at: Timestamp, mut input: Input<'_>) {
        let is_late = at < self.now;
        match &input {
            // What is due is judged by the clock as it is after the step, not as it was.
            Input::ClockGap(_) => self.now = self.now.max(at),
            _ => self.advance(at),
        }
        if let Input::Packet(packet) = &mut input {
            if !self.lets_go(packet) {
                self.packet(packet, is_late);
                self.look_ahead();
            }
            return;
        }
        match input {
            // Taken above, in place: there are many, and they are large.
            Input::Packet(_) => {}
            Input::Receipt(receipt) => {
                self.followed(|followup, now, out| followup.receipt(now, &receipt, out))
            }
            Input::NotAccepted(key, after) => self.followed(|followup, now, out| {
                followup.not_accepted(now, &key, now + after, out);
            }),
            Input::Drops(count) => {
                self.summary.drops = self.summary.drops.saturating_add(count);
                self.calls.lose();
            }
            Input::Settings(settings) => self.reconfigure(settings),
            Input::Operator(act) => self.obey(act),
            Input::Reply(reply) => self.replied(reply),
            Input::ClockGap(gap) => self.step(gap),
            Input::End => self.end(),
        }
        self.look_ahead();
    }

    /// Lets an RTP packet go that nobody wants, after one look; false if it has to be handled. Nothing is let go while
    /// anything is due or waits for time to pass.
    #[inline(always)]
    pub fn lets_go(&mut self, packet: &Packet<'_>) -> bool {
        let Body::Frame { link, bytes, wire_len } = packet.body else { return false };
        let is_quiet = self.now <= packet.at && packet.at < self.quiet_until;
        let unwanted = is_quiet
            && Stream::glance(link, bytes, wire_len).is_some_and(|stream| self.calls.ignores(&stream));
        if unwanted {
            self.now = packet.at;
            self.summary.last = Some(packet.at);
            self.used = false;
            self.flow.pass_over(link, bytes.len());
        }
        unwanted
    }

    /// Lets time pass until `at`.
    pub fn advance(&mut self, at: Timestamp) {
        self.followup.wake(at);
        if at >= self.quiet_until {
            self.do_due(at);
            self.look_ahead();
        }
        self.now = self.now.max(at);
    }

    fn do_due(&mut self, at: Timestamp) {
        while let Some(due) = self.deadline().filter(|due| *due <= at) {
            self.now = self.now.max(due);
            if self.calls.expire(due - self.stepped).is_some() {
                self.tell();
            } else {
                self.followed(|followup, _, out| followup.expire(due, out));
            }
        }
    }

    fn look_ahead(&mut self) {
        self.quiet_until = match self.deadline() {
            _ if self.flow.is_waiting() => Timestamp::from_micros(i64::MIN),
            due => due.unwrap_or(Timestamp::MAX),
        };
    }

    /// Takes the next output.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When `advance` has something to do.
    #[inline(always)]
    pub fn deadline(&self) -> Option<Timestamp> {
        earlier(self.calls.deadline().map(|due| due + self.stepped), self.followup.deadline())
    }

    /// How many packets were seen so far.
    pub fn packets(&self) -> u64 {
        self.flow.counters().packets
    }

    /// When the latest packet was captured.
    pub fn last_packet(&self) -> Option<Timestamp> {
        self.summary.last
    }

    /// Whether there was a use for the last packet. One without changed nothing but counts, and whoever runs the rest
    /// again may leave it out.
    pub fn used_packet(&self) -> bool {
        self.used
    }

    /// Whether there is no call, nothing that a packet left behind, and no text of which nobody knows where it is: what
    /// a store kept of it is all there is.
    pub fn is_quiet(&self) -> bool {
        self.calls.deadline().is_none() && !self.flow.is_waiting() && self.followup.unsure().is_empty()
    }

    /// What was seen so far.
    pub fn summary(&self) -> Summary {
        let mut summary = self.summary.clone();
        summary.take(self.flow.counters(), self.calls.counters(), &self.media);
        summary
    }

    /// How much it holds now.
    pub fn load(&self) -> Load {
        let (cases, deadlines) = self.followup.load();
        Load { open_calls: self.calls.open(), cases, deadlines }
    }

    fn packet(&mut self, packet: &mut Packet<'_>, is_late: bool) {
        self.summary.late += u64::from(is_late);
        if is_late && self.now.since(packet.at) > SET_BACK {
            self.calls.lose_time();
        }
        self.summary.saw(packet.at);
        let Engine { flow, calls, media, used, .. } = self;
        *used = false;
        packet.at = self.now - self.stepped;
        if let Body::Datagram(datagram) = &mut packet.body {
            datagram.at = packet.at;
        }
        flow.push(packet, &mut |piece| *used |= take(calls, media, piece));
        *used |= flow.has_kept();
        self.tell();
    }

    fn replied(&mut self, reply: Reply) {
        let reply = Reply { opts_out: stop::opts_out(&reply.body), ..reply };
        self.journal(self.now, Event::Reply(reply.clone()));
        self.followed(|followup, now, out| followup.reply(&reply, now, out));
    }

    fn step(&mut self, gap: ClockGap) {
        self.stepped = self.stepped + gap.by();
        self.now = self.now + gap.by();
        self.journal(self.now, Event::ClockGap(gap));
        self.followed(|followup, now, out| followup.step(&gap, now, out));
    }

    fn reconfigure(&mut self, settings: &Settings) {
        self.lines.clone_from(&settings.lines);
        self.voicemail.clone_from(&settings.voicemail);
        self.summary.move_to(&settings.site);
        self.calls.reconfigure(settings);
        self.followup.reconfigure(settings);
    }

    fn obey(&mut self, act: Operator) {
        match act {
            Operator::OptOut(party) => self.followup.opt_out(&party),
            Operator::OptIn(party) => self.followup.opt_in(&party),
            Operator::Erase(party) => self.followed(|followup, now, out| followup.erase(&party, now, out)),
            Operator::TaskDone(done) => self.journal(self.now, Event::TaskDone(done)),
            Operator::Cancel(key) => self.followed(|followup, now, out| followup.cancel_text(&key, now, out)),
            Operator::Resend(text) => self.followed(|followup, now, out| followup.resend(text, now, out)),
            Operator::Decide(decided, task) => {
                self.journal(self.now, Event::ReviewDecided(decided));
                if let Some(task) = task {
                    self.journal(self.now, Event::Task(Task { at: self.now, ..task }));
                }
            }
        }
    }

    fn end(&mut self) {
        let now = self.now - self.stepped;
        let Engine { flow, calls, media, .. } = self;
        flow.finish(now, &mut |piece| {
            take(calls, media, piece);
        });
        self.calls.finish(now);
        self.tell();
    }

    /// Passes on what the calls have to tell: to the journal, and to follow-up.
    #[inline(always)]
    fn tell(&mut self) {
        if self.calls.has_told() {
            self.tell_all();
        }
    }

    fn tell_all(&mut self) {
        let spare = std::mem::take(&mut self.spare);
        let mut all = self.calls.take_told(spare);
        for told in all.drain(..) {
            let seen = match told {
                Told::Seen(seen) => {
                    if seen.phase == CallPhase::Joined {
                        self.note_over(seen.call);
                    }
                    Some(seen)
                }
                Told::Sounded(call, sounded, seen) => {
                    // Nothing is taken back from one who was given nothing.
                    if self.records(seen.as_deref()) || sounded == Sounded::Nothing {
                        self.sound(Recording::file(call), sounded);
                    }
                    None
                }
                Told::Closed(mut record, seen) => {
                    record.at = record.at + self.stepped;
                    record.ended = record.ended.map(|at| at + self.stepped);
                    record.line = self.line(seen.as_ref()).map(|line| line.id.clone());
                    let records = self.records(seen.as_ref());
                    if let Some(recording) = record.recording.take() {
                        let sounded = if records { Sounded::Whole } else { Sounded::Nothing };
                        self.sound(recording.file.clone(), sounded);
                        record.recording = Some(recording).filter(|_| records);
                    }
                    self.note_over(record.call);
                    self.summary.count(&record);
                    self.journal(self.now, Event::Call(record));
                    seen
                }
            };
            if let Some(mut seen) = seen {
                seen.at = seen.at + self.stepped;
                seen.began = seen.began + self.stepped;
                self.followed(|followup, _, out| followup.call_seen(&seen, out));
            }
        }
        self.spare = all;
    }

    /// The line that was called.
    fn line(&self, seen: Option<&CallSeen>) -> Option<&Line> {
        let seen = seen?;
        line::find(&self.lines, seen.called.as_ref(), seen.called_user.as_deref())
    }

    /// Whether messages that are left for the called are recorded.
    fn records(&self, seen: Option<&CallSeen>) -> bool {
        self.voicemail.record && self.line(seen).is_none_or(|line| line.recorded)
    }

    fn sound(&mut self, file: String, sounded: Sounded) {
        self.outputs.push_back(Output::Audio(Box::new(Audio { file, sounded })));
    }

    fn followed(&mut self, act: impl FnOnce(&mut Followup, Timestamp, &mut Vec<(Timestamp, Event)>)) {
        let mut events = Vec::new();
        act(&mut self.followup, self.now, &mut events);
        self.record(events);
    }

    fn record(&mut self, events: Vec<(Timestamp, Event)>) {
        for (at, event) in events {
            let submit = match &event {
                Event::Message(message) if message.leaves() => Some(message.clone()),
                _ => None,
            };
            self.journal(at.max(self.now), event);
            self.outputs.extend(submit.map(Output::Submit));
        }
    }

    fn note_over(&mut self, call: CallKey) {
        if let Some(over) = &mut self.over {
            over.push(call);
        }
    }

    fn journal(&mut self, at: Timestamp, event: Event) {
        self.entries += 1;
        self.outputs.push_back(Output::Journal(Box::new(JournalEntry { n: self.entries, at, event })));
    }
}

/// Taps that are merged differ by less; a packet that is older was captured after a clock was set back.
const SET_BACK: Span = Span::from_secs(2);

/// Takes a piece; false if it changed nothing but counts.
fn take(calls: &mut Calls, media: &mut Streams, piece: Piece<'_>) -> bool {
    match piece {
        Piece::Rtp(datagram) if Stream::of(&datagram).is_some_and(|stream| calls.ignores(&stream)) => {
            return false;
        }
        Piece::Rtp(datagram) => {
            media.hear(&datagram);
            calls.rtp(&datagram);
        }
        Piece::Message(datagram) => match &sip::Message::parse(datagram.payload) {
            Ok(message) => {
                calls.message(&datagram, message);
            }
            Err(refusal) => {
                calls.refused(*refusal);
                return !matches!(refusal, sip::Refusal::Keepalive | sip::Refusal::NotSip);
            }
        },
    }
    true
}

#[cfg(test)]
mod tests;

//! The whole of ringback without its I/O: inputs in, outputs out, one deadline queue.
//!
//! ```text
//! Packet ─> flow ─> wire::sip ─> call ─> CallSeen ─> outreach ─> Message
//!                                  └───────┴──> JournalEntry       └──> Submit
//! ```
//! `handle` one input, drain `poll`, then look at `deadline`. Before an input at T every deadline up to T
//! runs at its own time. Engine time never goes back: an input older than it is taken now and counted as
//! late. Same inputs, same seed, same outputs.

mod ears;
mod summary;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::call::{Calls, Told};
use crate::event::{Event, JournalEntry, Message, Receipt};
use crate::flow::{Flow, Piece};
use crate::media::Streams;
use crate::outreach::Followup;
use crate::rules::line;
use crate::settings::{Line, Settings};
use crate::time::Timestamp;
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
}

/// The engine.
pub struct Engine {
    now: Timestamp,
    flow: Flow,
    calls: Calls,
    media: Streams,
    followup: Followup,
    lines: Vec<Line>,
    summary: Summary,
    entries: u64,
    outputs: VecDeque<Output>,
}

impl Engine {
    /// An engine in empty state; `seed` keys the hashes of network bytes.
    pub fn new(settings: &Settings, seed: u64) -> Engine {
        Engine {
            now: Timestamp::from_micros(i64::MIN),
            flow: Flow::new(seed),
            calls: Calls::new(settings, seed, Box::new(Ears::new(&settings.pbx.judge))),
            media: Streams::new(seed),
            lines: settings.lines.clone(),
            followup: Followup::new(settings),
            summary: Summary::of_site(&settings.site),
            entries: 0,
            outputs: VecDeque::new(),
        }
    }

    /// Names the taps, in the order of their ids, as evidence is to show them.
    pub fn name_taps(&mut self, taps: Vec<Arc<str>>) {
        self.calls.name_taps(taps);
    }

    /// Takes an input that came at `at`.
    pub fn handle(&mut self, at: Timestamp, input: Input<'_>) {
        if at < self.now && matches!(input, Input::Packet(_)) {
            self.summary.late += 1;
        }
        self.advance(at);
        match input {
            Input::Packet(packet) => self.packet(packet),
            Input::Receipt(receipt) => {
                self.followed(|followup, now, out| followup.receipt(now, &receipt, out))
            }
            Input::End => self.end(),
        }
    }

    /// Lets time pass until `at`.
    pub fn advance(&mut self, at: Timestamp) {
        while let Some(due) = self.deadline().filter(|due| *due <= at) {
            self.now = self.now.max(due);
            if self.calls.expire(due).is_some() {
                self.tell();
            } else {
                self.followed(|followup, _, out| followup.expire(due, out));
            }
        }
        self.now = self.now.max(at);
    }

    /// Takes the next output.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When `advance` has something to do.
    pub fn deadline(&self) -> Option<Timestamp> {
        match (self.calls.deadline(), self.followup.deadline()) {
            (Some(calls), Some(followup)) => Some(calls.min(followup)),
            (calls, followup) => calls.or(followup),
        }
    }

    /// What was seen so far.
    pub fn summary(&self) -> Summary {
        let mut summary = self.summary.clone();
        summary.take(self.flow.counters(), self.calls.counters(), self.media.count());
        summary
    }

    fn packet(&mut self, packet: Packet<'_>) {
        self.summary.saw(packet.at);
        let Engine { flow, calls, media, .. } = self;
        if let Body::Frame { link, bytes, wire_len } = packet.body
            && !flow.is_waiting()
            && Stream::glance(link, bytes, wire_len).is_some_and(|stream| calls.ignores(&stream))
        {
            return flow.pass_over(link, bytes.len());
        }
        let packet = Packet { at: self.now, ..packet };
        flow.push(&packet, &mut |piece| take(calls, media, piece));
        self.tell();
    }

    fn end(&mut self) {
        let Engine { flow, calls, media, now, .. } = self;
        flow.finish(*now, &mut |piece| take(calls, media, piece));
        self.calls.finish(self.now);
        self.tell();
    }

    /// Passes on what the calls have to tell: to the journal, and to follow-up.
    fn tell(&mut self) {
        if !self.calls.has_told() {
            return;
        }
        for told in self.calls.take_told() {
            let seen = match told {
                Told::Seen(seen) => Some(seen),
                Told::Closed(mut record, seen) => {
                    let line = seen.as_ref().and_then(|seen| {
                        line::find(&self.lines, seen.called.as_ref(), seen.called_user.as_deref())
                    });
                    record.line = line.map(|line| line.id.clone());
                    self.summary.count(&record);
                    self.journal(self.now, Event::Call(record));
                    seen
                }
            };
            if let Some(seen) = seen {
                self.followed(|followup, _, out| followup.call_seen(&seen, out));
            }
        }
    }

    fn followed(&mut self, act: impl FnOnce(&mut Followup, Timestamp, &mut Vec<(Timestamp, Event)>)) {
        let mut events = Vec::new();
        act(&mut self.followup, self.now, &mut events);
        for (at, event) in events {
            let submit = match &event {
                Event::Message(message) if message.is_to_be_submitted() => Some(message.clone()),
                _ => None,
            };
            self.journal(at.max(self.now), event);
            self.outputs.extend(submit.map(Output::Submit));
        }
    }

    fn journal(&mut self, at: Timestamp, event: Event) {
        self.entries += 1;
        self.outputs.push_back(Output::Journal(Box::new(JournalEntry { n: self.entries, at, event })));
    }
}

fn take(calls: &mut Calls, media: &mut Streams, piece: Piece<'_>) {
    match piece {
        Piece::Rtp(datagram) if Stream::of(&datagram).is_some_and(|stream| calls.ignores(&stream)) => {}
        Piece::Rtp(datagram) => {
            media.hear(&datagram);
            calls.rtp(&datagram);
        }
        Piece::Message(datagram) => match &sip::Message::parse(datagram.payload) {
            Ok(message) => calls.message(&datagram, message),
            Err(refusal) => calls.refused(*refusal),
        },
    }
}

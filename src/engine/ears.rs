//! The ears at legs that signalling can't decide: one for each call, their number bounded.
//!
//! Beside each runs a reel, in case it is a message that is heard, until two sides have taken turns for so long that it is none.
//! What a reel holds leaves it only as the sound of a message. While all of them hold too much, nothing is added.
//!
//! A relay or proxy may show the same sound at several addresses; of each side the one heard first is listened
//! to, and another only once that has fallen silent, or where its stream goes on.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::call::{self, Sound};
use crate::event::heard::{Ended, Heard};
use crate::event::{Passed, Piece};
use crate::limits;
use crate::media::{Direction, Ear, Params, Reel};
use crate::settings::Settings;
use crate::time::{Span, Timestamp};

/// The ears of all calls.
#[derive(Debug)]
pub struct Ears {
    params: Params,
    /// Messages are recorded at all.
    records: bool,
    listening: BTreeMap<u32, Box<Listening>>,
    /// Bytes of all reels.
    held: usize,
}

#[derive(Debug)]
struct Listening {
    ear: Ear,
    /// What was last heard of each side, the caller's first.
    last: [Option<Last>; 2],
    /// What was sent since the answer; none where it is no message.
    reel: Option<Reel>,
    /// When it is to be asked again whether it is one.
    next_look: Timestamp,
}

/// The last packet of a side.
#[derive(Clone, Copy, Debug)]
struct Last {
    /// Where it was sent, and when.
    dst: SocketAddr,
    at: Timestamp,
    /// Its stream, and its place there.
    ssrc: u32,
    sequence: u16,
}

impl Ears {
    /// No ears yet.
    pub fn new(settings: &Settings) -> Ears {
        let (params, records) = wanted(settings);
        Ears { params, records, listening: BTreeMap::new(), held: 0 }
    }
}

impl call::Ears for Ears {
    fn hear(&mut self, call: u32, sound: &Sound<'_>) -> bool {
        let room = self.held < limits::REELS;
        let Some(listening) = self.at(call, sound.datagram.at) else { return false };
        let before = listening.bytes();
        listening.hear(sound, room);
        let after = listening.bytes();
        let due = listening.is_due(sound.datagram.at);
        self.held = (self.held + after).saturating_sub(before);
        due
    }

    fn judge(&self, call: u32, answered: Timestamp, ended: Ended) -> Option<Heard> {
        self.listening.get(&call)?.judge(answered, ended)
    }

    fn pass_on(&mut self, call: u32, from: Timestamp, to: Timestamp) -> Option<Piece> {
        let listening = self.listening.get_mut(&call)?;
        let before = listening.bytes();
        let piece = listening.reel.as_mut()?.develop(from, to);
        self.held = (self.held + listening.bytes()).saturating_sub(before);
        piece
    }

    fn passed(&self, call: u32) -> Option<Passed> {
        self.listening.get(&call)?.reel.as_ref()?.passed()
    }

    fn drop_sound(&mut self, call: u32) {
        if let Some(listening) = self.listening.get_mut(&call) {
            self.held = self.held.saturating_sub(listening.bytes());
            listening.reel = None;
        }
    }

    fn forget(&mut self, call: u32) {
        let gone = self.listening.remove(&call);
        self.held = self.held.saturating_sub(gone.map_or(0, |listening| listening.bytes()));
    }

    fn reconfigure(&mut self, settings: &Settings) {
        (self.params, self.records) = wanted(settings);
    }
}

impl Ears {
    /// The ear at a call, a new one if there is room: it hears its first packet at `now`.
    fn at(&mut self, call: u32, now: Timestamp) -> Option<&mut Listening> {
        if !self.listening.contains_key(&call) && self.listening.len() < limits::EARS {
            let listening = Listening {
                ear: Ear::new(self.params),
                last: [None; 2],
                reel: self.records.then(Reel::default),
                next_look: now + LOOK,
            };
            self.listening.insert(call, Box::new(listening));
        }
        self.listening.get_mut(&call).map(Box::as_mut)
    }
}

impl Listening {
    fn hear(&mut self, sound: &Sound<'_>, room: bool) {
        let Sound { from_caller, codec, datagram, packet } = *sound;
        let [callers, pbxs] = &mut self.last;
        let (last, from) =
            if from_caller { (callers, Direction::FromCaller) } else { (pbxs, Direction::FromPbx) };
        let new = Last { dst: datagram.dst, at: datagram.at, ssrc: packet.ssrc, sequence: packet.sequence };
        if last.is_none_or(|last| last.goes_on_in(&new)) {
            *last = Some(new);
            self.ear.hear(from, codec, datagram.at, packet);
            if let Some(reel) = self.reel.as_mut().filter(|_| room) {
                reel.take(from, codec, datagram.at, packet);
            }
        }
    }

    /// Whether it is time to ask what it comes to; then the next time is set.
    fn is_due(&mut self, now: Timestamp) -> bool {
        let Some(reel) = self.reel.as_ref().filter(|_| now >= self.next_look) else { return false };
        self.next_look = now + if reel.has_begun() { LOOK_ON } else { LOOK };
        true
    }

    /// Nothing if no packet came: then nobody listened.
    fn judge(&self, answered: Timestamp, ended: Ended) -> Option<Heard> {
        let was_heard = self.last.iter().any(Option::is_some);
        was_heard.then(|| self.ear.judge(answered, ended))
    }

    fn bytes(&self) -> usize {
        self.reel.as_ref().map_or(0, Reel::bytes)
    }
}

impl Last {
    /// Whether a packet is heard after this one: at the same address, or its stream has moved, or this one's is over.
    fn goes_on_in(&self, new: &Last) -> bool {
        let ahead = new.sequence.wrapping_sub(self.sequence);
        let moved = new.ssrc == self.ssrc && (1..=MOVES_WITHIN).contains(&ahead);
        new.dst == self.dst || moved || new.at.since(self.at) >= SILENT
    }
}

/// How it is judged, and whether messages are recorded.
fn wanted(settings: &Settings) -> (Params, bool) {
    (Params { min_message: settings.pbx.judge.min_message }, settings.voicemail.record)
}

/// How often it is asked whether it is a message, and how often what is one is passed on.
const LOOK: Span = Span::from_secs(2);
const LOOK_ON: Span = Span::from_millis(400);

/// A side that sends nothing for so long to one address may go on at another.
const SILENT: Span = Span::from_millis(300);

/// So many packets may be lost while a stream moves to another address.
const MOVES_WITHIN: u16 = 50;

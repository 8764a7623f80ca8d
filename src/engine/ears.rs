//! The ears at legs that signalling can't decide: one for each call, their number bounded.
//!
//! A relay or proxy may show the same sound at several addresses; of each side the one heard first is listened
//! to, and another only once that has fallen silent, or where its stream goes on.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::call::{self, Sound};
use crate::event::heard::{Ended, Heard};
use crate::limits;
use crate::media::{Direction, Ear, Params};
use crate::settings::Judge;
use crate::time::{Span, Timestamp};

/// The ears of all calls.
#[derive(Debug)]
pub struct Ears {
    params: Params,
    listening: BTreeMap<u32, Box<Listening>>,
}

#[derive(Debug)]
struct Listening {
    ear: Ear,
    /// What was last heard of each side, the caller's first.
    last: [Option<Last>; 2],
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
    pub fn new(judge: &Judge) -> Ears {
        Ears { params: Params { min_message: judge.min_message }, listening: BTreeMap::new() }
    }
}

impl call::Ears for Ears {
    fn hear(&mut self, call: u32, sound: &Sound<'_>) {
        if !self.listening.contains_key(&call) && self.listening.len() < limits::EARS {
            let listening = Listening { ear: Ear::new(self.params), last: [None; 2] };
            self.listening.insert(call, Box::new(listening));
        }
        if let Some(listening) = self.listening.get_mut(&call) {
            listening.hear(sound);
        }
    }

    fn judge(&self, call: u32, answered: Timestamp, ended: Ended) -> Option<Heard> {
        self.listening.get(&call).map(|listening| listening.ear.judge(answered, ended))
    }

    fn forget(&mut self, call: u32) {
        self.listening.remove(&call);
    }

    fn judge_by(&mut self, judge: &Judge) {
        self.params = Params { min_message: judge.min_message };
    }
}

impl Listening {
    fn hear(&mut self, sound: &Sound<'_>) {
        let Sound { from_caller, codec, datagram, packet } = *sound;
        let [callers, pbxs] = &mut self.last;
        let (last, from) =
            if from_caller { (callers, Direction::FromCaller) } else { (pbxs, Direction::FromPbx) };
        let new = Last { dst: datagram.dst, at: datagram.at, ssrc: packet.ssrc, sequence: packet.sequence };
        if last.is_none_or(|last| last.goes_on_in(&new)) {
            *last = Some(new);
            self.ear.hear(from, codec, datagram.at, packet);
        }
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

/// A side that sends nothing for so long to one address may go on at another.
const SILENT: Span = Span::from_millis(300);

/// So many packets may be lost while a stream moves to another address.
const MOVES_WITHIN: u16 = 50;

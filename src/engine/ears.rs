//! The ears at legs that signalling can't decide: one for each call, their number bounded.
//!
//! A relay or proxy may show the same sound at several addresses; of each side the one heard first is listened
//! to, and another only once that has fallen silent.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::call::{self, Sound};
use crate::event::heard::Heard;
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
    /// Where the sound of each side was last heard and when, the caller's first.
    heard_at: [Option<(SocketAddr, Timestamp)>; 2],
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
            let listening = Listening { ear: Ear::new(self.params), heard_at: [None; 2] };
            self.listening.insert(call, Box::new(listening));
        }
        if let Some(listening) = self.listening.get_mut(&call) {
            listening.hear(sound);
        }
    }

    fn judge(&self, call: u32, answered: Timestamp, ended: Timestamp) -> Option<Heard> {
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
        let [callers, pbxs] = &mut self.heard_at;
        let (heard_at, from) =
            if from_caller { (callers, Direction::FromCaller) } else { (pbxs, Direction::FromPbx) };
        let elsewhere =
            |(dst, at): (SocketAddr, Timestamp)| dst != datagram.dst && datagram.at.since(at) < SILENT;
        if !heard_at.is_some_and(elsewhere) {
            *heard_at = Some((datagram.dst, datagram.at));
            self.ear.hear(from, codec, datagram.at, packet);
        }
    }
}

/// A side that sends nothing for so long to one address may go on at another.
const SILENT: Span = Span::from_millis(300);

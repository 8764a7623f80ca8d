//! Listens to one leg and says whether a recorder or a person answered it.
//!
//! Packets of both directions come in as they are captured, from early media on; `judge` may be asked at any time and
//! changes nothing. An ear is about 3 KB when new and stays below 8 KB.

use super::heard::Heard;
use super::judge::judge;
use super::side::{Direction, Side};
use crate::time::{Span, Timestamp};
use crate::wire::rtp::{Codec, RtpPacket};

/// What a site may want otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// A caller who speaks for less has left no message.
    pub min_message: Span,
}

impl Default for Params {
    fn default() -> Params {
        Params { min_message: Span::from_secs(2) }
    }
}

/// The ear at one leg.
#[derive(Clone, Debug)]
pub struct Ear {
    params: Params,
    origin: Option<Timestamp>,
    caller: Side,
    pbx: Side,
}

impl Ear {
    /// An ear that has heard nothing.
    pub fn new(params: Params) -> Ear {
        Ear { params, origin: None, caller: Side::new(), pbx: Side::new() }
    }

    /// Hears one packet, captured at `at`. Who sent it and what its payload type means the session's SDP says.
    pub fn hear(&mut self, from: Direction, codec: Codec, at: Timestamp, packet: &RtpPacket<'_>) {
        let origin = *self.origin.get_or_insert(at - LEAD);
        match from {
            Direction::FromCaller => self.caller.hear(origin, at, codec, packet),
            Direction::FromPbx => self.pbx.hear(origin, at, codec, packet),
        }
    }

    /// What was heard between the answer (the 200's time) and the leg's end.
    pub fn judge(&self, answered: Timestamp, ended: Timestamp) -> Heard {
        let origin = self.origin.unwrap_or(answered);
        judge(
            self.params,
            &self.caller.told(),
            &self.pbx.told(),
            answered.since(origin),
            ended.since(answered),
        )
    }
}

/// Room for packets that turn out to belong before the first one seen.
const LEAD: Span = Span::from_secs(1);

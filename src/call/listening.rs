//! Which legs are listened to, and where their media goes.
//!
//! `Calls` knows where RTP of a call is sent and whether its legs decide; who listens is somebody else. Only an
//! answered caller's leg that no other leg explains, or that a voicemail answered, is listened to, and from
//! the answer on: early media says nothing about who answered.

use std::fmt;
use std::net::SocketAddr;

use smallvec::SmallVec;

use crate::call::hash::{Key, Keyer};
use crate::call::idle::Place;
use crate::call::join::media_key;
use crate::call::outcome::{self, Case};
use crate::event::heard::{Ended, Heard};
use crate::event::{Direction, Passed, Piece, Role};
use crate::settings::Settings;
use crate::time::Timestamp;
use crate::wire::packet::Datagram;
use crate::wire::rtp::{Codec, RtpPacket};
use crate::wire::sdp::{self, Kinds};
use crate::wire::sip::Message;

/// Who listens to answered legs. A call is named by a number that is its own until it is forgotten.
pub trait Ears: fmt::Debug + Send {
    /// Hears one packet of a call's caller leg; true if it is time to ask what that comes to, which may be a message.
    fn hear(&mut self, call: u32, sound: &Sound<'_>) -> bool;

    /// What was heard of a call between its answer and its end; none if nothing was.
    fn judge(&self, call: u32, answered: Timestamp, ended: Ended) -> Option<Heard>;

    /// Gives what the message of a call brought up to `to`, once; it began at `from`, which counts the first time alone. None if no
    /// more of it was kept.
    fn pass_on(&mut self, call: u32, from: Timestamp, to: Timestamp) -> Option<Piece>;

    /// What was given of a call's message; none if nothing was.
    fn passed(&self, call: u32) -> Option<Passed>;

    /// Keeps no more sound of a call.
    fn drop_sound(&mut self, call: u32);

    /// Forgets what was heard of a call.
    fn forget(&mut self, call: u32);

    /// Goes on with another configuration: what is begun to be heard after this.
    fn reconfigure(&mut self, settings: &Settings);
}

/// One packet of a leg that is listened to.
#[derive(Clone, Copy, Debug)]
pub struct Sound<'a> {
    /// It was sent by the caller's side; else by the PBX's.
    pub from_caller: bool,
    /// What its payload type means.
    pub codec: Codec,
    /// Where and when it was seen.
    pub datagram: &'a Datagram<'a>,
    /// What it holds.
    pub packet: &'a RtpPacket<'a>,
}

/// Where a session description wants media.
#[derive(Clone, Copy, Debug)]
pub struct Spot {
    /// The address, as a key.
    pub key: Key,
    /// The address, as streams to be passed over are kept by it.
    pub place: Place,
    /// What payload types mean there.
    pub kinds: Kinds,
}

/// Where one session description wants media.
pub type Spots = SmallVec<[Spot; 2]>;

impl Spot {
    /// An address at which media is received.
    pub fn new(keyer: &Keyer, addr: SocketAddr, kinds: Kinds) -> Spot {
        Spot { key: media_key(keyer, addr), place: Place::of(addr), kinds }
    }

    /// Where the session description of a message wants media.
    pub fn all_of(keyer: &Keyer, message: &Message<'_>) -> Spots {
        let mut spots = Spots::new();
        if let Some(body) = message.sdp() {
            sdp::spots(body, |addr, kinds| spots.push(Spot::new(keyer, addr, kinds)));
        }
        spots
    }
}

/// Whether the sound of the caller's leg would add to what the legs say.
pub fn wanted(case: &Case<'_>) -> bool {
    let Some(leg) = case.legs.get(case.lead) else { return false };
    let Some((hop, answered)) = leg.caller_hop().and_then(|hop| Some((hop, hop.answered?))) else {
        return false;
    };
    let toward_us = matches!(case.direction, Direction::Inbound | Direction::Unknown);
    toward_us
        && !case.emergency
        && match outcome::answerer(case, answered.at) {
            Some(answerer) => answerer.voicemail.is_some(),
            None => hop.voicemail.is_some() || leg.role() != Role::PhoneOut,
        }
}

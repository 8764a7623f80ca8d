//! What captures, or taps, tell of a site: who is trunk, PBX, phone and voicemail, and what the PBX's habits are.
//!
//! ```text
//! Packet ─ flow ─> Attempts (INVITEs, each with the one it was sent on for), Hosts, Described
//!                  └─ finish: Trees ─> Roles ─> Habits ─> Proposal
//! ```
//! Nothing is configured and nothing is guessed: a role that its signs don't agree on becomes a question. No
//! call is judged here. What is kept is bounded, each bound beside what it bounds.

mod attempt;
mod attempts;
mod coverage;
mod described;
mod habits;
mod hosts;
mod nets;
mod proposal;
mod questions;
mod roles;
mod tree;
mod words;
mod written;

use crate::call;
use crate::flow::{Flow, Piece};
use crate::settings::Profile;
use crate::time::{Span, Timestamp};
use crate::wire::packet::{Datagram, Packet};
use crate::wire::sip;

use attempts::Attempts;
use described::Described;
use habits::Habits;
use hosts::Hosts;
use proposal::Known;
use roles::Roles;
use tree::Trees;

pub use proposal::{Key, Proposal, Value};

/// What was learnt from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Material {
    /// So many captures.
    Captures(usize),
    /// Taps that listened.
    Taps {
        /// How many.
        count: usize,
        /// For how long.
        listened: Span,
        /// Packets that they lost.
        lost: u64,
    },
}

/// Learns from packets in the order of their time.
pub struct Learner {
    flow: Flow,
    seen: Seen,
}

struct Seen {
    profiles: Vec<Profile>,
    attempts: Attempts,
    hosts: Hosts,
    described: Described,
}

impl Learner {
    /// Knows nothing yet but the makes of `profiles`; `seed` keys the hashes of network bytes.
    pub fn new(profiles: Vec<Profile>, seed: u64) -> Learner {
        let seen = Seen {
            attempts: Attempts::new(seed, pilot_params(&profiles)),
            profiles,
            hosts: Hosts::default(),
            described: Described::default(),
        };
        Learner { flow: Flow::new(seed), seen }
    }

    /// Takes the next packet.
    pub fn packet(&mut self, packet: &Packet<'_>) {
        let Learner { flow, seen } = self;
        flow.push(packet, &mut |piece| seen.piece(piece));
    }

    /// Ends what was learnt from, with its last packet at `at`, and says what it tells.
    pub fn finish(mut self, at: Timestamp, material: Material) -> Proposal {
        let Learner { flow, seen } = &mut self;
        flow.finish(at, &mut |piece| seen.piece(piece));
        let trees = Trees::new(&seen.attempts.all);
        let roles = Roles::new(&trees, &seen.hosts, &seen.attempts.aliases);
        let habits = Habits::new(&trees, &roles);
        proposal::propose(&Known {
            roles: &roles,
            habits: &habits,
            hosts: &seen.hosts,
            described: &seen.described,
            material,
            tls: flow.counters().tcp_tls,
            beyond: seen.attempts.beyond,
            attempts: seen.attempts.all.len(),
        })
    }
}

/// What makes write beside the number of a voicemail.
fn pilot_params(profiles: &[Profile]) -> Vec<String> {
    let mut all: Vec<String> =
        profiles.iter().flat_map(|profile| profile.diversion.pilot_params.iter().cloned()).collect();
    all.sort();
    all.dedup();
    all
}

impl Seen {
    fn piece(&mut self, piece: Piece<'_>) {
        let Piece::Message(datagram) = piece else { return };
        let Ok(message) = sip::Message::parse(datagram.payload) else { return };
        let (src, dst) = call::ends(&datagram, &message).unwrap_or((datagram.src, datagram.dst));
        let datagram = Datagram { src, dst, ..datagram };
        if self.attempts.message(&datagram, &message) {
            self.described.answer(&message);
        }
        self.hosts.message(&datagram, &message, &self.profiles);
    }
}

#[cfg(test)]
mod tests;

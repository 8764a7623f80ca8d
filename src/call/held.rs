//! Responses, and ACKs, that a mirror showed before their INVITE: kept for `HOLD`, then taken as they are.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::call::hash::Key;
use crate::limits;
use crate::time::{Span, Timestamp};
use crate::wire::packet::{Datagram, FrameRef, Transport};

/// A message whose INVITE has not been seen yet.
#[derive(Clone, Debug)]
pub struct HeldResponse {
    /// The leg it belongs to.
    pub key: Key,
    at: Timestamp,
    frame: FrameRef,
    src: SocketAddr,
    dst: SocketAddr,
    transport: Transport,
    payload: Box<[u8]>,
    cut: bool,
}

/// Messages waiting, oldest first.
#[derive(Debug, Default)]
pub struct Held {
    waiting: VecDeque<HeldResponse>,
}

impl Held {
    /// Keeps a response; tells one that has to go because there are too many.
    pub fn push(&mut self, key: Key, datagram: &Datagram<'_>) -> Option<HeldResponse> {
        let Datagram { at, frame, src, dst, transport, payload, cut, .. } = *datagram;
        self.waiting.push_back(HeldResponse {
            key,
            at,
            frame,
            src,
            dst,
            transport,
            payload: payload.into(),
            cut,
        });
        if self.waiting.len() > limits::HELD_RESPONSES { self.waiting.pop_front() } else { None }
    }

    /// The responses of a leg whose INVITE has come.
    pub fn take(&mut self, key: Key) -> Vec<HeldResponse> {
        if !self.waiting.iter().any(|held| held.key == key) {
            return Vec::new();
        }
        let (taken, kept) = self.waiting.drain(..).partition::<Vec<_>, _>(|held| held.key == key);
        self.waiting = kept.into();
        taken
    }

    /// Whether a 2xx of a leg waits.
    pub fn has_answer(&self, key: Key) -> bool {
        self.waiting.iter().any(|held| held.key == key && held.payload.starts_with(b"SIP/2.0 2"))
    }

    /// When the oldest has waited long enough.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.waiting.front().map(|held| held.at + HOLD)
    }

    /// The oldest response, if it has waited until `now`.
    pub fn expired(&mut self, now: Timestamp) -> Option<HeldResponse> {
        if self.deadline()? <= now { self.waiting.pop_front() } else { None }
    }

    /// The oldest response, however long it has waited.
    pub fn pop(&mut self) -> Option<HeldResponse> {
        self.waiting.pop_front()
    }
}

impl HeldResponse {
    /// The response as it was seen.
    pub fn datagram(&self) -> Datagram<'_> {
        Datagram {
            at: self.at,
            frame: self.frame,
            src: self.src,
            dst: self.dst,
            transport: self.transport,
            payload: &self.payload,
            cut: self.cut,
            correlation: &[],
        }
    }
}

const HOLD: Span = Span::from_secs(2);

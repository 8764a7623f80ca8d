//! Frames in, datagrams out.

mod fragments;
mod hep;
mod tcp;
mod udp;
mod ws;

use std::net::SocketAddr;

use super::*;
use crate::time::Span;
use crate::wire::frame::samples;
use crate::wire::packet::{FrameRef, TapId, Transport};

/// A flow with a clock, and what came out of it.
pub(super) struct Tap {
    pub(super) flow: Flow,
    pub(super) now: Timestamp,
    n: u64,
    pub(super) got: Vec<Got>,
}

/// A datagram that came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Got {
    pub(super) at: Timestamp,
    pub(super) frame: u64,
    pub(super) ends: (SocketAddr, SocketAddr),
    pub(super) transport: Transport,
    pub(super) payload: Vec<u8>,
    pub(super) cut: bool,
    pub(super) correlation: Vec<u8>,
    pub(super) rtp: bool,
}

impl Tap {
    pub(super) fn new() -> Tap {
        Tap { flow: Flow::new(7), now: Timestamp::from_parts(1_795_208_047, 0), n: 0, got: Vec::new() }
    }

    pub(super) fn wait(&mut self, time: Span) {
        self.now = self.now + time;
    }

    pub(super) fn push(&mut self, body: Body<'_>) {
        self.n += 1;
        let packet = Packet { at: self.now, frame: FrameRef { tap: TapId(0), n: self.n }, body };
        let got = &mut self.got;
        self.flow.push(&packet, &mut |piece| got.push(Got::of(piece)));
        self.wait(Span::from_millis(1));
    }

    pub(super) fn snapped(&mut self, bytes: &[u8], wire_len: usize) {
        let wire_len = u32::try_from(wire_len).unwrap();
        self.push(Body::Frame { link: LinkType(samples::ETHERNET), bytes, wire_len });
    }

    pub(super) fn frame(&mut self, bytes: &[u8]) {
        self.snapped(bytes, bytes.len());
    }

    /// A frame with this IP packet.
    pub(super) fn ip(&mut self, ip: &[u8]) {
        self.frame(&samples::framed(ip));
    }

    pub(super) fn udp(&mut self, payload: &[u8]) {
        self.ip(&samples::udp_ip(samples::host(1, 5060), samples::host(2, 5080), payload));
    }

    pub(super) fn finish(&mut self) {
        let got = &mut self.got;
        self.flow.finish(self.now, &mut |piece| got.push(Got::of(piece)));
    }

    pub(super) fn payloads(&self) -> Vec<&[u8]> {
        self.got.iter().map(|got| &got.payload[..]).collect()
    }

    pub(super) fn counters(&self) -> &Counters {
        self.flow.counters()
    }
}

impl Got {
    fn of(piece: Piece<'_>) -> Got {
        let (datagram, rtp) = match piece {
            Piece::Message(datagram) => (datagram, false),
            Piece::Rtp(datagram) => (datagram, true),
        };
        Got {
            at: datagram.at,
            frame: datagram.frame.n,
            ends: (datagram.src, datagram.dst),
            transport: datagram.transport,
            payload: datagram.payload.to_vec(),
            cut: datagram.cut,
            correlation: datagram.correlation.to_vec(),
            rtp,
        }
    }
}

/// A request with this Call-ID and a body of `body` bytes.
pub(super) fn message(call: &str, body: usize) -> Vec<u8> {
    let head = format!("INFO sip:x@10.0.0.2 SIP/2.0\r\nCall-ID: {call}\r\nContent-Length: {body}\r\n\r\n");
    [head.as_bytes(), &vec![b'b'; body]].concat()
}

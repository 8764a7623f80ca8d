//! The last step: what a payload is by its first byte (RFC 7983), HEP unwrapped, pieces handed out.

use std::net::{IpAddr, SocketAddr};

use memchr::memchr;

use super::{Counters, Piece};
use crate::time::Timestamp;
use crate::wire::hep::{self, Hep, Payload};
use crate::wire::packet::{Datagram, FrameRef, Transport};
use crate::wire::sip::looks_like_start;

/// One direction between two addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Ends {
    pub(super) src: SocketAddr,
    pub(super) dst: SocketAddr,
}

impl Ends {
    #[inline(always)]
    pub(super) fn new(src: (IpAddr, u16), dst: (IpAddr, u16)) -> Ends {
        Ends { src: src.into(), dst: dst.into() }
    }
}

/// Where pieces go, and what is known of the packet that completes them.
pub(super) struct Sink<'s> {
    pub(super) at: Timestamp,
    pub(super) frame: FrameRef,
    pub(super) counters: &'s mut Counters,
    pub(super) out: &'s mut dyn FnMut(Piece<'_>),
}

impl Sink<'_> {
    /// A UDP payload.
    #[inline(always)]
    pub(super) fn udp(&mut self, ends: Ends, payload: &[u8], cut: bool) {
        if let [0x80..=0xbf, ..] = payload {
            self.counters.rtp += 1;
            let piece = Piece::Rtp(self.with_ends(ends, Transport::Udp, payload, cut));
            (self.out)(piece);
        } else if hep::has_magic(payload) {
            self.hep(payload);
        } else {
            self.text(&self.with_ends(ends, Transport::Udp, payload, cut));
        }
    }

    /// A message cut from a stream, whose framing already knows what it is.
    pub(super) fn message(&mut self, ends: Ends, transport: Transport, payload: &[u8], cut: bool) {
        let datagram = self.with_ends(ends, transport, payload, cut);
        self.counters.transports.count(transport);
        (self.out)(Piece::Message(datagram));
    }

    /// A datagram that may be anything but HEP.
    pub(super) fn datagram(&mut self, datagram: &Datagram<'_>) {
        if let [0x80..=0xbf, ..] = datagram.payload {
            self.counters.rtp += 1;
            (self.out)(Piece::Rtp(*datagram));
        } else {
            self.text(datagram);
        }
    }

    /// A payload that is SIP, a keepalive, or nothing for us.
    pub(super) fn text(&mut self, datagram: &Datagram<'_>) {
        match Kind::of(datagram.payload) {
            Kind::Text => {
                self.counters.transports.count(datagram.transport);
                (self.out)(Piece::Message(*datagram));
            }
            Kind::Keepalive => self.counters.keepalives += 1,
            Kind::OldHep => self.counters.hep_bad += 1,
            Kind::Other => self.counters.other += 1,
        }
    }

    /// A HEP3 message. The datagram keeps the time of its capture here: agents' clocks are their own.
    pub(super) fn hep(&mut self, bytes: &[u8]) {
        let Ok(hep) = hep::decode(bytes) else {
            self.counters.hep_bad += 1;
            return;
        };
        self.counters.hep += 1;
        self.counters.hep_odd += u64::from(hep.odd);
        if hep.kind != hep::SIP {
            self.counters.hep_not_sip += 1;
            return;
        }
        match hep.payload {
            Payload::Plain(plain) => self.unwrapped(&hep, plain),
            Payload::Compressed(packed) => match hep::inflate(packed) {
                Ok(plain) => self.unwrapped(&hep, &plain),
                Err(_) => self.counters.hep_bad += 1,
            },
        }
    }

    fn unwrapped(&mut self, hep: &Hep<'_>, payload: &[u8]) {
        let transport = if hep.proto == 6 { Transport::Tcp } else { Transport::Udp };
        let ends = Ends { src: hep.src, dst: hep.dst };
        let datagram =
            Datagram { correlation: hep.correlation, ..self.with_ends(ends, transport, payload, false) };
        self.text(&datagram);
    }

    #[inline(always)]
    pub(super) fn with_ends<'p>(
        &self,
        ends: Ends,
        transport: Transport,
        payload: &'p [u8],
        cut: bool,
    ) -> Datagram<'p> {
        Datagram {
            at: self.at,
            frame: self.frame,
            src: ends.src,
            dst: ends.dst,
            transport,
            payload,
            cut,
            correlation: &[],
        }
    }
}

enum Kind {
    Text,
    Keepalive,
    OldHep,
    Other,
}

impl Kind {
    fn of(payload: &[u8]) -> Kind {
        match payload {
            [b'A'..=b'Z' | b'a'..=b'z', ..] => Kind::Text,
            [b'\r' | b'\n', ..] => Kind::after_line_ends(payload),
            // HEP 1 and 2: version, header length, family, protocol.
            [1 | 2, 16..=56, 2 | 10, 6 | 17, ..] => Kind::OldHep,
            // Other characters that RFC 3261 lets a method start with.
            [b'!' | b'%' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'0'..=b'9' | b'_' | b'`' | b'~', ..]
                if memchr(b'\n', payload).is_some() && looks_like_start(payload) =>
            {
                Kind::Text
            }
            _ => Kind::Other,
        }
    }

    fn after_line_ends(payload: &[u8]) -> Kind {
        match payload.iter().find(|b| !matches!(b, b'\r' | b'\n' | 0)) {
            None => Kind::Keepalive,
            Some(b) if b.is_ascii_alphabetic() => Kind::Text,
            Some(_) => Kind::Other,
        }
    }
}

//! From captured frames to whole datagrams: tunnels opened, fragments and TCP streams put together, HEP
//! unwrapped, RTP told from what may be SIP by its first byte.
//!
//! In: packets in the order of their time. Out: [`Piece`]s, at the time of the packet that completed them,
//! so their times never go back. Nothing here reads SIP beyond what cutting messages from a stream takes.
//! All memory is bounded, and whatever is dropped is counted. A plain UDP datagram takes one straight way
//! without a copy, an allocation or a look-up.

mod counters;
mod defrag;
mod demux;
mod framing;
mod hep_stream;
mod http;
mod pieces;
mod reader;
mod table;
mod tcp;
mod ws_stream;

use crate::time::Timestamp;
use crate::wire::frame::{self, IpPacket, PlainUdp, Skip};
use crate::wire::packet::{Body, Datagram, LinkType, Packet};

pub use counters::{Counters, Links, Transports};

use defrag::Defrag;
use demux::{Ends, Sink};
use table::Keyed;
use tcp::Streams;

/// What comes out.
#[derive(Clone, Copy, Debug)]
pub enum Piece<'a> {
    /// What may be SIP: it starts with a letter.
    Message(Datagram<'a>),
    /// What may be RTP or RTCP: its first byte says version 2.
    Rtp(Datagram<'a>),
}

/// The state between frames: fragments and TCP streams that aren't whole yet.
pub struct Flow {
    counters: Counters,
    fragments: Defrag,
    streams: Streams,
    kept: bool,
}

impl Flow {
    /// Starts empty; `seed` keys the hashing of addresses.
    pub fn new(seed: u64) -> Flow {
        let keyed = Keyed::new(seed);
        Flow {
            counters: Counters::default(),
            fragments: Defrag::new(keyed.clone()),
            streams: Streams::new(keyed),
            kept: false,
        }
    }

    /// Takes one packet and hands out what it completes.
    pub fn push(&mut self, packet: &Packet<'_>, out: &mut dyn FnMut(Piece<'_>)) {
        let Flow { counters, fragments, streams, kept } = self;
        let sink = Sink { at: packet.at, frame: packet.frame, counters, out };
        let waiting = streams.waiting();
        let mut way = Way { fragments, streams, kept, sink };
        way.sink.counters.packets += 1;
        way.streams.expire(&mut way.sink);
        *way.kept = way.streams.waiting() != waiting;
        match packet.body {
            Body::Frame { link, bytes, wire_len } => way.frame(link, bytes, wire_len),
            Body::Datagram(datagram) => way.datagram(&datagram),
        }
    }

    /// Whether the last packet left something behind: a fragment, a part of a stream, a gap given up at its time.
    pub fn has_kept(&self) -> bool {
        self.kept
    }

    /// Whether a gap in a TCP stream waits for time to pass, so that no packet may be passed over.
    #[inline]
    pub fn is_waiting(&self) -> bool {
        self.streams.is_waiting()
    }

    /// Counts an RTP packet of `len` bytes that nobody wants.
    #[inline]
    pub fn pass_over(&mut self, link: LinkType, len: usize) {
        let counters = &mut self.counters;
        counters.packets += 1;
        counters.bytes += len as u64;
        counters.links.count(link);
        counters.rtp += 1;
    }

    /// Ends the capture at `at`: hands out what TCP streams still hold behind gaps.
    pub fn finish(&mut self, at: Timestamp, out: &mut dyn FnMut(Piece<'_>)) {
        let Flow { counters, streams, .. } = self;
        let mut sink = Sink { at, frame: Default::default(), counters, out };
        streams.finish(&mut sink);
    }

    /// What was seen and what was dropped so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
}

/// The way of one packet through the state.
struct Way<'w> {
    fragments: &'w mut Defrag,
    streams: &'w mut Streams,
    kept: &'w mut bool,
    sink: Sink<'w>,
}

impl Way<'_> {
    fn frame(&mut self, link: LinkType, bytes: &[u8], wire_len: u32) {
        let counters = &mut *self.sink.counters;
        counters.bytes += bytes.len() as u64;
        counters.cut += u64::from(u64::from(wire_len) > bytes.len() as u64);
        counters.links.count(link);
        if let Some(PlainUdp { src, dst, payload }) = PlainUdp::of(link, bytes) {
            return self.sink.udp(Ends { src, dst }, payload, false);
        }
        match &frame::decode(link, bytes, wire_len) {
            Ok(packet) => self.ip(packet),
            Err(skip) => self.skip(*skip),
        }
    }

    fn datagram(&mut self, datagram: &Datagram<'_>) {
        let counters = &mut *self.sink.counters;
        counters.bytes += datagram.payload.len() as u64;
        counters.cut += u64::from(datagram.cut);
        counters.links.datagram += 1;
        self.sink.datagram(datagram);
    }

    fn ip(&mut self, packet: &IpPacket<'_>) {
        if packet.fragment.is_some() {
            return self.fragment(packet);
        }
        match packet.proto {
            UDP => self.udp(packet),
            TCP => self.tcp(packet),
            ICMP | ICMP_V6 => self.sink.counters.icmp += 1,
            _ => match frame::open(packet) {
                Some(inner) => self.tunnel(inner),
                None => self.sink.counters.other += 1,
            },
        }
    }

    fn udp(&mut self, packet: &IpPacket<'_>) {
        let Some(udp) = frame::udp(packet.payload) else {
            return self.skip(Skip::Malformed);
        };
        if let Some(inner) = frame::open_udp(packet, udp.dst, udp.payload) {
            return self.tunnel(inner);
        }
        let ends = Ends::new((packet.src, udp.src), (packet.dst, udp.dst));
        self.sink.udp(ends, udp.payload, packet.missing > 0);
    }

    fn tcp(&mut self, packet: &IpPacket<'_>) {
        let Some(tcp) = frame::tcp(packet.payload) else {
            return self.skip(Skip::Malformed);
        };
        let ends = Ends::new((packet.src, tcp.src), (packet.dst, tcp.dst));
        *self.kept |= self.streams.push(ends, &tcp, packet.missing, &mut self.sink);
    }

    fn tunnel(&mut self, inner: Result<IpPacket<'_>, Skip>) {
        match inner {
            Ok(packet) => {
                self.sink.counters.tunnelled += 1;
                self.ip(&packet);
            }
            Err(skip) => self.skip(skip),
        }
    }

    /// A first fragment that a snap length cut can't be completed: what it holds goes on as it is.
    fn fragment(&mut self, packet: &IpPacket<'_>) {
        self.sink.counters.fragments += 1;
        if packet.missing > 0 && packet.fragment.is_some_and(|f| f.offset == 0) {
            return self.ip(&IpPacket { fragment: None, ..*packet });
        }
        *self.kept = true;
        let Some(whole) = self.fragments.push(self.sink.at, packet, self.sink.counters) else { return };
        match packet.whole(&whole) {
            Ok(packet) => self.ip(&packet),
            Err(skip) => self.skip(skip),
        }
    }

    fn skip(&mut self, skip: Skip) {
        let counters = &mut *self.sink.counters;
        *match skip {
            Skip::UnknownLink => &mut counters.unknown_link,
            Skip::NotIp => &mut counters.not_ip,
            Skip::Malformed => &mut counters.malformed,
            Skip::TooDeep => &mut counters.tunnels_too_deep,
        } += 1;
    }
}

const UDP: u8 = 17;
const TCP: u8 = 6;
const ICMP: u8 = 1;
const ICMP_V6: u8 = 58;

#[cfg(test)]
mod tests;

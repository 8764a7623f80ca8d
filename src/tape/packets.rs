//! The packets of a tape as pcapng blocks (draft-ietf-opsawg-pcapng), little-endian, in microseconds.
//!
//! An interface stands for the packets of one tap with one link type and is described before its first packet. What
//! came without a frame, from a HEP agent, is written as Wireshark exports messages: link type 252, tags, payload.

use std::net::{IpAddr, SocketAddr};

use crate::limits;
use crate::wire::packet::{Body, Datagram, LinkType, Packet, TapId, Transport};

/// LINKTYPE_WIRESHARK_UPPER_PDU of the tcpdump.org registry.
pub(super) const EXPORTED: LinkType = LinkType(252);

/// Writes the blocks of one capture.
#[derive(Debug, Default)]
pub(super) struct Packets {
    /// The interfaces described so far.
    interfaces: Vec<(TapId, LinkType)>,
    count: u64,
}

impl Packets {
    /// Begins a capture.
    pub fn begin(out: &mut Vec<u8>) -> Packets {
        let mut body = 0x1a2b_3c4d_u32.to_le_bytes().to_vec();
        body.extend([1, 0, 0, 0]);
        body.extend([0xff; 8]);
        block(out, SECTION, &body);
        Packets::default()
    }

    /// Adds a packet that came from the tap `named`; its place from 1. None if it is longer than packets may be.
    pub fn add(&mut self, out: &mut Vec<u8>, packet: &Packet<'_>, named: &str) -> Option<u64> {
        let ticks = u64::try_from(packet.at.as_micros()).unwrap_or(0);
        match packet.body {
            Body::Frame { link, bytes, wire_len } => {
                self.packet(out, (packet.frame.tap, link, named), (ticks, bytes, wire_len))
            }
            Body::Datagram(datagram) => {
                let bytes = exported(&datagram);
                let wire_len = u32::try_from(bytes.len()).ok()?;
                self.packet(out, (packet.frame.tap, EXPORTED, named), (ticks, &bytes, wire_len))
            }
        }
    }

    fn packet(
        &mut self,
        out: &mut Vec<u8>,
        (tap, link, named): (TapId, LinkType, &str),
        (ticks, bytes, wire_len): (u64, &[u8], u32),
    ) -> Option<u64> {
        let captured = u32::try_from(bytes.len()).ok().filter(|len| *len <= limits::PACKET)?;
        let known = self.interfaces.iter().position(|known| *known == (tap, link));
        let interface = u32::try_from(known.unwrap_or(self.interfaces.len())).ok()?;
        if known.is_none() {
            self.interfaces.push((tap, link));
            describe(out, link, named);
        }
        let (high, low) = ((ticks >> 32) as u32, (ticks & u64::from(u32::MAX)) as u32);
        let mut body = Vec::with_capacity(bytes.len() + 24);
        for word in [interface, high, low, captured, wire_len] {
            body.extend(word.to_le_bytes());
        }
        body.extend_from_slice(bytes);
        block(out, ENHANCED, &body);
        self.count += 1;
        Some(self.count)
    }
}

/// The payload of what was exported; none if its tags run over its end.
pub(super) fn payload(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes;
    loop {
        let ([a, b, c, d], after) = rest.split_first_chunk::<4>()?;
        let (tag, len) = (u16::from_be_bytes([*a, *b]), usize::from(u16::from_be_bytes([*c, *d])));
        rest = after.get(len.next_multiple_of(4)..)?;
        if tag == END {
            return Some(rest);
        }
    }
}

/// Tags that tell Wireshark what it is and whose, then the payload.
fn exported(datagram: &Datagram<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(datagram.payload.len() + 80);
    tag(&mut out, DISSECTOR, b"sip");
    let sides = [(datagram.src, V4_SRC, V6_SRC, SRC_PORT), (datagram.dst, V4_DST, V6_DST, DST_PORT)];
    for (end, v4, v6, port) in sides {
        address(&mut out, end, (v4, v6));
        tag(&mut out, port, &u32::from(end.port()).to_be_bytes());
    }
    let kind: u32 = if datagram.transport == Transport::Udp { 3 } else { 2 };
    tag(&mut out, PORT_TYPE, &kind.to_be_bytes());
    tag(&mut out, END, &[]);
    out.extend_from_slice(datagram.payload);
    out
}

fn address(out: &mut Vec<u8>, end: SocketAddr, (v4, v6): (u16, u16)) {
    match end.ip() {
        IpAddr::V4(ip) => tag(out, v4, &ip.octets()),
        IpAddr::V6(ip) => tag(out, v6, &ip.octets()),
    }
}

fn tag(out: &mut Vec<u8>, tag: u16, value: &[u8]) {
    let len = value.len().min(usize::from(u16::MAX));
    out.extend(tag.to_be_bytes());
    out.extend((len as u16).to_be_bytes());
    out.extend_from_slice(&value[..len]);
    pad(out, len);
}

/// An interface: its link type, and the tap it stands for as its name.
fn describe(out: &mut Vec<u8>, link: LinkType, named: &str) {
    let mut body = link.0.to_le_bytes().to_vec();
    body.extend([0; 6]);
    let name = named.as_bytes();
    let name = &name[..name.len().min(NAME)];
    body.extend(IF_NAME.to_le_bytes());
    body.extend((name.len() as u16).to_le_bytes());
    body.extend_from_slice(name);
    pad(&mut body, name.len());
    body.extend([0; 4]);
    block(out, INTERFACE, &body);
}

fn block(out: &mut Vec<u8>, kind: u32, body: &[u8]) {
    let len = (body.len().next_multiple_of(4) + 12) as u32;
    out.extend(kind.to_le_bytes());
    out.extend(len.to_le_bytes());
    out.extend_from_slice(body);
    pad(out, body.len());
    out.extend(len.to_le_bytes());
}

/// Zeros up to a multiple of four.
fn pad(out: &mut Vec<u8>, len: usize) {
    out.resize(out.len() + (len.next_multiple_of(4) - len), 0);
}

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const ENHANCED: u32 = 6;
const IF_NAME: u16 = 2;
/// Bytes of a tap's name that are kept.
const NAME: usize = 255;

/// The tags of Wireshark's epan/exported_pdu.h.
const END: u16 = 0;
const DISSECTOR: u16 = 12;
const V4_SRC: u16 = 20;
const V4_DST: u16 = 21;
const V6_SRC: u16 = 22;
const V6_DST: u16 = 23;
const PORT_TYPE: u16 = 24;
const SRC_PORT: u16 = 25;
const DST_PORT: u16 = 26;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Capture, PacketSource};
    use crate::time::Timestamp;
    use crate::wire::packet::FrameRef;

    fn frame(tap: u16, link: u16, bytes: &[u8]) -> Packet<'_> {
        let body = Body::Frame { link: LinkType(link), bytes, wire_len: bytes.len() as u32 + 7 };
        Packet {
            at: Timestamp::from_micros(1_700_000_000_123_456),
            frame: FrameRef { tap: TapId(tap), n: 1 },
            body,
        }
    }

    #[test]
    fn frames_of_several_taps_and_links_are_read_again_as_they_were() {
        let mut out = Vec::new();
        let mut packets = Packets::begin(&mut out);
        let long = vec![7; 300];
        let written = [frame(0, 1, b"abc"), frame(1, 113, b"defg"), frame(0, 101, b""), frame(0, 1, &long)];
        let places: Vec<_> = written.iter().map(|packet| packets.add(&mut out, packet, "eth1")).collect();
        assert_eq!(places, [Some(1), Some(2), Some(3), Some(4)]);
        let mut capture = Capture::open(Box::new(std::io::Cursor::new(out)), TapId(0), "c").expect("opens");
        for packet in written {
            let read = capture.next().expect("a packet").expect("whole");
            assert_eq!(read.at, packet.at);
            assert_eq!(format!("{:?}", read.body), format!("{:?}", packet.body));
        }
        assert!(capture.next().is_none());
    }

    #[test]
    fn a_packet_longer_than_readers_take_is_not_written() {
        let (mut out, long) = (Vec::new(), vec![0; limits::PACKET as usize + 1]);
        let mut packets = Packets::begin(&mut out);
        assert_eq!(packets.add(&mut out, &frame(0, 1, &long), "eth1"), None);
    }

    #[test]
    fn what_came_without_a_frame_keeps_its_payload() {
        let datagram = Datagram {
            at: Timestamp::from_micros(0),
            frame: FrameRef::default(),
            src: "192.0.2.1:5060".parse().expect("an address"),
            dst: "[2001:db8::1]:5062".parse().expect("an address"),
            transport: Transport::Tcp,
            payload: b"BYE sip:x SIP/2.0",
            cut: false,
            correlation: &[],
        };
        let bytes = exported(&datagram);
        assert_eq!(payload(&bytes), Some(&b"BYE sip:x SIP/2.0"[..]));
        assert!((0..bytes.len() - 17).all(|end| payload(&bytes[..end]).is_none()));
    }
}

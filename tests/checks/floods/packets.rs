//! IPv4 packets as a capture of raw IP holds them; checksums are left 0, as nobody asks for them.

use std::net::Ipv4Addr;

/// An address and a port.
pub type End = (Ipv4Addr, u16);

/// A UDP datagram.
pub fn udp(src: End, dst: End, payload: &[u8]) -> Vec<u8> {
    ip(17, src.0, dst.0, (0, 0), &udp_segment(src.1, dst.1, payload))
}

/// One fragment, of 8 bytes at an offset of as many, of a UDP datagram that is never whole.
pub fn fragment(src: End, dst: End, (id, offset): (u16, u16), payload: &[u8]) -> Vec<u8> {
    ip(17, src.0, dst.0, (id, 0x2000 | offset), payload)
}

/// A TCP segment with data.
pub fn tcp(src: End, dst: End, seq: u32, payload: &[u8]) -> Vec<u8> {
    let mut segment = [src.1.to_be_bytes(), dst.1.to_be_bytes()].concat();
    segment.extend(seq.to_be_bytes());
    segment.extend([0, 0, 0, 0, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
    segment.extend(payload);
    ip(6, src.0, dst.0, (0, 0), &segment)
}

/// The start of an RTP packet of G.711.
pub fn rtp(ssrc: u32) -> [u8; 172] {
    let mut packet = [0x7f; 172];
    packet[..8].copy_from_slice(&[0x80, 0, 0, 1, 0, 0, 0, 160]);
    packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
    packet
}

fn udp_segment(src: u16, dst: u16, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len() + 8).expect("fits a datagram");
    let mut segment = [src, dst, len, 0].map(u16::to_be_bytes).concat();
    segment.extend(payload);
    segment
}

fn ip(proto: u8, src: Ipv4Addr, dst: Ipv4Addr, (id, fragment): (u16, u16), payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len() + 20).expect("fits a packet");
    let mut packet = vec![0x45, 0];
    packet.extend([len, id, fragment].map(u16::to_be_bytes).concat());
    packet.extend([64, proto, 0, 0]);
    packet.extend(src.octets());
    packet.extend(dst.octets());
    packet.extend(payload);
    packet
}

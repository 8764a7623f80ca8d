//! Frames built layer by layer, for tests.

use std::net::{IpAddr, SocketAddr};

pub(crate) const ETHERNET: u16 = 1;

/// Bytes of several parts in a row.
pub(crate) fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

pub(crate) fn ethernet(kind: u16, rest: &[u8]) -> Vec<u8> {
    join(&[&[0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2], &kind.to_be_bytes(), rest])
}

/// A tag: its number, then the EtherType of what follows.
pub(crate) fn tag(vlan: u16, kind: u16, rest: &[u8]) -> Vec<u8> {
    join(&[&vlan.to_be_bytes(), &kind.to_be_bytes(), rest])
}

/// An IP packet between two addresses of one family.
pub(crate) fn ip(src: IpAddr, dst: IpAddr, proto: u8, rest: &[u8]) -> Vec<u8> {
    match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => v4(src.octets(), dst.octets(), (0, 0), proto, rest),
        (IpAddr::V6(src), IpAddr::V6(dst)) => join(&[
            &[0x60, 0, 0, 0],
            &u16::try_from(rest.len()).unwrap().to_be_bytes(),
            &[proto, 64],
            &src.octets(),
            &dst.octets(),
            rest,
        ]),
        _ => panic!("two families"),
    }
}

/// An IPv4 packet with an id, and flags and offset as they are on the wire.
pub(crate) fn v4(src: [u8; 4], dst: [u8; 4], place: (u16, u16), proto: u8, rest: &[u8]) -> Vec<u8> {
    let total = u16::try_from(rest.len() + 20).unwrap().to_be_bytes();
    let (id, flags) = (place.0.to_be_bytes(), place.1.to_be_bytes());
    join(&[&[0x45, 0], &total, &id, &flags, &[64, proto, 0, 0], &src, &dst, rest])
}

pub(crate) fn datagram(src: u16, dst: u16, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len() + 8).unwrap();
    join(&[&src.to_be_bytes(), &dst.to_be_bytes(), &len.to_be_bytes(), &[0, 0], payload])
}

/// A TCP segment with the flags byte.
pub(crate) fn segment(src: u16, dst: u16, seq: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let fixed = [0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0];
    join(&[&src.to_be_bytes(), &dst.to_be_bytes(), &seq.to_be_bytes(), &fixed, payload])
}

/// UDP over IP without a link layer.
pub(crate) fn udp_ip(src: SocketAddr, dst: SocketAddr, payload: &[u8]) -> Vec<u8> {
    ip(src.ip(), dst.ip(), 17, &datagram(src.port(), dst.port(), payload))
}

/// The EtherType of an IP packet.
pub(crate) fn kind(ip: &[u8]) -> u16 {
    if ip[0] >> 4 == 4 { 0x0800 } else { 0x86dd }
}

/// An IP packet in Ethernet.
pub(crate) fn framed(ip: &[u8]) -> Vec<u8> {
    ethernet(kind(ip), ip)
}

pub(crate) fn gre(flags: u16, kind: u16, words: &[u32], rest: &[u8]) -> Vec<u8> {
    let words: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    join(&[&flags.to_be_bytes(), &kind.to_be_bytes(), &words, rest])
}

pub(crate) fn vxlan(frame: &[u8]) -> Vec<u8> {
    join(&[&[0x08, 0, 0, 0, 0, 0, 42, 0], frame])
}

/// The address of a test machine, and its port.
pub(crate) fn host(n: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, n], port))
}

/// The same with IPv6.
pub(crate) fn host6(n: u16, port: u16) -> SocketAddr {
    SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, n], port))
}

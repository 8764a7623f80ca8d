//! The commonest frame, read at one go: Ethernet without tags, IPv4 without options, one whole UDP datagram.
//!
//! Says nothing of any other frame: those are peeled layer by layer.

use std::net::{Ipv4Addr, SocketAddr};

use super::tunnel;
use crate::wire::packet::LinkType;

/// A UDP datagram and its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlainUdp<'a> {
    /// Sender.
    pub src: SocketAddr,
    /// Receiver.
    pub dst: SocketAddr,
    /// The payload, all of it.
    pub payload: &'a [u8],
}

impl<'a> PlainUdp<'a> {
    /// The datagram in a frame, if the frame is of the commonest form, whole, true to its lengths, and not to the port
    /// of a tunnel.
    #[inline]
    pub fn of(link: LinkType, bytes: &'a [u8]) -> Option<PlainUdp<'a>> {
        let (head, rest) = bytes.split_first_chunk::<PAYLOAD>()?;
        let [total, ports @ .., len] = [16, 34, 36, 38].map(|at| half(head, at));
        let payload = rest.get(..usize::from(len).checked_sub(UDP_HEADER)?)?;
        let plain = is_plain_udp(link, head) && u32::from(total) == u32::from(len) + 20;
        if !plain || tunnel::is_port(ports[1]) {
            return None;
        }
        let end = |at, port| (Ipv4Addr::from_bits(word(head, at)), port).into();
        Some(PlainUdp { src: end(26, ports[0]), dst: end(30, ports[1]), payload })
    }
}

/// Whether a frame begins with the headers of Ethernet, IPv4 without options or fragments, and UDP.
#[inline]
pub fn is_plain_udp(link: LinkType, head: &[u8; PAYLOAD]) -> bool {
    link == ETHERNET && word(head, 12) & 0xffff_ff00 == 0x0800_4500 && word(head, 20) & 0x3fff_00ff == UDP
}

/// A field of 32 bits.
#[inline]
pub fn word<const N: usize>(head: &[u8; N], at: usize) -> u32 {
    u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]])
}

#[inline]
fn half(head: &[u8; PAYLOAD], at: usize) -> u16 {
    u16::from_be_bytes([head[at], head[at + 1]])
}

/// Where the payload begins, after 14 bytes of Ethernet and 20 of IPv4.
pub const PAYLOAD: usize = 14 + 20 + UDP_HEADER;

const UDP_HEADER: usize = 8;
const ETHERNET: LinkType = LinkType(1);
const UDP: u32 = 17;

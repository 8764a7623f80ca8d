//! From a captured frame to the IP packet in it, and from an IP packet to the one it tunnels.
//!
//! Stateless: link headers, tags, labels and tunnels are peeled, IP lengths cut the padding, what a snap
//! length took is told as `missing`. Checksums are not judged. Fragments are told, not put together.

mod ip;
mod link;
mod plain;
mod segment;
mod tunnel;

use std::net::IpAddr;

use crate::wire::packet::LinkType;

pub use link::Family;
pub use plain::{PAYLOAD, PlainUdp, is_plain_udp, word};
pub use segment::{Tcp, Udp, tcp, udp};
pub use tunnel::{open, open_udp};

/// One IP packet, or one fragment of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpPacket<'a> {
    /// Sender.
    pub src: IpAddr,
    /// Receiver.
    pub dst: IpAddr,
    /// IP protocol number of the payload, after any IPv6 extension headers.
    pub proto: u8,
    /// The bytes above IP that were captured.
    pub payload: &'a [u8],
    /// Payload bytes that were on the wire after these and were not captured.
    pub missing: u32,
    /// Where the payload belongs, if this is a fragment.
    pub fragment: Option<Fragment>,
    /// How many tunnels this packet was found in.
    pub depth: u8,
}

/// Where a fragment belongs (RFC 791 section 3.1, RFC 8200 section 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// What all fragments of one packet share.
    pub id: u32,
    /// Offset of the payload in the whole, in bytes.
    pub offset: u32,
    /// True if it isn't the last one.
    pub more: bool,
}

/// Why a frame holds no IP packet for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// A link type that isn't read here.
    UnknownLink,
    /// Something else than IP: ARP, spanning tree, PPP negotiation.
    NotIp,
    /// A header that is too short or contradicts itself.
    Malformed,
    /// More than [`limits::TUNNELS`](crate::limits::TUNNELS) tunnels.
    TooDeep,
}

/// The IP packet in a frame that was `wire_len` bytes long on the wire.
///
/// # Errors
/// Says why there is none.
pub fn decode(link: LinkType, bytes: &[u8], wire_len: u32) -> Result<IpPacket<'_>, Skip> {
    let captured = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let family = Family::of(link).ok_or(Skip::UnknownLink)?;
    link::read(link::first(family, bytes)?, wire_len.saturating_sub(captured), 0)
}

impl<'a> IpPacket<'a> {
    /// The packet this fragment is part of, with its whole `payload`.
    ///
    /// # Errors
    /// `Malformed` if the IPv6 extension headers in the payload are, or tell of fragments in fragments.
    pub fn whole<'b>(&self, payload: &'b [u8]) -> Result<IpPacket<'b>, Skip> {
        let mut packet = IpPacket {
            src: self.src,
            dst: self.dst,
            proto: self.proto,
            payload,
            missing: 0,
            fragment: None,
            depth: self.depth,
        };
        if self.src.is_ipv6() {
            let rest = ip::extensions(self.proto, payload)?;
            if rest.fragment.is_some() {
                return Err(Skip::Malformed);
            }
            (packet.proto, packet.payload) = (rest.proto, rest.payload);
        }
        Ok(packet)
    }
}

fn be16(bytes: &[u8], at: usize) -> Result<u16, Skip> {
    bytes.get(at..).and_then(|b| b.first_chunk()).map(|b| u16::from_be_bytes(*b)).ok_or(Skip::Malformed)
}

fn from(bytes: &[u8], at: usize) -> Result<&[u8], Skip> {
    bytes.get(at..).ok_or(Skip::Malformed)
}

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;

//! Link layers: Ethernet with tags, 802.3, Linux cooked, loopback, PPP, PPPoE, Cisco HDLC, MPLS.

use super::{IpPacket, Skip, be16, from, ip};
use crate::limits;
use crate::wire::packet::LinkType;

/// The link types that are read, grouped by what their first byte means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// LINKTYPE_ETHERNET.
    Ethernet,
    /// LINKTYPE_LINUX_SLL, "any" on Linux.
    Sll,
    /// LINKTYPE_LINUX_SLL2.
    Sll2,
    /// LINKTYPE_NULL and LINKTYPE_LOOP: an address family, then the packet.
    Loopback,
    /// IP without a link header.
    Raw,
    /// PPP, with or without HDLC framing, and Cisco HDLC.
    Ppp,
    /// A PPPoE session header without Ethernet.
    Pppoe,
}

impl Family {
    /// The family of a link type, if it is read here.
    pub fn of(link: LinkType) -> Option<Family> {
        Some(match link.0 {
            1 => Family::Ethernet,
            113 => Family::Sll,
            276 => Family::Sll2,
            0 | 108 => Family::Loopback,
            12 | 14 | 101 | 228 | 229 => Family::Raw,
            9 | 50 | 104 => Family::Ppp,
            51 => Family::Pppoe,
            _ => return None,
        })
    }
}

/// What the next bytes are.
pub(super) enum Layer<'a> {
    Ethernet(&'a [u8]),
    /// An Ethernet frame inside something else.
    Inner(&'a [u8]),
    /// An EtherType and what follows it; up to 1500 it is an 802.3 length.
    Type(u16, &'a [u8]),
    Ppp(&'a [u8]),
    Ip(&'a [u8]),
}

/// What a frame starts with.
pub(super) fn first(family: Family, bytes: &[u8]) -> Result<Layer<'_>, Skip> {
    Ok(match family {
        Family::Ethernet => Layer::Ethernet(bytes),
        Family::Sll => sll(be16(bytes, 14)?, from(bytes, 16)?),
        Family::Sll2 => sll(be16(bytes, 0)?, from(bytes, 20)?),
        Family::Loopback => loopback(bytes)?,
        Family::Raw => Layer::Ip(bytes),
        Family::Ppp => Layer::Ppp(bytes),
        Family::Pppoe => pppoe(bytes)?,
    })
}

/// Peels layers until IP shows. Every turn but `Inner` takes bytes away, and `Inner` is counted.
pub(super) fn read(mut layer: Layer<'_>, tail: u32, mut depth: u8) -> Result<IpPacket<'_>, Skip> {
    loop {
        layer = match layer {
            Layer::Ip(bytes) => return ip::read(bytes, tail, depth),
            Layer::Ethernet(bytes) => Layer::Type(be16(bytes, 12)?, from(bytes, 14)?),
            Layer::Inner(bytes) => {
                depth = depth.saturating_add(1);
                if depth > limits::TUNNELS {
                    return Err(Skip::TooDeep);
                }
                Layer::Ethernet(bytes)
            }
            Layer::Type(kind, bytes) => after_type(kind, bytes, tail)?,
            Layer::Ppp(bytes) => ppp(bytes, tail)?,
        }
    }
}

fn after_type(kind: u16, bytes: &[u8], tail: u32) -> Result<Layer<'_>, Skip> {
    Ok(match kind {
        IPV4 | IPV6 => Layer::Ip(bytes),
        0x8100 | 0x88a8 | 0x9100 | 0x9200 => Layer::Type(be16(bytes, 2)?, from(bytes, 4)?),
        VN_TAG => Layer::Type(be16(bytes, 4)?, from(bytes, 6)?),
        0x8847 | 0x8848 => mpls(bytes, tail)?,
        PPPOE_SESSION => pppoe(bytes)?,
        TRANSPARENT_ETHERNET => Layer::Inner(bytes),
        PPP => Layer::Ppp(bytes),
        0..=1500 => llc(bytes)?,
        _ => return Err(Skip::NotIp),
    })
}

/// 802.2 after an 802.3 length: SNAP with an EtherType, or IP by its own service access point.
fn llc(bytes: &[u8]) -> Result<Layer<'_>, Skip> {
    match bytes {
        [0xaa, 0xaa, 0x03, 0, 0, 0, rest @ ..] => Ok(Layer::Type(be16(rest, 0)?, from(rest, 2)?)),
        [0x06, 0x06, 0x03, rest @ ..] => Ok(Layer::Ip(rest)),
        _ => Err(Skip::NotIp),
    }
}

/// The protocol field of Linux cooked captures: an EtherType, or 4 for 802.2.
fn sll(kind: u16, bytes: &[u8]) -> Layer<'_> {
    Layer::Type(kind, bytes)
}

/// The address family is in the byte order of the machine that captured; BSDs number IPv6 differently.
fn loopback(bytes: &[u8]) -> Result<Layer<'_>, Skip> {
    let family: [u8; 4] = *bytes.first_chunk().ok_or(Skip::Malformed)?;
    let family = u32::from_le_bytes(family).min(u32::from_be_bytes(family));
    match family {
        2 | 10 | 24 | 28 | 30 => Ok(Layer::Ip(from(bytes, 4)?)),
        _ => Err(Skip::NotIp),
    }
}

/// RFC 2516: version and type 1, code 0, session, length, then PPP.
fn pppoe(bytes: &[u8]) -> Result<Layer<'_>, Skip> {
    match bytes {
        [0x11, 0, _, _, _, _, rest @ ..] => Ok(Layer::Ppp(rest)),
        [_, _, _, _, _, _, ..] => Err(Skip::NotIp),
        _ => Err(Skip::Malformed),
    }
}

/// RFC 1661/1662: an optional FF 03, then a protocol of one or two bytes; 0F 00 and 8F 00 start Cisco HDLC.
fn ppp(bytes: &[u8], tail: u32) -> Result<Layer<'_>, Skip> {
    let rest = match bytes {
        [0x0f | 0x8f, 0, rest @ ..] => return Ok(Layer::Type(be16(rest, 0)?, from(rest, 2)?)),
        [0xff, 0x03, rest @ ..] => rest,
        _ => bytes,
    };
    let (protocol, rest) = match rest.first() {
        Some(&short) if short & 1 == 1 => (u16::from(short), from(rest, 1)?),
        _ => (be16(rest, 0)?, from(rest, 2)?),
    };
    match protocol {
        0x0021 | 0x0057 => Ok(Layer::Ip(rest)),
        0x0281 | 0x0283 => mpls(rest, tail),
        _ => Err(Skip::NotIp),
    }
}

/// A label stack says nothing about what it carries (RFC 4928): a plausible IP header wins, then an
/// Ethernet frame behind a control word, then a bare one.
fn mpls(mut bytes: &[u8], tail: u32) -> Result<Layer<'_>, Skip> {
    loop {
        let label: &[u8; 4] = bytes.first_chunk().ok_or(Skip::Malformed)?;
        bytes = from(bytes, 4)?;
        if label[2] & 1 == 1 {
            break;
        }
    }
    Ok(match bytes.first().map(|b| b >> 4) {
        Some(4 | 6) if ip::read(bytes, tail, 0).is_ok_and(|p| p.missing <= tail) => Layer::Ip(bytes),
        Some(0) if !leads_on(be16(bytes, 12)?) => Layer::Inner(from(bytes, 4)?),
        _ => Layer::Inner(bytes),
    })
}

/// True for the EtherTypes that may lead to IP.
fn leads_on(kind: u16) -> bool {
    matches!(kind, IPV4 | IPV6 | 0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x8847 | 0x8848 | PPPOE_SESSION)
}

pub(super) const IPV4: u16 = 0x0800;
pub(super) const IPV6: u16 = 0x86dd;
pub(super) const TRANSPARENT_ETHERNET: u16 = 0x6558;
const VN_TAG: u16 = 0x8926;
const PPPOE_SESSION: u16 = 0x8864;
const PPP: u16 = 0x880b;

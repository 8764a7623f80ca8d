//! Packets in packets: IP in IP, GRE with ERSPAN and PPTP, VXLAN, GTP-U.

use super::link::{Layer, TRANSPARENT_ETHERNET, read};
use super::{IpPacket, Skip, be16, from};
use crate::limits;

/// The packet that `outer` carries, if its protocol is a tunnel.
///
/// `outer` must not be a fragment. The error is why nothing came out of the tunnel.
pub fn open<'a>(outer: &IpPacket<'a>) -> Option<Result<IpPacket<'a>, Skip>> {
    let layer = match outer.proto {
        4 | 41 => Ok(Layer::Ip(outer.payload)),
        47 => gre(outer.payload),
        137 => Ok(Layer::Type(0x8847, outer.payload)),
        _ => return None,
    };
    Some(inside(outer, layer))
}

/// The packet in a UDP `payload` to port `dst` of `outer`, if that port is a tunnel's and what is in it
/// looks like a packet; otherwise the payload is a datagram like any other.
pub fn open_udp<'a>(outer: &IpPacket<'_>, dst: u16, payload: &'a [u8]) -> Option<Result<IpPacket<'a>, Skip>> {
    let layer = match dst {
        VXLAN | LINUX_VXLAN => vxlan(payload)?,
        GTP_U => gtp(payload)?,
        _ => return None,
    };
    match inside(outer, Ok(layer)) {
        Err(Skip::NotIp | Skip::Malformed | Skip::UnknownLink) => None,
        packet => Some(packet),
    }
}

/// Whether [`open_udp`] looks into datagrams to this port.
#[inline]
pub(super) fn is_port(dst: u16) -> bool {
    matches!(dst, VXLAN | LINUX_VXLAN | GTP_U)
}

fn inside<'a>(outer: &IpPacket<'_>, layer: Result<Layer<'a>, Skip>) -> Result<IpPacket<'a>, Skip> {
    let depth = outer.depth.saturating_add(1);
    if depth > limits::TUNNELS {
        return Err(Skip::TooDeep);
    }
    // The encapsulation is the tunnel counted here: its Ethernet header isn't another one.
    let layer = match layer? {
        Layer::Inner(bytes) | Layer::Type(TRANSPARENT_ETHERNET, bytes) => Layer::Ethernet(bytes),
        layer => layer,
    };
    read(layer, outer.missing, depth)
}

/// RFC 2784, 2890, 1701 (routing) and 2637 (version 1, PPTP).
fn gre(bytes: &[u8]) -> Result<Layer<'_>, Skip> {
    let (flags, kind) = (be16(bytes, 0)?, be16(bytes, 2)?);
    let has = |bit: u16| flags & bit != 0;
    let words = match flags & 7 {
        0 => u8::from(has(CHECKSUM | ROUTING)) + u8::from(has(KEY)) + u8::from(has(SEQUENCE)),
        1 => 1 + u8::from(has(SEQUENCE)) + u8::from(has(ACKNOWLEDGEMENT)),
        _ => return Err(Skip::Malformed),
    };
    let mut rest = from(bytes, 4 + usize::from(words) * 4)?;
    if flags & 7 == 0 && has(ROUTING) {
        rest = after_routes(rest)?;
    }
    match kind {
        ERSPAN_II if has(SEQUENCE) => Ok(Layer::Inner(from(rest, 8)?)),
        ERSPAN_II => Ok(Layer::Inner(rest)),
        ERSPAN_III => erspan_iii(rest),
        kind => Ok(Layer::Type(kind, rest)),
    }
}

/// Source route entries: family, offset, length, data; the last is all zero (RFC 1701).
fn after_routes(mut bytes: &[u8]) -> Result<&[u8], Skip> {
    loop {
        let entry: &[u8; 4] = bytes.first_chunk().ok_or(Skip::Malformed)?;
        bytes = from(bytes, 4 + usize::from(entry[3]))?;
        if entry[0] == 0 && entry[1] == 0 && entry[3] == 0 {
            return Ok(bytes);
        }
    }
}

/// 12 bytes, whose last bit announces 8 more; the frame type says Ethernet (0) or IP (2).
fn erspan_iii(bytes: &[u8]) -> Result<Layer<'_>, Skip> {
    let last = be16(bytes, 10)?;
    let rest = from(bytes, if last & 1 == 1 { 20 } else { 12 })?;
    Ok(if last >> 10 & 0x1f == 2 { Layer::Ip(rest) } else { Layer::Inner(rest) })
}

/// RFC 7348: the I flag, a network identifier, an Ethernet frame.
fn vxlan(bytes: &[u8]) -> Option<Layer<'_>> {
    match bytes {
        [flags, _, _, _, _, _, _, _, frame @ ..] if flags & 0x08 != 0 => Some(Layer::Inner(frame)),
        _ => None,
    }
}

/// 3GPP TS 29.281: version 1, a G-PDU, optional fields and extension headers, an IP packet.
fn gtp(bytes: &[u8]) -> Option<Layer<'_>> {
    let [flags, G_PDU, ..] = bytes else { return None };
    if flags & 0xf0 != 0x30 {
        return None;
    }
    if flags & 0x07 == 0 {
        return Some(Layer::Ip(bytes.get(8..)?));
    }
    let mut next = if flags & 0x04 != 0 { *bytes.get(11)? } else { 0 };
    let mut rest = bytes.get(12..)?;
    while next != 0 {
        let len = usize::from(*rest.first()?) * 4;
        next = *rest.get(len.checked_sub(1)?)?;
        rest = rest.get(len..)?;
    }
    Some(Layer::Ip(rest))
}

const VXLAN: u16 = 4789;
/// What Linux took for VXLAN before it had a port.
const LINUX_VXLAN: u16 = 8472;
const GTP_U: u16 = 2152;
const CHECKSUM: u16 = 0x8000;
const ROUTING: u16 = 0x4000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
const ACKNOWLEDGEMENT: u16 = 0x0080;
const ERSPAN_II: u16 = 0x88be;
const ERSPAN_III: u16 = 0x22eb;
const G_PDU: u8 = 255;

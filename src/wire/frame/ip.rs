//! IPv4 and IPv6 headers, with options and extension headers.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Fragment, IpPacket, Skip, be16, from};

/// The IP packet at the start of `bytes`; `tail` bytes of the frame were not captured.
pub(super) fn read(bytes: &[u8], tail: u32, depth: u8) -> Result<IpPacket<'_>, Skip> {
    match bytes.first().map(|b| b >> 4) {
        Some(4) => v4(bytes, tail, depth),
        Some(6) => v6(bytes, tail, depth),
        Some(_) => Err(Skip::NotIp),
        None => Err(Skip::Malformed),
    }
}

/// What follows IPv6 extension headers.
pub(super) struct Rest<'a> {
    pub(super) proto: u8,
    pub(super) payload: &'a [u8],
    pub(super) fragment: Option<Fragment>,
}

/// Walks IPv6 extension headers up to the first that isn't one, or to a fragment's payload.
pub(super) fn extensions(first: u8, bytes: &[u8]) -> Result<Rest<'_>, Skip> {
    let (mut proto, mut payload) = (first, bytes);
    loop {
        let size = match proto {
            HOP_BY_HOP | ROUTING | DESTINATION | MOBILITY | HIP | SHIM6 => (second(payload)? + 1) * 8,
            AUTHENTICATION => (second(payload)? + 2) * 4,
            FRAGMENT => {
                let fragment = v6_fragment(payload)?;
                if fragment.more || fragment.offset > 0 {
                    return Ok(Rest {
                        proto: *payload.first().ok_or(Skip::Malformed)?,
                        payload: from(payload, 8)?,
                        fragment: Some(fragment),
                    });
                }
                8
            }
            _ => return Ok(Rest { proto, payload, fragment: None }),
        };
        proto = *payload.first().ok_or(Skip::Malformed)?;
        payload = from(payload, size)?;
    }
}

#[inline]
fn v4(bytes: &[u8], tail: u32, depth: u8) -> Result<IpPacket<'_>, Skip> {
    let header: &[u8; 20] = bytes.first_chunk().ok_or(Skip::Malformed)?;
    let header_len = usize::from(header[0] & 15) * 4;
    let stated = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if header_len < 20 || (stated != 0 && stated < header_len) {
        return Err(Skip::Malformed);
    }
    let (end, missing) = extent(stated, bytes.len(), tail);
    let flags = u16::from_be_bytes([header[6], header[7]]);
    let fragment = (flags & 0x3fff != 0).then(|| Fragment {
        id: u32::from(u16::from_be_bytes([header[4], header[5]])),
        offset: u32::from(flags & 0x1fff) * 8,
        more: flags & 0x2000 != 0,
    });
    Ok(IpPacket {
        src: Ipv4Addr::new(header[12], header[13], header[14], header[15]).into(),
        dst: Ipv4Addr::new(header[16], header[17], header[18], header[19]).into(),
        proto: header[9],
        payload: bytes.get(header_len..end).ok_or(Skip::Malformed)?,
        missing,
        fragment,
        depth,
    })
}

fn v6(bytes: &[u8], tail: u32, depth: u8) -> Result<IpPacket<'_>, Skip> {
    let header: &[u8; 40] = bytes.first_chunk().ok_or(Skip::Malformed)?;
    let stated = match be16(header, 4)? {
        0 => 0,
        n => usize::from(n) + 40,
    };
    let (end, missing) = extent(stated, bytes.len(), tail);
    let rest = extensions(header[6], bytes.get(40..end).ok_or(Skip::Malformed)?)?;
    Ok(IpPacket {
        src: v6_address(header, 8)?,
        dst: v6_address(header, 24)?,
        proto: rest.proto,
        payload: rest.payload,
        missing,
        fragment: rest.fragment,
        depth,
    })
}

/// Where a packet that says it is `stated` bytes long ends, and how many of its bytes are missing. 0 is
/// what segmentation offload and jumbograms say: it means to the end of the frame.
fn extent(stated: usize, captured: usize, tail: u32) -> (usize, u32) {
    if stated == 0 {
        (captured, tail)
    } else {
        let missing = stated.saturating_sub(captured);
        (stated.min(captured), u32::try_from(missing).unwrap_or(u32::MAX))
    }
}

fn v6_address(header: &[u8; 40], at: usize) -> Result<std::net::IpAddr, Skip> {
    let octets: [u8; 16] = *header.get(at..).and_then(|b| b.first_chunk()).ok_or(Skip::Malformed)?;
    Ok(Ipv6Addr::from(octets).into())
}

fn v6_fragment(bytes: &[u8]) -> Result<Fragment, Skip> {
    let header: &[u8; 8] = bytes.first_chunk().ok_or(Skip::Malformed)?;
    let place = u16::from_be_bytes([header[2], header[3]]);
    Ok(Fragment {
        id: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
        offset: u32::from(place & 0xfff8),
        more: place & 1 != 0,
    })
}

fn second(bytes: &[u8]) -> Result<usize, Skip> {
    bytes.get(1).map(|&b| usize::from(b)).ok_or(Skip::Malformed)
}

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION: u8 = 60;
const MOBILITY: u8 = 135;
const HIP: u8 = 139;
const SHIM6: u8 = 140;

//! Which RTP stream a packet belongs to: its addresses and its SSRC (RFC 3550 5.1), in a form that is cheap to compare.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};

use super::frame::{is_plain_udp, word};
use super::packet::{Datagram, LinkType};

/// The identity of an RTP stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stream {
    src: [u64; 2],
    dst: [u64; 2],
    /// Port of the sender, port of the receiver, SSRC.
    rest: u64,
}

impl Stream {
    /// The stream of a datagram; none if it is too short for RTP.
    #[inline]
    pub fn of(datagram: &Datagram<'_>) -> Option<Stream> {
        let ssrc = datagram.payload.get(8..12)?.try_into().ok()?;
        let ports = [datagram.src.port(), datagram.dst.port()];
        Some(Stream {
            src: words(datagram.src.ip()),
            dst: words(datagram.dst.ip()),
            rest: rest(ports, u32::from_be_bytes(ssrc)),
        })
    }

    /// The stream of a frame that is plainly RTP: Ethernet, IPv4 without options or fragments, UDP, version 2 and no
    /// RTCP. Of any other frame nothing is said.
    #[inline]
    pub fn glance(link: LinkType, bytes: &[u8], wire_len: u32) -> Option<Stream> {
        let (head, payload) = bytes.split_first_chunk()?;
        let rtp: &[u8; RTP_HEADER] = payload.first_chunk()?;
        let is_rtp = rtp[0] >> 6 == 2 && rtp[1] >> 5 != RTCP;
        if !(is_rtp && bytes.len() == wire_len as usize && is_plain_udp(link, head)) {
            return None;
        }
        Some(Stream {
            src: [0, V4 | u64::from(word(head, 26))],
            dst: [0, V4 | u64::from(word(head, 30))],
            rest: u64::from(word(head, 34)) << 32 | u64::from(word(rtp, 8)),
        })
    }

    /// A number below `2^bits` that depends on the destination alone.
    #[inline]
    pub fn place(&self, bits: u32) -> usize {
        place(self.dst, (self.rest >> 32) as u16, bits)
    }

    /// The same number for the streams to an address.
    pub fn place_of(dst: SocketAddr, bits: u32) -> usize {
        place(words(dst.ip()), dst.port(), bits)
    }
}

/// All words at once: a hasher takes one long write sooner than five short ones.
impl Hash for Stream {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut bytes = [0; 40];
        let words = [self.src[0], self.src[1], self.dst[0], self.dst[1], self.rest];
        for (place, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *place = word.to_ne_bytes();
        }
        state.write(&bytes);
    }
}

#[inline]
fn rest(ports: [u16; 2], ssrc: u32) -> u64 {
    u64::from(ports[0]) << 48 | u64::from(ports[1]) << 32 | u64::from(ssrc)
}

/// An address as IPv6 writes it (RFC 4291 2.5.5.2 for IPv4).
#[inline]
fn words(ip: IpAddr) -> [u64; 2] {
    match ip {
        IpAddr::V4(ip) => [0, V4 | u64::from(ip.to_bits())],
        IpAddr::V6(ip) => [(ip.to_bits() >> 64) as u64, ip.to_bits() as u64],
    }
}

#[inline]
fn place(ip: [u64; 2], port: u16, bits: u32) -> usize {
    let spread = ((ip[0] ^ ip[1]).rotate_left(16) ^ u64::from(port)).wrapping_mul(SPREAD);
    (spread >> (u64::BITS - bits)) as usize
}

const V4: u64 = 0xffff << 32;

/// RTP's header up to its SSRC.
const RTP_HEADER: usize = 12;

/// What the packet types of RTCP, 192 to 223, begin with (RFC 5761 4).
const RTCP: u8 = 192 >> 5;

/// An odd number with well mixed bits: 2^64 divided by the golden ratio.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;
    use crate::wire::packet::{FrameRef, Transport};

    fn frame() -> Vec<u8> {
        let mut frame = vec![0; 12];
        frame.extend([0x08, 0x00, 0x45, 0, 0, 44, 0, 0, 0x40, 0, 64, 17, 0, 0]);
        frame.extend([192, 0, 2, 1, 192, 0, 2, 2, 0x0f, 0xa0, 0x13, 0x88, 0, 24, 0, 0]);
        frame.extend([0x80, 0, 0, 1, 0, 0, 0, 9, 1, 2, 3, 4, 0xff, 0xff, 0xff, 0xff]);
        frame
    }

    fn datagram<'a>(src: &str, dst: &str, payload: &'a [u8]) -> Datagram<'a> {
        Datagram {
            at: Timestamp::from_micros(0),
            frame: FrameRef::default(),
            src: src.parse().expect("an address"),
            dst: dst.parse().expect("an address"),
            transport: Transport::Udp,
            payload,
            cut: false,
            correlation: &[],
        }
    }

    #[test]
    fn a_glance_at_a_frame_gives_what_its_datagram_gives() {
        let frame = frame();
        let whole = Stream::of(&datagram("192.0.2.1:4000", "192.0.2.2:5000", &frame[42..]));
        assert!(whole.is_some());
        assert_eq!(Stream::glance(LinkType(1), &frame, 58), whole);
    }

    #[test]
    fn what_is_not_plainly_rtp_is_left_to_others() {
        assert_eq!(Stream::glance(LinkType(113), &frame(), 58), None);
        assert_eq!(Stream::glance(LinkType(1), &frame(), 59), None);
        assert_eq!(Stream::glance(LinkType(1), &frame()[..53], 53), None);
        for (at, byte) in [(12, 0x81), (14, 0x46), (20, 0x20), (21, 1), (23, 6), (42, 0), (43, 200)] {
            let mut frame = frame();
            frame[at] = byte;
            assert_eq!(Stream::glance(LinkType(1), &frame, 58), None, "{at}");
        }
    }

    #[test]
    fn addresses_ports_and_source_tell_streams_apart() {
        let payload = &frame()[42..];
        let of = |src, dst| Stream::of(&datagram(src, dst, payload));
        let one = of("192.0.2.1:4000", "192.0.2.2:5000");
        assert_ne!(one, of("192.0.2.1:4002", "192.0.2.2:5000"));
        assert_ne!(one, of("192.0.2.1:4000", "192.0.2.2:5002"));
        assert_ne!(one, of("192.0.2.2:5000", "192.0.2.1:4000"));
        assert_ne!(one, of("[2001:db8::1]:4000", "[2001:db8::2]:5000"));
        let mut other = frame();
        other[53] = 5;
        assert_ne!(one, Stream::glance(LinkType(1), &other, 58));
        let dst = "192.0.2.2:5000".parse().expect("an address");
        assert_eq!(one.map(|stream| stream.place(12)), Some(Stream::place_of(dst, 12)));
    }
}

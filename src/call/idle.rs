//! RTP streams that are known and that nobody wants: most packets of a voice network end here.
//!
//! One place for each destination, by a cheap hash of it; a stream put there drives out the one before. The whole
//! identity is compared, so who makes destinations collide only sends their packets the long way.

use std::net::{IpAddr, SocketAddr};

use crate::wire::packet::Datagram;

/// Streams to be passed over.
#[derive(Debug)]
pub struct Idle {
    streams: Box<[Option<Stream>]>,
}

/// The place of a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(u16);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stream {
    ssrc: [u8; 4],
    src: SocketAddr,
    dst: SocketAddr,
}

impl Idle {
    /// Whether a packet belongs to such a stream.
    #[inline]
    pub fn has(&self, datagram: &Datagram<'_>) -> bool {
        let Some(Some(stream)) = self.streams.get(place(datagram.dst)) else { return false };
        Stream::of(datagram).is_some_and(|own| own == *stream)
    }

    /// Passes over the packet's stream from now on.
    pub fn add(&mut self, datagram: &Datagram<'_>) {
        if let Some(slot) = self.streams.get_mut(place(datagram.dst)) {
            *slot = Stream::of(datagram);
        }
    }

    /// Passes over nothing that is sent to the destinations of a place.
    pub fn wake(&mut self, place: Place) {
        if let Some(slot) = self.streams.get_mut(usize::from(place.0)) {
            *slot = None;
        }
    }
}

impl Default for Idle {
    fn default() -> Idle {
        Idle { streams: vec![None; PLACES].into() }
    }
}

impl Place {
    /// The place of a destination.
    pub fn of(dst: SocketAddr) -> Place {
        Place(u16::try_from(place(dst)).unwrap_or(0))
    }
}

impl Stream {
    #[inline]
    fn of(datagram: &Datagram<'_>) -> Option<Stream> {
        let ssrc = datagram.payload.get(8..12)?.try_into().ok()?;
        Some(Stream { ssrc, src: datagram.src, dst: datagram.dst })
    }
}

#[inline]
fn place(dst: SocketAddr) -> usize {
    let ip = match dst.ip() {
        IpAddr::V4(ip) => u64::from(ip.to_bits()),
        IpAddr::V6(ip) => (ip.to_bits() >> 64 ^ ip.to_bits()) as u64,
    };
    let spread = (ip.rotate_left(16) ^ u64::from(dst.port())).wrapping_mul(SPREAD);
    (spread >> (u64::BITS - PLACES.ilog2())) as usize
}

const PLACES: usize = 4_096;

/// An odd number with well mixed bits: 2^64 divided by the golden ratio.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;
    use crate::wire::packet::{FrameRef, Transport};

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

    const RTP: [u8; 16] = [0x80, 0, 0, 1, 0, 0, 0, 9, 1, 2, 3, 4, 0xff, 0xff, 0xff, 0xff];

    #[test]
    fn only_the_very_stream_is_passed_over() {
        let mut idle = Idle::default();
        let known = datagram("192.0.2.1:4000", "192.0.2.2:5000", &RTP);
        assert!(!idle.has(&known));
        idle.add(&known);
        assert!(idle.has(&known));
        let mut other = RTP;
        other[11] = 5;
        assert!(!idle.has(&datagram("192.0.2.1:4000", "192.0.2.2:5000", &other)));
        assert!(!idle.has(&datagram("192.0.2.1:4002", "192.0.2.2:5000", &RTP)));
        assert!(!idle.has(&datagram("192.0.2.1:4000", "192.0.2.2:5002", &RTP)));
        assert!(!idle.has(&datagram("192.0.2.1:4000", "192.0.2.2:5000", &RTP[..11])));
    }

    #[test]
    fn a_destination_that_is_wanted_again_is_heard_again() {
        let mut idle = Idle::default();
        let known = datagram("[2001:db8::1]:4000", "[2001:db8::2]:5000", &RTP);
        idle.add(&known);
        idle.wake(Place::of(known.dst));
        assert!(!idle.has(&known));
    }
}

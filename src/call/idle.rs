//! RTP streams that are known and that nobody wants: most packets of a voice network end here.
//!
//! Two streams have room at each place, which a cheap hash of the destination gives; a third drives out the older one. The
//! whole identity is compared, so who makes destinations collide only sends their packets the long way.

use std::net::SocketAddr;

use crate::wire::stream::Stream;

/// Streams to be passed over.
#[derive(Debug)]
pub struct Idle {
    streams: Box<[[Stream; 2]]>,
}

/// The place of a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(u16);

impl Idle {
    /// Whether a stream is one of these.
    #[inline]
    pub fn has(&self, stream: &Stream) -> bool {
        self.streams.get(stream.place(BITS)).is_some_and(|[one, other]| one == stream || other == stream)
    }

    /// Passes over a stream from now on.
    pub fn add(&mut self, stream: Stream) {
        if let Some([one, other]) = self.streams.get_mut(stream.place(BITS)) {
            *other = std::mem::replace(one, stream);
        }
    }

    /// Passes over nothing that is sent to the destinations of a place.
    pub fn wake(&mut self, place: Place) {
        if let Some(streams) = self.streams.get_mut(usize::from(place.0)) {
            *streams = Default::default();
        }
    }
}

impl Default for Idle {
    fn default() -> Idle {
        Idle { streams: vec![Default::default(); 1 << BITS].into() }
    }
}

impl Place {
    /// The place of a destination.
    pub fn of(dst: SocketAddr) -> Place {
        Place(u16::try_from(Stream::place_of(dst, BITS)).unwrap_or(0))
    }
}

/// There are 4,096 places.
const BITS: u32 = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;
    use crate::wire::packet::{Datagram, FrameRef, Transport};

    fn stream(dst: &str, ssrc: u8) -> Stream {
        let datagram = Datagram {
            at: Timestamp::from_micros(0),
            frame: FrameRef::default(),
            src: "192.0.2.1:4000".parse().expect("an address"),
            dst: dst.parse().expect("an address"),
            transport: Transport::Udp,
            payload: &[0x80, 0, 0, 1, 0, 0, 0, 9, 1, 2, 3, ssrc],
            cut: false,
            correlation: &[],
        };
        Stream::of(&datagram).expect("a stream")
    }

    #[test]
    fn only_the_very_stream_is_passed_over() {
        let mut idle = Idle::default();
        let known = stream("192.0.2.2:5000", 4);
        assert!(!idle.has(&known));
        idle.add(known);
        assert!(idle.has(&known));
        assert!(!idle.has(&stream("192.0.2.2:5000", 5)));
        assert!(!idle.has(&stream("192.0.2.2:5002", 4)));
    }

    #[test]
    fn two_streams_to_one_destination_are_passed_over_and_no_third() {
        let mut idle = Idle::default();
        let streams = [1, 2, 3].map(|ssrc| stream("192.0.2.2:5000", ssrc));
        streams.iter().for_each(|stream| idle.add(*stream));
        assert_eq!(streams.map(|stream| idle.has(&stream)), [false, true, true]);
    }

    #[test]
    fn a_destination_that_is_wanted_again_is_heard_again() {
        let mut idle = Idle::default();
        let known = stream("[2001:db8::2]:5000", 4);
        idle.add(known);
        idle.wake(Place::of("[2001:db8::2]:5000".parse().expect("an address")));
        assert!(!idle.has(&known));
    }
}

//! RTP streams in sight, told apart by addresses and SSRC (RFC 3550 5.1).

use std::collections::HashSet;
use std::hash::BuildHasher;

use rtp_rs::RtpReader;
use siphasher::sip::SipHasher13;

use crate::limits;
use crate::wire::packet::Datagram;
use crate::wire::stream::Stream;

/// The streams heard so far. Bounded: once `limits::RTP_STREAMS` are known, new ones are only counted as packets.
#[derive(Debug)]
pub struct Streams {
    known: HashSet<Stream, Keyed>,
}

#[derive(Clone, Copy, Debug)]
struct Keyed(u64);

impl Streams {
    /// No streams yet; `seed` keys the hashing of addresses.
    pub fn new(seed: u64) -> Streams {
        Streams { known: HashSet::with_hasher(Keyed(seed)) }
    }

    /// How many streams were heard.
    pub fn count(&self) -> u64 {
        self.known.len() as u64
    }

    /// Hears one packet that may be RTP.
    pub fn hear(&mut self, datagram: &Datagram<'_>) {
        let rtcp = datagram.payload.get(1).is_some_and(|kind| RTCP.contains(kind));
        if rtcp || self.known.len() >= limits::RTP_STREAMS {
            return;
        }
        if RtpReader::new(datagram.payload).is_ok() {
            self.known.extend(Stream::of(datagram));
        }
    }
}

impl BuildHasher for Keyed {
    type Hasher = SipHasher13;
    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0, !self.0)
    }
}

/// Packet types of RTCP where RTP has marker and payload type (RFC 5761 4).
const RTCP: std::ops::RangeInclusive<u8> = 192..=223;

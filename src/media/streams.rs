//! RTP streams in sight, told apart by addresses and SSRC (RFC 3550 5.1), and calls whose sound is to be encrypted.

use std::collections::HashSet;
use std::hash::BuildHasher;

use memchr::memmem::Finder;
use rtp_rs::RtpReader;
use siphasher::sip::SipHasher13;

use crate::limits;
use crate::wire::packet::Datagram;
use crate::wire::sdp::{Media, Sdp};
use crate::wire::sip::{Message, Method};
use crate::wire::stream::Stream;

/// The streams heard so far. Bounded: once `limits::RTP_STREAMS` are known, new ones are only counted as packets.
#[derive(Debug)]
pub struct Streams {
    known: HashSet<Stream, Keyed>,
    encrypted: u64,
    /// One of these stands in every description that offers SRTP.
    hints: [Finder<'static>; 3],
}

#[derive(Clone, Copy, Debug)]
struct Keyed(u64);

impl Streams {
    /// No streams yet; `seed` keys the hashing of addresses.
    pub fn new(seed: u64) -> Streams {
        let hints = ["SAVP", "a=crypto", "a=fingerprint"].map(Finder::new);
        Streams { known: HashSet::with_hasher(Keyed(seed)), encrypted: 0, hints }
    }

    /// How many streams were heard.
    pub fn count(&self) -> u64 {
        self.known.len() as u64
    }

    /// How many INVITEs offered SRTP, those sent again among them.
    pub fn encrypted(&self) -> u64 {
        self.encrypted
    }

    /// Reads in an INVITE whether sound is to be encrypted, so that nobody can hear it.
    pub fn described(&mut self, message: &Message<'_>) {
        if message.method() == Method::Invite && message.status().is_none() {
            let hinted = |body: &&[u8]| self.hints.iter().any(|hint| hint.find(body).is_some());
            self.encrypted += u64::from(message.sdp().filter(hinted).is_some_and(offers_srtp));
        }
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

/// By the profile (RFC 3711, RFC 5764), or keys beside a plain one: the other end may take them.
fn offers_srtp(body: &[u8]) -> bool {
    let is_secure = |media: Media<'_>| {
        let is_profile = |word: &[u8]| word.starts_with(b"SAVP");
        media.proto.split(|byte| *byte == b'/').any(is_profile)
            || media.crypto().next().is_some()
            || media.attributes(b"fingerprint").next().is_some()
    };
    Sdp::parse(body).media().any(is_secure)
}

impl BuildHasher for Keyed {
    type Hasher = SipHasher13;
    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0, !self.0)
    }
}

/// Packet types of RTCP where RTP has marker and payload type (RFC 5761 4).
const RTCP: std::ops::RangeInclusive<u8> = 192..=223;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invite_that_offers_srtp_is_counted() {
        let audio =
            |proto: &str, more: &str| format!("v=0\r\nc=IN IP4 h\r\nm=audio 4000 {proto} 0\r\n{more}");
        let heard = |first: &str, body: String| {
            let text = format!(
                "{first}\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: <sip:a@h>;tag=a\r\nTo: <sip:b@h>\r\n\
                 Call-ID: c\r\nCSeq: 1 INVITE\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let mut streams = Streams::new(1);
            streams.described(&Message::parse(text.as_bytes()).expect("a message"));
            streams.encrypted()
        };
        let invite = "INVITE sip:b@h SIP/2.0";
        let crypto = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:a\r\n";
        assert_eq!(heard(invite, audio("RTP/SAVP", "")), 1);
        assert_eq!(heard(invite, audio("UDP/TLS/RTP/SAVPF", "a=fingerprint:sha-256 4A\r\n")), 1);
        assert_eq!(heard(invite, audio("RTP/AVP", crypto)), 1);
        assert_eq!(heard(invite, audio("RTP/AVP", "a=x:RTP/SAVP\r\n")), 0);
        assert_eq!(heard(invite, audio("RTP/AVP", "")), 0);
        assert_eq!(heard("SIP/2.0 200 OK", audio("RTP/SAVP", "")), 0);
    }
}

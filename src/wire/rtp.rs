//! RTP packets as values (RFC 3550 5.1), and what a payload type means (RFC 3551, RFC 4733, RFC 3389).
//!
//! In goes one UDP payload, out come the header's fields and the payload without padding. RTCP is refused;
//! a length that lies is no packet. Which payload type is which codec the session's SDP says, not this file.

use std::ops::RangeInclusive;

use rtp_rs::RtpReader;

/// One RTP packet, borrowed from the datagram that carried it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpPacket<'a> {
    /// Payload type, 0 to 127.
    pub kind: u8,
    /// Sequence number; wraps at 65536.
    pub sequence: u16,
    /// Media clock at the first sample; wraps at 2^32.
    pub timestamp: u32,
    /// Which source of the session sent it.
    pub ssrc: u32,
    /// Set at the start of a talk spurt, and by some senders whenever they like.
    pub marker: bool,
    /// Media without padding.
    pub payload: &'a [u8],
}

impl<'a> RtpPacket<'a> {
    /// Reads a UDP payload; `None` for RTCP (RFC 5761 4), other versions and lengths that lie.
    pub fn read(bytes: &'a [u8]) -> Option<RtpPacket<'a>> {
        if bytes.get(1).is_none_or(|kind| RTCP.contains(kind)) {
            return None;
        }
        let reader = RtpReader::new(bytes).ok()?;
        Some(RtpPacket {
            kind: reader.payload_type(),
            sequence: reader.sequence_number().into(),
            timestamp: reader.timestamp(),
            ssrc: reader.ssrc(),
            marker: reader.mark(),
            payload: reader.payload(),
        })
    }
}

/// What a payload type carries, as far as it matters to one who listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 µ-law, 8 kHz.
    Pcmu,
    /// G.711 A-law, 8 kHz.
    Pcma,
    /// G.722 at 64 kbit/s: 16 kHz sound on an 8 kHz RTP clock (RFC 3551 4.5.2).
    G722,
    /// Comfort noise (RFC 3389): silence that is described.
    ComfortNoise,
    /// Digits as events (RFC 4733).
    TelephoneEvent,
    /// SRTP (RFC 3711): its header can be read, nothing can be heard.
    Encrypted,
    /// Anything this program can't hear.
    Other,
}

impl Codec {
    /// The codec of a payload type that needs no `rtpmap` (RFC 3551 6).
    pub fn of_static(kind: u8) -> Codec {
        match kind {
            0 => Codec::Pcmu,
            8 => Codec::Pcma,
            9 => Codec::G722,
            13 => Codec::ComfortNoise,
            _ => Codec::Other,
        }
    }

    /// The codec of an `rtpmap`'s encoding, in any case, and clock rate in Hz.
    pub fn of_map(encoding: &[u8], clock: u32) -> Codec {
        match encoding.len() {
            15 if encoding.eq_ignore_ascii_case(b"telephone-event") => Codec::TelephoneEvent,
            _ if clock != 8_000 => Codec::Other,
            4 if encoding.eq_ignore_ascii_case(b"PCMU") => Codec::Pcmu,
            4 if encoding.eq_ignore_ascii_case(b"PCMA") => Codec::Pcma,
            4 if encoding.eq_ignore_ascii_case(b"G722") => Codec::G722,
            2 if encoding.eq_ignore_ascii_case(b"CN") => Codec::ComfortNoise,
            _ => Codec::Other,
        }
    }
}

/// Packet types of RTCP where RTP has marker and payload type (RFC 5761 4).
const RTCP: RangeInclusive<u8> = 192..=223;

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: [u8; 16] = [0x80, 0x88, 0xff, 0xfe, 0, 0, 1, 0x40, 0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4];

    #[test]
    fn fields_are_read_where_rfc_3550_puts_them() {
        let packet = RtpPacket::read(&PLAIN).expect("a packet");
        assert_eq!((packet.kind, packet.marker, packet.sequence), (8, true, 0xfffe));
        assert_eq!((packet.timestamp, packet.ssrc), (0x140, 0xdead_beef));
        assert_eq!(packet.payload, &[1, 2, 3, 4]);
    }

    #[test]
    fn padding_extension_and_sources_are_no_media() {
        let mut bytes = vec![0xb1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 9];
        bytes.extend([0xbe, 0xde, 0, 1, 1, 2, 3, 4, 7, 7, 0, 2]);
        assert_eq!(RtpPacket::read(&bytes).expect("a packet").payload, &[7, 7]);
    }

    #[test]
    fn rtcp_and_other_versions_are_refused() {
        for kind in 192..=223 {
            let mut bytes = PLAIN;
            bytes[1] = kind;
            assert_eq!(RtpPacket::read(&bytes), None);
        }
        let mut bytes = PLAIN;
        bytes[0] = 0x40;
        assert_eq!(RtpPacket::read(&bytes), None);
    }

    #[test]
    fn lengths_that_lie_are_no_packet_and_no_panic() {
        for first in 0..=255_u8 {
            for len in 0..PLAIN.len() {
                let mut bytes = PLAIN;
                bytes[0] = first;
                bytes[15] = 0xff;
                let _ = RtpPacket::read(&bytes[..len]);
            }
        }
        let mut padded = PLAIN;
        (padded[0], padded[15]) = (0xa0, 200);
        assert_eq!(RtpPacket::read(&padded), None);
    }

    #[test]
    fn codecs_are_known_by_number_and_by_name() {
        assert_eq!(Codec::of_static(9), Codec::G722);
        assert_eq!(Codec::of_static(18), Codec::Other);
        assert_eq!(Codec::of_map(b"pcma", 8_000), Codec::Pcma);
        assert_eq!(Codec::of_map(b"telephone-event", 48_000), Codec::TelephoneEvent);
        assert_eq!(Codec::of_map(b"PCMU", 16_000), Codec::Other);
        assert_eq!(Codec::of_map(b"opus", 48_000), Codec::Other);
    }
}

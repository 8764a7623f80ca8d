//! What payload types mean at one media address, as its session description says.

use crate::wire::rtp::Codec;
use crate::wire::sdp::Media;

/// The meaning of payload types at one address: those that need no words (RFC 3551 6), and a few that have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds {
    named: [(u8, Codec); NAMED],
    encrypted: bool,
}

impl Kinds {
    /// The payload types a section of a session description wants to receive.
    pub fn of(media: &Media<'_>) -> Kinds {
        let secure = media.proto.split(|b| *b == b'/').any(|word| word.starts_with(b"SAVP"));
        let mut kinds = Kinds { encrypted: secure, ..Kinds::default() };
        let named =
            media.rtpmaps(DYNAMIC..=NONE).map(|(kind, map)| (kind, Codec::of_map(map.encoding, map.clock)));
        let readable = named.filter(|(_, codec)| *codec != Codec::Other);
        let wanted = readable.filter(|(kind, _)| media.payloads().any(|payload| payload == *kind));
        for (slot, kind) in kinds.named.iter_mut().zip(wanted) {
            *slot = kind;
        }
        kinds
    }

    /// What a payload type carries.
    pub fn codec(&self, kind: u8) -> Codec {
        if self.encrypted {
            return Codec::Other;
        }
        let named = self.named.iter().find(|(named, _)| *named == kind);
        named.map_or_else(|| Codec::of_static(kind), |(_, codec)| *codec)
    }
}

impl Default for Kinds {
    fn default() -> Kinds {
        Kinds { named: [(NONE, Codec::Other); NAMED], encrypted: false }
    }
}

/// Payload types from here on mean what a session says (RFC 3551 6); those below 96 where the others ran out.
const DYNAMIC: u8 = 35;

/// A payload type that is none: they have seven bits.
const NONE: u8 = u8::MAX;

/// So many payload types with words are kept: of those this program hears, nobody offers more.
const NAMED: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::sdp::Sdp;

    fn kinds(sdp: &str) -> Kinds {
        Kinds::of(&Sdp::parse(sdp.as_bytes()).media().next().expect("a media section"))
    }

    #[test]
    fn words_and_static_types_are_understood() {
        let kinds = kinds(
            "m=audio 4000 RTP/AVP 0 8 9 13 101 96 111\r\na=rtpmap:0 PCMU/8000\r\n\
            a=rtpmap:101 telephone-event/8000\r\na=rtpmap:96 PCMA/8000\r\na=rtpmap:111 opus/48000/2\r\n",
        );
        let expected = [
            (0, Codec::Pcmu),
            (8, Codec::Pcma),
            (9, Codec::G722),
            (13, Codec::ComfortNoise),
            (101, Codec::TelephoneEvent),
            (96, Codec::Pcma),
            (111, Codec::Other),
            (18, Codec::Other),
        ];
        for (kind, codec) in expected {
            assert_eq!(kinds.codec(kind), codec, "{kind}");
        }
    }

    #[test]
    fn what_is_encrypted_cannot_be_heard() {
        assert_eq!(kinds("m=audio 4000 RTP/SAVP 0\r\n").codec(0), Codec::Other);
        assert_eq!(kinds("m=audio 4000 UDP/TLS/RTP/SAVPF 0\r\n").codec(0), Codec::Other);
    }
}

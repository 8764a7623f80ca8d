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
        let mut kinds =
            Kinds { encrypted: media.proto.windows(4).any(|word| word == b"SAVP"), ..Kinds::default() };
        let dynamic = media.payloads().filter(|kind| *kind >= DYNAMIC);
        let named = dynamic.filter_map(|kind| Some((kind, named(media, kind)?)));
        let readable = named.filter(|(_, codec)| *codec != Codec::Other);
        for (slot, kind) in kinds.named.iter_mut().zip(readable) {
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

fn named(media: &Media<'_>, kind: u8) -> Option<Codec> {
    let map = media.rtpmap(kind)?;
    let name = std::str::from_utf8(map.encoding).ok()?;
    let narrow = map.clock == 8_000 || name.eq_ignore_ascii_case("telephone-event");
    Some(if narrow { Codec::of_encoding(name) } else { Codec::Other })
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

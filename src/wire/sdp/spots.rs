//! Where a session description wants media and what payload types mean there, in one pass over its lines.
//!
//! Every INVITE and answer is read for this, most for nothing else; so nothing is kept of a line that says neither.

use std::net::{IpAddr, SocketAddr};

use super::{MediaLine, RTPMAP, RtpMap, connection, number, trim_line, words};
use crate::limits;
use crate::wire::addr;
use crate::wire::find::LineEnds;
use crate::wire::rtp::Codec;

/// The meaning of payload types at one address: those that need no words (RFC 3551 6), and a few that have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds {
    named: [(u8, Codec); NAMED],
    encrypted: bool,
    keyed: bool,
}

/// Shows the address of each section that wants RTP, of the first [`limits::SDP_MEDIA`], and what it wants there. A
/// refused stream has none, nor has one for a host name or `0.0.0.0` (hold as of RFC 2543).
pub fn spots(body: &[u8], mut show: impl FnMut(SocketAddr, Kinds)) {
    let (mut session, mut section) = (Session::default(), None::<Section>);
    let (mut at, mut left) = (0, limits::SDP_MEDIA);
    for end in LineEnds::new(body, 0) {
        let start = std::mem::replace(&mut at, end);
        let Some(line @ [kind, b'=', value @ ..]) = body.get(start..end) else { continue };
        match kind {
            b'a' => match (value, &mut section) {
                ([b'r' | b'R', ..], Some(section)) => section.map(line),
                ([b'c' | b'f', ..], Some(section)) => section.kinds.keyed |= is_key(value),
                ([b'f', ..], None) => session.keyed |= is_key(value),
                _ => {}
            },
            b'c' => match &mut section {
                None => session.connection.take(value),
                Some(section) => section.connection.take(value),
            },
            b'm' => {
                let ended = section.replace(Section::new(value));
                if let Some((addr, kinds)) = ended.and_then(|section| section.spot(session)) {
                    show(addr, kinds);
                }
                if left == 0 {
                    return;
                }
                left -= 1;
            }
            _ => {}
        }
    }
    if let Some((addr, kinds)) = section.and_then(|section| section.spot(session)) {
        show(addr, kinds);
    }
}

/// What stands before the first section and goes for all of them.
#[derive(Clone, Copy, Default)]
struct Session {
    connection: Connection,
    keyed: bool,
}

/// One media section, as far as it is read.
struct Section {
    port: u16,
    connection: Connection,
    /// The payload types it wants, as bits.
    wanted: u128,
    named: usize,
    kinds: Kinds,
}

/// The address of a first `c=` that names one, which may be a host's name.
#[derive(Clone, Copy, Default)]
struct Connection(Option<Option<IpAddr>>);

impl Connection {
    fn take(&mut self, value: &[u8]) {
        let any = || connection(trim_line(value)).map(addr::ip);
        self.0 = self.0.or_else(|| usual_connection(value).map(Some)).or_else(any);
    }
}

/// Whether an attribute offers a key (RFC 4568 9.1), or tells by what the one to be agreed on is known (RFC 8122 5).
fn is_key(attribute: &[u8]) -> bool {
    attribute.starts_with(b"crypto:") || attribute.starts_with(b"fingerprint:")
}

/// The address of `IN IP4 10.0.0.7` with nothing behind it but the line's end; `None` says nothing about the line.
fn usual_connection(value: &[u8]) -> Option<IpAddr> {
    let (ip, rest) = addr::dotted_start(value.strip_prefix(b"IN IP4 ")?)?;
    matches!(rest, b"\r\n" | b"\n" | b"").then_some(IpAddr::V4(ip))
}

impl Section {
    fn new(value: &[u8]) -> Section {
        let line = MediaLine::read(trim_line(value));
        let payloads = words(line.formats).take(limits::SDP_FORMATS).filter_map(number::<u8>);
        let wanted = payloads.filter(|payload| *payload < 128).fold(0, |bits, payload| bits | 1 << payload);
        let secure = |word: &[u8]| word.starts_with(b"SAVP");
        let encrypted = line.proto != b"RTP/AVP" && line.proto.split(|b| *b == b'/').any(secure);
        let kinds = Kinds { encrypted, ..Kinds::default() };
        Section { port: line.port.unwrap_or(0), connection: Connection::default(), wanted, named: 0, kinds }
    }

    /// Takes `a=rtpmap:101 telephone-event/8000`, if this line is one and it matters.
    fn map(&mut self, line: &[u8]) {
        let Some((name, value)) = line.split_first_chunk::<9>() else { return };
        if name != RTPMAP && !name.eq_ignore_ascii_case(RTPMAP) {
            return;
        }
        if matches!(value, [b'0'..=b'9', b' ', ..]) {
            return;
        }
        let Some((payload, map)) = RtpMap::payload(value) else { return };
        if !(DYNAMIC..NONE).contains(&payload) || self.wanted >> payload & 1 == 0 {
            return;
        }
        let codec = if map.starts_with(b"telephone-event/8000") {
            Codec::TelephoneEvent
        } else {
            RtpMap::read(map).map_or(Codec::Other, |map| Codec::of_map(map.encoding, map.clock))
        };
        if codec != Codec::Other
            && let Some(slot) = self.kinds.named.get_mut(self.named)
        {
            *slot = (payload, codec);
            self.named += 1;
        }
    }

    fn spot(&self, session: Session) -> Option<(SocketAddr, Kinds)> {
        if self.port == 0 {
            return None;
        }
        let ip = self.connection.0.or(session.connection.0)??;
        if ip.is_unspecified() {
            return None;
        }
        let kinds = Kinds { keyed: self.kinds.keyed || session.keyed, ..self.kinds };
        Some((SocketAddr::new(ip, self.port), kinds))
    }
}

impl Kinds {
    /// What a payload type carries.
    pub fn codec(&self, kind: u8) -> Codec {
        if self.encrypted {
            return Codec::Encrypted;
        }
        let named = self.named.iter().find(|(named, _)| *named == kind);
        named.map_or_else(|| Codec::of_static(kind), |(_, codec)| *codec)
    }

    /// Whether SRTP is wanted, by the profile (RFC 3711, RFC 5764), or with keys beside a plain one: the other end may take them.
    pub fn offers_srtp(&self) -> bool {
        self.encrypted || self.keyed
    }
}

impl Default for Kinds {
    fn default() -> Kinds {
        Kinds { named: [(NONE, Codec::Other); NAMED], encrypted: false, keyed: false }
    }
}

/// Payload types from here on mean what a session says (RFC 3551 6); those below 96 where the others ran out.
const DYNAMIC: u8 = 35;

/// The first payload type that is none: they have seven bits.
const NONE: u8 = 128;

/// So many payload types with words are kept: of those this program hears, nobody offers more.
const NAMED: usize = 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Sdp;
    use super::*;

    fn all(sdp: &str) -> Vec<(SocketAddr, Kinds)> {
        let mut all = Vec::new();
        spots(sdp.as_bytes(), |addr, kinds| all.push((addr, kinds)));
        all
    }

    fn kinds(sdp: &str) -> Kinds {
        all(&format!("c=IN IP4 192.0.2.1\r\n{sdp}")).first().expect("a section").1
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
        assert_eq!(kinds("m=audio 4000 RTP/SAVP 0\r\n").codec(0), Codec::Encrypted);
        assert_eq!(kinds("m=audio 4000 UDP/TLS/RTP/SAVPF 0\r\n").codec(0), Codec::Encrypted);
    }

    #[test]
    fn keys_beside_a_plain_profile_offer_srtp() {
        let offers = |sdp: &str| kinds(sdp).offers_srtp();
        let crypto = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:a\r\n";
        assert!(offers("m=audio 4000 RTP/SAVP 0\r\n"));
        assert!(offers(&format!("m=audio 4000 RTP/AVP 0\r\n{crypto}")));
        assert!(offers("a=fingerprint:sha-256 4A\r\nm=audio 4000 RTP/AVP 0\r\n"));
        assert!(!offers("m=audio 4000 RTP/AVP 0\r\na=x:RTP/SAVP\r\na=crypton:1\r\n"));
        assert_eq!(kinds(&format!("m=audio 4000 RTP/AVP 0\r\n{crypto}")).codec(0), Codec::Pcmu);
    }

    #[test]
    fn a_map_counts_where_its_section_takes_the_payload() {
        let kinds = kinds("m=audio 4000 RTP/AVP 97\na=rtpmap:96 PCMA/8000\na=RTPMAP:97 pcmu/8000\n");
        assert_eq!((kinds.codec(96), kinds.codec(97)), (Codec::Other, Codec::Pcmu));
    }

    proptest! {
        #[test]
        fn spots_are_those_of_the_sections(
            lines in proptest::collection::vec(
                "[mca]=|m=audio [0-9]{1,5}(/2)? RTP/S?AVPF?( [0-9]{1,3}){0,4}|c=IN IP4 [a1].0.0.[0-9](/127)?|c=(IN)?|\
                c=IN IP6 ::[0-2]|a=rtpmap:[19][0-9]{0,2} (pcmu|PCMA|G722|x)/(8000|16000)(/1)?|a=inactive| *|m=x", 0..12),
            end in "\r?\n",
        ) {
            let body: String = lines.iter().flat_map(|line| [line.as_str(), end.as_str()]).collect();
            let sdp = Sdp::parse(body.as_bytes());
            let spots = all(&body);
            let wanted: Vec<_> = sdp.media().filter_map(|media| Some((media.addr()?, media))).collect();
            prop_assert_eq!(spots.len(), wanted.len());
            for ((addr, kinds), (place, media)) in spots.iter().zip(&wanted) {
                prop_assert_eq!(addr, place);
                let secure = media.proto.windows(4).any(|word| word == b"SAVP");
                for payload in media.payloads().filter(|payload| (35..128).contains(payload)) {
                    let map = media.rtpmap(payload).map(|map| Codec::of_map(map.encoding, map.clock));
                    let codec = if secure { Codec::Encrypted } else { map.unwrap_or(Codec::Other) };
                    prop_assert_eq!(kinds.codec(payload), codec, "{}", payload);
                }
            }
        }
    }
}

//! Session descriptions (RFC 8866) as PBXs send them: what media goes where, read tolerantly.
//!
//! Only `m=` lines give structure: each begins a section that owns the lines up to the next one, whatever its kind
//! and protocol, so that the attributes of a fax or an unknown stream never reach the audio. Any other line may be
//! missing, out of order or malformed; lines that are none at all are counted. Nothing is refused.

mod spots;

use std::net::SocketAddr;

use smallvec::SmallVec;

use super::addr;
use super::find::{LineEnds, near};
use crate::limits;

pub use spots::{Kinds, spots};

/// A session description, borrowed from the body it came in.
#[derive(Clone, Debug)]
pub struct Sdp<'a> {
    session: Section<'a>,
    media: SmallVec<[Section<'a>; 2]>,
    /// How many sections there are, those that aren't read too.
    sections: usize,
    skipped: usize,
}

/// One media section: an `m=` line and what belongs to it.
#[derive(Clone, Copy, Debug)]
pub struct Media<'a> {
    /// `audio`, `video`, `image` or another kind.
    pub kind: &'a [u8],
    /// The port media is wanted at; 0 for a refused stream and for a port that is none.
    pub port: u16,
    /// The transport, `RTP/AVP`, `RTP/SAVP`, `udptl` or another one.
    pub proto: &'a [u8],
    /// The address media is wanted at, without TTL: the section's own, else the session's.
    pub connection: Option<&'a [u8]>,
    formats: &'a [u8],
    section: Section<'a>,
    session: Section<'a>,
}

/// Which way media flows, seen from the side that sent the description.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Both ways; what holds where nothing is said (RFC 8866 section 6.7).
    #[default]
    SendRecv,
    /// Only from the sender of the description: hold with music.
    SendOnly,
    /// Only to the sender of the description.
    RecvOnly,
    /// Not at all.
    Inactive,
}

/// What a payload type stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpMap<'a> {
    /// The encoding, to be compared in any case: `PCMU`, `pcma`, `telephone-event`.
    pub encoding: &'a [u8],
    /// RTP clock rate in Hz; 0 if the line does not say.
    pub clock: u32,
    /// Channels, 1 where the line does not say.
    pub channels: u8,
}

/// The session's part or one media section.
#[derive(Clone, Copy, Debug, Default)]
struct Section<'a> {
    /// Its lines, line ends still in them.
    lines: &'a [u8],
    /// The value of its `m=`; the session's has none.
    media: &'a [u8],
    /// The address of its first `c=` that has one.
    connection: Option<&'a [u8]>,
}

impl<'a> Sdp<'a> {
    /// Reads a description in one pass.
    pub fn parse(bytes: &'a [u8]) -> Sdp<'a> {
        let session = Section { lines: bytes, ..Section::default() };
        let mut sdp = Sdp { session, media: SmallVec::new(), sections: 0, skipped: 0 };
        let mut at = 0;
        for end in LineEnds::new(bytes, 0) {
            let (line, rest) = (bytes.get(at..end).unwrap_or_default(), bytes.get(at..).unwrap_or_default());
            match line {
                [b'm', b'=', value @ ..] => sdp.open(rest, trim_line(value)),
                [b'c', b'=', value @ ..] => sdp.connect(connection(trim_line(value))),
                [b'a'..=b'z', b'=', ..] => {}
                _ => sdp.skip(!trim_line(line).is_empty()),
            }
            at = end;
        }
        sdp
    }

    /// The address of the session, without TTL, for media that name none.
    pub fn session_connection(&self) -> Option<&'a [u8]> {
        self.session.connection
    }

    /// The media sections in order, the first [`limits::SDP_MEDIA`]. An answer has the sections of its offer in the same
    /// order (RFC 3264 section 6).
    pub fn media(&self) -> impl Iterator<Item = Media<'a>> + '_ {
        self.media.iter().map(|section| Media::read(*section, self.session))
    }

    /// The first audio section that is not refused, else the first one.
    pub fn audio(&self) -> Option<Media<'a>> {
        let audio = || self.media().filter(|media| media.kind.eq_ignore_ascii_case(b"audio"));
        audio().find(|media| media.port != 0).or_else(|| audio().next())
    }

    /// The value of `o=`, which names the session and often the product.
    pub fn origin(&self) -> Option<&'a [u8]> {
        self.session.find(b'o')
    }

    /// The value of `s=`.
    pub fn name(&self) -> Option<&'a [u8]> {
        self.session.find(b's')
    }

    /// The values of a session attribute; empty for one without a value.
    pub fn attributes<'n>(&self, name: &'n [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.session.attributes(name)
    }

    /// How many lines could not be read.
    pub fn skipped(&self) -> usize {
        let portless = self.media.iter().filter(|section| section.port().is_none()).count();
        self.skipped.saturating_add(portless)
    }

    /// How many media sections there are beyond [`limits::SDP_MEDIA`].
    pub fn unread_media(&self) -> usize {
        self.sections.saturating_sub(limits::SDP_MEDIA)
    }

    fn skip(&mut self, bad: bool) {
        self.skipped = self.skipped.saturating_add(usize::from(bad));
    }

    /// Begins a section at `rest` with this `m=` value, and ends the one before it there.
    fn open(&mut self, rest: &'a [u8], media: &'a [u8]) {
        if let Some(before) = self.last() {
            let length = before.lines.len().saturating_sub(rest.len());
            before.lines = cut(before.lines, length).0;
        }
        if self.media.len() < limits::SDP_MEDIA {
            self.media.push(Section { lines: rest, media, ..Section::default() });
        }
        self.sections = self.sections.saturating_add(1);
    }

    /// Takes an address for the section it stands in.
    fn connect(&mut self, addr: Option<&'a [u8]>) {
        if let Some(section) = self.last() {
            section.connection = section.connection.or(addr);
        }
    }

    /// The section that was begun last, unless there were too many.
    fn last(&mut self) -> Option<&mut Section<'a>> {
        match self.sections.checked_sub(1) {
            Some(last) => self.media.get_mut(last),
            None => Some(&mut self.session),
        }
    }
}

impl<'a> Media<'a> {
    #[inline]
    fn read(section: Section<'a>, session: Section<'a>) -> Media<'a> {
        let line = MediaLine::read(section.media);
        Media {
            kind: line.kind,
            port: line.port.unwrap_or(0),
            proto: line.proto,
            connection: section.connection.or(session.connection),
            formats: line.formats,
            section,
            session,
        }
    }

    /// The formats in the order of preference: payload types for RTP, words for others; the first [`limits::SDP_FORMATS`].
    pub fn formats(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        words(self.formats).take(limits::SDP_FORMATS)
    }

    /// The formats that are RTP payload types.
    pub fn payloads(&self) -> impl Iterator<Item = u8> + use<'a> {
        self.formats().filter_map(number::<u8>).filter(|payload| *payload < 128)
    }

    /// Where RTP is wanted; `None` for a refused stream, a host name, and `0.0.0.0` (hold as of RFC 2543).
    pub fn addr(&self) -> Option<SocketAddr> {
        let ip = addr::ip(self.connection?)?;
        (self.port != 0 && !ip.is_unspecified()).then(|| SocketAddr::new(ip, self.port))
    }

    /// The port of RTCP if `a=rtcp` names one; else it is the next one after RTP's (RFC 3605).
    pub fn rtcp_port(&self) -> Option<u16> {
        number(words(self.attributes(b"rtcp").next()?).next()?)
    }

    /// The section's own direction, else the session's, else both ways.
    pub fn direction(&self) -> Direction {
        self.section.direction().or_else(|| self.session.direction()).unwrap_or_default()
    }

    /// True if nothing is wanted from the other side: by direction, or by the address `0.0.0.0` of RFC 2543.
    pub fn on_hold(&self) -> bool {
        matches!(self.direction(), Direction::SendOnly | Direction::Inactive)
            || self.connection == Some(b"0.0.0.0")
    }

    /// The values of an attribute of this section, in any case; empty for one without a value.
    pub fn attributes<'n>(&self, name: &'n [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.section.attributes(name)
    }

    /// What a payload type stands for: by `a=rtpmap`, else by the static table (RFC 3551 section 6).
    pub fn rtpmap(&self, payload: u8) -> Option<RtpMap<'a>> {
        let mut maps = self.attributes(b"rtpmap").filter_map(RtpMap::payload);
        let named = maps.find_map(|(named, map)| RtpMap::read(map).filter(|_| named == payload));
        named.or_else(|| static_payload(payload))
    }

    /// Milliseconds of audio per packet that the sender wants.
    pub fn ptime(&self) -> Option<u16> {
        let value = self.attributes(b"ptime").next()?;
        number(words(value).next()?)
    }

    /// The keys of SRTP (RFC 4568): each value as sent. Who has one can listen, so none is ever logged.
    pub fn crypto(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.attributes(b"crypto")
    }

    /// The label that SIPREC metadata refers to (RFC 4574).
    pub fn label(&self) -> Option<&'a [u8]> {
        self.attributes(b"label").next()
    }
}

impl<'a> RtpMap<'a> {
    /// The payload type of an `a=rtpmap`'s value, and what follows it.
    fn payload(value: &'a [u8]) -> Option<(u8, &'a [u8])> {
        let digits = value.iter().position(|b| !b.is_ascii_digit())?;
        let (payload, rest) = cut(value, digits);
        Some((number(payload)?, rest.strip_prefix(b" ")?))
    }

    /// Reads `PCMU/8000/1`; `None` if there is nothing.
    fn read(text: &'a [u8]) -> Option<RtpMap<'a>> {
        let (map, _) = cut_word(text);
        let piece = |text: &'a [u8]| {
            let (piece, rest) = cut(text, near(b'/', text).unwrap_or(text.len()));
            (piece, rest.get(1..).unwrap_or_default())
        };
        let (encoding, rest) = piece(map);
        let (clock, rest) = piece(rest);
        let (channels, _) = piece(rest);
        let read =
            RtpMap { encoding, clock: number(clock).unwrap_or(0), channels: number(channels).unwrap_or(1) };
        (!map.is_empty()).then_some(read)
    }
}

impl<'a> Section<'a> {
    /// The lines as letter and value; others are passed over.
    fn fields(self) -> impl Iterator<Item = (u8, &'a [u8])> + use<'a> {
        let mut rest = self.lines;
        std::iter::from_fn(move || {
            let (line, after) = (!rest.is_empty()).then(|| cut_line(rest))?;
            rest = after;
            Some(line)
        })
        .filter_map(field)
    }

    fn port(self) -> Option<u16> {
        MediaLine::read(self.media).port
    }

    fn find(self, letter: u8) -> Option<&'a [u8]> {
        self.fields().find(|(found, _)| *found == letter).map(|(_, value)| value)
    }

    fn direction(self) -> Option<Direction> {
        self.fields().filter(|(letter, _)| *letter == b'a').find_map(|(_, value)| match value {
            b"sendrecv" => Some(Direction::SendRecv),
            b"sendonly" => Some(Direction::SendOnly),
            b"recvonly" => Some(Direction::RecvOnly),
            b"inactive" => Some(Direction::Inactive),
            _ => None,
        })
    }

    fn attributes<'n>(self, name: &'n [u8]) -> Attributes<'a, 'n> {
        Attributes { lines: self.lines, name }
    }
}

/// The values of one attribute among some lines.
struct Attributes<'a, 'n> {
    lines: &'a [u8],
    name: &'n [u8],
}

impl<'a> Iterator for Attributes<'a, '_> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.lines.is_empty() {
            let (line, rest) = cut(self.lines, near(b'\n', self.lines).unwrap_or(self.lines.len()));
            self.lines = rest.get(1..).unwrap_or_default();
            let Some(attribute) = line.strip_prefix(b"a=") else { continue };
            let (name, value) = cut(attribute, self.name.len());
            if name.eq_ignore_ascii_case(self.name) {
                match trim_line(value) {
                    [] => return Some(&[]),
                    [b':', value @ ..] => return Some(value.trim_ascii()),
                    _ => {}
                }
            }
        }
        None
    }
}

/// The value of an `m=` line; what is missing is empty.
struct MediaLine<'a> {
    kind: &'a [u8],
    port: Option<u16>,
    proto: &'a [u8],
    formats: &'a [u8],
}

impl<'a> MediaLine<'a> {
    /// Reads `audio 49170/2 RTP/AVP 0 8`; the count after the port does not matter.
    #[inline]
    fn read(value: &'a [u8]) -> MediaLine<'a> {
        MediaLine::usual(value).unwrap_or_else(|| MediaLine::any(value))
    }

    /// `audio 49170 RTP/AVP 0 8`, read at once; `None` says nothing about the line.
    #[inline]
    fn usual(value: &'a [u8]) -> Option<MediaLine<'a>> {
        let (kind, rest) = value.split_first_chunk::<6>().filter(|(kind, _)| *kind == b"audio ")?;
        let (port, rest) = cut(rest, near(b' ', rest)?);
        let (proto, formats) = rest.split_first_chunk::<9>().filter(|(proto, _)| *proto == b" RTP/AVP ")?;
        Some(MediaLine { kind: kind.get(..5)?, port: Some(number(port)?), proto: proto.get(1..8)?, formats })
    }

    fn any(value: &'a [u8]) -> MediaLine<'a> {
        let (kind, rest) = cut_word(value);
        let (ports, rest) = cut_word(rest);
        let (proto, formats) = cut_word(rest);
        let port = number(cut(ports, near(b'/', ports).unwrap_or(ports.len())).0);
        MediaLine { kind, port, proto, formats }
    }
}

/// The payload types with a fixed meaning that telephony still uses.
fn static_payload(payload: u8) -> Option<RtpMap<'static>> {
    let encoding: &[u8] = match payload {
        0 => b"PCMU",
        3 => b"GSM",
        4 => b"G723",
        8 => b"PCMA",
        9 => b"G722",
        13 => b"CN",
        15 => b"G728",
        18 => b"G729",
        _ => return None,
    };
    Some(RtpMap { encoding, clock: 8000, channels: 1 })
}

/// The first line, trimmed at its end, and what follows it.
fn cut_line(text: &[u8]) -> (&[u8], &[u8]) {
    let (line, rest) = cut(text, near(b'\n', text).unwrap_or(text.len()));
    (trim_line(line), rest.get(1..).unwrap_or_default())
}

/// A line without the blanks and zeros at its end.
fn trim_line(line: &[u8]) -> &[u8] {
    let mut line = line.trim_ascii_end();
    while let [before @ .., 0] = line {
        line = before.trim_ascii_end();
    }
    line
}

/// A line as letter and value; `None` if it is not of the form `x=value`.
fn field(line: &[u8]) -> Option<(u8, &[u8])> {
    match line {
        [letter, b'=', value @ ..] if letter.is_ascii_lowercase() => Some((*letter, value)),
        _ => None,
    }
}

#[inline]
fn cut_word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.trim_ascii_start();
    cut(text, text.iter().position(|b| *b <= b' ' && b.is_ascii_whitespace()).unwrap_or(text.len()))
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte <= b' ' && byte.is_ascii_whitespace()).filter(|word| !word.is_empty())
}

/// A decimal number that is all digits and fits.
#[inline]
fn number<T: TryFrom<u32>>(digits: &[u8]) -> Option<T> {
    let mut number = digits.first().map(|_| 0_u32)?;
    for digit in digits {
        let digit = digit.is_ascii_digit().then(|| u32::from(digit - b'0'))?;
        number = number.checked_mul(10)?.checked_add(digit)?;
    }
    T::try_from(number).ok()
}

/// The address of a `c=` value, `IN IP4 10.0.0.7/127`, if there is one in it.
#[inline]
fn connection(value: &[u8]) -> Option<&[u8]> {
    let addr = match value.strip_prefix(b"IN IP4 ") {
        Some(addr) => addr,
        None => cut_word(cut_word(value).1).1,
    };
    let (addr, _) = cut_word(addr);
    Some(cut(addr, near(b'/', addr).unwrap_or(addr.len())).0).filter(|addr| !addr.is_empty())
}

fn cut(bytes: &[u8], at: usize) -> (&[u8], &[u8]) {
    bytes.split_at_checked(at).unwrap_or((bytes, &[]))
}

/// What begins the line of an `a=rtpmap`, as nearly all spell it.
const RTPMAP: &[u8; 9] = b"a=rtpmap:";

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &[u8] =
        b"v=0\r\no=BoxUA 1 2 IN IP4 192.0.2.9\r\ns=Office call\r\nc=IN IP4 192.0.2.10/127\r\n\
        t=0 0\r\na=sendonly\r\nm=audio 30000/2 RTP/AVP 0 8 101\r\na=rtpmap:0 pcmu/8000\r\n\
        a=rtpmap:101 telephone-event/8000\r\na=ptime:30\r\na=rtcp:30005 IN IP4 192.0.2.10\r\n\
        m=image 4000 udptl t38\r\nc=IN IP4 192.0.2.99\r\na=inactive\r\n";

    fn only_media(sdp: &str) -> Media<'_> {
        Sdp::parse(sdp.as_bytes()).media().next().expect("a media section")
    }

    #[test]
    fn an_offer_gives_addresses_and_formats() {
        let sdp = Sdp::parse(OFFER);
        let audio = sdp.audio().expect("audio");
        assert_eq!(audio.addr(), Some("192.0.2.10:30000".parse().unwrap()));
        assert_eq!(audio.payloads().collect::<Vec<_>>(), [0, 8, 101]);
        assert_eq!((audio.ptime(), audio.rtcp_port()), (Some(30), Some(30005)));
        assert_eq!(
            (sdp.origin(), sdp.name()),
            (Some(&b"BoxUA 1 2 IN IP4 192.0.2.9"[..]), Some(&b"Office call"[..]))
        );
        assert_eq!(sdp.skipped(), 0);
    }

    #[test]
    fn a_fax_section_keeps_its_lines_to_itself() {
        let media: Vec<_> = Sdp::parse(OFFER).media().collect();
        assert_eq!(media.len(), 2);
        assert_eq!(media[0].connection, Some(&b"192.0.2.10"[..]));
        assert_eq!(media[0].direction(), Direction::SendOnly);
        assert_eq!((media[1].kind, media[1].proto), (&b"image"[..], &b"udptl"[..]));
        assert_eq!(media[1].direction(), Direction::Inactive);
        assert_eq!(media[1].formats().collect::<Vec<_>>(), [b"t38"]);
        assert_eq!(media[1].addr(), Some("192.0.2.99:4000".parse().unwrap()));
    }

    #[test]
    fn a_payload_without_rtpmap_has_its_static_meaning() {
        let audio = Sdp::parse(OFFER).audio().expect("audio");
        let encoding = |payload| audio.rtpmap(payload).map(|map| (map.encoding, map.clock));
        assert_eq!(encoding(0), Some((&b"pcmu"[..], 8000)));
        assert_eq!(encoding(8), Some((&b"PCMA"[..], 8000)));
        assert_eq!(encoding(101), Some((&b"telephone-event"[..], 8000)));
        assert_eq!(encoding(96), None);
        let opus = only_media("m=audio 9 RTP/AVP 111\na=rtpmap:111 opus/48000/2");
        assert_eq!(opus.rtpmap(111).map(|map| (map.clock, map.channels)), Some((48000, 2)));
    }

    #[test]
    fn missing_lines_bare_lf_and_garbage_are_read_over() {
        let sdp = Sdp::parse(
            b"garbage\n\nb=AS:64\nc=IN IP6 2001:db8::7\nm=audio 6000 RTP/AVP 8\nJos\xe9\na=\nx\0\0",
        );
        assert_eq!(sdp.media().next().and_then(|m| m.addr()), Some("[2001:db8::7]:6000".parse().unwrap()));
        assert_eq!(sdp.skipped(), 3);
        assert_eq!(sdp.session_connection(), Some(&b"2001:db8::7"[..]));
        assert_eq!(Sdp::parse(b"").media().count(), 0);
    }

    #[test]
    fn a_port_that_is_none_or_zero_gives_no_address() {
        for port in ["0", "70000", "4294967296", "-1", "x", ""] {
            let text = format!("c=IN IP4 192.0.2.10\r\nm=audio {port} RTP/AVP 0\r\n");
            assert_eq!((only_media(&text).port, only_media(&text).addr()), (0, None), "{port}");
        }
        assert_eq!(Sdp::parse(b"m=audio 70000 RTP/AVP 0").skipped(), 1);
        assert_eq!(Sdp::parse(b"m=audio 0 RTP/AVP 0").skipped(), 0);
    }

    #[test]
    fn a_host_name_and_the_zero_address_give_no_socket() {
        assert_eq!(only_media("m=audio 6000 RTP/AVP 0\nc=IN IP4 media.example").addr(), None);
        let held = only_media("m=audio 6000 RTP/AVP 0\nc=IN IP4 0.0.0.0");
        assert!(held.addr().is_none() && held.on_hold());
        assert!(!only_media("m=audio 6000 RTP/AVP 0\nc=IN IP4 192.0.2.10\na=recvonly").on_hold());
    }

    #[test]
    fn an_unreadable_connection_leaves_the_one_of_the_session() {
        let media = only_media("c=IN IP4 192.0.2.10\nm=audio 6000 RTP/AVP 0\nc=IN\nc=IN IP4 /3");
        assert_eq!(media.connection, Some(&b"192.0.2.10"[..]));
    }

    #[test]
    fn labels_and_keys_are_found() {
        let media = only_media(
            "m=audio 6000 RTP/SAVP 0\na=Label: 7\na=crypto:1 AES inline:a\na=crypto:2 AES inline:b",
        );
        assert_eq!(media.label(), Some(&b"7"[..]));
        assert_eq!(media.crypto().count(), 2);
    }

    #[test]
    fn sections_beyond_the_cap_are_counted_and_not_mixed_in() {
        let text: String =
            (0..20u16).map(|n| format!("m=audio {} RTP/AVP 0\r\na=label:{n}\r\n", 5000 + n)).collect();
        let sdp = Sdp::parse(text.as_bytes());
        assert_eq!((sdp.media().count(), sdp.unread_media()), (limits::SDP_MEDIA, 12));
        assert!(sdp.media().all(|media| media.attributes(b"label").count() == 1));
    }
}

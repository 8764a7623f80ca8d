//! One INVITE between two hosts, with what became of it.

use std::net::IpAddr;

use crate::time::{Span, Timestamp};
use crate::wire::facts::{self, Reader};
use crate::wire::packet::Datagram;
use crate::wire::sdp::Sdp;
use crate::wire::sip::{HeaderName, Message, unescape};

/// An INVITE that opened a dialog at one hop. A forked, relayed or retried call has several.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// When it was sent.
    pub at: Timestamp,
    /// Who sent it.
    pub src: IpAddr,
    /// Whom it was sent to.
    pub dst: IpAddr,
    /// The user part of its From.
    pub caller: User,
    /// The user part of its Request-URI.
    pub called: User,
    /// The hash of its Call-ID.
    pub call: u64,
    /// Hashes of ids that other legs of its call share, and of the Call-IDs its own may be derived from.
    pub ids: Vec<u64>,
    /// How many hosts it went through: its Vias.
    pub vias: usize,
    /// Where its sender wants audio: the address and port as one hash; none without a description.
    pub media: Option<u64>,
    /// The header that says it was diverted, as Diversion or History-Info.
    pub diverted: Option<String>,
    /// Its Request-URI has a target and a cause (RFC 4458).
    pub target: bool,
    /// Its History-Info names the number as voicemail's.
    pub pilot: bool,
    /// Its User-Agent is a scanner's.
    pub scans: bool,
    /// The attempt it was sent on for, by number, and how that is known.
    pub parent: Option<(usize, Link)>,
    /// When the first 180 came, or a 183 with a description.
    pub rang: Option<Timestamp>,
    /// When it was answered.
    pub answered: Option<Timestamp>,
    /// The final status that wasn't 2xx, and when.
    pub refused: Option<(u16, Timestamp)>,
    /// When it was cancelled, and whether as completed elsewhere.
    pub cancelled: Option<(Timestamp, bool)>,
    /// When either side hung up.
    pub ended: Option<Timestamp>,
}

/// How an attempt is known to be sent on for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Both have the same Call-ID.
    CallId,
    /// Both have the same Call-ID, but what came in at one address left from another one.
    OtherAddress,
    /// Both carry an id that legs of one call share, or the Call-ID of one is derived from the other's.
    Ids,
    /// Both want audio at the same address.
    Media,
    /// Both are from the same number.
    Caller,
    /// Both are to the same number, and one right after the other.
    Called,
}

/// A user part, percent signs decoded, parameters cut, at most 64 characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct User {
    text: String,
    shape: Shape,
    /// The last seven digits of a number.
    tail: Option<[u8; 7]>,
}

/// What a user part looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// A number of the telephone network: seven digits or more.
    Outside,
    /// An extension or code: up to six digits, with `*` and `#`.
    Short,
    /// Anything else: a name, nobody.
    #[default]
    Word,
}

impl User {
    /// Reads a user part as sent.
    pub fn read(raw: &[u8]) -> User {
        let raw = raw.get(..raw.len().min(MOST_RAW)).unwrap_or_default();
        let decoded = unescape(raw);
        let bare = decoded.split(|byte| *byte == b';').next().unwrap_or_default();
        let text = String::from_utf8_lossy(bare);
        let text: String = text.chars().filter(|c| !c.is_control()).take(MOST_CHARS).collect();
        User { shape: shape(&text), tail: tail(&text), text }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it looks like.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Whether two stand for the same party: equal, or numbers with the same last seven digits.
    pub fn is(&self, other: &User) -> bool {
        let somebody = self.shape != Shape::Word && other.shape != Shape::Word;
        somebody && (self.text == other.text || (self.tail.is_some() && self.tail == other.tail))
    }
}

fn shape(text: &str) -> Shape {
    let bare = text.strip_prefix('+').unwrap_or(text);
    let digit = |c: char| c.is_ascii_digit();
    let number = |c: char| digit(c) || matches!(c, '-' | '.' | '(' | ')' | ' ');
    let code = |c: char| digit(c) || matches!(c, '*' | '#');
    match bare.chars().filter(|c| digit(*c)).count() {
        7.. if bare.chars().all(number) => Shape::Outside,
        _ if !bare.is_empty() && bare.len() <= MOST_SHORT && bare.chars().all(code) => Shape::Short,
        _ => Shape::Word,
    }
}

fn tail(text: &str) -> Option<[u8; 7]> {
    let mut digits = text.bytes().rev().filter(u8::is_ascii_digit);
    let mut tail = [0; 7];
    for place in &mut tail {
        *place = digits.next()?;
    }
    Some(tail)
}

impl Attempt {
    /// The attempt an INVITE opens.
    pub fn open(datagram: &Datagram<'_>, message: &Message<'_>, read: &Reading<'_>) -> Attempt {
        let target = message.request_uri();
        Attempt {
            at: datagram.at,
            src: datagram.src.ip().to_canonical(),
            dst: datagram.dst.ip().to_canonical(),
            caller: message.from().map(|from| User::read(from.uri().user())).unwrap_or_default(),
            called: target.map(|uri| User::read(uri.user())).unwrap_or_default(),
            call: read.call,
            ids: ids(message, read),
            vias: message.vias().take(MOST_VIAS).count(),
            media: media(message, read.hash),
            diverted: diverted(message, read.reader),
            target: target.is_some_and(|uri| uri.param(b"target").is_some() && is_cover(uri.param(b"cause"))),
            pilot: facts::is_for_pilot(message, &read.reader.profile.diversion.pilot_params),
            scans: scans(message),
            parent: None,
            rang: None,
            answered: None,
            refused: None,
            cancelled: None,
            ended: None,
        }
    }

    /// Takes a response to it.
    pub fn response(&mut self, at: Timestamp, status: u16, described: bool) {
        match status {
            180 => drop(self.rang.get_or_insert(at)),
            183 if described => drop(self.rang.get_or_insert(at)),
            200..=299 => drop(self.answered.get_or_insert(at)),
            300.. if self.answered.is_none() => drop(self.refused.get_or_insert((status, at))),
            _ => {}
        }
    }

    /// Whether it may still lead to others.
    pub fn is_open(&self) -> bool {
        self.refused.is_none() && self.ended.is_none()
    }

    /// Whether its receiver did anything with it but ask for a password or send it away.
    pub fn was_taken(&self) -> bool {
        self.rang.is_some()
            || self.answered.is_some()
            || matches!(self.refused, Some((301 | 302 | 480 | 486 | 487 | 600 | 603, _)))
    }

    /// When it was over without an answer; none if it was answered or isn't over.
    pub fn given_up(&self) -> Option<Timestamp> {
        let over = self.cancelled.map(|(at, _)| at).or(self.refused.map(|(_, at)| at));
        over.filter(|_| self.answered.is_none())
    }

    /// How long it took from the INVITE to the answer.
    pub fn answer_time(&self) -> Option<Span> {
        self.answered.map(|at| at.since(self.at))
    }
}

/// What an INVITE is read with.
pub struct Reading<'r> {
    /// The hash of its Call-ID.
    pub call: u64,
    /// Hashes what is kept as a hash.
    pub hash: &'r dyn Fn(&[u8]) -> u64,
    /// How diversions are read.
    pub reader: &'r Reader<'r>,
}

fn ids(message: &Message<'_>, read: &Reading<'_>) -> Vec<u64> {
    let profile = read.reader.profile;
    let shared = profile.correlate.headers.iter().flat_map(|key| facts::shared(message, key));
    let within = facts::within(message, profile);
    shared.chain(within).take(MOST_IDS).map(|id| (read.hash)(id.as_bytes())).collect()
}

/// A cause that leads to voicemail; 380 is a translated number (RFC 8119).
fn is_cover(cause: Option<&[u8]>) -> bool {
    cause.is_some_and(|cause| cause != b"380")
}

/// The header that names somebody else than the Request-URI as called before.
fn diverted(message: &Message<'_>, reader: &Reader<'_>) -> Option<String> {
    let called = message.request_uri().map(|uri| User::read(uri.user()))?;
    let told = facts::diverted(message, reader)?;
    (User::read(told.original.as_bytes()) != called).then_some(told.by)
}

fn media(message: &Message<'_>, hash: &dyn Fn(&[u8]) -> u64) -> Option<u64> {
    let audio = Sdp::parse(message.sdp()?).audio()?;
    let addr = audio.addr().filter(|addr| addr.port() != 0 && !addr.ip().is_unspecified())?;
    Some(hash(addr.to_string().as_bytes()))
}

fn scans(message: &Message<'_>) -> bool {
    let agent = message.header(HeaderName::UserAgent).unwrap_or_default();
    crate::call::is_scanner(agent)
}

/// So much of a user part is read.
const MOST_RAW: usize = 256;

/// So much of it is kept.
const MOST_CHARS: usize = 64;

/// An extension is no longer than this.
const MOST_SHORT: usize = 6;

/// So many ids of a message are kept.
const MOST_IDS: usize = 8;

/// So many Vias are counted.
const MOST_VIAS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn user(text: &str) -> User {
        User::read(text.as_bytes())
    }

    #[test]
    fn numbers_extensions_and_names_are_told_apart() {
        assert_eq!(user("+12025550142").shape(), Shape::Outside);
        assert_eq!(user("%2b1-202-555-0142;phone-context=x").shape(), Shape::Outside);
        assert_eq!(user("*98").shape(), Shape::Short);
        assert_eq!(user("201").shape(), Shape::Short);
        for word in ["anonymous", "", "s7f3kd", "2025550142x"] {
            assert_eq!(user(word).shape(), Shape::Word, "{word}");
        }
    }

    #[test]
    fn a_number_with_an_access_code_is_the_same_party() {
        assert!(user("912025550142").is(&user("+12025550142")));
        assert!(user("201").is(&user("201")));
        assert!(!user("201").is(&user("1201")));
        assert!(!user("anonymous").is(&user("anonymous")), "nobody is nobody in particular");
    }
}

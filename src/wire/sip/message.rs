//! A message and its parts, read when they are asked for.

use std::cell::OnceCell;

use memchr::memmem::Finder;

use super::address::{NameAddr, tag_of};
use super::body::{self, Part};
use super::check;
use super::fault::Faults;
use super::field::{Commas, Fields, Wanted};
use super::index::Index;
use super::lines::{Lines, split_header, trim};
use super::method::Method;
use super::name::HeaderName;
use super::scan::{self, Scan};
use super::start::{Refusal, StartLine};
use super::uri::Uri;
use super::via::{self, Via};
use crate::wire::find::{near, near_any};

/// A SIP request or response, borrowed from the bytes it came in.
///
/// An accessor of one of Call-ID, From, To, CSeq and the first Via costs nothing but the reading of its value. The
/// first question for another header, unless none begins with its letter, walks the head once to see where each
/// starts; `headers`, `values` and `named` walk it from there.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    pub(super) start: StartLine<'a>,
    pub(super) method: Method,
    /// Start line and header lines, as far as they are read.
    pub(super) head: &'a [u8],
    pub(super) body: &'a [u8],
    pub(super) trailing: &'a [u8],
    pub(super) cseq: Option<CSeq<'a>>,
    pub(super) scan: Scan<'a>,
    pub(super) index: OnceCell<Index>,
}

/// The sequence number of a request within its dialog, and the method a response answers (RFC 3261 20.16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CSeq<'a> {
    /// 0 to 2^32-1.
    pub number: u32,
    /// The method.
    pub method: Method,
    /// The method as sent.
    pub raw_method: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads one message. Line ends before it are skipped; bytes after its body are [`trailing`](Self::trailing).
    ///
    /// # Errors
    /// Why these bytes hold no message. A message with faults is not an error: see [`faults`](Self::faults).
    pub fn parse(bytes: &'a [u8]) -> Result<Message<'a>, Refusal> {
        scan::read(bytes)
    }

    /// The start line.
    pub fn start(&self) -> StartLine<'a> {
        self.start
    }

    /// The method of a request; of a response the one its CSeq names.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The status of a response, 100 to 699; `None` for a request.
    pub fn status(&self) -> Option<u16> {
        match self.start {
            StartLine::Request { .. } => None,
            StartLine::Response { status, .. } => Some(status),
        }
    }

    /// The Request-URI of a request, angle brackets around it taken off.
    pub fn request_uri(&self) -> Option<Uri<'a>> {
        match self.start {
            StartLine::Request { uri, .. } => Some(Uri::parse(uri)),
            StartLine::Response { .. } => None,
        }
    }

    /// The Call-ID, of any length.
    pub fn call_id(&self) -> Option<&'a [u8]> {
        self.key(HeaderName::CallId)
    }

    /// The CSeq; `None` if it is missing or malformed.
    pub fn cseq(&self) -> Option<CSeq<'a>> {
        self.cseq
    }

    /// From, never split on commas.
    pub fn from(&self) -> Option<NameAddr<'a>> {
        self.key(HeaderName::From).map(NameAddr::parse)
    }

    /// To, never split on commas.
    pub fn to(&self) -> Option<NameAddr<'a>> {
        self.key(HeaderName::To).map(NameAddr::parse)
    }

    /// The From-tag; `None` if there is none or an empty one.
    pub fn from_tag(&self) -> Option<&'a [u8]> {
        self.key(HeaderName::From).and_then(tag_of)
    }

    /// The To-tag; `None` if there is none or an empty one.
    pub fn to_tag(&self) -> Option<&'a [u8]> {
        self.key(HeaderName::To).and_then(tag_of)
    }

    /// The Via of the last sender.
    pub fn top_via(&self) -> Option<Via<'a>> {
        let via = self.scan.via;
        if via.is_empty() || near_any([b',', b'"'], via).is_some() {
            return self.values(HeaderName::Via).next().map(Via::parse);
        }
        Some(Via::plain(via))
    }

    /// Sent-by and branch of the Via of the last sender, by which a transaction is known (RFC 3261 section 17.2.3);
    /// empty where there is none.
    pub fn transaction(&self) -> (&'a [u8], &'a [u8]) {
        via::usual(self.scan.via).unwrap_or_else(|| {
            let via = self.top_via().map(|via| (via.sent_by, via.branch.unwrap_or_default()));
            via.unwrap_or_default()
        })
    }

    /// All Vias, the last sender's first.
    pub fn vias(&self) -> impl Iterator<Item = Via<'a>> + use<'a> {
        self.values(HeaderName::Via).map(Via::parse)
    }

    /// The Via of who sent it to the last sender, if anybody did.
    pub fn second_via(&self) -> Option<Via<'a>> {
        let one = !self.index().several_vias && near(b',', self.scan.via).is_none();
        if one { None } else { self.vias().nth(1) }
    }

    /// The first Contact.
    pub fn contact(&self) -> Option<NameAddr<'a>> {
        self.first_value(HeaderName::Contact).map(NameAddr::parse)
    }

    /// The value of the first line of a header, trimmed; folds may be in it.
    pub fn header(&self, name: HeaderName) -> Option<&'a [u8]> {
        match self.key(name) {
            Some(value) => Some(value),
            None => self.first_line(name),
        }
    }

    /// The value of each line of a header, trimmed; folds may be in it.
    pub fn headers(&self, name: HeaderName) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.fields(name)
    }

    /// The comma-separated values of all lines of a header; commas in quotes and angle brackets do not count,
    /// empty values are left out.
    pub fn values(&self, name: HeaderName) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.fields(name).flat_map(Commas::new)
    }

    /// The value of each line of any header by its long name, in any case; of a known one its compact form too.
    pub fn named<'n>(&self, name: &'n [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        match HeaderName::read(name) {
            Some(known) if name.len() > 1 => self.fields(known),
            _ => Fields::new(self.header_lines(), Wanted::Name(name)),
        }
    }

    /// How many header lines there are, up to [`limits::HEADERS`](crate::limits::HEADERS).
    pub fn header_count(&self) -> usize {
        usize::from(self.scan.lines)
    }

    /// The body: as long as a sane Content-Length says, else to the end of the bytes.
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The bytes after the body: in a datagram no message (RFC 4475 section 3.1.1.8), in a stream the next one.
    pub fn trailing(&self) -> &'a [u8] {
        self.trailing
    }

    /// The Content-Type, parameters included.
    pub fn content_type(&self) -> Option<&'a [u8]> {
        Some(self.scan.content_type).filter(|value| !value.is_empty())
    }

    /// The parts of a multipart body; a body of another type is its own only part, an empty one has none.
    pub fn parts(&self) -> impl Iterator<Item = Part<'a>> + use<'a> {
        body::parts(self.content_type(), self.body)
    }

    /// The session description: an application/sdp body, or such a part of a multipart body.
    pub fn sdp(&self) -> Option<&'a [u8]> {
        match self.content_type() {
            _ if self.body.is_empty() => None,
            Some(b"application/sdp") => Some(self.body),
            _ => self.described(),
        }
    }

    fn described(&self) -> Option<&'a [u8]> {
        self.parts().find(Part::is_sdp).map(|part| part.body)
    }

    /// All that is wrong with this message. Beside what `parse` found it looks at the Request-URI, the first
    /// Via, From, To and the first Contact.
    pub fn faults(&self) -> Faults {
        self.faults_with(self.from().as_ref(), self.to().as_ref())
    }

    /// As [`faults`](Self::faults), for who has read From and To already.
    pub fn faults_with(&self, from: Option<&NameAddr<'_>>, to: Option<&NameAddr<'_>>) -> Faults {
        self.scan.faults | self.index().faults | check::faults(self, [from, to])
    }

    /// True if there is a line of this header.
    pub fn has(&self, name: HeaderName) -> bool {
        self.at(name).is_some()
    }

    /// True if Call-ID, From, To and CSeq can be trusted to say which leg this belongs to: all there, none twice
    /// with different values, and the CSeq of a request naming its method. Tags may be missing (RFC 2543).
    pub fn keyed(&self) -> bool {
        !self.scan.faults.any(Faults::UNKEYED)
    }

    fn key(&self, name: HeaderName) -> Option<&'a [u8]> {
        self.scan.key(name)
    }

    /// The first of `values(name)`, without a look at what follows where its line holds no other.
    fn first_value(&self, name: HeaderName) -> Option<&'a [u8]> {
        let line = self.first_line(name)?;
        if line.is_empty() || near(b',', line).is_some() {
            return self.values(name).next();
        }
        Some(line)
    }

    /// The first of `headers(name)`.
    fn first_line(&self, name: HeaderName) -> Option<&'a [u8]> {
        let lines = self.lines_from(name);
        let end = near(b'\n', lines).map_or(lines.len(), |end| end + 1);
        let line = match lines.get(end) {
            Some(b' ' | b'\t') => Lines::new(lines).next()?,
            _ => lines.get(..end)?,
        };
        split_header(line).map(|(_, value)| trim(value))
    }

    /// Whether these letters stand in a line of this header, or behind its first: if not, no value of it holds them.
    pub fn may_hold(&self, name: HeaderName, letters: &Finder<'_>) -> bool {
        letters.find(self.lines_from(name)).is_some()
    }

    fn fields<'n>(&self, name: HeaderName) -> Fields<'a, 'n> {
        Fields::new(self.lines_from(name), Wanted::Known(name))
    }

    /// The header lines from the first one with this name on; nothing if there is none.
    fn lines_from(&self, name: HeaderName) -> &'a [u8] {
        self.at(name).and_then(|at| self.head.get(at..)).unwrap_or_default()
    }

    /// Where the first line of a header starts; told without an index where no name begins as this one.
    fn at(&self, name: HeaderName) -> Option<usize> {
        if self.scan.initials & name.initials() == 0 {
            return None;
        }
        self.index().at(name)
    }

    fn index(&self) -> &Index {
        self.index.get_or_init(|| Index::of(self.head))
    }

    fn header_lines(&self) -> &'a [u8] {
        super::lines::first_line(self.head).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &[u8] = b"\r\nINVITE sip:201@pbx.example SIP/2.0\r\n\
        Via: SIP/2.0/UDP a.example;branch=z9hG4bKa , SIP/2.0/TCP b.example\r\n\
        X-Site:  two \r\nx-site:three\r\n\
        v: SIP/2.0/TLS c.example\r\n\
        f: \"Doe, J\" <sip:+13125550142@carrier.example>;tag=f1\r\n\
        To: <sip:201@pbx.example>\r\n\
        m: \"Doe, J\" <sip:a,b@carrier.example>, <sip:second@carrier.example>\r\n\
        Call-ID: id-1\r\nCSeq: 7 INVITE\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\nrest";

    fn invite() -> Message<'static> {
        Message::parse(INVITE).expect("a message")
    }

    /// A request with these lines beside Via.
    fn with(lines: &str) -> String {
        format!("INVITE sip:201@pbx.example SIP/2.0\r\nVia: SIP/2.0/UDP a.example\r\n{lines}\r\n\r\n")
    }

    fn faults(lines: &str) -> Vec<&'static str> {
        Message::parse(with(lines).as_bytes()).expect("a message").faults().names().collect()
    }

    const KEYS: &str = "Call-ID: id-1\r\nFrom: <sip:1@h>;tag=a\r\nTo: <sip:2@h>\r\nCSeq: 1 INVITE";

    #[test]
    fn letters_are_looked_for_from_a_header_on() {
        let may = |name, letters: &str| invite().may_hold(name, &Finder::new(letters));
        assert!(may(HeaderName::Contact, "sip:second@"));
        assert!(may(HeaderName::To, "sip:second@"), "behind it");
        assert!(!may(HeaderName::Contact, "z9hG4bKa"), "before it");
        assert!(!may(HeaderName::Identity, "sip"), "there is none");
    }

    #[test]
    fn an_invite_gives_what_a_leg_needs() {
        let message = invite();
        assert_eq!((message.method(), message.status()), (Method::Invite, None));
        assert_eq!(message.request_uri().map(|uri| uri.user()), Some(&b"201"[..]));
        assert_eq!(message.call_id(), Some(&b"id-1"[..]));
        assert_eq!(message.from().and_then(|from| from.tag()), Some(&b"f1"[..]));
        assert_eq!(message.to().and_then(|to| to.tag()), None);
        assert_eq!(message.cseq().map(|cseq| (cseq.number, cseq.method)), Some((7, Method::Invite)));
        assert_eq!(message.header_count(), 11);
        assert!(message.keyed() && message.faults().is_clean());
    }

    #[test]
    fn values_of_all_lines_come_in_order() {
        let message = invite();
        let senders: Vec<_> = message.vias().map(|via| via.sent_by).collect();
        assert_eq!(senders, [&b"a.example"[..], b"b.example", b"c.example"]);
        assert_eq!(message.headers(HeaderName::Via).count(), 2);
        assert_eq!(message.values(HeaderName::Contact).count(), 2);
        assert_eq!(message.contact().map(|contact| contact.uri().user()), Some(&b"a,b"[..]));
        assert_eq!(message.values(HeaderName::Diversion).count(), 0);
    }

    #[test]
    fn any_header_is_found_by_its_long_name() {
        let message = invite();
        assert_eq!(message.named(b"X-SITE").collect::<Vec<_>>(), [&b"two"[..], b"three"]);
        assert_eq!(message.named(b"contact").count(), 1);
        assert_eq!(message.named(b"via").count(), 2);
        assert_eq!(message.named(b"X-Other").count(), 0);
    }

    #[test]
    fn a_body_ends_where_its_length_says() {
        let message = invite();
        assert_eq!((message.body(), message.trailing()), (&b"v=0\r\n"[..], &b"rest"[..]));
        assert_eq!(message.sdp(), Some(&b"v=0\r\n"[..]));
    }

    #[test]
    fn a_response_has_the_method_of_its_cseq() {
        let message = Message::parse(b"SIP/2.0 200 OK\r\nCSeq: 2 CANCEL\r\n\r\n").expect("a message");
        assert_eq!((message.method(), message.status()), (Method::Cancel, Some(200)));
        assert!(!message.keyed());
    }

    #[test]
    fn a_key_that_is_missing_empty_or_ambiguous_is_no_key() {
        assert!(faults(KEYS).is_empty());
        assert_eq!(faults(&KEYS.replace("Call-ID: id-1", "Call-ID:")), ["missing_key"]);
        assert_eq!(faults(&format!("{KEYS}\r\ni: id-2")), ["duplicate_key"]);
        assert_eq!(faults(&format!("{KEYS}\r\ni: id-1")), [""; 0]);
        assert_eq!(faults(&KEYS.replace("1 INVITE", "1 BYE")), ["cseq_mismatch"]);
        assert_eq!(faults(&KEYS.replace("1 INVITE", "4294967296 INVITE")), ["bad_cseq"]);
        assert_eq!(faults(&KEYS.replace("1 INVITE", "-1 INVITE")), ["bad_cseq"]);
    }

    #[test]
    fn what_is_no_message_is_refused() {
        assert_eq!(Message::parse(b"").err(), Some(Refusal::Keepalive));
        assert_eq!(Message::parse(b"\r\n\0\0").err(), Some(Refusal::Keepalive));
        assert_eq!(Message::parse(b"INVITE sip:a@h SIP/2.0\r\n\r\n").err(), Some(Refusal::NoHeaders));
        let long = with(&format!("{KEYS}\r\nX: {}", "x".repeat(crate::limits::MESSAGE)));
        assert_eq!(Message::parse(long.as_bytes()).err(), Some(Refusal::TooLong));
    }
}

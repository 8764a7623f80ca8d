//! Random and mutated messages: nothing panics, and whatever is read lies inside the input.

use std::ops::Range;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::wire::sdp::Sdp;

const SEEDS: [&[u8]; 6] = [
    include_bytes!("../../../tests/torture/reinvite-everything-folded.sip"),
    include_bytes!("../../../tests/torture/multipart-with-binary.sip"),
    include_bytes!("../../../tests/torture/two-of-each-key.sip"),
    include_bytes!("../../../tests/torture/tel-and-ipv6.sip"),
    include_bytes!("../../../tests/torture/ghost-after-the-end.sip"),
    include_bytes!("../../../tests/torture/numbers-beyond-range-in-response.sip"),
];

/// Pieces a mutation puts in: what readers stumble over.
const PIECES: [&[u8]; 16] = [
    b"\r\n",
    b"\n",
    b"\r\n ",
    b"\r\n\r\n",
    b":",
    b";",
    b",",
    b"\"",
    b"\\",
    b"<",
    b">",
    b"@",
    b"%",
    b"--lunch",
    b"\0",
    b"\xff",
];

/// One change: where (in 1/65536 of the length), how many bytes go, what comes in their place.
type Change = (u16, usize, &'static [u8]);

fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<u16>(), 0usize..12, select(&PIECES[..]));
    (select(&SEEDS[..]), vec(change, 0..10))
        .prop_map(|(seed, changes)| changes.into_iter().fold(seed.to_vec(), apply))
}

fn apply(mut bytes: Vec<u8>, (at, gone, piece): Change) -> Vec<u8> {
    let at = usize::from(at) * bytes.len() / 65536;
    let end = (at + gone).min(bytes.len());
    bytes.splice(at..end, piece.iter().copied());
    bytes
}

/// The addresses of an input, for asking whether a slice is part of it.
struct Input(Range<*const u8>);

impl Input {
    fn holds<'a>(&self, slices: impl IntoIterator<Item = &'a [u8]>) {
        for slice in slices.into_iter().filter(|slice| !slice.is_empty()) {
            let range = slice.as_ptr_range();
            assert!(self.0.start <= range.start && range.end <= self.0.end, "{slice:?} is not of the input");
        }
    }

    fn holds_pairs<'a>(&self, pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>) {
        pairs.for_each(|(name, value)| self.holds([name, value]));
    }

    fn holds_uri(&self, uri: Uri<'_>) {
        self.holds([uri.raw(), uri.scheme(), uri.user(), uri.host()]);
        self.holds_pairs(uri.params());
        self.holds_pairs(uri.headers());
        assert!(unescape(uri.user()).len() <= uri.user().len());
    }

    fn holds_address(&self, address: NameAddr<'_>) {
        self.holds(address.display());
        self.holds(address.tag());
        self.holds_pairs(address.params());
        self.holds_uri(address.uri());
        assert!(address.display_text().len() <= 3 * address.display().map_or(0, <[u8]>::len));
    }

    fn holds_sdp(&self, sdp: &Sdp<'_>) {
        self.holds([sdp.session_connection(), sdp.origin(), sdp.name()].into_iter().flatten());
        for media in sdp.media() {
            self.holds([media.kind, media.proto]);
            self.holds(media.connection);
            self.holds(media.formats().chain(media.attributes(b"rtpmap")).chain(media.crypto()));
            let _ = (media.addr(), media.direction(), media.ptime(), media.rtcp_port(), media.rtpmap(101));
        }
    }
}

/// Asks for everything a message has.
fn read_all(bytes: &[u8]) {
    let input = Input(bytes.as_ptr_range());
    assert!(head_end(bytes).is_none_or(|end| end <= bytes.len()));
    let _ = (looks_like_start(bytes), content_length(bytes));
    input.holds_sdp(&Sdp::parse(bytes));
    let Ok(message) = Message::parse(bytes) else { return };
    assert!(message.cseq().is_some() || message.call_id().is_none() || !message.keyed());
    let _ = (message.method(), message.status(), message.faults());
    input.holds([message.body(), message.trailing()]);
    input.holds(message.cseq().map(|cseq| cseq.raw_method));
    message.request_uri().into_iter().for_each(|uri| input.holds_uri(uri));
    [message.from(), message.to(), message.contact()]
        .into_iter()
        .flatten()
        .for_each(|a| input.holds_address(a));
    for name in
        [HeaderName::Via, HeaderName::Contact, HeaderName::Subject, HeaderName::To, HeaderName::Warning]
    {
        input.holds(message.header(name));
        input.holds(
            message.headers(name).chain(message.values(name)).chain(message.named(name.name().as_bytes())),
        );
        message.values(name).for_each(|value| input.holds_address(NameAddr::parse(value)));
    }
    for via in message.vias() {
        input.holds([via.transport, via.sent_by, via.branch.unwrap_or_default()]);
    }
    reasons(&message).for_each(|reason| input.holds([reason.protocol, reason.text.unwrap_or_default()]));
    message.parts().for_each(|part| input.holds([part.body, part.content_type.unwrap_or_default()]));
    message.sdp().into_iter().for_each(|sdp| input.holds_sdp(&Sdp::parse(sdp)));
}

proptest! {
    #[test]
    fn random_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..600)) {
        read_all(&bytes);
    }

    #[test]
    fn random_text_behind_a_start_line_is_read(lines in "(([A-Za-z-]{0,9} ?[:;,<>\"]{0,3}[ -~\t]{0,30})\r?\n[ \t]?){0,20}") {
        read_all(format!("INVITE sip:201@pbx.example SIP/2.0\r\n{lines}").as_bytes());
    }

    #[test]
    fn mutated_messages_are_read_or_refused(bytes in mutated()) {
        read_all(&bytes);
    }

    #[test]
    fn a_message_cut_anywhere_is_read_or_refused(seed in select(&SEEDS[..]), share in any::<u16>()) {
        read_all(&seed[..usize::from(share) * seed.len() / 65536]);
    }
}

#[test]
fn the_longest_hostile_values_are_read() {
    for unit in ["<,", "\"", "\\\"", ";", "a,", "%41", " \r\n", "--x\r\n", "=\"", "<>;"] {
        let value = unit.repeat(60_000 / unit.len());
        let head = "INVITE sip:201@pbx.example SIP/2.0\r\nl: 1\r\nc: multipart/mixed;boundary=x";
        for name in ["Via", "To", "Contact", "Warning"] {
            read_all(format!("{head}\r\n{name}: {value}\r\n\r\n").as_bytes());
        }
        read_all(format!("{head}\r\n\r\n{value}").as_bytes());
    }
}

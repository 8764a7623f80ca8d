//! Any bytes as a SIP message, read by our scanner and by `rsip`: what both accept says the same.
//!
//! Compared are the method or status, Call-ID, CSeq, the tags of From and To, the branch of the first Via, the
//! number of Via lines, and the body. Where the two may differ, `agreeable` says why.
#![no_main]

use std::panic;

use libfuzzer_sys::fuzz_target;
use ringback::limits;
use ringback::wire::sip::{HeaderName, Message};
use rsip::headers::{ToTypedHeader, UntypedHeader};
use rsip::message::{HasHeaders, HeadersExt};
use rsip::{Header, SipMessage};

fuzz_target!(|data: &[u8]| {
    if !agreeable(data) {
        return;
    }
    let (Ok(ours), Some(theirs)) = (Message::parse(data), theirs(data)) else { return };
    if ours.header_count() >= limits::HEADERS || !ours.faults().is_clean() {
        return;
    }
    let (ours, theirs) = (Read::ours(&ours), theirs);
    ours.compare(&theirs);
});

/// What is compared; none where the reader doesn't tell.
#[derive(Debug, Default)]
struct Read {
    method: Option<String>,
    status: Option<u16>,
    call_id: Option<String>,
    cseq: Option<(u32, String)>,
    from_tag: Option<String>,
    to_tag: Option<String>,
    branch: Option<String>,
    vias: usize,
    body: Vec<u8>,
}

impl Read {
    fn ours(message: &Message<'_>) -> Read {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let request = message.status().is_none();
        Read {
            method: request
                .then(|| in_any_case(message.cseq().map(|cseq| cseq.raw_method).unwrap_or_default())),
            status: message.status(),
            call_id: message.call_id().map(text).map(|id| id.trim().to_owned()),
            cseq: message.cseq().map(|cseq| (cseq.number, in_any_case(cseq.raw_method))),
            from_tag: message.from_tag().map(text),
            to_tag: message.to_tag().map(text),
            branch: message.top_via().and_then(|via| via.branch).map(text),
            vias: message.headers(HeaderName::Via).count(),
            body: [message.body(), message.trailing()].concat(),
        }
    }

    fn theirs(message: &SipMessage) -> Read {
        let (method, status) = match message {
            SipMessage::Request(request) => {
                (Some(in_any_case(request.method().to_string().as_bytes())), None)
            }
            SipMessage::Response(response) => (None, Some(response.status_code().code())),
        };
        let from = message
            .from_header()
            .ok()
            .filter(|from| is_clear(from.value()))
            .and_then(|from| from.typed().ok());
        let to = message.to_header().ok().filter(|to| is_clear(to.value())).and_then(|to| to.typed().ok());
        // Of a line with several values `rsip` makes one; nor does it know quotes there.
        let via = match message.headers().iter().find(|header| is_via(header)) {
            Some(Header::Via(via)) if !via.value().contains([',', '"']) => via.typed().ok(),
            _ => None,
        };
        let cseq = message.cseq_header().ok().and_then(|cseq| cseq.typed().ok());
        Read {
            method,
            status,
            // A line of it without a value is none to us; `rsip` takes the first one all the same, tabs behind it too.
            call_id: message
                .call_id_header()
                .ok()
                .map(|id| id.value().trim().to_owned())
                .filter(|id| !id.is_empty()),
            cseq: cseq.map(|cseq| (cseq.seq, in_any_case(cseq.method.to_string().as_bytes()))),
            from_tag: from.and_then(|from| from.tag().map(|tag| tag.value().to_owned())),
            to_tag: to.and_then(|to| to.tag().map(|tag| tag.value().to_owned())),
            branch: via.and_then(|via| via.branch().map(|branch| branch.value().to_owned())),
            vias: message.headers().iter().filter(|header| is_via(header)).count(),
            body: message.body().clone(),
        }
    }

    fn compare(&self, theirs: &Read) {
        let same = |what: &str, ours: &Option<String>, theirs: &Option<String>| {
            if let Some(theirs) = theirs {
                assert_eq!(ours.as_ref(), Some(theirs), "{what}: ours, theirs");
            }
        };
        same("method", &self.method, &theirs.method);
        assert_eq!(self.status, theirs.status, "status: ours, theirs");
        same("Call-ID", &self.call_id, &theirs.call_id);
        assert!(
            theirs.cseq.is_none() || self.cseq == theirs.cseq,
            "CSeq: {:?}, {:?}",
            self.cseq,
            theirs.cseq
        );
        let parameters = [
            (&self.from_tag, &theirs.from_tag),
            (&self.to_tag, &theirs.to_tag),
            (&self.branch, &theirs.branch),
        ];
        for (ours, theirs) in parameters {
            assert!(is_same_parameter(ours.as_deref(), theirs.as_deref()), "parameter: {ours:?}, {theirs:?}");
        }
        assert_eq!(self.vias, theirs.vias, "Via lines: ours, theirs");
        assert_eq!(self.body, theirs.body, "body: ours, theirs");
    }
}

/// A method as it is compared: `rsip` takes one it knows in any case, while case matters to us (RFC 3261 7.1).
fn in_any_case(sent: &[u8]) -> String {
    String::from_utf8_lossy(sent).to_ascii_uppercase()
}

/// `rsip` leaves compact names unread.
fn is_via(header: &Header) -> bool {
    matches!(header, Header::Via(_))
        || matches!(header, Header::Other(name, _) if name.eq_ignore_ascii_case("v"))
}

/// What `rsip` reads. It panics on some input; that is its own affair, but the fuzzer would take it for ours.
fn theirs(data: &[u8]) -> Option<Read> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let read = panic::catch_unwind(|| SipMessage::try_from(data).ok().map(|message| Read::theirs(&message)));
    panic::set_hook(hook);
    read.ok().flatten()
}

/// Whether the two mean to read such bytes alike. `rsip` ends a line with CR and LF together and never unfolds one; we
/// take a bare LF, and white space at the start of a line, as phones that send them mean it.
fn agreeable(data: &[u8]) -> bool {
    let alone = |at: usize, byte: u8| match byte {
        b'\n' => {
            at == 0 || data.get(at - 1) != Some(&b'\r') || matches!(data.get(at + 1), Some(b' ' | b'\t'))
        }
        b'\r' => data.get(at + 1) != Some(&b'\n'),
        _ => false,
    };
    !data.iter().enumerate().any(|(at, byte)| alone(at, *byte))
}

/// Whether an address says where its URI ends. Without brackets we take what follows the first semicolon for
/// parameters (RFC 3261 20.10), `rsip` looks for a host first; and it takes a bracket in quotes for one.
fn is_clear(address: &str) -> bool {
    match address.split_once('<') {
        Some((name, _)) => name.matches('"').count().is_multiple_of(2),
        None => !address.split_once(';').is_some_and(|(_, after)| after.contains('@')),
    }
}

/// Whether two readers mean the same parameter. An empty one is none to us; and a value with bytes no token has, which
/// is no value by the grammar, goes on to the next separator with us, and ends there with `rsip`, which may leave blanks on it.
fn is_same_parameter(ours: Option<&str>, theirs: Option<&str>) -> bool {
    let Some(theirs) = theirs.map(str::trim).filter(|theirs| !theirs.is_empty()) else { return true };
    let rest = ours.and_then(|ours| ours.strip_prefix(theirs));
    rest.is_some_and(|rest| {
        !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || "-.!%*_+`'~".contains(c))
    })
}

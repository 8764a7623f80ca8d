//! Any bytes as a SIP message: read or refused without a panic, whatever is asked of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringback::limits;
use ringback::wire::sip::{self, HeaderName, Message, NameAddr, Uri};

fuzz_target!(|data: &[u8]| {
    assert!(sip::head_end(data).is_none_or(|end| end <= data.len()));
    let _ = (sip::looks_like_start(data), sip::content_length(data));
    let Ok(message) = Message::parse(data) else { return };
    assert!(message.header_count() <= limits::HEADERS);
    assert!(message.body().len() + message.trailing().len() <= data.len());
    let _ = (message.method(), message.status(), message.cseq(), message.faults(), message.keyed());
    message.request_uri().into_iter().for_each(uri);
    for name in [HeaderName::From, HeaderName::To, HeaderName::Contact, HeaderName::Via] {
        message.values(name).for_each(|value| address(NameAddr::parse(value)));
        assert!(message.headers(name).count() <= limits::HEADERS);
    }
    assert!(message.vias().all(|via| via.param(b"received").is_none_or(|value| value.len() <= data.len())));
    assert!(sip::reasons(&message).all(|reason| reason.protocol.len() <= data.len()));
    assert!(message.parts().all(|part| part.body.len() <= message.body().len()));
});

fn address(address: NameAddr<'_>) {
    let _ = (address.display_text(), address.tag(), address.params().count());
    uri(address.uri());
}

fn uri(uri: Uri<'_>) {
    let _ = (uri.scheme(), uri.host(), uri.port(), uri.addr(), uri.params().count(), uri.headers().count());
    assert!(sip::unescape(uri.user()).len() <= uri.user().len());
}

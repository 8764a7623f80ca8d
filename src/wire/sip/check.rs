//! The faults that only show when values are read: Request-URI, Via and addresses.

use memchr::memchr;

use super::fault::Faults;
use super::lines::is_lws;
use super::message::Message;
use super::start::StartLine;
use super::uri::Uri;

/// The faults in the values of a message.
pub(super) fn faults(message: &Message<'_>) -> Faults {
    let mut faults = Faults::default();
    if matches!(message.start(), StartLine::Request { uri, .. } if !is_sound_target(uri)) {
        faults |= Faults::BAD_REQUEST_URI;
    }
    if !message.top_via().is_some_and(|via| via.is_sound()) {
        faults |= Faults::BAD_VIA;
    }
    let addresses = [message.from(), message.to(), message.contact()];
    if addresses.iter().flatten().any(|address| !address.is_sound()) {
        faults |= Faults::BAD_ADDRESS;
    }
    faults
}

/// A Request-URI stands alone, without brackets, and carries no headers (RFC 3261 section 19.1.1).
fn is_sound_target(uri: &[u8]) -> bool {
    uri.first() != Some(&b'<')
        && !uri.iter().any(|b| is_lws(*b))
        && (memchr(b'?', uri).is_none() || !Uri::parse(uri).has_headers())
}

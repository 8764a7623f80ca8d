//! The faults that only show when values are read: Request-URI, Via and addresses.

use super::address::NameAddr;
use super::fault::Faults;
use super::message::Message;
use super::start::StartLine;
use super::uri::Uri;
use super::via::Via;
use crate::wire::find::{near, near_any};

/// The faults in the values of a message, its From and To read.
pub(super) fn faults(message: &Message<'_>, ends: [Option<&NameAddr<'_>>; 2]) -> Faults {
    let mut faults = Faults::default();
    if matches!(message.start(), StartLine::Request { uri, .. } if !is_sound_target(uri)) {
        faults |= Faults::BAD_REQUEST_URI;
    }
    if !message.top_via().as_ref().is_some_and(Via::is_sound) {
        faults |= Faults::BAD_VIA;
    }
    let unsound = |address: &NameAddr<'_>| !address.is_sound();
    if ends.into_iter().flatten().any(unsound) || message.contact().as_ref().is_some_and(unsound) {
        faults |= Faults::BAD_ADDRESS;
    }
    faults
}

/// A Request-URI stands alone, without brackets, and carries no headers (RFC 3261 section 19.1.1).
fn is_sound_target(uri: &[u8]) -> bool {
    uri.first() != Some(&b'<')
        && near_any([b' ', b'\t', b'\r', b'\n'], uri).is_none()
        && (near(b'?', uri).is_none() || !Uri::parse(uri).has_headers())
}

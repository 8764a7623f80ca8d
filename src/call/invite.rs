//! What an INVITE says about its parties, read once for all who ask.

use std::borrow::Cow;

use crate::wire::sip::{Message, NameAddr, Uri};

/// An INVITE, its parties read. Of a response that stands for an INVITE not seen, there is no target.
#[derive(Clone, Copy, Debug)]
pub struct Invite<'a> {
    /// The message.
    pub message: &'a Message<'a>,
    /// The Request-URI.
    pub target: Option<Uri<'a>>,
    /// From.
    pub from: Option<Address<'a>>,
    /// To.
    pub to: Option<Address<'a>>,
}

/// An address and its URI.
#[derive(Clone, Copy, Debug)]
pub struct Address<'a> {
    /// Display name and parameters.
    pub name: NameAddr<'a>,
    /// The URI.
    pub uri: Uri<'a>,
}

impl<'a> Address<'a> {
    /// The number or name with what completes it, as [`telephone`] gives it. Without brackets around the URI its context
    /// stands among the header's parameters (RFC 3261 section 20).
    pub fn telephone(&self) -> Cow<'a, [u8]> {
        with_context(&self.uri, |name| self.uri.param(name).or_else(|| self.name.param(name)))
    }
}

/// The number or name a URI stands for, with its `phone-context` (RFC 3966 5.1.5) wherever that is written: a number
/// without it may be somebody else's.
pub fn telephone<'a>(uri: &Uri<'a>) -> Cow<'a, [u8]> {
    with_context(uri, |name| uri.param(name))
}

fn with_context<'a>(uri: &Uri<'a>, param: impl Fn(&[u8]) -> Option<&'a [u8]>) -> Cow<'a, [u8]> {
    let user = uri.subscriber();
    if user.starts_with(b"+") || user.contains(&b';') {
        return Cow::Borrowed(user);
    }
    match param(CONTEXT) {
        Some(context) => Cow::Owned([user, b";", CONTEXT, b"=", context].concat()),
        None => Cow::Borrowed(user),
    }
}

const CONTEXT: &[u8] = b"phone-context";

impl<'a> Invite<'a> {
    /// Reads the parties of a message.
    pub fn of(message: &'a Message<'a>) -> Invite<'a> {
        let address = |name: NameAddr<'a>| Address { uri: name.uri(), name };
        Invite {
            message,
            target: message.request_uri(),
            from: message.from().map(address),
            to: message.to().map(address),
        }
    }

    /// The user part of the Request-URI; empty if there is none.
    pub fn user(&self) -> &'a [u8] {
        self.target.map(|target| target.user()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> String {
        let name = NameAddr::parse(value.as_bytes());
        let found = Address { uri: name.uri(), name }.telephone();
        String::from_utf8_lossy(&found).into_owned()
    }

    #[test]
    fn the_context_of_a_number_is_found_wherever_it_is_written() {
        for value in [
            "<tel:5550142;phone-context=+1212>;tag=a",
            "tel:5550142;phone-context=+1212;tag=a",
            "<sip:5550142;phone-context=+1212@h;user=phone>;tag=a",
            "<sip:5550142@h;user=phone;Phone-Context=+1212>;tag=a",
        ] {
            assert!(read(value).starts_with("5550142;phone-context=+1212"), "{value}: {}", read(value));
        }
        assert_eq!(read("<tel:+12125550142;ext=7>;tag=a"), "+12125550142;ext=7");
        assert_eq!(read("<sip:5550142@h>;tag=a"), "5550142");
        assert_eq!(*telephone(&Uri::parse(b"tel:5550142;phone-context=h")), *b"5550142;phone-context=h");
    }
}

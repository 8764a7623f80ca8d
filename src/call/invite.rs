//! What an INVITE says about its parties, read once for all who ask.

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

//! What a message is to a monitor that sees nothing else, and its keys as text, for all that hold a message to a table.

use ringback::wire::sip::{Message, Method, StartLine};
use serde::Deserialize;

/// What a message is to a monitor that sees nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::enum_variant_names, reason = "the words of the verdict file")]
pub enum Action {
    /// An initial INVITE with a trustworthy key.
    OpensLeg,
    /// Part of a dialog or transaction whose start was not seen.
    NoNewLeg,
    /// Not about a call, or without a trustworthy key.
    NoLeg,
}

/// What it is.
pub fn action(message: &Message<'_>) -> Action {
    if !message.keyed() || message.method() != Method::Invite {
        return Action::NoLeg;
    }
    let initial = message.status().is_none() && message.to().and_then(|to| to.tag()).is_none();
    if initial { Action::OpensLeg } else { Action::NoNewLeg }
}

/// Bytes as text, what isn't UTF-8 replaced.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The method of a request, as sent.
pub fn method(message: &Message<'_>) -> Option<String> {
    match message.start() {
        StartLine::Request { method, .. } => Some(text(method)),
        StartLine::Response { .. } => None,
    }
}

/// Its CSeq, as number and method.
pub fn cseq(message: &Message<'_>) -> Option<String> {
    message.cseq().map(|cseq| format!("{} {}", cseq.number, text(cseq.raw_method)))
}

/// Its From-tag.
pub fn from_tag(message: &Message<'_>) -> Option<String> {
    message.from().and_then(|from| from.tag()).map(text)
}

/// Its To-tag.
pub fn to_tag(message: &Message<'_>) -> Option<String> {
    message.to().and_then(|to| to.tag()).map(text)
}

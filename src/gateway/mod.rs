//! What carries texts: a gateway is given a message and says what it knows of it afterwards.
//!
//! A gateway never decides whether a text may leave, reads no clock and keeps no state but its own records. What it
//! can't say for sure it calls unknown, so that nothing is sent twice on a guess.

mod file;
mod inbox;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

pub use file::FileGateway;
pub use inbox::{Inbox, Letter, Said};

use crate::event::Message;

/// Something that carries texts.
pub trait Gateway: Send {
    /// Hands a text over. A key that was accepted before is accepted again, and nothing is sent a second time.
    fn submit(&mut self, message: &Message) -> Answer;

    /// What became of the text with a key, of which no answer is known.
    fn find(&mut self, key: &str) -> Found;
}

/// What a gateway says of a text it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It has it, for good, under this id of its own.
    Accepted(String),
    /// It surely doesn't have it, for this reason.
    NotAccepted(String),
    /// It may have it or not.
    Unknown(String),
}

/// What a gateway knows of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It has the text, under this id of its own.
    Accepted(String),
    /// It surely never accepted it.
    Absent,
    /// It can't tell.
    Unknown,
}

/// Why a gateway can't be used.
#[derive(Debug)]
pub enum GatewayError {
    /// A file or folder of it: which, and what the system says.
    File(PathBuf, io::Error),
    /// Another program writes the same outbox.
    InUse(PathBuf),
}

impl GatewayError {
    fn file(path: &Path, error: io::Error) -> GatewayError {
        GatewayError::File(path.to_owned(), error)
    }
}

impl fmt::Display for GatewayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GatewayError::File(path, error) => {
                write!(f, "{}: {error}; let this user write it, or change the gateway's path", path.display())
            }
            GatewayError::InUse(path) => {
                write!(f, "{}: another ringback writes it; give each its own folder", path.display())
            }
        }
    }
}

impl std::error::Error for GatewayError {}

/// A text as tests hand it over.
#[cfg(test)]
pub(crate) fn sample(key: &str) -> Message {
    use crate::event::MessageState;
    use crate::phone::{Number, Party};
    use crate::time::Timestamp;

    Message {
        key: key.into(),
        case: "c".into(),
        due: Timestamp::from_parts(100, 0),
        sent: Some(Timestamp::from_parts(100, 0)),
        channel: "sms".into(),
        to: Party::Number(Number::parse("+13125550142").expect("a number")),
        from: None,
        template: "ack".into(),
        variant: None,
        body: "two\nlines".into(),
        encoding: "GSM-7".into(),
        segments: 1,
        consent: "response".into(),
        state: MessageState::Claimed,
        why: None,
        attempts: 1,
        gateway: Some("main".into()),
        gateway_ref: None,
        trail: Vec::new(),
    }
}

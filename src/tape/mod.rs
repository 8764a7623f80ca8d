//! The tape: what a run of the daemon was given, so that it can be run again.
//!
//! ```text
//! tape.jsonl     head · files of the configuration · state · inputs in the order the engine took them
//! call.pcapng    the packets that inputs point to, in the same order
//! ```
//! Each line is one JSON object with one key, which says what it is; each input carries the engine time at which it
//! was taken. Of packets only those are kept that the engine had a use for: all SIP, of RTP what it listened to.
//! After inputs that made journal entries stands how many there are and a digest of them, so that whoever replays a
//! tape sees whether it made the same. Nothing here knows the engine.

mod hex;
mod line;
mod packets;
mod read;
mod recorder;
mod shelf;
mod write;

pub use hex::Hex;
pub use line::{Digest, VERSION};
pub use read::{Ending, Taken, Tape, TapeError};
pub use recorder::{Recorder, Standing};
pub use shelf::Shelf;
pub use write::{Begin, Encoder};

/// The file with the lines, in a tape's folder.
pub const LINES: &str = "tape.jsonl";

/// The file with the packets, beside it.
pub const PACKETS: &str = "call.pcapng";

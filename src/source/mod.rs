//! Where packets come from: capture files and folders of them, and taps that listen while they run.
//!
//! [`plan`] looks at what a user named and says which captures belong together; [`Merge`] reads one such
//! group as a single stream in the order of time. Bytes are read through a buffer of fixed size, packets
//! are borrowed from it, and what is wrong with a file is told as [`Damage`] where it was met. Nothing here
//! looks into a packet or knows the engine.

mod capture;
mod filter;
mod folder;
mod folder_watch;
mod gzip;
mod head;
mod hep_listener;
mod live;
mod merge;
mod plan;
mod ring;
#[cfg(test)]
mod samples;
mod section;
mod stream;
mod window;
mod zstd;

use std::fmt;

pub use capture::{Capture, Refusal};
pub use live::{
    AgentCounts, Drops, Live, REFUSALS, Refused, State, TapCounts, TapState, Taps, Trouble, Wanted,
};
pub use merge::Merge;
pub use plan::{CaptureFile, InputError, Plan, Run, Scenario, plan};

use crate::wire::packet::{Packet, TapId};

/// Something packets are taken from, one at a time, each borrowed until the next is asked for.
pub trait PacketSource {
    /// The next packet, or what is wrong where it should be; `None` at the end.
    fn next(&mut self) -> Option<Result<Packet<'_>, Damage>>;
}

/// A place in a capture from which on it can't be read. What is before it has been handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The tap that stands for the capture.
    pub tap: TapId,
    /// The capture's name, as [`CaptureFile::name`].
    pub name: String,
    /// Where the first record begins that can't be read, in bytes from the start of the capture.
    pub offset: u64,
    /// True if `offset` counts decompressed bytes.
    pub compressed: bool,
    /// What is wrong there.
    pub what: String,
}

/// Something odd about a capture that was read to its end all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The capture's name, as [`CaptureFile::name`].
    pub name: String,
    /// What is odd.
    pub what: String,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", one_line(&self.name), self.what)
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = if self.compressed { " of the decompressed data" } else { "" };
        let name = one_line(&self.name);
        let read = if self.offset == 0 { "nothing of it was read" } else { "what is before it was read" };
        write!(f, "{name}: damaged at byte {}{of}: {}; {read}", self.offset, self.what)
    }
}

/// A name as it may stand in a one-line message: what could steer a terminal is replaced.
fn one_line(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

//! Where the daemon hears calls: interfaces, HEP agents, folders of captures.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::Net;

/// One `[[tap]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tap {
    /// What evidence and messages call it; different for each tap.
    pub id: String,
    /// What it listens to.
    pub kind: TapKind,
}

/// What a tap listens to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TapKind {
    /// A network interface of this machine.
    Interface(InterfaceTap),
    /// HEP3 from capture agents.
    Hep(HepTap),
    /// Captures that another program writes.
    Files {
        /// The folder they appear in.
        folder: PathBuf,
    },
}

/// `type = "interface"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceTap {
    /// The interface's name.
    pub interface: String,
    /// Whether it is asked for frames that aren't for this machine, as on a mirror port.
    pub promiscuous: bool,
    /// The ring's size in MiB.
    pub ring_mb: u32,
    /// How long a packet may wait in the ring for others, in milliseconds.
    pub block_ms: u32,
}

/// `type = "hep"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HepTap {
    /// Where agents send to, by UDP and by TCP.
    pub listen: SocketAddr,
    /// Whether TCP is listened to beside UDP.
    pub tcp: bool,
    /// Who may send.
    pub allow: Vec<Net>,
    /// The keys agents must give; none: no key is asked for.
    pub key_file: Option<PathBuf>,
}

impl TapKind {
    /// What a tap listens to, in the configuration's word, and where.
    pub fn hears(&self) -> (&'static str, String) {
        match self {
            TapKind::Interface(tap) => ("interface", tap.interface.clone()),
            TapKind::Hep(tap) => ("hep", tap.listen.to_string()),
            TapKind::Files { folder } => ("files", folder.display().to_string()),
        }
    }
}

impl InterfaceTap {
    /// A tap on `interface` as it is without further keys.
    pub fn new(interface: &str) -> InterfaceTap {
        InterfaceTap {
            interface: interface.to_owned(),
            promiscuous: true,
            ring_mb: RING_MB,
            block_ms: BLOCK_MS,
        }
    }
}

/// Enough for an office's signalling and what is listened to of its calls.
const RING_MB: u32 = 8;

/// The time by which a verdict is late at most, for a hundred wake-ups a second at most.
const BLOCK_MS: u32 = 10;

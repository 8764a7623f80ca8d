//! Why a tap hears nothing, in one line that says what to do.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a tap hears nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// There is no interface of this name.
    NoInterface(String),
    /// The interface is switched off.
    Off(String),
    /// The interface has no link.
    NoLink(String),
    /// The kernel doesn't let this process capture.
    NotPermitted(String),
    /// The interface carries frames of a type (ARPHRD) that isn't read.
    Unread {
        /// The interface.
        interface: String,
        /// Its type.
        kind: u16,
    },
    /// The kernel has no memory for a ring of so many MiB.
    LargeRing(u32),
    /// Another program listens there.
    Taken(SocketAddr),
    /// This machine has no such address.
    NotHere(SocketAddr),
    /// Ports below 1024 need a privilege.
    Privileged(SocketAddr),
    /// The file with keys can't be used.
    Keys {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The folder can't be read.
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Something else went wrong at `what`.
    System {
        /// What was tried.
        what: &'static str,
        /// What the system says.
        why: String,
    },
    /// A fault of this program.
    Fault,
}

impl Trouble {
    /// What the system says against `what`.
    pub(in crate::source) fn system(what: &'static str, error: &io::Error) -> Trouble {
        Trouble::System { what, why: error.to_string() }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::NoInterface(name) => write!(f, "there is no interface {name}; \"ip link\" lists them"),
            Trouble::Off(name) => write!(f, "{name} is off; \"ip link set {name} up\" switches it on"),
            Trouble::NoLink(name) => write!(f, "{name} has no link; check the cable and the mirror port"),
            Trouble::NotPermitted(name) => {
                write!(
                    f,
                    "not permitted to capture on {name}; run it as root, or as the service, which has CAP_NET_RAW"
                )
            }
            Trouble::Unread { interface, kind } => {
                write!(f, "{interface} carries no Ethernet or IP (type {kind}); name another interface")
            }
            Trouble::LargeRing(mb) => write!(f, "no memory for a ring of {mb} MiB; make ring_mb smaller"),
            Trouble::Taken(at) => write!(f, "another program listens at {at}; stop it, or change listen"),
            Trouble::NotHere(at) => {
                write!(f, "{at} is no address of this machine; \"ip address\" lists them")
            }
            Trouble::Privileged(at) => write!(f, "not permitted to listen at {at}; use a port from 1024 on"),
            Trouble::Keys { path, why } => {
                write!(f, "key_file {}: {why}; nothing is taken without it", path.display())
            }
            Trouble::Folder { path, why } => {
                write!(f, "folder {}: {why}; make it, or change folder", path.display())
            }
            Trouble::System { what, why } => write!(f, "can't {what}: {why}; tried again every second"),
            Trouble::Fault => f.write_str("a fault in ringback; started again, please report it"),
        }
    }
}

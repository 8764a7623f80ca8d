//! The engine of a selftest: a daemon like any other, in a temporary folder, on a thread.

use std::fs::{self, DirBuilder};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use super::super::doctor::daemon::Seen;
use super::call::{CALLED, CALLER, Call};
use super::until;
use crate::clock::SystemClock;
use crate::config;
use crate::daemon::command::Command;
use crate::daemon::{self, Run, Stopped, control};
use crate::store::Place;
use crate::time::Span;

/// How the call reaches the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tapped {
    /// By a tap on `lo`.
    Loopback,
    /// As HEP, since this user may not capture.
    Hep,
}

impl Tapped {
    pub fn says(self) -> &'static str {
        match self {
            Tapped::Loopback => "an engine of its own listens on lo",
            Tapped::Hep => {
                "an engine of its own listens for HEP, since this user may not capture; sudo ringback selftest taps lo"
            }
        }
    }
}

/// A daemon of its own, which ends with this.
pub(super) struct Office {
    folder: Folder,
    socket: PathBuf,
    hep: Option<SocketAddr>,
    stop: Arc<AtomicBool>,
    daemon: Option<JoinHandle<Result<(), Stopped>>>,
}

impl Office {
    /// Starts it, for a call whose ports it doesn't take. It ends early once `stop` is set.
    pub fn open(tapped: Tapped, call: &Call, seed: u64, stop: Arc<AtomicBool>) -> Result<Office, String> {
        let folder = Folder::make(seed)?;
        let hep = match tapped {
            Tapped::Loopback => None,
            Tapped::Hep => Some(free().map_err(|error| format!("127.0.0.1: {error}; is lo up?"))?),
        };
        let path = folder.0.join("ringback.toml");
        fs::write(&path, rules(hep, call)?).map_err(|error| format!("{}: {error}", path.display()))?;
        let loaded = config::load(&path).map_err(|refused| refused.to_string())?;
        let settings = loaded.settings;
        let place = Place::new(folder.0.join("ringback.db"));
        let socket = control::socket(&settings, &place);
        let run = Run {
            settings,
            files: loaded.files,
            config: path,
            place,
            clock: Arc::new(SystemClock),
            seed,
            stop: stop.clone(),
            reload: Arc::default(),
        };
        let daemon = thread::Builder::new().name("selftest".to_owned()).spawn(|| daemon::run(run));
        let daemon = Some(daemon.map_err(|error| error.to_string())?);
        Ok(Office { folder, socket, hep, stop, daemon })
    }

    /// Where it listens for HEP, if it does.
    pub fn hep(&self) -> Option<SocketAddr> {
        self.hep
    }

    /// Waits until a figure is at least so much.
    pub fn reaches(&self, patience: Span, name: &str, least: u64) -> Result<(), String> {
        let mut last = None;
        let is_there = until(patience, || {
            last = self.figure(name);
            self.stop.load(Ordering::Relaxed) || last.is_some_and(|count| count >= least)
        });
        if self.stop.load(Ordering::Relaxed) {
            return Err("it was told to stop".to_owned());
        }
        match (is_there, last) {
            (true, _) => Ok(()),
            (false, Some(count)) => Err(format!(
                "after {} s {name} is {count}, not {least}; RINGBACK_LOG=info ringback selftest says more",
                patience.as_secs()
            )),
            (false, None) if self.daemon.as_ref().is_some_and(JoinHandle::is_finished) => {
                Err("the engine ended; RINGBACK_LOG=info ringback selftest says why".to_owned())
            }
            (false, None) => Err(format!("the engine doesn't answer at {}", self.socket.display())),
        }
    }

    fn figure(&self, name: &str) -> Option<u64> {
        let answer = control::ask(&self.socket, &Command::Figures {}).ok()??;
        let seen = Seen::read(&answer.told);
        answer.done.then(|| seen.one(name).max(seen.sum(name)))
    }

    /// Whether the outbox holds the text, once.
    pub fn outbox(&self) -> Result<String, String> {
        let path = self.folder.0.join("outbox/outbox.jsonl");
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let lines: Vec<serde_json::Value> =
            text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        match lines.as_slice() {
            [text] if text["to"] == CALLER => {
                Ok(format!("{CALLER}: {}", text["body"].as_str().unwrap_or_default()))
            }
            [other] => Err(format!("the text in the outbox is to {}, not to {CALLER}", other["to"])),
            all => Err(format!("{} texts are in the outbox, not one", all.len())),
        }
    }

    /// Stops it, and deletes its folder.
    pub fn close(mut self) -> Result<String, String> {
        self.stop.store(true, Ordering::Relaxed);
        if !until(STOPS, || self.daemon.as_ref().is_none_or(JoinHandle::is_finished)) {
            return Err(format!("it doesn't stop within {} s", STOPS.as_secs()));
        }
        match self.daemon.take().map(JoinHandle::join) {
            Some(Ok(Ok(()))) => {
                self.folder.delete().map(|()| "it stopped when told to; nothing of it is left".to_owned())
            }
            Some(Ok(Err(stopped))) => Err(stopped.to_string()),
            _ => Err("it broke down; please report it".to_owned()),
        }
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        until(STOPS, || self.daemon.as_ref().is_none_or(JoinHandle::is_finished));
    }
}

/// A folder for this user alone, which goes with this.
struct Folder(PathBuf);

impl Folder {
    fn make(number: u64) -> Result<Folder, String> {
        let path = std::env::temp_dir().join(format!("ringback-selftest-{number:016x}"));
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| {
            format!("{}: {error}; set TMPDIR to a folder that can be written", path.display())
        })?;
        Ok(Folder(path))
    }

    fn delete(&self) -> Result<(), String> {
        let path = self.0.display();
        fs::remove_dir_all(&self.0).map_err(|error| format!("{path}: {error}; delete it yourself"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What can't be deleted, or is, is temporary all the same.
        let _ = self.delete();
    }
}

/// An address where nobody listens.
fn free() -> std::io::Result<SocketAddr> {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// The configuration: one line, open at all hours, and a text a second after a missed call.
fn rules(hep: Option<SocketAddr>, call: &Call) -> Result<String, String> {
    let (trunk, pbx) = call.ends()?;
    let tap = match hep {
        None => "type = \"interface\"\ninterface = \"lo\"\n".to_owned(),
        Some(at) => format!("type = \"hep\"\nlisten = \"{at}\"\ntcp = false\n"),
    };
    Ok(format!(
        r#"schema = 1
[site]
name = "ringback selftest"
tz = "UTC"
country = "US"
[pbx.roles]
trunk_peers = ["{trunk}"]
pbx_hosts = ["{pbx}"]
[store]
path = "ringback.db"
[gateway.main]
type = "file"
path = "outbox"
from = "+13125550100"
[[line]]
id = "main"
did = "{CALLED}"
sms_from = "main"
[consent]
inbound_call = "response"
sign_off = {{ who = "ringback selftest", on = "2026-11-20" }}
[template.ack]
class = "response"
text = "{{business}}: sorry we missed your call."
[sequence.lead]
[[sequence.lead.step]]
id = "ack"
after = "1s"
do = "sms"
template = "ack"
[[tap]]
{tap}"#,
        trunk = trunk.ip(),
        pbx = pbx.ip()
    ))
}

const STOPS: Span = Span::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_told_to_stop_leaves_nothing() {
        let (seed, stop) = (u64::from(std::process::id()), Arc::<AtomicBool>::default());
        let call = Call::new(seed).expect("two sockets");
        let office = Office::open(Tapped::Hep, &call, seed, stop.clone()).expect("it starts");
        let folder = office.folder.0.clone();
        assert!(folder.exists());
        stop.store(true, Ordering::Relaxed);
        let told = office.reaches(Span::from_secs(600), "tap_up", 2);
        assert_eq!(told, Err("it was told to stop".to_owned()));
        drop(office);
        assert!(!folder.exists());
    }

    #[test]
    fn a_folder_that_cannot_be_deleted_is_told() {
        let folder = Folder::make(u64::MAX - u64::from(std::process::id())).expect("a folder");
        assert_eq!(folder.delete(), Ok(()));
        assert!(folder.delete().expect_err("it is gone").ends_with("delete it yourself"));
    }
}

//! What systemd is told, by its datagram protocol (sd_notify(3)): ready, still alive, stopping.
//!
//! Without `$NOTIFY_SOCKET` nothing is told. Alive means that the loop turns: it is told from within.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;

use crate::clock::Clock;
use crate::time::Span;

/// Who watches over the process, if anybody does.
pub struct Supervisor {
    clock: Arc<dyn Clock>,
    to: Option<(UnixDatagram, SocketAddr)>,
    began: Span,
    ready: bool,
    fed: Span,
}

impl Supervisor {
    /// The one that `$NOTIFY_SOCKET` names.
    pub fn from_environment(clock: Arc<dyn Clock>) -> Supervisor {
        let name = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty());
        let address = name.and_then(|name| match name.as_encoded_bytes() {
            [b'@', abstract_name @ ..] => SocketAddr::from_abstract_name(abstract_name).ok(),
            _ => SocketAddr::from_pathname(&name).ok(),
        });
        // A supervisor that is busy must not hold the loop up.
        let socket = UnixDatagram::unbound().and_then(|it| it.set_nonblocking(true).map(|()| it));
        let to = socket.ok().zip(address);
        let now = clock.boottime();
        Supervisor { clock, to, began: now, ready: false, fed: now }
    }

    /// Is told in every turn of the loop; `settled` once every tap has said how it is.
    pub fn feed(&mut self, settled: bool) {
        let now = self.clock.boottime();
        let since = |then: Span| now.as_micros().saturating_sub(then.as_micros());
        if !self.ready && (settled || since(self.began) > PATIENCE.as_micros()) {
            self.ready = true;
            tracing::info!("ready");
            self.tell("READY=1");
        }
        if since(self.fed) > EVERY.as_micros() {
            self.fed = now;
            self.tell("WATCHDOG=1");
        }
    }

    /// It is about to end.
    pub fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    fn tell(&self, word: &str) {
        if let Some((socket, to)) = &self.to {
            // One that went away, or doesn't listen, is no reason to stop.
            let _ = socket.send_to_addr(word.as_bytes(), to);
        }
    }
}

/// A tap that says nothing for so long doesn't keep the service from being ready.
const PATIENCE: Span = Span::from_secs(3);
/// How often it is told that the loop turns.
const EVERY: Span = Span::from_secs(1);

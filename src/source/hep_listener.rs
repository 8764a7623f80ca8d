//! HEP3 agents as a tap: what they send by UDP and TCP, judged (`door`), dated (`skew`), handed on as datagrams.
//!
//! One thread waits for the UDP socket, the TCP listener and its connections at once. Whatever is refused is
//! counted by reason and told once in ten seconds a reason; nobody gets an answer.

mod agents;
mod door;
mod framing;
mod keys;
mod notices;

use std::io::{self, ErrorKind, Read};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;

use rustix::event::PollFlags;
use rustix::net::sockopt;

use super::live::{Feed, Refused, Trouble};
use super::ring::datagrams_lost;
use crate::settings::HepTap;
use crate::time::{Span, Timestamp};

use door::Door;
use framing::Framing;
use notices::Notices;

/// Listens for agents until the feed stops.
///
/// # Errors
/// If it can't listen there, or the keys can't be read.
pub(super) fn listen(tap: &HepTap, feed: &mut Feed) -> Result<(), Trouble> {
    let mut listener = Listener::open(tap, feed)?;
    feed.told(None);
    let mut checked = feed.clock.boottime();
    while !feed.is_stopping() {
        listener.wait(feed)?;
        listener.read(feed);
        feed.flush();
        let now = feed.clock.boottime();
        if now >= checked + EACH {
            checked = now;
            listener.look(feed);
        }
    }
    Ok(())
}

struct Listener {
    udp: UdpSocket,
    tcp: Option<TcpListener>,
    connections: Vec<Connection>,
    door: Door,
    notices: Notices,
    /// Datagrams lost before the last look, and when that was.
    lost: u32,
    looked: Timestamp,
    buffer: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    from: SocketAddr,
    framing: Framing,
    /// When it was accepted, until a message of it was.
    silent_since: Option<Span>,
    /// It has something to read, or is at its end.
    ready: bool,
    ended: bool,
}

impl Listener {
    fn open(tap: &HepTap, feed: &Feed) -> Result<Listener, Trouble> {
        let trouble = |error: io::Error| refused(tap.listen, &error);
        let door = Door::open(tap)?;
        let udp = UdpSocket::bind(tap.listen).map_err(trouble)?;
        udp.set_nonblocking(true).map_err(trouble)?;
        // Only a privileged process may ask for more than the system's limit; less is less, not none.
        if sockopt::set_socket_recv_buffer_size_force(&udp, UDP_BUFFER).is_err() {
            let _ = sockopt::set_socket_recv_buffer_size(&udp, UDP_BUFFER);
        }
        let tcp = tap.tcp.then(|| TcpListener::bind(tap.listen)).transpose().map_err(trouble)?;
        if let Some(tcp) = &tcp {
            tcp.set_nonblocking(true).map_err(trouble)?;
        }
        let (connections, notices) = (Vec::new(), Notices::default());
        let (lost, looked, buffer) = (0, feed.clock.now(), vec![0; BUFFER]);
        Ok(Listener { udp, tcp, connections, door, notices, lost, looked, buffer })
    }

    fn wait(&mut self, feed: &mut Feed) -> Result<(), Trouble> {
        let listener = self.tcp.as_ref().map(AsFd::as_fd);
        let connections = self.connections.iter().map(|connection| connection.stream.as_fd());
        let fds = std::iter::once(self.udp.as_fd()).chain(listener).chain(connections);
        let fds: Vec<_> = fds.map(|fd| (fd, PollFlags::IN)).collect();
        let ready = feed.wait(&fds, EACH)?;
        let first = 1 + usize::from(self.tcp.is_some());
        for (connection, ready) in self.connections.iter_mut().zip(ready.iter().skip(first)) {
            connection.ready = !ready.is_empty();
        }
        Ok(())
    }

    fn read(&mut self, feed: &mut Feed) {
        self.datagrams(feed);
        self.accept(feed);
        for connection in self.connections.iter_mut().filter(|connection| connection.ready) {
            connection.read(&mut self.buffer, &mut self.door, &mut self.notices, feed);
        }
        let now = feed.clock.boottime();
        let stays = |c: &Connection| !c.ended && c.silent_since.is_none_or(|since| now < since + SILENT);
        self.connections.retain(stays);
    }

    /// Takes so many datagrams at once that connections aren't kept waiting.
    fn datagrams(&mut self, feed: &mut Feed) {
        for _ in 0..DATAGRAMS {
            match self.udp.recv_from(&mut self.buffer) {
                Ok((len, from)) => {
                    let bytes = self.buffer.get(..len).unwrap_or_default();
                    if let Err(why) = self.door.take(from.ip(), bytes, feed) {
                        self.notices.refuse(feed, why, from);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // An answer that nobody listens to, told of a datagram that was never sent: the next is read.
                Err(_) => {}
            }
        }
    }

    fn accept(&mut self, feed: &mut Feed) {
        let Some(listener) = &self.tcp else { return };
        for _ in 0..CONNECTIONS {
            let (stream, from) = match listener.accept() {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // No descriptors left, most likely: it would be told again at once.
                Err(_) => return drop(feed.wait(&[], BREATH)),
            };
            if !self.door.lets_in(from.ip()) {
                self.notices.refuse(feed, Refused::Address, from);
            } else if self.connections.len() >= CONNECTIONS {
                self.notices.refuse(feed, Refused::Connections, from);
            } else if stream.set_nonblocking(true).is_ok() {
                let silent_since = Some(feed.clock.boottime());
                let framing = Framing::default();
                self.connections.push(Connection {
                    stream,
                    from,
                    framing,
                    silent_since,
                    ready: true,
                    ended: false,
                });
            }
        }
    }

    /// Tells what was lost, and how the agents are.
    fn look(&mut self, feed: &mut Feed) {
        let now = feed.clock.now();
        if let Ok(lost) = datagrams_lost(&self.udp) {
            feed.drops(u64::from(lost.wrapping_sub(self.lost)), self.looked, now);
            self.lost = lost;
        }
        self.looked = now;
        self.door.agents().look(feed, &mut self.notices);
    }
}

impl Connection {
    fn read(&mut self, buffer: &mut [u8], door: &mut Door, notices: &mut Notices, feed: &mut Feed) {
        let read = match self.stream.read(buffer) {
            Ok(0) => return self.ended = true,
            Ok(read) => read,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return,
            Err(_) => return self.ended = true,
        };
        let from = self.from;
        let Connection { framing, silent_since, .. } = self;
        let sound = framing.read(buffer.get(..read).unwrap_or_default(), &mut |message| match door.take(
            from.ip(),
            message,
            feed,
        ) {
            Ok(()) => *silent_since = None,
            Err(why) => notices.refuse(feed, why, from),
        });
        if let Err(framing::Rubbish { given_up }) = sound {
            notices.refuse(feed, Refused::Malformed, from);
            self.ended = given_up;
        }
    }
}

fn refused(listen: SocketAddr, error: &io::Error) -> Trouble {
    match error.kind() {
        ErrorKind::AddrInUse => Trouble::Taken(listen),
        ErrorKind::AddrNotAvailable => Trouble::NotHere(listen),
        ErrorKind::PermissionDenied => Trouble::Privileged(listen),
        _ => Trouble::system("listen for HEP", error),
    }
}

/// How often losses and agents are looked at, and the longest wait.
const EACH: Span = Span::from_secs(1);

/// A connection must bring a message in this time.
const SILENT: Span = Span::from_secs(10);

/// How long a listener that can't accept is left alone.
const BREATH: Span = Span::from_millis(100);

/// As many connections at once.
const CONNECTIONS: usize = 64;

/// As many datagrams before the connections have their turn.
const DATAGRAMS: usize = 512;

/// The longest datagram there is.
const BUFFER: usize = 65_536;

/// What the kernel keeps for us while we are busy.
const UDP_BUFFER: usize = 4 * 1024 * 1024;

#[cfg(test)]
mod tests;

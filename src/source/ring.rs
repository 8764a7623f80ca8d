//! A network interface as a tap: packets come through a ring that the kernel fills (AF_PACKET, TPACKET_V3).
//!
//! The kernel lets through only what may be wanted (`filter`), puts it into blocks of 128 KiB, and hands a
//! block over when it is full or `block_ms` old. Bytes are copied once, out of the ring. The VLAN tag that the
//! kernel takes out of a frame is put back. What it dropped for want of room is asked each second.

mod block;
mod kernel;

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::PollFlags;

use super::filter::{self, Framing};
use super::live::{Feed, Frame, Tally, Trouble, Wanted};
use crate::settings::InterfaceTap;
use crate::time::{Span, Timestamp};
use crate::wire::packet::LinkType;

use block::{Captured, Packets};
use kernel::{Interface, PacketSocket, Shared};

pub(super) use kernel::datagrams_lost;

/// Listens to an interface until the feed stops.
///
/// # Errors
/// If it can't be listened to, or is gone.
pub(super) fn listen(tap: &InterfaceTap, feed: &mut Feed) -> Result<(), Trouble> {
    let wanted = feed.newly_wanted().unwrap_or_else(|| feed.wanted());
    let mut ring = Ring::open(tap, &wanted, feed.clock.now())?;
    ring.look(tap, feed)?;
    let mut checked = feed.clock.boottime();
    loop {
        let ready = feed.wait(&[(ring.socket.as_fd(), PollFlags::IN)], Span::from_secs(1))?;
        if ready.iter().any(|ready| ready.intersects(PollFlags::ERR)) {
            // Reading the error takes it off; the next look tells whether the interface is still there.
            let _ = rustix::net::sockopt::socket_error(&ring.socket);
            checked = Span::from_micros(i64::MIN);
        }
        ring.read(feed);
        if feed.is_stopping() {
            ring.read_open_block(tap, feed);
            return Ok(());
        }
        if let Some(wanted) = feed.newly_wanted() {
            ring.filter(&wanted)?;
        }
        let now = feed.clock.boottime();
        if now >= checked + EACH {
            checked = now;
            ring.look(tap, feed)?;
        }
    }
}

struct Ring {
    socket: PacketSocket,
    shared: Shared,
    interface: Interface,
    framing: Framing,
    /// The block that is filled next.
    next: usize,
    /// When it was last asked what was lost.
    asked: Timestamp,
}

impl Ring {
    fn open(tap: &InterfaceTap, wanted: &Wanted, now: Timestamp) -> Result<Ring, Trouble> {
        let name = &tap.interface;
        let trouble = |error: io::Error| refused(tap, &error);
        let mut socket = PacketSocket::open(false).map_err(trouble)?;
        let interface = socket.interface(name).map_err(trouble)?;
        let framing = match interface.kind {
            ETHERNET | LOOPBACK => Framing::Ethernet,
            kind @ (MONITOR_FIRST..=MONITOR_LAST) => {
                return Err(Trouble::Unread { interface: name.clone(), kind });
            }
            _ => Framing::Ip,
        };
        if framing == Framing::Ip {
            socket = PacketSocket::open(true).map_err(trouble)?;
        }
        socket.filter(&filter::program(framing, wanted)).map_err(trouble)?;
        let blocks = tap.ring_mb.saturating_mul(BLOCKS_PER_MB).max(MIN_BLOCKS);
        let shared =
            socket.ring(blocks, BLOCK, tap.block_ms).map_err(|error| match error.raw_os_error() {
                Some(libc::ENOMEM | libc::EINVAL) => Trouble::LargeRing(tap.ring_mb),
                _ => trouble(error),
            })?;
        if interface.kind == LOOPBACK {
            // Kernels before 4.20 don't know it; such packets are left out below, too.
            let _ = socket.ignore_outgoing();
        }
        if tap.promiscuous && interface.kind != LOOPBACK {
            socket.promiscuous(interface.index).map_err(trouble)?;
        }
        socket.bind(interface.index).map_err(trouble)?;
        Ok(Ring { socket, shared, interface, framing, next: 0, asked: now })
    }

    fn filter(&self, wanted: &Wanted) -> Result<(), Trouble> {
        let program = filter::program(self.framing, wanted);
        self.socket.filter(&program).map_err(|error| Trouble::system("change the filter", &error))
    }

    /// Takes all packets that are there, one round of the ring at most.
    fn read(&mut self, feed: &mut Feed) {
        let link = match self.framing {
            Framing::Ethernet => ETHERNET_LINK,
            Framing::Ip => IP_LINK,
        };
        let own = self.interface.kind == LOOPBACK;
        for _ in 0..self.shared.blocks() {
            let Some(block) = self.shared.claim(self.next) else { break };
            let mut packets = Packets::of(block.bytes());
            for packet in packets.by_ref().filter(|packet| !(own && packet.outgoing)) {
                take(feed, link, &packet);
            }
            Tally::add(&feed.tally.ignored, u64::from(packets.broken));
            drop(block);
            self.next = (self.next + 1) % self.shared.blocks();
        }
        feed.flush();
    }

    /// Takes what is in the block that is being filled. The kernel hands it over when its timer finds it there for the
    /// second time, and its timers come up to a tick late.
    fn read_open_block(&mut self, tap: &InterfaceTap, feed: &mut Feed) {
        let turn = Duration::from_millis(u64::from(tap.block_ms).clamp(1, 150));
        for _ in 0..4 {
            std::thread::sleep(turn + TICK);
            self.read(feed);
        }
    }

    /// Tells what was lost, and how the interface is.
    fn look(&mut self, tap: &InterfaceTap, feed: &mut Feed) -> Result<(), Trouble> {
        let now = feed.clock.now();
        let lost = self.socket.lost().map_err(|error| Trouble::system("ask what was lost", &error))?;
        feed.drops(u64::from(lost.packets), self.asked, now);
        self.asked = now;
        let interface = self.socket.interface(&tap.interface).map_err(|error| refused(tap, &error))?;
        if (interface.index, interface.kind) != (self.interface.index, self.interface.kind) {
            return Err(Trouble::NoInterface(tap.interface.clone()));
        }
        feed.told(match interface {
            Interface { on: false, .. } => Some(Trouble::Off(tap.interface.clone())),
            Interface { running: false, .. } => Some(Trouble::NoLink(tap.interface.clone())),
            _ => None,
        });
        Ok(())
    }
}

/// Hands on a packet, with its tag where it was on the wire: after the addresses.
#[inline]
fn take(feed: &mut Feed, link: LinkType, packet: &Captured<'_>) {
    let &Captured { at, bytes, wire_len, tag, .. } = packet;
    match (&tag, bytes.split_at_checked(ADDRESSES)) {
        (Some(tag), Some((addresses, rest))) if link == ETHERNET_LINK => {
            let parts = [addresses, tag.as_flattened(), rest];
            feed.frame(&Frame { at, link, parts, wire_len: wire_len.saturating_add(4) });
        }
        _ => feed.frame(&Frame { at, link, parts: [bytes, &[], &[]], wire_len }),
    }
}

fn refused(tap: &InterfaceTap, error: &io::Error) -> Trouble {
    match error.raw_os_error() {
        Some(libc::ENODEV | libc::ENXIO) => Trouble::NoInterface(tap.interface.clone()),
        Some(libc::EPERM | libc::EACCES) => Trouble::NotPermitted(tap.interface.clone()),
        _ => Trouble::system("capture", error),
    }
}

/// How often the interface is looked at.
const EACH: Span = Span::from_secs(1);

/// The longest tick of a kernel's timers.
const TICK: Duration = Duration::from_millis(10);

/// The two Ethernet addresses before a tag.
const ADDRESSES: usize = 12;

/// A packet is cut at what fits in one block; it holds the largest that offloading puts together. Where packets are few a
/// block is handed over for each, so a ring of many holds more of what comes while nobody reads it.
const BLOCK: u32 = 128 * 1024;
const BLOCKS_PER_MB: u32 = 8;
const MIN_BLOCKS: u32 = 2;

const ETHERNET_LINK: LinkType = LinkType(1);
const IP_LINK: LinkType = LinkType(101);

// ARPHRD numbers.
const ETHERNET: u16 = 1;
const LOOPBACK: u16 = 772;
const MONITOR_FIRST: u16 = 801;
const MONITOR_LAST: u16 = 803;

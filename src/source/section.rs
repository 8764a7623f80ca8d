//! Walks the blocks of a pcapng file from packet to packet.
//!
//! Keeps what the current section has described: its byte order and its interfaces. A new section header
//! forgets both. Blocks that carry no packets are passed over, however long they are.

use super::capture::{Broken, cut, ended};
use super::head::Head;
use super::window::Window;
use crate::limits;
use crate::time::Timestamp;
use crate::wire::pcap::Order;
use crate::wire::pcapng::{self, BlockStart, Interface, PacketBlock};

/// The state of a pcapng file between two blocks.
pub(super) struct Section {
    order: Order,
    interfaces: Vec<Interface>,
    /// The time of the last packet, which stands in where a packet has none.
    last: Option<Timestamp>,
    /// Packets without a time before the first that has one.
    undated: u64,
}

impl Section {
    pub fn new() -> Section {
        Section { order: Order::Little, interfaces: Vec::new(), last: None, undated: 0 }
    }

    /// How many packets have no time, nor one before them that has: they are dated 1970-01-01.
    pub fn undated(&self) -> u64 {
        self.undated
    }

    /// The packet in an enhanced block that is whole in `bytes` and comes next, if it does.
    pub fn peek(&mut self, bytes: &[u8]) -> Option<Head> {
        let start = self.start(bytes).ok().filter(|start| start.kind == pcapng::ENHANCED)?;
        self.block(start, bytes.get(..start.len as usize)?).ok()?
    }

    pub fn next_packet(&mut self, window: &mut Window) -> Result<Option<Head>, Broken> {
        loop {
            if !window.has(BLOCK_START) {
                return ended(window, BLOCK_START);
            }
            if pcapng::is_magic(window.bytes()) && !window.has(pcapng::SECTION_START) {
                return ended(window, pcapng::SECTION_START);
            }
            let start = self.start(window.bytes()).map_err(|fault| Broken::at(window, &fault))?;
            if !start.is_read() {
                self.leave_out(start, window)?;
                continue;
            }
            let len = start.len as usize;
            if !window.has(len) {
                return ended(window, len);
            }
            let block = window.bytes().get(..len).unwrap_or_default();
            match self.block(start, block).map_err(|fault| Broken::at(window, &fault))? {
                Some(head) => return Ok(Some(head)),
                None => window.take(len),
            }
        }
    }

    #[inline]
    fn start(&mut self, bytes: &[u8]) -> Result<BlockStart, pcapng::Fault> {
        if bytes.starts_with(&pcapng::SECTION.to_be_bytes()) {
            self.order = pcapng::section_order(bytes)?;
        }
        let start = BlockStart::parse(self.order, bytes)?;
        if start.is_read() && start.len > limits::PCAPNG_BLOCK {
            return Err(pcapng::Fault::LongBlock(start.len));
        }
        Ok(start)
    }

    /// Takes in a whole block: a packet is returned, what describes packets is kept.
    #[inline]
    fn block(&mut self, start: BlockStart, block: &[u8]) -> Result<Option<Head>, pcapng::Fault> {
        let body = start.body(self.order, block)?;
        let packet = match start.kind {
            pcapng::ENHANCED => pcapng::enhanced(self.order, body)?,
            pcapng::SIMPLE => pcapng::simple(self.order, body, self.interface(0)?.snaplen)?,
            pcapng::OBSOLETE => pcapng::obsolete(self.order, body)?,
            pcapng::INTERFACE => return self.describe(body).map(|()| None),
            _ => {
                self.interfaces.clear();
                return pcapng::check_section(self.order, body).map(|()| None);
            }
        };
        self.head(packet, start).map(Some)
    }

    #[inline]
    fn head(&mut self, packet: PacketBlock<'_>, start: BlockStart) -> Result<Head, pcapng::Fault> {
        let interface = self.interface(packet.interface)?;
        let (link, at) = (interface.link, packet.ticks.map(|ticks| interface.time(ticks)));
        self.last = at.or(self.last);
        self.undated += u64::from(self.last.is_none());
        Ok(Head {
            at: self.last.unwrap_or_default(),
            link,
            start: if start.kind == pcapng::SIMPLE { SIMPLE_HEADER } else { PACKET_HEADER },
            captured: packet.bytes.len(),
            wire_len: packet.wire_len,
            record: start.len as usize,
        })
    }

    #[inline]
    fn interface(&self, id: u32) -> Result<&Interface, pcapng::Fault> {
        self.interfaces.get(id as usize).ok_or(pcapng::Fault::NoInterface(id))
    }

    fn describe(&mut self, body: &[u8]) -> Result<(), pcapng::Fault> {
        if self.interfaces.len() == limits::PCAPNG_INTERFACES {
            return Err(pcapng::Fault::ManyInterfaces);
        }
        self.interfaces.push(Interface::parse(self.order, body)?);
        Ok(())
    }

    /// Passes over a block nobody needs, of any length, without holding it; but what a small one has of it stays
    /// until it is whole, for who waits for the rest.
    fn leave_out(&self, start: BlockStart, window: &mut Window) -> Result<(), Broken> {
        let offset = window.offset();
        let broken = |what| Broken { offset, what };
        if start.len <= SMALL_BLOCK && !window.has(start.len as usize) {
            return Err(broken(cut(window, offset, start.len as usize)));
        }
        if !window.skip(u64::from(start.len) - 4) || !window.has(4) {
            return Err(broken(cut(window, offset, start.len as usize)));
        }
        let last = window.bytes().first_chunk().copied().unwrap_or_default();
        start.agrees(self.order, last).map_err(|fault| broken(fault.to_string()))?;
        window.take(4);
        Ok(())
    }
}

const BLOCK_START: usize = 8;
const SMALL_BLOCK: u32 = 32 * 1024;
/// Where the bytes of a packet begin in an enhanced or obsolete packet block.
const PACKET_HEADER: usize = 28;
/// Where they begin in a simple packet block.
const SIMPLE_HEADER: usize = 12;

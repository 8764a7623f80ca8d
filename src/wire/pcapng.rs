//! The pcapng format: section headers, interfaces and packet blocks, from byte slices.
//!
//! Reads enhanced, simple and obsolete packet blocks in either byte order; every other block type is the
//! caller's to skip. A section's interfaces are kept by the caller, which passes them to
//! [`Interface::time`]. Format: draft-ietf-opsawg-pcapng.

use std::fmt;

use super::packet::LinkType;
use super::pcap::Order;
use crate::limits;
use crate::time::{Span, Timestamp};

/// The type of a section header block, the same in both byte orders.
pub const SECTION: u32 = 0x0a0d_0d0a;
/// The type of an interface description block.
pub const INTERFACE: u32 = 1;
/// The type of the obsolete packet block.
pub const OBSOLETE: u32 = 2;
/// The type of a simple packet block.
pub const SIMPLE: u32 = 3;
/// The type of an enhanced packet block.
pub const ENHANCED: u32 = 6;

/// How many bytes tell the byte order and length of a section header block.
pub const SECTION_START: usize = 12;

/// The first eight bytes of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockStart {
    /// What kind of block it is.
    pub kind: u32,
    /// Its length in bytes with all its headers and padding; at least 12, a multiple of 4.
    pub len: u32,
}

/// A place packets were captured at, with its own link type and clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The link type of its packets.
    pub link: LinkType,
    /// The most bytes it kept of a packet; 0 for no limit.
    pub snaplen: u32,
    clock: Clock,
    offset: Span,
}

/// What a packet block says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketBlock<'a> {
    /// The index of its interface in the section.
    pub interface: u32,
    /// Its time in ticks of the interface's clock; simple packet blocks have none.
    pub ticks: Option<u64>,
    /// The bytes captured.
    pub bytes: &'a [u8],
    /// The length on the wire in bytes, never less than `bytes.len()`.
    pub wire_len: u32,
}

/// Why a block can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The bytes end inside the block.
    Cut,
    /// The section header's byte order mark is none.
    ByteOrder,
    /// A major version other than 1.
    Version(u16),
    /// The block's length is below 12 or not a multiple of 4.
    Length(u32),
    /// The length at the block's end differs from the one at its start.
    Lengths(u32, u32),
    /// The block is longer than [`limits::PCAPNG_BLOCK`].
    LongBlock(u32),
    /// The packet says it has more than [`limits::PACKET`] bytes.
    LongPacket(u32),
    /// The packet says it has more bytes than its block.
    Overrun(u32),
    /// The packet names an interface its section has not described.
    NoInterface(u32),
    /// The section has more than [`limits::PCAPNG_INTERFACES`] interfaces.
    ManyInterfaces,
    /// An option of an interface runs over its block.
    BadOption(u16),
}

impl BlockStart {
    /// Reads the start of a block from at least eight bytes; a section header's byte order is given by
    /// [`section_order`].
    #[inline]
    pub fn parse(order: Order, bytes: &[u8]) -> Result<BlockStart, Fault> {
        let [a, b, c, d, e, f, g, h] = *bytes.first_chunk().ok_or(Fault::Cut)?;
        let start = BlockStart { kind: order.u32([a, b, c, d]), len: order.u32([e, f, g, h]) };
        if start.len < 12 || !start.len.is_multiple_of(4) {
            return Err(Fault::Length(start.len));
        }
        Ok(start)
    }

    /// True for the types this module reads; others are to be skipped.
    pub const fn is_read(&self) -> bool {
        matches!(self.kind, SECTION | INTERFACE | OBSOLETE | SIMPLE | ENHANCED)
    }

    /// What a whole block holds between its lengths, if those agree.
    #[inline]
    pub fn body(self, order: Order, block: &[u8]) -> Result<&[u8], Fault> {
        let (rest, last) = block.split_last_chunk::<4>().ok_or(Fault::Cut)?;
        self.agrees(order, *last)?;
        rest.get(8..).ok_or(Fault::Cut)
    }

    /// Checks the length at the end of the block.
    pub fn agrees(self, order: Order, last: [u8; 4]) -> Result<(), Fault> {
        let last = order.u32(last);
        if last == self.len { Ok(()) } else { Err(Fault::Lengths(self.len, last)) }
    }
}

/// The byte order of the section that starts with these [`SECTION_START`] bytes.
pub fn section_order(bytes: &[u8]) -> Result<Order, Fault> {
    match bytes.get(8..SECTION_START).ok_or(Fault::Cut)? {
        [0x4d, 0x3c, 0x2b, 0x1a] => Ok(Order::Little),
        [0x1a, 0x2b, 0x3c, 0x4d] => Ok(Order::Big),
        _ => Err(Fault::ByteOrder),
    }
}

/// Checks the body of a section header block; what its options say is not needed.
pub fn check_section(order: Order, body: &[u8]) -> Result<(), Fault> {
    let [_, _, _, _, major @ .., _, _] = *body.first_chunk::<8>().ok_or(Fault::Cut)?;
    match order.u16(major) {
        1 => Ok(()),
        other => Err(Fault::Version(other)),
    }
}

/// True if a file that starts with these bytes is pcapng. Fewer than [`SECTION_START`] bytes are taken for
/// one that is cut.
pub fn is_magic(first: &[u8]) -> bool {
    first.starts_with(&SECTION.to_be_bytes()) && section_order(first) != Err(Fault::ByteOrder)
}

impl Interface {
    /// Reads the body of an interface description block.
    pub fn parse(order: Order, body: &[u8]) -> Result<Interface, Fault> {
        let (head, mut options) = body.split_first_chunk::<8>().ok_or(Fault::Cut)?;
        let [l, m, _, _, snaplen @ ..] = *head;
        let mut interface = Interface {
            link: LinkType(order.u16([l, m])),
            snaplen: order.u32(snaplen),
            clock: Clock::Times(1),
            offset: Span::ZERO,
        };
        while let Some((code, value)) = next_option(order, &mut options)? {
            match (code, value) {
                (IF_TSRESOL, [resolution]) => interface.clock = Clock::of(*resolution),
                (IF_TSOFFSET, value) => interface.offset = seconds(order, value),
                _ => {}
            }
        }
        Ok(interface)
    }

    /// The point in time of `ticks` of this interface's clock, cut to microseconds.
    #[inline]
    pub fn time(&self, ticks: u64) -> Timestamp {
        let micros = self.clock.micros(ticks);
        Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX)) + self.offset
    }
}

/// Reads the body of an enhanced packet block.
#[inline]
pub fn enhanced(order: Order, body: &[u8]) -> Result<PacketBlock<'_>, Fault> {
    let (head, data) = body.split_first_chunk::<20>().ok_or(Fault::Cut)?;
    let (words, _) = head.as_chunks::<4>();
    let [interface, high, low, captured, wire_len] = words else { return Err(Fault::Cut) };
    packet(
        PacketBlock {
            interface: order.u32(*interface),
            ticks: Some(u64::from(order.u32(*high)) << 32 | u64::from(order.u32(*low))),
            bytes: data,
            wire_len: order.u32(*wire_len),
        },
        order.u32(*captured),
    )
}

/// Reads the body of an obsolete packet block, which has room for 65,536 interfaces only.
pub fn obsolete(order: Order, body: &[u8]) -> Result<PacketBlock<'_>, Fault> {
    let read = enhanced(order, body)?;
    let [a, b, ..] = *body.first_chunk::<4>().ok_or(Fault::Cut)?;
    Ok(PacketBlock { interface: u32::from(order.u16([a, b])), ..read })
}

/// Reads the body of a simple packet block; its packets are of interface 0, whose `snaplen` tells how much
/// was kept.
pub fn simple(order: Order, body: &[u8], snaplen: u32) -> Result<PacketBlock<'_>, Fault> {
    let (head, data) = body.split_first_chunk::<4>().ok_or(Fault::Cut)?;
    let wire_len = order.u32(*head);
    let captured = if snaplen == 0 { wire_len } else { wire_len.min(snaplen) };
    packet(PacketBlock { interface: 0, ticks: None, bytes: data, wire_len }, captured)
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Cut => write!(f, "block is too short for its type"),
            Fault::ByteOrder => write!(f, "section header has no byte order mark"),
            Fault::Version(major) => write!(f, "pcapng version {major}, only 1 is known"),
            Fault::Length(says) => write!(f, "block says {says} bytes, not a multiple of 4 from 12 up"),
            Fault::Lengths(first, last) => write!(f, "block says {first} bytes, at its end {last}"),
            Fault::LongBlock(says) => {
                write!(f, "block says {says} bytes, more than {}", limits::PCAPNG_BLOCK)
            }
            Fault::LongPacket(says) => write!(f, "packet says {says} bytes, more than {}", limits::PACKET),
            Fault::Overrun(says) => write!(f, "packet says {says} bytes, more than its block has"),
            Fault::NoInterface(id) => write!(f, "packet of interface {id}, which is not described"),
            Fault::ManyInterfaces => {
                write!(f, "more than {} interfaces in a section", limits::PCAPNG_INTERFACES)
            }
            Fault::BadOption(code) => write!(f, "interface option {code} is longer than its block"),
        }
    }
}

/// How ticks become microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clock {
    Times(u64),
    /// 0 for a clock so fine that no 64-bit count of its ticks is a microsecond.
    Over(u64),
    PowerOfTwo(u8),
}

impl Clock {
    /// From if_tsresol: the top bit chooses base 2, the rest is the negative exponent.
    fn of(resolution: u8) -> Clock {
        let exponent = resolution & 0x7f;
        if resolution & 0x80 != 0 {
            return Clock::PowerOfTwo(exponent);
        }
        let power = |digits: u8| 10_u64.checked_pow(u32::from(digits)).unwrap_or(0);
        match exponent.checked_sub(6) {
            Some(digits @ 1..) => Clock::Over(power(digits)),
            _ => Clock::Times(power(6_u8.saturating_sub(exponent))),
        }
    }

    fn micros(self, ticks: u64) -> u64 {
        match self {
            Clock::Times(factor) => ticks.saturating_mul(factor),
            Clock::Over(divisor) => ticks.checked_div(divisor).unwrap_or(0),
            Clock::PowerOfTwo(exponent) => {
                let scaled = (u128::from(ticks) * 1_000_000) >> exponent;
                u64::try_from(scaled).unwrap_or(u64::MAX)
            }
        }
    }
}

const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;

#[inline]
fn packet(mut read: PacketBlock<'_>, captured: u32) -> Result<PacketBlock<'_>, Fault> {
    if captured > limits::PACKET {
        return Err(Fault::LongPacket(captured));
    }
    read.bytes = read.bytes.get(..captured as usize).ok_or(Fault::Overrun(captured))?;
    read.wire_len = read.wire_len.max(captured);
    Ok(read)
}

/// Takes the next option off `options`; none at opt_endofopt or where no option has room.
fn next_option<'a>(order: Order, options: &mut &'a [u8]) -> Result<Option<(u16, &'a [u8])>, Fault> {
    let Some((&[a, b, c, d], rest)) = options.split_first_chunk::<4>() else { return Ok(None) };
    let (code, len) = (order.u16([a, b]), usize::from(order.u16([c, d])));
    if code == 0 {
        return Ok(None);
    }
    let value = rest.get(..len).ok_or(Fault::BadOption(code))?;
    *options = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
    Ok(Some((code, value)))
}

fn seconds(order: Order, value: &[u8]) -> Span {
    value.first_chunk::<8>().map_or(Span::ZERO, |bytes| Span::from_secs(order.i64(*bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(options: &[u8]) -> Interface {
        let mut body = vec![1, 0, 0, 0, 0, 0, 4, 0];
        body.extend(options);
        Interface::parse(Order::Little, &body).expect("an interface")
    }

    #[test]
    fn a_clock_without_options_ticks_in_microseconds() {
        assert_eq!(interface(&[]).time(1_500_000), Timestamp::from_micros(1_500_000));
        assert_eq!(interface(&[]).snaplen, 262_144);
    }

    #[test]
    fn clocks_of_base_ten_are_scaled_both_ways() {
        let clock = |n: u8| interface(&[9, 0, 1, 0, n, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(clock(9).time(1_999), Timestamp::from_micros(1));
        assert_eq!(clock(3).time(7), Timestamp::from_micros(7_000));
        assert_eq!(clock(0).time(7), Timestamp::from_micros(7_000_000));
        assert_eq!(clock(6).time(7), Timestamp::from_micros(7));
        assert_eq!(clock(127).time(u64::MAX), Timestamp::from_micros(0));
        assert_eq!(clock(0).time(u64::MAX), Timestamp::from_micros(i64::MAX));
    }

    #[test]
    fn clocks_of_base_two_are_scaled_without_overflow() {
        let clock = |n: u8| interface(&[9, 0, 1, 0, 0x80 | n, 0, 0, 0]);
        assert_eq!(clock(20).time(3 << 19), Timestamp::from_micros(1_500_000));
        assert_eq!(clock(32).time(5 << 31), Timestamp::from_micros(2_500_000));
        assert_eq!(clock(0).time(u64::MAX), Timestamp::from_micros(i64::MAX));
        assert_eq!(clock(127).time(u64::MAX), Timestamp::from_micros(0));
    }

    #[test]
    fn an_offset_in_seconds_is_added_also_a_negative_one() {
        let mut options = vec![14, 0, 8, 0];
        options.extend((-3_i64).to_le_bytes());
        assert_eq!(interface(&options).time(1), Timestamp::from_micros(-2_999_999));
    }

    #[test]
    fn options_end_where_the_list_says_or_the_block_does() {
        assert_eq!(interface(&[0, 0, 0, 0, 9, 0, 1, 0, 3, 0, 0, 0]).time(7), Timestamp::from_micros(7));
        assert_eq!(interface(&[9, 0]).time(7), Timestamp::from_micros(7));
        let mut body = vec![1, 0, 0, 0, 0, 0, 0, 0];
        body.extend([9, 0, 200, 0, 3, 0, 0, 0]);
        assert_eq!(Interface::parse(Order::Little, &body), Err(Fault::BadOption(9)));
    }

    #[test]
    fn a_block_whose_lengths_differ_is_a_fault() {
        let block = [0, 0, 0, 9, 0, 0, 0, 16, 1, 2, 3, 4, 0, 0, 0, 16];
        let start = BlockStart::parse(Order::Big, &block).expect("a start");
        assert_eq!(start.body(Order::Big, &block), Ok(&[1, 2, 3, 4][..]));
        let start = BlockStart { len: 20, ..start };
        assert_eq!(start.body(Order::Big, &block), Err(Fault::Lengths(20, 16)));
    }

    #[test]
    fn lengths_that_no_block_has_are_a_fault() {
        for len in [0, 8, 13, u32::MAX] {
            let mut bytes = vec![6, 0, 0, 0];
            bytes.extend(len.to_le_bytes());
            assert_eq!(BlockStart::parse(Order::Little, &bytes), Err(Fault::Length(len)));
        }
    }

    #[test]
    fn a_packet_longer_than_its_block_or_the_limit_is_a_fault() {
        let body = |captured: u32| {
            let mut body = vec![0; 12];
            body.extend(captured.to_le_bytes());
            body.extend([0; 8]);
            body
        };
        assert_eq!(enhanced(Order::Little, &body(5)), Err(Fault::Overrun(5)));
        assert_eq!(enhanced(Order::Little, &body(262_145)), Err(Fault::LongPacket(262_145)));
        assert_eq!(enhanced(Order::Little, &body(4)).map(|p| p.wire_len), Ok(4));
    }
}

//! The pcap file format: the file header and the header before each packet, from byte slices.
//!
//! Reads both byte orders, micro- and nanosecond clocks, and the "modified" form whose record headers are
//! eight bytes longer (magic a1b2cd34, Kuznetzov's libpcap patch). Holds no bytes and does no I/O: that is
//! `source`'s part. Format: draft-ietf-opsawg-pcap.

use std::fmt;

use super::packet::LinkType;
use crate::limits;
use crate::time::Timestamp;

/// The length of a file header in bytes.
pub const FILE_HEADER: usize = 24;

/// The byte order of the machine that wrote a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

/// What the file header says about every record after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    order: Order,
    nanos: bool,
    record_header: usize,
    /// The link type of every packet.
    pub link: LinkType,
}

/// What a record header says about the packet after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// When the packet was captured.
    pub at: Timestamp,
    /// How many bytes of it follow; at most [`limits::PACKET`].
    pub captured: usize,
    /// Its length on the wire in bytes, never less than `captured`.
    pub wire_len: u32,
}

/// Why a header can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The bytes end inside the header.
    Cut,
    /// The first four bytes are none of pcap's.
    Magic,
    /// A major version other than 2.
    Version(u16),
    /// The record says it has more than [`limits::PACKET`] bytes.
    TooLong(u32),
}

impl Header {
    /// Reads a file header from the start of `bytes`.
    pub fn parse(bytes: &[u8]) -> Result<Header, Fault> {
        let head = bytes.first_chunk::<FILE_HEADER>().ok_or(Fault::Cut)?;
        let (words, _) = head.as_chunks::<4>();
        let [magic, version, _zone, _accuracy, _snaplen, link] = words else { return Err(Fault::Cut) };
        let (order, form) = Form::of(*magic).ok_or(Fault::Magic)?;
        let major = order.u16([version[0], version[1]]);
        if major != 2 {
            return Err(Fault::Version(major));
        }
        Ok(Header {
            order,
            nanos: form == Form::Nanos,
            record_header: if form == Form::Modified { 24 } else { 16 },
            link: LinkType(order.low_half(*link)),
        })
    }

    /// The length of a record header in bytes: 16, or 24 in the modified form.
    pub const fn record_header(&self) -> usize {
        self.record_header
    }

    /// Reads a record header from the start of `bytes`. A fraction of a second that is a second or more is
    /// carried over, as some writers need.
    #[inline]
    pub fn record(&self, bytes: &[u8]) -> Result<Record, Fault> {
        let head = bytes.first_chunk::<16>().ok_or(Fault::Cut)?;
        let [secs, fraction, captured, wire_len] = words(self.order, head);
        if captured > limits::PACKET {
            return Err(Fault::TooLong(captured));
        }
        let micros = if self.nanos { fraction / 1_000 } else { fraction };
        Ok(Record {
            at: Timestamp::from_micros(i64::from(secs) * 1_000_000 + i64::from(micros)),
            captured: captured as usize,
            wire_len: wire_len.max(captured),
        })
    }
}

/// True if a file that starts with these bytes is a pcap file of a form we know.
pub fn is_magic(first: [u8; 4]) -> bool {
    Form::of(first).is_some()
}

impl Order {
    /// A 16-bit field.
    pub const fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Order::Little => u16::from_le_bytes(bytes),
            Order::Big => u16::from_be_bytes(bytes),
        }
    }

    /// A 32-bit field.
    #[inline]
    pub const fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Order::Little => u32::from_le_bytes(bytes),
            Order::Big => u32::from_be_bytes(bytes),
        }
    }

    /// A signed 64-bit field.
    pub const fn i64(self, bytes: [u8; 8]) -> i64 {
        match self {
            Order::Little => i64::from_le_bytes(bytes),
            Order::Big => i64::from_be_bytes(bytes),
        }
    }

    /// The less significant half of a 32-bit field: a link type, without the frame check bits above it.
    const fn low_half(self, bytes: [u8; 4]) -> u16 {
        match self {
            Order::Little => u16::from_le_bytes([bytes[0], bytes[1]]),
            Order::Big => u16::from_be_bytes([bytes[2], bytes[3]]),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Cut => write!(f, "header is cut"),
            Fault::Magic => write!(f, "not a pcap header"),
            Fault::Version(major) => write!(f, "pcap version {major}, only 2 is known"),
            Fault::TooLong(says) => write!(f, "record says {says} bytes, more than {}", limits::PACKET),
        }
    }
}

/// What the magic tells beside the byte order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Micros,
    Nanos,
    Modified,
}

impl Form {
    fn of(magic: [u8; 4]) -> Option<(Order, Form)> {
        let form = |number| match number {
            0xa1b2_c3d4 => Some(Form::Micros),
            0xa1b2_3c4d => Some(Form::Nanos),
            0xa1b2_cd34 => Some(Form::Modified),
            _ => None,
        };
        let little = form(u32::from_le_bytes(magic)).map(|form| (Order::Little, form));
        little.or_else(|| form(u32::from_be_bytes(magic)).map(|form| (Order::Big, form)))
    }
}

#[inline]
fn words(order: Order, head: &[u8; 16]) -> [u32; 4] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *head;
    [order.u32([a, b, c, d]), order.u32([e, f, g, h]), order.u32([i, j, k, l]), order.u32([m, n, o, p])]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(magic: [u8; 4], rest: [u32; 5], big: bool) -> Vec<u8> {
        let mut bytes = magic.to_vec();
        for word in rest {
            bytes.extend(if big { word.to_be_bytes() } else { word.to_le_bytes() });
        }
        bytes
    }

    #[test]
    fn little_endian_micros() {
        let header = Header::parse(&header([0xd4, 0xc3, 0xb2, 0xa1], [0x0004_0002, 0, 0, 65_535, 1], false));
        let header = header.expect("a header");
        assert_eq!((header.link, header.record_header()), (LinkType(1), 16));
        let record = [10, 0, 0, 0, 5, 0, 0, 0, 3, 0, 0, 0, 7, 0, 0, 0];
        let read = header.record(&record).expect("a record");
        assert_eq!(read, Record { at: Timestamp::from_micros(10_000_005), captured: 3, wire_len: 7 });
    }

    #[test]
    fn big_endian_nanos_are_cut_to_micros() {
        let header = Header::parse(&header([0xa1, 0xb2, 0x3c, 0x4d], [0x0002_0004, 0, 0, 0, 113], true));
        let header = header.expect("a header");
        assert_eq!(header.link, LinkType(113));
        let record = [0, 0, 0, 1, 0, 0, 0x07, 0xcf, 0, 0, 0, 2, 0, 0, 0, 2];
        assert_eq!(header.record(&record).expect("a record").at, Timestamp::from_micros(1_000_001));
    }

    #[test]
    fn the_modified_form_has_longer_record_headers_in_both_orders() {
        let little = header([0x34, 0xcd, 0xb2, 0xa1], [0x0004_0002, 0, 0, 0, 1], false);
        let big = header([0xa1, 0xb2, 0xcd, 0x34], [0x0002_0004, 0, 0, 0, 1], true);
        assert_eq!(Header::parse(&little).expect("a header").record_header(), 24);
        assert_eq!(Header::parse(&big).expect("a header").record_header(), 24);
    }

    #[test]
    fn frame_check_bits_do_not_change_the_link_type() {
        let little = header([0xd4, 0xc3, 0xb2, 0xa1], [0x0004_0002, 0, 0, 0, 0x5400_0001], false);
        let big = header([0xa1, 0xb2, 0xc3, 0xd4], [0x0002_0004, 0, 0, 0, 0x5400_0001], true);
        assert_eq!(Header::parse(&little).expect("a header").link, LinkType(1));
        assert_eq!(Header::parse(&big).expect("a header").link, LinkType(1));
    }

    #[test]
    fn a_fraction_over_a_second_is_carried_over() {
        let header = Header::parse(&header([0xa1, 0xb2, 0xc3, 0xd4], [0x0002_0004, 0, 0, 0, 1], true));
        let record = [0, 0, 0, 1, 0, 0x1e, 0x84, 0x80, 0, 0, 0, 0, 0, 0, 0, 0];
        let at = header.expect("a header").record(&record).expect("a record").at;
        assert_eq!(at, Timestamp::from_micros(3_000_000));
    }

    #[test]
    fn nonsense_is_told_apart() {
        let good = header([0xa1, 0xb2, 0xc3, 0xd4], [0x0002_0004, 0, 0, 0, 1], true);
        assert_eq!(Header::parse(&good[..23]), Err(Fault::Cut));
        assert_eq!(Header::parse(&[b'x'; 24]), Err(Fault::Magic));
        let version = header([0xa1, 0xb2, 0xc3, 0xd4], [0x0007_0004, 0, 0, 0, 1], true);
        assert_eq!(Header::parse(&version), Err(Fault::Version(7)));
        let good = Header::parse(&good).expect("a header");
        let record = [0, 0, 0, 1, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0, 0];
        assert_eq!(good.record(&record), Err(Fault::TooLong(262_145)));
        assert_eq!(good.record(&record[..15]), Err(Fault::Cut));
    }

    #[test]
    fn a_wire_length_below_the_captured_one_is_not_believed() {
        let header = header([0xa1, 0xb2, 0xc3, 0xd4], [0x0002_0004, 0, 0, 0, 1], true);
        let record = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1];
        let read = Header::parse(&header).expect("a header").record(&record).expect("a record");
        assert_eq!((read.captured, read.wire_len), (9, 9));
    }
}

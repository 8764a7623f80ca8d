//! Captures made for tests, byte by byte, and what is read out of them.

use std::io::{self, Cursor, Read};

use super::{Capture, Damage, PacketSource};
use crate::wire::packet::{Body, Packet, TapId};
use crate::wire::pcap::Order;

pub const MICROS: u32 = 0xa1b2_c3d4;
pub const NANOS: u32 = 0xa1b2_3c4d;
pub const MODIFIED: u32 = 0xa1b2_cd34;

/// A packet as a test compares it: number, time in microseconds, link type, bytes, length on the wire.
pub type Seen = (u64, i64, u16, Vec<u8>, u32);

/// A pcap file of link type 1 with one record for each (seconds, fraction, bytes).
pub fn pcap(order: Order, magic: u32, records: &[(u32, u32, &[u8])]) -> Vec<u8> {
    let mut file = Vec::new();
    put(order, &mut file, &[magic]);
    half(order, &mut file, 2);
    half(order, &mut file, 4);
    put(order, &mut file, &[0, 0, 65_535, 1]);
    for (secs, fraction, bytes) in records {
        let len = bytes.len() as u32;
        put(order, &mut file, &[*secs, *fraction, len, len]);
        if magic == MODIFIED {
            put(order, &mut file, &[3, 0x0800_0000]);
        }
        file.extend_from_slice(bytes);
    }
    file
}

/// A common pcap file: little-endian, microseconds.
pub fn simple_pcap(records: &[(u32, u32, &[u8])]) -> Vec<u8> {
    pcap(Order::Little, MICROS, records)
}

/// A pcapng file under construction.
pub struct Ng {
    order: Order,
    pub bytes: Vec<u8>,
}

impl Ng {
    /// A file with a section header only.
    pub fn new(order: Order) -> Ng {
        Ng { order, bytes: Vec::new() }.section(order)
    }

    pub fn section(mut self, order: Order) -> Ng {
        self.order = order;
        let mut body = Vec::new();
        put(order, &mut body, &[0x1a2b_3c4d]);
        half(order, &mut body, 1);
        half(order, &mut body, 0);
        body.extend([0xff; 8]);
        self.block(0x0a0d_0d0a, &body)
    }

    /// An interface with options of (code, value).
    pub fn interface(self, link: u16, snaplen: u32, options: &[(u16, &[u8])]) -> Ng {
        let mut body = Vec::new();
        half(self.order, &mut body, link);
        half(self.order, &mut body, 0);
        put(self.order, &mut body, &[snaplen]);
        for (code, value) in options {
            half(self.order, &mut body, *code);
            half(self.order, &mut body, value.len() as u16);
            body.extend_from_slice(value);
            pad(&mut body);
        }
        self.block(1, &body)
    }

    pub fn enhanced(self, interface: u32, ticks: u64, bytes: &[u8]) -> Ng {
        let (high, low, len) = ((ticks >> 32) as u32, ticks as u32, bytes.len() as u32);
        let mut body = Vec::new();
        put(self.order, &mut body, &[interface, high, low, len, len]);
        body.extend_from_slice(bytes);
        self.block(6, &body)
    }

    pub fn obsolete(self, interface: u16, drops: u16, ticks: u32, bytes: &[u8]) -> Ng {
        let mut body = Vec::new();
        half(self.order, &mut body, interface);
        half(self.order, &mut body, drops);
        put(self.order, &mut body, &[0, ticks, bytes.len() as u32, bytes.len() as u32]);
        body.extend_from_slice(bytes);
        self.block(2, &body)
    }

    pub fn simple(self, wire_len: u32, bytes: &[u8]) -> Ng {
        let mut body = Vec::new();
        put(self.order, &mut body, &[wire_len]);
        body.extend_from_slice(bytes);
        self.block(3, &body)
    }

    pub fn block(mut self, kind: u32, body: &[u8]) -> Ng {
        let mut body = body.to_vec();
        pad(&mut body);
        let len = body.len() as u32 + 12;
        put(self.order, &mut self.bytes, &[kind, len]);
        self.bytes.extend(body);
        put(self.order, &mut self.bytes, &[len]);
        self
    }
}

/// A reader that gives one byte at a time, as the slowest pipe would.
pub struct Trickle(pub Cursor<Vec<u8>>);

impl Read for Trickle {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into.get_mut(..1).unwrap_or_default())
    }
}

/// Opens a file that lies in memory.
pub fn open(file: Vec<u8>) -> Capture {
    Capture::open(Box::new(Cursor::new(file)), TapId(0), "call.pcap").expect("a capture")
}

/// All packets of a file, and its damage.
pub fn read(file: &[u8]) -> (Vec<Seen>, Option<Damage>) {
    drain(&mut open(file.to_vec()))
}

/// A packet, to be compared.
pub fn as_seen(packet: &Packet<'_>) -> Seen {
    let Body::Frame { link, bytes, wire_len } = packet.body else { panic!("not a frame") };
    (packet.frame.n, packet.at.as_micros(), link.0, bytes.to_vec(), wire_len)
}

/// All packets up to the first damage, if there is any.
pub fn drain(source: &mut impl PacketSource) -> (Vec<Seen>, Option<Damage>) {
    let mut seen = Vec::new();
    while let Some(next) = source.next() {
        match next {
            Ok(packet) => seen.push(as_seen(&packet)),
            Err(damage) => return (seen, Some(damage)),
        }
    }
    (seen, None)
}

fn put(order: Order, to: &mut Vec<u8>, words: &[u32]) {
    for word in words {
        to.extend(if order == Order::Big { word.to_be_bytes() } else { word.to_le_bytes() });
    }
}

fn half(order: Order, to: &mut Vec<u8>, value: u16) {
    to.extend(if order == Order::Big { value.to_be_bytes() } else { value.to_le_bytes() });
}

fn pad(to: &mut Vec<u8>) {
    to.resize(to.len().next_multiple_of(4), 0);
}

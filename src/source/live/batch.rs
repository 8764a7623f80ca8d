//! Packets on their way from a tap to the engine: all their bytes in one piece of memory, used over and over.

use std::net::SocketAddr;

use crate::time::Timestamp;
use crate::wire::packet::{Body, Datagram, FrameRef, LinkType, Packet, TapId, Transport};

/// Packets of one tap.
#[derive(Debug, Default)]
pub(in crate::source) struct Batch {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    ends: Vec<Ends>,
}

/// A frame as it is taken.
pub(in crate::source) struct Frame<'a> {
    /// When it was captured.
    pub at: Timestamp,
    /// How to read its first byte.
    pub link: LinkType,
    /// Its bytes, in parts, so that a tag can be put between them.
    pub parts: [&'a [u8]; 3],
    /// Its length on the wire.
    pub wire_len: u32,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    at: Timestamp,
    n: u64,
    start: usize,
    len: usize,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Frame {
        link: LinkType,
        wire_len: u32,
    },
    /// Its ends are there; `correlation` bytes follow the payload.
    Datagram {
        ends: usize,
        correlation: usize,
    },
}

#[derive(Clone, Copy, Debug)]
struct Ends {
    src: SocketAddr,
    dst: SocketAddr,
    transport: Transport,
}

impl Batch {
    /// Takes a frame, the `n`th packet of its tap.
    pub fn frame(&mut self, n: u64, frame: &Frame<'_>) {
        let start = self.bytes.len();
        frame.parts.iter().for_each(|part| self.bytes.extend_from_slice(part));
        let len = self.bytes.len() - start;
        let kind = Kind::Frame { link: frame.link, wire_len: frame.wire_len };
        self.entries.push(Entry { at: frame.at, n, start, len, kind });
    }

    /// Takes a datagram, the `n`th packet of its tap.
    pub fn datagram(&mut self, n: u64, datagram: &Datagram<'_>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(datagram.payload);
        self.bytes.extend_from_slice(datagram.correlation);
        let kind = Kind::Datagram { ends: self.ends.len(), correlation: datagram.correlation.len() };
        self.ends.push(Ends { src: datagram.src, dst: datagram.dst, transport: datagram.transport });
        self.entries.push(Entry { at: datagram.at, n, start, len: datagram.payload.len(), kind });
    }

    /// The `index`th packet.
    pub fn packet(&self, index: usize, tap: TapId) -> Option<Packet<'_>> {
        let entry = self.entries.get(index)?;
        let (_, from) = self.bytes.split_at_checked(entry.start)?;
        let (bytes, after) = from.split_at_checked(entry.len)?;
        let frame = FrameRef { tap, n: entry.n };
        let body = match entry.kind {
            Kind::Frame { link, wire_len } => Body::Frame { link, bytes, wire_len },
            Kind::Datagram { ends, correlation } => {
                let Ends { src, dst, transport } = *self.ends.get(ends)?;
                let correlation = after.get(..correlation)?;
                let at = entry.at;
                Body::Datagram(Datagram {
                    at,
                    frame,
                    src,
                    dst,
                    transport,
                    payload: bytes,
                    cut: false,
                    correlation,
                })
            }
        };
        Some(Packet { at: entry.at, frame, body })
    }

    /// When the `index`th packet was captured, and its number.
    pub fn place(&self, index: usize) -> Option<(Timestamp, u64)> {
        self.entries.get(index).map(|entry| (entry.at, entry.n))
    }

    /// Puts the packets in the order of their time; what came at the same time stays as it came.
    pub fn sort(&mut self) {
        if !self.entries.is_sorted_by_key(|entry| entry.at) {
            self.entries.sort_by_key(|entry| entry.at);
        }
    }

    /// The time of the last packet, of a sorted batch.
    pub fn latest(&self) -> Option<Timestamp> {
        self.entries.last().map(|entry| entry.at)
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Memory in use, in bytes.
    pub fn size(&self) -> usize {
        self.bytes.len() + self.entries.len() * size_of::<Entry>() + self.ends.len() * size_of::<Ends>()
    }

    /// Whether it is time to hand it on.
    pub fn is_full(&self) -> bool {
        self.size() >= FULL
    }

    /// Empties it for the next packets; memory that only a flood needs is given back.
    pub fn emptied(mut self) -> Batch {
        if self.bytes.capacity() > 2 * FULL || self.entries.capacity() * size_of::<Entry>() > 2 * FULL {
            return Batch::default();
        }
        self.bytes.clear();
        self.entries.clear();
        self.ends.clear();
        self
    }
}

/// A full batch has about so many bytes.
const FULL: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(us: i64) -> Timestamp {
        Timestamp::from_micros(us)
    }

    #[test]
    fn frames_and_datagrams_come_out_as_they_went_in() {
        let mut batch = Batch::default();
        batch
            .frame(1, &Frame { at: at(5), link: LinkType(1), parts: [b"abc", b"TAG", b"def"], wire_len: 99 });
        let datagram = Datagram {
            at: at(4),
            frame: FrameRef::default(),
            src: "192.0.2.1:5060".parse().expect("an address"),
            dst: "[2001:db8::1]:5061".parse().expect("an address"),
            transport: Transport::Tcp,
            payload: b"INVITE",
            cut: false,
            correlation: b"id",
        };
        batch.datagram(2, &datagram);
        batch.sort();
        let packet = batch.packet(0, TapId(7)).expect("a packet");
        let Body::Datagram(out) = packet.body else { panic!("a frame") };
        assert_eq!(
            (out.at, out.frame, out.src, out.dst),
            (at(4), FrameRef { tap: TapId(7), n: 2 }, datagram.src, datagram.dst)
        );
        assert_eq!(
            (out.payload, out.correlation, out.transport),
            (&b"INVITE"[..], &b"id"[..], Transport::Tcp)
        );
        let packet = batch.packet(1, TapId(7)).expect("a packet");
        let Body::Frame { link, bytes, wire_len } = packet.body else { panic!("a datagram") };
        assert_eq!(
            (packet.at, packet.frame.n, link, bytes, wire_len),
            (at(5), 1, LinkType(1), &b"abcTAGdef"[..], 99)
        );
        assert!(batch.packet(2, TapId(7)).is_none());
    }

    #[test]
    fn an_emptied_batch_keeps_its_memory_unless_it_is_much() {
        let mut batch = Batch::default();
        batch.frame(
            1,
            &Frame { at: at(0), link: LinkType(1), parts: [&[0; 1_000], b"", b""], wire_len: 1_000 },
        );
        let batch = batch.emptied();
        assert!(batch.is_empty() && batch.bytes.capacity() >= 1_000);
        let mut batch = Batch::default();
        batch.frame(
            1,
            &Frame { at: at(0), link: LinkType(1), parts: [&vec![0; 3 * FULL], b"", b""], wire_len: 1_000 },
        );
        assert!(batch.is_full());
        assert_eq!(batch.emptied().bytes.capacity(), 0);
    }
}

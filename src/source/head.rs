//! The record at the front of a window: where its packet lies, and the walk from one record to the next.
//!
//! A walk looks at records that are whole in the window and reads nothing; most packets of a capture are let go there.

use crate::time::Timestamp;
use crate::wire::packet::{Body, FrameRef, LinkType, Packet};
use crate::wire::pcap;

/// Where a packet lies in the window, which begins with its record.
#[derive(Clone, Copy)]
pub struct Head {
    pub at: Timestamp,
    pub link: LinkType,
    pub start: usize,
    pub captured: usize,
    pub wire_len: u32,
    /// The length of the whole record, to be taken off when its packet has been seen.
    pub record: usize,
}

impl Head {
    /// The head of a pcap record.
    #[inline]
    pub fn in_pcap(header: &pcap::Header, record: pcap::Record) -> Head {
        let start = header.record_header();
        Head {
            at: record.at,
            link: header.link,
            start,
            captured: record.captured,
            wire_len: record.wire_len,
            record: start + record.captured,
        }
    }

    /// The bytes of the packet in a window that begins with its record.
    #[inline]
    pub fn frame(self, window: &[u8]) -> Option<&[u8]> {
        window.get(self.start..self.start + self.captured)
    }

    /// The packet, whose bytes are those, as the source hands it out.
    #[inline]
    pub fn packet(self, frame: FrameRef, bytes: &[u8]) -> Packet<'_> {
        Packet { at: self.at, frame, body: Body::Frame { link: self.link, bytes, wire_len: self.wire_len } }
    }
}

/// Walks over the packets in `window` that pass; tells how many bytes they took, and of the first that is whole and
/// doesn't pass.
#[inline]
pub fn walk(
    window: &[u8],
    mut peek: impl FnMut(&[u8]) -> Option<Head>,
    mut passes: impl FnMut(Head, &[u8]) -> bool,
) -> (usize, Option<Head>) {
    let mut rest = window;
    let next = loop {
        let Some(head) = peek(rest) else { break None };
        let Some((record, after)) = rest.split_at_checked(head.record) else { break None };
        let Some(bytes) = head.frame(record) else { break None };
        if !passes(head, bytes) {
            break Some(head);
        }
        rest = after;
    };
    (window.len() - rest.len(), next)
}

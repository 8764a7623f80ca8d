//! The packets in a block of a TPACKET_V3 ring (Linux `packet_mmap`): a chain of headers, each with the
//! distance to the next.
//!
//! The kernel wrote all of it, and still nothing is read outside the block, and a chain that doesn't go on
//! ends.

use crate::time::Timestamp;

/// A packet in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Captured<'a> {
    /// When the kernel saw it.
    pub at: Timestamp,
    /// What was captured of it.
    pub bytes: &'a [u8],
    /// Its length on the wire.
    pub wire_len: u32,
    /// The outermost VLAN tag, which the kernel takes out of the frame: its type and its content.
    pub tag: Option<[[u8; 2]; 2]>,
    /// This machine sent it.
    pub outgoing: bool,
}

/// Walks the packets of a block.
pub(super) struct Packets<'a> {
    block: &'a [u8],
    left: u32,
    next: usize,
    /// How many packets of the block make no sense.
    pub broken: u32,
}

impl<'a> Packets<'a> {
    /// The packets in `block`, which begins with its own header.
    pub fn of(block: &'a [u8]) -> Packets<'a> {
        let left = u32_at(block, 12).unwrap_or(0);
        let next = u32_at(block, 16).and_then(|first| usize::try_from(first).ok());
        Packets { block, left, next: next.unwrap_or(usize::MAX), broken: 0 }
    }

    fn read(&self) -> Option<(Captured<'a>, usize)> {
        let header = self.block.get(self.next..)?;
        let word = |at| u32_at(header, at);
        let (secs, nanos, status) = (word(4)?, word(8)?, word(20)?);
        let (start, captured) = (usize::from(u16_at(header, 24)?), usize::try_from(word(12)?).ok()?);
        let end = start.checked_add(captured)?;
        let tag = (status & VLAN_VALID != 0).then(|| {
            let kind = u16_at(header, 36).filter(|_| status & VLAN_TYPE_VALID != 0).unwrap_or(DOT1Q);
            let content = word(32).map_or(0, |content| content as u16);
            [kind.to_be_bytes(), content.to_be_bytes()]
        });
        let packet = Captured {
            at: Timestamp::from_parts(i64::from(secs), nanos),
            bytes: header.get(start..end).filter(|_| start >= HEADER)?,
            wire_len: word(16)?,
            tag,
            outgoing: header.get(HEADER + 10) == Some(&OUTGOING),
        };
        let distance = usize::try_from(word(0)?).ok()?;
        Some((packet, self.next.checked_add(distance).filter(|_| distance >= HEADER).unwrap_or(usize::MAX)))
    }
}

impl<'a> Iterator for Packets<'a> {
    type Item = Captured<'a>;

    #[inline]
    fn next(&mut self) -> Option<Captured<'a>> {
        if self.left == 0 {
            return None;
        }
        let Some((packet, next)) = self.read() else {
            self.broken = std::mem::take(&mut self.left);
            return None;
        };
        self.left -= 1;
        self.next = next;
        Some(packet)
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes))
}

/// The length of a packet's header, which an address (`sockaddr_ll`) follows.
const HEADER: usize = 48;
const VLAN_VALID: u32 = 0x10;
const VLAN_TYPE_VALID: u32 = 0x40;
const DOT1Q: u16 = 0x8100;
/// The kind of packet in the address.
const OUTGOING: u8 = 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Bytes, length on the wire, type and content of a tag, kind.
    type Made<'a> = (&'a [u8], u32, Option<(u16, u16)>, u8);

    /// A block as the kernel writes it.
    fn block(packets: &[Made<'_>]) -> Vec<u8> {
        let mut block = vec![0; 48];
        block[12..16].copy_from_slice(&(packets.len() as u32).to_ne_bytes());
        block[16..20].copy_from_slice(&48_u32.to_ne_bytes());
        for (n, (bytes, wire_len, tag, kind)) in packets.iter().enumerate() {
            let mut packet = vec![0; 80];
            packet.extend_from_slice(bytes);
            packet.resize(packet.len().next_multiple_of(16), 0);
            let last = n + 1 == packets.len();
            let words = [
                (0, if last { 0 } else { packet.len() as u32 }),
                (4, 100 + n as u32),
                (8, 5_999),
                (12, bytes.len() as u32),
                (16, *wire_len),
                (20, tag.map_or(1, |(kind, _)| if kind == 0 { 0x11 } else { 0x51 })),
                (32, tag.map_or(0, |(_, content)| u32::from(content))),
            ];
            for (at, word) in words {
                packet[at..at + 4].copy_from_slice(&word.to_ne_bytes());
            }
            packet[24..26].copy_from_slice(&80_u16.to_ne_bytes());
            packet[36..38].copy_from_slice(&tag.map_or(0, |(kind, _)| kind).to_ne_bytes());
            packet[58] = *kind;
            block.extend(packet);
        }
        block
    }

    #[test]
    fn packets_come_with_time_length_tag_and_direction() {
        let block = block(&[
            (b"first", 5, None, 0),
            (b"second", 900, Some((0x88a8, 100)), 4),
            (b"third", 5, Some((0, 7)), 3),
        ]);
        let mut packets = Packets::of(&block);
        let first = packets.next().expect("a packet");
        let plain = Captured {
            at: Timestamp::from_micros(100_000_005),
            bytes: b"first",
            wire_len: 5,
            tag: None,
            outgoing: false,
        };
        assert_eq!(first, plain);
        let second = packets.next().expect("a packet");
        assert_eq!((second.bytes, second.wire_len, second.outgoing), (&b"second"[..], 900, true));
        assert_eq!(second.tag, Some([[0x88, 0xa8], [0, 100]]));
        assert_eq!(packets.next().and_then(|third| third.tag), Some([[0x81, 0], [0, 7]]));
        assert_eq!((packets.next(), packets.broken), (None, 0));
    }

    #[test]
    fn a_chain_that_leads_nowhere_ends_and_is_counted() {
        let whole = block(&[(b"first", 5, None, 0), (b"second", 6, None, 0)]);
        for distance in [0_u32, 8, 1_000_000, u32::MAX] {
            let mut block = whole.clone();
            block[48..52].copy_from_slice(&distance.to_ne_bytes());
            let mut packets = Packets::of(&block);
            assert_eq!(packets.by_ref().count(), 1, "{distance}");
            assert_eq!(packets.broken, 1);
        }
    }

    #[test]
    fn a_packet_that_claims_more_than_its_block_has_is_left_out() {
        let mut block = block(&[(b"first", 5, None, 0)]);
        block[60..64].copy_from_slice(&60_000_u32.to_ne_bytes());
        let mut packets = Packets::of(&block);
        assert_eq!((packets.next(), packets.broken), (None, 1));
    }

    proptest! {
        #[test]
        fn any_block_ends(block in proptest::collection::vec(any::<u8>(), 0..400), count in 0_u32..50) {
            let mut block = block;
            if block.len() >= 20 {
                block[12..16].copy_from_slice(&count.to_ne_bytes());
                block[16..20].copy_from_slice(&24_u32.to_ne_bytes());
            }
            let mut packets = Packets::of(&block);
            let seen = packets.by_ref().count() as u32;
            prop_assert!(block.len() < 20 || seen + packets.broken == count);
        }
    }
}

//! Any bytes as segments of two directions of a TCP connection: SIP, WebSocket and HEP framing cut them into messages
//! without a panic, none longer than a message may be. Bytes that come in order give the same messages however
//! they are cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringback::flow::{Flow, Piece};
use ringback::limits;
use ringback::time::Timestamp;
use ringback::wire::packet::{Body, FrameRef, LinkType, Packet, TapId};

fuzz_target!(|data: &[u8]| {
    let Some((mode, bytes)) = data.split_first() else { return };
    if mode & 1 == 0 {
        in_any_order(bytes);
    } else {
        let size = usize::from(mode >> 1) + 1;
        let whole = messages(bytes.chunks(1_400));
        let cut = messages(bytes.chunks(size));
        // A segment that starts like SIP says more than the bytes before it; a stream that starts so needs no saying.
        if starts(bytes) && !whole.is_empty() && size > 200 {
            assert_eq!(whole.first(), cut.first());
        }
    }
});

/// Segments, each a direction, a place and a length, then so many bytes.
fn in_any_order(mut rest: &[u8]) {
    let mut wire = Wire::new();
    while let Some((head, after)) = rest.split_first_chunk::<4>() {
        let [way, flags, place, len] = *head;
        let (bytes, next) = after.split_at(usize::from(len).min(after.len()));
        rest = next;
        wire.segment(way & 1 == 1, u32::from(place) * 64, flags & 3, bytes);
    }
    wire.end();
}

fn messages<'a>(segments: impl Iterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let mut wire = Wire::new();
    let mut seq = 1;
    for segment in segments {
        wire.segment(false, seq, 0, segment);
        seq += u32::try_from(segment.len()).expect("short");
    }
    wire.end();
    wire.messages
}

fn starts(bytes: &[u8]) -> bool {
    bytes.starts_with(b"INVITE sip:") || bytes.starts_with(b"SIP/2.0 ")
}

struct Wire {
    flow: Flow,
    n: u64,
    messages: Vec<Vec<u8>>,
}

impl Wire {
    fn new() -> Wire {
        Wire { flow: Flow::new(1), n: 0, messages: Vec::new() }
    }

    /// A segment of raw IPv4; bit 0 of the flags is SYN, bit 1 FIN.
    fn segment(&mut self, back: bool, seq: u32, flags: u8, bytes: &[u8]) {
        let (src, dst): ([u8; 6], [u8; 6]) = ([192, 0, 2, 1, 0x9c, 0x40], [192, 0, 2, 2, 0x13, 0xc4]);
        let (src, dst) = if back { (dst, src) } else { (src, dst) };
        let len = u16::try_from(40 + bytes.len()).expect("short");
        let mut packet = vec![0x45, 0];
        packet.extend(len.to_be_bytes());
        packet.extend([0, 0, 0, 0, 64, 6, 0, 0]);
        packet.extend([&src[..4], &dst[..4], &src[4..], &dst[4..]].concat());
        packet.extend(seq.to_be_bytes());
        packet.extend([0, 0, 0, 0, 0x50, 0x10 | flags & 1 << 1 | flags >> 1, 0xff, 0xff, 0, 0, 0, 0]);
        packet.extend(bytes);
        self.n += 1;
        let at = Timestamp::from_parts(1_795_208_047 + i64::try_from(self.n / 50).expect("few"), 0);
        let wire_len = u32::try_from(packet.len()).expect("short");
        let body = Body::Frame { link: LinkType(101), bytes: &packet, wire_len };
        let packet = Packet { at, frame: FrameRef { tap: TapId(0), n: self.n }, body };
        self.flow.push(&packet, &mut keep(&mut self.messages));
    }

    fn end(&mut self) {
        self.flow.finish(Timestamp::from_parts(1_895_208_047, 0), &mut keep(&mut self.messages));
    }
}

fn keep(messages: &mut Vec<Vec<u8>>) -> impl FnMut(Piece<'_>) + '_ {
    |piece| {
        let (Piece::Message(datagram) | Piece::Rtp(datagram)) = piece;
        assert!(datagram.payload.len() <= limits::MESSAGE);
        messages.push(datagram.payload.to_vec());
    }
}

//! Any frames in a row, each a link type, a wait, a length and so many bytes: no panic, times never go
//! back, and every message is at most 64 KiB.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringback::flow::{Flow, Piece};
use ringback::limits;
use ringback::time::{Span, Timestamp};
use ringback::wire::packet::{Body, FrameRef, LinkType, Packet, TapId};

fuzz_target!(|data: &[u8]| {
    let mut flow = Flow::new(1);
    let (mut rest, mut at, mut n) = (data, Timestamp::from_parts(1_795_208_047, 0), 0);
    let mut last = at;
    let mut check = |piece: Piece<'_>| {
        let (Piece::Message(datagram) | Piece::Rtp(datagram)) = piece;
        assert!(datagram.at >= last && datagram.payload.len() <= limits::MESSAGE);
        last = datagram.at;
    };
    while let Some((head, after)) = rest.split_first_chunk::<6>() {
        let [l0, l1, wait, tail, n0, n1] = *head;
        let len = usize::from(u16::from_be_bytes([n0, n1])).min(after.len());
        let (bytes, next) = after.split_at(len);
        (rest, n) = (next, n + 1);
        at = at + Span::from_millis(i64::from(wait) * 20);
        let wire_len = u32::try_from(len).unwrap() + u32::from(tail);
        let body = Body::Frame { link: LinkType(u16::from_be_bytes([l0, l1])), bytes, wire_len };
        flow.push(&Packet { at, frame: FrameRef { tap: TapId(0), n }, body }, &mut check);
    }
    flow.finish(at, &mut check);
    assert_eq!(flow.counters().packets, n);
});

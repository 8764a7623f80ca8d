//! Any bytes as RTP packets in a row, each a side, a wait, a length and so many bytes, read, listened to and judged:
//! no panic, and what was heard lies within the call.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringback::media::{Direction, Ear, Ended, Params};
use ringback::time::{Span, Timestamp};
use ringback::wire::rtp::{Codec, RtpPacket};

fuzz_target!(|data: &[u8]| {
    let start = Timestamp::from_parts(1_795_208_047, 0);
    let mut ear = Ear::new(Params { min_message: Span::from_secs(2) });
    let (mut rest, mut at) = (data, start);
    while let Some((head, after)) = rest.split_first_chunk::<4>() {
        let [side, wait, n0, n1] = *head;
        let len = usize::from(u16::from_be_bytes([n0, n1])).min(after.len());
        let (bytes, next) = after.split_at(len);
        rest = next;
        at = at + Span::from_millis(i64::from(wait) * i64::from(wait));
        let Some(packet) = RtpPacket::read(bytes) else { continue };
        assert!(packet.payload.len() + 12 <= bytes.len() && packet.kind < 128);
        let from = if side & 1 == 0 { Direction::FromCaller } else { Direction::FromPbx };
        ear.hear(from, codec(side, packet.kind), at, &packet);
    }
    let ended = at + Span::from_secs(1);
    let heard = ear.judge(start, Ended { at: ended, by_pbx: data.len() % 2 == 1 });
    let lasted = ended.since(start).as_millis();
    assert!(heard.message.is_none_or(|message| i64::from(message.start_ms) <= lasted));
});

fn codec(side: u8, kind: u8) -> Codec {
    match side >> 1 {
        0 => Codec::Pcmu,
        1 => Codec::Pcma,
        2 => Codec::G722,
        3 => Codec::TelephoneEvent,
        4 => Codec::ComfortNoise,
        _ => Codec::of_static(kind),
    }
}

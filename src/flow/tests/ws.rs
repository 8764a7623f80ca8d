use super::tcp::Conn;
use super::*;

const REQUEST: &[u8] = b"GET /ws HTTP/1.1\r\nHost: pbx\r\nConnection: Upgrade\r\nupgrade: WebSocket\r\n\
    Sec-WebSocket-Protocol: sip\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";

fn frame(first: u8, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let bit = if mask.is_some() { 0x80 } else { 0 };
    let mut bytes = match payload.len() {
        len @ 0..126 => vec![first, bit | u8::try_from(len).unwrap()],
        len @ 126..65_536 => [&[first, bit | 126], &u16::try_from(len).unwrap().to_be_bytes()[..]].concat(),
        len => [&[first, bit | 127], &(len as u64).to_be_bytes()[..]].concat(),
    };
    let key = mask.unwrap_or_default();
    bytes.extend(mask.iter().flatten());
    bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(b, k)| b ^ k));
    bytes
}

const MASK: Option<[u8; 4]> = Some([0x37, 0xfa, 0x21, 0x3d]);

fn exchange(parts: &[Vec<u8>], size: usize) -> Tap {
    let mut tap = Tap::new();
    let mut conn = Conn::open(&mut tap);
    parts.concat().chunks(size).for_each(|part| conn.send(&mut tap, part));
    tap
}

#[test]
fn masked_and_plain_text_and_binary_frames_carry_messages() {
    let small = message("a", 0);
    let large = message("b", 300);
    for size in [1, 37, 10_000] {
        let client =
            exchange(&[REQUEST.to_vec(), frame(0x81, &small, MASK), frame(0x82, &large, MASK)], size);
        assert_eq!(client.payloads(), [&small[..], &large]);
        let server = exchange(&[ANSWER.to_vec(), frame(0x82, &large, None), frame(0x81, &small, None)], size);
        assert_eq!(server.payloads(), [&large[..], &small]);
        assert!(server.got.iter().all(|got| got.transport == Transport::Ws));
        assert_eq!(server.counters().transports.ws, 2);
    }
}

#[test]
fn a_message_in_parts_survives_a_ping_between_them() {
    let whole = message("parts", 20);
    let tap = exchange(
        &[
            REQUEST.to_vec(),
            frame(0x01, &whole[..10], MASK),
            frame(0x89, b"ping", MASK),
            frame(0x00, &whole[10..50], None),
            frame(0x8a, b"", MASK),
            frame(0x80, &whole[50..], MASK),
            frame(0x81, b"\r\n\r\n", MASK),
            frame(0x88, &[3, 232], MASK),
        ],
        11,
    );
    assert_eq!(tap.payloads(), [&whole[..]]);
    assert_eq!(tap.counters().keepalives, 1);
}

#[test]
fn frames_are_picked_up_in_mid_stream() {
    let whole = message("mid", 10);
    let mut tap = Tap::new();
    let mut conn = Conn::midway();
    let cut = frame(0x81, &message("lost", 10), MASK)[20..].to_vec();
    for part in [cut, frame(0x81, &whole, MASK), frame(0x82, &whole, None)] {
        conn.send(&mut tap, &part);
    }
    assert_eq!(tap.payloads(), [&whole[..], &whole]);
}

#[test]
fn a_gap_costs_only_the_messages_in_it() {
    let mut tap = Tap::new();
    let mut conn = Conn::open(&mut tap);
    conn.send(&mut tap, REQUEST);
    let lost = frame(0x81, &message("lost", 10), MASK);
    conn.send(&mut tap, &lost[..30]);
    conn.lose(lost.len() - 30);
    conn.send(&mut tap, &frame(0x81, &message("kept", 10), MASK));
    tap.finish();
    assert_eq!(tap.payloads(), [&message("kept", 10)[..]]);
}

#[test]
fn what_is_too_long_or_compressed_is_dropped_and_the_next_is_read() {
    let whole = message("next", 0);
    let tap = exchange(
        &[
            ANSWER.to_vec(),
            frame(0xc1, &[7; 40], None),
            frame(0x81, &vec![b'A'; 65_537], None),
            frame(0x01, &vec![b'A'; 65_000], None),
            frame(0x00, &vec![b'A'; 1_000], None),
            frame(0x80, b"INFO", None),
            frame(0x81, &whole, None),
        ],
        1_460,
    );
    assert_eq!(tap.payloads(), [&whole[..]]);
    assert_eq!(tap.counters().ws_dropped, 3);
}

#[test]
fn other_payloads_are_not_media() {
    let tap = exchange(&[ANSWER.to_vec(), frame(0x82, &[0x80; 20], None), frame(0x81, b"{}", None)], 100);
    assert_eq!((tap.got.len(), tap.counters().rtp, tap.counters().other), (0, 0, 2));
}

#[test]
fn http_without_an_upgrade_is_given_up() {
    for head in [
        &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
        b"HTTP/1.1 200 OK\r\nUpgrade: websocket\r\n\r\n",
        b"POST / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n",
    ] {
        let tap = exchange(&[head.to_vec(), frame(0x81, &message("no", 0), None)], 4_000);
        assert_eq!((tap.got.len(), tap.counters().tcp_given_up), (0, 1));
    }
}

use proptest::prelude::*;

use super::samples::*;
use super::*;

/// One direction of a connection.
pub(super) struct Conn {
    seq: u32,
    port: u16,
}

impl Conn {
    /// With its SYN.
    pub(super) fn open(tap: &mut Tap) -> Conn {
        Conn::open_at(tap, 1_000, 5060)
    }

    pub(super) fn open_at(tap: &mut Tap, first: u32, port: u16) -> Conn {
        let conn = Conn { seq: first, port };
        conn.put(tap, first.wrapping_sub(1), SYN, b"");
        conn
    }

    /// Without one.
    pub(super) fn midway() -> Conn {
        Conn { seq: 77_000, port: 5060 }
    }

    pub(super) fn send(&mut self, tap: &mut Tap, payload: &[u8]) {
        self.put(tap, self.seq, ACK, payload);
        self.lose(payload.len());
    }

    /// Bytes that the tap doesn't see.
    pub(super) fn lose(&mut self, n: usize) {
        self.seq = self.seq.wrapping_add(u32::try_from(n).unwrap());
    }

    fn put(&self, tap: &mut Tap, seq: u32, flags: u8, payload: &[u8]) {
        let segment = segment(self.port, 5060, seq, flags, payload);
        tap.ip(&ip(host(1, 0).ip(), host(2, 0).ip(), 6, &segment));
    }
}

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

fn three() -> Vec<Vec<u8>> {
    vec![message("one", 10), message("two", 0), message("three", 300)]
}

fn sent(parts: &[&[u8]]) -> Tap {
    let mut tap = Tap::new();
    let mut conn = Conn::open(&mut tap);
    parts.iter().for_each(|part| conn.send(&mut tap, part));
    tap
}

#[test]
fn a_dribble_of_37_bytes_makes_whole_messages_at_their_last_segment() {
    let stream = three().concat();
    let tap = sent(&stream.chunks(37).collect::<Vec<_>>());
    assert_eq!(tap.payloads(), three());
    let first_end = three()[0].len();
    assert_eq!(tap.got[0].frame, 1 + first_end.div_ceil(37) as u64);
    assert_eq!((tap.got[0].transport, tap.counters().transports.tcp), (Transport::Tcp, 3));
}

#[test]
fn messages_in_one_segment_come_out_one_by_one() {
    let tap = sent(&[&three().concat()]);
    assert_eq!(tap.payloads(), three());
    assert!(tap.got.iter().all(|got| got.frame == 2));
}

#[test]
fn line_ends_between_messages_are_keepalives() {
    let one = message("a", 5);
    let tap = sent(&[b"\r\n\r\n", &one, b"\r\n", b"\r", b"\n\r\n\r\n", &one]);
    assert_eq!(tap.payloads(), [&one[..], &one]);
    assert_eq!(tap.counters().keepalives, 6);
}

#[test]
fn segments_out_of_order_wait_for_the_missing_one() {
    let stream = three().concat();
    let parts: Vec<&[u8]> = stream.chunks(100).collect();
    for order in [[1, 0, 2], [2, 1, 0], [0, 2, 1], [2, 0, 1], [1, 2, 0]] {
        let mut tap = Tap::new();
        let conn = Conn::open(&mut tap);
        for i in order {
            conn.put(&mut tap, conn.seq + u32::try_from(i * 100).unwrap(), ACK, parts[i]);
        }
        let rest = Conn { seq: conn.seq + 300, port: conn.port };
        rest.put(&mut tap, rest.seq, ACK, &stream[300..]);
        assert_eq!(tap.payloads(), three(), "{order:?}");
    }
}

#[test]
fn of_a_repeated_segment_the_first_copy_counts() {
    let one = message("first", 8);
    let mut other = message("other", 8);
    other.truncate(one.len());
    let mut tap = Tap::new();
    let mut conn = Conn::open(&mut tap);
    let start = conn.seq;
    conn.send(&mut tap, &one[..40]);
    conn.put(&mut tap, start, ACK, &other);
    assert_eq!(tap.payloads(), [[&one[..40], &other[40..]].concat()]);
    conn.put(&mut tap, start, ACK, &one);
    conn.put(&mut tap, start + 3, ACK, &other[3..50]);
    assert_eq!(tap.got.len(), 1);
}

#[test]
fn of_overlapping_segments_ahead_of_a_gap_the_first_counts() {
    let one = message("ahead", 140);
    let (start, at) = (1_000u32, |n: usize| 1_000 + u32::try_from(n).unwrap());
    let mut tap = Tap::new();
    let conn = Conn::open_at(&mut tap, start, 5060);
    conn.put(&mut tap, at(110), ACK, &one[110..130]);
    conn.put(&mut tap, at(100), ACK, &vec![b'?'; one.len() - 100]);
    conn.put(&mut tap, at(0), ACK, &[&one[..100], &[b'!'; 20]].concat());
    let expected = [&one[..100], &[b'?'; 10], &one[110..130], &vec![b'?'; one.len() - 130]].concat();
    assert_eq!(tap.payloads(), [expected]);
}

#[test]
fn a_gap_is_given_up_after_two_seconds_and_reading_goes_on_at_a_start_line() {
    let mut tap = Tap::new();
    let mut conn = Conn::open(&mut tap);
    let lost = message("lost", 100);
    conn.send(&mut tap, &message("one", 0));
    conn.lose(60);
    conn.send(&mut tap, &lost[60..]);
    let frame = 3;
    conn.send(&mut tap, &message("two", 4));
    assert_eq!(tap.got.len(), 1);
    tap.wait(Span::from_secs(2));
    let now = tap.now;
    tap.frame(&ethernet(0x0806, &[0; 28]));
    assert_eq!(tap.payloads(), [message("one", 0), message("two", 4)]);
    assert_eq!((tap.got[1].at, tap.got[1].frame, tap.counters().tcp_gaps), (now, frame + 1, 1));
    conn.send(&mut tap, &message("three", 0));
    assert_eq!(tap.payloads()[2], message("three", 0));
}

#[test]
fn a_gap_in_a_body_hands_out_the_head_marked_cut() {
    let mut tap = Tap::new();
    let mut conn = Conn::open(&mut tap);
    let one = message("holed", 200);
    conn.send(&mut tap, &one[..150]);
    conn.lose(one.len() - 150);
    conn.send(&mut tap, &message("next", 0));
    tap.finish();
    assert_eq!(tap.payloads(), [&one[..150], &message("next", 0)]);
    assert_eq!((tap.got[0].cut, tap.got[1].cut), (true, false));
}

#[test]
fn a_segment_that_was_cut_is_a_gap_at_once() {
    let one = message("snapped", 100);
    let frame = framed(&ip(host(1, 0).ip(), host(2, 0).ip(), 6, &segment(5060, 5060, 1_000, ACK, &one)));
    let mut tap = Tap::new();
    let mut conn = Conn::open(&mut tap);
    tap.snapped(&frame[..120], frame.len());
    conn.lose(one.len());
    conn.send(&mut tap, &message("next", 0));
    assert_eq!(tap.payloads(), [&one[..120 - 54], &message("next", 0)]);
    assert!(tap.got[0].cut);
}

#[test]
fn a_capture_that_starts_midway_starts_at_a_start_line() {
    let lost = message("lost", 60);
    let mut tap = Tap::new();
    let mut conn = Conn::midway();
    for part in [&lost[20..], &message("one", 5)[..30], &message("one", 5)[30..]] {
        conn.send(&mut tap, part);
    }
    assert_eq!(tap.payloads(), [message("one", 5)]);
}

#[test]
fn a_start_line_is_found_behind_a_body_without_a_line_end() {
    let answer = b"SIP/2.0 180 Ringing\r\nCall-ID: a\r\nContent-Length: 0\r\n\r\n";
    for next in [&answer[..], &message("next", 0)] {
        for size in [1, 13, 400] {
            let mut tap = Tap::new();
            let mut conn = Conn::midway();
            [b"\x00\x01 bbbb", next].concat().chunks(size).for_each(|part| conn.send(&mut tap, part));
            assert_eq!(tap.payloads(), [next]);
        }
    }
}

#[test]
fn blanks_behind_a_start_line_are_not_waited_out() {
    let mut tap = Tap::new();
    let mut conn = Conn::midway();
    conn.send(&mut tap, b"\x01\nINVITE sip:a SIP/2.0\r\nVia");
    for _ in 0..100 {
        conn.send(&mut tap, &[b' '; 1_000]);
    }
    assert_eq!(tap.counters().tcp_given_up, 1);
}

#[test]
fn a_status_line_in_a_body_starts_nothing() {
    let mut tap = Tap::new();
    let mut conn = Conn::midway();
    conn.send(&mut tap, b"Content-Type: message/sipfrag\r\n\r\nSIP/2.0 200 OK\r\n");
    conn.send(&mut tap, &message("one", 0));
    assert_eq!(tap.payloads(), [message("one", 0)]);
}

#[test]
fn sequence_numbers_wrap() {
    let stream = three().concat();
    for before in [1, 37, 200] {
        let mut tap = Tap::new();
        let mut conn = Conn::open_at(&mut tap, 0u32.wrapping_sub(before), 5060);
        stream.chunks(90).for_each(|part| conn.send(&mut tap, part));
        assert_eq!(tap.payloads(), three());
    }
}

#[test]
fn bodies_end_where_content_length_says() {
    let without = b"OPTIONS sip:a SIP/2.0\r\nCall-ID: n\r\n\r\n";
    let sdp = b"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\n";
    let tap = sent(&[without, sdp, &message("after", 3)]);
    assert_eq!(tap.payloads(), [&without[..], &message("after", 3)]);
    assert_eq!(tap.counters().tcp_astray, 1);
    let compact = b"BYE sip:a SIP/2.0\r\nl : 4\r\n\r\nbody";
    let tap = sent(&[compact, &message("after", 3)]);
    assert_eq!(tap.payloads(), [&compact[..], &message("after", 3)]);
}

#[test]
fn a_message_over_64_kib_goes_on_as_its_head() {
    let huge = message("huge", 70_000);
    let parts: Vec<&[u8]> = huge.chunks(1_460).collect();
    let mut tap = sent(&parts);
    assert!(tap.got[0].cut && tap.got[0].payload.len() < 100);
    assert_eq!((tap.got.len(), tap.counters().tcp_too_long), (1, 1));
    let mut conn = Conn { seq: 1_000 + u32::try_from(huge.len()).unwrap(), port: 5060 };
    conn.send(&mut tap, &message("after", 0));
    assert_eq!(tap.payloads()[1], message("after", 0));
    let tap = sent(&[&message("claims", 0)[..29], b"Content-Length: 18446744073709551615\r\n\r\n"]);
    assert_eq!(tap.counters().tcp_too_long, 1);
}

#[test]
fn what_is_not_sip_is_given_up_and_taken_up_by_a_start_line() {
    for stream in [&b"\x16\x03\x01\x02\x00\x01\x00"[..], &[7; 5_000], b"SSH-2.0-OpenSSH_9.2\r\n"] {
        let mut tap = Tap::new();
        let mut conn = Conn::open(&mut tap);
        conn.send(&mut tap, stream);
        for _ in 0..5 {
            conn.send(&mut tap, &[0xee; 1_400]);
        }
        let tls = u64::from(stream[0] == 0x16);
        assert_eq!((tap.counters().tcp_given_up, tap.counters().tcp_tls), (1, tls));
        conn.send(&mut tap, &message("late", 4)[..60]);
        conn.send(&mut tap, &message("late", 4)[60..]);
        assert_eq!(tap.payloads(), [message("late", 4)]);
    }
}

#[test]
fn a_closed_connection_ends_its_stream_and_a_syn_starts_a_new_one() {
    for flag in [FIN, RST] {
        let mut tap = Tap::new();
        let mut conn = Conn::open(&mut tap);
        let one = message("one", 0);
        conn.put(&mut tap, conn.seq, ACK | (flag & FIN), &one);
        conn.put(&mut tap, conn.seq + u32::try_from(one.len()).unwrap(), ACK | flag, b"");
        conn.put(&mut tap, conn.seq, ACK, &one);
        assert_eq!(tap.got.len(), 1, "repeated after the end");
        conn = Conn::open_at(&mut tap, 500, 5060);
        conn.send(&mut tap, &message("two", 0));
        assert_eq!(tap.payloads(), [one, message("two", 0)]);
    }
}

#[test]
fn a_repeated_syn_changes_nothing() {
    let one = message("one", 20);
    let mut tap = Tap::new();
    let mut conn = Conn::open(&mut tap);
    conn.send(&mut tap, &one[..30]);
    Conn::open(&mut tap);
    conn.send(&mut tap, &one[30..]);
    assert_eq!(tap.payloads(), [one]);
}

#[test]
fn a_zero_byte_that_probes_the_other_side_is_no_data() {
    let mut tap = Tap::new();
    let mut conn = Conn::midway();
    conn.put(&mut tap, conn.seq - 1, ACK, &[0]);
    conn.send(&mut tap, &message("one", 0));
    conn.put(&mut tap, conn.seq - 1, ACK, &[0]);
    conn.send(&mut tap, &message("two", 0));
    assert_eq!(tap.payloads(), [message("one", 0), message("two", 0)]);
}

#[test]
fn a_packet_seen_twice_is_taken_once() {
    let stream = three().concat();
    let mut tap = Tap::new();
    let mut conn = Conn::open(&mut tap);
    for part in stream.chunks(70) {
        conn.put(&mut tap, conn.seq, ACK, part);
        conn.send(&mut tap, part);
    }
    assert_eq!(tap.payloads(), three());
}

fn messages() -> impl Strategy<Value = Vec<(usize, usize)>> {
    prop::collection::vec((0usize..3, 0usize..900), 1..12)
}

/// Messages with line ends before them.
fn stream_of(messages: &[(usize, usize)]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let whole: Vec<Vec<u8>> =
        messages.iter().enumerate().map(|(i, m)| message(&i.to_string(), m.1)).collect();
    let stream = messages.iter().zip(&whole).flat_map(|(m, w)| [b"\r\n".repeat(m.0), w.clone()]);
    (stream.collect::<Vec<_>>().concat(), whole)
}

fn split(stream: &[u8], cuts: &[prop::sample::Index]) -> Vec<(usize, Vec<u8>)> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
    at.extend([0, stream.len()]);
    at.sort_unstable();
    at.windows(2).map(|w| (w[0], stream[w[0]..w[1]].to_vec())).filter(|(_, part)| !part.is_empty()).collect()
}

proptest! {
    #[test]
    fn any_split_of_a_stream_makes_the_same_messages(
        messages in messages(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
        midway in any::<bool>(),
        first in any::<u32>(),
    ) {
        let (stream, expected) = stream_of(&messages);
        let mut tap = Tap::new();
        let mut conn = if midway { Conn::midway() } else { Conn::open_at(&mut tap, first, 5060) };
        split(&stream, &cuts).iter().for_each(|(_, part)| conn.send(&mut tap, part));
        prop_assert_eq!(tap.payloads(), expected);
        prop_assert_eq!(tap.counters().keepalives, messages.iter().map(|m| m.0 as u64).sum::<u64>());
    }

    #[test]
    fn any_order_with_repeats_makes_the_same_messages(
        messages in messages(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        shuffle in prop::collection::vec(any::<prop::sample::Index>(), 40),
        first in any::<u32>(),
    ) {
        let (stream, expected) = stream_of(&messages);
        let mut parts = split(&stream, &cuts);
        parts.extend(parts.clone().into_iter().step_by(3));
        for i in (1..parts.len()).rev() {
            parts.swap(i, shuffle[i % shuffle.len()].index(i + 1));
        }
        let mut tap = Tap::new();
        let conn = Conn::open_at(&mut tap, first, 5060);
        for (at, part) in parts {
            conn.put(&mut tap, first.wrapping_add(u32::try_from(at).unwrap()), ACK, &part);
        }
        prop_assert_eq!(tap.payloads(), expected);
    }

    #[test]
    fn random_segments_never_panic(
        segments in prop::collection::vec(
            (any::<u32>(), 0u8..32, 0usize..6, prop::collection::vec(any::<u8>(), 0..60)), 0..60),
    ) {
        let starts: [&[u8]; 6] = [b"", b"HEP3\x01", b"\x81\xfe", b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
            b"INVITE sip:a SIP/2.0\r\nl:9\r\n", b"\r\n\r\n"];
        let mut tap = Tap::new();
        for (seq, flags, start, payload) in segments {
            let conn = Conn { seq: seq % 2_000, port: 5060 };
            conn.put(&mut tap, conn.seq, flags, &[starts[start], &payload].concat());
            tap.wait(Span::from_millis(i64::from(seq % 900)));
        }
        tap.finish();
        prop_assert!(tap.got.windows(2).all(|w| w[0].at <= w[1].at));
    }
}

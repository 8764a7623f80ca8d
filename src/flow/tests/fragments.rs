use proptest::prelude::*;

use super::samples::*;
use super::*;

/// The fragments of a UDP datagram, cut at multiples of 8 bytes.
fn v4_fragments(id: u16, payload: &[u8], size: usize) -> Vec<Vec<u8>> {
    let whole = datagram(5060, 5080, payload);
    let count = whole.len().div_ceil(size);
    whole
        .chunks(size)
        .enumerate()
        .map(|(i, part)| {
            let more = if i + 1 < count { 0x2000 } else { 0 };
            v4_fragment(id, more | u16::try_from(i * size / 8).unwrap(), part)
        })
        .collect()
}

fn v4_fragment(id: u16, place: u16, part: &[u8]) -> Vec<u8> {
    v4([10, 0, 0, 1], [10, 0, 0, 2], (id, place), 17, part)
}

fn v6_fragments(payload: &[u8], size: usize) -> Vec<Vec<u8>> {
    let whole = join(&[&[17, 0, 1, 4, 0, 0, 0, 0], &datagram(5060, 5080, payload)]);
    let count = whole.len().div_ceil(size);
    let part = |(i, part): (usize, &[u8])| {
        let place = u16::try_from(i * size).unwrap() | u16::from(i + 1 < count);
        let header = join(&[&[60, 0], &place.to_be_bytes(), &[0, 0, 0, 5], part]);
        ip(host6(1, 0).ip(), host6(2, 0).ip(), 44, &header)
    };
    whole.chunks(size).enumerate().map(part).collect()
}

#[test]
fn fragments_in_every_order_make_one_datagram() {
    let message = message("frag", 60);
    for fragments in [v4_fragments(1, &message, 48), v6_fragments(&message, 48)] {
        assert!(fragments.len() >= 3);
        for order in orders(fragments.len()) {
            let mut tap = Tap::new();
            order.iter().for_each(|&i| tap.ip(&fragments[i]));
            assert_eq!(tap.payloads(), [&message[..]], "{order:?}");
            assert_eq!(tap.got[0].frame, fragments.len() as u64, "the last one completes it");
        }
    }
}

fn orders(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![vec![]];
    }
    let longer = |order: Vec<usize>| (0..n).map(move |at| [&order[..at], &[n - 1], &order[at..]].concat());
    orders(n - 1).into_iter().flat_map(longer).collect()
}

#[test]
fn repeated_fragments_change_nothing_before_and_after() {
    let fragments = v4_fragments(1, &message("dup", 60), 48);
    let mut tap = Tap::new();
    for _ in 0..3 {
        for fragment in &fragments {
            tap.ip(fragment);
            tap.ip(fragment);
        }
    }
    assert_eq!(tap.got.len(), 1);
    assert_eq!((tap.counters().fragments, tap.counters().fragments_repeated), (18, 15));
}

#[test]
fn an_id_used_again_makes_another_datagram() {
    let mut tap = Tap::new();
    for call in ["one", "two"] {
        v4_fragments(1, &message(call, 60), 48).iter().for_each(|f| tap.ip(f));
    }
    assert_eq!(tap.payloads(), [message("one", 60), message("two", 60)]);
}

#[test]
fn of_overlapping_fragments_the_first_stays() {
    let whole = datagram(5060, 5080, b"OPTIONS sip:first SIP/2.0\r\nX: 123456789\r\n\r\n");
    let mut tap = Tap::new();
    tap.ip(&v4_fragment(3, 0x2001, &whole[8..24]));
    tap.ip(&v4_fragment(3, 0x2000, &join(&[&whole[..8], &[b'?'; 24]])));
    tap.ip(&v4_fragment(3, 4, &whole[32..]));
    let got = tap.payloads()[0].to_vec();
    assert_eq!(&got[..16], &whole[8..24]);
    assert_eq!(&got[16..24], b"????????");
    assert_eq!(&got[24..], &whole[32..]);
}

#[test]
fn fragments_wait_five_seconds_and_no_longer() {
    let fragments = v4_fragments(1, &message("slow", 60), 64);
    let mut tap = Tap::new();
    tap.ip(&fragments[0]);
    tap.wait(Span::from_millis(4_900));
    fragments[1..].iter().for_each(|f| tap.ip(f));
    assert_eq!(tap.got.len(), 1);
    let later = v4_fragments(2, &message("late", 60), 64);
    tap.ip(&later[0]);
    tap.wait(Span::from_millis(5_001));
    later[1..].iter().for_each(|f| tap.ip(f));
    assert_eq!((tap.got.len(), tap.counters().fragments_dropped), (1, 1));
}

#[test]
fn fragments_that_fit_nowhere_are_dropped() {
    let mut tap = Tap::new();
    tap.ip(&v4_fragment(1, 0x2000, &[b'A'; 9]));
    tap.ip(&v4_fragment(1, 0x1fff, &[b'A'; 16]));
    tap.ip(&v4_fragment(1, 0x2000, &[]));
    tap.ip(&v4_fragment(2, 2, &[b'A'; 8]));
    tap.ip(&v4_fragment(2, 4, &[b'A'; 8]));
    tap.ip(&v4_fragment(2, 0x2003, &[b'A'; 8]));
    assert_eq!((tap.got.len(), tap.counters().fragments_dropped), (0, 5));
}

#[test]
fn a_first_fragment_that_was_cut_goes_on_cut() {
    let frame = framed(&v4_fragments(1, &message("cut", 600), 400)[0]);
    let mut tap = Tap::new();
    tap.snapped(&frame[..100], frame.len());
    assert!(tap.got[0].cut && tap.got[0].payload.starts_with(b"INFO sip:x"));
}

#[test]
fn a_fragmented_tunnel_is_put_together_and_opened() {
    let inner = udp_ip(host(5, 5060), host(6, 5060), &message("in", 40));
    let whole = gre(0, 0x0800, &[], &inner);
    let mut tap = Tap::new();
    tap.ip(&v4([1, 1, 1, 1], [2, 2, 2, 2], (9, 0x2000), 47, &whole[..64]));
    tap.ip(&v4([1, 1, 1, 1], [2, 2, 2, 2], (9, 8), 47, &whole[64..]));
    assert_eq!((tap.got[0].ends.0, tap.payloads()[0]), (host(5, 5060), &message("in", 40)[..]));
}

proptest! {
    #[test]
    fn any_overlapping_cover_in_any_order_makes_the_datagram_once(
        body in 0usize..3_000,
        cuts in prop::collection::vec((0usize..400, 1usize..80), 0..30),
        seed in prop::collection::vec(any::<prop::sample::Index>(), 60),
    ) {
        let message = message("cover", body);
        let whole = datagram(5060, 5080, &message);
        let mut parts: Vec<(usize, usize)> = (0..whole.len()).step_by(256).map(|at| (at, at + 256)).collect();
        parts.extend(cuts.iter().map(|(at, len)| (at * 8, (at + len) * 8)));
        parts.retain(|(at, _)| *at < whole.len());
        for i in (1..parts.len()).rev() {
            parts.swap(i, seed[i % seed.len()].index(i + 1));
        }
        let mut tap = Tap::new();
        for (at, end) in parts {
            let more = if end < whole.len() { 0x2000 } else { 0 };
            let place = more | u16::try_from(at / 8).unwrap();
            tap.ip(&v4_fragment(1, place, &whole[at..end.min(whole.len())]));
        }
        prop_assert!(tap.got.iter().all(|got| got.payload == message));
        prop_assert!(!tap.got.is_empty());
    }
}

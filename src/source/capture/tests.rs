use std::io::Cursor;

use proptest::prelude::*;

use super::super::samples::{
    MICROS, MODIFIED, NANOS, Ng, Seen, Trickle, as_seen, drain, open, pcap, read, simple_pcap,
};
use super::*;
use crate::limits;
use crate::wire::pcap::Order;

fn fault_of(file: &[u8]) -> (u64, String) {
    let damage = read(file).1.expect("damage");
    assert!(!damage.compressed);
    (damage.offset, damage.what)
}

fn refusal_of(file: &[u8]) -> Refusal {
    let opened = Capture::open(Box::new(Cursor::new(file.to_vec())), TapId(0), "x");
    opened.err().expect("a refusal")
}

#[test]
fn pcap_is_read_in_every_form_and_byte_order() {
    for order in [Order::Little, Order::Big] {
        for (magic, fraction) in [(MICROS, 5), (NANOS, 5_999), (MODIFIED, 5)] {
            let file = pcap(order, magic, &[(7, fraction, b"one"), (8, 0, b""), (9, 0, b"three")]);
            let expected = vec![
                (1, 7_000_005, 1, b"one".to_vec(), 3),
                (2, 8_000_000, 1, b"".to_vec(), 0),
                (3, 9_000_000, 1, b"three".to_vec(), 5),
            ];
            assert_eq!(read(&file), (expected, None), "{order:?} {magic:x}");
        }
    }
}

/// Reads a file while every second packet that is asked for is let go: all packets, and the damage.
fn read_letting_go(file: &[u8], until: Timestamp) -> (Vec<Seen>, Option<Damage>) {
    let mut capture = Capture::with_buffer(Box::new(Cursor::new(file.to_vec())), TapId(0), "call.pcap", 100)
        .expect("opens");
    let mut seen = Vec::new();
    loop {
        let step = capture.advance_unless(until, |packet| {
            assert!(packet.at < until);
            let lets_go = packet.frame.n.is_multiple_of(2);
            seen.extend(lets_go.then(|| as_seen(packet)));
            lets_go
        });
        match step {
            Step::Packet(_) => seen.push(as_seen(&capture.packet().expect("a packet"))),
            Step::End => return (seen, None),
            Step::Damage(damage) => return (seen, Some(damage)),
        }
    }
}

#[test]
fn whether_packets_are_let_go_or_not_each_is_seen_once_in_its_place() {
    let pcap = simple_pcap(&[(1, 0, b"one"), (2, 0, b"two"), (3, 0, b"three"), (4, 0, b"four")]);
    let ng = Ng::new(Order::Big).interface(1, 0, &[]).enhanced(0, 1_000_000, b"one").simple(3, b"two");
    let ng = ng.enhanced(0, 2_000_000, b"three").block(77, b"skipped").enhanced(0, 3_000_000, b"four").bytes;
    for file in [pcap, ng] {
        for len in 28..=file.len() {
            for secs in [0, 3, 9] {
                let got = read_letting_go(&file[..len], Timestamp::from_parts(secs, 0));
                assert_eq!(got, read(&file[..len]), "cut at {len}");
            }
        }
    }
}

#[test]
fn a_capture_with_a_header_only_has_no_packets_and_no_damage() {
    assert_eq!(read(&simple_pcap(&[])), (vec![], None));
    assert_eq!(read(&Ng::new(Order::Big).bytes), (vec![], None));
}

#[test]
fn packets_that_go_back_in_time_keep_the_order_of_the_file() {
    let (seen, _) = read(&simple_pcap(&[(9, 0, b"a"), (7, 0, b"b"), (8, 0, b"c")]));
    let times: Vec<_> = seen.iter().map(|packet| packet.1).collect();
    assert_eq!(times, [9_000_000, 7_000_000, 8_000_000]);
}

#[test]
fn a_pcap_cut_anywhere_gives_its_whole_records_and_the_offset_of_the_broken_one() {
    let file = simple_pcap(&[(1, 0, b"first"), (2, 0, b"second")]);
    let starts = [24, 24 + 16 + 5, file.len()];
    for len in 24..=file.len() {
        let (seen, damage) = read(&file[..len]);
        let whole = starts.iter().filter(|start| **start <= len).count() - 1;
        assert_eq!(seen.len(), whole, "cut at {len}");
        let at_record = starts.contains(&len);
        assert_eq!(damage.map(|damage| damage.offset), (!at_record).then_some(starts[whole] as u64));
    }
}

#[test]
fn a_pcapng_cut_anywhere_gives_its_whole_blocks_and_the_offset_of_the_broken_one() {
    let whole = |ng: Ng| ng.bytes.len();
    let start = || Ng::new(Order::Little).interface(1, 0, &[]).enhanced(0, 1, b"first");
    let file = start().block(77, b"skipped").enhanced(0, 2, b"second").bytes;
    let blocks = [
        whole(Ng::new(Order::Little)),
        whole(Ng::new(Order::Little).interface(1, 0, &[])),
        whole(start()),
        whole(start().block(77, b"skipped")),
        file.len(),
    ];
    for len in 12..=file.len() {
        let (seen, damage) = read(&file[..len]);
        let expected = usize::from(len >= blocks[2]) + usize::from(len == file.len());
        assert_eq!(seen.len(), expected, "cut at {len}");
        let before = blocks.iter().rev().find(|end| **end <= len).copied().unwrap_or(0);
        assert_eq!(damage.map(|damage| damage.offset), (before != len).then_some(before as u64), "{len}");
    }
}

#[test]
fn packets_without_a_time_are_remarked_unless_one_before_them_has_one() {
    let start = || Ng::new(Order::Little).interface(1, 0, &[]);
    let remarks = |file: Ng| {
        let mut capture = open(file.bytes);
        assert_eq!(drain(&mut capture).1, None);
        capture.remarks().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let told = remarks(start().simple(1, b"a").simple(1, b"b").enhanced(0, 9, b"c").simple(1, b"d"));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("call.pcap: 2 packets carry no time"), "{told:?}");
    assert!(remarks(start().enhanced(0, 9, b"c").simple(1, b"d")).is_empty());
}

#[test]
fn damage_says_what_is_missing_and_is_told_once() {
    let file = simple_pcap(&[(1, 0, b"first")]);
    let mut capture = open(file[..file.len() - 2].to_vec());
    let (_, damage) = drain(&mut capture);
    assert_eq!(
        damage.expect("damage").to_string(),
        "call.pcap: damaged at byte 24: ends after 19 of 21 bytes; what is before it was read"
    );
    assert_eq!(drain(&mut capture), (vec![], None));
}

#[test]
fn a_cut_file_header_is_damage_not_a_stranger() {
    let file = simple_pcap(&[]);
    assert_eq!(fault_of(&file[..10]), (0, "ends after 10 of 24 bytes".into()));
    let file = Ng::new(Order::Little).bytes;
    assert_eq!(fault_of(&file[..6]), (0, "ends after 6 of 8 bytes".into()));
    assert_eq!(fault_of(&file[..9]), (0, "ends after 9 of 12 bytes".into()));
}

#[test]
fn an_absurd_record_length_is_damage_and_allocates_nothing() {
    let mut file = simple_pcap(&[(1, 0, b"ok"), (2, 0, b"bad")]);
    file[24 + 18 + 8..24 + 18 + 12].fill(0xff);
    assert_eq!(fault_of(&file), (42, "record says 4294967295 bytes, more than 262144".into()));
    let mut capture = open(file);
    drain(&mut capture);
    assert_eq!(capture.window.capacity(), BUFFER);
}

#[test]
fn the_largest_packet_allowed_is_read() {
    let large = vec![7; limits::PACKET as usize];
    let (seen, damage) = read(&simple_pcap(&[(1, 0, &large), (2, 0, b"next")]));
    assert_eq!((seen.len(), seen[0].3.len(), damage), (2, 262_144, None));
    let file = Ng::new(Order::Big).interface(1, 0, &[]).enhanced(0, 1, &large).enhanced(0, 2, b"next").bytes;
    let (seen, damage) = read(&file);
    assert_eq!((seen.len(), seen[0].3.len(), damage), (2, 262_144, None));
}

#[test]
fn an_unknown_pcap_version_is_damage_at_the_start() {
    let mut file = simple_pcap(&[(1, 0, b"x")]);
    file[4] = 9;
    assert_eq!(fault_of(&file), (0, "pcap version 9, only 2 is known".into()));
}

#[test]
fn snapped_packets_keep_their_length_on_the_wire() {
    let mut file = simple_pcap(&[(1, 0, b"abc")]);
    file[24 + 12] = 200;
    assert_eq!(read(&file).0[0].4, 200);
}

#[test]
fn pcapng_interfaces_have_their_own_link_types_and_clocks() {
    let file = Ng::new(Order::Little)
        .interface(1, 0, &[])
        .interface(113, 0, &[(9, &[9]), (14, &1_000_i64.to_le_bytes())])
        .interface(276, 0, &[(2, b"eth1"), (9, &[0x80 | 10])])
        .enhanced(0, 5_000_000, b"a")
        .enhanced(1, 5_000_001_999, b"bb")
        .enhanced(2, 1_536, b"ccc")
        .bytes;
    let expected = vec![
        (1, 5_000_000, 1, b"a".to_vec(), 1),
        (2, 1_005_000_001, 113, b"bb".to_vec(), 2),
        (3, 1_500_000, 276, b"ccc".to_vec(), 3),
    ];
    assert_eq!(read(&file), (expected, None));
}

#[test]
fn a_new_section_brings_its_own_byte_order_and_forgets_interfaces() {
    let two = Ng::new(Order::Little)
        .interface(1, 0, &[])
        .enhanced(0, 1, b"little")
        .section(Order::Big)
        .interface(113, 0, &[(9, &[3])])
        .enhanced(0, 2, b"big");
    let expected = vec![(1, 1, 1, b"little".to_vec(), 6), (2, 2_000, 113, b"big".to_vec(), 3)];
    assert_eq!(read(&two.bytes), (expected, None));
    let three = two.section(Order::Little);
    let offset = three.bytes.len() as u64;
    let file = three.enhanced(0, 3, b"nobody").bytes;
    assert_eq!(fault_of(&file), (offset, "packet of interface 0, which is not described".into()));
}

#[test]
fn blocks_without_packets_are_passed_over_however_long() {
    let long = vec![1; 3 << 20];
    let mut capture = open(
        Ng::new(Order::Little)
            .block(0xbad, b"custom")
            .interface(1, 0, &[])
            .block(5, &[0; 12])
            .block(0x4000_0bad, &long)
            .enhanced(0, 1, b"a")
            .bytes,
    );
    let (seen, damage) = drain(&mut capture);
    assert_eq!((seen.len(), damage), (1, None));
    assert_eq!(capture.window.capacity(), BUFFER);
}

#[test]
fn simple_packets_are_cut_at_the_snap_length_and_take_the_time_before() {
    let file = Ng::new(Order::Big)
        .interface(1, 4, &[])
        .enhanced(0, 77, b"x")
        .simple(9, b"abcd")
        .simple(3, b"xyz")
        .bytes;
    let (seen, damage) = read(&file);
    assert_eq!(damage, None);
    assert_eq!(seen[1], (2, 77, 1, b"abcd".to_vec(), 9));
    assert_eq!(seen[2], (3, 77, 1, b"xyz".to_vec(), 3));
}

#[test]
fn obsolete_packet_blocks_are_read() {
    let file =
        Ng::new(Order::Little).interface(1, 0, &[]).interface(113, 0, &[]).obsolete(1, 500, 42, b"old").bytes;
    assert_eq!(read(&file), (vec![(1, 42, 113, b"old".to_vec(), 3)], None));
}

#[test]
fn blocks_whose_lengths_lie_are_damage_where_they_begin() {
    let start = Ng::new(Order::Little).interface(1, 0, &[]).bytes;
    let at = start.len();
    let lies = |offset: usize, value: u32| {
        let mut file =
            Ng::new(Order::Little).interface(1, 0, &[]).enhanced(0, 1, b"four").enhanced(0, 2, b"next").bytes;
        file[at + offset..at + offset + 4].copy_from_slice(&value.to_le_bytes());
        fault_of(&file)
    };
    let what = |text: &str| (at as u64, text.to_owned());
    assert_eq!(lies(4, 0), what("block says 0 bytes, not a multiple of 4 from 12 up"));
    assert_eq!(lies(4, 35), what("block says 35 bytes, not a multiple of 4 from 12 up"));
    assert_eq!(lies(4, 32), what("block says 32 bytes, at its end 1920298854"));
    assert_eq!(lies(32, 40), what("block says 36 bytes, at its end 40"));
    assert_eq!(lies(4, 0xffff_fffc), what("block says 4294967292 bytes, more than 1048576"));
    assert_eq!(lies(20, 5), what("packet says 5 bytes, more than its block has"));
    assert_eq!(lies(20, u32::MAX), what("packet says 4294967295 bytes, more than 262144"));
    assert_eq!(lies(0, 0x0a0d_0d0a), what("section header has no byte order mark"));
}

#[test]
fn a_skipped_block_that_claims_four_gigabytes_is_damage_where_it_begins() {
    let start = Ng::new(Order::Little).bytes;
    let mut file = Ng::new(Order::Little).block(99, b"tiny").bytes;
    file[start.len() + 4..start.len() + 8].copy_from_slice(&0xffff_fff0_u32.to_le_bytes());
    let what = "ends after 16 of 4294967280 bytes".to_owned();
    assert_eq!(fault_of(&file), (start.len() as u64, what));
    let mut file = Ng::new(Order::Little).block(99, b"tiny").bytes;
    file[start.len() + 12] = 20;
    assert_eq!(fault_of(&file), (start.len() as u64, "block says 16 bytes, at its end 20".into()));
}

#[test]
fn a_section_cannot_have_endless_interfaces() {
    let mut ng = Ng::new(Order::Little);
    for _ in 0..limits::PCAPNG_INTERFACES {
        ng = ng.interface(1, 0, &[]);
    }
    assert_eq!(read(&ng.bytes), (vec![], None));
    let offset = ng.bytes.len() as u64;
    let what = "more than 65536 interfaces in a section".to_owned();
    assert_eq!(fault_of(&ng.interface(1, 0, &[]).bytes), (offset, what));
}

#[test]
fn what_is_no_capture_is_refused_with_its_first_bytes() {
    assert!(matches!(refusal_of(b""), Refusal::Empty));
    assert!(matches!(refusal_of(b"{\"a\": 1, \"b\": 2}"), Refusal::NotACapture(s) if s == r#"{\"a\": 1,"#));
    assert!(matches!(refusal_of(b"\x1b["), Refusal::NotACapture(s) if s == r"\x1b["));
    let not_ng = b"\x0a\x0d\x0d\x0a\0\0\0\x1cABCD";
    assert!(matches!(refusal_of(not_ng), Refusal::NotACapture(_)));
}

#[test]
fn a_stream_that_comes_byte_by_byte_reads_the_same() {
    let file = Ng::new(Order::Big).interface(1, 0, &[]).enhanced(0, 1, b"a").block(9, b"skip").bytes;
    for file in [file, simple_pcap(&[(1, 2, b"abc"), (3, 4, b"defg")])] {
        let slow = Box::new(Trickle(Cursor::new(file.clone())));
        let mut slow = Capture::open(slow, TapId(0), "call.pcap").expect("a capture");
        assert_eq!(drain(&mut slow), read(&file));
    }
}

#[test]
fn a_failing_disk_is_damage_with_its_own_words() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    let file = Cursor::new(simple_pcap(&[(1, 0, b"ok"), (2, 0, b"lost")])).take(50);
    let mut capture = Capture::open(Box::new(file.chain(Failing)), TapId(3), "a").expect("a capture");
    let (seen, damage) = drain(&mut capture);
    let damage = damage.expect("damage");
    assert_eq!((seen.len(), damage.tap, damage.offset), (1, TapId(3), 42));
    assert_eq!(damage.what, "the disk is gone");
}

/// Files that begin well, so that random bytes get past the first check.
fn begun() -> impl Strategy<Value = Vec<u8>> {
    let ng = |order| Ng::new(order).interface(1, 96, &[]).enhanced(0, 1, b"a").simple(3, b"abc").bytes;
    prop_oneof![
        Just(vec![]),
        Just(simple_pcap(&[(1, 2, b"abc")])),
        Just(pcap(Order::Big, MODIFIED, &[(1, 2, b"abc")])),
        Just(ng(Order::Little)),
        Just(ng(Order::Big)),
        Just(vec![0x1f, 0x8b, 8, 0]),
        Just(vec![0x28, 0xb5, 0x2f, 0xfd]),
    ]
}

proptest! {
    #[test]
    fn any_bytes_end_without_panic_and_within_the_buffer(
        begun in begun(),
        noise in proptest::collection::vec(any::<u8>(), 0..300),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut file = [begun, noise].concat();
        for (at, value) in flips {
            if !file.is_empty() {
                let at = at.index(file.len());
                file[at] = value;
            }
        }
        let len = file.len() as u64;
        if let Ok(mut capture) = Capture::open(Box::new(Cursor::new(file)), TapId(0), "x") {
            let (seen, damage) = drain(&mut capture);
            prop_assert!(seen.len() as u64 <= len);
            prop_assert!(damage.is_none_or(|damage| damage.compressed || damage.offset <= len));
            prop_assert!(capture.window.capacity() <= limits::PCAPNG_BLOCK as usize);
        }
    }

    #[test]
    fn random_lengths_in_blocks_never_grow_the_buffer_beyond_its_limit(
        kinds in proptest::collection::vec((0_u32..8, 0_u32..2_000_000), 1..8),
    ) {
        let mut file = Ng::new(Order::Little).interface(1, 0, &[]).bytes;
        for (kind, len) in kinds {
            file.extend(kind.to_le_bytes());
            file.extend((len & !3).to_le_bytes());
            file.extend([0; 40]);
        }
        let mut capture = open(file);
        drain(&mut capture);
        prop_assert!(capture.window.capacity() <= limits::PCAPNG_BLOCK as usize);
    }
}

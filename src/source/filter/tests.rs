use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Runs a program as the kernel does: whether it lets the packet through.
fn passes(program: &[Instruction], packet: &[u8]) -> bool {
    let (mut a, mut x, mut memory, mut at) = (0_u32, 0_u32, [0_u32; 16], 0);
    loop {
        let Instruction { code, yes, no, k } = program[at];
        at += 1;
        let place = match code {
            HALF_X | BYTE_X => x.wrapping_add(k) as usize,
            _ => k as usize,
        };
        match code {
            LOAD => a = k,
            HALF_AT | HALF_X => match packet.get(place..).and_then(|rest| rest.first_chunk()) {
                Some(half) => a = u32::from(u16::from_be_bytes(*half)),
                None => return false,
            },
            BYTE_AT | BYTE_X => match packet.get(place) {
                Some(byte) => a = u32::from(*byte),
                None => return false,
            },
            LOAD_X => x = k,
            STORE => memory[k as usize] = a,
            RECALL => a = memory[k as usize],
            TO_X => x = a,
            ADD_X => a = a.wrapping_add(x),
            AND => a &= k,
            SHIFT_LEFT => a <<= k,
            SHIFT_RIGHT => a >>= k,
            ALWAYS => at += k as usize,
            EQUAL => at += usize::from(if a == k { yes } else { no }),
            GREATER => at += usize::from(if a > k { yes } else { no }),
            ANY_BIT => at += usize::from(if a & k != 0 { yes } else { no }),
            RETURN => return k > 0,
            code => panic!("instruction {code:#x}"),
        }
    }
}

fn udp(src: u16, dst: u16, payload: &[u8]) -> Vec<u8> {
    let mut udp = [src.to_be_bytes(), dst.to_be_bytes(), [0, 0], [0, 0]].concat();
    udp.extend(payload);
    udp
}

fn tcp(src: u16, dst: u16) -> Vec<u8> {
    let mut tcp = [src.to_be_bytes(), dst.to_be_bytes()].concat();
    tcp.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 0, 0, 0, 0, 0, 0]);
    tcp.extend(b"BYE");
    tcp
}

/// An IPv4 packet with `options` words of options and that fragment field.
fn v4(proto: u8, options: u8, fragment: u16, inside: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45 + options, 0, 0, 0, 0, 0];
    packet.extend(fragment.to_be_bytes());
    packet.extend([64, proto, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
    packet.extend(vec![1; usize::from(options) * 4]);
    packet.extend(inside);
    packet
}

fn v6(proto: u8, inside: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0, 0, 0, proto, 64];
    packet.extend([0x20; 32]);
    packet.extend(inside);
    packet
}

/// An Ethernet frame with these types before what it carries.
fn ethernet(types: &[u16], inside: &[u8]) -> Vec<u8> {
    let mut frame = vec![2; 12];
    for (n, kind) in types.iter().enumerate() {
        frame.extend(kind.to_be_bytes());
        if n + 1 < types.len() {
            frame.extend([0, 100]);
        }
    }
    frame.extend(inside);
    frame
}

/// Whether an IPv4 packet passes, which it must alike without Ethernet, and in IPv6.
fn ip_passes(wanted: &Wanted, proto: u8, inside: &[u8]) -> bool {
    let with = |framing| program(framing, wanted);
    let (frames, packets) = (with(Framing::Ethernet), with(Framing::Ip));
    let passed = passes(&packets, &v4(proto, 0, 0, inside));
    assert_eq!(passed, passes(&frames, &ethernet(&[0x0800], &v4(proto, 0, 0, inside))));
    assert_eq!(passed, passes(&frames, &ethernet(&[0x0800], &v4(proto, 10, 0, inside))));
    assert_eq!(passed, passes(&frames, &ethernet(&[0x8100, 0x0800], &v4(proto, 3, 0, inside))));
    assert_eq!(passed, passes(&frames, &ethernet(&[0x86dd], &v6(proto, inside))));
    assert_eq!(passed, passes(&frames, &ethernet(&[0x88a8, 0x86dd], &v6(proto, inside))));
    passed
}

const RTP: [u8; 12] = [0x80, 0, 0, 1, 0, 0, 0, 9, 1, 2, 3, 4];

#[test]
fn sip_passes_on_any_port_and_other_udp_does_not() {
    for payload in [&b"INVITE sip:1@pbx SIP/2.0"[..], b"sip", b"\r\n\r\n", b"HEP3", b"~", b"!"] {
        assert!(ip_passes(&Wanted::None, 17, &udp(40_000, 5_060, payload)), "{payload:?}");
        assert!(ip_passes(&Wanted::None, 17, &udp(1, 65_535, payload)), "{payload:?}");
    }
    for payload in [&b""[..], b"\0\0\0\0", b" ", b"\x7f", b"\xc0\xff", b"\x16\xfe\xff"] {
        assert!(!ip_passes(&Wanted::All, 17, &udp(5_060, 5_060, payload)), "{payload:?}");
    }
    for port in MOTLEY {
        assert!(!ip_passes(&Wanted::All, 17, &udp(port as u16, 40_000, b"A")), "{port}");
        assert!(!ip_passes(&Wanted::All, 17, &udp(40_000, port as u16, b"A")), "{port}");
    }
}

#[test]
fn rtp_passes_as_it_is_wanted() {
    let to = |port| udp(20_000, port, &RTP);
    assert!(!ip_passes(&Wanted::None, 17, &to(30_000)));
    assert!(ip_passes(&Wanted::All, 17, &to(30_000)));
    let two = Wanted::Ports(BTreeSet::from([30_000, 30_002]));
    assert!(ip_passes(&two, 17, &to(30_000)) && ip_passes(&two, 17, &to(30_002)));
    assert!(!ip_passes(&two, 17, &to(20_000)) && !ip_passes(&two, 17, &udp(30_000, 20_000, &RTP)));
    assert!(!ip_passes(&Wanted::Ports(BTreeSet::new()), 17, &to(30_000)));
}

#[test]
fn as_many_ports_as_are_told_apart_fit_and_more_are_all() {
    let most: BTreeSet<u16> = (0..MOST_PORTS as u16).map(|n| 10_000 + 2 * n).collect();
    let wanted = Wanted::Ports(most.clone());
    assert!(program(Framing::Ethernet, &wanted).len() > MOST_PORTS);
    for port in &most {
        assert!(ip_passes(&wanted, 17, &udp(1, *port, &RTP)), "{port}");
    }
    assert!(!ip_passes(&wanted, 17, &udp(1, 10_001, &RTP)));
    assert!(ip_passes(&wanted, 17, &udp(1, 10_000, b"BYE")) && ip_passes(&wanted, 6, &tcp(1, 5_060)));
    let more = Wanted::Ports(most.into_iter().chain([9]).collect());
    assert!(ip_passes(&more, 17, &udp(1, 10_001, &RTP)));
}

#[test]
fn tcp_passes_but_of_ports_that_carry_no_sip() {
    for port in [5_060, 80, 8_088, 5_061, 40_000, 9_060] {
        assert!(ip_passes(&Wanted::None, 6, &tcp(50_000, port)), "{port}");
    }
    for port in SILENT {
        assert!(!ip_passes(&Wanted::None, 6, &tcp(50_000, port as u16)), "{port}");
        assert!(!ip_passes(&Wanted::None, 6, &tcp(port as u16, 50_000)), "{port}");
    }
}

#[test]
fn fragments_pass_first_or_not() {
    let program = program(Framing::Ethernet, &Wanted::None);
    for fragment in [0x2000, 0x2001, 0x0001, 0x1fff] {
        for inside in [&udp(1, 2, &RTP)[..], b"", b"\xff"] {
            assert!(passes(&program, &ethernet(&[0x0800], &v4(17, 0, fragment, inside))), "{fragment:x}");
        }
    }
    assert!(!passes(&program, &ethernet(&[0x0800], &v4(17, 0, 0x4000, &udp(1, 2, &RTP)))));
    assert!(passes(&program, &ethernet(&[0x86dd], &v6(44, b"\x11\0\0\x01"))));
}

#[test]
fn tunnels_pass() {
    for proto in [4, 41, 47, 137] {
        assert!(ip_passes(&Wanted::None, proto, b""), "{proto}");
    }
    for port in TUNNELS {
        assert!(ip_passes(&Wanted::None, 17, &udp(40_000, port as u16, &[8, 0, 0, 0])), "{port}");
    }
    for proto in [1, 2, 58, 89, 132] {
        assert!(!ip_passes(&Wanted::All, proto, b"INVITE"), "{proto}");
    }
}

#[test]
fn what_the_filter_does_not_look_into_passes_and_what_is_no_ip_does_not() {
    let program = program(Framing::Ethernet, &Wanted::None);
    for types in
        [&[0x8100, 0x8100][..], &[0x88a8, 0x8864], &[0x8847], &[0x8864], &[0x8926], &[0x6558], &[100]]
    {
        assert!(passes(&program, &ethernet(types, &[0; 60])), "{types:x?}");
    }
    for kind in [0x0806, 0x88cc, 0x88e1, 1_501] {
        assert!(!passes(&program, &ethernet(&[kind], &[0; 60])), "{kind:x}");
    }
}

#[test]
fn every_jump_ends_at_an_instruction() {
    for framing in [Framing::Ethernet, Framing::Ip] {
        for wanted in [Wanted::None, Wanted::All, Wanted::Ports((1..=100).collect())] {
            let program = program(framing, &wanted);
            for (at, step) in program.iter().enumerate() {
                let furthest =
                    if step.code == ALWAYS { step.k as usize } else { usize::from(step.yes.max(step.no)) };
                let jumps = matches!(step.code, ALWAYS | EQUAL | GREATER | ANY_BIT);
                assert!(!jumps || at + 1 + furthest < program.len());
            }
            assert_eq!(program.last().map(|last| last.code), Some(RETURN));
        }
    }
}

proptest! {
    #[test]
    fn any_packet_is_judged(packet in proptest::collection::vec(any::<u8>(), 0..120)) {
        for framing in [Framing::Ethernet, Framing::Ip] {
            passes(&program(framing, &Wanted::All), &packet);
        }
    }
}

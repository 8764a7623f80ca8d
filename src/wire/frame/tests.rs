use proptest::prelude::*;

use super::samples::*;
use super::*;

const SIP: &[u8] = b"OPTIONS sip:a SIP/2.0\r\n\r\n";

fn inner() -> Vec<u8> {
    udp_ip(host(1, 5060), host(2, 5061), SIP)
}

fn inner6() -> Vec<u8> {
    udp_ip(host6(1, 5060), host6(2, 5061), SIP)
}

fn read(link: u16, bytes: &[u8]) -> Result<IpPacket<'_>, Skip> {
    decode(LinkType(link), bytes, u32::try_from(bytes.len()).unwrap())
}

/// Follows tunnels down to UDP and returns the payload with the depth it was found at.
fn dig<'a>(packet: Result<IpPacket<'a>, Skip>) -> Result<(&'a [u8], u8), Skip> {
    let packet = packet?;
    if packet.proto != 17 {
        return dig(open(&packet).unwrap_or(Err(Skip::NotIp)));
    }
    let udp = udp(packet.payload).ok_or(Skip::Malformed)?;
    match open_udp(&packet, udp.dst, udp.payload) {
        Some(inner) => dig(inner),
        None => Ok((udp.payload, packet.depth)),
    }
}

fn udp_in(link: u16, bytes: &[u8]) -> Result<&[u8], Skip> {
    dig(read(link, bytes)).map(|(payload, _)| payload)
}

#[test]
fn every_link_layer_leads_to_the_datagram() {
    let sll = |kind: u16| join(&[&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0], &kind.to_be_bytes()]);
    let sll2 = |kind: u16| join(&[&kind.to_be_bytes(), &[0; 18]]);
    let llc = join(&[&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &inner()]);
    let frames: Vec<(u16, Vec<u8>)> = vec![
        (1, framed(&inner())),
        (1, framed(&inner6())),
        (1, ethernet(u16::try_from(llc.len()).unwrap(), &llc)),
        (1, ethernet(60, &join(&[&[6, 6, 3], &inner()]))),
        (113, join(&[&sll(0x0800), &inner()])),
        (113, join(&[&sll(0x86dd), &inner6()])),
        (113, join(&[&sll(0x8100), &tag(20, 0x0800, &inner())])),
        (113, join(&[&sll(4), &llc])),
        (276, join(&[&sll2(0x0800), &inner()])),
        (276, join(&[&sll2(0x88a8), &tag(1, 0x8100, &tag(2, 0x86dd, &inner6()))])),
        (0, join(&[&[2, 0, 0, 0], &inner()])),
        (0, join(&[&[0, 0, 0, 2], &inner()])),
        (0, join(&[&[30, 0, 0, 0], &inner6()])),
        (0, join(&[&[0, 0, 0, 24], &inner6()])),
        (108, join(&[&[0, 0, 0, 28], &inner6()])),
        (9, join(&[&[0xff, 3, 0, 0x21], &inner()])),
        (9, join(&[&[0x21], &inner()])),
        (9, join(&[&[0, 0x57], &inner6()])),
        (50, join(&[&[0xff, 3, 0, 0x57], &inner6()])),
        (50, join(&[&[0x0f, 0, 8, 0], &inner()])),
        (1, ethernet(0x8864, &join(&[&[0x11, 0, 0, 7, 0, 60, 0, 0x21], &inner()]))),
        (51, join(&[&[0x11, 0, 0, 7, 0, 60, 0, 0x57], &inner6()])),
    ];
    for (i, (link, bytes)) in frames.iter().enumerate() {
        assert_eq!(udp_in(*link, bytes), Ok(SIP), "frame {i} of link type {link}");
    }
    for link in [12, 14, 101, 228, 229] {
        assert_eq!(udp_in(link, &inner()), Ok(SIP));
        assert_eq!(udp_in(link, &inner6()), Ok(SIP));
    }
}

#[test]
fn tags_may_be_stacked_in_any_mix() {
    let mut bytes = tag(1, 0x0800, &inner());
    for kind in [0x8100, 0x88a8, 0x9100, 0x8100, 0x9200] {
        bytes = tag(7, kind, &bytes);
    }
    assert_eq!(udp_in(1, &ethernet(0x88a8, &bytes)), Ok(SIP));
    let vn = join(&[&[0, 0, 0, 0, 0x81, 0], &tag(3, 0x0800, &inner())]);
    assert_eq!(udp_in(1, &ethernet(0x8926, &vn)), Ok(SIP));
}

#[test]
fn every_tunnel_is_opened() {
    let frame = framed(&inner());
    let gre_kinds: Vec<Vec<u8>> = vec![
        gre(0, 0x0800, &[], &inner()),
        gre(0x8000, 0x86dd, &[1], &inner6()),
        gre(0x2000, 0x0800, &[1], &inner()),
        gre(0xb000, 0x0800, &[1, 2, 3], &inner()),
        gre(0x4000, 0x0800, &[0, 0x0800_0004, 0x0a00_0001, 0], &inner()),
        gre(0x2000, 0x6558, &[0x42], &frame),
        gre(0x1000, 0x88be, &[9, 0x1001_0001, 0], &frame),
        gre(0, 0x88be, &[], &frame),
        gre(0x1000, 0x22eb, &[9, 0x2001_0001, 0, 0], &frame),
        gre(0x1000, 0x22eb, &[9, 0x2001_0001, 0, 1, 0, 0], &frame),
        gre(0x1000, 0x22eb, &[9, 0x2001_0001, 0, 0x0800], &inner()),
        gre(0, 0x8847, &[0x0001_0140], &inner()),
        gre(0x3081, 0x880b, &[0x0040_0001, 1, 2], &join(&[&[0xff, 3, 0, 0x21], &inner()])),
    ];
    for (i, gre) in gre_kinds.iter().enumerate() {
        let outer = framed(&ip(host(8, 0).ip(), host(9, 0).ip(), 47, gre));
        assert_eq!(dig(read(1, &outer)), Ok((SIP, 1)), "GRE {i}");
    }
    for (proto, bytes) in [(4, inner()), (41, inner6())] {
        let outer = framed(&ip(host6(8, 0).ip(), host6(9, 0).ip(), proto, &bytes));
        assert_eq!(dig(read(1, &outer)), Ok((SIP, 1)));
    }
    let gtp = [
        join(&[&[0x30, 255, 0, 0, 0, 0, 0, 1], &inner()]),
        join(&[&[0x32, 255, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0], &inner6()]),
        join(&[&[0x34, 255, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0, 9, 0xc0, 1, 1, 1, 0], &inner()]),
    ];
    for payload in gtp {
        let outer = framed(&udp_ip(host(8, 2152), host(9, 2152), &payload));
        assert_eq!(dig(read(1, &outer)), Ok((SIP, 1)));
    }
    for port in [4789, 8472] {
        let outer = framed(&udp_ip(host(8, 50_000), host(9, port), &vxlan(&frame)));
        assert_eq!(dig(read(1, &outer)), Ok((SIP, 1)));
    }
}

#[test]
fn labels_carry_ip_or_ethernet() {
    let stack = [0, 1, 0, 64, 0, 2, 0x21, 64];
    let ethernet_in = framed(&inner());
    for inside in [inner(), inner6(), ethernet_in.clone(), join(&[&[0; 4], &ethernet_in])] {
        assert_eq!(udp_in(1, &ethernet(0x8847, &join(&[&stack, &inside]))), Ok(SIP));
    }
}

#[test]
fn qinq_in_vxlan_in_gre_is_reached() {
    let qinq = ethernet(0x88a8, &tag(1, 0x8100, &tag(2, 0x86dd, &inner6())));
    let vxlan = framed(&udp_ip(host(3, 1), host(4, 4789), &vxlan(&qinq)));
    let outer = framed(&ip(host6(8, 0).ip(), host6(9, 0).ip(), 47, &gre(0x2000, 0x6558, &[1], &vxlan)));
    assert_eq!(dig(read(1, &outer)), Ok((SIP, 2)));
}

#[test]
fn eight_tunnels_are_opened_and_nine_are_not() {
    let nest = |n: usize| (0..n).fold(inner(), |p, _| ip(host(1, 0).ip(), host(2, 0).ip(), 4, &p));
    assert_eq!(dig(read(1, &framed(&nest(8)))), Ok((SIP, 8)));
    assert_eq!(dig(read(1, &framed(&nest(9)))), Err(Skip::TooDeep));
    let wires =
        (0..9).fold(framed(&inner()), |f, _| ethernet(0x8847, &join(&[&[0, 0, 1, 1, 0, 0, 0, 0], &f])));
    assert_eq!(dig(read(1, &wires)), Err(Skip::TooDeep));
}

#[test]
fn a_tunnel_port_with_something_else_is_a_datagram() {
    for (port, payload) in [(4789, SIP), (2152, SIP), (4789, &[8, 0, 0, 0, 0, 0, 0, 0, 1][..])] {
        let frame = framed(&udp_ip(host(1, 5060), host(2, port), payload));
        assert_eq!(udp_in(1, &frame), Ok(payload));
    }
}

#[test]
fn ip_lengths_cut_the_padding_and_tell_what_is_missing() {
    let padded = join(&[&framed(&inner()), &[0; 18]]);
    assert_eq!(udp_in(1, &padded), Ok(SIP));
    let short = framed(&inner());
    let cut = read(1, &short[..short.len() - 5]).unwrap();
    assert_eq!((cut.missing, udp(cut.payload).unwrap().payload), (5, &SIP[..SIP.len() - 5]));
    let mut offloaded = framed(&inner());
    offloaded[16..18].fill(0);
    let whole = read(1, &offloaded).unwrap();
    assert_eq!((whole.missing, udp(whole.payload).unwrap().payload), (0, SIP));
    let snapped = decode(LinkType(1), &offloaded, 90).unwrap();
    assert_eq!(snapped.missing, 90 - u32::try_from(offloaded.len()).unwrap());
}

#[test]
fn udp_lengths_that_lie_take_what_is_there() {
    for stated in [0u16, 7, 500, 65_535] {
        let mut bytes = datagram(1, 2, SIP);
        bytes[4..6].copy_from_slice(&stated.to_be_bytes());
        assert_eq!(udp(&bytes).unwrap().payload, SIP, "{stated}");
    }
    let mut bytes = datagram(1, 2, SIP);
    bytes[4..6].copy_from_slice(&12u16.to_be_bytes());
    assert_eq!(udp(&bytes).unwrap().payload, &SIP[..4]);
}

#[test]
fn ipv4_options_are_skipped() {
    let mut packet = inner();
    packet[0] = 0x47;
    packet[3] += 8;
    packet.splice(20..20, [1, 1, 1, 1, 1, 1, 1, 0]);
    assert_eq!(udp_in(1, &framed(&packet)), Ok(SIP));
}

#[test]
fn ipv6_extension_headers_are_walked() {
    let last = datagram(5060, 5061, SIP);
    let chain = join(&[
        &[43, 0, 0, 0, 0, 0, 0, 0],
        &[60, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[51, 0, 1, 4, 0, 0, 0, 0],
        &[44, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[17, 0, 0, 0, 0, 0, 0, 9],
        &last,
    ]);
    let packet = ip(host6(1, 0).ip(), host6(2, 0).ip(), 0, &chain);
    assert_eq!(udp_in(1, &framed(&packet)), Ok(SIP));
}

#[test]
fn fragments_tell_their_place() {
    let packet = framed(&v4([10, 0, 0, 1], [10, 0, 0, 2], (77, 0x2003), 17, &[7; 8]));
    let place = read(1, &packet).unwrap().fragment;
    assert_eq!(place, Some(Fragment { id: 77, offset: 24, more: true }));
    let rest = join(&[&[17, 0, 0, 17, 0, 1, 0, 0], &[7; 8]]);
    let packet = framed(&ip(host6(1, 0).ip(), host6(2, 0).ip(), 44, &rest));
    let packet = read(1, &packet).unwrap();
    assert_eq!(packet.fragment, Some(Fragment { id: 0x1_0000, offset: 16, more: true }));
    assert_eq!((packet.proto, packet.payload), (17, &[7; 8][..]));
}

#[test]
fn what_holds_no_ip_says_why() {
    assert_eq!(read(127, &inner()), Err(Skip::UnknownLink));
    assert_eq!(read(1, &ethernet(0x0806, &[0; 28])), Err(Skip::NotIp));
    assert_eq!(read(1, &ethernet(0x8863, &[0x11, 9, 0, 0, 0, 0])), Err(Skip::NotIp));
    assert_eq!(read(1, &ethernet(38, &[0x42, 0x42, 3, 0, 0])), Err(Skip::NotIp));
    assert_eq!(read(9, &[0xff, 3, 0xc0, 0x21, 1]), Err(Skip::NotIp));
    assert_eq!(read(0, &[9, 9, 9, 9, 0x45]), Err(Skip::NotIp));
    assert_eq!(read(1, &ethernet(0x0800, &[0x44; 20])), Err(Skip::Malformed));
    assert_eq!(read(1, &[]), Err(Skip::Malformed));
    assert_eq!(read(101, &[0x50; 40]), Err(Skip::NotIp));
}

proptest! {
    #[test]
    fn a_plain_datagram_is_what_its_layers_give(
        payload in prop::collection::vec(any::<u8>(), 0..20),
        padding in 0usize..4,
        port in prop::sample::select(vec![5060u16, 4789, 2152]),
        odd in prop::option::of((12usize..42, any::<u8>())),
    ) {
        let mut bytes = join(&[&framed(&udp_ip(host(1, 5060), host(2, port), &payload)), &[0; 4][..padding]]);
        if let Some((at, byte)) = odd {
            bytes[at] = byte;
        }
        let plain = PlainUdp::of(LinkType(1), &bytes);
        prop_assert!(plain.is_some() || odd.is_some() || port != 5060);
        if let Some(plain) = plain {
            let packet = read(1, &bytes).unwrap();
            let udp = udp(packet.payload).unwrap();
            prop_assert_eq!((packet.proto, packet.missing, packet.fragment), (17, 0, None));
            prop_assert_eq!((packet.src, udp.src, packet.dst, udp.dst), (plain.src.ip(), plain.src.port(), plain.dst.ip(), plain.dst.port()));
            prop_assert_eq!(udp.payload, plain.payload);
            prop_assert!(open_udp(&packet, udp.dst, udp.payload).is_none());
        }
    }

    #[test]
    fn random_frames_never_panic(
        link in prop::sample::select(vec![0u16, 1, 9, 12, 50, 51, 101, 104, 113, 276]),
        mut bytes in prop::collection::vec(any::<u8>(), 0..200),
        kind in prop::sample::select(vec![0x0800u16, 0x86dd, 0x8100, 0x8847, 0x8864, 0x6558, 40]),
        wire_len in any::<u32>(),
    ) {
        if let Some(place) = bytes.get_mut(12..14) {
            place.copy_from_slice(&kind.to_be_bytes());
        }
        let _ = dig(decode(LinkType(link), &bytes, wire_len));
    }

    #[test]
    fn a_tunnel_cut_anywhere_never_panics(kind in any::<u16>(), flags in any::<u16>(), len in 0usize..160) {
        let vxlan = framed(&udp_ip(host(3, 1), host(4, 4789), &vxlan(&framed(&inner()))));
        for kind in [kind, 0x6558, 0x88be, 0x22eb, 0x8847, 0x880b] {
            let outer = framed(&ip(host(8, 0).ip(), host(9, 0).ip(), 47, &gre(flags, kind, &[1, 2], &vxlan)));
            let _ = dig(read(1, &outer[..len.min(outer.len())]));
        }
    }
}

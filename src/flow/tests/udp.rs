use super::samples::*;
use super::*;

#[test]
fn a_datagram_comes_out_with_its_addresses_time_and_frame() {
    let mut tap = Tap::new();
    let at = tap.now;
    tap.udp(&message("a", 3));
    let got = &tap.got[0];
    assert_eq!((got.at, got.frame, got.cut, got.rtp), (at, 1, false, false));
    assert_eq!(got.ends, (host(1, 5060), host(2, 5080)));
    assert_eq!((got.transport, &got.payload), (Transport::Udp, &message("a", 3)));
}

#[test]
fn the_first_byte_decides() {
    let mut tap = Tap::new();
    let payloads: [&[u8]; 10] = [
        b"SIP/2.0 200 OK\r\n",
        b"\r\n\r\nINVITE sip:a SIP/2.0\r\n",
        b"!odd sip:a SIP/2.0\r\n",
        &[0x80, 0, 1, 2],
        &[0xbf, 0xc8],
        b"\r\n\r\n",
        &[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42],
        &[22, 254, 253],
        b"12345",
        b"",
    ];
    payloads.iter().for_each(|payload| tap.udp(payload));
    assert_eq!(tap.payloads(), &payloads[..5]);
    assert_eq!(tap.got.iter().filter(|got| got.rtp).count(), 2);
    let counters = tap.counters();
    assert_eq!((counters.transports.udp, counters.rtp), (3, 2));
    assert_eq!((counters.keepalives, counters.other, counters.packets), (1, 4, 10));
}

#[test]
fn a_quoted_packet_in_an_icmp_error_is_no_message() {
    let mut tap = Tap::new();
    let quoted = udp_ip(host(1, 5060), host(2, 5060), &message("ghost", 0));
    tap.ip(&ip(host(2, 0).ip(), host(1, 0).ip(), 1, &join(&[&[3, 3, 0, 0, 0, 0, 0, 0], &quoted])));
    tap.ip(&ip(host6(2, 0).ip(), host6(1, 0).ip(), 58, &join(&[&[1, 4, 0, 0, 0, 0, 0, 0], &quoted])));
    assert_eq!((tap.got.len(), tap.counters().icmp), (0, 2));
}

#[test]
fn a_snap_length_marks_the_datagram_cut() {
    let mut tap = Tap::new();
    let frame = framed(&udp_ip(host(1, 5060), host(2, 5060), &message("a", 0)));
    tap.snapped(&frame[..70], frame.len());
    assert_eq!((tap.got[0].cut, &tap.got[0].payload), (true, &frame[42..70].to_vec()));
    assert_eq!(tap.counters().cut, 1);
}

#[test]
fn tunnels_are_opened_and_counted() {
    let mut tap = Tap::new();
    let qinq = ethernet(
        0x88a8,
        &tag(1, 0x8100, &tag(2, 0x86dd, &udp_ip(host6(1, 5060), host6(2, 5060), b"INVITE"))),
    );
    let vxlan = framed(&udp_ip(host(3, 1), host(4, 4789), &vxlan(&qinq)));
    tap.ip(&ip(host(8, 0).ip(), host(9, 0).ip(), 47, &gre(0x2000, 0x6558, &[1], &vxlan)));
    assert_eq!(tap.got[0].ends, (host6(1, 5060), host6(2, 5060)));
    assert_eq!(tap.counters().tunnelled, 2);
    let nine = (0..9).fold(udp_ip(host(1, 1), host(2, 2), b"INVITE"), |packet, _| {
        ip(host(1, 0).ip(), host(2, 0).ip(), 4, &packet)
    });
    tap.ip(&nine);
    assert_eq!((tap.got.len(), tap.counters().tunnels_too_deep), (1, 1));
}

#[test]
fn what_is_not_for_us_is_counted() {
    let mut tap = Tap::new();
    tap.push(Body::Frame { link: LinkType(127), bytes: b"radio", wire_len: 5 });
    tap.frame(&ethernet(0x0806, &[0; 28]));
    tap.frame(&ethernet(0x0800, &[0x45; 10]));
    tap.ip(&ip(host(1, 0).ip(), host(2, 0).ip(), 17, b"short"));
    tap.ip(&ip(host(1, 0).ip(), host(2, 0).ip(), 50, b"sealed"));
    let counters = tap.counters();
    assert_eq!((counters.unknown_link, counters.not_ip, counters.malformed, counters.other), (1, 1, 2, 1));
    assert_eq!((counters.packets, counters.links.ethernet), (5, 4));
}

#[test]
fn counters_keep_their_order_in_json() {
    let json = serde_json::to_string(&Counters::default()).unwrap();
    assert!(json.starts_with(r#"{"packets":0,"bytes":0,"cut":0,"links":{"ethernet":0,"#), "{json}");
}

#[test]
fn a_datagram_from_a_listener_passes_with_its_correlation() {
    let mut tap = Tap::new();
    let payload = message("a", 0);
    tap.push(Body::Datagram(Datagram {
        at: tap.now,
        frame: FrameRef::default(),
        src: host(1, 1),
        dst: host(2, 2),
        transport: Transport::Tcp,
        payload: &payload,
        cut: false,
        correlation: b"leg",
    }));
    assert_eq!((&tap.got[0].payload, &tap.got[0].correlation[..]), (&payload, &b"leg"[..]));
    assert_eq!((tap.counters().transports.tcp, tap.counters().links.datagram), (1, 1));
}

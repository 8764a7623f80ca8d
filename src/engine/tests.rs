use super::*;
use crate::time::Span;
use crate::wire::frame::samples::{framed, host, ip, segment, udp_ip};
use crate::wire::packet::{FrameRef, LinkType};

const RTP: &[u8] = &[0x80, 0, 0, 1, 0, 0, 0, 9, 1, 2, 3, 4, 0xff, 0xff, 0xff, 0xff];

fn engine() -> Engine {
    Engine::new(&Settings::default(), 7)
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_parts(1_795_208_047, 0) + Span::from_secs(secs)
}

fn packet(secs: i64, bytes: &[u8]) -> Packet<'_> {
    let wire_len = u32::try_from(bytes.len()).expect("short");
    Packet {
        at: at(secs),
        frame: FrameRef::default(),
        body: Body::Frame { link: LinkType(1), bytes, wire_len },
    }
}

fn rtp() -> Vec<u8> {
    framed(&udp_ip(host(1, 4000), host(2, 5000), RTP))
}

/// An engine that met a stream nobody wants a second ago.
fn engine_that_knows(rtp: &[u8]) -> Engine {
    let mut engine = engine();
    assert!(!engine.lets_go(&packet(0, rtp)));
    engine.handle(at(0), Input::Packet(packet(0, rtp)));
    engine
}

#[test]
fn packets_of_a_stream_that_nobody_wants_are_let_go_and_counted() {
    let rtp = rtp();
    let mut engine = engine_that_knows(&rtp);
    assert!(engine.lets_go(&packet(1, &rtp)));
    engine.handle(at(2), Input::Packet(packet(2, &rtp)));
    let summary = engine.summary();
    assert_eq!((summary.flow.packets, summary.flow.rtp, summary.flow.links.ethernet), (3, 3, 3));
    assert_eq!((summary.flow.bytes, summary.rtp_streams), (3 * rtp.len() as u64, 1));
    assert_eq!((summary.first, summary.last, engine.now()), (Some(at(0)), Some(at(2)), at(2)));
}

#[test]
fn a_late_packet_is_not_let_go_but_counted_as_late() {
    let rtp = rtp();
    let mut engine = engine_that_knows(&rtp);
    assert!(!engine.lets_go(&packet(-1, &rtp)));
    engine.handle(at(-1), Input::Packet(packet(-1, &rtp)));
    assert_eq!((engine.summary().late, engine.summary().first), (1, Some(at(-1))));
    assert_eq!((engine.summary().flow.rtp, engine.now()), (2, at(0)));
}

#[test]
fn nothing_is_let_go_while_a_gap_in_a_stream_waits() {
    let rtp = rtp();
    let mut engine = engine_that_knows(&rtp);
    let tcp = |seq, flags, text: &[u8]| {
        framed(&ip(host(3, 0).ip(), host(4, 0).ip(), 6, &segment(5060, 5060, seq, flags, text)))
    };
    for bytes in [tcp(0, 2, b""), tcp(1, 0x10, b"OPTIONS "), tcp(20, 0x10, b"SIP/2.0")] {
        engine.handle(at(1), Input::Packet(packet(1, &bytes)));
    }
    assert!(!engine.lets_go(&packet(2, &rtp)));
    engine.handle(at(9), Input::Packet(packet(9, &rtp)));
    assert_eq!(engine.summary().flow.tcp_gaps, 1);
    assert!(engine.lets_go(&packet(9, &rtp)));
}

#[test]
fn a_packet_at_a_deadline_is_not_let_go() {
    let rtp = rtp();
    let mut engine = engine_that_knows(&rtp);
    let invite = b"INVITE sip:6000@10.0.0.10 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.3;branch=z9hG4bK1\r\n\
        From: <sip:100@10.0.0.3>;tag=1\r\nTo: <sip:6000@10.0.0.10>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\
        Content-Length: 0\r\n\r\n";
    let invite = framed(&udp_ip(host(3, 5060), host(4, 5060), invite));
    engine.handle(at(1), Input::Packet(packet(1, &invite)));
    let due = engine.deadline().expect("a call waits").since(at(0));
    let late = Packet { at: at(0) + due, ..packet(0, &rtp) };
    assert!(engine.lets_go(&packet(1, &rtp)));
    assert!(!engine.lets_go(&late));
    engine.handle(late.at, Input::Packet(late));
    assert!(engine.deadline().is_none_or(|next| next > late.at));
}

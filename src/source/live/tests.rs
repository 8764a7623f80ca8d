use std::fs;
use std::net::UdpSocket;

use super::*;
use crate::clock::SystemClock;
use crate::settings::{HepTap, InterfaceTap};

fn start(kinds: Vec<TapKind>) -> Taps {
    let tap = |(n, kind): (usize, TapKind)| Tap { id: format!("tap{n}"), kind };
    let taps: Vec<Tap> = kinds.into_iter().enumerate().map(tap).collect();
    Taps::start(&taps, Arc::new(SystemClock)).expect("it starts")
}

/// The states told until `taps` taps have told one.
fn states(taps: &mut Taps, count: usize) -> Vec<(u16, String)> {
    let mut told = Vec::new();
    while told.len() < count {
        match taps.next(Span::from_secs(10)) {
            Live::State(TapState { tap, state: State::Up }) => told.push((tap.0, "up".to_owned())),
            Live::State(TapState { tap, state: State::Down(why) }) => told.push((tap.0, why.to_string())),
            Live::Idle => panic!("nothing is told: {told:?}"),
            _ => {}
        }
    }
    told.sort();
    told
}

#[test]
fn a_tap_that_cannot_listen_says_why_and_the_others_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let taken = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let listen = taken.local_addr().expect("an address");
    let mut taps = start(vec![
        TapKind::Interface(InterfaceTap::new("no-such-one")),
        TapKind::Hep(HepTap { listen, tcp: false, allow: vec![], key_file: None }),
        TapKind::Files { folder: folder.path().to_owned() },
        TapKind::Files { folder: folder.path().join("gone") },
    ]);
    let told = states(&mut taps, 4);
    // Without CAP_NET_RAW there is no socket to ask about the interface.
    assert!(told[0].1.contains("no-such-one"), "{}", told[0].1);
    assert_eq!(told[1].1, format!("another program listens at {listen}; stop it, or change listen"));
    assert_eq!(told[2].1, "up");
    assert!(told[3].1.contains("make it, or change folder"), "{}", told[3].1);
}

#[test]
fn a_capture_that_appears_in_a_folder_comes_out_and_the_end_is_quick() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut taps = start(vec![TapKind::Files { folder: folder.path().to_owned() }]);
    assert_eq!(states(&mut taps, 1), [(0, "up".to_owned())]);
    let capture = super::super::samples::simple_pcap(&[(7, 0, b"one"), (8, 0, b"two")]);
    fs::write(folder.path().join("a.pcap"), capture).expect("written");
    let mut seen = Vec::new();
    while seen.len() < 2 {
        match taps.next(Span::from_secs(10)) {
            Live::Packet(packet) => seen.push((packet.frame.n, packet.at.as_micros())),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(seen, [(1, 7_000_000), (2, 8_000_000)]);
    let before = SystemClock.boottime();
    taps.stop();
    let took = SystemClock.boottime().as_micros() - before.as_micros();
    assert!(took < 1_000_000, "{took} us");
    assert!(matches!(taps.next(Span::ZERO), Live::Idle));
    assert_eq!(taps.counts(TapId(0)).map(|counts| counts.packets), Some(2));
}

#[test]
fn without_taps_nothing_comes() {
    assert!(matches!(start(vec![]).next(Span::from_millis(1)), Live::Idle));
}

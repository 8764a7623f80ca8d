//! The bounds of `limits`, each driven beyond itself through the whole engine: what is held stays within it, what
//! is over is counted, and people's calls come out as if nothing had been.
//!
//! `tests/prove floods` pours the same in millions and measures memory and time.

use ringback::event::CallRecord;
use ringback::limits;

use packets::End;
use pour::{FLOODS, Fared, pour};
use scene::{INVITE, PBX, Scene, TRUNK, message};

#[path = "../checks/floods/packets.rs"]
mod packets;
#[path = "../checks/floods/pour.rs"]
mod pour;
#[path = "../checks/floods/scene.rs"]
mod scene;

/// More calls than are followed at a time.
const OVER: u64 = limits::CALLS as u64 + 5_000;

/// Pours a flood; people's calls must not be touched.
fn poured(name: &str, count: u64) -> Fared {
    let flood = FLOODS.iter().find(|flood| flood.name == name).expect("a flood");
    let fared = pour(flood, count);
    assert!(fared.faults.is_empty(), "{name}: {:?}", fared.faults);
    fared
}

/// The record of the only person's call.
fn only(wire: &mut Scene) -> CallRecord {
    wire.end();
    assert_eq!(wire.people.len(), 1);
    wire.people.remove(0)
}

/// A call with as many legs as INVITEs of its Call-ID are sent, each with another tag.
fn with_legs(legs: usize) -> CallRecord {
    let mut wire = Scene::new();
    for n in 0..legs {
        wire.sip(TRUNK, PBX, &message(INVITE, "person-1", &format!("t{n}"), "+13125550141"));
        wire.wait(1_000);
    }
    only(&mut wire)
}

#[test]
fn a_flood_of_one_source_drives_out_itself() {
    let fared = poured("invites-of-one-source", OVER);
    assert!(fared.summary.calls_evicted >= 5_000 && fared.others == OVER);
}

#[test]
fn a_flood_of_many_sources_leaves_what_rings() {
    let fared = poured("invites-of-many-sources", OVER);
    assert!(fared.summary.calls_evicted >= 5_000 && fared.others == OVER);
}

#[test]
fn finished_calls_make_room_before_any_other() {
    let fared = poured("calls-refused", OVER);
    assert_eq!(fared.summary.calls_evicted, 0);
}

#[test]
fn no_call_that_rang_gives_way_and_new_ones_are_counted() {
    let fared = poured("calls-ringing", OVER);
    let held = limits::CALLS as u64 - 2;
    assert!(fared.others <= held + 2 && fared.others >= held - 2, "{}", fared.others);
    assert!(fared.summary.calls_evicted >= OVER - fared.others);
}

#[test]
fn answers_without_a_call_hold_no_room() {
    assert!(poured("answers-alone", OVER).summary.calls_evicted >= 5_000);
}

#[test]
fn calls_of_many_legs_are_bounded_by_their_bytes() {
    let fared = poured("invites-of-few-calls", 350_000);
    assert!(fared.summary.calls_evicted > 0, "the calls hold more than {} bytes", limits::CALLS_HELD);
    assert!(fared.others < 350_000 / 64 + 64);
}

#[test]
fn a_call_takes_no_more_than_its_legs() {
    assert_eq!(with_legs(limits::LEGS).legs.len(), limits::LEGS);
    assert_eq!(with_legs(limits::LEGS + 9).legs.len(), limits::LEGS);
}

#[test]
fn a_leg_shows_no_more_than_its_rows() {
    let mut wire = Scene::new();
    wire.person(1, INVITE);
    for n in 0..limits::LADDER_ROWS + 9 {
        wire.person(1, &format!("SIP/2.0 {} Progress", 101 + n % 80));
        wire.wait(1_000);
    }
    assert_eq!(only(&mut wire).legs[0].ladder.len(), limits::LADDER_ROWS);
}

#[test]
fn long_ids_and_names_are_kept_to_their_bounds() {
    let mut wire = Scene::new();
    let long = |start: &str| format!("{start}{}", "x".repeat(5_000));
    wire.sip(TRUNK, PBX, &message(INVITE, &long("person-"), &long("t"), &long("u")));
    let call = only(&mut wire);
    assert_eq!((call.legs[0].call_id.len(), call.legs[0].from_tag.len()), (limits::ID, limits::ID));
    assert_eq!(call.caller_raw.map(|raw| raw.chars().count()), Some(limits::SHOWN));
}

#[test]
fn headers_beyond_the_bound_are_a_fault_and_the_call_is_there() {
    let invite = |headers: usize| {
        let more = "v: SIP/2.0/UDP a\r\n".repeat(headers - 6);
        message(INVITE, "person-1", "t", "+13125550141").replacen(
            "Content-Length",
            &(more + "Content-Length"),
            1,
        )
    };
    for (headers, malformed) in [(limits::HEADERS, 0), (limits::HEADERS + 1, 1)] {
        let mut wire = Scene::new();
        wire.sip(TRUNK, PBX, &invite(headers));
        assert_eq!(wire.end().sip_malformed, malformed, "{headers}");
        assert_eq!(wire.people.len(), 1);
    }
}

#[test]
fn a_message_beyond_the_bound_is_refused() {
    for (length, malformed) in [(limits::MESSAGE, 0), (limits::MESSAGE + 1, 1)] {
        let mut wire = Scene::new();
        let mut text = message(INVITE, "person-1", "t", "+13125550141");
        text += &"x".repeat(length - text.len());
        wire.sip(TRUNK, PBX, &text);
        assert_eq!((wire.end().sip_malformed, wire.people.len()), (malformed, usize::from(malformed == 0)));
    }
}

#[test]
fn a_message_on_tcp_beyond_the_bound_is_counted_once() {
    let mut wire = Scene::new();
    let (client, server): (End, End) = ((TRUNK, 40_000), (PBX, 5060));
    wire.packet(&packets::tcp(client, server, 0, b"INVITE sip:a@b SIP/2.0\r\nSubject: "));
    let most = u32::try_from(limits::MESSAGE).expect("small");
    for n in 0..=most / 1_000 {
        wire.packet(&packets::tcp(client, server, 33 + n * 1_000, &[b'x'; 1_000]));
    }
    assert_eq!(wire.end().flow.tcp_too_long, 1);
}

#[test]
fn fragments_beyond_the_bound_are_dropped() {
    let fared = poured("fragments", 5_000);
    // The last ones wait on.
    let dropped = usize::try_from(fared.summary.flow.fragments_dropped).expect("small");
    assert!((5_000 - limits::FRAGMENTED..5_000).contains(&dropped), "{dropped}");
}

#[test]
fn connections_beyond_the_bound_are_evicted() {
    let count = limits::TCP_STREAMS as u64 + 700;
    assert_eq!(poured("half-messages", count).summary.flow.tcp_evicted, 700);
}

#[test]
fn gaps_are_given_up_where_they_hold_too_much() {
    assert!(poured("gaps-in-streams", 2_000).summary.flow.tcp_gaps > 100);
}

#[test]
fn headers_of_a_mebibyte_and_a_hundred_thousand_headers_are_counted() {
    assert!(poured("long-headers", 1_600).summary.flow.tcp_too_long >= 2);
    let fared = poured("many-headers", 1_600);
    assert!(fared.summary.flow.tcp_too_long >= 4 && fared.summary.sip_malformed >= 4);
}

#[test]
fn rtp_streams_beyond_the_bound_are_packets_alone() {
    let count = limits::RTP_STREAMS as u64 + 3_000;
    let fared = poured("rtp-streams", count);
    assert_eq!((fared.summary.rtp_streams, fared.summary.flow.rtp), (limits::RTP_STREAMS as u64, count));
}

#[test]
fn websocket_frames_of_absurd_length_are_dropped() {
    assert_eq!(poured("absurd-websocket-frames", 4_000).summary.flow.ws_dropped, 1_000);
}

#[test]
fn tries_and_strays_harm_nobody() {
    for name in ["tries-of-few-legs", "repeated-requests", "calls-missed", "invites-as-the-trunk"] {
        poured(name, 2_000);
    }
}

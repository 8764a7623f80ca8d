use serde_json::Value;
use sha2::{Digest, Sha256};

use super::samples::*;
use super::tcp::Conn;
use super::*;
use crate::wire::hep::{self, Payload};

fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The vectors: each with its bytes, one segment each if over TCP, and what is to come of it.
fn vectors() -> Vec<Value> {
    let file: Value = serde_json::from_str(include_str!("../../../tests/data/hep.json")).unwrap();
    file["vectors"].as_array().unwrap().clone()
}

fn segments(vector: &Value) -> Vec<Vec<u8>> {
    match &vector["segments"] {
        Value::Array(segments) => segments.iter().map(|s| unhex(s.as_str().unwrap())).collect(),
        _ => vec![unhex(vector["hex"].as_str().unwrap())],
    }
}

fn agrees(bytes: &[u8], expected: &Value) -> Result<(), String> {
    let hep = hep::decode(bytes).map_err(|bad| format!("{bad:?}"))?;
    let payload = match hep.payload {
        Payload::Plain(plain) => plain.to_vec(),
        Payload::Compressed(packed) => hep::inflate(packed).map_err(|bad| format!("{bad:?}"))?,
    };
    let time = hep.at.map(|at| format!("{}.{:06}", at.as_micros() / 1_000_000, at.as_micros() % 1_000_000));
    let text = |key: &str| expected[key].as_str().unwrap_or_default().as_bytes();
    assert_eq!((hep.src.ip().to_string(), hep.src.port()), ends(expected, "src", "sport"));
    assert_eq!((hep.dst.ip().to_string(), hep.dst.port()), ends(expected, "dst", "dport"));
    assert_eq!(time.as_deref(), expected["time"].as_str());
    assert_eq!(
        (u64::from(hep.proto), u64::from(hep.kind)),
        (number(expected, "proto"), number(expected, "type"))
    );
    assert_eq!(u64::from(hep.agent), number(expected, "agent"));
    assert_eq!((hep.correlation, hep.agent_name), (text("correlation"), text("agent_name")));
    assert_eq!(hep.vlan.map(u64::from), expected["vlan"].as_u64());
    assert_eq!(payload.len() as u64, number(expected, "payload_len"));
    assert_eq!(hex(&Sha256::digest(&payload)), expected["payload_sha256"].as_str().unwrap());
    Ok(())
}

fn ends(expected: &Value, ip: &str, port: &str) -> (String, u16) {
    (expected[ip].as_str().unwrap().to_string(), u16::try_from(number(expected, port)).unwrap())
}

fn number(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap()
}

#[test]
fn datagrams_are_read_or_refused_as_the_vectors_say() {
    for vector in vectors().iter().filter(|v| v["transport"] == "udp") {
        let bytes = &segments(vector)[0];
        let expect = &vector["expect"];
        let result = match &expect["messages"][0] {
            Value::Null => {
                hep::decode(bytes).map_err(|bad| format!("{bad:?}")).and_then(|hep| match hep.payload {
                    Payload::Compressed(packed) => {
                        hep::inflate(packed).map(drop).map_err(|bad| format!("{bad:?}"))
                    }
                    Payload::Plain(_) => Ok(()),
                })
            }
            expected => agrees(bytes, expected),
        };
        match expect["result"].as_str().unwrap() {
            "accept_or_reject" => {}
            verdict => {
                assert_eq!(result.is_ok(), verdict.starts_with("accept"), "{} {result:?}", vector["name"])
            }
        }
    }
}

#[test]
fn flow_hands_out_the_sip_in_every_vector() {
    for vector in vectors() {
        let expect = &vector["expect"];
        let sip = matches!(expect["result"].as_str().unwrap(), "accept");
        let expected = expect["messages"].as_array().filter(|_| sip).cloned().unwrap_or_default();
        let mut tap = Tap::new();
        if vector["transport"] == "udp" {
            let udp = datagram(40_000, 9_060, &segments(&vector)[0]);
            tap.ip(&ip(host(1, 0).ip(), host(2, 0).ip(), 17, &udp));
        } else {
            let mut conn = Conn::open(&mut tap);
            segments(&vector)
                .iter()
                .for_each(|s| s.chunks(30_000).for_each(|part| conn.send(&mut tap, part)));
        }
        if expect["result"] == "accept_or_reject" || vector["name"] == "b02_magic" {
            continue;
        }
        assert_eq!(tap.got.len(), expected.len(), "{} {:?}", vector["name"], tap.counters());
        for (got, expected) in tap.got.iter().zip(&expected) {
            assert_eq!((got.ends.0.ip().to_string(), got.ends.0.port()), ends(expected, "src", "sport"));
            assert_eq!(hex(&Sha256::digest(&got.payload)), expected["payload_sha256"].as_str().unwrap());
            assert_eq!(got.transport == Transport::Tcp, expected["proto"] == 6);
            assert_eq!(got.correlation, expected["correlation"].as_str().unwrap_or_default().as_bytes());
            assert!(got.at < tap.now && got.at.since(tap.now) > Span::from_secs(-1), "time of capture");
        }
    }
}

fn chunk(kind: u16, value: &[u8]) -> Vec<u8> {
    let len = u16::try_from(value.len() + 6).unwrap();
    join(&[&[0, 0], &kind.to_be_bytes(), &len.to_be_bytes(), value])
}

fn hep3(chunks: &[Vec<u8>]) -> Vec<u8> {
    let chunks = chunks.concat();
    join(&[b"HEP3", &u16::try_from(chunks.len() + 6).unwrap().to_be_bytes(), &chunks])
}

fn sip_chunks(payload: &[u8]) -> Vec<Vec<u8>> {
    vec![chunk(3, &[10, 0, 0, 1]), chunk(4, &[10, 0, 0, 2]), chunk(11, &[1]), chunk(15, payload)]
}

#[test]
fn the_longest_message_comes_over_tcp() {
    let head = message("long", 0);
    let payload = join(&[&head, &vec![b'a'; 65_535 - 6 - 10 - 10 - 7 - 6 - head.len()]]);
    let bytes = hep3(&sip_chunks(&payload));
    assert_eq!(bytes.len(), 65_535);
    let mut tap = Tap::new();
    let mut conn = Conn::open(&mut tap);
    bytes.chunks(1_460).for_each(|part| conn.send(&mut tap, part));
    assert_eq!(tap.payloads(), [&payload[..]]);
}

#[test]
fn hep_in_mid_stream_is_picked_up_at_a_message() {
    let bytes = hep3(&sip_chunks(b"OPTIONS sip:a SIP/2.0\r\n\r\n"));
    let mut tap = Tap::new();
    let mut conn = Conn::midway();
    for part in [&bytes[30..], &bytes[..], &bytes[..20], &bytes[20..]] {
        conn.send(&mut tap, part);
    }
    assert_eq!((tap.got.len(), tap.counters().hep), (2, 2));
}

#[test]
fn older_versions_and_other_payloads_are_counted() {
    let mut tap = Tap::new();
    tap.udp(&[1, 16, 2, 17, 0x13, 0xc4, 0x13, 0xc4, 10, 0, 0, 1, 10, 0, 0, 2, b'I', b'N']);
    tap.udp(&[2, 16, 2, 17, 0x13, 0xc4, 0x13, 0xc4, 10, 0, 0, 1, 10, 0, 0, 2]);
    tap.udp(&hep3(&[chunk(3, &[10, 0, 0, 1]), chunk(4, &[10, 0, 0, 2]), chunk(11, &[5]), chunk(15, b"{}")]));
    tap.udp(&hep3(&sip_chunks(&[0x80, 0, 0, 1])));
    let counters = tap.counters();
    assert_eq!((counters.hep_bad, counters.hep, counters.hep_not_sip, counters.other), (2, 2, 1, 1));
    assert!(tap.got.is_empty());
}

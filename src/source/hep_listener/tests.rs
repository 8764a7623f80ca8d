use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::super::live::testing::{Collected, feed};
use super::super::samples;
use super::*;

const SIP: &[u8] = b"OPTIONS sip:a@b SIP/2.0\r\n\r\n";

fn chunk(kind: u16, value: &[u8]) -> Vec<u8> {
    let len = value.len() as u16 + 6;
    [&[0, 0][..], &kind.to_be_bytes(), &len.to_be_bytes(), value].concat()
}

/// A message of agent 7 captured at 1000 s, with these chunks beside addresses and time.
fn message(chunks: &[Vec<u8>]) -> Vec<u8> {
    let own = [
        chunk(1, &[2]),
        chunk(2, &[17]),
        chunk(3, &[192, 0, 2, 1]),
        chunk(4, &[192, 0, 2, 2]),
        chunk(7, &5_060_u16.to_be_bytes()),
        chunk(8, &5_061_u16.to_be_bytes()),
        chunk(9, &1_000_u32.to_be_bytes()),
        chunk(12, &7_u32.to_be_bytes()),
    ];
    let body = [own.concat(), chunks.concat()].concat();
    [&b"HEP3"[..], &(body.len() as u16 + 6).to_be_bytes(), &body].concat()
}

fn sip() -> Vec<u8> {
    message(&[chunk(11, &[1]), chunk(15, SIP)])
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

/// A listener at a port of its own, and what comes out of it.
struct Case {
    listener: Listener,
    feed: Feed,
    out: Collected,
}

impl Case {
    fn open(keys: Option<&str>) -> Case {
        let folder = tempfile::tempdir().expect("a folder");
        let key_file = keys.map(|keys| {
            let path = folder.path().join("keys");
            fs::write(&path, keys).expect("written");
            path
        });
        let allow = ["127.0.0.0/8", "10.9.9.0/24"].map(|net| net.parse().expect("a block")).to_vec();
        let listen = (Ipv4Addr::LOCALHOST, 0).into();
        let (feed, out) = feed(Timestamp::from_parts(1_001, 0));
        let listener = Listener::open(&HepTap { listen, tcp: true, allow, key_file }, &feed).expect("opens");
        Case { listener, feed, out }
    }

    fn refused(&mut self, from: Ipv4Addr, bytes: &[u8]) -> Option<Refused> {
        self.listener.door.take(from.into(), bytes, &mut self.feed).err()
    }

    /// Waits for what has been sent, and reads it.
    fn turn(&mut self) {
        self.listener.wait(&mut self.feed).expect("waits");
        self.listener.read(&mut self.feed);
        self.feed.flush();
    }
}

#[test]
fn each_reason_to_refuse_is_told_apart() {
    let mut case = Case::open(Some("7 secret\n"));
    let with_key = |key: &[u8]| message(&[chunk(11, &[1]), chunk(14, key), chunk(15, SIP)]);
    let stranger = Ipv4Addr::new(10, 0, 0, 1);
    assert_eq!(case.refused(stranger, &with_key(b"secret")), Some(Refused::Address));
    assert_eq!(case.refused(Ipv4Addr::LOCALHOST, b"HEP1"), Some(Refused::Malformed));
    assert_eq!(case.refused(Ipv4Addr::LOCALHOST, &sip()), Some(Refused::Key));
    assert_eq!(case.refused(Ipv4Addr::LOCALHOST, &with_key(b"Secret")), Some(Refused::Key));
    assert_eq!(case.refused(Ipv4Addr::LOCALHOST, &with_key(b"secret")), None);
    case.feed.flush();
    assert_eq!(case.out.packets(), [(Timestamp::from_parts(1_000, 0), SIP.to_vec())]);
}

#[test]
fn a_payload_that_unfolds_to_too_much_is_refused() {
    let mut case = Case::open(None);
    let folded = |bytes: &[u8]| message(&[chunk(11, &[1]), chunk(16, &packed(bytes))]);
    assert_eq!(case.refused(Ipv4Addr::LOCALHOST, &folded(SIP)), None);
    assert_eq!(case.refused(Ipv4Addr::LOCALHOST, &folded(&[b'A'; 60_000])), Some(Refused::Packed));
    assert_eq!(case.refused(Ipv4Addr::LOCALHOST, &folded(&[b'A'; 6_000_000])), Some(Refused::Packed));
    let broken = message(&[chunk(11, &[1]), chunk(16, b"INVITE")]);
    assert_eq!(case.refused(Ipv4Addr::LOCALHOST, &broken), Some(Refused::Packed));
    case.feed.flush();
    assert_eq!(case.out.packets(), [(Timestamp::from_parts(1_000, 0), SIP.to_vec())]);
}

#[test]
fn what_is_no_sip_is_passed_over() {
    let mut case = Case::open(None);
    let log = message(&[chunk(11, &[100]), chunk(15, b"a line")]);
    assert_eq!(case.refused(Ipv4Addr::LOCALHOST, &log), None);
    case.feed.flush();
    assert_eq!((case.out.packets().len(), case.out.counts().ignored), (0, 1));
}

#[test]
fn datagrams_are_taken_and_junk_among_them_is_counted() {
    let mut case = Case::open(None);
    let agent = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let to = case.listener.udp.local_addr().expect("an address");
    for bytes in [b"junk", sip().as_slice(), b"", &[0xff; 9_000], &sip()] {
        agent.send_to(bytes, to).expect("sent");
    }
    let mut packets = Vec::new();
    while packets.len() < 2 || case.out.counts().refused[Refused::Malformed as usize] < 3 {
        case.turn();
        packets.extend(case.out.packets());
    }
    assert_eq!(packets, vec![(Timestamp::from_parts(1_000, 0), SIP.to_vec()); 2]);
    case.listener.look(&mut case.feed);
    let agents = case.out.counts().agents;
    assert_eq!((agents[0].agent, agents[0].messages, agents[0].skew), (7, 2, Some(Span::from_secs(1))));
}

#[test]
fn a_connection_brings_messages_and_goes_when_it_is_silent_or_ends() {
    let mut case = Case::open(None);
    let to = case.listener.tcp.as_ref().and_then(|tcp| tcp.local_addr().ok()).expect("an address");
    let mut agent = TcpStream::connect(to).expect("connected");
    let silent = TcpStream::connect(to).expect("connected");
    let (first, second) = (sip(), sip());
    agent.write_all(&first).expect("sent");
    agent.write_all(&second[..50]).expect("sent");
    let mut packets = Vec::new();
    while packets.is_empty() || case.listener.connections.len() < 2 {
        case.turn();
        packets.extend(case.out.packets());
    }
    agent.write_all(&second[50..]).expect("sent");
    while packets.len() < 2 {
        case.turn();
        packets.extend(case.out.packets());
    }
    case.out.clock.pass(SILENT);
    case.listener.read(&mut case.feed);
    assert_eq!(case.listener.connections.len(), 1);
    drop(agent);
    while !case.listener.connections.is_empty() {
        case.turn();
    }
    drop(silent);
}

#[test]
fn connections_are_bounded() {
    let mut case = Case::open(None);
    let to = case.listener.tcp.as_ref().and_then(|tcp| tcp.local_addr().ok()).expect("an address");
    let mut agents = Vec::new();
    for _ in 0..CONNECTIONS + 2 {
        agents.push(TcpStream::connect(to).expect("connected"));
        case.listener.read(&mut case.feed);
    }
    while case.out.counts().refused[Refused::Connections as usize] < 2 {
        case.turn();
    }
    assert_eq!(case.listener.connections.len(), CONNECTIONS);
}

/// What agents sent to a collector in a capture that `captures/make.py` made: when, from where, the message.
fn sent_in(name: &str) -> Vec<(Timestamp, Ipv4Addr, Vec<u8>)> {
    let path = format!("{}/captures/{name}/call.pcap", env!("CARGO_MANIFEST_DIR"));
    let (seen, damage) = samples::read(&fs::read(path).expect("a capture"));
    assert_eq!(damage, None);
    let sent = seen.into_iter().map(|(_, at, _, frame, _)| {
        let from: [u8; 4] = frame[26..30].try_into().expect("an address");
        (Timestamp::from_micros(at), from.into(), frame[42..].to_vec())
    });
    sent.collect()
}

#[test]
fn what_agents_whose_clocks_are_off_saw_is_dated_when_it_comes() {
    let mut case = Case::open(None);
    let sent = sent_in("hep-agents-disagree-on-time");
    for (at, from, message) in &sent {
        case.out.clock.set(*at);
        assert_eq!(case.refused(*from, message), None);
    }
    case.feed.flush();
    let packets = case.out.packets();
    let late: Vec<i64> =
        sent.iter().zip(&packets).map(|((came, ..), (dated, _))| came.since(*dated).as_micros()).collect();
    assert_eq!((late.len(), packets.len()), (28, 28));
    // Only the agent that has set its clock is taken at its word: of a BYE and its response.
    assert_eq!(late.iter().filter(|late| **late == 900).count(), 2, "{late:?}");
    assert_eq!(late.iter().filter(|late| **late == 0).count(), 26, "{late:?}");
    case.listener.look(&mut case.feed);
    let skews = case.out.counts().agents.into_iter().map(|agent| (agent.agent, agent.skew));
    let ahead = Span::from_micros(900 - 3_600_000_000);
    let expected = [(31, Some(ahead)), (32, Some(Span::from_micros(900))), (33, None)];
    assert_eq!(skews.collect::<Vec<_>>(), expected);
}

#[test]
fn packed_payloads_are_unfolded_and_strange_chunks_passed_over() {
    let mut case = Case::open(None);
    let mut refused = Vec::new();
    for (at, from, message) in sent_in("hep-packed-and-strange-chunks") {
        case.out.clock.set(at);
        refused.extend(case.refused(from, &message));
    }
    case.feed.flush();
    assert_eq!(refused, [Refused::Packed, Refused::Packed, Refused::Malformed]);
    let starts =
        case.out.packets().into_iter().map(|(_, bytes)| String::from_utf8_lossy(&bytes[..14]).into_owned());
    let (requests, responses): (Vec<_>, Vec<_>) = starts.partition(|start| !start.starts_with("SIP/2.0 "));
    assert_eq!(
        (requests.len(), responses.len(), case.out.counts().ignored),
        (5, 7, 2),
        "{requests:?} {responses:?}"
    );
}

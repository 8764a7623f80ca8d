//! What can pour onto a wire, one function each, and how people's calls fare meanwhile.

use std::net::Ipv4Addr;

use ringback::engine::Summary;

use super::packets::{self, End};
use super::scene::{INVITE, PBX, Scene, TRUNK, message};

/// One kind of excess.
pub struct Flood {
    /// Its name.
    pub name: &'static str,
    /// Sends the n-th part of it.
    pub send: fn(&mut Scene, u64),
    /// A call that begins meanwhile rings after so many thousandths of the flood: fewer where the flood can't be
    /// told from the trunk's own calls.
    pub before_ringing: u64,
    /// A call that begins while the flood goes on is followed.
    pub lets_in: bool,
}

/// All kinds.
pub const FLOODS: [Flood; 17] = [
    flood("invites-of-one-source", |wire, n| wire.sip(SCANNER, PBX, &invite(n, n)), 250, true),
    flood("invites-of-many-sources", |wire, n| wire.sip(stranger(n), PBX, &invite(n, n)), 1, true),
    flood("invites-as-the-trunk", |wire, n| wire.sip(TRUNK, PBX, &invite(n, n)), 1, true),
    flood("invites-of-few-calls", |wire, n| wire.sip(SCANNER, PBX, &invite(n / 64, n)), 250, true),
    flood("tries-of-few-legs", tries, 250, true),
    flood("calls-refused", refused, 250, true),
    flood("calls-missed", missed, 250, true),
    flood("calls-ringing", ringing, 1, false),
    flood("answers-alone", |wire, n| wire.sip(PBX, SCANNER, &flooding("SIP/2.0 200 OK", n, n)), 250, true),
    flood("fragments", fragments, 250, true),
    flood("half-messages", half_messages, 250, true),
    flood("gaps-in-streams", gaps, 250, true),
    flood("long-headers", long_headers, 250, true),
    flood("many-headers", many_headers, 250, true),
    flood("rtp-streams", rtp, 250, true),
    flood("absurd-websocket-frames", websockets, 250, true),
    flood("repeated-requests", repeated, 250, true),
];

/// What came of people's calls.
pub struct Fared {
    /// What is wrong; empty = nothing.
    pub faults: Vec<String>,
    /// Records of the flood's own calls.
    pub others: u64,
    /// The counts of the run.
    pub summary: Summary,
}

/// Pours `count` parts within ten seconds, while one call rings and one is up, one begins, and one comes after.
pub fn pour(flood: &Flood, count: u64) -> Fared {
    let mut wire = Scene::new();
    wire.rings(1);
    wire.rings(2);
    wire.wait(6_000_000);
    wire.person(2, "SIP/2.0 200 OK");
    let (begins, rings) = (count / 2, count / 2 + count * flood.before_ringing / 1000);
    for n in 0..count {
        if n == begins {
            wire.person(3, INVITE);
        }
        if n == rings {
            wire.person(3, "SIP/2.0 180 Ringing");
        }
        (flood.send)(&mut wire, n);
        wire.wait(i64::try_from(10_000_000 / count.max(1)).unwrap_or(1).max(1));
    }
    wire.gives_up(1);
    wire.person(2, BYE);
    wire.gives_up(3);
    wire.rings(4);
    wire.gives_up(4);
    let summary = wire.end();
    Fared { faults: faults(&wire, flood), others: wire.others, summary }
}

fn faults(wire: &Scene, flood: &Flood) -> Vec<String> {
    let mut faults = Vec::new();
    for (who, wanted) in [(1, "abandoned"), (2, "answered"), (3, "abandoned"), (4, "abandoned")] {
        if who > 2 && !flood.lets_in {
            continue;
        }
        let id = format!("person-{who}");
        let told = wire.people.iter().filter(|call| call.legs.iter().any(|leg| leg.call_id == id));
        let told: Vec<String> = told.map(|call| format!("{:?}", call.outcome).to_lowercase()).collect();
        if told != [wanted] {
            faults.push(format!("call {who} is {told:?}, not {wanted}"));
        }
        let texts = wire.texted.iter().filter(|to| **to == who).count();
        if texts != usize::from(wanted == "abandoned") {
            faults.push(format!("caller {who} got {texts} texts"));
        }
    }
    faults
}

const fn flood(name: &'static str, send: fn(&mut Scene, u64), before_ringing: u64, lets_in: bool) -> Flood {
    Flood { name, send, before_ringing, lets_in }
}

/// Somebody who scans.
const SCANNER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 77);
const UPGRADE: &[u8] = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n";
const UPGRADE_LEN: u32 = UPGRADE.len() as u32;
const BYE: &str = "BYE sip:13125550111@192.168.10.5 SIP/2.0";

fn flooding(start: &str, call: u64, n: u64) -> String {
    message(start, &format!("flood-{call}"), &format!("f{n}"), &caller(n))
}

fn caller(n: u64) -> String {
    format!("+1{}", 2_122_000_000 + n % 7_000_000)
}

fn invite(call: u64, n: u64) -> String {
    flooding(INVITE, call, n)
}

fn stranger(n: u64) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0b00_0000 + u32::try_from(n % 0xff_ffff).unwrap_or(0))
}

fn port(n: u64) -> u16 {
    1_024 + u16::try_from(n % 60_000).unwrap_or(0)
}

/// INVITEs of one Call-ID and From-tag, each another transaction.
fn tries(wire: &mut Scene, n: u64) {
    let (call, branch) = (n / 64, format!("branch=z9hG4bKtry{n}"));
    let text = invite(call, call).replace(&format!("branch=z9hG4bKf{call}"), &branch);
    wire.sip(SCANNER, PBX, &text);
}

fn refused(wire: &mut Scene, n: u64) {
    wire.sip(SCANNER, PBX, &invite(n, n));
    wire.sip(PBX, SCANNER, &flooding("SIP/2.0 404 Not Found", n, n));
}

fn missed(wire: &mut Scene, n: u64) {
    wire.sip(TRUNK, PBX, &invite(n, n));
    wire.sip(PBX, TRUNK, &flooding("SIP/2.0 180 Ringing", n, n));
    wire.sip(PBX, TRUNK, &flooding("SIP/2.0 486 Busy Here", n, n));
}

fn ringing(wire: &mut Scene, n: u64) {
    wire.sip(SCANNER, PBX, &invite(n, n));
    wire.sip(PBX, SCANNER, &flooding("SIP/2.0 180 Ringing", n, n));
}

fn fragments(wire: &mut Scene, n: u64) {
    let (id, offset) = (u16::try_from(n & 0xffff).unwrap_or(0), u16::try_from(n % 7_000).unwrap_or(0));
    wire.packet(&packets::fragment((stranger(n), 5060), (PBX, 5060), (id, offset), &[b'x'; 1_400]));
}

fn half_messages(wire: &mut Scene, n: u64) {
    let text = invite(n, n).replace("Content-Length: 0", "Content-Length: 60000") + &"x".repeat(700);
    wire.packet(&packets::tcp(client(n), (PBX, 5060), 1, text.as_bytes()));
}

fn gaps(wire: &mut Scene, n: u64) {
    let client = client(n / 200);
    let seq = u32::try_from(n % 200).unwrap_or(0) * 3_000;
    wire.packet(&packets::tcp(
        client,
        (PBX, 5060),
        seq,
        &[b"INVITE sip:a SIP/2.0\r\nX: ", &[b'x'; 1_300][..]].concat(),
    ));
}

/// Headers of a mebibyte, in segments.
fn long_headers(wire: &mut Scene, n: u64) {
    let (message, part) = (n / 800, u32::try_from(n % 800).unwrap_or(0));
    let start = if part == 0 { "INVITE sip:a@b SIP/2.0\r\nSubject: " } else { "" };
    let text = format!("{start}{}", "x".repeat(1_400 - start.len()));
    wire.packet(&packets::tcp(client(message), (PBX, 5060), part * 1_400, text.as_bytes()));
}

/// A hundred thousand headers, in segments; and as many as a datagram holds.
fn many_headers(wire: &mut Scene, n: u64) {
    let (message, part) = (n / 400, u32::try_from(n % 400).unwrap_or(0));
    let start = if part == 0 { "INVITE sip:a@b SIP/2.0\r\n" } else { "" };
    let text = format!("{start}{}", "v:1\r\n".repeat(250));
    let seq = part * 1_250 + if part == 0 { 0 } else { 24 };
    wire.packet(&packets::tcp(client(message), (PBX, 5060), seq, text.as_bytes()));
    if n.is_multiple_of(500) {
        let most = invite(n, n).replace("Content-Length: 0\r\n", &"v:1\r\n".repeat(12_000));
        wire.packet(&packets::udp((SCANNER, 5060), (PBX, 5060), most.as_bytes()));
    }
}

fn rtp(wire: &mut Scene, n: u64) {
    let ssrc = u32::try_from(n & 0xffff_ffff).unwrap_or(0);
    wire.packet(&packets::udp((stranger(n), 40_000), (PBX, port(n)), &packets::rtp(ssrc)));
}

/// Upgrades, then a frame that says it is longer than anything, or the start of one that never ends.
fn websockets(wire: &mut Scene, n: u64) {
    let client = client(n / 2);
    let absurd = [0x81, 0x7f, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    let (seq, bytes) = match n % 4 {
        0 | 2 => (0, UPGRADE.to_vec()),
        1 => (UPGRADE_LEN, [&absurd[..], &[b'x'; 1_300]].concat()),
        _ => (UPGRADE_LEN, [&[0x01, 0x7e, 0xff, 0xff][..], &[b'x'; 1_300]].concat()),
    };
    wire.packet(&packets::tcp(client, (PBX, 80), seq, &bytes));
}

/// Requests of dialogs nobody saw begin.
fn repeated(wire: &mut Scene, n: u64) {
    let text = flooding(["REGISTER", "OPTIONS", "BYE", "ACK"][usize::try_from(n % 4).unwrap_or(0)], n, n);
    wire.sip(SCANNER, PBX, &text.replacen('\r', " sip:a@b SIP/2.0\r", 1));
}

fn client(n: u64) -> End {
    (stranger(n / 50_000), port(n))
}

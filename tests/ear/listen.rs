//! Feeds the RTP of captures straight to `media::Ear` and prints what it heard, a line of JSON each.
//!
//! `cargo run --release --example listen -- [--repeat N] CAPTURE ...`
//!
//! The leg is the first INVITE's: its SDP and that of its 200 say where media goes and what payload types mean,
//! the 200's and the BYE's times are the answer and the end. One leg a capture; what else is in it is left out.
//! `--repeat` hears each capture N times over, for measuring.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::net::SocketAddr;

use ringback::media::{Direction, Ear, Ended, Heard, Interval, Params};
use ringback::source::{Capture, PacketSource};
use ringback::time::Timestamp;
use ringback::wire::frame;
use ringback::wire::packet::{Body, TapId};
use ringback::wire::rtp::{Codec, RtpPacket};
use serde_json::{Value, json};

fn main() {
    let (mut repeat, mut failed) = (1_u32, false);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        if arg == "--repeat" {
            repeat = args.next().and_then(|n| n.parse().ok()).expect("--repeat takes a number");
        } else {
            match Leg::read(&arg) {
                Ok(leg) => println!("{}", leg.listen(repeat, &arg)),
                Err(why) => {
                    eprintln!("{arg}: {why}");
                    failed = true;
                }
            }
        }
    }
    std::process::exit(i32::from(failed));
}

/// One leg of a capture.
#[derive(Default)]
struct Leg {
    call_id: String,
    /// Where the caller's side and the PBX's side want media, and what each payload type means.
    caller: Option<SocketAddr>,
    pbx: Option<SocketAddr>,
    codecs: BTreeMap<u8, Codec>,
    answered: Option<Timestamp>,
    ended: Option<Ended>,
    /// Where the INVITE came from.
    calls_from: Option<SocketAddr>,
    last: Timestamp,
    datagrams: Vec<(Timestamp, SocketAddr, Vec<u8>)>,
}

impl Leg {
    fn read(path: &str) -> Result<Leg, String> {
        let file = File::open(path).map_err(|e| e.to_string())?;
        let mut capture =
            Capture::open(Box::new(BufReader::new(file)), TapId(0), path).map_err(|e| format!("{e:?}"))?;
        let mut leg = Leg::default();
        while let Some(packet) = capture.next() {
            let packet = packet.map_err(|damage| damage.to_string())?;
            if let Body::Frame { link, bytes, wire_len } = packet.body
                && let Ok(ip) = frame::decode(link, bytes, wire_len)
                && ip.fragment.is_none()
                && ip.proto == 17
                && let Some((src, dst, payload)) = udp(ip.src, ip.dst, ip.payload)
            {
                leg.take(packet.at, src, dst, payload);
            }
        }
        if leg.answered.is_none() { Err("no INVITE is answered".into()) } else { Ok(leg) }
    }

    fn take(&mut self, at: Timestamp, src: SocketAddr, dst: SocketAddr, payload: &[u8]) {
        self.last = at;
        match payload.first() {
            Some(byte) if byte.is_ascii_alphabetic() => {
                self.message(at, src, &String::from_utf8_lossy(payload))
            }
            Some(_) => self.datagrams.push((at, dst, payload.to_vec())),
            None => {}
        }
    }

    fn message(&mut self, at: Timestamp, src: SocketAddr, text: &str) {
        let id = header(text, "call-id").unwrap_or_default();
        if self.call_id.is_empty() && text.starts_with("INVITE ") {
            self.call_id = id.to_string();
            self.calls_from = Some(src);
        }
        if self.call_id.is_empty() || id != self.call_id {
            return;
        }
        let invite = header(text, "cseq").is_some_and(|cseq| cseq.ends_with("INVITE"));
        if text.starts_with("INVITE ") && self.caller.is_none() {
            self.caller = self.sdp(text);
        } else if text.starts_with("SIP/2.0 200") && invite && self.answered.is_none() {
            self.answered = Some(at);
            self.pbx = self.sdp(text).or(self.pbx);
        } else if text.starts_with("SIP/2.0 18") && self.pbx.is_none() {
            self.pbx = self.sdp(text);
        } else if text.starts_with("BYE ") && self.ended.is_none() {
            self.ended = Some(Ended { at, by_pbx: self.calls_from != Some(src) });
        }
    }

    /// Learns payload types, and says where media should go.
    fn sdp(&mut self, text: &str) -> Option<SocketAddr> {
        let (_, body) = text.split_once("\r\n\r\n")?;
        let ip = body.lines().find_map(|line| line.strip_prefix("c=IN IP4 "))?;
        let port = body.lines().find_map(|line| line.strip_prefix("m=audio "))?.split(' ').next()?;
        for map in body.lines().filter_map(|line| line.strip_prefix("a=rtpmap:")) {
            let mut words = map.split([' ', '/']);
            let (kind, encoding, clock) = (words.next()?, words.next()?, words.next()?);
            self.codecs.insert(kind.parse().ok()?, Codec::of_map(encoding.as_bytes(), clock.parse().ok()?));
        }
        format!("{}:{port}", ip.trim()).parse().ok()
    }

    fn listen(&self, repeat: u32, path: &str) -> Value {
        let mut heard = None;
        for _ in 0..repeat {
            let mut ear = Ear::new(Params::default());
            for (at, dst, bytes) in &self.datagrams {
                let from = match Some(*dst) {
                    to if to == self.caller => Direction::FromPbx,
                    to if to == self.pbx => Direction::FromCaller,
                    _ => continue,
                };
                if let Some(packet) = RtpPacket::read(bytes) {
                    let codec = self.codecs.get(&packet.kind).copied();
                    ear.hear(from, codec.unwrap_or(Codec::of_static(packet.kind)), *at, &packet);
                }
            }
            let ended = self.ended.unwrap_or(Ended { at: self.last, by_pbx: false });
            heard = Some(ear.judge(self.answered.unwrap_or(self.last), ended));
        }
        heard.map_or(Value::Null, |heard| shown(path, &heard))
    }
}

fn shown(path: &str, heard: &Heard) -> Value {
    let pair = |i: Option<Interval>| i.map(|i| [i.start_ms, i.end_ms]);
    let name = path.rsplit('/').next().unwrap_or(path);
    json!({
        "capture": name,
        "verdict": format!("{:?}", heard.verdict),
        "suggests_voicemail": heard.suggests_voicemail(),
        "greeting": pair(heard.greeting),
        "tone": pair(heard.tone),
        "message": heard.message.map(|m| json!({"start_ms": m.start_ms, "end_ms": m.end_ms, "speech_ms": m.speech_ms})),
        "two_way_ms": heard.two_way_ms,
        "dtmf_before_tone": heard.dtmf_before_tone,
        "fax": heard.fax,
        "from_caller": heard.from_caller,
        "from_pbx": heard.from_pbx,
    })
}

fn header<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let head = text.split("\r\n\r\n").next()?;
    let (_, value) =
        head.lines().filter_map(|l| l.split_once(':')).find(|(n, _)| n.trim().eq_ignore_ascii_case(name))?;
    Some(value.trim())
}

fn udp(
    src: std::net::IpAddr,
    dst: std::net::IpAddr,
    bytes: &[u8],
) -> Option<(SocketAddr, SocketAddr, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<8>()?;
    let port = |n: usize| u16::from_be_bytes([head[n], head[n + 1]]);
    let length = usize::from(port(4)).checked_sub(8)?;
    Some((SocketAddr::new(src, port(0)), SocketAddr::new(dst, port(2)), rest.get(..length).unwrap_or(rest)))
}

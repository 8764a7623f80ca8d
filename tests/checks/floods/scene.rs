//! An office on whose wire something pours while people call: the engine with a scenario's configuration, the
//! calls of people, and what came of them.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use ringback::engine::{Engine, Input, Output, Summary};
use ringback::event::{CallRecord, Event, MessageState, Receipt};
use ringback::phone::{Number, Party};
use ringback::time::{Span, Timestamp};
use ringback::wire::packet::{Body, Datagram, FrameRef, LinkType, Packet, TapId, Transport};

/// Who sends the office its calls.
pub const TRUNK: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 20);
/// The office's PBX.
pub const PBX: Ipv4Addr = Ipv4Addr::new(192, 168, 10, 5);

/// The wire of an office.
pub struct Scene {
    engine: Engine,
    at: Timestamp,
    n: u64,
    /// Records of people's calls.
    pub people: Vec<CallRecord>,
    /// Records of all others.
    pub others: u64,
    /// The people who were texted, once for each text.
    pub texted: Vec<u32>,
}

impl Scene {
    /// The wire at ten on a working day.
    pub fn new() -> Scene {
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/caller-cancels/ringback.toml");
        let settings = ringback::config::load(&config).expect("a scenario's configuration").settings;
        Scene {
            engine: Engine::new(&settings, 1),
            at: Timestamp::from_parts(1_795_190_400, 0),
            n: 0,
            people: Vec::new(),
            others: 0,
            texted: Vec::new(),
        }
    }

    /// Lets time pass.
    pub fn wait(&mut self, micros: i64) {
        self.at = self.at + Span::from_micros(micros);
    }

    /// A packet of raw IP.
    pub fn packet(&mut self, bytes: &[u8]) {
        let wire_len = u32::try_from(bytes.len()).expect("a packet");
        self.take(Body::Frame { link: LinkType(101), bytes, wire_len });
    }

    /// A datagram of SIP.
    pub fn sip(&mut self, src: Ipv4Addr, dst: Ipv4Addr, text: &str) {
        let [src, dst] = [src, dst].map(|host| SocketAddr::from((host, 5060)));
        let frame = FrameRef { tap: TapId(0), n: self.n + 1 };
        let (payload, transport) = (text.as_bytes(), Transport::Udp);
        self.take(Body::Datagram(Datagram {
            at: self.at,
            frame,
            src,
            dst,
            transport,
            payload,
            cut: false,
            correlation: b"",
        }));
    }

    /// A message of the INVITE transaction between trunk and PBX of one person's call.
    pub fn person(&mut self, who: u32, start: &str) {
        let text = message(start, &format!("person-{who}"), &format!("p{who}"), &number(who));
        let responds = start.starts_with("SIP/2.0");
        let (src, dst) = if responds { (PBX, TRUNK) } else { (TRUNK, PBX) };
        self.sip(src, dst, &text);
    }

    /// A person calls, and the PBX rings.
    pub fn rings(&mut self, who: u32) {
        self.person(who, INVITE);
        self.wait(80_000);
        self.person(who, "SIP/2.0 180 Ringing");
    }

    /// The person hangs up before anybody answered.
    pub fn gives_up(&mut self, who: u32) {
        for start in ["CANCEL sip:13125550111@192.168.10.5 SIP/2.0", "SIP/2.0 487 Request Terminated"] {
            self.person(who, start);
            self.wait(10_000);
        }
    }

    /// The end of the capture, and what falls due in the next hour.
    pub fn end(&mut self) -> Summary {
        self.engine.handle(self.at, Input::End);
        self.drain();
        let until = self.at + Span::from_secs(3_600);
        while let Some(due) = self.engine.deadline().filter(|due| *due <= until) {
            self.engine.advance(due);
            self.drain();
        }
        self.engine.summary()
    }

    fn take(&mut self, body: Body<'_>) {
        self.n += 1;
        let frame = FrameRef { tap: TapId(0), n: self.n };
        self.engine.handle(self.at, Input::Packet(Packet { at: self.at, frame, body }));
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.engine.poll() {
            match output {
                Output::Journal(entry) => match entry.event {
                    Event::Call(call) if call.legs.iter().any(|leg| leg.call_id.starts_with("person-")) => {
                        self.people.push(*call);
                    }
                    Event::Call(_) => self.others += 1,
                    _ => {}
                },
                Output::Audio(_) => {}
                Output::Submit(message) | Output::LookUp(message) => {
                    self.texted.extend((1..=4).filter(|who| message.to == party(*who)));
                    let receipt = Receipt {
                        key: message.key.clone(),
                        state: MessageState::Accepted,
                        gateway_ref: Some(message.key.clone()),
                    };
                    self.engine.handle(self.at, Input::Receipt(receipt));
                }
            }
        }
    }
}

/// The start line of an INVITE to a line of the office.
pub const INVITE: &str = "INVITE sip:13125550111@192.168.10.5 SIP/2.0";

/// A message of one INVITE transaction, told apart by Call-ID, From-tag and branch.
pub fn message(start: &str, call_id: &str, tag: &str, caller: &str) -> String {
    let method = start.split(' ').next().filter(|first| *first != "SIP/2.0").unwrap_or("INVITE");
    let to_tag = if ["SIP/2.0", "BYE"].iter().any(|of| start.starts_with(of)) { ";tag=pbx" } else { "" };
    format!(
        "{start}\r\nVia: SIP/2.0/UDP 203.0.113.20;branch=z9hG4bK{tag}\r\nFrom: <sip:{caller}@203.0.113.20>;tag={tag}\r\n\
         To: <sip:13125550111@192.168.10.5>{to_tag}\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    )
}

/// The number of a person.
fn number(who: u32) -> String {
    format!("+13125550{:03}", 140 + who)
}

fn party(who: u32) -> Party {
    Party::Number(Number::parse(&number(who)).expect("a number"))
}

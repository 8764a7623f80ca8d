//! Listens with the taps of a configuration and prints what comes, one JSON object a line: for `tests/prove taps`.
//!
//! Commands come on standard input, one a line: `want none|all|PORT,PORT`, `stall SECONDS`, `counts`, `stop`.

use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use ringback::clock::SystemClock;
use ringback::config;
use ringback::flow::{Flow, Piece};
use ringback::source::{Live, REFUSALS, State, Taps, Wanted};
use ringback::time::Span;
use ringback::wire::packet::{Body, Packet, TapId};
use serde_json::{Value, json};

fn main() {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let path = PathBuf::from(std::env::args().nth(1).expect("a configuration"));
    let quiet = std::env::args().nth(2).is_some_and(|word| word == "quiet");
    let settings = config::load(&path).unwrap_or_else(|refused| panic!("{refused}")).settings;
    let mut taps = Taps::start(&settings.taps, Arc::new(SystemClock)).expect("it starts");
    let commands = commands();
    let mut out = Out { flow: Flow::new(0), quiet };
    loop {
        match taps.next(Span::from_millis(50)) {
            Live::Packet(packet) => out.packet(&packet),
            other => out.other(&other),
        }
        match commands.try_recv() {
            Ok(command) if command == "stop" => break,
            Ok(command) => obey(&taps, &command),
            Err(_) => {}
        }
    }
    taps.stop();
    while let Live::Packet(packet) = taps.next(Span::ZERO) {
        out.packet(&packet);
    }
    obey(&taps, "counts");
}

fn commands() -> Receiver<String> {
    let (send, receive) = channel();
    thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
        let _ = send.send("stop".to_owned());
    });
    receive
}

fn obey(taps: &Taps, command: &str) {
    match command.split_once(' ').unwrap_or((command, "")) {
        ("want", "none") => taps.want(Wanted::None),
        ("want", "all") => taps.want(Wanted::All),
        ("want", ports) => {
            taps.want(Wanted::Ports(ports.split(',').map(|port| port.parse().expect("a port")).collect()));
        }
        ("stall", secs) => thread::sleep(Duration::from_secs_f64(secs.parse().expect("seconds"))),
        _ => (0..).map(TapId).map_while(|tap| Some((tap, taps.counts(tap)?))).for_each(|(tap, counts)| {
            let refused: Vec<Value> = REFUSALS
                .iter()
                .map(|why| json!([format!("{why:?}"), counts.refused[*why as usize]]))
                .collect();
            let agents: Vec<Value> = counts
                .agents
                .iter()
                .map(|a| json!([a.from.to_string(), a.agent, a.messages, a.skew.map(Span::as_micros)]))
                .collect();
            tell(&json!({"counts": tap.0, "packets": counts.packets, "drops": counts.drops,
                "ignored": counts.ignored, "refused": refused, "agents": agents}));
        }),
    }
}

struct Out {
    flow: Flow,
    quiet: bool,
}

impl Out {
    fn packet(&mut self, packet: &Packet<'_>) {
        if self.quiet {
            return;
        }
        let (link, bytes) = match packet.body {
            Body::Frame { link, bytes, .. } => (Some(link.0), hex(bytes)),
            Body::Datagram(datagram) => (None, hex(datagram.payload)),
        };
        let frame = packet.frame;
        tell(
            &json!({"tap": frame.tap.0, "n": frame.n, "at": packet.at.as_micros(), "link": link, "bytes": bytes}),
        );
        self.flow.push(packet, &mut |piece| {
            let (kind, datagram) = match piece {
                Piece::Message(datagram) => ("sip", datagram),
                Piece::Rtp(datagram) => ("rtp", datagram),
            };
            tell(&json!({kind: hex(datagram.payload), "src": datagram.src.to_string(), "dst": datagram.dst.to_string()}));
        });
    }

    fn other(&self, live: &Live<'_>) {
        match live {
            Live::Drops(drops) => tell(&json!({"drops": drops.count, "tap": drops.tap.0,
                "from": drops.from.as_micros(), "to": drops.to.as_micros()})),
            Live::State(state) => {
                let why = match &state.state {
                    State::Up => "up".to_owned(),
                    State::Down(why) => why.to_string(),
                };
                tell(&json!({"state": why, "tap": state.tap.0}));
            }
            _ => {}
        }
    }
}

fn tell(value: &Value) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{value}").and_then(|()| out.flush()).expect("someone listens");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

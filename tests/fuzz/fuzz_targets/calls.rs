//! Any datagrams in a row, each two ends, a wait, a length and so many bytes, through the whole engine with an
//! office's configuration: no panic, no call told twice, no text without a missed call, nothing left to wait for.
#![no_main]

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use ringback::engine::{Engine, Input, Output};
use ringback::event::{CallKey, Event, JournalEntry, MessageState, Receipt};
use ringback::settings::Settings;
use ringback::time::{Span, Timestamp};
use ringback::wire::packet::{Body, Datagram, FrameRef, Packet, TapId, Transport};

/// Trunk, PBX, voicemail, two phones, a stranger.
const ENDS: [[u8; 4]; 6] = [
    [203, 0, 113, 20],
    [192, 168, 10, 5],
    [192, 168, 10, 6],
    [192, 168, 20, 21],
    [192, 168, 20, 22],
    [198, 51, 100, 77],
];

static SETTINGS: OnceLock<Settings> = OnceLock::new();

fuzz_target!(|data: &[u8]| {
    let settings = SETTINGS.get_or_init(|| {
        let config =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../captures/caller-cancels/ringback.toml");
        ringback::config::load(&config).expect("a scenario's configuration").settings
    });
    let mut engine = Engine::new(settings, 1);
    let mut told = Told::default();
    let (mut rest, mut at, mut n) = (data, Timestamp::from_parts(1_795_208_047, 0), 0);
    while let Some((head, after)) = rest.split_first_chunk::<5>() {
        let [src, dst, wait, n0, n1] = *head;
        let len = usize::from(u16::from_be_bytes([n0, n1])).min(after.len());
        let (payload, next) = after.split_at(len);
        (rest, n) = (next, n + 1);
        at = at + Span::from_millis(i64::from(wait) * i64::from(wait));
        let frame = FrameRef { tap: TapId(0), n };
        let (src, dst, transport) = (end(src), end(dst), Transport::Udp);
        let datagram = Datagram { at, frame, src, dst, transport, payload, cut: false, correlation: b"" };
        engine.handle(at, Input::Packet(Packet { at, frame, body: Body::Datagram(datagram) }));
        told.take(&mut engine);
    }
    engine.handle(at, Input::End);
    told.take(&mut engine);
    let end = at + Span::from_secs(200 * 3600);
    while let Some(due) = engine.deadline().filter(|due| *due <= end) {
        engine.advance(due);
        told.take(&mut engine);
    }
    assert_eq!(engine.deadline(), None, "nothing waits for longer than eight days");
});

fn end(byte: u8) -> SocketAddr {
    SocketAddr::from((ENDS[usize::from(byte) % ENDS.len()], 5060))
}

#[derive(Default)]
struct Told {
    entries: u64,
    calls: BTreeSet<CallKey>,
    missed: BTreeSet<CallKey>,
}

impl Told {
    fn take(&mut self, engine: &mut Engine) {
        while let Some(output) = engine.poll() {
            match output {
                Output::Journal(entry) => self.entry(&entry),
                Output::Audio(_) => {}
                Output::Submit(message) | Output::LookUp(message) => {
                    let call = message.key.split('/').next().and_then(|call| call.parse().ok());
                    assert!(
                        call.is_some_and(|call| self.missed.contains(&call)),
                        "{}: not a missed call",
                        message.key
                    );
                    let gateway_ref = Some(message.key.clone());
                    let receipt =
                        Receipt { key: message.key.clone(), state: MessageState::Accepted, gateway_ref };
                    engine.handle(message.sent.unwrap_or(message.due), Input::Receipt(receipt));
                }
            }
        }
    }

    fn entry(&mut self, entry: &JournalEntry) {
        self.entries += 1;
        assert_eq!(entry.n, self.entries);
        if let Event::Call(call) = &entry.event {
            assert!(self.calls.insert(call.call), "{} is told twice", call.call);
            if call.missed {
                self.missed.insert(call.call);
            }
        }
    }
}

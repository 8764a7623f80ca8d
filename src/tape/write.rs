//! Facts and inputs as the bytes of a tape, which somebody else puts on the disk.

use serde::Serialize;

use super::line::{
    At, ClockGapLine, DatagramLine, Digest, Drops, End, Head, Journal, NotAccepted, OperatorLine, PacketLine,
    ReceiptLine, ReplyLine, SettingsLine,
};
use super::packets::Packets;
use super::{Hex, VERSION};
use crate::event::{ClockGap, JournalEntry, Operator, Receipt, Reply, State};
use crate::limits;
use crate::settings::Written;
use crate::time::{Span, Timestamp};
use crate::wire::packet::{Body, Packet};

/// What a tape begins with.
#[derive(Clone, Copy, Debug)]
pub struct Begin<'a> {
    /// The files of the configuration, the main one first.
    pub files: &'a [Written],
    /// The names of the taps.
    pub taps: &'a [String],
    /// What the engine starts from.
    pub state: &'a State,
    /// What keys its hashes.
    pub seed: u64,
    /// What the clock shows.
    pub at: Timestamp,
}

/// Writes one tape into memory, from where it is taken away piece by piece.
pub struct Encoder {
    taps: Vec<String>,
    packets: Packets,
    digest: Digest,
    /// The number of the last entry that was told.
    told: u64,
    /// What wasn't taken away yet.
    pub ready: Ready,
}

/// Bytes for the disk.
#[derive(Debug, Default)]
pub struct Ready {
    /// Lines.
    pub lines: Vec<u8>,
    /// Packets that they point to, to be written first.
    pub packets: Vec<u8>,
}

impl Ready {
    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.lines.len() + self.packets.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Encoder {
    /// Begins a tape: who writes it, the configuration, the state.
    pub fn begin(begin: &Begin<'_>) -> Encoder {
        let mut ready = Ready::default();
        let packets = Packets::begin(&mut ready.packets);
        head(&mut ready.lines, begin);
        begin.files.iter().for_each(|file| line(&mut ready.lines, "file", file));
        state(&mut ready.lines, begin.state);
        Encoder { taps: begin.taps.to_vec(), packets, digest: Digest::default(), told: 0, ready }
    }

    /// A packet that was taken at `at`; false if it is longer than a capture may hold.
    pub fn packet(&mut self, at: Timestamp, packet: &Packet<'_>) -> bool {
        let tap = packet.frame.tap.0;
        let named = self.taps.get(usize::from(tap)).map_or("", String::as_str);
        let Some(n) = self.packets.add(&mut self.ready.packets, packet, named) else { return false };
        let datagram = match &packet.body {
            Body::Frame { .. } => None,
            Body::Datagram(datagram) => Some(DatagramLine::of(datagram)),
        };
        self.line("packet", &PacketLine { at, n, tap, frame: packet.frame.n, datagram });
        true
    }

    /// What a gateway said.
    pub fn receipt(&mut self, at: Timestamp, receipt: &Receipt) {
        let Receipt { key, state, gateway_ref } = receipt.clone();
        self.line("receipt", &ReceiptLine { at, key, state, gateway_ref });
    }

    /// A text that its gateway doesn't have, and when it is decided anew.
    pub fn not_accepted(&mut self, at: Timestamp, key: &str, after: Span) {
        let (key, after_us) = (key.to_owned(), after.as_micros());
        self.line("not_accepted", &NotAccepted { at, key, after_us });
    }

    /// Packets that were lost.
    pub fn drops(&mut self, at: Timestamp, count: u64) {
        self.line("drops", &Drops { at, count });
    }

    /// The files of another configuration; false if they are more than a line may hold.
    pub fn settings(&mut self, at: Timestamp, files: &[Written]) -> bool {
        // A byte becomes six at most; a few are around each file.
        let most: usize = files.iter().map(|file| 6 * (file.name.len() + file.text.len()) + 32).sum();
        let fits = most < limits::TAPE_LINE / 2;
        if fits {
            self.line("settings", &SettingsLine { at, files: files.to_vec() });
        }
        fits
    }

    /// What a person asked for.
    pub fn operator(&mut self, at: Timestamp, act: &Operator) {
        self.line("operator", &OperatorLine { at, act: act.clone() });
    }

    /// What somebody answered.
    pub fn reply(&mut self, at: Timestamp, reply: &Reply) {
        self.line("reply", &ReplyLine { at, reply: reply.clone() });
    }

    /// The clock was set.
    pub fn clock_gap(&mut self, at: Timestamp, gap: ClockGap) {
        self.line("clock_gap", &ClockGapLine { at, gap });
    }

    /// Time passed until something was due.
    pub fn time(&mut self, at: Timestamp) {
        self.line("time", &At { at });
    }

    /// An entry that the inputs so far made.
    pub fn entry(&mut self, entry: &JournalEntry) {
        self.digest.add(entry);
    }

    /// Says how far the journal is, if it went on since the last time, which it tells.
    pub fn journal(&mut self) -> bool {
        let n = self.digest.n();
        let went_on = n > self.told;
        if went_on {
            self.told = n;
            let digest = self.digest.so_far();
            self.line("journal", &Journal { n, digest });
        }
        went_on
    }

    /// There is no more to come, for a reason or because the run ends.
    pub fn end(&mut self, at: Timestamp, why: Option<&str>) {
        self.line("end", &End { at, why: why.map(str::to_owned) });
    }

    fn line(&mut self, name: &str, value: &impl Serialize) {
        line(&mut self.ready.lines, name, value);
    }
}

fn head(out: &mut Vec<u8>, begin: &Begin<'_>) {
    let head = Head {
        version: VERSION,
        ringback: env!("CARGO_PKG_VERSION").to_owned(),
        at: begin.at,
        seed: Hex(begin.seed.to_be_bytes().to_vec()),
        taps: begin.taps.to_vec(),
    };
    line(out, "tape", &head);
}

fn state(out: &mut Vec<u8>, state: &State) {
    let start = super::line::Start {
        next: state.next,
        last_at: state.last_at,
        opt_out_key: Hex(state.opted_out.key().to_vec()),
        meta: state.meta.clone(),
        hold: state.hold.clone(),
    };
    line(out, "state", &start);
    state.cases.iter().for_each(|row| line(out, "case", row));
    state.decisions.iter().for_each(|row| line(out, "decision", row));
    state.calls.iter().for_each(|row| line(out, "call", row));
    state.messages.iter().for_each(|row| line(out, "message", row));
    state.tasks.iter().for_each(|row| line(out, "task", row));
    state.open_calls.iter().for_each(|row| line(out, "open_call", row));
    state.opted_out.hashes().for_each(|hash| line(out, "opt_out", &Hex(hash.to_vec())));
}

/// One line: an object with one key.
fn line(out: &mut Vec<u8>, name: &str, value: &impl Serialize) {
    let before = out.len();
    out.extend(b"{\"");
    out.extend(name.as_bytes());
    out.extend(b"\":");
    // Into memory only a value that isn't JSON could fail, and there is none.
    if serde_json::to_writer(&mut *out, value).is_err() || out.len() - before >= limits::TAPE_LINE {
        debug_assert!(false, "a {name} can't be written");
        out.truncate(before);
        return;
    }
    out.extend(b"}\n");
}

//! The lines of a tape as JSON: which there are and what each holds.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Hex;
use crate::event::{
    CallRecord, ClockGap, Decision, JournalEntry, KeptCase, Message, MessageState, OpenCall, Operator, Reply,
    Task, json,
};
use crate::settings::Written;
use crate::time::Timestamp;
use crate::wire::packet::{Datagram, Transport};

/// The version of the tapes that are written, and the newest that is read.
pub const VERSION: u64 = 1;

/// One line: the key of its object and what stands there.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    Tape(Head),
    File(Written),
    State(Start),
    Case(KeptCase),
    Decision(Decision),
    Call(Box<CallRecord>),
    Message(Box<Message>),
    Task(Task),
    OpenCall(OpenCall),
    OptOut(Hex),
    Packet(PacketLine),
    Receipt(ReceiptLine),
    NotAccepted(NotAccepted),
    Drops(Drops),
    Settings(SettingsLine),
    Operator(OperatorLine),
    ClockGap(ClockGapLine),
    Reply(ReplyLine),
    Time(At),
    Journal(Journal),
    End(End),
}

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    pub version: u64,
    /// The version of the program that wrote it.
    pub ringback: String,
    /// What the clock showed when the engine began.
    pub at: Timestamp,
    /// Eight bytes, the highest first.
    pub seed: Hex,
    /// The names of the taps, in their order; none: as the configuration has them.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub taps: Vec<String>,
}

/// What the rows of the state belong to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Start {
    pub next: u64,
    pub last_at: Option<Timestamp>,
    pub opt_out_key: Hex,
    pub meta: BTreeMap<String, String>,
    pub hold: Option<String>,
}

/// A packet of the capture beside the tape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PacketLine {
    pub at: Timestamp,
    /// Its place in the capture, from 1.
    pub n: u64,
    pub tap: u16,
    /// Its number at its tap, which evidence names.
    pub frame: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub datagram: Option<DatagramLine>,
}

/// What an agent told of a payload beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DatagramLine {
    pub src: SocketAddr,
    pub dst: SocketAddr,
    pub transport: Way,
    pub cut: bool,
    pub correlation: Hex,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Way {
    Udp,
    Tcp,
    Ws,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReceiptLine {
    pub at: Timestamp,
    pub key: String,
    pub state: MessageState,
    pub gateway_ref: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NotAccepted {
    pub at: Timestamp,
    pub key: String,
    /// Microseconds until it is decided anew.
    pub after_us: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Drops {
    pub at: Timestamp,
    pub count: u64,
}

/// Another configuration, to go on with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SettingsLine {
    pub at: Timestamp,
    /// The files it was read from, the main one first.
    pub files: Vec<Written>,
}

/// What a person asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OperatorLine {
    pub at: Timestamp,
    pub act: Operator,
}

/// What somebody answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplyLine {
    pub at: Timestamp,
    pub reply: Reply,
}

/// The clock was set; `at` is what it showed before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClockGapLine {
    pub at: Timestamp,
    pub gap: ClockGap,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct At {
    pub at: Timestamp,
}

/// How far the journal was after the inputs before this line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Journal {
    /// The number of the last entry.
    pub n: u64,
    pub digest: Hex,
}

/// The last line: the run came to its end, or was taped no further.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct End {
    pub at: Timestamp,
    /// Why it was taped no further; none: the run was told to stop.
    pub why: Option<String>,
}

/// A digest of the journal so far, entry by entry as `journal.jsonl` writes them.
#[derive(Clone, Default)]
pub struct Digest {
    hash: Sha256,
    line: Vec<u8>,
    n: u64,
}

impl Digest {
    /// Takes the next entry in.
    pub fn add(&mut self, entry: &JournalEntry) {
        self.line.clear();
        json::entry(&mut self.line, entry);
        self.line.push(b'\n');
        self.hash.update(&self.line);
        self.n = entry.n;
    }

    /// The number of the last entry, 0 if there was none.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// The digest of all entries so far: the first eight bytes of SHA-256.
    pub fn so_far(&self) -> Hex {
        let whole = self.hash.clone().finalize();
        Hex(whole.iter().take(8).copied().collect())
    }
}

impl DatagramLine {
    pub fn of(datagram: &Datagram<'_>) -> DatagramLine {
        DatagramLine {
            src: datagram.src,
            dst: datagram.dst,
            transport: match datagram.transport {
                Transport::Udp => Way::Udp,
                Transport::Tcp => Way::Tcp,
                Transport::Ws => Way::Ws,
            },
            cut: datagram.cut,
            correlation: Hex(datagram.correlation.to_vec()),
        }
    }

    pub fn transport(&self) -> Transport {
        match self.transport {
            Way::Udp => Transport::Udp,
            Way::Tcp => Transport::Tcp,
            Way::Ws => Transport::Ws,
        }
    }
}

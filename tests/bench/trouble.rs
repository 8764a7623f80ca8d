//! What can befall packets between the wire and the capture file: lost, seen twice, late.
//!
//! A message *decides* if a verdict rests on it: a request outside a dialog (INVITE, CANCEL), BYE, and the final
//! responses to INVITE. The others (any response below 200, ACK, PRACK, UPDATE and their like, the responses to
//! anything but INVITE) may go missing without changing who was missed, and so may the later copies of any.

use crate::random::Random;

/// How often what befalls a packet; shares from 0 to 1, lateness in microseconds.
#[derive(Clone, Copy, Default)]
pub struct Shares {
    /// Messages that decide nothing and aren't captured.
    pub lose_idle: f64,
    /// Messages of any kind that aren't captured.
    pub lose_any: f64,
    /// Packets captured twice, up to 3 ms apart, as by a mirror of two ports.
    pub twice: f64,
    /// At most so late in the file, with the true time.
    pub late_in_file: u64,
    /// At most so late on the clock that stamps the packets, and in the file.
    pub late_on_clock: u64,
}

/// Decides what befalls each packet; with numbers of its own, so that the calls stay the same.
pub struct Trouble {
    shares: Shares,
    random: Random,
}

/// A packet that reaches the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Captured {
    /// Its place among others, in microseconds UTC.
    pub written: i64,
    /// The time it bears.
    pub stamp: i64,
}

impl Trouble {
    /// Trouble of a seed.
    pub fn new(shares: Shares, seed: u64) -> Trouble {
        Trouble { shares, random: Random::new(seed ^ 0x5EED_0F75_0B1E) }
    }

    /// How a message sent at `at` reaches the file: not at all, once or twice. `again`: it is a later copy.
    pub fn befalls(&mut self, at: i64, frame: &[u8], again: bool) -> [Option<Captured>; 2] {
        let idle = again || !decides(frame);
        if self.random.chance(self.shares.lose_any) || (idle && self.random.chance(self.shares.lose_idle)) {
            return [None, None];
        }
        let second = self.random.chance(self.shares.twice).then(|| at + self.random.below(3_000) as i64 + 20);
        [Some(self.captured(at)), second.map(|at| self.captured(at))]
    }

    fn captured(&mut self, at: i64) -> Captured {
        let in_file = self.random.below(self.shares.late_in_file + 1) as i64;
        let on_clock = self.random.below(self.shares.late_on_clock + 1) as i64;
        Captured { written: at + on_clock + in_file, stamp: at + on_clock }
    }
}

/// Whether a verdict may rest on a message, of a frame as `frame::datagram` writes it.
fn decides(frame: &[u8]) -> bool {
    let text = std::str::from_utf8(frame.get(HEADERS..).unwrap_or_default()).unwrap_or_default();
    let method = text.lines().find_map(|line| line.strip_prefix("CSeq: ")?.split(' ').nth(1));
    match text.strip_prefix("SIP/2.0 ") {
        Some(rest) => method == Some("INVITE") && !rest.starts_with('1'),
        None => matches!(method, Some("INVITE" | "CANCEL" | "BYE")),
    }
}

/// Bytes before the UDP payload: Ethernet, IPv4 without options, UDP.
const HEADERS: usize = 14 + 20 + 8;

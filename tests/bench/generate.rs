//! Writes a capture of invented calls, and the truth about each, for benchmarks and correctness runs.
//!
//! `cargo run --release --example generate -- --calls 12500 --out a.pcap --truth a.csv`
//!
//! Same arguments, same bytes. Calls begin at a constant rate, so the number of active ones doesn't grow with
//! the total. Everything is streamed: memory holds what is on the wire, never the file.

mod frame;
mod ladder;
mod mix;
mod random;
mod script;
mod trouble;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use frame::Capture;
use mix::{Mix, Office, Truth};
use random::Random;
use trouble::{Shares, Trouble};

const USAGE: &str = "usage: generate --out FILE.pcap --truth FILE.csv [--calls 12500] [--cps 2.5] [--retransmit PERCENT] \
[--rtp SHARE] [--seed 1] [--mix standard|hard|phones|held|held-two] [--lose-idle PERCENT] [--lose-any PERCENT] [--twice PERCENT] \
[--late-in-file MS] [--late-on-clock MS]";

/// 2026-11-20T14:00:00Z in microseconds.
const START: i64 = 1_795_183_200_000_000;

/// What to write.
struct Options {
    calls: u64,
    cps: f64,
    retransmit: f64,
    rtp: f64,
    seed: u64,
    mix: Mix,
    shares: Shares,
    out: String,
    truth: String,
}

/// One packet that is due.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    at: i64,
    order: u64,
    /// The time it bears; later than when it is due never, earlier if it comes late.
    stamp: i64,
    packet: Packet,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Packet {
    Sip(Vec<u8>),
    /// A stream's next packet, and how long the stream goes on.
    Rtp(frame::Rtp, i64),
}

fn main() -> ExitCode {
    let done =
        options(std::env::args().skip(1)).and_then(|options| write(&options).map_err(|e| e.to_string()));
    match done {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("generate: {why}");
            ExitCode::from(2)
        }
    }
}

fn options(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut found = Options {
        calls: 12_500,
        cps: 2.5,
        retransmit: 0.0,
        rtp: 0.0,
        seed: 1,
        mix: Mix::Standard,
        shares: Shares::default(),
        out: String::new(),
        truth: String::new(),
    };
    while let Some(flag) = args.next() {
        let value = args.next().ok_or(USAGE)?;
        let bad = || format!("{flag} {value}: not understood\n{USAGE}");
        match flag.as_str() {
            "--calls" => found.calls = value.parse().map_err(|_| bad())?,
            "--cps" => found.cps = value.parse().map_err(|_| bad())?,
            "--retransmit" => found.retransmit = percent(&value).ok_or_else(bad)?,
            "--rtp" => found.rtp = value.parse().map_err(|_| bad())?,
            "--seed" => found.seed = value.parse().map_err(|_| bad())?,
            "--mix" => found.mix = Mix::named(&value).ok_or_else(bad)?,
            "--lose-idle" => found.shares.lose_idle = percent(&value).ok_or_else(bad)?,
            "--lose-any" => found.shares.lose_any = percent(&value).ok_or_else(bad)?,
            "--twice" => found.shares.twice = percent(&value).ok_or_else(bad)?,
            "--late-in-file" => found.shares.late_in_file = millis(&value).ok_or_else(bad)?,
            "--late-on-clock" => found.shares.late_on_clock = millis(&value).ok_or_else(bad)?,
            "--out" => found.out = value,
            "--truth" => found.truth = value,
            _ => return Err(bad()),
        }
    }
    if found.out.is_empty() || found.truth.is_empty() || found.cps <= 0.0 {
        return Err(USAGE.to_owned());
    }
    Ok(found)
}

/// A share, of a number of percent.
fn percent(text: &str) -> Option<f64> {
    let share = text.parse::<f64>().ok()? / 100.0;
    (0.0..=1.0).contains(&share).then_some(share)
}

/// Microseconds, of a number of milliseconds.
fn millis(text: &str) -> Option<u64> {
    text.parse::<u32>().ok().map(|millis| u64::from(millis) * 1000)
}

fn write(options: &Options) -> io::Result<String> {
    let mut random = Random::new(options.seed);
    let mut office = Office::new(options.mix);
    let mut wire = Wire {
        capture: Capture::create(&options.out)?,
        queue: BinaryHeap::new(),
        order: 0,
        retransmit: options.retransmit,
        trouble: Trouble::new(options.shares, options.seed),
    };
    let mut truth = BufWriter::new(File::create(&options.truth)?);
    writeln!(truth, "{}", Truth::HEADER)?;
    for n in 0..options.calls {
        let begin = START + (n as f64 * 1e6 / options.cps) as i64;
        wire.drain(begin, &mut random)?;
        let at = begin + random.below((3e5 / options.cps) as u64 + 1) as i64;
        let call = office.call(n, at, &mut random);
        writeln!(truth, "{}", call.truth)?;
        wire.take(call, random.chance(options.rtp), &mut random);
    }
    wire.drain(i64::MAX, &mut random)?;
    truth.flush()?;
    let (packets, bytes) = wire.capture.finish()?;
    Ok(format!("{} calls, {packets} packets, {bytes} bytes", options.calls))
}

/// The packets under way, in the order of their times.
struct Wire {
    capture: Capture,
    queue: BinaryHeap<Reverse<Due>>,
    order: u64,
    retransmit: f64,
    trouble: Trouble,
}

impl Wire {
    fn push(&mut self, at: i64, stamp: i64, packet: Packet) {
        self.order += 1;
        self.queue.push(Reverse(Due { at, order: self.order, stamp, packet }));
    }

    /// A message on its way, and what befalls it.
    fn send(&mut self, at: i64, message: Vec<u8>, again: bool) {
        for captured in self.trouble.befalls(at, &message, again).into_iter().flatten() {
            self.push(captured.written, captured.stamp, Packet::Sip(message.clone()));
        }
    }

    /// Takes a call's messages, each with its chance to be sent again after T1 (500 ms).
    fn take(&mut self, call: mix::Made, audible: bool, random: &mut Random) {
        for (at, message) in call.messages {
            if random.chance(self.retransmit) {
                self.send(at + 500_000, message.clone(), true);
            }
            self.send(at, message, false);
        }
        for (at, until, stream) in call.streams.into_iter().filter(|_| audible) {
            self.push(at, at, Packet::Rtp(stream, until));
        }
    }

    /// Writes what is due before `limit`.
    fn drain(&mut self, limit: i64, random: &mut Random) -> io::Result<()> {
        while self.queue.peek().is_some_and(|next| next.0.at < limit) {
            let Some(Reverse(due)) = self.queue.pop() else { break };
            match due.packet {
                Packet::Sip(frame) => self.capture.packet(due.stamp, &frame)?,
                Packet::Rtp(stream, until) => self.audio(due.at, stream, until, random)?,
            }
        }
        Ok(())
    }

    /// One packet of 20 ms: 0.3 % are lost, 0.1 % come late enough to change places.
    fn audio(&mut self, at: i64, mut stream: frame::Rtp, until: i64, random: &mut Random) -> io::Result<()> {
        let frame = stream.next_frame();
        if random.chance(0.001) {
            self.push(at + 25_000, at + 25_000, Packet::Sip(frame));
        } else if !random.chance(0.003) {
            self.capture.packet(at, &frame)?;
        }
        if at + 20_000 < until {
            self.push(at + 20_000, at + 20_000, Packet::Rtp(stream, until));
        }
        Ok(())
    }
}

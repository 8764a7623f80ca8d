//! Reads a tape, which may come from a stranger: line by line, each bounded, and the packets beside it in step.
//!
//! | met | is |
//! |---|---|
//! | head, files, `state`, its rows | read by `open` |
//! | inputs, and how far the journal was | handed out one by one |
//! | the file ends in the middle of a line, or without `end` | the end: whoever wrote it was killed, or still writes |
//! | anything else | an error with its line |

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::line::{Head, Line, PacketLine, Start};
use super::packets::{EXPORTED, payload};
use super::{Hex, LINES, PACKETS, VERSION};
use crate::event::{ClockGap, Operator, OptOuts, Receipt, Reply, State};
use crate::limits;
use crate::settings::Written;
use crate::source::{Capture, PacketSource};
use crate::time::{Span, Timestamp};
use crate::wire::packet::{Body, Datagram, FrameRef, Packet, TapId};

/// Why a tape can't be read on: the file, the line in it, what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TapeError {
    /// The file.
    pub path: PathBuf,
    /// The line from 1; 0 for the file as a whole.
    pub line: u64,
    /// What is wrong, and what to do.
    pub what: String,
}

/// What stands next on a tape.
#[derive(Clone, Debug)]
pub enum Taken<'a> {
    /// A packet, and when it was taken.
    Packet(Timestamp, Packet<'a>),
    /// What a gateway said.
    Receipt(Timestamp, Receipt),
    /// A text its gateway doesn't have, and when it is decided anew.
    NotAccepted(Timestamp, String, Span),
    /// Packets that were lost.
    Drops(Timestamp, u64),
    /// The files of another configuration, to go on with.
    Settings(Timestamp, Vec<Written>),
    /// What a person asked for.
    Operator(Timestamp, Operator),
    /// What somebody answered.
    Reply(Timestamp, Reply),
    /// The clock was set; the time is what it showed before.
    ClockGap(Timestamp, ClockGap),
    /// Time passed.
    Time(Timestamp),
    /// The number of the last journal entry so far, and the digest of all.
    Journal(u64, Hex),
}

/// How a tape ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The run was told to stop.
    Stopped,
    /// The run went on and was taped no further.
    Untaped(String),
    /// Whoever wrote it was killed, or still writes.
    Open,
}

/// A tape that is being read.
pub struct Tape {
    /// The version of the program that wrote it.
    pub ringback: String,
    /// What the clock showed when the engine began.
    pub at: Timestamp,
    /// What keyed the engine's hashes.
    pub seed: u64,
    /// The names of the taps; none: as the configuration has them.
    pub taps: Vec<String>,
    /// The files of the configuration, the main one first.
    pub files: Vec<Written>,
    /// What the engine started from.
    pub state: State,
    lines: Lines,
    /// The line that ended the state, which is an input.
    first: Option<Line>,
    capture: Option<Capture>,
    folder: PathBuf,
    packets: u64,
    last: Timestamp,
    ending: Ending,
}

impl Tape {
    /// Opens a tape, the file or the folder it is in, and reads what stands before the inputs.
    ///
    /// # Errors
    /// It can't be read, a later ringback wrote it, or anything in it isn't as it must be.
    pub fn open(path: &Path) -> Result<Tape, TapeError> {
        let path = if path.is_dir() { path.join(LINES) } else { path.to_owned() };
        let mut lines = Lines::open(path)?;
        let head = head(&mut lines)?;
        let seed = head.seed.exactly().map(u64::from_be_bytes);
        let seed = seed.ok_or_else(|| lines.wrong("the seed isn't eight bytes"))?;
        let mut before = Before::default();
        let first = loop {
            let Some(line) = lines.next()? else { break None };
            if lines.read > limits::TAPE_STATE {
                return Err(lines
                    .wrong(format!("there are more than {} bytes before the inputs", limits::TAPE_STATE)));
            }
            match before.take(line).map_err(|what| lines.wrong(what))? {
                None => {}
                input => break input,
            }
        };
        let state = before.state.ok_or_else(|| lines.wrong("the tape ends before its state"))?;
        let folder = lines.path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(Tape {
            ringback: head.ringback,
            at: head.at,
            seed,
            taps: head.taps,
            files: before.files,
            state,
            lines,
            first,
            capture: None,
            folder,
            packets: 0,
            last: head.at,
            ending: Ending::Open,
        })
    }

    /// What comes next; none at the end.
    ///
    /// # Errors
    /// The line isn't as it must be, or points to a packet that isn't there. Nothing is read after that.
    #[allow(clippy::should_implement_trait, reason = "packets are lent until the next is asked for")]
    pub fn next(&mut self) -> Result<Option<Taken<'_>>, TapeError> {
        let line = match self.first.take() {
            Some(line) => Some(line),
            None => self.lines.next()?,
        };
        let Some(line) = line else { return Ok(None) };
        let taken = match line {
            Line::Packet(packet) => {
                self.goes_on(packet.at)?;
                return self.packet(packet).map(Some);
            }
            Line::Receipt(it) => {
                let receipt = Receipt { key: it.key, state: it.state, gateway_ref: it.gateway_ref };
                Taken::Receipt(self.goes_on(it.at)?, receipt)
            }
            Line::NotAccepted(it) if it.after_us >= 0 => {
                Taken::NotAccepted(self.goes_on(it.at)?, it.key, Span::from_micros(it.after_us))
            }
            Line::Drops(it) => Taken::Drops(self.goes_on(it.at)?, it.count),
            Line::Settings(it) => Taken::Settings(self.goes_on(it.at)?, it.files),
            Line::Operator(it) => Taken::Operator(self.goes_on(it.at)?, it.act),
            Line::Reply(it) => Taken::Reply(self.goes_on(it.at)?, it.reply),
            Line::ClockGap(it) => {
                let at = self.goes_on(it.at)?;
                self.last = at + it.gap.by();
                Taken::ClockGap(at, it.gap)
            }
            Line::Time(it) => Taken::Time(self.goes_on(it.at)?),
            Line::Journal(it) => Taken::Journal(it.n, it.digest),
            Line::End(end) => {
                self.ending = end.why.map_or(Ending::Stopped, Ending::Untaped);
                return match self.lines.next()? {
                    None => Ok(None),
                    Some(_) => Err(self.lines.wrong("something follows the tape's end")),
                };
            }
            Line::NotAccepted(_) => return Err(self.lines.wrong("`after_us` is below zero")),
            _ => return Err(self.lines.wrong("this belongs before the inputs")),
        };
        Ok(Some(taken))
    }

    /// How it ended, once there is nothing more.
    pub fn ending(&self) -> &Ending {
        &self.ending
    }

    /// The line read last, from 1.
    pub fn line(&self) -> u64 {
        self.lines.number
    }

    /// The file with the lines.
    pub fn path(&self) -> &Path {
        &self.lines.path
    }

    /// Bytes of lines read so far, and of how many.
    pub fn read(&self) -> (u64, u64) {
        (self.lines.read, self.lines.size)
    }

    fn goes_on(&mut self, at: Timestamp) -> Result<Timestamp, TapeError> {
        if at < self.last {
            return Err(self.lines.wrong(format!("goes back in time, from {} to {at}", self.last)));
        }
        self.last = at;
        Ok(at)
    }

    /// The packet a line points to, which is the next one of the capture.
    fn packet(&mut self, line: PacketLine) -> Result<Taken<'_>, TapeError> {
        let Tape { capture, folder, lines, packets, .. } = self;
        let wrong = |what: String| TapeError { path: lines.path.clone(), line: lines.number, what };
        *packets += 1;
        if line.n != *packets {
            return Err(wrong(format!(
                "points to packet {}; after {} comes {packets}",
                line.n,
                *packets - 1
            )));
        }
        let capture = match capture {
            Some(capture) => capture,
            None => capture.insert(opened(folder).map_err(wrong)?),
        };
        let read = match capture.next() {
            Some(Ok(read)) => read,
            Some(Err(damage)) => return Err(wrong(format!("packet {} isn't there: {damage}", line.n))),
            None => return Err(wrong(format!("packet {} isn't there: {PACKETS} ends before it", line.n))),
        };
        let frame = FrameRef { tap: TapId(line.tap), n: line.frame };
        let body = match (read.body, &line.datagram) {
            (Body::Frame { link, bytes, .. }, Some(told)) if link == EXPORTED => {
                let payload = payload(bytes).ok_or_else(|| wrong("its packet has no payload".to_owned()))?;
                lines.correlation.clone_from(&told.correlation.0);
                Body::Datagram(Datagram {
                    at: line.at,
                    frame,
                    src: told.src,
                    dst: told.dst,
                    transport: told.transport(),
                    payload,
                    cut: told.cut,
                    correlation: &lines.correlation,
                })
            }
            (_, Some(_)) => return Err(wrong("its packet is a frame, no payload".to_owned())),
            (frame, None) => frame,
        };
        Ok(Taken::Packet(line.at, Packet { at: read.at, frame, body }))
    }
}

/// What stands before the inputs.
#[derive(Default)]
struct Before {
    files: Vec<Written>,
    state: Option<State>,
    rows: usize,
}

impl Before {
    /// Takes a line in; gives back the first that is an input.
    fn take(&mut self, line: Line) -> Result<Option<Line>, String> {
        match line {
            Line::Tape(_) => return Err("a second head".to_owned()),
            Line::File(file) if self.state.is_none() => self.files.push(file),
            Line::State(start) if self.state.is_none() => self.state = Some(begun(start)?),
            Line::File(_) | Line::State(_) => return Err("this belongs before the state's rows".to_owned()),
            line => {
                let Some(state) = &mut self.state else {
                    return Err("there is no state before it".to_owned());
                };
                if let Some(input) = row(state, line)? {
                    return Ok(Some(input));
                }
            }
        }
        self.rows += 1;
        match self.rows > limits::TAPE_ROWS {
            true => Err(format!("there are more than {} rows before the inputs", limits::TAPE_ROWS)),
            false => Ok(None),
        }
    }
}

fn begun(start: Start) -> Result<State, String> {
    if !(1..=MOST_ENTRIES).contains(&start.next) {
        return Err(format!("the next entry can't be {}", start.next));
    }
    let key = start.opt_out_key.exactly().ok_or("`opt_out_key` isn't 32 bytes")?;
    Ok(State {
        next: start.next,
        last_at: start.last_at,
        opted_out: OptOuts::new(key),
        meta: start.meta,
        hold: start.hold,
        ..State::default()
    })
}

/// Adds a row to the state; gives back what is none.
fn row(state: &mut State, line: Line) -> Result<Option<Line>, String> {
    match line {
        Line::Case(row) => state.cases.push(row),
        Line::Decision(row) => state.decisions.push(row),
        Line::Call(row) => state.calls.push(*row),
        Line::Message(row) => state.messages.push(*row),
        Line::Task(row) => state.tasks.push(row),
        Line::OpenCall(row) => state.open_calls.push(row),
        Line::OptOut(hash) => state.opted_out.insert_hash(hash.exactly().ok_or("the hash isn't 32 bytes")?),
        input => return Ok(Some(input)),
    }
    Ok(None)
}

/// The first line. Its version is looked at before anything else: a later one may look otherwise.
fn head(lines: &mut Lines) -> Result<Head, TapeError> {
    let no_tape = "no tape of ringback: its first line doesn't say so";
    let Some(text) = lines.text()? else { return Err(lines.wrong(no_tape)) };
    let Ok(value) = serde_json::from_slice::<Value>(text) else { return Err(lines.wrong(no_tape)) };
    let version = value.get("tape").and_then(|head| head.get("version")).and_then(Value::as_u64);
    match version {
        Some(VERSION) => {}
        Some(version) if version > VERSION => {
            let what =
                format!("a later ringback wrote it, as version {version}; this one reads up to {VERSION}");
            return Err(lines.wrong(what));
        }
        _ => return Err(lines.wrong(no_tape)),
    }
    match serde_json::from_value(value) {
        Ok(Line::Tape(head)) => Ok(head),
        Ok(_) => Err(lines.wrong(no_tape)),
        Err(error) => Err(lines.wrong(format!("not as version {VERSION} writes it: {error}"))),
    }
}

fn opened(folder: &Path) -> Result<Capture, String> {
    let path = folder.join(PACKETS);
    let file = File::open(&path).map_err(|error| format!("{} can't be read: {error}", path.display()))?;
    Capture::open(Box::new(file), TapId(0), PACKETS).map_err(|_| format!("{} is no capture", path.display()))
}

/// The lines of the file, one after the other.
struct Lines {
    path: PathBuf,
    from: BufReader<File>,
    buffer: Vec<u8>,
    number: u64,
    read: u64,
    size: u64,
    /// Of the packet that is lent.
    correlation: Vec<u8>,
}

impl Lines {
    fn open(path: PathBuf) -> Result<Lines, TapeError> {
        let cant = |error: std::io::Error| TapeError {
            path: path.clone(),
            line: 0,
            what: format!("can't be read: {error}; name a tape, or the folder it is in"),
        };
        let file = File::open(&path).map_err(cant)?;
        let size = file.metadata().map_err(cant)?.len();
        let from = BufReader::with_capacity(BUFFER, file);
        Ok(Lines { path, from, buffer: Vec::new(), number: 0, read: 0, size, correlation: Vec::new() })
    }

    fn wrong(&self, what: impl Into<String>) -> TapeError {
        TapeError { path: self.path.clone(), line: self.number, what: what.into() }
    }

    /// The next line; none at the end of the file, or where it ends in the middle of one.
    fn text(&mut self) -> Result<Option<&[u8]>, TapeError> {
        self.buffer.clear();
        self.number += 1;
        let most = limits::TAPE_LINE as u64 + 1;
        let read = self.from.by_ref().take(most).read_until(b'\n', &mut self.buffer);
        let read = read.map_err(|error| self.wrong(format!("can't be read: {error}")))?;
        self.read += read as u64;
        if self.buffer.pop_if(|last| *last == b'\n').is_some() {
            return Ok(Some(&self.buffer));
        }
        match read as u64 == most {
            true => Err(self.wrong(format!("longer than {} bytes", limits::TAPE_LINE))),
            false => Ok(None),
        }
    }

    fn next(&mut self) -> Result<Option<Line>, TapeError> {
        let Some(text) = self.text()? else { return Ok(None) };
        match serde_json::from_slice(text) {
            Ok(line) => Ok(Some(line)),
            Err(error) => {
                // The column counts; the line is that of the tape.
                let what = error.to_string();
                let what = what.split(" at line ").next().unwrap_or(&what);
                let what = format!("not as version {VERSION} writes it: {what}, at byte {}", error.column());
                Err(self.wrong(what.replace(char::is_control, " ")))
            }
        }
    }
}

impl std::fmt::Display for TapeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path.display(), self.what),
            line => write!(f, "{}:{line}: {}", self.path.display(), self.what),
        }
    }
}

impl std::error::Error for TapeError {}

/// More entries than any journal has.
const MOST_ENTRIES: u64 = 1 << 53;
const BUFFER: usize = 64 * 1024;

#[cfg(test)]
mod tests;

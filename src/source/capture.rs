//! One capture as a source: finds out its format and walks its records in the order of the file.
//!
//! Packets may go back in time here; nobody reorders them. After the first record that can't be read there
//! is nothing more: a reader that looks for the next good one would invent packets.

use std::io::{self, Read};

use super::head::{Head, walk};
use super::section::Section;
use super::stream::Stream;
use super::window::Window;
use super::{Damage, PacketSource, Remark};
use crate::time::Timestamp;
use crate::wire::packet::{FrameRef, Packet, TapId};
use crate::wire::{pcap, pcapng};

/// An opened capture: pcap or pcapng, plain or in gzip or zstd.
pub struct Capture {
    tap: TapId,
    name: String,
    window: Window,
    format: Format,
    head: Option<Head>,
    packets: u64,
}

/// Why something can't be opened as a capture.
#[derive(Debug)]
pub enum Refusal {
    /// It holds no bytes.
    Empty,
    /// It begins with these bytes, shown as text, which no capture does.
    NotACapture(String),
    /// The operating system or the compression says so.
    Unreadable(io::Error),
}

/// What a step ahead in a capture came to.
pub(super) enum Step {
    /// The next packet, captured then, is at the head.
    Packet(Timestamp),
    /// The capture ended.
    End,
    /// The rest can't be read.
    Damage(Damage),
}

enum Format {
    Pcap(pcap::Header),
    Pcapng(Section),
    Broken(String),
    /// Damage was met and told.
    Ended,
}

/// A record that can't be read.
pub(super) struct Broken {
    pub offset: u64,
    pub what: String,
}

impl Capture {
    /// Opens what `inner` holds; its packets say they come from `tap`.
    ///
    /// # Errors
    /// If it holds no capture or can't be read at all. What starts as a capture and goes wrong after its
    /// first bytes is opened, and told as damage.
    pub fn open(inner: Box<dyn Read + Send>, tap: TapId, name: &str) -> Result<Capture, Refusal> {
        Capture::with_buffer(inner, tap, name, BUFFER)
    }

    /// As [`Capture::open`], reading `capacity` bytes at once.
    pub(super) fn with_buffer(
        inner: Box<dyn Read + Send>,
        tap: TapId,
        name: &str,
        capacity: usize,
    ) -> Result<Capture, Refusal> {
        let mut window = Window::new(Stream::open(inner).map_err(Refusal::Unreadable)?, capacity);
        let format = Format::of(&mut window)?;
        Ok(Capture { tap, name: name.to_owned(), window, format, head: None, packets: 0 })
    }

    /// How many bytes were read from disk, compressed ones as they lie there.
    pub fn bytes_read(&self) -> u64 {
        self.window.stream().bytes_read()
    }

    /// What is odd about the part read so far without being damage.
    pub(super) fn remarks(&self) -> Vec<Remark> {
        let undated = match &self.format {
            Format::Pcapng(section) => section.undated(),
            _ => 0,
        };
        let undated = (undated > 0).then(|| {
            format!("{undated} packets carry no time (simple packet blocks) and are dated 1970-01-01; capture with times")
        });
        let rubbish = self.window.stream().rubbish();
        let rubbish = rubbish.map(|at| {
            format!(
                "what begins at byte {at} is no gzip data and was not read; the capture before it is whole"
            )
        });
        let remark = |what| Remark { name: self.name.clone(), what };
        undated.into_iter().chain(rubbish).map(remark).collect()
    }

    /// Steps to the next packet.
    #[inline]
    pub(super) fn advance(&mut self) -> Step {
        match self.read() {
            Ok(Some(head)) => self.arrive(head),
            Ok(None) => Step::End,
            Err(broken) => Step::Damage(self.damage(broken)),
        }
    }

    /// Steps to the next packet of a file that is still written: where it ends for now, even inside a record,
    /// is its end, and it can be tried again.
    pub(super) fn follow(&mut self) -> Step {
        match self.read() {
            Ok(Some(head)) => self.arrive(head),
            Err(broken) if !self.window.has_ended() => Step::Damage(self.damage(broken)),
            Ok(None) | Err(_) => {
                self.window.go_on();
                Step::End
            }
        }
    }

    /// Steps to the next packet that `let_go` doesn't let go. It is asked of packets captured before `until`, but not
    /// of one that isn't wholly in the window yet.
    #[inline]
    pub(super) fn advance_unless(
        &mut self,
        until: Timestamp,
        let_go: impl FnMut(&Packet<'_>) -> bool,
    ) -> Step {
        match self.pass_over(until, let_go) {
            Some(head) => self.arrive(head),
            None => self.advance(),
        }
    }

    /// Passes over the packets that are let go; tells of the first that isn't.
    #[inline]
    fn pass_over(&mut self, until: Timestamp, mut let_go: impl FnMut(&Packet<'_>) -> bool) -> Option<Head> {
        self.leave_head();
        let (tap, packets) = (self.tap, &mut self.packets);
        let passes = |head: Head, bytes: &[u8]| {
            let frame = FrameRef { tap, n: *packets + 1 };
            let passes = head.at < until && let_go(&head.packet(frame, bytes));
            *packets += u64::from(passes);
            passes
        };
        let held = self.window.bytes();
        let (passed, next) = match &mut self.format {
            Format::Pcap(header) => {
                let header = *header;
                walk(held, |bytes| Some(Head::in_pcap(&header, header.record(bytes).ok()?)), passes)
            }
            Format::Pcapng(section) => walk(held, |bytes| section.peek(bytes), passes),
            Format::Broken(_) | Format::Ended => return None,
        };
        self.window.take(passed);
        next
    }

    #[inline]
    fn leave_head(&mut self) {
        if let Some(seen) = self.head.take() {
            self.window.take(seen.record);
        }
    }

    #[inline]
    fn read(&mut self) -> Result<Option<Head>, Broken> {
        self.leave_head();
        match &mut self.format {
            Format::Pcap(header) => next_record(header, &mut self.window),
            Format::Pcapng(section) => section.next_packet(&mut self.window),
            Format::Broken(what) => Err(Broken { offset: 0, what: what.clone() }),
            Format::Ended => Ok(None),
        }
    }

    #[inline]
    fn arrive(&mut self, head: Head) -> Step {
        self.head = Some(head);
        self.packets += 1;
        Step::Packet(head.at)
    }

    /// The packet at the head, if there is one.
    #[inline]
    pub(super) fn packet(&self) -> Option<Packet<'_>> {
        let head = self.head?;
        let bytes = head.frame(self.window.bytes())?;
        Some(head.packet(FrameRef { tap: self.tap, n: self.packets }, bytes))
    }

    /// Nothing is read after damage, which is told once.
    #[cold]
    fn damage(&mut self, broken: Broken) -> Damage {
        self.format = Format::Ended;
        Damage {
            tap: self.tap,
            name: self.name.clone(),
            offset: broken.offset,
            compressed: self.window.stream().is_compressed(),
            what: broken.what,
        }
    }
}

impl PacketSource for Capture {
    fn next(&mut self) -> Option<Result<Packet<'_>, Damage>> {
        match self.advance() {
            Step::Packet(_) => self.packet().map(Ok),
            Step::End => None,
            Step::Damage(damage) => Some(Err(damage)),
        }
    }
}

impl Format {
    fn of(window: &mut Window) -> Result<Format, Refusal> {
        window.has(pcapng::SECTION_START);
        if pcapng::is_magic(window.bytes()) {
            return Ok(Format::Pcapng(Section::new()));
        }
        if window.bytes().first_chunk().is_some_and(|magic| pcap::is_magic(*magic)) {
            return Ok(Format::of_pcap(window));
        }
        Err(Refusal::of(window))
    }

    fn of_pcap(window: &mut Window) -> Format {
        if !window.has(pcap::FILE_HEADER) {
            return Format::Broken(cut(window, window.offset(), pcap::FILE_HEADER));
        }
        match pcap::Header::parse(window.bytes()) {
            Ok(header) => {
                window.take(pcap::FILE_HEADER);
                Format::Pcap(header)
            }
            Err(fault) => Format::Broken(fault.to_string()),
        }
    }
}

impl Refusal {
    fn of(window: &mut Window) -> Refusal {
        let first = window.bytes().get(..8).unwrap_or(window.bytes());
        match window.failure() {
            Some(error) => Refusal::Unreadable(io::Error::new(error.kind(), error.to_string())),
            None if first.is_empty() => Refusal::Empty,
            None => Refusal::NotACapture(first.escape_ascii().to_string()),
        }
    }
}

#[inline]
fn next_record(header: &pcap::Header, window: &mut Window) -> Result<Option<Head>, Broken> {
    let start = header.record_header();
    if !window.has(start) {
        return ended(window, start);
    }
    let record = header.record(window.bytes()).map_err(|fault| Broken::at(window, &fault))?;
    let head = Head::in_pcap(header, record);
    if !window.has(head.record) {
        return ended(window, head.record);
    }
    Ok(Some(head))
}

impl Broken {
    #[cold]
    pub fn at(window: &Window, fault: &dyn ToString) -> Broken {
        Broken { offset: window.offset(), what: fault.to_string() }
    }
}

/// The stream ended where a record of `need` bytes begins: well, if that is between two records.
#[cold]
pub(super) fn ended(window: &Window, need: usize) -> Result<Option<Head>, Broken> {
    if window.bytes().is_empty() && window.failure().is_none() {
        return Ok(None);
    }
    Err(Broken { offset: window.offset(), what: cut(window, window.offset(), need) })
}

pub(super) fn cut(window: &Window, begin: u64, need: usize) -> String {
    match window.failure() {
        Some(error) => error.to_string(),
        None => {
            let have = window.offset() + window.bytes().len() as u64 - begin;
            format!("ends after {have} of {need} bytes")
        }
    }
}

/// How many bytes are read at once.
pub(super) const BUFFER: usize = 256 * 1024;

#[cfg(test)]
mod tests;

//! A folder as a tap: captures that another program writes there, read as they grow.
//!
//! A file is read as far as its records are whole, and again when it has grown, until a newer one is there and
//! it has stood still for ten seconds. Of files that were there at the start only those are read that were
//! just being written, and of these only what is captured from then on. Nothing is remembered from one start
//! to the next.

mod files;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::Path;

use tracing::warn;

use super::capture::{Capture, Refusal, Step};
use super::live::{Feed, Frame, Trouble};
use super::one_line;
use crate::clock::Clock;
use crate::time::{Span, Timestamp};
use crate::wire::packet::{Body, TapId};

use files::{Files, Found};

/// Watches a folder until the feed stops.
///
/// # Errors
/// If it can't be read.
pub(super) fn listen(folder: &Path, feed: &mut Feed) -> Result<(), Trouble> {
    let mut watch = Watch::start(folder, &*feed.clock)?;
    feed.told(None);
    while !feed.is_stopping() {
        watch.look(folder, feed)?;
        feed.flush();
        feed.wait(&[], EACH)?;
    }
    Ok(())
}

/// Where the reading stands.
struct Watch {
    files: Files,
    /// The files being read, the newest last.
    open: VecDeque<Current>,
}

/// A file being read.
struct Current {
    found: Found,
    /// The open file, whatever its name is by now, and what it holds.
    file: Option<File>,
    capture: Option<Capture>,
    /// What was captured before isn't taken.
    from: Option<Timestamp>,
    /// When it brought something last.
    moved: Span,
    done: bool,
}

impl Watch {
    fn start(folder: &Path, clock: &dyn Clock) -> Result<Watch, Trouble> {
        let mut files = Files::default();
        let (now, moved) = (clock.now(), clock.boottime());
        let mut open: VecDeque<Current> =
            files.take_new(folder)?.into_iter().map(|found| Current::new(found, Some(now), moved)).collect();
        while open.len() > 1 && open.front().is_some_and(|first| first.found.is_old(now)) {
            open.pop_front();
        }
        Ok(Watch { files, open })
    }

    /// Reads what has come since the last look.
    fn look(&mut self, folder: &Path, feed: &mut Feed) -> Result<(), Trouble> {
        let now = feed.clock.boottime();
        let new = self.files.take_new(folder)?;
        self.open.extend(new.into_iter().map(|found| Current::new(found, None, now)));
        while self.open.len() > MOST
            && let Some(mut first) = self.open.pop_front()
        {
            first.read(feed, true);
        }
        let newest = self.open.len().saturating_sub(1);
        for (n, current) in self.open.iter_mut().enumerate() {
            current.read(feed, n < newest && now >= current.moved + QUIET);
        }
        self.open.retain(|current| !current.done);
        Ok(())
    }
}

impl Current {
    fn new(found: Found, from: Option<Timestamp>, moved: Span) -> Current {
        Current { found, file: None, capture: None, from, moved, done: false }
    }

    /// Reads on; `last` if it won't be read again.
    fn read(&mut self, feed: &mut Feed, last: bool) {
        if self.was_cut() {
            (self.capture, self.from) = (None, None);
        }
        if self.capture.is_none() {
            self.open(feed, last);
        }
        let before = self.bytes_read();
        while let Some(capture) = &mut self.capture
            && !feed.is_stopping()
        {
            match if last { capture.advance() } else { capture.follow() } {
                Step::Packet(at) if self.from.is_none_or(|from| at >= from) => take(capture, feed),
                Step::Packet(_) => {}
                Step::End => break,
                Step::Damage(damage) => {
                    warn!("tap {}: {damage}", feed.id);
                    break;
                }
            }
        }
        if self.bytes_read() != before {
            self.moved = feed.clock.boottime();
        }
        self.done = last;
    }

    fn bytes_read(&self) -> u64 {
        self.capture.as_ref().map_or(0, Capture::bytes_read)
    }

    /// Whether the file is shorter than what was read of it: it is written over.
    fn was_cut(&mut self) -> bool {
        let read = self.bytes_read();
        let Some(file) = &mut self.file else { return false };
        let cut = file.metadata().is_ok_and(|about| about.len() < read);
        cut && file.seek(SeekFrom::Start(0)).is_ok()
    }

    /// Opens the file if it has enough to tell what it is; a compressed one only once it has stopped to grow.
    fn open(&mut self, feed: &Feed, last: bool) {
        if !last && !self.found.is_ready(feed.clock.boottime()) {
            return;
        }
        let name = one_line(&self.found.name());
        match self.handle().and_then(|file| Capture::open(Box::new(file), TapId(0), &name)) {
            Ok(capture) => self.capture = Some(capture),
            Err(Refusal::Unreadable(error)) if last => {
                warn!("tap {}: {name}: {error}; it is left out", feed.id)
            }
            // What is no capture is nobody's trouble: other files may lie there.
            Err(_) => {}
        }
    }

    /// The file once more, at the place that all its handles share.
    fn handle(&mut self) -> Result<File, Refusal> {
        if self.file.is_none() {
            self.file = Some(File::open(self.found.path()).map_err(Refusal::Unreadable)?);
        }
        let file = self.file.as_mut().ok_or(Refusal::Empty)?;
        file.seek(SeekFrom::Start(0)).and_then(|_| file.try_clone()).map_err(Refusal::Unreadable)
    }
}

fn take(capture: &Capture, feed: &mut Feed) {
    let Some(packet) = capture.packet() else { return };
    if let Body::Frame { link, bytes, wire_len } = packet.body {
        feed.frame(&Frame { at: packet.at, link, parts: [bytes, &[], &[]], wire_len });
    }
}

/// A file that isn't the newest and brought nothing for so long is whole.
const QUIET: Span = Span::from_secs(10);

/// As many files are read at once.
const MOST: usize = 16;

/// How often the folder is looked at.
const EACH: Span = Span::from_millis(250);

#[cfg(test)]
mod tests;

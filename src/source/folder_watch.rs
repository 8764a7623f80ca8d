//! A folder as a tap: captures that another program writes there, read as they grow.
//!
//! The newest file is read as far as its records are whole, and again when it has grown; when a newer one
//! appears, what is left of it is read and then the newer one. Files that were there at the start are not
//! read; of the newest, only what is captured from then on. Nothing is remembered from one start to the next.

mod files;

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::Path;

use tracing::warn;

use super::capture::{Capture, Refusal, Step};
use super::live::{Feed, Trouble};
use super::one_line;
use crate::time::{Span, Timestamp};
use crate::wire::packet::{Body, TapId};

use files::{Files, Found};

/// Watches a folder until the feed stops.
///
/// # Errors
/// If it can't be read.
pub(super) fn listen(folder: &Path, feed: &mut Feed) -> Result<(), Trouble> {
    let mut watch = Watch::start(folder, feed.clock.now())?;
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
    current: Option<Current>,
}

/// The file being read.
struct Current {
    found: Found,
    /// The open file, whatever its name is by now, and what it holds.
    file: Option<File>,
    capture: Option<Capture>,
    /// What was captured before isn't taken.
    from: Option<Timestamp>,
}

impl Watch {
    fn start(folder: &Path, now: Timestamp) -> Result<Watch, Trouble> {
        let mut files = Files::default();
        let newest = files.new(folder)?.pop();
        let current = newest.map(|found| Current::new(found, Some(now)));
        Ok(Watch { files, current })
    }

    /// Reads what has come since the last look.
    fn look(&mut self, folder: &Path, feed: &mut Feed) -> Result<(), Trouble> {
        // What is newer is looked for first: then the current file was finished before it is read to its end.
        let newer = self.files.new(folder)?;
        if let Some(current) = &mut self.current {
            current.read(feed, !newer.is_empty());
        }
        let count = newer.len();
        for (n, found) in newer.into_iter().enumerate() {
            let current = self.current.insert(Current::new(found, None));
            current.read(feed, n + 1 < count);
        }
        Ok(())
    }
}

impl Current {
    /// Reads on; `last` if it won't be read again.
    fn read(&mut self, feed: &mut Feed, last: bool) {
        if self.was_cut() {
            (self.capture, self.from) = (None, None);
        }
        if self.capture.is_none() {
            self.open(feed, last);
        }
        while let Some(capture) = &mut self.capture {
            let step = if last { capture.advance() } else { capture.follow() };
            match step {
                Step::Packet(at) => {
                    if self.from.is_none_or(|from| at >= from) {
                        take(capture, feed);
                    }
                }
                Step::End => break,
                Step::Damage(damage) => {
                    warn!("tap {}: {damage}", feed.id);
                    break;
                }
            }
            if feed.is_stopping() {
                break;
            }
        }
    }

    /// Whether the file is shorter than what was read of it: it is written over.
    fn was_cut(&mut self) -> bool {
        let (Some(file), Some(capture)) = (&mut self.file, &self.capture) else { return false };
        let cut = file.metadata().is_ok_and(|about| about.len() < capture.bytes_read());
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
}

impl Current {
    fn new(found: Found, from: Option<Timestamp>) -> Current {
        Current { found, file: None, capture: None, from }
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
        feed.frame(packet.at, link, [bytes, &[], &[]], wire_len);
    }
}

/// How often the folder is looked at.
const EACH: Span = Span::from_millis(250);

#[cfg(test)]
mod tests;

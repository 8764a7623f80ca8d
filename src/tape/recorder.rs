//! The thread that puts a tape on the disk, so that the loop with the engine never waits for it.
//!
//! What is given is handed to the system at once: it is there when the program is killed the next moment. What can't
//! be written, or comes faster than the disk takes it, ends the tape; that is told once.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use tracing::{error, info, warn};

use super::shelf::{self, Files, Shelf};
use super::write::Ready;
use crate::limits;
use crate::time::{Span, Timestamp};

/// The thread's other end.
pub struct Recorder {
    to: Sender<Ready>,
    shared: Arc<Shared>,
    /// Nothing is sent here; it closes when the thread has ended.
    ended: Receiver<()>,
    most: u64,
    given: u64,
}

/// How it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// All is well.
    Fine,
    /// The tape has half of what it may have.
    Long,
    /// It has all it may have.
    Full,
    /// The disk is slower than what comes.
    Behind,
    /// It can't be written, which was told.
    Failed,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: AtomicUsize,
    failed: AtomicBool,
    /// Nothing of it is to be kept.
    discarded: AtomicBool,
}

impl Recorder {
    /// Starts the thread; the tape is named for `at`, and others are as old as they are at `aged`.
    ///
    /// # Errors
    /// The system has no threads left.
    pub fn start(shelf: Shelf, at: Timestamp, aged: Timestamp) -> io::Result<Recorder> {
        let (to, from) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        let shared = Arc::new(Shared::default());
        let most = shelf.most_of_one();
        let told = shared.clone();
        let run = move || {
            if let Err(error) = write(&shelf, (at, aged), &from, &told) {
                told.failed.store(true, Ordering::Relaxed);
                error!("the tape can't be written: {error}; this run goes on without");
            }
            drop(end);
        };
        thread::Builder::new().name("tape".to_owned()).spawn(run)?;
        Ok(Recorder { to, shared, ended, most, given: 0 })
    }

    /// Gives it something to write.
    pub fn give(&mut self, ready: Ready) {
        self.given = self.given.saturating_add(ready.len() as u64);
        self.shared.waiting.fetch_add(ready.len(), Ordering::Relaxed);
        // Whether the thread lives is asked by `standing`.
        let _ = self.to.send(ready);
    }

    /// How it goes.
    pub fn standing(&self) -> Standing {
        if self.shared.failed.load(Ordering::Relaxed) {
            return Standing::Failed;
        }
        match self.given {
            _ if self.shared.waiting.load(Ordering::Relaxed) > limits::TAPE_WAITING => Standing::Behind,
            given if given >= self.most => Standing::Full,
            given if given >= self.most / 2 => Standing::Long,
            _ => Standing::Fine,
        }
    }

    /// Ends the tape and deletes it, as soon as the disk is ready for that.
    pub fn discard(self) {
        self.shared.discarded.store(true, Ordering::Relaxed);
    }

    /// Ends the tape; waits for the disk, but not for longer than `patience`.
    pub fn finish(self, patience: Span) {
        let Recorder { to, ended, .. } = self;
        drop(to);
        let patience = Duration::from_micros(u64::try_from(patience.as_micros()).unwrap_or(0));
        if ended.recv_timeout(patience) == Err(mpsc::RecvTimeoutError::Timeout) {
            warn!("the disk is slow: the end of the tape may be missing");
        }
    }
}

fn write(
    shelf: &Shelf,
    (at, aged): (Timestamp, Timestamp),
    from: &Receiver<Ready>,
    shared: &Shared,
) -> io::Result<()> {
    let Files { folder, mut lines, mut packets } = shelf.begin(at)?;
    info!("taped to {}", folder.display());
    shelf.clear_and_tell(aged);
    while let Ok(ready) = from.recv() {
        // A line never points to a packet that isn't there.
        packets.write_all(&ready.packets)?;
        lines.write_all(&ready.lines)?;
        shared.waiting.fetch_sub(ready.len(), Ordering::Relaxed);
    }
    if shared.discarded.load(Ordering::Relaxed) {
        return shelf::delete(&folder);
    }
    packets.sync_all()?;
    lines.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Taping;
    use crate::tape::{LINES, PACKETS};
    use std::fs;
    use std::path::Path;

    fn shelf(folder: &Path) -> Shelf {
        Shelf::new(&Taping { folder: folder.to_owned(), keep: Span::from_secs(100), most: 80 })
    }

    fn ready(lines: &str, packets: &str) -> Ready {
        Ready { lines: lines.into(), packets: packets.into() }
    }

    const SOON: Span = Span::from_secs(30);

    #[test]
    fn what_is_given_is_on_the_disk_when_it_has_ended() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut recorder = Recorder::start(shelf(folder.path()), Timestamp::default(), Timestamp::default())
            .expect("starts");
        recorder.give(ready("a", "1"));
        recorder.give(ready("bc", ""));
        assert_eq!(recorder.standing(), Standing::Fine);
        recorder.give(ready("", "2345678"));
        assert_eq!(recorder.standing(), Standing::Long);
        recorder.give(ready("", "123456789"));
        assert_eq!(recorder.standing(), Standing::Full);
        recorder.finish(SOON);
        let tape = folder.path().join("19700101T000000Z");
        assert_eq!(fs::read(tape.join(LINES)).expect("lines"), b"abc");
        assert_eq!(fs::read(tape.join(PACKETS)).expect("packets"), b"12345678123456789");
    }

    #[test]
    fn a_folder_that_cant_be_made_ends_the_tape_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, "").expect("writes");
        let mut recorder =
            Recorder::start(shelf(&file.join("tape")), Timestamp::default(), Timestamp::default())
                .expect("starts");
        // The thread has ended when the channel is closed.
        assert!(recorder.ended.recv().is_err());
        assert_eq!(recorder.standing(), Standing::Failed);
        recorder.give(ready("a", "1"));
        recorder.finish(SOON);
    }
}

//! The thread that writes messages as callers leave them, and deletes old ones, so that the loop never waits for the disk.
//!
//! Few pieces wait at a time; what comes while the disk takes none is silence in the file, and told. Of a message that the disk
//! refuses what was written is kept. What waits is written before the end.

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::thread::{self, JoinHandle};

use tracing::{error, info, warn};

use crate::engine::Audio;
use crate::event::{Piece, Sounded};
use crate::time::Timestamp;
use crate::voicemail::{self, Part, Voices};

/// Where the loop hands messages over.
pub struct Keeper {
    queue: Option<SyncSender<Work>>,
    thread: Option<JoinHandle<()>>,
}

/// What there is to do.
enum Work {
    Keep(Box<Audio>),
    /// Delete what was written before.
    Clear(Timestamp),
}

impl Keeper {
    /// Keeps messages in a folder, which is made when the first one comes.
    ///
    /// # Errors
    /// There are no threads left.
    pub fn start(voices: Voices) -> io::Result<Keeper> {
        let (queue, waiting) = mpsc::sync_channel::<Work>(WAITING);
        let thread = thread::Builder::new().name("keeper".into()).spawn(move || {
            mend(&voices);
            let mut shelf = Shelf { voices, open: BTreeMap::new() };
            for work in waiting {
                match work {
                    Work::Keep(audio) => shelf.keep(*audio),
                    Work::Clear(before) => clear(&shelf.voices, before),
                }
            }
        })?;
        Ok(Keeper { queue: Some(queue), thread: Some(thread) })
    }

    /// Has what is heard of a message written.
    pub fn keep(&self, audio: Box<Audio>) {
        let asked = self.queue.as_ref().map(|queue| queue.try_send(Work::Keep(audio)));
        if let Some(Err(
            TrySendError::Full(Work::Keep(audio)) | TrySendError::Disconnected(Work::Keep(audio)),
        )) = asked
        {
            error!("{} has a gap: the disk takes no more", audio.file);
        }
    }

    /// Has messages deleted that were written before a time; where too much waits, the next hour does it.
    pub fn clear(&self, before: Timestamp) {
        let _ = self.queue.as_ref().map(|queue| queue.try_send(Work::Clear(before)));
    }
}

impl Drop for Keeper {
    /// Waits until what is there is written.
    fn drop(&mut self) {
        drop(self.queue.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// The messages that are being left; none in place of one that the disk refused.
struct Shelf {
    voices: Voices,
    open: BTreeMap<String, Option<Part>>,
}

impl Shelf {
    fn keep(&mut self, audio: Audio) {
        let Audio { file, sounded } = audio;
        let kept = match sounded {
            Sounded::Piece(piece) => self.add(&file, &piece),
            Sounded::Whole => self.close(&file),
            Sounded::Nothing => {
                self.open.remove(&file);
                Part::discard(&self.voices.path(&file))
            }
        };
        if let Err(error) = kept {
            error!("of {file} no more is kept: {error}");
        }
    }

    fn add(&mut self, file: &str, piece: &Piece) -> io::Result<()> {
        let part = match self.open.remove(file) {
            None => Part::begin(&self.voices.path(file), piece.rate).map(Some),
            Some(part) => Ok(part),
        };
        let added = part.and_then(|part| match part {
            Some(mut part) => part.add(piece).map(|()| Some(part)),
            None => Ok(None),
        });
        let (part, told) = match added {
            Ok(part) => (part, Ok(())),
            Err(error) => (None, Err(error)),
        };
        self.open.insert(file.to_owned(), part);
        told
    }

    fn close(&mut self, file: &str) -> io::Result<()> {
        let path = self.voices.path(file);
        match self.open.remove(file) {
            Some(Some(part)) => part.close().and_then(|()| voicemail::name(&path)),
            Some(None) => self.voices.mend(&path).map(|_| ()),
            None => Ok(()),
        }
    }
}

fn mend(voices: &Voices) {
    match voices.repair() {
        Ok(mended) if mended.is_empty() => {}
        Ok(mended) => warn!("{} messages broke off when the last run ended, and are mended", mended.len()),
        Err(error) => warn!("messages in {} can't be mended: {error}", voices.folder().display()),
    }
}

fn clear(voices: &Voices, before: Timestamp) {
    match voices.delete_before(before) {
        Ok(0) => {}
        Ok(count) => info!("{count} messages were older than policy.voicemail_for, and are deleted"),
        Err(error) => warn!("old messages in {} can't be deleted: {error}", voices.folder().display()),
    }
}

/// Pieces that wait to be written, of less than half a second but for the first of a message: some 4 MB.
const WAITING: usize = 256;

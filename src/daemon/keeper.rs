//! The thread that writes messages callers left, and deletes old ones, so that the loop never waits for the disk.
//!
//! Few wait at a time; while the disk takes none, further ones are told and not kept. What waits is written before the end.

use std::io;
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::thread::{self, JoinHandle};

use tracing::{error, info, warn};

use crate::engine::Audio;
use crate::time::Timestamp;
use crate::voicemail::{self, Voices};

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
            for work in waiting {
                match work {
                    Work::Keep(audio) => keep(&voices, &audio),
                    Work::Clear(before) => clear(&voices, before),
                }
            }
        })?;
        Ok(Keeper { queue: Some(queue), thread: Some(thread) })
    }

    /// Has a message written.
    pub fn keep(&self, audio: Box<Audio>) {
        let asked = self.queue.as_ref().map(|queue| queue.try_send(Work::Keep(audio)));
        if let Some(Err(
            TrySendError::Full(Work::Keep(audio)) | TrySendError::Disconnected(Work::Keep(audio)),
        )) = asked
        {
            error!("{} isn't kept: the disk takes no more messages", audio.file);
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

fn keep(voices: &Voices, audio: &Audio) {
    let path = voices.path(&audio.file);
    let kept = voicemail::begin(&path, &audio.wave).and_then(|_| voicemail::finish(&path));
    if let Err(error) = kept {
        error!("{} isn't kept: {error}", audio.file);
    }
}

fn clear(voices: &Voices, before: Timestamp) {
    match voices.delete_before(before) {
        Ok(0) => {}
        Ok(count) => info!("{count} messages were older than policy.voicemail_for, and are deleted"),
        Err(error) => warn!("old messages in {} can't be deleted: {error}", voices.folder().display()),
    }
}

/// Messages that wait to be written: of the longest, some 300 MB.
const WAITING: usize = 16;

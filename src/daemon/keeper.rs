//! The thread that writes messages callers left, so that the loop never waits for the disk.
//!
//! Few wait at a time; while the disk takes none, further ones are told and not kept. What waits is written before the end.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::thread::{self, JoinHandle};

use tracing::error;

use crate::engine::Audio;
use crate::voicemail;

/// Where the loop hands messages over.
pub struct Keeper {
    queue: Option<SyncSender<Box<Audio>>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Keeps messages in `folder`, which is made when the first one comes.
    ///
    /// # Errors
    /// There are no threads left.
    pub fn start(folder: PathBuf) -> io::Result<Keeper> {
        let (queue, waiting) = mpsc::sync_channel::<Box<Audio>>(WAITING);
        let thread = thread::Builder::new().name("keeper".into()).spawn(move || {
            for audio in waiting {
                keep(&folder, &audio);
            }
        })?;
        Ok(Keeper { queue: Some(queue), thread: Some(thread) })
    }

    /// Has a message written.
    pub fn keep(&self, audio: Box<Audio>) {
        match self.queue.as_ref().map(|queue| queue.try_send(audio)) {
            Some(Err(TrySendError::Full(audio) | TrySendError::Disconnected(audio))) => {
                error!("{} isn't kept: the disk takes no more messages", audio.file);
            }
            Some(Ok(())) | None => {}
        }
    }
}

impl Drop for Keeper {
    /// Waits until what is there is written.
    fn drop(&mut self) {
        drop(self.queue.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn keep(folder: &Path, audio: &Audio) {
    let path = folder.join(Path::new(&audio.file).file_name().unwrap_or_default());
    let kept = voicemail::begin(&path, &audio.wave).and_then(|_| voicemail::finish(&path));
    if let Err(error) = kept {
        error!("{} isn't kept: {error}", audio.file);
    }
}

/// Messages that wait to be written: of the longest, some 300 MB.
const WAITING: usize = 16;

//! The output folder of a run: written under temporary names, renamed when all is there, so that a killed
//! run leaves no half file.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::LastStates;
use crate::engine::{Audio, Summary};
use crate::event::{Event, JournalEntry, Sounded, json};
use crate::voicemail::{self, Part};

/// An output folder being written.
pub struct OutDir {
    folder: PathBuf,
    calls: BufWriter<File>,
    journal: BufWriter<File>,
    tasks: BufWriter<File>,
    messages: LastStates,
    /// Messages that are being left, and where those are to be that are whole.
    open: BTreeMap<String, Part>,
    left: Vec<PathBuf>,
    /// Whether the folder wasn't there before.
    made: bool,
}

impl OutDir {
    /// Makes the folder and begins its files; what an earlier run left there stays until `finish`.
    ///
    /// # Errors
    /// What the operating system says, here and below with the folder's path.
    pub fn create(folder: &Path) -> io::Result<OutDir> {
        OutDir::begin(folder).map_err(|error| at(folder, error))
    }

    fn begin(folder: &Path) -> io::Result<OutDir> {
        let made = !folder.exists();
        fs::create_dir_all(folder)?;
        let begin =
            |name| File::create(temporary(folder, name)).map(|file| BufWriter::with_capacity(BUFFER, file));
        Ok(OutDir {
            calls: begin(CALLS)?,
            journal: begin(JOURNAL)?,
            tasks: begin(TASKS)?,
            folder: folder.to_owned(),
            messages: LastStates::default(),
            open: BTreeMap::new(),
            left: Vec::new(),
            made,
        })
    }

    /// Writes what an entry says into the files it belongs to.
    pub fn entry(&mut self, entry: &JournalEntry) -> io::Result<()> {
        let written =
            line(&mut self.journal, |out| json::entry(out, entry)).and_then(|()| match &entry.event {
                Event::Call(record) => line(&mut self.calls, |out| json::call(out, record)),
                Event::Task(task) => line(&mut self.tasks, |out| json::value(out, task)),
                Event::Message(message) => {
                    self.messages.keep(message);
                    Ok(())
                }
                _ => Ok(()),
            });
        written.map_err(|error| at(&self.folder, error))
    }

    /// Writes what is heard of a message.
    pub fn audio(&mut self, audio: &Audio) -> io::Result<()> {
        let path = self.folder.join(&audio.file);
        let open = self.open.remove(&audio.file);
        match &audio.sounded {
            Sounded::Piece(piece) => {
                let mut part = open.map_or_else(|| Part::begin(&path, piece.rate), Ok)?;
                part.add(piece)?;
                self.open.insert(audio.file.clone(), part);
            }
            Sounded::Whole => {
                open.map_or(Ok(()), Part::close)?;
                self.left.push(path);
            }
            Sounded::Nothing => Part::discard(&path)?,
        }
        Ok(())
    }

    /// Completes the files and gives them their names; removes what was begun if that can't be done.
    pub fn finish(mut self, summary: &Summary) -> io::Result<()> {
        self.complete(summary).map_err(|error| {
            let error = at(&self.folder, error);
            self.discard();
            error
        })
    }

    fn complete(&mut self, summary: &Summary) -> io::Result<()> {
        let mut messages = BufWriter::new(File::create(temporary(&self.folder, MESSAGES))?);
        for message in self.messages.list() {
            line(&mut messages, |out| json::value(out, message))?;
        }
        let mut pretty = BufWriter::new(File::create(temporary(&self.folder, SUMMARY))?);
        serde_json::to_writer_pretty(&mut pretty, summary)?;
        pretty.write_all(b"\n")?;
        for writer in [&mut self.calls, &mut self.journal, &mut self.tasks, &mut messages, &mut pretty] {
            writer.flush()?;
            writer.get_ref().sync_all()?;
        }
        for path in &self.left {
            voicemail::name(path)?;
        }
        for name in FILES {
            fs::rename(temporary(&self.folder, name), self.folder.join(name))?;
        }
        File::open(&self.folder)?.sync_all()
    }

    /// Removes what was begun, and the folder if it was made for it.
    pub fn discard(self) {
        let OutDir { folder, open, left, made, .. } = self;
        let begun = open.into_keys().map(|file| folder.join(file));
        for path in left.into_iter().chain(begun) {
            let _ = Part::discard(&path);
        }
        for name in FILES {
            let _ = fs::remove_file(temporary(&folder, name));
        }
        if made {
            let _ = fs::remove_dir(folder.join("voicemail"));
            let _ = fs::remove_dir(&folder);
        }
    }
}

fn at(folder: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", folder.display()))
}

fn temporary(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!(".{name}.part"))
}

fn line(writer: &mut impl Write, write: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
    let mut line = Vec::with_capacity(USUAL_LINE);
    write(&mut line);
    line.push(b'\n');
    writer.write_all(&line)
}

const CALLS: &str = "calls.jsonl";
const JOURNAL: &str = "journal.jsonl";
const TASKS: &str = "tasks.jsonl";
const MESSAGES: &str = "messages.jsonl";
const SUMMARY: &str = "summary.json";

const FILES: [&str; 5] = [CALLS, JOURNAL, TASKS, MESSAGES, SUMMARY];

const BUFFER: usize = 64 * 1024;

const USUAL_LINE: usize = 2 * 1024;

//! The output folder of a run: written under temporary names, renamed when all is there, so that a killed
//! run leaves no half file.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::LastStates;
use crate::engine::Summary;
use crate::event::{Event, JournalEntry, json};

/// An output folder being written.
pub struct OutDir {
    folder: PathBuf,
    calls: BufWriter<File>,
    journal: BufWriter<File>,
    tasks: BufWriter<File>,
    messages: LastStates,
}

impl OutDir {
    /// Makes the folder and begins its files; what an earlier run left there stays until `finish`.
    pub fn create(folder: &Path) -> io::Result<OutDir> {
        fs::create_dir_all(folder)?;
        let begin =
            |name| File::create(temporary(folder, name)).map(|file| BufWriter::with_capacity(BUFFER, file));
        Ok(OutDir {
            calls: begin(CALLS)?,
            journal: begin(JOURNAL)?,
            tasks: begin(TASKS)?,
            folder: folder.to_owned(),
            messages: LastStates::default(),
        })
    }

    /// Writes what an entry says into the files it belongs to.
    pub fn entry(&mut self, entry: &JournalEntry) -> io::Result<()> {
        line(&mut self.journal, |out| json::entry(out, entry))?;
        match &entry.event {
            Event::Call(record) => line(&mut self.calls, |out| json::call(out, record)),
            Event::Task(task) => line(&mut self.tasks, |out| json::value(out, task)),
            Event::Message(message) => {
                self.messages.keep(message);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Completes the files and gives them their names.
    pub fn finish(mut self, summary: &Summary) -> io::Result<()> {
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
        for name in [CALLS, JOURNAL, TASKS, MESSAGES, SUMMARY] {
            fs::rename(temporary(&self.folder, name), self.folder.join(name))?;
        }
        File::open(&self.folder)?.sync_all()
    }

    /// Removes what was begun.
    pub fn discard(self) {
        for name in [CALLS, JOURNAL, TASKS] {
            let _ = fs::remove_file(temporary(&self.folder, name));
        }
        let _ = fs::remove_dir(&self.folder);
    }
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

const BUFFER: usize = 64 * 1024;

const USUAL_LINE: usize = 2 * 1024;

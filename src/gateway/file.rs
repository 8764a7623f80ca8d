//! The file gateway: a JSON line a text, appended to `outbox.jsonl` in its folder and synced before it is accepted.
//!
//! A key is accepted once: at a start the outbox is read, and a text whose key is there already is answered without a
//! second line. A last line without its end was never accepted; it is cut off. Whoever reads the outbox may move it
//! away, or its folder: the next text begins a new one.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Answer, Found, Gateway, GatewayError};
use crate::event::Message;
use crate::phone::{Number, Party};
use crate::time::Timestamp;

/// A folder that texts are written into.
#[derive(Debug)]
pub struct FileGateway {
    path: PathBuf,
    /// None as long as it couldn't be opened.
    file: Option<File>,
    keys: BTreeSet<String>,
    cut: u64,
}

/// A line of the outbox.
#[derive(Serialize)]
struct Line<'a> {
    key: &'a str,
    at: Option<Timestamp>,
    channel: &'a str,
    to: &'a Party,
    from: Option<Number>,
    body: &'a str,
    encoding: &'a str,
    segments: u32,
    case: &'a str,
    template: &'a str,
}

/// What is read of a line.
#[derive(Deserialize)]
struct Written {
    key: String,
}

impl FileGateway {
    /// Opens the outbox in `folder`, making either if it isn't there, for this user alone.
    pub fn open(folder: &Path) -> Result<FileGateway, GatewayError> {
        let mut gateway = FileGateway::later(folder);
        gateway.begin()?;
        Ok(gateway)
    }

    /// One that opens the outbox in `folder` with its first text, and with each until it can.
    pub fn later(folder: &Path) -> FileGateway {
        FileGateway { path: folder.join(OUTBOX), file: None, keys: BTreeSet::new(), cut: 0 }
    }

    fn begin(&mut self) -> Result<(), GatewayError> {
        if let Some(folder) = self.path.parent() {
            make(folder).map_err(|error| GatewayError::file(folder, error))?;
        }
        let failed = |error| GatewayError::file(&self.path, error);
        let file = open(&self.path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(GatewayError::InUse(self.path.clone())),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let cut = read(&file, &mut self.keys).map_err(failed)?;
        (self.cut, self.file) = (cut, Some(file));
        Ok(())
    }

    /// How many bytes of a line that was never finished were cut off, at the start.
    pub fn cut(&self) -> u64 {
        self.cut
    }

    fn append(&mut self, message: &Message) -> Answer {
        let Some(file) = &mut self.file else { return Answer::NotAccepted("it isn't open".to_owned()) };
        let line = match line(message) {
            Ok(line) => line,
            Err(error) => return Answer::NotAccepted(error.to_string()),
        };
        let before = match file.metadata() {
            Ok(now) => now.len(),
            Err(error) => return Answer::NotAccepted(error.to_string()),
        };
        let written = file.write_all(&line).and_then(|()| file.sync_all());
        match written {
            Ok(()) => {
                self.keys.insert(message.key.clone());
                Answer::Accepted(message.key.clone())
            }
            Err(error) => match file.set_len(before).and_then(|()| file.sync_all()) {
                Ok(()) => Answer::NotAccepted(error.to_string()),
                Err(_) => Answer::Unknown(error.to_string()),
            },
        }
    }

    /// Begins a new outbox if the one that is open was moved away or deleted.
    fn stay_in_place(&mut self) -> Result<(), GatewayError> {
        if self.file.as_ref().is_some_and(|file| is_at(file, &self.path)) {
            return Ok(());
        }
        self.file = None;
        self.begin()
    }
}

impl Gateway for FileGateway {
    fn submit(&mut self, message: &Message) -> Answer {
        let opened = match self.keys.contains(&message.key) {
            true => Ok(()),
            false => self.stay_in_place(),
        };
        match opened {
            Err(error) => Answer::NotAccepted(error.to_string()),
            // It may have been read just now.
            Ok(()) if self.keys.contains(&message.key) => Answer::Accepted(message.key.clone()),
            Ok(()) => self.append(message),
        }
    }

    fn find(&mut self, key: &str) -> Found {
        // What is in an outbox that was never read, nobody knows.
        let is_read = self.keys.contains(key) || self.file.is_some() || self.begin().is_ok();
        match self.keys.contains(key) {
            true => Found::Accepted(key.to_owned()),
            false if is_read => Found::Absent,
            false => Found::Unknown,
        }
    }
}

/// Makes a folder of a gateway, and those above it, for this user alone; one that is there stays as it is.
pub(super) fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Reads the keys that are there, and cuts off a last line that has no end; returns its bytes.
fn read(mut file: &File, keys: &mut BTreeSet<String>) -> io::Result<u64> {
    file.seek(SeekFrom::Start(0))?;
    let (mut whole, mut line) = (0_u64, Vec::new());
    let mut reader = BufReader::new(file);
    let cut = loop {
        line.clear();
        let length = reader.read_until(b'\n', &mut line)? as u64;
        if line.last() != Some(&b'\n') {
            break length;
        }
        whole += length;
        // What somebody else wrote there has no key, and is none of ours.
        keys.extend(serde_json::from_slice::<Written>(&line).map(|written| written.key));
    };
    if cut > 0 {
        file.set_len(whole)?;
        file.sync_all()?;
    }
    Ok(cut)
}

/// Whether an open file is the one at `path`.
fn is_at(file: &File, path: &Path) -> bool {
    let ours = file.metadata().map(|it| (it.dev(), it.ino())).ok();
    let there = fs::metadata(path).map(|it| (it.dev(), it.ino())).ok();
    ours.is_some() && ours == there
}

/// Opens the file for this user alone, and makes its name survive a power cut.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options.read(true).append(true).create(true).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())?;
    Ok(file)
}

fn line(message: &Message) -> io::Result<Vec<u8>> {
    let line = Line {
        key: &message.key,
        at: message.sent,
        channel: &message.channel,
        to: &message.to,
        from: message.from,
        body: &message.body,
        encoding: &message.encoding,
        segments: message.segments,
        case: &message.case,
        template: &message.template,
    };
    let mut bytes = serde_json::to_vec(&line)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The name of the outbox in its folder.
const OUTBOX: &str = "outbox.jsonl";

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::gateway::sample;

    fn folder() -> TempDir {
        tempfile::tempdir().expect("a folder")
    }

    fn keys(folder: &Path) -> Vec<String> {
        let whole = fs::read_to_string(folder.join(OUTBOX)).expect("an outbox");
        whole.lines().map(|line| serde_json::from_str::<Written>(line).expect("a line").key).collect()
    }

    #[test]
    fn a_key_is_written_once_also_after_a_restart() {
        let room = folder();
        let place = room.path().join("outbox");
        for _ in 0..2 {
            let mut gateway = FileGateway::open(&place).expect("opens");
            for key in ["a/lead/ack", "b/lead/ack", "a/lead/ack"] {
                assert_eq!(gateway.submit(&sample(key)), Answer::Accepted(key.into()));
            }
            assert_eq!(gateway.find("a/lead/ack"), Found::Accepted("a/lead/ack".into()));
            assert_eq!(gateway.find("c/lead/ack"), Found::Absent);
        }
        assert_eq!(keys(&place), ["a/lead/ack", "b/lead/ack"]);
    }

    #[test]
    fn a_line_that_was_never_finished_is_cut_off_and_its_text_was_never_accepted() {
        let room = folder();
        FileGateway::open(room.path()).expect("opens").submit(&sample("a"));
        let path = room.path().join(OUTBOX);
        let mut file = OpenOptions::new().append(true).open(&path).expect("opens");
        file.write_all(b"{\"key\":\"b\"}").expect("writes");
        let mut gateway = FileGateway::open(room.path()).expect("opens");
        assert_eq!((gateway.cut(), gateway.find("b")), (11, Found::Absent));
        gateway.submit(&sample("b"));
        assert_eq!(keys(room.path()), ["a", "b"]);
    }

    #[test]
    fn folder_and_outbox_are_for_this_user_alone() {
        let room = folder();
        let place = room.path().join("outbox");
        FileGateway::open(&place).expect("opens");
        let mode = |path: &Path| fs::metadata(path).expect("is there").permissions().mode() & 0o777;
        assert_eq!((mode(&place), mode(&place.join(OUTBOX))), (0o700, 0o600));
    }

    #[test]
    fn an_outbox_that_was_moved_away_is_begun_anew() {
        let room = folder();
        let mut gateway = FileGateway::open(room.path()).expect("opens");
        gateway.submit(&sample("a"));
        fs::rename(room.path().join(OUTBOX), room.path().join("taken")).expect("renames");
        gateway.submit(&sample("a"));
        gateway.submit(&sample("b"));
        assert_eq!(keys(room.path()), ["b"]);
    }

    #[test]
    fn a_folder_that_is_gone_is_made_again_and_one_that_cannot_be_made_loses_no_text() {
        let room = folder();
        let place = room.path().join("outbox");
        let mut gateway = FileGateway::open(&place).expect("opens");
        gateway.submit(&sample("a"));
        fs::remove_dir_all(&place).expect("removed");
        fs::write(&place, "in the way").expect("written");
        assert!(matches!(gateway.submit(&sample("b")), Answer::NotAccepted(_)));
        assert_eq!((gateway.find("a"), gateway.find("b")), (Found::Accepted("a".into()), Found::Unknown));
        fs::remove_file(&place).expect("removed");
        assert_eq!(gateway.submit(&sample("b")), Answer::Accepted("b".into()));
        assert_eq!((keys(&place), gateway.find("a")), (vec!["b".into()], Found::Accepted("a".into())));
        let mode = |path: &Path| fs::metadata(path).expect("is there").permissions().mode() & 0o777;
        assert_eq!((mode(&place), mode(&place.join(OUTBOX))), (0o700, 0o600));
    }

    #[test]
    fn an_outbox_that_could_not_be_opened_is_read_once_it_can() {
        let room = folder();
        let place = room.path().join("outbox");
        FileGateway::open(&place).expect("opens").submit(&sample("a"));
        let aside = room.path().join("aside");
        fs::rename(&place, &aside).expect("renamed");
        fs::write(&place, "in the way").expect("written");
        let mut gateway = FileGateway::later(&place);
        assert_eq!(gateway.find("a"), Found::Unknown);
        fs::remove_file(&place).expect("removed");
        fs::rename(&aside, &place).expect("renamed");
        assert_eq!(gateway.submit(&sample("a")), Answer::Accepted("a".into()));
        assert_eq!(keys(&place), ["a"]);
    }

    #[test]
    fn a_second_writer_is_refused() {
        let room = folder();
        let _first = FileGateway::open(room.path()).expect("opens");
        assert!(matches!(FileGateway::open(room.path()), Err(GatewayError::InUse(_))));
    }
}

//! Messages on disk: WAV files that nobody but the service reads.
//!
//! A file gets its name once all of it is durable; a run that is killed leaves a hidden `.part` at most.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use hound::{SampleFormat, WavSpec, WavWriter};

use crate::event::Wave;
use crate::time::Timestamp;

/// Where a service keeps messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voices {
    folder: PathBuf,
}

impl Voices {
    /// Those in a folder, which need not be there yet.
    pub fn new(folder: PathBuf) -> Voices {
        Voices { folder }
    }

    /// Where they are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the message of a call's record is, or will be.
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.join(Path::new(file).file_name().unwrap_or_default())
    }

    /// Deletes the messages of records; those that aren't there are as good as deleted.
    ///
    /// # Errors
    /// One can't be deleted.
    pub fn delete(&self, files: &[String]) -> io::Result<()> {
        files.iter().map(|file| self.path(file)).try_for_each(|path| gone(fs::remove_file(&path)))
    }

    /// Deletes messages written before a time, and what killed runs began; tells how many.
    ///
    /// # Errors
    /// One can't be deleted, or the folder not be read.
    pub fn delete_before(&self, before: Timestamp) -> io::Result<u64> {
        let found = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            found => found?,
        };
        let mut deleted = 0;
        for entry in found {
            let entry = entry?;
            let name = entry.file_name();
            let is_message = [".wav", ".part"].iter().any(|end| name.to_string_lossy().ends_with(end));
            let meta = entry.metadata()?;
            let written = Timestamp::from_parts(meta.mtime(), 0);
            if is_message && meta.is_file() && written < before {
                gone(fs::remove_file(entry.path()))?;
                deleted += 1;
            }
        }
        Ok(deleted)
    }
}

fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Writes a message under a temporary name beside `path`, its folder made where it is missing; tells that name. `finish` gives
/// it its own.
///
/// # Errors
/// What the operating system says, with the path.
pub fn begin(path: &Path, wave: &Wave) -> io::Result<PathBuf> {
    let part = part(path);
    write(&part, wave).map_err(|error| at(&part, error))?;
    Ok(part)
}

/// Gives a message that is written its name, durably.
///
/// # Errors
/// As [`begin`].
pub fn finish(path: &Path) -> io::Result<()> {
    let renamed = fs::rename(part(path), path).and_then(|()| match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    });
    renamed.map_err(|error| at(path, error))
}

fn write(part: &Path, wave: &Wave) -> io::Result<()> {
    if let Some(folder) = part.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(part)?;
    let spec = WavSpec {
        channels: 2,
        sample_rate: wave.rate,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let mut writer = WavWriter::new(BufWriter::new(&file), spec).map_err(plain)?;
    for sample in wave.frames.iter().flatten() {
        writer.write_sample(*sample).map_err(plain)?;
    }
    writer.finalize().map_err(plain)?;
    file.sync_all()
}

/// `.4f9c2a6b01de.wav.part` beside the file.
fn part(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.part"))
}

fn plain(error: hound::Error) -> io::Error {
    match error {
        hound::Error::IoError(error) => error,
        other => io::Error::other(other),
    }
}

fn at(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_message_is_there_whole_or_not_at_all_and_for_nobody_else() {
        let room = tempfile::tempdir().expect("a folder");
        let path = room.path().join("voicemail/4f9c2a6b01de.wav");
        let wave = Wave { rate: 8_000, frames: vec![[1, -2], [3, 4]], codec: "PCMU", lost: 0 };
        begin(&path, &wave).expect("written");
        assert!(!path.exists());
        finish(&path).expect("named");
        let samples: Vec<i16> = hound::WavReader::open(&path).expect("a WAV").samples().flatten().collect();
        assert_eq!(samples, [1, -2, 3, 4]);
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().expect("a folder"))), (0o600, 0o700));
    }

    #[test]
    fn messages_go_by_name_and_by_age_and_nothing_else_does() {
        let room = tempfile::tempdir().expect("a folder");
        let voices = Voices::new(room.path().join("voices"));
        assert_eq!(voices.delete_before(Timestamp::MAX).expect("nothing"), 0);
        let wave = Wave { rate: 8_000, frames: vec![[1, 1]], codec: "PCMU", lost: 0 };
        for file in ["voicemail/a.wav", "voicemail/b.wav"] {
            begin(&voices.path(file), &wave).expect("written");
            finish(&voices.path(file)).expect("named");
        }
        fs::write(voices.folder().join("notes"), "").expect("written");
        voices.delete(&["voicemail/a.wav".to_owned(), "voicemail/never.wav".to_owned()]).expect("deleted");
        assert!(!voices.path("voicemail/a.wav").exists() && voices.path("voicemail/b.wav").exists());
        assert_eq!(voices.delete_before(Timestamp::from_parts(1, 0)).expect("nothing"), 0);
        assert_eq!(voices.delete_before(Timestamp::MAX).expect("deleted"), 1);
        assert!(voices.folder().join("notes").exists());
    }

    #[test]
    fn a_record_names_no_file_outside_the_folder() {
        let voices = Voices::new(PathBuf::from("voices"));
        assert_eq!(voices.path("../../etc/passwd"), Path::new("voices/passwd"));
    }
}

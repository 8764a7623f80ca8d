//! Messages on disk: WAV files that nobody but the service reads.
//!
//! A file is written as the message is left, hidden (`.part`) until all of it is durable. After each piece it can be played. What a
//! killed run began is mended when the next one starts.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use hound::{SampleFormat, WavSpec, WavWriter};

use crate::event::Piece;
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

    /// Names what a killed run began, so that it can be played; tells which files these are.
    ///
    /// # Errors
    /// The folder can't be read, or one of them not be mended.
    pub fn repair(&self) -> io::Result<Vec<PathBuf>> {
        let mut mended = Vec::new();
        for begun in self.begun()? {
            if self.mend(&begun)? {
                mended.push(begun);
            }
        }
        Ok(mended)
    }

    /// Names what is there of a message that broke off; false if nothing is.
    ///
    /// # Errors
    /// It can't be mended.
    pub fn mend(&self, path: &Path) -> io::Result<bool> {
        let sounds = mend(&part(path)).map_err(|error| at(path, error))?;
        if sounds { name(path) } else { Part::discard(path) }.map(|()| sounds)
    }

    /// Where messages would be that are still under their temporary names.
    fn begun(&self) -> io::Result<Vec<PathBuf>> {
        let found = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            found => found?,
        };
        let mut begun = Vec::new();
        for entry in found {
            let name = entry?.file_name();
            let name = name.to_string_lossy();
            let whole = name.strip_prefix('.').and_then(|name| name.strip_suffix(".part"));
            begun.extend(whole.filter(|name| name.ends_with(".wav")).map(|name| self.folder.join(name)));
        }
        begun.sort_unstable();
        Ok(begun)
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

/// A message that is being left, under a temporary name.
pub struct Part {
    path: PathBuf,
    writer: WavWriter<BufWriter<File>>,
    frames: u64,
}

impl Part {
    /// Begins the file of a message whose place is to be `path`, its folder made where it is missing.
    ///
    /// # Errors
    /// What the operating system says, with the path; here and below.
    pub fn begin(path: &Path, rate: u32) -> io::Result<Part> {
        let begun = begun(&part(path), rate).map_err(|error| at(path, error))?;
        Ok(Part { path: path.to_owned(), writer: begun, frames: 0 })
    }

    /// Adds a piece, after silence for what is missing before it, and makes the file one that can be played.
    ///
    /// # Errors
    /// As above; what was there before is still there.
    pub fn add(&mut self, piece: &Piece) -> io::Result<()> {
        self.write(piece).map_err(|error| at(&self.path, error))
    }

    fn write(&mut self, piece: &Piece) -> io::Result<()> {
        while self.frames < piece.from {
            self.frame([0; 2])?;
        }
        piece.frames.iter().try_for_each(|frame| self.frame(*frame))?;
        self.writer.flush().map_err(plain)
    }

    fn frame(&mut self, frame: [i16; 2]) -> io::Result<()> {
        self.frames += 1;
        frame.into_iter().try_for_each(|sample| self.writer.write_sample(sample)).map_err(plain)
    }

    /// Makes it durable, still under its temporary name: `name` gives it its own.
    ///
    /// # Errors
    /// As above.
    pub fn close(self) -> io::Result<()> {
        let closed = self.writer.finalize().map_err(plain);
        let durable = closed.and_then(|()| File::open(part(&self.path))?.sync_all());
        durable.map_err(|error| at(&self.path, error))
    }

    /// Deletes what there is of it.
    ///
    /// # Errors
    /// As above.
    pub fn discard(path: &Path) -> io::Result<()> {
        gone(fs::remove_file(part(path))).map_err(|error| at(path, error))
    }
}

/// Gives a message that is whole its name, durably.
///
/// # Errors
/// What the operating system says, with the path.
pub fn name(path: &Path) -> io::Result<()> {
    let renamed = fs::rename(part(path), path).and_then(|()| match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    });
    renamed.map_err(|error| at(path, error))
}

fn begun(part: &Path, rate: u32) -> io::Result<WavWriter<BufWriter<File>>> {
    if let Some(folder) = part.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(part)?;
    let spec =
        WavSpec { channels: 2, sample_rate: rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
    WavWriter::new(BufWriter::new(file), spec).map_err(plain)
}

/// Makes a WAV file that broke off one that can be played: its header says how much is there. False if nothing is.
fn mend(part: &Path) -> io::Result<bool> {
    let file = OpenOptions::new().read(true).write(true).open(part)?;
    let data = file.metadata()?.len().saturating_sub(HEADER) / FRAME * FRAME;
    let Some(size) = u32::try_from(data).ok().filter(|size| *size > 0) else { return Ok(false) };
    file.set_len(HEADER + data)?;
    file.write_all_at(&(size + HEADER as u32 - 8).to_le_bytes(), 4)?;
    file.write_all_at(&size.to_le_bytes(), HEADER - 4)?;
    file.sync_all()?;
    Ok(true)
}

/// The header that begins such a file ends with the length of what follows; a frame of two samples.
const HEADER: u64 = 44;
const FRAME: u64 = 4;

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

    fn piece(from: u64, frames: Vec<[i16; 2]>) -> Piece {
        Piece { rate: 8_000, from, frames }
    }

    fn samples(path: &Path) -> Vec<i16> {
        hound::WavReader::open(path).expect("a WAV").samples().flatten().collect()
    }

    fn left(path: &Path) {
        let mut begun = Part::begin(path, 8_000).expect("begun");
        begun.add(&piece(0, vec![[1, -2]])).expect("written");
        begun.close().expect("written");
        name(path).expect("named");
    }

    #[test]
    fn a_message_is_there_whole_or_not_at_all_and_for_nobody_else() {
        let room = tempfile::tempdir().expect("a folder");
        let path = room.path().join("voicemail/4f9c2a6b01de.wav");
        let mut begun = Part::begin(&path, 8_000).expect("begun");
        begun.add(&piece(0, vec![[1, -2], [3, 4]])).expect("written");
        begun.add(&piece(3, vec![[5, 6]])).expect("written");
        assert_eq!(samples(&part(&path)), [1, -2, 3, 4, 0, 0, 5, 6], "it can be played before it is whole");
        begun.close().expect("written");
        assert!(!path.exists());
        name(&path).expect("named");
        assert_eq!(samples(&path), [1, -2, 3, 4, 0, 0, 5, 6]);
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().expect("a folder"))), (0o600, 0o700));
    }

    #[test]
    fn what_a_killed_run_began_is_mended_wherever_it_broke_off() {
        let room = tempfile::tempdir().expect("a folder");
        let voices = Voices::new(room.path().to_owned());
        assert!(voices.repair().expect("nothing").is_empty());
        let path = voices.path("voicemail/a.wav");
        let mut begun = Part::begin(&path, 8_000).expect("begun");
        begun.add(&piece(0, vec![[1, 2]; 100])).expect("written");
        begun.close().expect("written");
        let whole = fs::read(part(&path)).expect("read");
        for cut in [0, 20, 44, 46, 47, 48, 49, 443, whole.len()] {
            fs::write(part(&path), &whole[..cut]).expect("written");
            let frames = cut.saturating_sub(44) / 4;
            let mended = voices.repair().expect("mended");
            assert_eq!(mended.len(), usize::from(frames > 0), "{cut}");
            assert_eq!(path.exists(), frames > 0);
            if frames > 0 {
                assert_eq!(samples(&path).len(), frames * 2);
                fs::remove_file(&path).expect("deleted");
            }
            assert!(!part(&path).exists());
        }
    }

    #[test]
    fn messages_go_by_name_and_by_age_and_nothing_else_does() {
        let room = tempfile::tempdir().expect("a folder");
        let voices = Voices::new(room.path().join("voices"));
        assert_eq!(voices.delete_before(Timestamp::MAX).expect("nothing"), 0);
        for file in ["voicemail/a.wav", "voicemail/b.wav"] {
            left(&voices.path(file));
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

//! Messages on disk: WAV files that nobody but the service reads.
//!
//! A file gets its name once all of it is durable; a run that is killed leaves a hidden `.part` at most.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use hound::{SampleFormat, WavSpec, WavWriter};

use crate::event::Wave;

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
}

//! The folder with all tapes: a folder for each, named for when it began, that nobody else may read.
//!
//! What isn't named so is left alone, and so is what somebody put beside a tape.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;

use tracing::warn;

use super::{LINES, PACKETS};
use crate::settings::Taping;
use crate::time::Timestamp;

/// Where tapes are kept, and how many.
#[derive(Clone, Debug)]
pub struct Shelf {
    taping: Taping,
}

/// The files of a tape that is written.
#[derive(Debug)]
pub(super) struct Files {
    pub folder: PathBuf,
    pub lines: File,
    pub packets: File,
}

impl Shelf {
    /// As `[tape]` wants it.
    pub fn new(taping: &Taping) -> Shelf {
        Shelf { taping: taping.clone() }
    }

    /// Deletes what is too old at `now`, or too much, without keeping the caller waiting.
    pub fn clear_aside(self, now: Timestamp) {
        let clear = move || self.clear_and_tell(now);
        if let Err(error) = thread::Builder::new().name("tapes".to_owned()).spawn(clear) {
            warn!("old tapes can't be deleted: {error}");
        }
    }

    /// The same in the caller's own time.
    pub(super) fn clear_and_tell(&self, now: Timestamp) {
        match self.clear(now) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                warn!("old tapes can't be deleted: {error}; delete them by hand");
            }
            _ => {}
        }
    }

    /// Deletes every tape.
    ///
    /// # Errors
    /// One can't be deleted.
    pub fn delete_all(&self) -> io::Result<()> {
        let tapes = match self.tapes() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            tapes => tapes?,
        };
        tapes.iter().try_for_each(|(tape, _)| delete(&self.taping.folder.join(tape)))
    }

    /// The folder they are in.
    pub fn folder(&self) -> &Path {
        &self.taping.folder
    }

    /// The bytes a tape may have; four of them are all there may be.
    pub fn most_of_one(&self) -> u64 {
        self.taping.most / 4
    }

    /// Makes the folder and the files of a tape that begins `at`.
    pub(super) fn begin(&self, at: Timestamp) -> io::Result<Files> {
        let mut private = DirBuilder::new();
        private.mode(0o700);
        private.recursive(true).create(&self.taping.folder)?;
        private.recursive(false);
        let named = name(at);
        let mut folder = self.taping.folder.join(&named);
        for n in 2..=MOST_AT_ONCE {
            match private.create(&folder) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    folder = self.taping.folder.join(format!("{named}-{n}"));
                }
                Err(error) => return Err(error),
                Ok(()) => break,
            }
        }
        let make = |name| OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join(name));
        Ok(Files { lines: make(LINES)?, packets: make(PACKETS)?, folder })
    }

    /// Deletes what is too old at `now`, then the oldest until there is room for one more.
    fn clear(&self, now: Timestamp) -> io::Result<()> {
        let begun = name(now - self.taping.keep);
        let mut tapes = self.tapes()?;
        let old = tapes.partition_point(|(tape, _)| *tape < begun);
        for (tape, _) in tapes.drain(..old) {
            delete(&self.taping.folder.join(tape))?;
        }
        let mut held: u64 = tapes.iter().map(|(_, bytes)| bytes).sum();
        for (tape, bytes) in tapes {
            if held <= self.taping.most - self.most_of_one() {
                break;
            }
            delete(&self.taping.folder.join(tape))?;
            held = held.saturating_sub(bytes);
        }
        Ok(())
    }

    /// The tapes by name, which is the order in which they began, and their bytes.
    fn tapes(&self) -> io::Result<Vec<(String, u64)>> {
        let mut tapes = Vec::new();
        for entry in fs::read_dir(&self.taping.folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if is_name(&name) {
                let bytes = |file| fs::metadata(entry.path().join(file)).map_or(0, |found| found.len());
                tapes.push((name, bytes(LINES) + bytes(PACKETS)));
            }
        }
        tapes.sort();
        Ok(tapes)
    }
}

/// Deletes a tape, and its folder if nothing else is in it.
pub(super) fn delete(folder: &Path) -> io::Result<()> {
    for file in [LINES, PACKETS] {
        match fs::remove_file(folder.join(file)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    // Somebody's own notes may be there.
    let _ = fs::remove_dir(folder);
    Ok(())
}

/// `20261120T211407Z`.
fn name(at: Timestamp) -> String {
    let text = at.to_string();
    let whole = text.split('.').next().unwrap_or(&text);
    whole.chars().filter(|c| c.is_ascii_alphanumeric()).chain(['Z']).collect()
}

fn is_name(text: &str) -> bool {
    let (time, n) = text.split_at_checked(16).unwrap_or_default();
    let fits = |(at, byte): (usize, u8)| match at {
        8 => byte == b'T',
        15 => byte == b'Z',
        _ => byte.is_ascii_digit(),
    };
    !time.is_empty() && time.bytes().enumerate().all(fits) && (n.is_empty() || n.starts_with('-'))
}

/// So many tapes may begin in one second.
const MOST_AT_ONCE: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;
    use std::os::unix::fs::PermissionsExt;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_parts(1_795_000_000 + secs, 0)
    }

    fn shelf(folder: &Path) -> Shelf {
        let keep = Span::from_secs(1_000);
        Shelf::new(&Taping { folder: folder.join("tape"), keep, most: 400 })
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder.join("tape")).expect("a folder");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect();
        names.sort();
        names
    }

    #[test]
    fn nobody_else_may_read_a_tape_and_two_of_one_second_are_two() {
        let folder = tempfile::tempdir().expect("a folder");
        let shelf = shelf(folder.path());
        let one = shelf.begin(at(0)).expect("begins");
        let other = shelf.begin(at(0)).expect("begins");
        assert_ne!(one.folder, other.folder);
        let mode = |path: &Path| fs::metadata(path).expect("is there").permissions().mode() & 0o777;
        assert_eq!(mode(&one.folder), 0o700);
        assert_eq!(mode(&one.folder.join(LINES)), 0o600);
        assert_eq!(mode(&one.folder.join(PACKETS)), 0o600);
    }

    #[test]
    fn the_old_go_then_the_oldest_and_what_is_no_tape_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let shelf = shelf(folder.path());
        for secs in [0, 500, 900, 950] {
            let tape = shelf.begin(at(secs)).expect("begins");
            fs::write(tape.folder.join(PACKETS), vec![0; 120]).expect("writes");
        }
        fs::create_dir(folder.path().join("tape/notes")).expect("makes");
        fs::write(folder.path().join("tape").join(name(at(0))).join("note"), "mine").expect("writes");
        shelf.clear(at(1_001)).expect("clears");
        assert_eq!(names(folder.path()), [name(at(0)).as_str(), &name(at(900)), &name(at(950)), "notes"]);
        shelf.clear(at(1_950)).expect("clears");
        assert_eq!(names(folder.path()), [name(at(0)).as_str(), &name(at(950)), "notes"]);
        shelf.delete_all().expect("deletes");
        assert_eq!(names(folder.path()), [name(at(0)).as_str(), "notes"]);
    }
}

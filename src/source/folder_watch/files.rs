//! The files of a folder: which are new, which one grows, which was written over.
//!
//! A file is known by its place on the disk, not by its name, so one that is renamed when it is full isn't
//! new, and one that is made anew under an old name is.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::source::live::Trouble;
use crate::time::{Span, Timestamp};

/// The files that were seen.
#[derive(Default)]
pub(super) struct Files {
    /// Those that are gone are forgotten.
    known: BTreeSet<Place>,
}

/// Device, number, and when it was made, since numbers are given anew.
type Place = (u64, u64, Option<SystemTime>);

/// A file that was found.
#[derive(Debug)]
pub(super) struct Found {
    path: PathBuf,
    place: Place,
    modified: Option<SystemTime>,
    /// Its length at the last look, and since when it has had it.
    steady: Option<(u64, Span)>,
}

impl Files {
    /// The files that weren't there before, the one written last at the end; hidden ones are none.
    ///
    /// # Errors
    /// If the folder can't be read.
    pub fn take_new(&mut self, folder: &Path) -> Result<Vec<Found>, Trouble> {
        let trouble =
            |error: std::io::Error| Trouble::Folder { path: folder.to_owned(), why: error.to_string() };
        let mut there = BTreeSet::new();
        let mut new = Vec::new();
        for entry in fs::read_dir(folder).map_err(trouble)? {
            let name = entry.map_err(trouble)?.file_name();
            let Some(found) = Found::of(folder, &name) else { continue };
            there.insert(found.place);
            if !self.known.contains(&found.place) {
                new.push(found);
            }
        }
        self.known = there;
        new.sort_by(|a, b| (a.modified, &a.path).cmp(&(b.modified, &b.path)));
        Ok(new)
    }
}

impl Found {
    fn of(folder: &Path, name: &OsString) -> Option<Found> {
        let path = folder.join(name);
        let about = fs::metadata(&path).ok()?;
        let shown = about.is_file() && !name.as_encoded_bytes().starts_with(b".");
        let modified = about.modified().ok();
        shown.then(|| Found { path, place: place(&about), modified, steady: None })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Whether nobody wrote to it in the last minute before `now`.
    pub fn is_old(&self, now: Timestamp) -> bool {
        let age = self.modified.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
        let at = age.and_then(|age| i64::try_from(age.as_micros()).ok()).map(Timestamp::from_micros);
        at.is_some_and(|at| now.since(at) > RECENT)
    }

    /// Whether it can be told what it is; of a compressed file, whether it has stopped to grow.
    pub fn is_ready(&mut self, now: Span) -> bool {
        let Ok(about) = fs::metadata(&self.path) else { return false };
        let since = match self.steady {
            Some((len, since)) if len == about.len() => since,
            _ => now,
        };
        self.steady = Some((about.len(), since));
        about.len() >= SMALLEST && (!self.is_compressed() || now >= since + STEADY)
    }

    fn is_compressed(&self) -> bool {
        let mut magic = [0; 4];
        let read = File::open(&self.path).and_then(|mut file| file.read_exact(&mut magic));
        read.is_ok() && matches!(magic, [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd])
    }
}

fn place(about: &Metadata) -> Place {
    (about.dev(), about.ino(), about.created().ok())
}

/// The header of a pcapng section; that of a pcap file is shorter.
const SMALLEST: u64 = 28;

const RECENT: Span = Span::from_secs(60);

/// A compressed file that hasn't grown for so long is whole.
const STEADY: Span = Span::from_secs(2);

//! What to read: the captures a user named, grouped into runs.
//!
//! Files and the captures of plain folders make one run, merged by time; every scenario found in a folder
//! is a run of its own. Each file is opened once to see that it is a capture and when it begins, and closed
//! again. The order never depends on how a file system lists its folders.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::capture::{Capture, Refusal, Step};
use super::{folder, one_line};
use crate::limits;
use crate::time::Timestamp;
use crate::wire::packet::TapId;

/// All that is to be replayed.
#[derive(Debug)]
pub struct Plan {
    /// Each to be run for itself: first what belongs to no scenario, then the scenarios by name.
    pub runs: Vec<Run>,
}

/// Captures that are merged by time and run together.
#[derive(Debug)]
pub struct Run {
    /// The scenario they belong to, if any.
    pub scenario: Option<Scenario>,
    /// The captures, in the order their taps are numbered.
    pub captures: Vec<CaptureFile>,
}

/// A folder that holds `expected/` or `ringback.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// The folder.
    pub folder: PathBuf,
    /// Its path inside the folder that was given, or its own name; different for every run of a plan.
    pub name: String,
    /// Its `ringback.toml`, if it has one.
    pub config: Option<PathBuf>,
}

/// A capture that is not open.
#[derive(Clone, Debug)]
pub struct CaptureFile {
    /// Where it is; `-` for standard input.
    pub path: PathBuf,
    /// What its tap is called: the path inside the folder that was given, with `/`, or the file's name.
    /// Different for every capture of a run.
    pub name: String,
    /// Its length on disk in bytes, 0 for a stream.
    pub(super) size: u64,
    /// When it is due.
    pub(super) due: Due,
}

/// When a capture has to be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// At the start: it can be read only once.
    Stream,
    /// When the time of its first packet has come; before all others if that isn't known.
    At(Timestamp),
}

/// Why what was named can't be read.
#[derive(Debug)]
pub enum InputError {
    /// A file that is no capture; `starts` are its first bytes, shown as text.
    NotACapture {
        /// The file.
        path: PathBuf,
        /// Its first bytes.
        starts: String,
    },
    /// The operating system, or the file's compression, doesn't let us read it.
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A folder without a capture.
    NoCaptures {
        /// The folder.
        folder: PathBuf,
    },
    /// A file without a byte.
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// More captures in one run than taps can be numbered.
    TooMany {
        /// How many.
        captures: usize,
    },
}

/// Finds the captures in `paths`, which name files, folders or `-` for standard input.
///
/// # Errors
/// If a file that was named is no capture, is empty or can't be read, or a folder has no capture. A file
/// inside a folder that can't be opened is taken in, and told as damage when it is due.
pub fn plan(paths: &[PathBuf]) -> Result<Plan, InputError> {
    let mut together = Vec::new();
    let mut runs = Vec::new();
    for path in paths {
        if path.as_os_str() != "-" && path.is_dir() {
            let found = folder::search(path)?;
            together.extend(found.captures);
            runs.extend(found.scenarios);
        } else {
            together.push(CaptureFile::named(path)?);
        }
    }
    runs.sort_by(|a: &Run, b: &Run| a.name().cmp(b.name()));
    if !together.is_empty() {
        runs.insert(0, Run { scenario: None, captures: together });
    }
    number(runs.iter_mut().filter_map(|run| Some(&mut run.scenario.as_mut()?.name)));
    for run in &mut runs {
        run.check()?;
        number(run.captures.iter_mut().map(|capture| &mut capture.name));
    }
    Ok(Plan { runs })
}

impl Run {
    fn name(&self) -> &str {
        self.scenario.as_ref().map_or("", |scenario| &scenario.name)
    }

    fn check(&self) -> Result<(), InputError> {
        if self.captures.len() > limits::CAPTURES {
            return Err(InputError::TooMany { captures: self.captures.len() });
        }
        Ok(())
    }
}

impl CaptureFile {
    /// When its first packet was captured, if that is known before it is read.
    pub fn begins(&self) -> Option<Timestamp> {
        match self.due {
            Due::At(at) if self.due != CaptureFile::AT_ONCE => Some(at),
            Due::At(_) | Due::Stream => None,
        }
    }

    /// Looks at a file that was named itself. What can be read only once is left alone until it is run.
    fn named(path: &Path) -> Result<CaptureFile, InputError> {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let unreadable = |error| Refusal::Unreadable(error).at(path);
        if path.as_os_str() == "-" || !fs::metadata(path).map_err(unreadable)?.is_file() {
            return Ok(CaptureFile { path: path.to_owned(), name, size: 0, due: Due::Stream });
        }
        CaptureFile::look(path, name).map_err(|refusal| refusal.at(path))
    }

    /// Opens a regular file to see what it is and when it begins.
    pub(super) fn look(path: &Path, name: String) -> Result<CaptureFile, Refusal> {
        let file = File::open(path).map_err(Refusal::Unreadable)?;
        let size = file.metadata().map_err(Refusal::Unreadable)?.len();
        let mut capture = Capture::with_buffer(Box::new(file), TapId::default(), &name, LOOK_BUFFER)?;
        let due = match capture.advance() {
            Step::Packet(at) => Due::At(at),
            Step::End | Step::Damage(_) => CaptureFile::AT_ONCE,
        };
        Ok(CaptureFile { path: path.to_owned(), name, size, due })
    }

    /// A file that can't be opened now and is tried again when it is due.
    pub(super) fn unopened(path: &Path, name: String) -> CaptureFile {
        CaptureFile { path: path.to_owned(), name, size: 0, due: CaptureFile::AT_ONCE }
    }

    /// Opens the file or stream for reading.
    pub(super) fn open(&self, tap: TapId, capacity: usize) -> Result<Capture, Refusal> {
        let inner: Box<dyn Read + Send> = if self.path.as_os_str() == "-" {
            Box::new(io::stdin())
        } else {
            Box::new(File::open(&self.path).map_err(Refusal::Unreadable)?)
        };
        Capture::with_buffer(inner, tap, &self.name, capacity)
    }

    const AT_ONCE: Due = Due::At(Timestamp::from_micros(i64::MIN));
}

impl Refusal {
    /// The error for the file at `path`.
    pub(super) fn at(self, path: &Path) -> InputError {
        let path = path.to_owned();
        match self {
            Refusal::Empty => InputError::Empty { path },
            Refusal::NotACapture(starts) => InputError::NotACapture { path, starts },
            Refusal::Unreadable(error) => InputError::Unreadable { path, error },
        }
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |path: &Path| match path.as_os_str() == "-" {
            true => "standard input".to_owned(),
            false => one_line(&path.to_string_lossy()),
        };
        match self {
            InputError::NotACapture { path, starts } => write!(
                f,
                "{}: not a capture, starts with \"{starts}\"; give pcap or pcapng, gzip or zstd of them too",
                show(path)
            ),
            InputError::Unreadable { path, error } => {
                let hint = if is_content(error) { "copy it again" } else { "check the path and its rights" };
                write!(f, "{}: can't be read: {error}; {hint}", show(path))
            }
            InputError::NoCaptures { folder } => write!(
                f,
                "{}: no capture in this folder; they are known by their first bytes, not their names",
                show(folder)
            ),
            InputError::Empty { path } => {
                write!(f, "{}: empty; let the capture run until packets were written", show(path))
            }
            InputError::TooMany { captures } => {
                write!(f, "{captures} captures in one run, at most {}; give them in parts", limits::CAPTURES)
            }
        }
    }
}

impl std::error::Error for InputError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            InputError::Unreadable { error, .. } => Some(error),
            _ => None,
        }
    }
}

/// True for errors that come from a file's bytes: compressed data too damaged to see what is in it.
pub(super) fn is_content(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData)
}

/// Tells equal names apart: the second `call.pcap` becomes `call.pcap#2`.
fn number<'a>(names: impl Iterator<Item = &'a mut String>) {
    let mut taken = BTreeSet::new();
    let mut next = BTreeMap::new();
    for name in names {
        let given = name.clone();
        while !taken.insert(name.clone()) {
            let n = next.entry(given.clone()).and_modify(|n| *n += 1).or_insert(2_u32);
            *name = format!("{given}#{n}");
        }
    }
}

/// Enough for the headers and the first packet of most captures; it grows where it is not.
const LOOK_BUFFER: usize = 4 * 1024;

#[cfg(test)]
mod tests;

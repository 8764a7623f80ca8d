//! Why a store can't do what it was asked, each in one line that says what to do next.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;

/// Why a store can't do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// Another process writes this store.
    InUse {
        /// The store.
        path: PathBuf,
        /// The other process, if it said who it is.
        pid: Option<u32>,
    },
    /// A later ringback wrote it.
    Newer {
        /// The store.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The latest version that is known here.
        known: i64,
    },
    /// The file is something else.
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A file or folder can't be used.
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        what: String,
    },
    /// The disk is full, or the store may not grow.
    Full,
    /// The store may not be written.
    ReadOnly,
    /// The disk itself fails, or became read-only because it did.
    Disk {
        /// What the database says.
        what: String,
    },
    /// What is on the disk is not what was written.
    Damaged {
        /// What is damaged.
        what: String,
    },
    /// Another entry has this number.
    Taken {
        /// The number.
        n: u64,
    },
    /// Anything else the database refuses.
    Refused {
        /// What it says.
        what: String,
    },
}

impl StoreError {
    /// Whether it may be otherwise in a while without anybody touching the configuration: the disk, or the right to
    /// write there.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            StoreError::File { .. } | StoreError::Full | StoreError::ReadOnly | StoreError::Disk { .. }
        )
    }

    /// Whether only another version or another path helps.
    pub fn is_final(&self) -> bool {
        matches!(self, StoreError::Newer { .. } | StoreError::Foreign { .. })
    }

    pub(super) fn file(path: &Path, error: &io::Error) -> StoreError {
        let advice = match error.kind() {
            io::ErrorKind::ReadOnlyFilesystem => "; make it writable, or name another path",
            _ => "",
        };
        StoreError::File { path: path.to_owned(), what: format!("{error}{advice}") }
    }

    pub(super) fn damaged(what: impl Into<String>) -> StoreError {
        StoreError::Damaged { what: what.into() }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::InUse { path, pid: Some(pid) } => {
                write!(f, "store {}: process {pid} writes it; stop that one first", path.display())
            }
            StoreError::InUse { path, pid: None } => {
                write!(f, "store {}: another process writes it; stop that one first", path.display())
            }
            StoreError::Newer { path, found, known } => write!(
                f,
                "store {}: its version is {found}, this ringback knows {known}; install the later one again",
                path.display()
            ),
            StoreError::Foreign { path } => {
                write!(f, "store {}: a file of another program; name another path", path.display())
            }
            StoreError::File { path, what } => write!(f, "store {}: {what}", path.display()),
            StoreError::Full => f.write_str("store: the disk is full; make room, what waits is written then"),
            StoreError::ReadOnly => {
                f.write_str("store: may not be written; give its folder back to the service")
            }
            StoreError::Disk { what } => {
                write!(f, "store: {what}; the disk fails or became read-only, `dmesg` says why")
            }
            StoreError::Damaged { what } => write!(f, "store: damaged: {what}"),
            StoreError::Taken { n } => write!(f, "store: another journal entry has number {n}"),
            StoreError::Refused { what } => write!(f, "store: {what}"),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        // Its shared memory is a file too, which finds no room first where nothing was written before.
        if error.sqlite_error().is_some_and(|error| error.extended_code == SQLITE_IOERR_SHMSIZE) {
            return StoreError::Full;
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::Full,
            Some(ErrorCode::ReadOnly) => StoreError::ReadOnly,
            Some(ErrorCode::SystemIoFailure) => StoreError::Disk { what: error.to_string() },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                StoreError::Damaged { what: error.to_string() }
            }
            _ => StoreError::Refused { what: error.to_string() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_without_room_for_shared_memory_is_full() {
        let failure = rusqlite::ffi::Error::new(SQLITE_IOERR_SHMSIZE);
        assert_eq!(StoreError::from(rusqlite::Error::SqliteFailure(failure, None)), StoreError::Full);
    }

    #[test]
    fn a_disk_that_fails_or_is_read_only_is_told_with_what_to_do() {
        let failure = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_WRITE);
        let error = StoreError::from(rusqlite::Error::SqliteFailure(failure, None));
        assert!(matches!(error, StoreError::Disk { .. }), "{error:?}");
        assert!(error.to_string().ends_with("`dmesg` says why"), "{error}");
        let fixed = io::Error::from(io::ErrorKind::ReadOnlyFilesystem);
        let told = StoreError::file(Path::new("/state/a.db"), &fixed).to_string();
        assert!(told.starts_with("store /state/a.db: ") && told.ends_with("or name another path"), "{told}");
    }
}

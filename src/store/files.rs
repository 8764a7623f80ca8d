//! The files of a store: where each is, who may read it, and who writes it.
//!
//! | file | holds |
//! |---|---|
//! | `NAME`, `NAME-wal`, `NAME-shm` | the database |
//! | `NAME.lock` | the writer's process id; locked while it runs |
//! | `NAME.key` | the key of the opt-outs' hashes |
//! | `NAME.reserve` | nothing: room on the disk, given up for a start where there is no other |
//! | `NAME.damaged-K` | what was set aside |
//! | `backup/NAME-N` | the database up to journal entry N |

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate};

use super::error::StoreError;

/// Where a store is, and how many backups of it are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The database.
    pub path: PathBuf,
    /// The folder of the backups.
    pub backups: PathBuf,
    /// How many backups are kept, at least one.
    pub keep: usize,
}

impl Place {
    /// A store at `path` with seven backups in the folder `backup` beside it.
    pub fn new(path: impl Into<PathBuf>) -> Place {
        let path = path.into();
        let backups = path.parent().unwrap_or(Path::new("")).join("backup");
        Place { path, backups, keep: 7 }
    }

    /// The file beside the database whose name goes on with `end`.
    pub(super) fn beside(&self, end: &str) -> PathBuf {
        with_end(&self.path, end)
    }

    /// The folder the database is in.
    pub(super) fn folder(&self) -> &Path {
        self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Where the backup that ends with entry `n` is.
    pub(super) fn backup(&self, n: u64) -> PathBuf {
        self.backups.join(format!("{}-{n:020}", self.name()))
    }

    /// The backups there are, the newest first.
    pub(super) fn backups(&self) -> Vec<PathBuf> {
        let start = format!("{}-", self.name());
        let is_ours = |name: &str| {
            name.strip_prefix(&start).is_some_and(|n| n.len() == 20 && n.bytes().all(|b| b.is_ascii_digit()))
        };
        let mut found = files_of(&self.backups, is_ours);
        found.reverse();
        found
    }

    /// What was set aside as damaged, with what belongs to it, the oldest first.
    pub(super) fn damaged(&self) -> Vec<PathBuf> {
        let start = format!("{}.damaged-", self.name());
        files_of(self.folder(), |name| name.starts_with(&start))
    }

    /// Gives what was made here to whom the folder belongs: root, who writes while the service doesn't run, would leave
    /// files that the service can't read.
    pub fn give_back(&self) -> Result<(), StoreError> {
        let owner = |path: &Path| fs::metadata(path).map(|it| (it.uid(), it.gid()));
        let failed = |error: io::Error| StoreError::file(self.folder(), &error);
        let (uid, gid) = owner(self.folder()).map_err(failed)?;
        let name = self.name();
        let ours = files_of(self.folder(), |file| file.starts_with(&name)).into_iter();
        let backups = self.backups.is_dir().then(|| self.backups.clone());
        for path in ours.chain(backups).chain(self.backups()) {
            if owner(&path).is_ok_and(|(now, _)| now != uid) {
                chown(&path, Some(uid), Some(gid)).map_err(|error| StoreError::file(&path, &error))?;
            }
        }
        Ok(())
    }

    /// Keeps a little room beside the store, if there is any: without it a start on a full disk couldn't open what a clean
    /// stop closed, since the log and its index are made anew.
    pub(super) fn keep_room(&self) {
        let path = self.beside(RESERVE);
        if fs::metadata(&path).is_ok_and(|it| it.len() == ROOM) {
            return;
        }
        let made = private(&path).and_then(|()| {
            let file = OpenOptions::new()
                .write(true)
                .open(&path)
                .map_err(|error| StoreError::file(&path, &error))?;
            let taken = fallocate(&file, FallocateFlags::empty(), 0, ROOM);
            taken.map_err(|error| StoreError::file(&path, &error.into()))
        });
        if made.is_err() {
            // A disk that is full has none, and one that can't set room aside does without.
            let _ = fs::remove_file(&path);
        }
    }

    /// Whether a store was opened here before: it has backups, or room was set aside beside it.
    pub(super) fn was_used(&self) -> bool {
        self.beside(RESERVE).exists() || !self.backups().is_empty()
    }

    /// Gives that room up; false if none was kept.
    pub(super) fn give_up_room(&self) -> bool {
        fs::remove_file(self.beside(RESERVE)).is_ok()
    }

    /// Deletes the log of a database that is gone.
    pub(super) fn drop_log(&self) -> Result<(), StoreError> {
        for path in ["-wal", "-shm"].map(|end| self.beside(end)) {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(StoreError::file(&path, &error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Renames the database out of the way; returns its name from then on, none if it isn't there.
    pub(super) fn set_aside(&self) -> Result<Option<PathBuf>, StoreError> {
        let free = (1_u32..).map(|k| self.beside(&format!(".damaged-{k}"))).find(|path| !path.exists());
        let Some(aside) = free else { return Ok(None) };
        for end in ["-wal", "-shm"] {
            rename_if_there(&self.beside(end), &with_end(&aside, end))?;
        }
        let moved = rename_if_there(&self.path, &aside)?;
        sync_folder(self.folder())?;
        Ok(moved.then_some(aside))
    }
}

/// The file that keeps room, and its bytes: enough for the log's index and what is said in the first minutes.
const RESERVE: &str = ".reserve";
const ROOM: u64 = 1 << 20;

/// The right to write a store, until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes it, or says who has it.
    pub(super) fn take(place: &Place) -> Result<Lock, StoreError> {
        let path = place.beside(".lock");
        let failed = |error: io::Error| StoreError::file(&path, &error);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let read = file.read_to_string(&mut text);
                let pid = read.ok().and_then(|_| text.trim().parse().ok());
                return Err(StoreError::InUse { path: place.path.clone(), pid });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        // Who can't write its id on a full disk may still write the store.
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Lock { _file: file })
    }
}

/// Reads the key of the opt-outs, or makes one; the second value says that it was made.
pub(super) fn key(place: &Place) -> Result<([u8; 32], bool), StoreError> {
    let path = place.beside(".key");
    let failed = |error: io::Error| StoreError::file(&path, &error);
    match fs::read(&path) {
        Ok(bytes) => {
            let wrong = || io::Error::other("not a key of 32 bytes; put the right one back, or remove it");
            <[u8; 32]>::try_from(bytes).map(|key| (key, false)).map_err(|_| failed(wrong()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut key = [0; 32];
            File::open("/dev/urandom").and_then(|mut chance| chance.read_exact(&mut key)).map_err(failed)?;
            write_whole(&path, &key).map_err(failed)?;
            sync_folder(place.folder())?;
            Ok((key, true))
        }
        Err(error) => Err(failed(error)),
    }
}

/// Creates a file nobody else may read, or takes others' right to from one that is there.
pub(super) fn private(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let made = options.open(path).and_then(|file| file.set_permissions(Permissions::from_mode(0o600)));
    made.map_err(|error| StoreError::file(path, &error))
}

/// Makes renames and new files in a folder survive a power cut.
pub(super) fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    File::open(folder).and_then(|it| it.sync_all()).map_err(|error| StoreError::file(folder, &error))
}

/// What tells a file from another at the same path: device and inode; none if there is none.
pub(super) fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|it| (it.dev(), it.ino()))
}

/// Makes a file's contents survive a power cut.
pub(super) fn sync(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|it| it.sync_all()).map_err(|error| StoreError::file(path, &error))
}

/// A path with `end` added to its name.
pub(super) fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut whole = OsString::from(path);
    whole.push(end);
    PathBuf::from(whole)
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = with_end(path, ".tmp");
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

fn rename_if_there(from: &Path, to: &Path) -> Result<bool, StoreError> {
    match fs::rename(from, to) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StoreError::file(from, &error)),
    }
}

/// The files of a folder whose names are wanted, by name; none if it isn't there.
fn files_of(folder: &Path, is_wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let wanted = entries.filter(|entry| entry.file_name().to_str().is_some_and(&is_wanted));
    let mut found: Vec<PathBuf> = wanted.map(|entry| entry.path()).collect();
    found.sort();
    found
}

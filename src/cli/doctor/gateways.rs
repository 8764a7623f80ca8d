//! Whether each gateway can be reached: for a file gateway, whether its folder and outbox can be written by the service.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Access, access};

use super::{Finding, State};
use crate::settings::{GatewayKind, Settings};

/// What is found of each gateway; `store` is the service's own file, and `runs` whether a daemon does.
pub(super) fn findings(settings: &Settings, (store, runs): (&Path, bool)) -> Vec<Finding> {
    let of = |(id, gateway): (&String, &crate::settings::Gateway)| {
        let GatewayKind::File { path } = &gateway.kind;
        let (state, says) = file(path, owner(store), runs);
        Finding::new("gateway", state, format!("gateway {id}: {says}"))
    };
    settings.gateways.iter().map(of).collect()
}

fn owner(path: &Path) -> Option<u32> {
    fs::metadata(path).ok().map(|about| about.uid())
}

/// The folder and outbox of a file gateway, which `service` must be able to write.
fn file(folder: &Path, service: Option<u32>, runs: bool) -> (State, String) {
    let (named, outbox) = (folder.display(), folder.join("outbox.jsonl"));
    match fs::metadata(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound && runs => {
            let says = format!(
                "folder {named} is gone, and no text can leave; the daemon makes it again within a second, or                  `journalctl -u ringback` says why it can't"
            );
            return (State::Wrong, says);
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return (State::Unknown, format!("folder {named} isn't there; the next start makes it"));
        }
        Err(error) => return unseen(folder, &error),
        Ok(about) if !about.is_dir() => {
            return (State::Wrong, format!("{named} is no folder; name another `path`"));
        }
        Ok(_) => {}
    }
    for path in [folder, outbox.as_path()] {
        let foreign = owner(path).zip(service).is_some_and(|(owner, service)| owner != service);
        if foreign {
            let says = format!(
                "{} belongs to another user than the store, so the service can't write it; chown it to the store's owner",
                path.display()
            );
            return (State::Wrong, says);
        }
    }
    let needed = [(folder, Access::WRITE_OK | Access::EXEC_OK), (outbox.as_path(), Access::WRITE_OK)];
    for (path, rights) in needed {
        match access(path, rights) {
            Ok(()) => {}
            Err(error) if error == rustix::io::Errno::NOENT => {}
            Err(error) => return unseen(path, &error.into()),
        }
    }
    (State::Ok, written(&outbox))
}

fn unseen(path: &Path, error: &io::Error) -> (State, String) {
    match error.kind() {
        ErrorKind::PermissionDenied => {
            (State::Unknown, format!("this user may not write {}; sudo ringback doctor", path.display()))
        }
        _ => (State::Wrong, format!("{}: {error}; no text can leave", path.display())),
    }
}

fn written(outbox: &Path) -> String {
    let bytes = fs::metadata(outbox).map_or(0, |about| about.len());
    match bytes {
        0 => format!("{} can be written; nothing is in it", outbox.display()),
        bytes => {
            format!("{} can be written; texts of {} KB are in it", outbox.display(), bytes.div_ceil(1_000))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gateway_needs_a_folder_that_the_service_can_write() {
        let folder = tempfile::tempdir().expect("a folder");
        let own = owner(folder.path());
        let state = |path: &Path, service| file(path, service, false).0;
        assert_eq!(state(folder.path(), own), State::Ok);
        assert_eq!(state(folder.path(), own.map(|own| own + 1)), State::Wrong);
        assert_eq!(state(folder.path(), None), State::Ok);
        assert_eq!(state(&folder.path().join("none"), own), State::Unknown);
        assert_eq!(file(&folder.path().join("none"), own, true).0, State::Wrong);
        let outbox = folder.path().join("outbox.jsonl");
        fs::write(&outbox, "x".repeat(1_001)).expect("written");
        assert!(file(folder.path(), own, false).1.contains("2 KB"));
        assert_eq!(state(&outbox, own), State::Wrong, "no folder");
    }
}

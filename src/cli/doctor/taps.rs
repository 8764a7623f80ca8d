//! Whether each tap can hear: the interface and its link, the right to capture, the agents' keys, the folder.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType};

use super::{Finding, State};
use crate::settings::{Tap, TapKind};
use crate::source::Trouble;

/// What is found of each tap, and whether this user may capture if one needs it.
pub(super) fn findings(taps: &[Tap]) -> Vec<Finding> {
    if taps.is_empty() {
        let says = "there is no [[tap]], so no call is heard; write one, as type = \"interface\" interface = \"eth1\"";
        return vec![Finding::new("tap", State::Wrong, says)];
    }
    let mut all = Vec::new();
    if taps.iter().any(|tap| matches!(tap.kind, TapKind::Interface(_))) {
        let opened = rustix::net::socket(AddressFamily::PACKET, SocketType::RAW, None).map(drop);
        all.push(permission(opened));
    }
    for tap in taps {
        match &tap.kind {
            TapKind::Interface(tap) => all.push(link(&tap.interface, look(&tap.interface))),
            TapKind::Hep(tap) => all.extend(tap.key_file.as_deref().map(|path| keys(path, mode(path)))),
            TapKind::Files { folder } => all.push(readable(folder, fs::read_dir(folder).map(drop))),
        }
    }
    all
}

/// What the kernel says of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    on: bool,
    link: bool,
}

fn look(name: &str) -> io::Result<Seen> {
    let folder = Path::new("/sys/class/net").join(name);
    let flags = fs::read_to_string(folder.join("flags"))?;
    let flags = u32::from_str_radix(flags.trim().trim_start_matches("0x"), 16);
    // Of an interface that is off this can't be read.
    let carrier = fs::read_to_string(folder.join("carrier")).unwrap_or_default();
    Ok(Seen { on: flags.is_ok_and(|flags| flags & UP != 0), link: carrier.trim() == "1" })
}

fn link(name: &str, seen: io::Result<Seen>) -> Finding {
    let trouble = match seen {
        Ok(Seen { on: true, link: true }) => {
            return Finding::new("interface", State::Ok, format!("{name} is on and has a link"));
        }
        Ok(Seen { on: true, link: false }) => Trouble::NoLink(name.to_owned()),
        Ok(Seen { on: false, .. }) => Trouble::Off(name.to_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound => Trouble::NoInterface(name.to_owned()),
        Err(error) => return Finding::new("interface", State::Unknown, format!("{name}: {error}")),
    };
    Finding::new("interface", State::Wrong, trouble.to_string())
}

fn permission(opened: Result<(), Errno>) -> Finding {
    let (state, says) = match opened {
        Ok(()) => (State::Ok, "this user may capture".to_owned()),
        Err(Errno::PERM | Errno::ACCESS) => (
            State::Unknown,
            "this user may not capture; the service may, and root: sudo ringback doctor".to_owned(),
        ),
        Err(error) => {
            (State::Wrong, format!("the kernel lets nobody capture: {error}; load its module af_packet"))
        }
    };
    Finding::new("capture", state, says)
}

fn mode(path: &Path) -> io::Result<u32> {
    fs::metadata(path).map(|about| about.mode())
}

fn keys(path: &Path, mode: io::Result<u32>) -> Finding {
    let named = path.display();
    let (state, says) = match mode {
        Ok(mode) if mode & OTHERS != 0 => (
            State::Wrong,
            format!(
                "key_file {named}: everybody on this machine can read it; chmod 600, and give it to the service by LoadCredential="
            ),
        ),
        Ok(_) => (State::Ok, format!("key_file {named} is there and not everybody's")),
        Err(_) if path.starts_with("/run/credentials") => (
            State::Unknown,
            format!("key_file {named} is there only while the service runs, and only for it"),
        ),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            (State::Unknown, format!("key_file {named}: this user may not look; sudo ringback doctor"))
        }
        Err(error) => {
            let trouble = Trouble::Keys { path: path.to_owned(), why: error.to_string() };
            (State::Wrong, trouble.to_string())
        }
    };
    Finding::new("keys", state, says)
}

fn readable(folder: &Path, opened: io::Result<()>) -> Finding {
    match opened {
        Ok(()) => Finding::new("folder", State::Ok, format!("folder {} can be read", folder.display())),
        Err(error) => {
            let trouble = Trouble::Folder { path: folder.to_owned(), why: error.to_string() };
            Finding::new("folder", State::Wrong, trouble.to_string())
        }
    }
}

/// IFF_UP of netdevice(7).
const UP: u32 = 1;
/// What everybody may do with a file.
const OTHERS: u32 = 0o007;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_is_right_only_if_it_is_there_and_on_and_has_a_link() {
        let found = |seen| link("eth1", seen);
        assert_eq!(found(Ok(Seen { on: true, link: true })).state, State::Ok);
        for (seen, word) in [
            (Ok(Seen { on: true, link: false }), "no link"),
            (Ok(Seen { on: false, link: false }), "is off"),
            (Err(ErrorKind::NotFound.into()), "there is no interface eth1"),
        ] {
            let finding = found(seen);
            assert_eq!(finding.state, State::Wrong);
            assert!(finding.says.contains(word), "{}", finding.says);
        }
    }

    #[test]
    fn the_loopback_is_there_and_another_name_is_not() {
        assert!(look("lo").is_ok());
        assert_eq!(look("no-such-one").expect_err("none").kind(), ErrorKind::NotFound);
    }

    #[test]
    fn what_this_user_may_not_is_unknown() {
        assert_eq!(permission(Ok(())).state, State::Ok);
        assert_eq!(permission(Err(Errno::PERM)).state, State::Unknown);
        assert_eq!(permission(Err(Errno::AFNOSUPPORT)).state, State::Wrong);
        let file = |mode| keys(Path::new("keys"), mode).state;
        assert_eq!(
            [file(Ok(0o100_600)), file(Ok(0o100_640)), file(Ok(0o100_644))],
            [State::Ok, State::Ok, State::Wrong]
        );
        assert_eq!(file(Err(ErrorKind::NotFound.into())), State::Wrong);
        assert_eq!(file(Err(ErrorKind::PermissionDenied.into())), State::Unknown);
        let credential = Path::new("/run/credentials/ringback.service/keys");
        assert_eq!(keys(credential, Err(ErrorKind::NotFound.into())).state, State::Unknown);
    }

    #[test]
    fn without_a_tap_nothing_is_heard() {
        assert_eq!(findings(&[]).iter().map(|finding| finding.state).collect::<Vec<_>>(), [State::Wrong]);
    }
}

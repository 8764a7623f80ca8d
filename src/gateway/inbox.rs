//! The file gateway's other half: files put into `inbox/` of its folder, each with receipts and replies, one JSON object a
//! line.
//!
//! ```text
//! {"key":"4f9c2a6b01de/lead/ack","state":"delivered"}
//! {"from":"+13125550142","body":"STOP"}
//! ```
//! Whoever writes one gives it its name when it is whole, by renaming; what still grows isn't read, nor are names that begin
//! with a dot. A file is looked at, and deleted by `clear` once what it says is kept. What can't be read of it goes to
//! `refused/`. Nothing in it can be so large, long or odd that more than its own file is lost.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::GatewayError;
use super::file::make;
use crate::event::{MessageState, Receipt, Reply};
use crate::limits;
use crate::phone::Dialplan;

/// What is put into the folder of a gateway.
#[derive(Debug)]
pub struct Inbox {
    folder: PathBuf,
    gateway: String,
    /// What each file was when it was looked at before.
    seen: BTreeMap<OsString, Mark>,
}

/// What a file says.
#[derive(Debug)]
pub struct Letter {
    /// What gateways and callers said.
    pub said: Vec<Said>,
    /// What can't be read, and in which line; nothing that the file says, nor its name.
    pub refused: Vec<String>,
    name: OsString,
    /// The file that was read; none if it was gone.
    mark: Option<Mark>,
}

/// By what a file is known from another one of its name, and from itself with more in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Mark {
    device: u64,
    inode: u64,
    bytes: u64,
    /// Seconds and nanoseconds.
    written: (i64, i64),
}

/// One line of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// What became of a text.
    Receipt(Receipt),
    /// What somebody answered.
    Reply(Reply),
}

/// A line as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    key: Option<String>,
    state: Option<MessageState>,
    gateway_ref: Option<String>,
    id: Option<String>,
    from: Option<String>,
    to: Option<String>,
    body: Option<String>,
}

/// Where a line stands: the gateway, the file's name, the file, and the line's number.
struct Spot<'a> {
    gateway: &'a str,
    name: &'a OsString,
    mark: Mark,
    line: u64,
}

impl Letter {
    /// What the bytes of a file say that is nowhere.
    pub fn of(bytes: &[u8], gateway: &str, plan: &Dialplan) -> Letter {
        let mut letter = Letter { said: Vec::new(), refused: Vec::new(), mark: None, name: OsString::new() };
        letter.take(bytes, (gateway, Mark::default()), plan);
        letter
    }

    fn take(&mut self, bytes: &[u8], (gateway, mark): (&str, Mark), plan: &Dialplan) {
        for (line, text) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
            if text.trim_ascii().is_empty() {
                continue;
            }
            if line > limits::INBOX_LINES {
                let most = limits::INBOX_LINES;
                let why = format!("line {line}: more than {most} lines; this and the others aren't read");
                self.refused.push(why);
                break;
            }
            let spot = Spot { gateway, name: &self.name, mark, line };
            match Said::read(text, &spot, plan) {
                Ok(said) => self.said.push(said),
                Err(why) if self.refused.len() < TOLD => self.refused.push(format!("line {line}: {why}")),
                Err(_) => {}
            }
        }
    }

    /// By what the file is known in a log, where its name may say whose it is: the first 8 digits of the name's SHA-256.
    pub fn alias(&self) -> String {
        hex(&Sha256::digest(self.name.as_encoded_bytes()), 4)
    }
}

impl Mark {
    fn of(there: &Metadata) -> Mark {
        let written = (there.mtime(), there.mtime_nsec());
        Mark { device: there.dev(), inode: there.ino(), bytes: there.len(), written }
    }

    /// What is at `path` itself, be it a link.
    fn at(path: &Path) -> Option<Mark> {
        fs::symlink_metadata(path).ok().map(|there| Mark::of(&there))
    }
}

impl Said {
    /// The reply, if this is one.
    pub fn reply(&self) -> Option<&Reply> {
        match self {
            Said::Reply(reply) => Some(reply),
            Said::Receipt(_) => None,
        }
    }

    fn read(text: &[u8], spot: &Spot<'_>, plan: &Dialplan) -> Result<Said, &'static str> {
        let line: Line = serde_json::from_slice(text).map_err(
            |_| "not one JSON object with `key` and `state` of a receipt, or `from` and `body` of a reply",
        )?;
        match line {
            Line {
                key: Some(key),
                state: Some(state),
                gateway_ref,
                id: None,
                from: None,
                to: None,
                body: None,
            } => {
                if !TELLS.contains(&state) {
                    return Err("a receipt says accepted, sent, delivered, undelivered, failed or expired");
                }
                if key.len() > LONG || gateway_ref.as_ref().is_some_and(|own| own.len() > LONG) {
                    return Err("its key or reference is too long");
                }
                Ok(Said::Receipt(Receipt { key, state, gateway_ref }))
            }
            Line {
                key: None,
                state: None,
                gateway_ref: None,
                id,
                from: Some(from),
                to,
                body: Some(body),
            } => {
                let number =
                    |text: &str| plan.read(text.trim().as_bytes()).filter(|it| it.number().is_some());
                let from = number(&from).ok_or("`from` is no telephone number; write it as +13125550142")?;
                let to = to.as_deref().and_then(number);
                if body.len() > limits::REPLY {
                    return Err("its body is too long");
                }
                let id = spot.id(id.as_deref(), text);
                Ok(Said::Reply(Reply {
                    id,
                    gateway: spot.gateway.to_owned(),
                    from,
                    to,
                    body,
                    opts_out: false,
                }))
            }
            _ => Err("neither `key` and `state` of a receipt, nor `from` and `body` of a reply"),
        }
    }
}

impl Spot<'_> {
    /// The same for a reply that is read twice: of the id it was given, else of its place and bytes. Another file of the
    /// same name is another place.
    fn id(&self, given: Option<&str>, text: &[u8]) -> String {
        let hash = Sha256::new().chain_update(self.gateway).chain_update([0]);
        let hash = match given {
            Some(given) => hash.chain_update(given),
            None => hash
                .chain_update(self.name.as_encoded_bytes())
                .chain_update(self.mark.inode.to_le_bytes())
                .chain_update(self.mark.written.0.to_le_bytes())
                .chain_update(self.mark.written.1.to_le_bytes())
                .chain_update(self.line.to_le_bytes())
                .chain_update(text),
        };
        hex(&hash.finalize(), 8)
    }
}

impl Inbox {
    /// The inbox of the gateway `id` in `folder`; the first look makes it.
    pub fn of(id: &str, folder: &Path) -> Inbox {
        Inbox { folder: folder.join(INBOX), gateway: id.to_owned(), seen: BTreeMap::new() }
    }

    /// The gateway whose it is.
    pub fn gateway(&self) -> &str {
        &self.gateway
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Names of files that are whole, in their order: some of them, if there are many. What isn't there of its folders,
    /// that of the gateway among them, is made.
    ///
    /// # Errors
    /// The folder can't be made or read, or no outbox be written beside it.
    pub fn look(&mut self) -> Result<Vec<OsString>, GatewayError> {
        let refused = self.folder.join(REFUSED);
        if !refused.is_dir() {
            make(&refused).map_err(|error| GatewayError::file(&refused, error))?;
        }
        if let Some(folder) = self.folder.parent() {
            let rights = Access::WRITE_OK | Access::EXEC_OK;
            access(folder, rights).map_err(|error| GatewayError::file(folder, error.into()))?;
        }
        self.names().map_err(|error| GatewayError::file(&self.folder, error))
    }

    fn names(&mut self) -> io::Result<Vec<OsString>> {
        let mut names = BTreeMap::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if name.as_encoded_bytes().starts_with(b".") || name == REFUSED {
                continue;
            }
            // One that was taken away meanwhile is none.
            if let Some(mark) = Mark::at(&entry.path()) {
                names.insert(name, mark);
            }
            if names.len() >= limits::INBOX_FILES {
                break;
            }
        }
        let before = std::mem::replace(&mut self.seen, names);
        let stays = |(name, now): &(&OsString, &Mark)| before.get(*name) == Some(*now);
        Ok(self.seen.iter().filter(stays).map(|(name, _)| name.clone()).take(AT_ONCE).collect())
    }

    /// Deletes a file; what was refused of it is moved to `refused/`. One that isn't any more what was read stays, and
    /// is read anew.
    ///
    /// # Errors
    /// It can't be deleted or moved, and is read again.
    pub fn clear(&mut self, letter: Letter) -> io::Result<()> {
        let path = self.folder.join(&letter.name);
        self.seen.remove(&letter.name);
        if Mark::at(&path) != letter.mark {
            return Ok(());
        }
        match letter.refused.is_empty() {
            true => fs::remove_file(&path)?,
            false => fs::rename(&path, self.folder.join(REFUSED).join(&letter.name))?,
        }
        File::open(&self.folder)?.sync_all()
    }

    /// What a file says, as far as it can be read.
    pub fn read(&self, name: OsString, plan: &Dialplan) -> Letter {
        let path = self.folder.join(&name);
        let mut letter = Letter { said: Vec::new(), refused: Vec::new(), mark: Mark::at(&path), name };
        let (mark, bytes) = match bytes(&path) {
            Ok(read) => read,
            Err(why) => {
                letter.refused.push(why);
                return letter;
            }
        };
        letter.mark = Some(mark);
        letter.take(&bytes, (&self.gateway, mark), plan);
        letter
    }
}

/// The first bytes of a hash, two digits each.
fn hex(hash: &[u8], bytes: usize) -> String {
    hash.iter().take(bytes).map(|byte| format!("{byte:02x}")).collect()
}

/// All of a file, and what it was before it was read; no link is followed, and nothing waited for.
fn bytes(path: &Path) -> Result<(Mark, Vec<u8>), String> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or(0);
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = opened.map_err(|error| error.to_string())?;
    let there = file.metadata().map_err(|error| error.to_string())?;
    if !there.is_file() {
        return Err("no plain file".to_owned());
    }
    let mut bytes = Vec::new();
    let most = limits::INBOX_FILE;
    file.take(most + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    match bytes.len() as u64 > most {
        true => Err(format!("longer than {most} bytes")),
        false => Ok((Mark::of(&there), bytes)),
    }
}

/// What a receipt may say.
const TELLS: [MessageState; 6] = [
    MessageState::Accepted,
    MessageState::Sent,
    MessageState::Delivered,
    MessageState::Undelivered,
    MessageState::Failed,
    MessageState::Expired,
];
/// The folder in that of the gateway, and the one in it.
const INBOX: &str = "inbox";
const REFUSED: &str = "refused";
/// So many files are taken at once.
const AT_ONCE: usize = 100;
/// So many lines of one file are told of.
const TOLD: usize = 3;
/// A key or reference that anybody gave is shorter.
const LONG: usize = 512;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::settings::Numbers;

    struct Room {
        folder: tempfile::TempDir,
        inbox: Inbox,
    }

    impl Room {
        fn new() -> Room {
            let folder = tempfile::tempdir().expect("a folder");
            let mut inbox = Inbox::of("main", folder.path());
            inbox.look().expect("made");
            Room { folder, inbox }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(INBOX).join(name)
        }

        fn put(&self, name: &str, text: impl AsRef<[u8]>) {
            fs::write(self.path(name), text).expect("written");
        }

        fn look(&mut self) -> Vec<Letter> {
            let plan = Dialplan::new(&Numbers::default(), Some("US"));
            let names = self.inbox.look().expect("looked");
            names.into_iter().map(|name| self.inbox.read(name, &plan)).collect()
        }

        fn looked_twice(&mut self) -> Vec<Letter> {
            assert!(self.look().is_empty());
            self.look()
        }
    }

    #[test]
    fn receipts_and_replies_are_read_and_the_file_is_deleted_once_that_is_kept() {
        let mut room = Room::new();
        let text = "{\"key\":\"a/lead/ack\",\"state\":\"delivered\",\"gateway_ref\":\"7\"}\n\n\
                    {\"from\":\"(312) 555-0142\",\"to\":\"+13125550100\",\"body\":\"Stop\",\"id\":\"SM1\"}";
        room.put("a.jsonl", text);
        let mut letters = room.looked_twice();
        let letter = letters.remove(0);
        assert_eq!(letter.refused, [""; 0]);
        let receipt = Receipt {
            key: "a/lead/ack".into(),
            state: MessageState::Delivered,
            gateway_ref: Some("7".into()),
        };
        assert_eq!(letter.said[0], Said::Receipt(receipt));
        let Said::Reply(reply) = &letter.said[1] else { panic!("a reply") };
        assert_eq!((reply.from.shown().as_str(), reply.body.as_str()), ("+13125550142", "Stop"));
        assert!(room.path("a.jsonl").exists());
        room.inbox.clear(letter).expect("cleared");
        assert!(!room.path("a.jsonl").exists() && room.look().is_empty());
    }

    #[test]
    fn an_inbox_that_is_gone_is_made_again_or_told() {
        let mut room = Room::new();
        let gateway = room.folder.path().join("gateway");
        room.inbox = Inbox::of("main", &gateway);
        for _ in 0..2 {
            assert!(room.look().is_empty());
            let mode = |path: &Path| fs::metadata(path).expect("is there").permissions().mode() & 0o777;
            assert_eq!(
                [&gateway, &gateway.join(INBOX), &gateway.join("inbox/refused")].map(|it| mode(it)),
                [0o700; 3]
            );
            fs::remove_dir_all(&gateway).expect("removed");
        }
        fs::write(&gateway, "in the way").expect("written");
        let told = room.inbox.look().expect_err("in the way").to_string();
        assert!(told.contains("let this user write it"), "{told}");
    }

    #[test]
    fn what_still_grows_or_is_hidden_waits() {
        let mut room = Room::new();
        room.put(".hidden", "{}");
        room.put("a", "{\"key\":\"a\",");
        assert!(room.look().is_empty());
        room.put("a", "{\"key\":\"a\",\"state\":\"sent\"}");
        assert!(room.look().is_empty());
        assert_eq!(room.look()[0].said.len(), 1);
    }

    #[test]
    fn what_is_wrong_in_a_file_costs_its_line_and_is_moved_aside() {
        for wrong in [
            "nonsense",
            "[]",
            "{}",
            "{\"key\":\"a\"}",
            "{\"key\":\"a\",\"state\":\"planned\"}",
            "{\"key\":\"a\",\"state\":\"sent\",\"body\":\"x\"}",
            "{\"from\":\"../../etc\",\"body\":\"x\"}",
            "{\"from\":\"+13125550142\",\"body\":\"x\",\"more\":1}",
            "{\"from\":\"+13125550142\",\"body\":\"\\ud800\"}",
        ] {
            let mut room = Room::new();
            room.put("a", format!("{wrong}\n{{\"from\":\"+13125550142\",\"body\":\"STOP\"}}\n"));
            let letter = room.looked_twice().remove(0);
            assert_eq!(letter.said.len(), 1, "{wrong}");
            assert!(
                letter.refused.len() == 1 && letter.refused[0].starts_with("line 1: "),
                "{:?}",
                letter.refused
            );
            room.inbox.clear(letter).expect("cleared");
            assert!(room.path("refused/a").exists() && !room.path("a").exists());
        }
    }

    #[test]
    fn lines_beyond_the_bound_are_refused_and_told_beside_others() {
        let mut room = Room::new();
        let most = usize::try_from(limits::INBOX_LINES).expect("small");
        let line = "{\"key\":\"a\",\"state\":\"sent\"}\n";
        room.put("all", line.repeat(most));
        room.put("more", format!("x\nx\nx\nx\n{}", line.repeat(most)));
        let letters = room.looked_twice();
        assert_eq!((letters[0].said.len(), letters[0].refused.len()), (most, 0));
        assert_eq!((letters[1].said.len(), letters[1].refused.len()), (most - 4, TOLD + 1));
        assert!(letters[1].refused[TOLD].contains("more than"), "{:?}", letters[1].refused);
    }

    #[test]
    fn what_is_told_of_a_file_shows_neither_its_name_nor_its_words() {
        let mut room = Room::new();
        room.put("in-312-555-0142", "{\"from\":\"Doe 312-555-0142\",\"body\":\"x\"}");
        symlink("in-312-555-0142", room.path("312-555-0143")).expect("linked");
        for letter in room.looked_twice() {
            let told = format!("{} {}", letter.alias(), letter.refused.join(" "));
            assert!(!letter.refused.is_empty() && !told.contains("55-01") && !told.contains("Doe"), "{told}");
        }
        assert_eq!(room.look()[1].alias(), "01d6883a");
    }

    #[test]
    fn links_pipes_folders_and_floods_cost_nothing_else() {
        let mut room = Room::new();
        fs::write(room.folder.path().join("secret"), "{\"key\":\"a\",\"state\":\"sent\"}").expect("written");
        symlink("../secret", room.path("link")).expect("linked");
        fs::create_dir(room.path("folder")).expect("made");
        room.put("deep", "[".repeat(100_000));
        room.put("long", vec![b'x'; usize::try_from(limits::INBOX_FILE).expect("small") + 1]);
        room.put("lines", "x\n".repeat(1_000));
        room.put("bytes", [0xff, 0xfe, b'\n', 0]);
        let letters = room.looked_twice();
        assert_eq!(letters.len(), 6);
        assert!(
            letters.iter().all(|letter| letter.said.is_empty() && (1..=3).contains(&letter.refused.len()))
        );
        for letter in letters {
            room.inbox.clear(letter).expect("moved");
        }
        assert!(room.look().is_empty());
        assert!(room.folder.path().join("secret").exists());
    }

    #[test]
    fn what_took_the_place_of_a_file_meanwhile_or_was_added_to_it_is_read() {
        let mut room = Room::new();
        let text = "{\"from\":\"+13125550142\",\"body\":\"STOP\"}\n";
        room.put("a", text);
        room.put("b", text);
        room.put("c", "nonsense");
        let letters = room.looked_twice();
        room.put(".a", text);
        fs::rename(room.path(".a"), room.path("a")).expect("renamed");
        room.put("b", text.repeat(2));
        room.put("c", text);
        for letter in letters {
            room.inbox.clear(letter).expect("left alone");
        }
        let said: Vec<usize> = room.looked_twice().iter().map(|letter| letter.said.len()).collect();
        assert_eq!(said, [1, 2, 1]);
    }

    #[test]
    fn a_reply_that_is_read_again_has_the_same_id_and_another_has_another() {
        let mut room = Room::new();
        let text = "{\"from\":\"+13125550142\",\"body\":\"hello\"}\n";
        room.put("a", text.repeat(2));
        room.put("b", text);
        assert!(room.look().is_empty());
        let ids = |letters: Vec<Letter>| -> Vec<String> {
            let said = letters.into_iter().flat_map(|letter| letter.said);
            said.filter_map(|said| match said {
                Said::Reply(reply) => Some(reply.id),
                Said::Receipt(_) => None,
            })
            .collect()
        };
        let first = ids(room.look());
        assert_eq!(first, ids(room.look()));
        let different: std::collections::BTreeSet<_> = first.iter().collect();
        assert_eq!(different.len(), 3);
        // The same words in a later file of the same name.
        room.put(".b", text);
        fs::rename(room.path(".b"), room.path("b")).expect("renamed");
        let _ = room.look();
        let later = ids(room.look());
        assert_eq!(later[..2], first[..2]);
        assert_ne!(later[2], first[2]);
    }
}

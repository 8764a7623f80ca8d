//! Brings what is put into the inboxes of file gateways to the loop, and clears it away once it would survive a power cut.
//!
//! A thread of its own looks each second. A reply that the store knows already isn't told again, so that a file that
//! outlives a crash says nothing twice; a receipt said twice changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tracing::{info, warn};

use super::ask::{Asking, NotKept};
use crate::engine::Input;
use crate::gateway::{Inbox, Letter, Said};
use crate::phone::Dialplan;
use crate::settings::{GatewayKind, Settings};
use crate::store::{Reader, StoreError};

/// The thread's other end.
#[derive(Clone)]
pub struct Postman {
    round: Arc<Mutex<Round>>,
    standing: Arc<Mutex<Standing>>,
}

/// Why no text can leave by a gateway, by its id; none where one can.
pub type Standing = BTreeMap<String, Option<String>>;

/// Where it looks, and how it reads numbers.
struct Round {
    inboxes: Vec<Inbox>,
    plan: Dialplan,
    /// Replies that the loop was told of, while the disk was too slow to say whether it has them.
    pending: BTreeSet<String>,
    /// How each gateway was.
    standing: Standing,
}

impl Postman {
    /// Starts the thread. What can't be looked into is told, and tried again.
    ///
    /// # Errors
    /// The system has no threads left.
    pub fn start(settings: &Settings, store: PathBuf, asking: Asking) -> std::io::Result<Postman> {
        let postman = Postman { round: Arc::new(Mutex::new(Round::of(settings))), standing: Arc::default() };
        let Postman { round, standing } = postman.clone();
        let walk = move || {
            loop {
                let mut round = round.lock().unwrap_or_else(PoisonError::into_inner);
                round.walk(&store, &asking);
                *standing.lock().unwrap_or_else(PoisonError::into_inner) = round.standing.clone();
                drop(round);
                thread::sleep(EACH);
            }
        };
        thread::Builder::new().name("inbox".to_owned()).spawn(walk)?;
        Ok(postman)
    }

    /// How each gateway was when it was last looked at.
    pub fn standing(&self) -> Standing {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Goes on with another configuration, once what is in hand is delivered.
    pub fn reconfigure(&self, settings: &Settings) {
        let (round, fresh) = (self.round.clone(), settings.clone());
        let change = move || *round.lock().unwrap_or_else(PoisonError::into_inner) = Round::of(&fresh);
        if let Err(error) = thread::Builder::new().name("inbox".to_owned()).spawn(change) {
            warn!("inboxes stay as they were: {error}");
        }
    }
}

impl Round {
    fn of(settings: &Settings) -> Round {
        let plan = settings.dialplan();
        let inbox = |(id, gateway): (&String, &crate::settings::Gateway)| {
            let GatewayKind::File { path } = &gateway.kind;
            Inbox::of(id, path)
        };
        let inboxes = settings.gateways.iter().map(inbox).collect();
        Round { inboxes, plan, pending: BTreeSet::new(), standing: Standing::new() }
    }

    fn walk(&mut self, store: &Path, asking: &Asking) {
        let Round { inboxes, plan, pending, standing } = self;
        for inbox in inboxes {
            let looked = inbox.look();
            let now = looked.as_ref().err().map(ToString::to_string);
            let before = standing.insert(inbox.gateway().to_owned(), now.clone()).flatten();
            match &now {
                Some(trouble) if before.is_none() => {
                    warn!("gateway {}: {trouble}; tried again each second", inbox.gateway());
                }
                None if before.is_some() => info!("gateway {}: it can be used again", inbox.gateway()),
                _ => {}
            }
            let Ok(names) = looked else { continue };
            for name in names {
                let letter = inbox.read(name, plan);
                if !deliver(&letter, (store, pending), asking) {
                    break;
                }
                for why in &letter.refused {
                    let (folder, file) = (inbox.folder().display(), letter.alias());
                    warn!(
                        "inbox {folder}: a file whose name's SHA-256 begins {file}: {why}; moved to refused/"
                    );
                }
                if let Err(error) = inbox.clear(letter) {
                    warn!("inbox {}: {error}; read again", inbox.folder().display());
                }
            }
        }
    }
}

/// Gives the loop what a letter says; true once that is durable. What isn't is given again in the next round.
fn deliver(letter: &Letter, (store, pending): (&Path, &mut BTreeSet<String>), asking: &Asking) -> bool {
    let Ok(inputs) = inputs(letter, (store, pending)) else { return false };
    let replies = || letter.said.iter().filter_map(Said::reply);
    let waits = replies().any(|reply| pending.contains(&reply.id));
    if inputs.is_empty() && !waits {
        return true;
    }
    if give(&inputs, pending, asking).is_err() {
        return false;
    }
    info!("inbox: {} receipts and replies", inputs.len());
    pending.retain(|id| replies().all(|reply| reply.id != *id));
    is_kept(letter, store)
}

/// Gives the loop all of a letter, piece by piece: it does nothing else meanwhile.
fn give(inputs: &[Input<'static>], pending: &mut BTreeSet<String>, asking: &Asking) -> Result<(), NotKept> {
    // Where all of it waits already, what was told before is waited for.
    let none: &[Input<'static>] = &[];
    for piece in inputs.chunks(PIECE).chain(inputs.is_empty().then_some(none)) {
        let given = asking.act(piece.to_vec(), |_| ());
        if given == Err(NotKept::Slow) {
            pending.extend(piece.iter().filter_map(|input| match input {
                Input::Reply(reply) => Some(reply.id.clone()),
                _ => None,
            }));
        }
        given?;
    }
    Ok(())
}

/// What the store doesn't know yet.
fn inputs(
    letter: &Letter,
    (store, pending): (&Path, &BTreeSet<String>),
) -> Result<Vec<Input<'static>>, StoreError> {
    let reader = Reader::open(store)?;
    let mut inputs = Vec::new();
    for said in &letter.said {
        match said {
            Said::Receipt(receipt) => inputs.push(Input::Receipt(receipt.clone())),
            Said::Reply(reply) if pending.contains(&reply.id) || reader.has_reply(&reply.id)? => {}
            Said::Reply(reply) => inputs.push(Input::Reply(reply.clone())),
        }
    }
    Ok(inputs)
}

/// Whether no reply is missing in the store: one that was refused because too much waits is told again.
fn is_kept(letter: &Letter, store: &Path) -> bool {
    let Ok(reader) = Reader::open(store) else { return false };
    letter.said.iter().filter_map(Said::reply).all(|reply| reader.has_reply(&reply.id).unwrap_or(false))
}

const EACH: Duration = Duration::from_secs(1);
/// So much of a letter is told at once.
const PIECE: usize = 1_000;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::daemon::ask::Ask;
    use crate::event::{Event, JournalEntry, Reply};
    use crate::phone::{Number, Party};
    use crate::settings::Numbers;
    use crate::store::{Batch, Place, Sqlite, Store};
    use crate::time::Timestamp;

    fn round(folder: &Path) -> Round {
        let mut inbox = Inbox::of("main", folder);
        inbox.look().expect("made");
        let plan = Dialplan::new(&Numbers::default(), Some("US"));
        Round { inboxes: vec![inbox], plan, pending: BTreeSet::new(), standing: Standing::new() }
    }

    #[test]
    fn a_gateway_whose_folder_cannot_be_made_again_is_told_until_it_can() {
        let folder = tempfile::tempdir().expect("a folder");
        let gateway = folder.path().join("gateway");
        let (mut round, (asking, _asked)) = (round(&gateway), Asking::new());
        let mut told = || {
            round.walk(Path::new("none"), &asking);
            round.standing.get("main").cloned().flatten()
        };
        assert_eq!(told(), None);
        fs::remove_dir_all(&gateway).expect("removed");
        assert_eq!((told(), gateway.join("inbox/refused").is_dir()), (None, true));
        fs::remove_dir_all(&gateway).expect("removed");
        fs::write(&gateway, "in the way").expect("written");
        assert!(told().is_some_and(|why| why.contains("gateway")));
        fs::remove_file(&gateway).expect("removed");
        assert_eq!(told(), None);
    }

    #[test]
    fn a_file_stays_as_long_as_too_much_waits_for_the_disk() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::new(folder.path().join("ringback.db"));
        let mut store = Sqlite::open(&place).expect("opens").store();
        let mut round = round(folder.path());
        let path = folder.path().join("inbox/a");
        let receipt = "{\"key\":\"a/lead/ack\",\"state\":\"delivered\"}\n";
        fs::write(&path, receipt.repeat(PIECE + 1)).expect("written");
        let (asking, asked) = Asking::new();
        round.walk(&place.path, &asking);
        let loop_thread = thread::spawn(move || {
            let mut given = Vec::new();
            while let Ok(ask) = asked.recv() {
                let Ask::Act(inputs, Some(job)) = ask else { panic!("another question") };
                given.push(inputs.len());
                job(if given.len() == 2 { None } else { Some(&mut store) });
            }
            given
        });
        round.walk(&place.path, &asking);
        assert!(path.exists(), "its end wasn't taken");
        round.walk(&place.path, &asking);
        assert!(!path.exists());
        drop(asking);
        assert_eq!(loop_thread.join().expect("no panic"), [PIECE, 1, PIECE, 1]);
    }

    #[test]
    fn a_file_is_cleared_only_once_the_store_has_what_it_says() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::new(folder.path().join("ringback.db"));
        let mut store = Sqlite::open(&place).expect("opens").store();
        let mut round = round(folder.path());
        let (path, kept) = (folder.path().join("inbox/a"), folder.path().join("kept"));
        fs::write(&path, "{\"from\":\"+13125550142\",\"body\":\"STOP\"}\n").expect("written");
        fs::hard_link(&path, &kept).expect("linked");
        let (asking, asked) = Asking::new();
        round.walk(&place.path, &asking);
        let loop_thread = thread::spawn(move || {
            let (mut replies, mut n) = (Vec::new(), 0);
            while let Ok(ask) = asked.recv() {
                let Ask::Act(inputs, job) = ask else { panic!("another question") };
                let [Input::Reply(reply)] = &inputs[..] else { panic!("{inputs:?}") };
                replies.push(reply.clone());
                n += 1;
                // The first time too much waits for the disk.
                if n == 2 {
                    let event = Event::Reply(reply.clone());
                    let entries = vec![JournalEntry { n: 1, at: Timestamp::default(), event }];
                    store.commit(&[Batch { entries, ..Batch::default() }]).expect("written");
                }
                job.into_iter().for_each(|job| job(Some(&mut store)));
            }
            replies
        });
        round.walk(&place.path, &asking);
        assert!(path.exists(), "it isn't in the store");
        round.walk(&place.path, &asking);
        assert!(!path.exists());
        // A crash before it was deleted: the same file says nothing new.
        fs::rename(&kept, &path).expect("renamed");
        round.walk(&place.path, &asking);
        round.walk(&place.path, &asking);
        assert!(!path.exists());
        drop(asking);
        let replies: Vec<Reply> = loop_thread.join().expect("no panic");
        assert_eq!((replies.len(), &replies[0].id), (2, &replies[1].id));
        assert_eq!(replies[0].from, Party::Number(Number::parse("+13125550142").expect("a number")));
    }
}

//! What a store keeps between two runs beside the journal, and what it gives back at a start.
//!
//! Plain rows: open calls as they stand, and of the cases what an engine needs to go on with them. Who opted out
//! is kept as a keyed hash alone, so that the list still holds for a number that was erased.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::call::{CallKey, CallRecord};
use super::outreach::{Decision, Message, Task};
use super::words::{Direction, MessageState};
use crate::phone::Party;
use crate::time::{Span, Timestamp};

/// A leg of a call that is not over yet, as far as it must be known to recognise its end after a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenCall {
    /// The call it belongs to.
    pub call: CallKey,
    /// Call-ID of the leg.
    pub call_id: String,
    /// From-tag of the leg, empty if the peer sent none.
    pub from_tag: String,
    /// Who calls; none if withheld or unreadable.
    pub caller: Option<Party>,
    /// The number the caller wants.
    pub called: Option<Party>,
    /// Which way it goes.
    pub direction: Direction,
    /// When its INVITE was seen.
    pub at: Timestamp,
    /// When it was answered.
    pub answered: Option<Timestamp>,
}

/// A case as the journal leaves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptCase {
    /// Its id.
    pub case: String,
    /// The caller; none if withheld.
    pub caller: Option<Party>,
    /// When it opened.
    pub opened: Timestamp,
    /// The last call or text.
    pub last: Timestamp,
    /// When it closed.
    pub closed: Option<Timestamp>,
}

/// What an engine starts from. The lists are in the order of the journal.
///
/// A case is kept while it is open, for [`State::KEPT`] after it closed, however the clock was set since, and while a
/// text of it is pending; of those that closed the latest, as many as an engine goes on with.
/// `decisions`, `calls`, `messages` and `tasks` are those of the kept cases. What was erased is in none of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The number of the next entry, from 1.
    pub next: u64,
    /// Engine time of the last entry.
    pub last_at: Option<Timestamp>,
    /// The cases.
    pub cases: Vec<KeptCase>,
    /// What was decided in them.
    pub decisions: Vec<Decision>,
    /// The calls that were decided about.
    pub calls: Vec<CallRecord>,
    /// Their texts, each in its last state.
    pub messages: Vec<Message>,
    /// Their tasks.
    pub tasks: Vec<Task>,
    /// Legs whose end was not seen, by call, then by age.
    pub open_calls: Vec<OpenCall>,
    /// Who must not be texted.
    pub opted_out: OptOuts,
    /// What else was kept: the clock's offset, the seed.
    pub meta: BTreeMap<String, String>,
    /// Why nothing may be sent until an operator says so; none if all is well.
    pub hold: Option<String>,
}

/// Who must not be texted: keyed hashes, which tell of a number whether it is among them, and no number.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct OptOuts {
    key: [u8; 32],
    hashes: BTreeSet<[u8; 32]>,
}

impl State {
    /// A case is kept for so long after it closed: receipts and second thoughts come late.
    pub const KEPT: Span = Span::from_secs(72 * 3_600);

    /// What `meta` calls the time until which the clock may yet be set, after the machine started: no text of an
    /// earlier run leaves before it.
    pub const SETTLES: &str = "clock.settles";

    /// When the clock is settled.
    pub fn settles(&self) -> Option<Timestamp> {
        Some(Timestamp::from_micros(self.meta.get(State::SETTLES)?.parse().ok()?))
    }
}

impl Message {
    /// Whether it still may leave, or left and nobody knows how far it got.
    pub fn is_pending(&self) -> bool {
        matches!(
            self.state,
            MessageState::Planned | MessageState::Claimed | MessageState::Deferred | MessageState::Submitted
        )
    }
}

impl OptOuts {
    /// Nobody, with the key for those to come.
    pub fn new(key: [u8; 32]) -> OptOuts {
        OptOuts { key, hashes: BTreeSet::new() }
    }

    /// HMAC-SHA256 (RFC 2104) of the party as records show it.
    pub fn hash(&self, party: &Party) -> [u8; 32] {
        hmac(&self.key, party.shown().as_bytes())
    }

    /// Whether this party opted out.
    pub fn holds(&self, party: &Party) -> bool {
        self.hashes.contains(&self.hash(party))
    }

    /// Adds a party.
    pub fn insert(&mut self, party: &Party) {
        self.hashes.insert(self.hash(party));
    }

    /// Adds what [`OptOuts::hash`] made with the same key.
    pub fn insert_hash(&mut self, hash: [u8; 32]) {
        self.hashes.insert(hash);
    }

    /// The key of the hashes, which is as private as the list.
    pub fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// The hashes, in their order.
    pub fn hashes(&self) -> impl Iterator<Item = &[u8; 32]> {
        self.hashes.iter()
    }

    /// Takes a party off the list.
    pub fn remove(&mut self, party: &Party) {
        self.hashes.remove(&self.hash(party));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }
}

/// Without the key.
impl fmt::Debug for OptOuts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OptOuts({})", self.hashes.len())
    }
}

fn hmac(key: &[u8; 32], text: &[u8]) -> [u8; 32] {
    let mut inner = [0x36; 64];
    let mut outer = [0x5c; 64];
    for (at, byte) in key.iter().enumerate() {
        inner[at] ^= byte;
        outer[at] ^= byte;
    }
    let inside = Sha256::new().chain_update(inner).chain_update(text).finalize();
    Sha256::new().chain_update(outer).chain_update(inside).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phone::Number;

    #[test]
    fn the_hash_is_that_of_rfc_4231_test_case_1() {
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        let hex: String = hmac(&key, b"Hi There").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    }

    #[test]
    fn only_who_opted_out_is_on_the_list() {
        let mut list = OptOuts::new([7; 32]);
        let party = |text| Party::Number(Number::parse(text).expect("a number"));
        list.insert(&party("+13125550142"));
        assert!(list.holds(&party("+13125550142")));
        assert!(!list.holds(&party("+13125550143")));
        assert_ne!(list.hash(&party("+13125550142")), OptOuts::new([8; 32]).hash(&party("+13125550142")));
        list.remove(&party("+13125550142"));
        assert!(list.is_empty());
    }
}

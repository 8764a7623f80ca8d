//! Which open call a new leg belongs to.
//!
//! Rules in order, the first that names exactly one open call wins and is recorded with the leg:
//!
//! | rule | the new leg … |
//! |---|---|
//! | `same_call_id` | carries the Call-ID of a leg of the call |
//! | `call_id_named` | names that Call-ID in X-CID, X-Call-ID, Parent-Call-ID, In-Reply-To, Replaces, Join or Target-Dialog |
//! | `call_id_derived` | has that Call-ID with what its make of B2BUA or SBC adds before or behind it |
//! | `session_id` `charging_vector` `cisco_guid` `ucid` `hep_correlation` | shares that identifier |
//! | `shared_header` | shares a value that legs of its make share, with a leg of the caller's side |
//! | `media` | leaves where media of the call was offered, and offers the same address and port |
//! | `ssrc` | carries the same RTP as the call, told once both are answered: see `relayed` |
//! | `caller` | leaves the PBX that the call entered, with the same last seven digits or the same name |
//! | `called` `named` | leaves that PBX, still bound for the number called, or naming it, or whom it rang for the call, in To, Diversion or History-Info |
//! | `referred` | does what a REFER of the call asked its sender for: same target, same caller or Referred-By |
//! | `reordered` | enters the PBX that a leg of the call has just left: a mirror showed them in the wrong order |
//! | `redirected` | goes where a 3xx of the call sent its caller, with a Call-ID of its own |
//! | `own_number` | leaves the PBX for a phone with the number called as its caller, and one call for that waits |
//! | `alone_pending` | leaves the PBX without a caller's number, and one call without one has entered it and waits |
//! | `forked` | comes from the trunk with the same caller for the same number, at once, to another address of the PBX |
//! | `phones` | leaves the same PBX for another phone or voicemail, and no caller's leg is in sight |
//!
//! Where two calls fit, none is guessed: both are ambiguous.

use std::net::{IpAddr, SocketAddr};

use smallvec::SmallVec;

use crate::call::diverted;
use crate::call::hash::{Key, KeyMap, Keyer};
use crate::call::identity::{self, Comparable};
use crate::call::invite::{Address, Invite};
use crate::call::listening::{Spot, Spots};
use crate::call::make::Make;
use crate::call::progress::CALL_ID;
use crate::call::role;
use crate::limits;
use crate::settings::Roles;
use crate::wire::packet::Datagram;
use crate::wire::sip::{HeaderName, NameAddr};

/// What a leg can be found by, and what it can find others by.
#[derive(Clone, Debug, Default)]
pub struct Traits {
    /// Identifiers shared by legs of one call, each with its rule.
    pub shared: Vec<(Key, &'static str)>,
    /// Its own Call-ID.
    pub own: Option<Key>,
    /// Call-IDs it names or derives from, each with its rule.
    pub named: Vec<(Key, &'static str)>,
    /// The media it offers.
    pub media: Spots,
    /// The same at the address it leaves, and at the one it enters: who passes an offer on got it there.
    pub passed: SmallVec<[[Key; 2]; 2]>,
    /// Its caller and called at the address it enters.
    pub entering: Ends,
    /// Its caller and called at the address it leaves.
    pub leaving: Ends,
    /// Whom it was for before it was redirected, at the address it leaves: as a call's number, and as whom that rang.
    pub before: SmallVec<[Key; 2]>,
    /// Whom it rings, at the address it leaves.
    pub rung: Option<Key>,
    /// Its caller, if it has a number, among legs that leave an address: at the one it leaves, and at the one
    /// it enters.
    pub outgoing: [Option<Key>; 2],
    /// It came from elsewhere to the proxy it leaves, so the call it belongs to entered there with its Call-ID.
    pub relayed: bool,
    /// By what a REFER would have asked for it: its target with its caller, and with who referred.
    pub referred: [Option<Key>; 2],
    /// By what a redirection would have asked for it: its target with its caller.
    pub redirected: Option<Key>,
    /// At the address it enters, and at the one it leaves, if its caller is hidden.
    pub nameless: [Option<Key>; 2],
    /// Its caller, as whom a call that entered the address it leaves was for.
    pub own_number: Option<Key>,
}

/// The parties of a leg as keys at one address.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ends {
    /// The caller's comparable digits.
    pub caller: Option<Key>,
    /// The caller's display name.
    pub name: Option<Key>,
    /// The called party's comparable digits.
    pub called: Option<Key>,
}

/// Open calls by the traits of their legs.
#[derive(Debug, Default)]
pub struct Hints {
    /// The first call found by a key, or `MANY`.
    first: KeyMap<u32>,
    /// All calls found by a key that finds several, oldest first.
    many: KeyMap<Vec<u32>>,
}

/// Makes traits of INVITEs.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// Makes keys.
    pub keyer: Keyer,
    /// The key of the Call-ID.
    pub own: Key,
    /// What is known of the PBX's make.
    pub make: &'a Make,
    /// The calls in sight.
    pub hints: &'a Hints,
    /// Tells which addresses are the PBX's.
    pub roles: &'a Roles,
    /// Where the INVITE was seen.
    pub datagram: &'a Datagram<'a>,
    /// The INVITE.
    pub invite: &'a Invite<'a>,
}

impl Hints {
    /// Lets `call` be found by `key`.
    pub fn add(&mut self, key: Key, call: u32) {
        let first = self.first.entry(key).or_insert(call);
        if *first == call {
            return;
        }
        let only = std::mem::replace(first, MANY);
        let calls = self.many.entry(key).or_insert_with(|| vec![only]);
        if calls.len() < limits::CALLS_A_HINT && !calls.contains(&call) {
            calls.push(call);
        }
    }

    /// Ends that.
    pub fn remove(&mut self, key: Key, call: u32) {
        match self.first.get(&key) {
            Some(first) if *first == call => drop(self.first.remove(&key)),
            Some(&MANY) => {
                let Some(calls) = self.many.get_mut(&key) else { return };
                calls.retain(|other| *other != call);
                if calls.is_empty() {
                    self.many.remove(&key);
                    self.first.remove(&key);
                }
            }
            _ => {}
        }
    }

    /// The calls that can be found by `key`, oldest first.
    #[inline(always)]
    pub fn find(&self, key: Key) -> &[u32] {
        match self.first.get(&key) {
            Some(&MANY) => self.many.get(&key).map_or(&[], Vec::as_slice),
            Some(first) => std::slice::from_ref(first),
            None => &[],
        }
    }
}

impl Traits {
    /// The keys a leg's call is to be found by. What the call's first leg offers may be passed on by anybody; of the others,
    /// which one PBX may have opened with one address after another, only by whom they reach.
    pub fn offered(&self, is_first: bool) -> impl Iterator<Item = Key> + '_ {
        let media = self.media.iter().zip(&self.passed);
        let media = media.map(move |(spot, [_, entering])| if is_first { spot.key } else { *entering });
        let shared = self.shared.iter().map(|(key, _)| *key);
        let Ends { caller, name, called } = self.entering;
        let ends = [caller, name, called, self.own, self.outgoing[0], self.nameless[0]].into_iter().flatten();
        let rung = self.rung.filter(|_| !is_first);
        shared.chain(media).chain(ends).chain(rung)
    }
}

impl Reader<'_> {
    /// The traits of the INVITE.
    pub fn traits(&self) -> Traits {
        let Invite { message, target, from, .. } = *self.invite;
        let [src, dst] = self.places();
        let caller = from.and_then(|from| identity::comparable(from.uri.user()));
        let name = from.and_then(|from| from.name.display()).and_then(identity::comparable_name);
        let called = target.and_then(|uri| identity::comparable(uri.user()));
        let keyed = |what: Option<Comparable>| what.map(|what| self.keyer.key(PARTY, &what));
        let told = caller.is_some_and(|caller| caller.iter().all(u8::is_ascii_digit));
        let hidden = caller.is_none_or(|caller| self.make.is_nobody(&caller));
        let (caller, name, called) = (keyed(caller), keyed(name), keyed(called));
        let at = |place: Key, kind, what: Option<Key>| what.map(|what| place.with(kind, what));
        let ends = |place| Ends {
            caller: at(place, CALLER, caller),
            name: at(place, NAME, name),
            called: at(place, CALLED, called),
        };
        let other = |user: &&[u8]| target.is_none_or(|uri| uri.user() != *user);
        let before = diverted::named_before(self.invite, &self.make.diversion)
            .filter(other)
            .filter_map(identity::comparable);
        let call_id = message.call_id().unwrap_or_default();
        let media = Spot::all_of(&self.keyer, message);
        Traits {
            shared: self.shared(),
            own: Some(self.own),
            named: self.named(call_id),
            passed: media.iter().map(|spot| [src, dst].map(|place| place.with(PASSED, spot.key))).collect(),
            media,
            before: before
                .flat_map(|user| [CALLED, RUNG].map(|kind| at(src, kind, keyed(Some(user)))))
                .flatten()
                .collect(),
            rung: at(src, RUNG, called),
            referred: [(REFERRED, caller), (REFERRED_BY, self.referrer())]
                .map(|(kind, who)| at(src, kind, called).zip(who).map(|(to, who)| to.with(kind, who))),
            redirected: at(src, REDIRECTED, called).zip(caller).map(|(to, who)| to.with(REDIRECTED, who)),
            nameless: [dst, src].map(|place| hidden.then(|| place.with(NAMELESS, place))),
            own_number: at(src, CALLED, caller),
            outgoing: [src, dst].map(|place| at(place, OUTGOING, caller.filter(|_| told))),
            entering: ends(dst),
            leaving: ends(src),
            relayed: self.is_relayed(),
        }
    }

    /// Those of a 2xx, or of a request of its dialog, whose INVITE was not seen, and went between `ends`: its caller is all
    /// that is sure.
    pub fn traits_of_answer(&self, ends: [SocketAddr; 2]) -> Traits {
        let is_answer = self.invite.message.status().is_none_or(|status| status / 100 == 2);
        let caller = self.invite.from.filter(|_| is_answer);
        let caller = caller.and_then(|from| identity::comparable(from.uri.user()));
        let caller = caller.filter(|caller| caller.iter().all(u8::is_ascii_digit));
        let [src, dst] = ends;
        let src = self.place(src, dst);
        let caller = caller.map(|caller| src.with(CALLER, self.keyer.key(PARTY, &caller)));
        Traits { leaving: Ends { caller, ..Ends::default() }, ..Traits::default() }
    }

    /// The addresses it leaves and enters; a response tells them the other way round.
    fn places(&self) -> [Key; 2] {
        let (src, dst) = match self.invite.message.status() {
            None => (self.datagram.src, self.datagram.dst),
            Some(_) => (self.datagram.dst, self.datagram.src),
        };
        [self.place(src, dst), self.place(dst, src)]
    }

    /// Whether the Via below the top one is of another place than the sender's (RFC 3261 16.6, step 8).
    fn is_relayed(&self) -> bool {
        let before = self.invite.message.second_via().and_then(|via| via.addr());
        let src = self.datagram.src;
        before.is_some_and(|before| self.place(before, src) != self.place(src, before))
    }

    /// The keys of what its receiver is asked for. A REFER within a dialog: a call to the target, by the party the REFER is
    /// for, or with the name of who sent it. A redirection: a call to each Contact, by the same caller (RFC 3261 8.1.3.4).
    pub fn asked(&self) -> SmallVec<[Key; 2]> {
        let Invite { message, from, to, .. } = *self.invite;
        let place = self.place(self.datagram.dst, self.datagram.src);
        let keyed = |user: &[u8]| identity::comparable(user).map(|user| self.keyer.key(PARTY, &user));
        let to_call = |value: &[u8], kind, who: Option<Address<'_>>| {
            let target = keyed(NameAddr::parse(value).uri().user())?;
            Some(place.with(kind, target).with(kind, keyed(who?.uri.user())?))
        };
        if message.status().is_some() {
            let contacts = message.values(HeaderName::Contact).take(limits::DIVERSIONS);
            return contacts.filter_map(|contact| to_call(contact, REDIRECTED, from)).collect();
        }
        let target = message.header(HeaderName::ReferTo);
        let asked = [(REFERRED, to), (REFERRED_BY, from)];
        asked.into_iter().filter_map(|(kind, who)| to_call(target?, kind, who)).collect()
    }

    fn referrer(&self) -> Option<Key> {
        let message = self.invite.message;
        let value = message.has(HeaderName::ReferredBy).then(|| message.header(HeaderName::ReferredBy))??;
        identity::comparable(NameAddr::parse(value).uri().user()).map(|user| self.keyer.key(PARTY, &user))
    }

    /// An address as legs enter and leave it: one name for all of the PBX's. Where both ends are on one
    /// address, the port tells them apart.
    fn place(&self, end: SocketAddr, other: SocketAddr) -> Key {
        if end.ip() == other.ip() {
            return media_key(&self.keyer, end);
        }
        match end.ip() {
            ip if role::party(self.roles, ip) == role::Party::Pbx => self.keyer.key(PLACE, &[]),
            IpAddr::V4(ip) => self.keyer.key(PLACE, &ip.octets()),
            IpAddr::V6(ip) => self.keyer.key(PLACE, &ip.octets()),
        }
    }

    fn call_id_key(&self, call_id: &[u8]) -> Key {
        self.keyer.key(CALL_ID, call_id)
    }

    fn named(&self, own: &[u8]) -> Vec<(Key, &'static str)> {
        let message = self.invite.message;
        let ids = identity::present(message, &NAMING).flat_map(|name| message.values(name));
        let ids = ids.map(|value| value.split(|byte| *byte == b';').next().unwrap_or(value).trim_ascii());
        let correlation = Some(self.datagram.correlation).filter(|id| !id.is_empty());
        let correlated = correlation.map(|id| (self.call_id_key(id), "hep_correlation"));
        let known = |id: &[u8]| !self.hints.find(self.call_id_key(id)).is_empty();
        let within = self.make.correlate.within(own, known).into_iter().flatten();
        let derived = within.map(|id| (self.call_id_key(id), "call_id_derived"));
        let mut named = Vec::new();
        named.extend(
            ids.filter(|id| !id.is_empty())
                .take(limits::NAMED_IDS)
                .map(|id| (self.call_id_key(id), "call_id_named")),
        );
        named.extend(correlated);
        named.extend(derived);
        named
    }

    fn shared(&self) -> Vec<(Key, &'static str)> {
        let mut shared = self.make.correlate.shared(&self.keyer, self.invite.message);
        if !self.datagram.correlation.is_empty() {
            shared.push((self.keyer.key(HEP, self.datagram.correlation), "hep_correlation"));
        }
        shared
    }
}

/// The key of an address where media is received.
pub fn media_key(keyer: &Keyer, addr: SocketAddr) -> Key {
    let ip = match addr.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    let mut bytes = [0; 18];
    bytes[..16].copy_from_slice(&ip.octets());
    bytes[16..].copy_from_slice(&addr.port().to_be_bytes());
    keyer.key(MEDIA, &bytes)
}

/// The first Call-ID that Replaces, Join or Target-Dialog names is the part before the first semicolon.
const NAMING: [HeaderName; 7] = [
    HeaderName::XCid,
    HeaderName::XCallId,
    HeaderName::ParentCallId,
    HeaderName::InReplyTo,
    HeaderName::Replaces,
    HeaderName::Join,
    HeaderName::TargetDialog,
];

const HEP: u8 = 6;
const MEDIA: u8 = 7;
const CALLER: u8 = 8;
const NAME: u8 = 9;
const CALLED: u8 = 10;
const OUTGOING: u8 = 11;
const PARTY: u8 = 12;
const PLACE: u8 = 13;
const REFERRED: u8 = 14;
const REFERRED_BY: u8 = 15;
const REDIRECTED: u8 = 24;
const NAMELESS: u8 = 25;
const PASSED: u8 = 26;
const RUNG: u8 = 28;

/// What stands for several calls where one is usual; no call has this place.
const MANY: u32 = u32::MAX;

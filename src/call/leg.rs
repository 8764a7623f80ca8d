//! A leg: one initial INVITE and all that follows it under the same Call-ID and From-tag.
//!
//! A proxy's hops share that key, so a leg holds every hop's transaction; the first is the caller's side.
//! A new try after 401, 407 or 3xx has the same ends and a higher CSeq, and is the same leg.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::call::hash::Key;
use crate::call::ladder::Ladder;
use crate::call::transaction::{Hop, Seen};
use crate::event::{LegRecord, LegResult, Role};
use crate::limits;
use crate::time::Timestamp;
use crate::wire::packet::FrameRef;

/// One leg of a call.
#[derive(Clone, Debug)]
pub struct Leg {
    /// The key of Call-ID and From-tag.
    pub key: Key,
    /// Call-ID, at most `limits::ID` bytes.
    pub call_id: Box<[u8]>,
    /// From-tag, at most `limits::ID` bytes.
    pub from_tag: Box<[u8]>,
    /// The rule that joined it to its call.
    pub joined_by: &'static str,
    /// Its INVITE transactions, in the order seen.
    pub hops: SmallVec<[Hop; 1]>,
    /// Which of them is nearest to the caller.
    first: usize,
    /// The To-tag of the answer that counts: the first the caller got (RFC 3261 13.2.2.4).
    pub winner: Option<Key>,
    /// The first BYE, and whether the caller's side sent it.
    pub bye: Option<Bye>,
    /// When one side was first asked to call somebody else (REFER, RFC 3515).
    pub referred: Option<Timestamp>,
    /// What became of the last request of the called side that the caller call somebody else (REFER).
    pub sent_on: Option<SentOn>,
    /// When the caller's side first told of a keypad digit in INFO, where its make does.
    pub dialled: Option<Timestamp>,
    /// The mailbox its last hop is for, or would be, where notices of mailboxes are seen.
    pub mailbox: Option<Key>,
    /// The answer that agreed on a fax.
    pub fax: Option<FrameRef>,
    /// A message was seen that only an answered dialog has, though no answer was.
    pub dialog: bool,
    /// Such a message came of which no other explanation is left: the ACK of a 2xx, or another INVITE.
    pub confirmed: bool,
    /// The highest CSeq of a response to an INVITE that was not seen, or not yet.
    pub ahead: Option<u32>,
    /// Its INVITE broke the grammar.
    pub malformed: bool,
    /// Its INVITE was not seen.
    pub partial: bool,
    /// Its messages.
    pub ladder: Ladder,
}

/// The end of an answered leg.
#[derive(Clone, Copy, Debug)]
pub struct Bye {
    /// When and where.
    pub seen: Seen,
    /// The side that sent the INVITE hung up.
    pub by_caller: bool,
    /// The Q.850 cause it gave.
    pub cause: Option<u16>,
}

/// A caller who was asked to call somebody else, and what their side told of that in NOTIFY (RFC 3515 2.4.4).
#[derive(Clone, Copy, Debug)]
pub struct SentOn {
    /// Where it was asked, or its end told.
    pub frame: FrameRef,
    /// Whether it was answered; none if that wasn't told.
    pub answered: Option<bool>,
}

/// What makes a leg.
#[derive(Clone, Copy, Debug)]
pub struct NewLeg<'a> {
    /// The key of Call-ID and From-tag.
    pub key: Key,
    /// Call-ID as sent.
    pub call_id: &'a [u8],
    /// From-tag as sent.
    pub from_tag: &'a [u8],
    /// Its INVITE broke the grammar.
    pub malformed: bool,
    /// Its INVITE was not seen.
    pub partial: bool,
}

impl Leg {
    /// A leg without hops yet.
    pub fn new(new: NewLeg<'_>) -> Leg {
        let kept = |id: &[u8]| Box::from(&id[..id.len().min(limits::ID)]);
        Leg {
            key: new.key,
            call_id: kept(new.call_id),
            from_tag: kept(new.from_tag),
            joined_by: "first",
            hops: SmallVec::new(),
            first: 0,
            winner: None,
            bye: None,
            referred: None,
            sent_on: None,
            dialled: None,
            mailbox: None,
            fax: None,
            dialog: false,
            confirmed: false,
            ahead: None,
            malformed: new.malformed,
            partial: new.partial,
            ladder: Ladder::default(),
        }
    }

    /// Adds an INVITE transaction, minding that a mirror may show an inner hop before the caller's.
    /// Tells its index, or nothing if the leg has `limits::HOPS` already.
    pub fn add_hop(&mut self, hop: Hop) -> Option<usize> {
        if self.hops.len() >= limits::HOPS {
            return None;
        }
        if let Some(first) = self.hops.get(self.first)
            && feeds(&hop, first)
            && !feeds(first, &hop)
        {
            self.first = self.hops.len();
        }
        self.hops.push(hop);
        Some(self.hops.len() - 1)
    }

    /// Whether a hop is the one nearest to the caller.
    pub fn is_first(&self, hop: usize) -> bool {
        self.first == hop
    }

    /// Whether it doesn't come from the trunk.
    pub fn leaves_from_within(&self) -> bool {
        self.hops.first().is_some_and(|hop| hop.role != Role::TrunkIn)
    }

    /// The transaction that decides the leg: the caller's answered try, else the last one, and of those the one that ended last.
    #[inline]
    pub fn caller_hop(&self) -> Option<&Hop> {
        match &*self.hops {
            [only] => Some(only),
            _ => self.caller_hop_of_several(),
        }
    }

    fn caller_hop_of_several(&self) -> Option<&Hop> {
        let tries = || self.hops.iter().filter(|hop| self.is_caller_side(hop));
        let last = tries().map(|hop| hop.cseq).max();
        let of_last = || tries().rev().filter(|hop| Some(hop.cseq) == last);
        tries()
            .find(|hop| hop.answered.is_some())
            .or_else(|| of_last().find(|hop| !hop.is_over()))
            .or_else(|| of_last().max_by_key(|hop| hop.ended_unanswered()))
    }

    /// The hops beyond the caller's side.
    pub fn inner_hops(&self) -> impl Iterator<Item = &Hop> {
        self.hops.iter().filter(|hop| !self.is_caller_side(hop))
    }

    /// Whether a try was made whose INVITE wasn't seen: what became of it can't be known.
    pub fn tried_unseen(&self) -> bool {
        self.ahead > self.hops.iter().map(|hop| hop.cseq).max()
    }

    /// Whether its caller ended it by BYE while it rang, upon which it was refused (RFC 3261 15.1.2).
    pub fn ended_early(&self, hop: &Hop) -> bool {
        let refused = hop.refused.filter(|refused| refused.status == 487);
        self.bye.zip(refused).is_some_and(|(bye, refused)| bye.by_caller && refused.seen.at >= bye.seen.at)
    }

    /// What the leg is for: the role of the hop nearest to the caller.
    pub fn role(&self) -> Role {
        self.hops.get(self.first).map_or(Role::Unknown, |hop| hop.role)
    }

    /// How the leg ended, or stands.
    pub fn result(&self) -> LegResult {
        self.caller_hop().map_or(LegResult::Incomplete, Hop::result)
    }

    /// The leg as records show it, its ladder counted from `began`. Its call being closed, what only records
    /// show moves there.
    pub fn record(&mut self, began: Timestamp) -> LegRecord {
        let answered = self.caller_hop().and_then(|hop| hop.answered.map(|_| 200));
        LegRecord {
            call_id: text(std::mem::take(&mut self.call_id)),
            from_tag: text(std::mem::take(&mut self.from_tag)),
            role: self.role(),
            result: self.result(),
            status: answered.or_else(|| self.caller_hop().and_then(Hop::status)),
            joined_by: Cow::Borrowed(self.joined_by),
            ladder: std::mem::take(&mut self.ladder).rows(began),
        }
    }

    fn is_caller_side(&self, hop: &Hop) -> bool {
        let Some(first) = self.hops.get(self.first) else { return false };
        hop.src.ip() == first.src.ip() && hop.src != first.dst
    }
}

/// Whether the caller's one try is all there is, as with most calls that are seen on the trunk alone.
pub fn is_alone(legs: &[Leg]) -> bool {
    matches!(legs, [leg] if leg.hops.len() == 1)
}

fn text(bytes: Box<[u8]>) -> String {
    String::from_utf8(bytes.into()).unwrap_or_else(|odd| String::from_utf8_lossy(odd.as_bytes()).into_owned())
}

/// Whether `hop` ends where `next` begins. Ports matter only between ends on one address.
fn feeds(hop: &Hop, next: &Hop) -> bool {
    hop.dst.ip() == next.src.ip() && (hop.src.ip() != hop.dst.ip() || hop.dst.port() == next.src.port())
}

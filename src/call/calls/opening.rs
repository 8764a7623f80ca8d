//! Legs as they begin: each joins the call it belongs to, or begins one.

use sha2::{Digest, Sha256};
use smallvec::SmallVec;

use crate::call::calls::Calls;
use crate::call::home::{Home, PHONES, REDIRECTED, REORDERED};
use crate::call::invite::Invite;
use crate::call::join::Reader;
use crate::call::leg::{Leg, NewLeg};
use crate::call::office;
use crate::call::open::{Media, OpenCall};
use crate::call::progress::{self, Heard};
use crate::call::relayed::{Relay, SSRC};
use crate::call::transaction::Hop;
use crate::event::{CallPhase, Role};
use crate::time::Timestamp;
use crate::wire::sip::Method;

/// What tells of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// Its INVITE.
    Invite,
    /// Its INVITE, after the call that it was part of was judged.
    Again,
    /// The answer to its INVITE, which was not seen.
    Answer,
    /// A later request of its dialog, of which nothing else was seen: it is opened where it joins a call, or may join several.
    Revealed,
}

impl Calls {
    /// Opens the leg that a message tells of; false if it doesn't.
    pub(super) fn open_leg(&mut self, heard: &Heard<'_>, opening: Opening) -> bool {
        let partial = matches!(opening, Opening::Answer | Opening::Revealed);
        let Heard { datagram, message, keys, .. } = *heard;
        let invite = heard.opening();
        let Some((key, from_tag)) = heard.leg() else { return false };
        let ends = [invite.from, invite.to].map(|end| end.map(|end| end.name));
        let faults = message.faults_with(ends[0].as_ref(), ends[1].as_ref());
        let malformed = !faults.is_clean();
        let mut leg = Leg::new(NewLeg { key, call_id: keys.call_id, from_tag, malformed, partial });
        let hop = self.office.hop(heard, &invite);
        if self.mailboxes.any() {
            leg.mailbox = self.office.mailbox(&self.keyer, &invite, &hop);
        }
        leg.add_hop(hop);
        progress::hear(&mut leg, heard, &self.office.pbx.roles);
        leg.confirmed |= message.status().is_none() && message.method() == Method::Ack;
        let reader = self.reader(heard, &invite);
        let traits = if partial { reader.traits_of_answer(heard.ends()) } else { reader.traits() };
        let window = self.office.make.correlate.window;
        let home = match opening {
            Opening::Again => Home::None,
            _ => self.tracked.home_of(&traits, &leg.hops[0], window, datagram.at),
        };
        if opening == Opening::Revealed && home == Home::None {
            return false;
        }
        self.counters.legs += 1;
        self.counters.malformed += u64::from(malformed);
        self.counters.srtp_offers += u64::from(traits.media.iter().any(|spot| spot.kinds.offers_srtp()));
        let joins = matches!(home, Home::Call { .. });
        if partial && !joins {
            self.unseen.add(&leg.hops[0]);
        }
        if self.tracked.is_heavy() || (!joins && self.tracked.is_full()) {
            self.counters.evicted += 1;
            return true;
        }
        let call = match home {
            Home::Call { call, rule } => self.join(call, leg, rule, &invite),
            Home::None => self.start(leg, heard, &invite, false),
            Home::Ambiguous(fitting) => self.start_ambiguous(leg, heard, &invite, &fitting),
        };
        let is_first = self.tracked.leg(key).is_some_and(|at| at.leg == 0);
        self.tracked.offer(call, &traits, is_first);
        if is_first {
            self.tracked.expect(call, &traits.media, message.status().is_none());
        }
        self.note_change(call);
        for held in self.held.take(key) {
            self.take_held(&held.datagram());
        }
        self.listen(call, heard.datagram.at);
        self.tracked.book(call);
        self.settle(call, datagram.at);
        true
    }

    pub(super) fn reader<'a>(&'a self, heard: &Heard<'a>, invite: &'a Invite<'a>) -> Reader<'a> {
        let Heard { datagram, keys, .. } = *heard;
        Reader {
            keyer: self.keyer,
            own: keys.call,
            hints: &self.tracked.hints,
            make: &self.office.make,
            roles: &self.office.pbx.roles,
            datagram,
            invite,
        }
    }

    /// Begins a call with its first leg.
    fn start(&mut self, leg: Leg, heard: &Heard<'_>, invite: &Invite<'_>, stray: bool) -> u32 {
        let Heard { datagram, message, keys, .. } = *heard;
        let hop = &leg.hops[0];
        let (caller, called) = (self.office.caller(invite, hop), self.office.called(invite, hop));
        self.serial += 1;
        let open = Box::new(OpenCall {
            id: self.ids.next(hash48(keys.call_id, keys.from_tag)),
            serial: self.serial,
            began: datagram.at,
            claims: self.office.claims(invite, hop, &caller, &called),
            caller,
            tries_on: self.office.may_try_on(hop),
            diverted: self.office.diverted(invite, hop.role == Role::TrunkIn).is_some(),
            emergency: self.office.is_emergency(invite, hop),
            scanner: self.office.is_scanner(message, hop, &called),
            called,
            ambiguous: 0,
            stray,
            rivals: Vec::new(),
            expires: office::ring_limit(message),
            legs: SmallVec::new(),
            hints: SmallVec::new(),
            media: Media::default(),
            picked_up: None,
            answer_told: false,
            closed: None,
            due: None,
            booked: 0,
        });
        let call = self.tracked.insert(open, leg);
        self.tell(call, datagram.at, CallPhase::Started);
        call
    }

    /// Keeps a leg that may belong to several calls apart; none of them can be sure of its verdict.
    fn start_ambiguous(&mut self, leg: Leg, heard: &Heard<'_>, invite: &Invite<'_>, fitting: &[u32]) -> u32 {
        let call = self.start(leg, heard, invite, true);
        let mut rivals = Vec::with_capacity(fitting.len());
        for call in fitting {
            if let Some(open) = self.tracked.get_mut(*call) {
                open.ambiguous = open.ambiguous.saturating_add(1);
                rivals.push((*call, open.serial));
            }
        }
        if let Some(open) = self.tracked.get_mut(call) {
            open.rivals = rivals;
        }
        call
    }

    fn join(&mut self, call: u32, mut leg: Leg, rule: &'static str, invite: &Invite<'_>) -> u32 {
        let begins = &leg.hops[0];
        let in_front = rule == REORDERED || self.tracked.comes_in_front(call, begins, begins.opened.at);
        if in_front && let Some(open) = self.tracked.get_mut(call) {
            open.caller = self.office.caller(invite, &leg.hops[0]);
            let sent_out = std::mem::replace(&mut open.called, self.office.called(invite, &leg.hops[0]));
            if open.called.goes_out_as(&sent_out) {
                open.called = sent_out;
            }
            open.claims = self.office.claims(invite, &leg.hops[0], &open.caller, &open.called);
            open.legs.iter_mut().for_each(|joined| joined.joined_by = rule);
        } else {
            leg.joined_by = rule;
            if rule == REDIRECTED
                && let Some(open) = self.tracked.get_mut(call)
            {
                open.diverted = true;
            }
            let covered = rule == PHONES && leg.hops[0].voicemail.is_some();
            if covered
                && self.office.diverted(invite, false).is_some()
                && let Some(open) = self.tracked.get_mut(call)
            {
                open.called = self.office.called(invite, &leg.hops[0]);
            }
        }
        let goes_out = !in_front && self.goes_out(call, &leg.hops[0], invite);
        let at = leg.hops[0].opened.at;
        self.tracked.add_leg(call, leg, in_front);
        if goes_out {
            self.tell(call, at, CallPhase::Started);
        }
        call
    }

    /// Whether a call from within goes out to the trunk on a hop; if so, and that names what was dialled, it is for that.
    fn goes_out(&mut self, call: u32, hop: &Hop, invite: &Invite<'_>) -> bool {
        let from_within = |open: &&mut OpenCall| open.legs.first().is_some_and(Leg::leaves_from_within);
        let to_trunk = hop.role == Role::TrunkOut;
        let Some(open) = self.tracked.get_mut(call).filter(|open| to_trunk && from_within(open)) else {
            return false;
        };
        if let Some(sent_out) = self.office.sent_out(invite, hop, &open.called) {
            open.called = sent_out;
        }
        true
    }

    /// Joins a leg to the call whose stream it carries. The others that it fitted are sure of their verdicts again.
    pub(super) fn join_relayed(&mut self, Relay { call, part }: Relay, now: Timestamp) {
        let apart = |open: &OpenCall| open.is_unexplained() && open.legs.len() == 1;
        let whole = |open: &OpenCall| open.is_unexplained() && !open.stray;
        if !(self.tracked.get(call).is_some_and(whole) && self.tracked.get(part).is_some_and(apart)) {
            return;
        }
        self.tell(part, now, CallPhase::Joined);
        self.forget_sound(part, now);
        let Some(part) = self.tracked.take(part) else { return };
        self.apart.forget(part.serial);
        for (rival, serial) in &part.rivals {
            if let Some(open) = self.tracked.get_mut(*rival).filter(|open| open.serial == *serial) {
                open.ambiguous = open.ambiguous.saturating_sub(1);
            }
        }
        for mut leg in part.legs {
            leg.joined_by = SSRC;
            self.tracked.add_leg(call, leg, false);
        }
        self.tracked.offer_keys(call, part.hints.into_iter());
        self.note_change(call);
        self.listen(call, now);
        self.tracked.book(call);
        self.settle(call, now);
    }
}

/// The first 48 bits of SHA-256 over Call-ID and From-tag.
fn hash48(call_id: &[u8], from_tag: &[u8]) -> u64 {
    let digest = Sha256::new().chain_update(call_id).chain_update(from_tag).finalize();
    digest.iter().take(6).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

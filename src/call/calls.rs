//! All calls in sight: takes SIP messages and the passing of time, gives calls as they start, are answered
//! and are judged.

mod astray;
mod opening;
mod recording;
mod verdict;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use crate::call::calls::opening::Opening;
use crate::call::hash::Keyer;
use crate::call::held::Held;
use crate::call::invite::Invite;
use crate::call::listening::{Ears, Spot};
use crate::call::office::Office;
use crate::call::open::{OpenCall, Plan};
use crate::call::outcome::Ending;
use crate::call::pickup::Pickups;
use crate::call::progress::{self, Heard, Keys};
use crate::call::recent::{AnswersApart, RecentIds, Strangers, UnseenAnswers};
use crate::call::resumed::Resumed;
use crate::call::timers::Timers;
use crate::call::tracked::{LegRef, Shown, Tracked};
use crate::call::waiting::Mailboxes;
use crate::event::{self, CallKey, CallPhase, CallRecord, CallSeen, Direction, Sounded};
use crate::limits;
use crate::settings::{Quirk, Settings};
use crate::time::{Timestamp, earlier};
use crate::wire::packet::Datagram;
use crate::wire::sip::{Message, Method, Refusal};
use crate::wire::stream::Stream;

/// What `Calls` tells.
#[derive(Clone, Debug)]
pub enum Told {
    /// A call started or was answered.
    Seen(CallSeen),
    /// A call was judged; what rules see of it only where there is a line to follow up for.
    Closed(Box<CallRecord>, Option<CallSeen>),
    /// The sound of the message that a call leaves.
    Sounded(CallKey, Sounded, Option<Box<CallSeen>>),
}

/// What was counted on the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// SIP messages taken.
    pub messages: u64,
    /// Messages without trustworthy keys, or with faults.
    pub malformed: u64,
    /// Messages of dialogs whose start was not seen.
    pub partial: u64,
    /// Legs opened.
    pub legs: u64,
    /// Legs whose INVITE, or answer where that wasn't seen, offers SRTP.
    pub srtp_offers: u64,
    /// Calls judged early or not followed because there were too many.
    pub evicted: u64,
}

/// All calls in sight.
#[derive(Debug)]
pub struct Calls {
    office: Office,
    keyer: Keyer,
    taps: Vec<Arc<str>>,
    tracked: Tracked,
    ears: Box<dyn Ears>,
    strangers: Strangers,
    noncalls: Strangers,
    held: Held,
    pickups: Pickups,
    unseen: UnseenAnswers,
    apart: AnswersApart,
    /// Transactions of INVITEs that were not seen, of which responses or a CANCEL tell: an ACK in one is no 2xx's.
    tries: Strangers,
    timers: Timers,
    mailboxes: Mailboxes,
    ids: RecentIds,
    serial: u64,
    counters: Counters,
    told: Vec<Told>,
    /// Messages until calls that can go are looked for again.
    barren: usize,
    /// There is a line to follow up for; else nobody asks what rules see of a call.
    followed: bool,
    /// Calls that were open when an earlier run ended.
    resumed: Resumed,
    /// The last call that had begun when packets were lost: it, and earlier ones that are still open, may miss some.
    lost: u64,
    /// The same where a clock was set back: how long what was open took isn't known.
    misdated: u64,
    /// Calls whose rows changed; none where nobody keeps them.
    changed: Option<Vec<u32>>,
}

impl Calls {
    /// No calls yet; `seed` keys the hashes of network bytes, `ears` hear what signalling can't tell.
    pub fn new(settings: &Settings, seed: u64, ears: Box<dyn Ears>) -> Calls {
        Calls {
            office: Office::new(settings),
            keyer: Keyer::new(seed),
            taps: Vec::new(),
            tracked: Tracked::default(),
            ears,
            strangers: Strangers::default(),
            noncalls: Strangers::default(),
            held: Held::default(),
            pickups: Pickups::default(),
            unseen: UnseenAnswers::default(),
            apart: AnswersApart::default(),
            tries: Strangers::default(),
            timers: Timers::default(),
            mailboxes: Mailboxes::new(settings.pbx.profile.has(Quirk::MwiWithoutCount)),
            ids: RecentIds::default(),
            serial: 0,
            counters: Counters::default(),
            told: Vec::new(),
            barren: 0,
            followed: !settings.lines.is_empty(),
            resumed: Resumed::default(),
            lost: 0,
            misdated: 0,
            changed: None,
        }
    }

    /// Judges by another configuration from here on; calls that are open go on, and what was seen of them stays.
    pub fn reconfigure(&mut self, settings: &Settings) {
        self.office = Office::new(settings);
        self.ears.reconfigure(settings);
        self.mailboxes.read_by(settings.pbx.profile.has(Quirk::MwiWithoutCount));
        self.followed |= !settings.lines.is_empty();
    }

    /// Names the taps, in the order of their ids.
    pub fn name_taps(&mut self, taps: Vec<Arc<str>>) {
        self.taps = taps;
    }

    /// Goes on with the calls that were open when an earlier run ended, and from now on notes which calls change.
    pub fn resume(&mut self, rows: Vec<event::OpenCall>, now: Timestamp) {
        self.changed = Some(Vec::new());
        // Lines may come with another configuration: who is on the phone then must be known.
        self.followed = true;
        let seen = self.resumed.take_in(rows, &self.keyer, now);
        self.told.extend(seen.into_iter().filter(|_| self.followed).map(Told::Seen));
    }

    /// The legs of open calls that changed since the last time, as a store keeps them.
    pub fn take_changed(&mut self) -> Vec<event::OpenCall> {
        let mut changed = self.changed.as_mut().map(std::mem::take).unwrap_or_default();
        changed.sort_unstable();
        changed.dedup();
        let open = |call: u32| self.tracked.get(call).filter(|open| open.closed.is_none() && !open.stray);
        let rows = |call: u32| open(call).map(|open| open.rows(self.direction(call)));
        changed.into_iter().filter_map(rows).flatten().collect()
    }

    /// Packets were lost: what is open now may have had some of them.
    pub fn lose(&mut self) {
        self.lost = self.serial;
    }

    /// A packet is older than it can be, as after a clock was set back: of what is open now no length is known.
    pub fn lose_time(&mut self) {
        self.misdated = self.serial;
    }

    fn note_change(&mut self, call: u32) {
        if let Some(changed) = &mut self.changed {
            changed.push(call);
        }
    }

    /// How many calls are in sight.
    pub fn open(&self) -> usize {
        self.tracked.len()
    }

    /// What was counted so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Whether there is something to tell.
    pub fn has_told(&self) -> bool {
        !self.told.is_empty()
    }

    /// Takes what there is to tell, in order, and leaves an empty list in its place.
    pub fn take_told(&mut self, empty: Vec<Told>) -> Vec<Told> {
        std::mem::replace(&mut self.told, empty)
    }

    /// When `expire` has something to do.
    #[inline]
    pub fn deadline(&self) -> Option<Timestamp> {
        let others = [self.held.deadline(), self.mailboxes.deadline(), self.resumed.deadline()];
        others.into_iter().fold(self.timers.next(), earlier)
    }

    /// Takes one SIP message.
    pub fn message(&mut self, datagram: &Datagram<'_>, message: &Message<'_>) {
        self.counters.messages += 1;
        let Some(keys) = &Keys::of(&self.keyer, message) else {
            self.counters.malformed += 1;
            return;
        };
        match ends(datagram, message) {
            None => self.keyed(datagram, message, keys, true),
            Some((src, dst)) => self.keyed(&Datagram { src, dst, ..*datagram }, message, keys, true),
        }
    }

    /// Counts what looked like SIP and wasn't.
    pub fn refused(&mut self, refusal: Refusal) {
        match refusal {
            Refusal::Keepalive | Refusal::NotSip => {}
            _ => self.counters.malformed += 1,
        }
    }

    /// Whether an RTP stream was seen before and no call wants it.
    #[inline]
    pub fn ignores(&self, stream: &Stream) -> bool {
        self.tracked.ignores(stream)
    }

    /// Hears one RTP packet.
    pub fn rtp(&mut self, datagram: &Datagram<'_>) {
        match self.tracked.hear_rtp(datagram, &self.keyer, &mut *self.ears) {
            None => {}
            Some(Shown::Relay(relay)) => self.join_relayed(relay, datagram.at),
            Some(Shown::Due(call)) => self.look(call, datagram.at),
        }
    }

    /// Does the earliest thing that is due at or before `now`; tells at what time it was due.
    pub fn expire(&mut self, now: Timestamp) -> Option<Timestamp> {
        let at = self.deadline().filter(|at| *at <= now)?;
        if let Some((record, seen)) = self.mailboxes.expired(at) {
            self.told.push(Told::Closed(record, seen));
            return Some(at);
        }
        if let Some(end) = self.resumed.expired(at) {
            self.end_resumed(end);
            return Some(at);
        }
        match self.held.expired(at) {
            Some(held) => self.take_held(&held.datagram()),
            None => {
                if let Some((due, call)) = self.timers.pop(at)
                    && self.tracked.get(call).is_some_and(|open| open.due == Some(due))
                {
                    self.due(call, at);
                }
            }
        }
        Some(at)
    }

    /// Ends the input at `now`: every call still open is judged by what is known.
    pub fn finish(&mut self, now: Timestamp) {
        while let Some(held) = self.held.pop() {
            self.take_held(&held.datagram());
        }
        while let Some((record, seen)) = self.mailboxes.pop() {
            self.told.push(Told::Closed(record, seen));
        }
        for call in self.tracked.open() {
            let Some(plan) = self.tracked.get(call).map(|open| open.plan(&self.office.pbx.judge)) else {
                continue;
            };
            let at_end = Plan { at: now, ended: plan.ended.map(|_| now), ending: Ending::Input };
            self.close(call, now, if plan.ending == Ending::Message { plan } else { at_end });
        }
    }

    fn keyed(&mut self, datagram: &Datagram<'_>, message: &Message<'_>, keys: &Keys<'_>, may_hold: bool) {
        if self.tracked.is_full() {
            self.make_room(datagram.at);
        }
        let forward = self.tracked.leg(keys.leg);
        let backward = || keys.leg_of_called(&self.keyer).and_then(|key| self.tracked.leg(key));
        let known = forward.or_else(backward);
        let habits = self.office.make.habits;
        let heard =
            Heard { datagram, message, keys, keyer: self.keyer, habits, from_caller: forward.is_some() };
        match known {
            Some(leg) => self.known(leg, &heard),
            None => self.unknown(&Heard { from_caller: true, ..heard }, may_hold),
        }
    }

    fn known(&mut self, at: LegRef, heard: &Heard<'_>) {
        let heavy = self.tracked.is_heavy();
        let Some(open) = self.tracked.get_mut(at.call) else { return };
        let Some(leg) = open.legs.get_mut(usize::from(at.leg)) else { return };
        let opens = heard.opens_leg() && heard.from_caller;
        if open.closed.is_some() {
            if opens && at.leg == 0 && progress::is_later_try(leg, heard) {
                self.open_leg(heard, Opening::Again);
            }
            return;
        }
        let ladder = leg.ladder.held();
        let mut renamed = false;
        let tries = opens && progress::find_hop(leg, heard).is_none() && !heavy;
        if tries {
            let invite = Invite::of(heard.message);
            let hop = self.office.hop(heard, &invite);
            if self.mailboxes.any() {
                leg.mailbox = self.office.mailbox(&self.keyer, &invite, &hop);
            }
            open.diverted |= hop.voicemail.is_some() && self.office.diverted(&invite, false).is_some();
            let sent_out =
                self.office.sent_out(&invite, &hop, &open.called).filter(|_| leg.leaves_from_within());
            let added = leg.add_hop(hop).filter(|n| at.leg == 0 && leg.is_first(*n));
            if let Some(hop) = added.and_then(|n| leg.hops.get(n)) {
                open.caller = self.office.caller(&invite, hop);
                open.called = self.office.called(&invite, hop);
            } else if let Some(sent_out) = sent_out.filter(|_| at.leg == 0) {
                (open.called, renamed) = (sent_out, true);
            }
        }
        progress::hear(leg, heard, &self.office.pbx.roles);
        let asks = heard.refers() || heard.redirects();
        let grown = asks || tries || leg.ladder.held() != ladder;
        if asks {
            let invite = Invite::of(heard.message);
            let asked = self.reader(heard, &invite).asked();
            self.tracked.offer_keys(at.call, asked.into_iter());
        }
        if at.leg == 0 && DESCRIBES.contains(&heard.message.method()) {
            let spots = Spot::all_of(&self.keyer, heard.message);
            let by_caller = heard.from_caller == heard.message.status().is_none();
            self.tracked.expect(at.call, &spots, by_caller);
        }
        if heard.bears_on_answer() {
            self.listen(at.call, heard.datagram.at);
        }
        if grown {
            self.tracked.book(at.call);
        }
        if renamed {
            self.note_change(at.call);
            self.tell(at.call, heard.datagram.at, CallPhase::Started);
        }
        self.settle(at.call, heard.datagram.at);
    }

    /// Gives up calls for which there is no room any more. Where few could go, the next look is some messages away,
    /// so that looking costs each message little.
    fn make_room(&mut self, now: Timestamp) {
        if self.barren > 0 {
            self.barren -= 1;
            return;
        }
        for call in self.tracked.surplus() {
            self.give_up(call, now);
        }
        self.barren = if self.tracked.is_tight() { limits::CALLS / 64 } else { 0 };
        let is_set = |due, call| self.tracked.get(call).is_some_and(|open| open.due == Some(due));
        self.timers.retain(is_set);
    }

    fn tell(&mut self, call: u32, at: Timestamp, phase: CallPhase) {
        let joined_in_store = phase == CallPhase::Joined && self.changed.is_some();
        let wanted = self.followed || joined_in_store;
        if !wanted || self.tracked.get(call).is_some_and(|open| open.stray) {
            return;
        }
        let direction = self.direction(call);
        self.told.extend(self.tracked.get(call).map(|open| Told::Seen(open.seen(at, direction, phase))));
    }

    fn direction(&self, call: u32) -> Direction {
        self.tracked.get(call).map_or(Direction::Unknown, |open| self.direction_of(open))
    }

    fn direction_of(&self, open: &OpenCall) -> Direction {
        open.direction(&self.office.pbx.roles, self.office.is_own_number(&open.called))
    }
}

/// The ends of a message where they aren't those of its datagram. A HEP agent inside a PBX may know its own end of a request only as loopback or
/// unspecified; the top Via says more of the sender, the Request-URI of the receiver
/// (captures/lab-pbx-external-voicemail-hep).
pub fn ends(datagram: &Datagram<'_>, message: &Message<'_>) -> Option<(SocketAddr, SocketAddr)> {
    let Datagram { src, dst, .. } = *datagram;
    if message.status().is_some() {
        return None;
    }
    let nowhere = |end: SocketAddr| end.ip().is_unspecified() || NOWHERE.contains(&end.ip());
    match (nowhere(src), nowhere(dst)) {
        (true, false) => message.top_via()?.addr().map(|src| (src, dst)),
        (false, true) => message.request_uri()?.addr().map(|dst| (src, dst)),
        _ => None,
    }
}

/// What stands for a host's own address where it doesn't know better.
const NOWHERE: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// Messages in which either side describes a session, or moves it (RFC 3264, RFC 3311, RFC 3262 5).
const DESCRIBES: [Method; 4] = [Method::Invite, Method::Ack, Method::Update, Method::Prack];

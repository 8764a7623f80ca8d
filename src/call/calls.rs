//! All calls in sight: takes SIP messages and the passing of time, gives calls as they start, are answered
//! and are judged.

mod recording;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use smallvec::SmallVec;

use crate::call::hash::Keyer;
use crate::call::held::Held;
use crate::call::home::{Home, PHONES, REDIRECTED, REORDERED};
use crate::call::identity;
use crate::call::invite::Invite;
use crate::call::join::Reader;
use crate::call::leg::{Leg, NewLeg};
use crate::call::listening::{self, Ears, Spot};
use crate::call::office::{self, Office};
use crate::call::open::{self, Media, OpenCall, Plan};
use crate::call::outcome::{self, Ending};
use crate::call::pickup::Pickups;
use crate::call::progress::{self, Heard, Keys};
use crate::call::recent::{AnswersApart, Apart, RecentIds, Strangers, UnseenAnswers};
use crate::call::relayed::{Relay, SSRC};
use crate::call::resumed::{self, Resumed};
use crate::call::timers::Timers;
use crate::call::tracked::{LegRef, Shown, Tracked};
use crate::call::transaction::Hop;
use crate::call::waiting::{self, MESSAGE_WAITING, Mailboxes};
use crate::event::heard::Ended;
use crate::event::{self, CallKey, CallPhase, CallRecord, CallSeen, Direction, Role, Sounded, Verdict};
use crate::limits;
use crate::settings::{Quirk, Settings};
use crate::time::{Span, Timestamp, earlier};
use crate::wire::packet::Datagram;
use crate::wire::sip::{Message, Method, Refusal};
use crate::wire::stream::Stream;
use crate::wire::waiting::Waiting;

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

    /// A message of no leg in sight: it opens one, waits for its INVITE, or belongs to what was not seen.
    fn unknown(&mut self, heard: &Heard<'_>, may_hold: bool) {
        if self.is_of_noncall(heard.keys) || self.is_of_resumed(heard) {
            return;
        }
        let of_invite = heard.message.method() == Method::Invite;
        match heard.message.status() {
            None if heard.opens_leg() && self.office.make.is_noncall(heard.message) => {
                self.noncalls.add(heard.keys.leg);
            }
            None if heard.opens_leg() => self.open_leg(heard, false),
            None if self.reveals_answer(heard) && self.open_revealed(heard, may_hold) => {}
            None if of_invite => {
                self.counters.partial += 1;
                self.strangers.add(heard.keys.leg);
            }
            Some(_) if of_invite && self.strangers.contains(heard.keys.leg) => {}
            Some(_) if of_invite && may_hold => {
                self.tries.add(heard.keys.attempt());
                self.hold(heard);
            }
            Some(200..) if of_invite => self.open_leg(heard, true),
            Some(_) if of_invite => self.counters.partial += 1,
            None if OF_DIALOG.contains(&heard.message.method()) => {
                self.counters.partial += 1;
                if heard.message.method() == Method::Cancel {
                    self.tries.add(heard.keys.attempt());
                }
            }
            None => self.notice(heard),
            _ => {}
        }
    }

    /// Whether a request of a dialog whose INVITE was not seen shows that somebody answered it, though that was not seen:
    /// an INVITE or a BYE, or an ACK that is in none of its transactions and waits for no response in sight.
    fn reveals_answer(&self, heard: &Heard<'_>) -> bool {
        let keys = heard.keys;
        let known = |key| self.strangers.contains(key);
        let Some(backward) = keys.leg_of_called(&self.keyer) else { return false };
        let is_stranger = || known(keys.leg) || known(backward);
        match heard.message.method() {
            Method::Ack => {
                !is_stranger() && !self.tries.contains(keys.attempt()) && !self.held.has_answer(keys.leg)
            }
            Method::Invite | Method::Bye => !is_stranger(),
            _ => false,
        }
    }

    /// Joins the leg of such a dialog to the call that its PBX makes it for, by its caller's number; false if there is none.
    /// The INVITE of one that was answered at once may come after its ACK.
    fn open_revealed(&mut self, heard: &Heard<'_>, may_hold: bool) -> bool {
        let by_called = Heard { from_caller: false, ..*heard };
        let found = [*heard, by_called].into_iter().find(|heard| self.has_home(heard));
        match &found {
            Some(heard) if may_hold && heard.from_caller && heard.message.method() == Method::Ack => {
                self.hold(heard);
            }
            Some(heard) => self.open_leg(heard, true),
            None => {}
        }
        found.is_some()
    }

    fn hold(&mut self, heard: &Heard<'_>) {
        if let Some(evicted) = self.held.push(heard.keys.leg, heard.datagram) {
            self.take_held(&evicted.datagram());
        }
    }

    fn has_home(&self, heard: &Heard<'_>) -> bool {
        let invite = heard.opening();
        let hop = self.office.hop(heard, &invite);
        let traits = self.reader(heard, &invite).traits_of_answer(heard.ends());
        let window = self.office.make.correlate.window;
        self.tracked.home_of(&traits, &hop, window, heard.datagram.at) != Home::None
    }

    /// Takes what a notice says of a mailbox: one message more may be what a call left.
    fn notice(&mut self, heard: &Heard<'_>) {
        let Some(waiting) = Waiting::of(heard.message) else { return };
        let user = heard.message.to().and_then(|to| identity::comparable(to.uri().user()));
        let Some(mailbox) = user.map(|user| Office::mailbox_key(&self.keyer, &user)) else { return };
        if self.mailboxes.notice(mailbox, waiting)
            && let Some((mut record, seen)) = self.mailboxes.left_in(mailbox, heard.datagram.at)
        {
            let Datagram { frame, .. } = *heard.datagram;
            waiting::confirm(&mut record, open::evidence(frame, MESSAGE_WAITING, &self.taps));
            record.missed = outcome::missed(record.outcome, record.direction, &self.office.pbx.judge);
            let phase = CallPhase::Ended(Verdict::of(&record));
            self.told.push(Told::Closed(record, seen.map(|seen| CallSeen { phase, ..seen })));
        }
    }

    /// Whether a message belongs to a call of an earlier run, which hears it.
    fn is_of_resumed(&mut self, heard: &Heard<'_>) -> bool {
        if self.resumed.is_empty() {
            return false;
        }
        let backward = heard.keys.leg_of_called(&self.keyer);
        let known = [Some(heard.keys.leg), backward].into_iter().flatten().find(|key| self.resumed.has(*key));
        let Some(leg) = known else { return false };
        if let Some(end) = self.resumed.hear(leg, heard, &self.office.pbx.roles) {
            self.end_resumed(end);
        }
        true
    }

    /// Judges a call of an earlier run by what was seen of its end.
    fn end_resumed(&mut self, end: resumed::End) {
        let judge = &self.office.pbx.judge;
        let mut record = end.record(&self.taps);
        record.missed = outcome::missed(record.outcome, record.direction, judge);
        let seen = self.followed.then(|| CallSeen::of(&record));
        self.told.push(Told::Closed(Box::new(record), seen));
    }

    /// Whether a dialog was opened by an INVITE that is no call; either side of it may speak.
    fn is_of_noncall(&self, keys: &Keys<'_>) -> bool {
        let contains = |key| self.noncalls.contains(key);
        !self.noncalls.is_empty()
            && (contains(keys.leg) || keys.leg_of_called(&self.keyer).is_some_and(contains))
    }

    /// Takes a message that waited for its INVITE: by now that has come, or never will.
    fn take_held(&mut self, datagram: &Datagram<'_>) {
        if let Ok(message) = Message::parse(datagram.payload)
            && let Some(keys) = Keys::of(&self.keyer, &message)
        {
            self.keyed(datagram, &message, &keys, false);
        }
    }

    fn known(&mut self, at: LegRef, heard: &Heard<'_>) {
        let heavy = self.tracked.is_heavy();
        let Some(open) = self.tracked.get_mut(at.call) else { return };
        let Some(leg) = open.legs.get_mut(usize::from(at.leg)) else { return };
        let opens = heard.opens_leg() && heard.from_caller;
        if open.closed.is_some() {
            if opens && at.leg == 0 && progress::is_later_try(leg, heard) {
                self.open_leg(heard, false);
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

    fn open_leg(&mut self, heard: &Heard<'_>, partial: bool) {
        let Heard { datagram, message, keys, .. } = *heard;
        let invite = heard.opening();
        let Some((key, from_tag)) = heard.leg() else { return };
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
        self.counters.legs += 1;
        self.counters.malformed += u64::from(malformed);
        let reader = self.reader(heard, &invite);
        let traits = if partial { reader.traits_of_answer(heard.ends()) } else { reader.traits() };
        let window = self.office.make.correlate.window;
        let home = self.tracked.home_of(&traits, &leg.hops[0], window, datagram.at);
        let joins = matches!(home, Home::Call { .. });
        if partial && !joins {
            self.unseen.add(&leg.hops[0]);
        }
        if self.tracked.is_heavy() || (!joins && self.tracked.is_full()) {
            self.counters.evicted += 1;
            return;
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
    }

    fn reader<'a>(&'a self, heard: &Heard<'a>, invite: &'a Invite<'a>) -> Reader<'a> {
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
        let in_front = rule == REORDERED;
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
    fn join_relayed(&mut self, Relay { call, part }: Relay, now: Timestamp) {
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

    /// Sets the call's deadline as things stand now, or closes it.
    fn settle(&mut self, call: u32, now: Timestamp) {
        let Some(open) = self.tracked.get_mut(call).filter(|open| open.closed.is_none()) else { return };
        let newly_answered = !open.answer_told && open.is_answered();
        open.answer_told |= newly_answered;
        if open.picked_up.is_none() && open.answer_told {
            open.picked_up = self.pickups.of(open, now);
        }
        let plan = open.plan(&self.office.pbx.judge);
        if plan.at > now && open.due.is_none_or(|due| plan.at < due.at) {
            open.due = Some(self.timers.set(plan.at.min(now + LOOK_AGAIN), now, call));
        }
        if newly_answered {
            self.apart.note(call, open);
            self.look_for_pickup(call, now);
            self.note_change(call);
            self.tell(call, now, CallPhase::Answered);
            self.tracked.compare(call, &self.office.pbx.roles);
        }
        if plan.at <= now {
            self.close(call, now, plan);
        }
    }

    /// Looks whether a call that has just been answered picked up one that was answered a moment ago.
    fn look_for_pickup(&mut self, call: u32, now: Timestamp) {
        let Some(open) = self.tracked.get(call) else { return };
        for (call, serial) in self.pickups.note(call, open) {
            let unexplained = |open: &&mut OpenCall| {
                open.serial == serial && open.closed.is_none() && open.picked_up.is_none()
            };
            if let Some(open) = self.tracked.get_mut(call).filter(unexplained) {
                open.picked_up = self.pickups.of(open, now);
            }
        }
    }

    /// Listens to an answered call as long as its legs don't say who answered.
    fn listen(&mut self, call: u32, now: Timestamp) {
        let answered = |open: &&OpenCall| open.closed.is_none() && open.is_answered();
        let Some(open) = self.tracked.get(call).filter(answered) else { return };
        let direction = self.direction(call);
        let coverage = &self.office.pbx.profile.coverage;
        let case = open.case(direction, Ending::Message, coverage);
        let (was, is) = (open.media.listening, listening::wanted(&case));
        if was != is {
            self.tracked.listen(call, is);
        }
        if was && !is {
            self.forget_sound(call, now);
        }
        if is
            && !was
            && let Some(answered) = self.tracked.get(call).and_then(OpenCall::answered_at)
        {
            self.ears.attend(call, answered);
        }
    }

    fn due(&mut self, call: u32, now: Timestamp) {
        let Some(open) = self.tracked.get_mut(call) else { return };
        if open.closed.is_some() {
            return self.tracked.forget(call);
        }
        let plan = open.plan(&self.office.pbx.judge);
        if plan.at > now {
            open.due = Some(self.timers.set(plan.at.min(now + LOOK_AGAIN), now, call));
        } else {
            self.close(call, now, plan);
        }
    }

    fn close(&mut self, call: u32, now: Timestamp, plan: Plan) {
        let direction = self.direction(call);
        self.tracked.leave_alone(call);
        let apart = self.tracked.get(call).is_some_and(|open| {
            let ended = |apart: &Apart| {
                let apart = self.tracked.get(apart.call).filter(|open| open.serial == apart.serial);
                Some(apart?.legs.first()?.bye.map(|bye| bye.seen.at))
            };
            self.apart.may_be_of(open, plan.ended.unwrap_or(now), ended)
        });
        let Some(open) = self.tracked.get_mut(call) else { return };
        open.closed = Some(now);
        open.due = Some(self.timers.set(now + LINGER, now, call));
        let judge = &self.office.pbx.judge;
        let coverage = &self.office.pbx.profile.coverage;
        let heard = open.answered_at().filter(|_| open.media.listening);
        let by_pbx = open.legs.first().and_then(|leg| leg.bye).is_some_and(|bye| !bye.by_caller);
        let ended = Ended { at: plan.ended.unwrap_or(now), by_pbx };
        let heard = heard.and_then(|at| self.ears.judge(call, at, ended));
        let case = outcome::Case {
            heard: heard.as_ref(),
            answered_unseen: self.unseen.may_be_of(open),
            answered_apart: apart,
            misdated: open.serial <= self.misdated,
            ..open.case(direction, plan.ending, coverage)
        };
        let judgement = outcome::judge(&case, judge);
        let left = recording::span(&judgement, open.answered_at()).filter(|_| !open.stray);
        let recording = match open.media.listening {
            true => self.recorded(call, left, &judgement, now),
            false => None,
        };
        let Some(open) = self.tracked.get_mut(call) else { return };
        let mut record = open.record(plan.ended, direction, judgement, &self.taps);
        record.missed = outcome::missed(record.outcome, direction, &self.office.pbx.judge);
        record.lossy = open.serial <= self.lost;
        record.recording = recording;
        let called_user = std::mem::take(&mut open.called.user);
        if open.stray {
            return;
        }
        let seen = self.followed.then(|| CallSeen {
            at: plan.ended.unwrap_or(now),
            called_user: Some(called_user).filter(|user| !user.is_empty()),
            ..CallSeen::of(&record)
        });
        let verdict = (Box::new(record), seen);
        let told = match plan.ending {
            Ending::Message if self.mailboxes.any() => self.mailboxes.hold(verdict, open.mailboxes(), now),
            _ => Some(verdict),
        };
        self.told.extend(told.map(|(record, seen)| Told::Closed(record, seen)));
    }

    /// Judges a call early, and forgets it: there are too many.
    fn give_up(&mut self, call: u32, now: Timestamp) {
        if self.tracked.get(call).is_some_and(|open| open.closed.is_none()) {
            self.counters.evicted += 1;
            self.close(call, now, Plan { at: now, ended: Some(now), ending: Ending::Input });
        }
        self.tracked.forget(call);
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
        let roles = &self.office.pbx.roles;
        let direction = |open: &OpenCall| open.direction(roles, self.office.is_own_number(&open.called));
        self.tracked.get(call).map_or(Direction::Unknown, direction)
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

/// The first 48 bits of SHA-256 over Call-ID and From-tag.
fn hash48(call_id: &[u8], from_tag: &[u8]) -> u64 {
    let digest = Sha256::new().chain_update(call_id).chain_update(from_tag).finalize();
    digest.iter().take(6).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

/// What stands for a host's own address where it doesn't know better.
const NOWHERE: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// A deadline further away is looked at again after this, so that outdated ones don't pile up.
const LOOK_AGAIN: Span = Span::from_secs(120);

/// A closed call is kept this long for stragglers: 64 times T1 (RFC 3261 17.2.1).
const LINGER: Span = Span::from_secs(32);

/// Messages in which either side describes a session, or moves it (RFC 3264, RFC 3311, RFC 3262 5).
const DESCRIBES: [Method; 4] = [Method::Invite, Method::Ack, Method::Update, Method::Prack];

/// Requests that belong to a call whose start should have been seen.
const OF_DIALOG: [Method; 4] = [Method::Ack, Method::Bye, Method::Cancel, Method::Prack];

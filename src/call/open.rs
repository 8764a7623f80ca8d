//! A call while it is tracked: its legs, when it will be judged, and its record once it is.

use std::net::IpAddr;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::call::claims::Claims;
use crate::call::hash::Key;
use crate::call::home::{FORKED, REDIRECTED, REFERRED};
use crate::call::identity::{Called, Caller};
use crate::call::idle::Place;
use crate::call::leg::{Bye, Leg};
use crate::call::outcome::{Case, Ending, Judgement, is_headless};
use crate::call::pickup::Pickup;
use crate::call::role::{self, Party};
use crate::call::timers::Due;
use crate::call::transaction::Hop;
use crate::event::{self, CallKey, CallPhase, CallRecord, CallSeen, Direction, Evidence, Role};
use crate::phone;
use crate::settings::{Coverage, Judge, Roles};
use crate::time::{Span, Timestamp};

/// A call that is not over, or was a moment ago.
#[derive(Clone, Debug)]
pub struct OpenCall {
    /// Its id.
    pub id: CallKey,
    /// Its place among all calls seen: the tie-break between equal deadlines.
    pub serial: u64,
    /// When its first INVITE was seen.
    pub began: Timestamp,
    /// Who called.
    pub caller: Caller,
    /// Whom they wanted.
    pub called: Called,
    /// What the trunk and others claim about the caller.
    pub claims: Claims,
    /// The caller's side was diverted before it arrived.
    pub diverted: bool,
    /// The trunk may try another of the PBX's addresses once one has refused.
    pub tries_on: bool,
    /// It is for an emergency number.
    pub emergency: bool,
    /// It came from an unknown source to a number that isn't the business's.
    pub scanner: bool,
    /// Legs in sight that fit it and other calls too.
    pub ambiguous: u16,
    /// It is nothing but such a leg: part of another call, and never told as one.
    pub stray: bool,
    /// The calls it fits as such, with their serial numbers.
    pub rivals: Vec<(u32, u64)>,
    /// How long it may ring (RFC 3261 20.19), with bounds.
    pub expires: Span,
    /// Its legs, the caller's first.
    pub legs: SmallVec<[Leg; 1]>,
    /// The keys by which its legs can be found.
    pub hints: SmallVec<[Key; 6]>,
    /// RTP seen to the caller, and from the caller, in packets.
    pub media: Media,
    /// Somebody took it from another phone, by a code.
    pub picked_up: Option<Pickup>,
    /// That it was answered has been told.
    pub answer_told: bool,
    /// When it was closed, once it was.
    pub closed: Option<Timestamp>,
    /// Its deadline.
    pub due: Option<Due>,
    /// Bytes that were booked for it.
    pub booked: usize,
}

/// RTP of the caller's leg, in packets.
#[derive(Clone, Debug, Default)]
pub struct Media {
    /// Where RTP is expected.
    pub spots: SmallVec<[(Key, Place); 2]>,
    /// Packets to the caller, as far as they matter.
    to_caller: u8,
    /// Packets from the caller, as far as they matter.
    from_caller: u8,
    /// It is listened to.
    pub listening: bool,
    /// Whether it was looked up where streams come from, that of the caller first.
    pub looked_back: [bool; 2],
    /// So many of its packets are still to be compared with those of other calls.
    pub compared: u8,
}

impl Media {
    /// Counts a packet to the caller, or from the caller.
    pub fn count(&mut self, to_caller: bool) {
        let count = if to_caller { &mut self.to_caller } else { &mut self.from_caller };
        *count = count.saturating_add(1);
    }

    /// Whether more packets in this direction would add nothing.
    pub fn has_enough(&self, to_caller: bool) -> bool {
        if to_caller { self.to_caller >= HEARD } else { self.from_caller > 0 }
    }

    /// Whether its next packet is to be compared, which makes them one less.
    pub fn is_compared(&mut self) -> bool {
        let wanted = self.compared > 0;
        self.compared = self.compared.saturating_sub(1);
        wanted
    }

    /// Whether the caller was sent media for a while and sent none.
    fn one_way(&self) -> bool {
        self.has_enough(true) && !self.has_enough(false)
    }
}

/// When a call is to be judged, and what its end will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// When.
    pub at: Timestamp,
    /// The end the record shows; none if it was answered and the end not seen.
    pub ended: Option<Timestamp>,
    /// What ends it.
    pub ending: Ending,
}

impl OpenCall {
    /// The leg that decides: the caller's; where that was redirected, the one it went on in, and where the trunk forked it, the
    /// one that was answered, else one that still rings. Where the caller's is not in sight: a phone that answered, else a voicemail that did, else one that still rings.
    #[inline]
    pub fn lead(&self) -> usize {
        if self.legs.len() < 2 { 0 } else { self.lead_of_several() }
    }

    fn lead_of_several(&self) -> usize {
        let answered = |leg: &Leg| leg.caller_hop().is_some_and(|hop| hop.answered.is_some());
        let phone = |leg: &Leg| leg.role() == Role::PhoneOut && answered(leg);
        let open = |leg: &Leg| leg.caller_hop().is_some_and(|hop| !hop.is_over());
        let first_that = |is: &dyn Fn(&Leg) -> bool| self.legs.iter().position(is);
        match self.legs.first() {
            Some(first) if first.caller_hop().is_some_and(Hop::is_redirected) => {
                self.legs.iter().rposition(|leg| leg.joined_by == REDIRECTED).unwrap_or(0)
            }
            Some(first) if !answered(first) && self.legs.iter().any(|leg| leg.joined_by == FORKED) => {
                let enters = |leg: &Leg| leg.role() == Role::TrunkIn;
                first_that(&|leg| enters(leg) && answered(leg))
                    .or_else(|| first_that(&|leg| enters(leg) && open(leg)))
                    .unwrap_or(0)
            }
            Some(first) if is_headless(&self.legs) && !answered(first) => first_that(&phone)
                .or_else(|| first_that(&answered))
                .or_else(|| first_that(&open))
                .unwrap_or(0),
            _ => 0,
        }
    }

    /// When the call is to be judged as things stand.
    pub fn plan(&self, judge: &Judge) -> Plan {
        let Some(leg) = self.legs.get(self.lead()) else { return Plan::timer(self.began) };
        let Some(hop) = leg.caller_hop() else { return Plan::timer(self.began) };
        match (leg.bye, hop.answered, hop.refused, hop.cancelled) {
            (Some(bye), None, None, _) if bye.by_caller && !leg.confirmed && !leg.partial => {
                Plan::message(bye.seen.at, SETTLE)
            }
            (Some(bye), ..) => self.plan_after(bye, leg),
            (_, Some(answered), ..) => Plan { ended: None, ..Plan::timer(answered.at + LONGEST) },
            _ if (leg.role() == Role::PhoneOut || is_headless(&self.legs)) && self.all_over() => {
                self.plan_without_caller(judge)
            }
            (_, _, Some(refused), _) if refused.retry => Plan::message(refused.seen.at, RETRY),
            (_, _, Some(refused), _) if refused.status / 100 == 5 => Plan::message(refused.seen.at, FAILOVER),
            (_, _, Some(refused), _) if self.all_over() && !hop.may_be_cancelled() => {
                let tries_on = self.tries_on && refused.status < 600;
                Plan::message(refused.seen.at, if tries_on { FAILOVER } else { Span::ZERO })
            }
            (_, _, Some(refused), _) => Plan::message(refused.seen.at, SETTLE),
            (_, _, _, Some(cancelled)) => match hop.cancel_heard {
                Some(heard) => Plan::timer(heard + FINAL_OVERDUE),
                None => Plan::timer(cancelled.at + TIMER_B),
            },
            _ if hop.was_responded() => {
                Plan::timer(hop.provisional.unwrap_or(hop.opened.at) + self.expires + RING_GRACE)
            }
            _ => Plan::timer(hop.last_invite.max(hop.opened.at + TIMER_B)),
        }
    }

    /// Which way the call goes as far as its legs tell.
    pub fn direction(&self, roles: &Roles, own_number: bool) -> Direction {
        let Some(hop) = self.legs.first().and_then(Leg::caller_hop) else { return Direction::Unknown };
        let ends = [hop.src, hop.dst].map(|end| role::party(roles, end.ip()));
        let is_number =
            |party: &Option<phone::Party>| party.as_ref().is_some_and(|party| party.number().is_some());
        let leaves = |role| self.legs.iter().skip(1).flat_map(|leg| &leg.hops).any(|hop| hop.role == role);
        match ends {
            [Party::Trunk, Party::Trunk] => Direction::Unknown,
            [Party::Trunk, _] => Direction::Inbound,
            [_, Party::Trunk] => Direction::Outbound,
            [Party::Phone, _] if leaves(Role::TrunkOut) => Direction::Outbound,
            [Party::Phone, _] if leaves(Role::PhoneOut) => Direction::Internal,
            [Party::Phone, _] if is_number(&self.called.party) || self.emergency => Direction::Outbound,
            [Party::Phone, _] if self.called.party.as_ref().is_some_and(is_long) => Direction::Outbound,
            [Party::Phone, _] => Direction::Internal,
            [_, Party::Phone | Party::Voicemail] if is_number(&self.caller.party) => Direction::Inbound,
            [Party::Pbx, Party::Phone | Party::Voicemail] => Direction::Internal,
            [Party::Stranger, Party::Pbx] if own_number => Direction::Inbound,
            _ => Direction::Unknown,
        }
    }

    /// Its legs as a store keeps them.
    pub fn rows(&self, direction: Direction) -> impl Iterator<Item = event::OpenCall> {
        self.legs.iter().filter_map(move |leg| {
            let hop = leg.caller_hop()?;
            Some(event::OpenCall {
                call: self.id,
                call_id: String::from_utf8_lossy(&leg.call_id).into_owned(),
                from_tag: String::from_utf8_lossy(&leg.from_tag).into_owned(),
                caller: self.caller.party.clone().filter(|_| !self.caller.withheld),
                called: self.called.party.clone(),
                direction,
                at: hop.opened.at,
                answered: hop.answered.map(|seen| seen.at),
            })
        })
    }

    /// Whether its caller has been answered.
    pub fn is_answered(&self) -> bool {
        self.legs.get(self.lead()).and_then(Leg::caller_hop).is_some_and(|hop| hop.answered.is_some())
    }

    /// When its caller was answered.
    pub fn answered_at(&self) -> Option<Timestamp> {
        let hop = self.legs.get(self.lead()).and_then(Leg::caller_hop)?;
        hop.answered.map(|seen| seen.at)
    }

    /// Whether somebody within the business has taken it: another leg was answered too.
    pub fn is_taken(&self) -> bool {
        self.is_answered()
            && self.legs.iter().skip(1).flat_map(|leg| &leg.hops).any(|hop| hop.answered.is_some())
    }

    /// Whether it was answered, is up, and nothing in sight says by whom or for whom.
    pub fn is_unexplained(&self) -> bool {
        self.closed.is_none() && self.is_answered() && !self.is_taken()
    }

    /// The mailboxes its caller may have been in: those that legs to voicemail were for, else those of whom it rang.
    pub fn mailboxes(&self) -> SmallVec<[Key; 2]> {
        let told = |of_voicemail: bool| -> SmallVec<[Key; 2]> {
            let is_voicemail = |leg: &Leg| leg.hops.iter().any(|hop| hop.voicemail.is_some());
            let legs = self.legs.iter().filter(|leg| is_voicemail(leg) == of_voicemail);
            legs.filter_map(|leg| leg.mailbox).collect()
        };
        let mailboxes = told(true);
        if mailboxes.is_empty() { told(false) } else { mailboxes }
    }

    /// Whether it ever rang or was answered.
    pub fn has_rung(&self) -> bool {
        self.legs
            .iter()
            .flat_map(|leg| &leg.hops)
            .any(|hop| hop.alerting().is_some() || hop.answered.is_some())
    }

    /// Whether the INVITE of its caller was not seen.
    pub fn is_partial(&self) -> bool {
        self.legs.first().is_some_and(|leg| leg.partial)
    }

    /// Who sent its first INVITE.
    pub fn source(&self) -> Option<IpAddr> {
        self.legs.first()?.hops.first().map(|hop| hop.src.ip())
    }

    /// Memory held, in bytes, with what finding it takes.
    pub fn held(&self) -> usize {
        let leg = |leg: &Leg| size_of::<Leg>() + leg.hops.len() * size_of::<Hop>() + leg.ladder.held();
        self.legs.iter().map(leg).sum::<usize>() + self.hints.len() * HINT_COST + CALL_COST
    }

    /// What `outcome::judge` is to look at.
    pub fn case<'a>(&'a self, direction: Direction, ending: Ending, coverage: &'a Coverage) -> Case<'a> {
        Case {
            legs: &self.legs,
            lead: self.lead(),
            direction,
            emergency: self.emergency,
            scanner: self.scanner,
            diverted: self.diverted,
            coverage,
            answered_unseen: false,
            answered_apart: false,
            misdated: false,
            picked_up: self.picked_up,
            one_way: self.media.one_way(),
            heard: None,
            ending,
        }
    }

    /// What rules see of the call in a phase.
    pub fn seen(&self, at: Timestamp, direction: Direction, phase: CallPhase) -> CallSeen {
        CallSeen {
            call: self.id,
            phase,
            at,
            began: self.began,
            caller: self.caller.party.clone(),
            caller_name: self.caller.name.as_deref().map(str::to_owned),
            withheld: self.caller.withheld,
            called: self.called.party.clone(),
            called_user: Some(self.called.user.clone()).filter(|user| !user.is_empty()),
            direction,
        }
    }

    /// The record of the call, which is closed: its parties, and what only records show, move there.
    pub fn record(
        &mut self,
        end: Option<Timestamp>,
        direction: Direction,
        judgement: Judgement,
        taps: &[Arc<str>],
    ) -> CallRecord {
        let leg = self.legs.get(self.lead());
        let hop = leg.and_then(Leg::caller_hop);
        let answered = hop.and_then(|hop| hop.answered).map(|seen| seen.at);
        let status = answered.map(|_| 200).or_else(|| hop.and_then(Hop::status));
        let cause = leg.and_then(|leg| leg.bye).and_then(|bye| bye.cause);
        let cause = cause.or_else(|| hop.and_then(|hop| hop.cause));
        let first = self.legs.first().and_then(|leg| leg.hops.first()).map(|hop| hop.opened.frame);
        let claimed = first.into_iter().flat_map(|frame| self.claims.rules().map(move |rule| (frame, rule)));
        CallRecord {
            call: self.id,
            at: self.began,
            ended: end,
            caller: self.caller.party.take(),
            caller_raw: self.caller.raw.take().map(String::from),
            caller_name: self.caller.name.take().map(String::from),
            withheld: self.caller.withheld,
            called: self.called.party.take(),
            called_raw: self.called.raw.take().map(String::from),
            line: None,
            direction,
            outcome: judgement.outcome,
            missed: false,
            answered_by: judgement.answered_by,
            confidence: judgement.confidence,
            ambiguous: self.ambiguous > 0,
            lossy: false,
            rang_ms: self.rang_for(answered.or(end)).as_millis(),
            talked_ms: answered.zip(end).map_or(0, |(answered, end)| end.since(answered).as_millis().max(0)),
            final_status: status,
            cause,
            message: judgement.message,
            recording: None,
            legs: self.legs.iter_mut().map(|leg| leg.record(self.began)).collect(),
            evidence: judgement
                .evidence
                .into_iter()
                .chain(claimed)
                .map(|(frame, rule)| evidence(frame, rule, taps))
                .collect(),
        }
    }

    /// From the first ringing on any leg to the answer or the end.
    fn rang_for(&self, until: Option<Timestamp>) -> Span {
        let hops = || self.legs.iter().flat_map(|leg| &leg.hops);
        let ringing = hops().filter_map(|hop| hop.ringing).map(|seen| seen.at).min();
        let first = ringing.or_else(|| hops().filter_map(|hop| hop.early_media).min());
        first.zip(until).map_or(Span::ZERO, |(first, until)| until.since(first).max(Span::ZERO))
    }

    fn all_over(&self) -> bool {
        self.legs.iter().flat_map(|leg| &leg.hops).all(Hop::is_over)
    }

    /// The caller's leg has ended. What phones that still ring have to say, or a REFER brings about, may come
    /// a moment later; and a caller who was transferred goes on in another leg.
    fn plan_after(&self, bye: Bye, leg: &Leg) -> Plan {
        let moved = self.legs.iter().rev().find(|leg| leg.joined_by == REFERRED);
        if let Some((leg, hop)) = moved.and_then(|leg| leg.caller_hop().map(|hop| (leg, hop))) {
            let end = leg.bye.map(|bye| bye.seen.at).or(hop.ended_unanswered());
            return match (end, hop.answered) {
                (Some(end), _) => Plan::message(end.max(bye.seen.at), Span::ZERO),
                (None, Some(answered)) => Plan { ended: None, ..Plan::timer(answered.at + LONGEST) },
                (None, None) => {
                    Plan::timer(hop.provisional.unwrap_or(hop.opened.at) + self.expires + RING_GRACE)
                }
            };
        }
        let quiet = |leg: &Leg| leg.bye.is_some() || leg.hops.iter().all(Hop::is_over);
        let settled = leg.referred.is_none() && self.legs.iter().all(quiet);
        Plan::message(bye.seen.at, if settled { Span::ZERO } else { SETTLE })
    }

    fn plan_without_caller(&self, judge: &Judge) -> Plan {
        let ends = self.legs.iter().flat_map(|leg| &leg.hops).filter_map(Hop::ended_unanswered);
        Plan::message(ends.max().unwrap_or(self.began), judge.hunt_gap)
    }
}

/// Whether a party has more digits than extensions have: a number behind an access code.
fn is_long(party: &phone::Party) -> bool {
    match party {
        phone::Party::Number(_) => true,
        phone::Party::Digits(digits) => {
            digits.len() >= LONG && digits.bytes().all(|byte| byte.is_ascii_digit())
        }
    }
}

impl Plan {
    fn message(at: Timestamp, slack: Span) -> Plan {
        Plan { at: at + slack, ended: Some(at), ending: Ending::Message }
    }

    fn timer(at: Timestamp) -> Plan {
        Plan { at, ended: Some(at), ending: Ending::Timer }
    }
}

/// A reason as records show it.
pub fn evidence(frame: crate::wire::packet::FrameRef, rule: &'static str, taps: &[Arc<str>]) -> Evidence {
    let tap = taps.get(usize::from(frame.tap.0)).cloned().unwrap_or_default();
    Evidence { tap, frame: frame.n, rule: rule.into() }
}

/// A second of RTP at 20 ms a packet: as much as proves that media flows.
const HEARD: u8 = 50;

/// An access code and a local number.
const LONG: usize = 8;

const RING_GRACE: Span = Span::from_secs(10);

/// 64 times T1 (RFC 3261 17.1.1.2): how long an INVITE waits for any response, a CANCEL for the final one.
const TIMER_B: Span = Span::from_secs(32);

/// Copies of a final response come at 0.5, 1.5 and 3.5 s (RFC 3261 17.2.1); after that it was lost.
const FINAL_OVERDUE: Span = Span::from_secs(4);

/// A challenge or redirection is followed by the next try within this.
const RETRY: Span = Span::from_secs(5);

/// A trunk that was refused, with 5xx or where it knows several hosts, tries the next one within this.
const FAILOVER: Span = Span::from_millis(500);

/// What other legs still have to say comes within this.
const SETTLE: Span = Span::from_millis(200);

/// A call without its legs, with its places in maps and its deadlines, roughly.
const CALL_COST: usize = size_of::<OpenCall>() + 256;

/// A key in its call and in the map of all, roughly.
const HINT_COST: usize = 48;

/// Nobody talks longer than this without a BYE being lost.
const LONGEST: Span = Span::from_secs(4 * 3_600);

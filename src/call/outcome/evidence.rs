//! What the legs of a call tell about who answered it.

use std::net::IpAddr;

use smallvec::SmallVec;

use crate::call::home::{PHONES, REFERRED};
use crate::call::leg::{self, Leg, SentOn};
use crate::call::outcome::Case;
use crate::call::transaction::{Hop, VoicemailSign, ends_by_cancel};
use crate::event::{Direction, Role};
use crate::limits;
use crate::time::{Span, Timestamp};
use crate::wire::packet::FrameRef;

/// The hop that answered: the last 2xx before the caller's, else one that came later (an IVR handed the
/// call on). Hops whose role is known are preferred to those of proxies in between. A leg that was over
/// before the caller got an answer wasn't the reason for it, a page is nobody's answer, and one that came when the caller
/// had hung up was for nobody.
pub fn answerer<'a>(case: &Case<'a>, at: Timestamp) -> Option<&'a Hop> {
    if leg::is_alone(case.legs) {
        return None;
    }
    let paged = is_paged(case);
    let nodes = Nodes::of(case);
    let is_nobodys = |hop: &Hop| (paged && hop.page) || came_too_late(case, hop) || nodes.passed_on(hop);
    let counts = |(_, hop): &(&Leg, &Hop)| hop.answered.is_some() && !is_nobodys(hop);
    let before = |hop: &&Hop| answered_or(hop, at) <= at + REORDER;
    let still_up = |leg: &Leg| leg.bye.is_none_or(|bye| bye.seen.at >= at);
    let known = |hop: &&Hop| hop.role != Role::Unknown || hop.voicemail.is_some();
    let hops = || others(case).filter(counts);
    let causes = || hops().filter(|(leg, _)| still_up(leg)).map(|(_, hop)| hop).filter(before);
    let latest = causes().filter(known).max_by_key(|hop| answered_or(hop, at));
    let latest = latest.or_else(|| causes().max_by_key(|hop| answered_or(hop, at)));
    let later = || hops().map(|(_, hop)| hop).filter(|hop| !before(hop));
    let first =
        latest.or_else(|| later().min_by_key(|hop| (hop.voicemail.is_some(), answered_or(hop, at))))?;
    Some(successor(case, first, paged).unwrap_or(first))
}

/// The addresses from which a call was passed on, and since when.
struct Nodes(SmallVec<[(IpAddr, Timestamp); 4]>);

impl Nodes {
    fn of(case: &Case<'_>) -> Nodes {
        let mut nodes = SmallVec::<[(IpAddr, Timestamp); 4]>::new();
        if others(case).any(|(_, hop)| hop.role == Role::Unknown && hop.voicemail.is_none()) {
            for (_, hop) in others(case) {
                let (ip, opened) = (hop.src.ip(), hop.opened.at);
                if let Some((_, since)) = nodes.iter_mut().find(|(node, _)| *node == ip) {
                    *since = opened.min(*since);
                } else if nodes.len() < limits::LEGS {
                    nodes.push((ip, opened));
                }
            }
        }
        Nodes(nodes)
    }

    /// Whether who was reached at a hop passed the call on: who answered is further on, or it was none but the PBX. What leads
    /// into the PBX, or from one of its hosts to another, never leads to a person.
    fn passed_on(&self, hop: &Hop) -> bool {
        let is_named = hop.voicemail.is_some() || !matches!(hop.role, Role::Unknown | Role::TrunkIn);
        let went_on = |(node, since): &(IpAddr, Timestamp)| {
            *node == hop.dst.ip() && *node != hop.src.ip() && *since >= hop.opened.at
        };
        !is_named && (hop.within || hop.role == Role::TrunkIn || self.0.iter().any(went_on))
    }
}

/// Who took the call over for good: a person after the voicemail (the caller asked for the operator), or a
/// voicemail to which somebody transferred the caller.
fn successor<'a>(case: &Case<'a>, first: &Hop, paged: bool) -> Option<&'a Hop> {
    let since = first.answered?.at;
    let later = || others(case).filter(|(_, hop)| hop.answered.is_some_and(|seen| seen.at > since));
    let person = |(leg, hop): &(&Leg, &Hop)| {
        matches!(hop.role, Role::PhoneOut | Role::TrunkOut)
            && hop.voicemail.is_none()
            && !(paged && hop.page)
            && is_wanted(leg, hop)
    };
    let person = later().filter(person).map(|(_, hop)| hop).max_by_key(|hop| answered_or(hop, since));
    if first.voicemail.is_some() {
        return person;
    }
    if person.is_none()
        && let Some(left) = left_alone(case, first)
    {
        let took = |hop: &&Hop| {
            is_sure(hop) && left.since(answered_or(hop, since)).as_micros().abs() <= MOVED.as_micros()
        };
        return later().map(|(_, hop)| hop).filter(took).max_by_key(|hop| answered_or(hop, since));
    }
    let referred = case.legs.iter().filter_map(|leg| leg.referred).min()?;
    let until = person.map_or(referred, |hop| answered_or(hop, since).max(referred));
    let pilot = |hop: &&Hop| is_sure(hop) && answered_or(hop, since) > until;
    later().map(|(_, hop)| hop).filter(pilot).max_by_key(|hop| answered_or(hop, since))
}

/// Whether a hop is known to lead to voicemail.
fn is_sure(hop: &Hop) -> bool {
    matches!(hop.voicemail, Some(VoicemailSign::Configured | VoicemailSign::Target))
}

/// When who had answered hung up while the caller stayed: a key on the phone sent them on to voicemail.
fn left_alone(case: &Case<'_>, first: &Hop) -> Option<Timestamp> {
    let (leg, _) = others(case).find(|(_, hop)| std::ptr::eq(*hop, first))?;
    let left = leg.bye?.seen.at;
    let over = case.legs.get(case.lead)?.bye.map(|bye| bye.seen.at);
    over.is_none_or(|over| over.since(left) > UNWANTED).then_some(left)
}

/// Whether an answer came when the caller had hung up already.
fn came_too_late(case: &Case<'_>, hop: &Hop) -> bool {
    let over = case.legs.get(case.lead).and_then(|lead| lead.bye).map(|bye| bye.seen.at);
    over.zip(hop.answered).is_some_and(|(over, seen)| seen.at >= over)
}

/// Whether the PBX kept the answer: one that came too late is ended at once (RFC 3261 16.7, 13.2.2.4).
fn is_wanted(leg: &Leg, hop: &Hop) -> bool {
    let at_once = |ended: Timestamp| hop.answered.is_some_and(|seen| ended.since(seen.at) <= UNWANTED);
    !leg.bye.is_some_and(|bye| bye.by_caller && at_once(bye.seen.at))
}

/// Whether phones were made to answer by themselves and were up together: nobody talks on two, so it was an
/// announcement. One alone may be an agent's, and stands for a person.
fn is_paged(case: &Case<'_>) -> bool {
    if !matches!(case.direction, Direction::Inbound | Direction::Unknown) {
        return false;
    }
    let paged = || others(case).filter(|(_, hop)| hop.page && hop.answered.is_some());
    let Some(last) = paged().filter_map(|(_, hop)| hop.answered).map(|seen| seen.at).max() else {
        return false;
    };
    let up = |leg: &Leg| leg.bye.is_none_or(|bye| bye.seen.at > last + UNWANTED);
    paged().filter(|(leg, _)| up(leg)).nth(1).is_some()
}

/// Every hop but the caller's own tries, with its leg.
pub(super) fn others<'a>(case: &Case<'a>) -> impl Iterator<Item = (&'a Leg, &'a Hop)> {
    let lead = case.lead;
    let inner = |leg: &'a Leg| leg.inner_hops().map(move |hop| (leg, hop));
    let inner = case.legs.iter().skip(lead).take(1).flat_map(inner);
    let rest = case.legs.iter().enumerate().filter(move |(n, _)| *n != lead);
    inner.chain(rest.flat_map(|(_, leg)| leg.hops.iter().map(move |hop| (leg, hop))))
}

/// The hops that rang somebody within the business.
pub(super) fn rung_phones<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a Hop> {
    let nodes = Nodes::of(case);
    others(case).map(|(_, hop)| hop).filter(is_phone).filter(move |hop| !nodes.passed_on(hop))
}

/// A phone, or who was called outside, whose answer wasn't seen, and what tells of it.
pub(super) fn unseen_answer<'a>(case: &Case<'a>) -> Option<(&'a Hop, Sign)> {
    // Who picks a call up calls the PBX for it.
    let picks_up = |hop: &Hop| hop.role == Role::PhoneIn;
    let goes_out = |hop: &Hop| hop.role == Role::TrunkOut && case.direction == Direction::Inbound;
    let sign = |leg: &Leg, hop: &Hop| match leg.bye {
        bye if goes_out(hop) => {
            (leg.confirmed || bye.is_some_and(|bye| !bye.by_caller)).then_some(Sign::Confirmed)
        }
        Some(bye) if bye.by_caller == picks_up(hop) => Some(Sign::HungUp),
        _ if leg.confirmed => Some(Sign::Confirmed),
        bye => bye.map(|_| Sign::Ended),
    };
    let may_answer = |hop: &Hop| is_phone(&hop) || picks_up(hop) || goes_out(hop);
    let phones = others(case).filter(|(_, hop)| may_answer(hop) && !hop.is_over());
    phones.filter_map(|(leg, hop)| Some((hop, sign(leg, hop)?))).max_by_key(|(_, sign)| *sign)
}

/// Whether a phone has certainly answered, though that wasn't seen.
pub(super) fn was_taken_unseen(case: &Case<'_>) -> bool {
    unseen_answer(case).is_some_and(|(_, sign)| sign > Sign::Ended)
}

/// Where the caller was sent by REFER, if they went: not if that failed, nor if they call from there in a leg in sight.
pub(super) fn sent_away(case: &Case<'_>) -> Option<SentOn> {
    let went = case.legs.iter().any(|leg| leg.joined_by == REFERRED);
    case.legs.get(case.lead)?.sent_on.filter(|sent| !went && sent.answered != Some(false))
}

/// What tells of an answer that wasn't seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sign {
    /// The PBX ended it by BYE, which it may before an answer too.
    Ended,
    /// The ACK of a 2xx, or another INVITE.
    Confirmed,
    /// The phone ended it by BYE: it may only once it has answered (RFC 3261 15).
    HungUp,
}

/// The last call out on the trunk, where no phone rang beside it: the caller was forwarded there.
pub(super) fn forwarded<'a>(case: &Case<'a>) -> Option<&'a Hop> {
    let inbound = case.direction == Direction::Inbound;
    let out = others(case).map(|(_, hop)| hop).filter(|hop| hop.role == Role::TrunkOut);
    let last = out.filter(|_| inbound).max_by_key(|hop| hop.opened.at)?;
    let gone = |hop: &Hop| hop.ended_unanswered().is_some_and(|end| end <= last.opened.at);
    let in_vain = last.answered.is_none() || came_too_late(case, last);
    Some(last).filter(|_| in_vain && rung_phones(case).all(gone))
}

/// Whether the call was seen among the phones only.
pub fn is_headless(legs: &[Leg]) -> bool {
    legs.first().is_some_and(|leg| leg.role() == Role::PhoneOut)
        || legs.iter().any(|leg| leg.joined_by == PHONES)
}

/// The CANCEL where it decided, else the final response, else the first message.
pub(super) fn deciding_frame(hop: &Hop) -> FrameRef {
    match (hop.cancelled, hop.refused) {
        (Some(cancelled), Some(refused)) if ends_by_cancel(refused.status) => cancelled.frame,
        (Some(cancelled), None) => cancelled.frame,
        (_, Some(refused)) => refused.seen.frame,
        (None, None) => hop.opened.frame,
    }
}

fn is_phone(hop: &&Hop) -> bool {
    hop.voicemail.is_none() && matches!(hop.role, Role::PhoneOut | Role::Unknown)
}

fn answered_or(hop: &Hop, at: Timestamp) -> Timestamp {
    hop.answered.map_or(at, |seen| seen.at)
}

/// A PBX answers its caller this soon after what made it answer.
pub const CAUSALITY: Span = Span::from_millis(700);

/// Who doesn't want an answer that came ends it within this.
pub(super) const UNWANTED: Span = Span::from_secs(1);

/// A voicemail takes a caller over from a person within this, before or after the person leaves.
const MOVED: Span = Span::from_secs(5);

/// Two taps may show neighbouring messages out of order by this much.
const REORDER: Span = Span::from_millis(100);

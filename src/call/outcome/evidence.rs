//! What the legs of a call tell about who answered it.

use crate::call::leg::Leg;
use crate::call::outcome::Case;
use crate::call::transaction::{Hop, ends_by_cancel};
use crate::event::Role;
use crate::time::{Span, Timestamp};
use crate::wire::packet::FrameRef;

/// The hop that answered: the last 2xx before the caller's, else one that came later (an IVR handed the
/// call on). Hops whose role is known are preferred to those of proxies in between.
pub(super) fn answerer<'a>(case: &Case<'a>, at: Timestamp) -> Option<&'a Hop> {
    let answered = |hop: &&Hop| hop.answered.is_some();
    let time = |hop: &&Hop| hop.answered.map_or(at, |seen| seen.at);
    let before = |hop: &&Hop| time(hop) <= at + REORDER;
    let known = |hop: &&Hop| hop.role != Role::Unknown || hop.voicemail.is_some();
    let hops = || others(case).filter(answered);
    let latest = hops().filter(before).filter(known).max_by_key(time);
    let latest = latest.or_else(|| hops().filter(before).max_by_key(time));
    latest.or_else(|| hops().min_by_key(|hop| (hop.voicemail.is_some(), time(hop))))
}

/// Every hop but the caller's own tries.
pub(super) fn others<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a Hop> {
    let lead = case.lead;
    let inner = case.legs.iter().skip(lead).take(1).flat_map(Leg::inner_hops);
    let rest = case.legs.iter().enumerate().filter(move |(n, _)| *n != lead);
    inner.chain(rest.flat_map(|(_, leg)| leg.hops.iter()))
}

/// The hops that rang somebody within the business.
pub(super) fn rung_phones<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a Hop> {
    let rung = |hop: &&Hop| hop.voicemail.is_none() && matches!(hop.role, Role::PhoneOut | Role::Unknown);
    others(case).filter(rung)
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

/// A PBX answers its caller this soon after what made it answer.
pub(super) const CAUSALITY: Span = Span::from_millis(700);

/// Two taps may show neighbouring messages out of order by this much.
const REORDER: Span = Span::from_millis(100);

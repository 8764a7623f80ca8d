//! The search for the call a new leg belongs to; `join` says by which rules.

use std::net::IpAddr;

use crate::call::correlate::SHARED_HEADER;
use crate::call::hash::Key;
use crate::call::join::{Ends, Traits};
use crate::call::open::OpenCall;
use crate::call::tracked::Tracked;
use crate::call::transaction::Hop;
use crate::event::Role;
use crate::time::{Span, Timestamp};

/// Where a new leg belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Home {
    /// To a call that is in sight, by a rule.
    Call {
        /// The call.
        call: u32,
        /// The rule.
        rule: &'static str,
    },
    /// To none: it begins one of its own.
    None,
    /// To one of several, which can't be told apart.
    Ambiguous(Vec<u32>),
}

enum Narrowed {
    None,
    One(u32),
    Many,
}

impl Tracked {
    /// The call a new leg belongs to, by the first rule that names exactly one.
    pub fn home_of(&self, traits: &Traits, hop: &Hop, window: Option<Span>, now: Timestamp) -> Home {
        let live = |call: &u32| self.is_live(*call, hop, now);
        let own = traits.own.map(|own| (own, "same_call_id"));
        let passed_on = |first: &Hop| first.src.ip() != hop.src.ip() || first.dst == hop.src;
        let elsewhere = |call: &u32| live(call) && self.first_hop(*call).is_some_and(passed_on);
        for (key, rule) in own.iter().chain(&traits.named) {
            if let Some(call) = only(self.hints.find(*key).iter().copied().filter(live)) {
                return Home::Call { call, rule };
            }
        }
        let same_caller = |call: &u32| live(call) && !self.is_another_caller(*call, traits, hop);
        for (key, rule) in &traits.shared {
            let fits = |call: &u32| same_caller(call) && (*rule != SHARED_HEADER || elsewhere(call));
            if let Some(call) = only(self.hints.find(*key).iter().copied().filter(fits)) {
                return Home::Call { call, rule };
            }
        }
        let offered = traits.media.iter().map(|spot| spot.key);
        for key in offered.chain(traits.passed.iter().map(|[leaving, _]| *leaving)) {
            if let Some(call) = only(self.hints.find(key).iter().copied().filter(elsewhere)) {
                return Home::Call { call, rule: "media" };
            }
        }
        self.home_by_parties(traits, hop, window, now)
    }

    fn home_by_parties(&self, traits: &Traits, hop: &Hop, window: Option<Span>, now: Timestamp) -> Home {
        let found = |key: Option<Key>| key.map_or(&[][..], |key| self.hints.find(key));
        let recent = |call: u32| window.is_none_or(|window| self.is_recent(call, now, window));
        let waiting =
            |call: &u32| self.is_live(*call, hop, now) && self.entered_before(*call, hop) && recent(*call);
        let Ends { caller, name, called } = traits.leaving;
        let named = traits.before.iter().map(|key| ("named", Some(*key)));
        let by_called = [("called", called)].into_iter().chain(named).filter(|_| !traits.relayed);
        for (rule, key) in [("caller", caller), ("caller", name)].into_iter().chain(by_called) {
            let fitting: Vec<u32> = found(key).iter().copied().filter(waiting).collect();
            match self.narrow(&fitting, traits) {
                Narrowed::One(call) => return Home::Call { call, rule },
                Narrowed::Many => return Home::Ambiguous(fitting),
                Narrowed::None => {}
            }
        }
        for key in traits.referred.iter().flatten() {
            let live = |call: &u32| self.is_live(*call, hop, now);
            if let Some(call) = only(self.hints.find(*key).iter().copied().filter(live)) {
                return Home::Call { call, rule: REFERRED };
            }
        }
        let sent_on = |call: &u32| self.is_live(*call, hop, now) && self.came_by(*call, hop);
        if let Some(call) = only(found(traits.redirected).iter().copied().filter(sent_on)) {
            return Home::Call { call, rule: REDIRECTED };
        }
        let just_left = |call: &u32| self.has_just_left(*call, hop, now);
        if let Some(call) = only(found(traits.outgoing[1]).iter().copied().filter(just_left)) {
            return Home::Call { call, rule: REORDERED };
        }
        if matches!(hop.role, Role::PhoneOut | Role::Voicemail) && !traits.relayed {
            let from_trunk =
                |call: &u32| self.first_hop(*call).is_some_and(|first| first.role == Role::TrunkIn);
            let taken = |call: &u32| self.get(*call).is_some_and(OpenCall::is_taken);
            let pending = |call: &u32| waiting(call) && from_trunk(call) && !taken(call);
            for (key, rule) in [(traits.own_number, OWN_NUMBER), (traits.nameless[1], ALONE_PENDING)] {
                let fitting: Vec<u32> = found(key).iter().copied().filter(pending).collect();
                match fitting[..] {
                    [] => {}
                    [call] => return Home::Call { call, rule },
                    _ => return Home::Ambiguous(fitting),
                }
            }
        }
        let forked = |call: &u32| self.is_live(*call, hop, now) && self.is_forked(*call, traits, hop, now);
        if hop.role == Role::TrunkIn
            && let Some(call) = only(found(traits.outgoing[0]).iter().copied().filter(forked))
        {
            return Home::Call { call, rule: FORKED };
        }
        let headless = |call: &u32| {
            let rings = self.rings_without_caller(*call, hop) || self.rings_beside(*call, hop, now);
            rings && self.is_live(*call, hop, now)
        };
        match only(found(traits.outgoing[0]).iter().copied().filter(headless)) {
            Some(call) if matches!(hop.role, Role::PhoneOut | Role::Voicemail | Role::Unknown) => {
                Home::Call { call, rule: PHONES }
            }
            _ => Home::None,
        }
    }

    /// Of several calls that fit, the one still waiting for an answer, or the one for the same number.
    fn narrow(&self, fitting: &[u32], traits: &Traits) -> Narrowed {
        let waiting = |call: &&u32| !self.get(**call).is_some_and(OpenCall::is_taken);
        let is_open = |call: &&u32| self.get(**call).is_some_and(|open| open.closed.is_none());
        let same_called = |call: &&u32| {
            let hints = self.get(**call).map(|open| open.hints.as_slice()).unwrap_or_default();
            traits.leaving.called.iter().chain(&traits.before).any(|key| hints.contains(key))
        };
        match fitting {
            [] => Narrowed::None,
            [call] => Narrowed::One(*call),
            _ => {
                let open: Vec<u32> = fitting.iter().filter(waiting).copied().collect();
                let candidates = if open.is_empty() { fitting } else { &open };
                only(candidates.iter().copied())
                    .or_else(|| only(candidates.iter().filter(same_called).copied()))
                    .or_else(|| only(candidates.iter().filter(is_open).copied()))
                    .map_or(Narrowed::Many, Narrowed::One)
            }
        }
    }

    fn first_hop(&self, call: u32) -> Option<&Hop> {
        self.get(call)?.legs.first()?.hops.first()
    }

    /// Open, or given up so recently that the PBX may still ring somebody for it; not if its caller comes again.
    fn is_live(&self, call: u32, hop: &Hop, now: Timestamp) -> bool {
        let again = || self.first_hop(call).is_some_and(|first| first.src.ip() == hop.src.ip());
        let behind = |open: &OpenCall, at| !open.is_answered() && now.since(at) <= STRAGGLER && !again();
        self.get(call).is_some_and(|open| open.closed.is_none_or(|at| behind(open, at)))
    }

    /// The new leg comes the same way as the call's first did, and from somebody else: an identifier they
    /// share was used twice.
    fn is_another_caller(&self, call: u32, traits: &Traits, hop: &Hop) -> bool {
        let Some(open) = self.get(call) else { return false };
        let same_way = |first: &Hop| first.src.ip() == hop.src.ip() && first.dst.ip() == hop.dst.ip();
        if hop.role == Role::PhoneOut || !self.first_hop(call).is_some_and(same_way) {
            return false;
        }
        let shares = |key: Option<Key>| key.is_some_and(|key| open.hints.contains(&key));
        let Ends { caller, called, .. } = traits.entering;
        let has_number = traits.outgoing[0].is_some();
        !shares(caller) || (!has_number && !shares(called))
    }

    /// The call's caller entered the PBX by another way than the new hop leaves it.
    fn entered_before(&self, call: u32, hop: &Hop) -> bool {
        self.first_hop(call).is_some_and(|first| first.src != hop.src && first.dst != hop.dst)
    }

    /// The call's first leg came from where the new one comes from.
    fn came_by(&self, call: u32, hop: &Hop) -> bool {
        self.first_hop(call).is_some_and(|first| first.src.ip() == hop.src.ip())
    }

    /// Answered, or heard of within `window`.
    fn is_recent(&self, call: u32, now: Timestamp, window: Span) -> bool {
        let heard = |open: &OpenCall| open.legs.iter().flat_map(|leg| &leg.hops).map(Hop::last_heard).max();
        let recent = |open: &OpenCall| heard(open).is_some_and(|at| now.since(at) <= window);
        self.get(call).is_some_and(|open| open.is_answered() || recent(open))
    }

    /// Whether a leg that joins the call by what it shares with one seen before is its caller's all the same: it enters the PBX
    /// that the other has just left. Where no roles tell, it comes from a host that the call hasn't reached: else it leads back.
    pub fn comes_in_front(&self, call: u32, hop: &Hop, now: Timestamp) -> bool {
        let Some(first) = self.first_hop(call).filter(|_| self.has_just_left(call, hop, now)) else {
            return false;
        };
        match hop.role {
            Role::TrunkIn | Role::PhoneIn => {
                matches!(first.role, Role::PhoneOut | Role::Voicemail | Role::TrunkOut)
            }
            Role::Unknown => first.role == Role::Unknown && !self.has_reached(call, hop.src.ip()),
            _ => false,
        }
    }

    fn has_reached(&self, call: u32, host: IpAddr) -> bool {
        let hops = self.get(call).into_iter().flat_map(|open| &open.legs).flat_map(|leg| &leg.hops);
        hops.into_iter().any(|hop| hop.dst.ip() == host)
    }

    fn has_just_left(&self, call: u32, hop: &Hop, now: Timestamp) -> bool {
        let Some(open) = self.get(call).filter(|open| open.closed.is_none() && !open.stray) else {
            return false;
        };
        let first = open.legs.first().and_then(|leg| leg.hops.first());
        now.since(open.began) <= STRAGGLER
            && first.is_some_and(|first| first.src.ip() == hop.dst.ip() && first.dst != hop.src)
    }

    fn rings_without_caller(&self, call: u32, hop: &Hop) -> bool {
        self.first_hop(call).is_some_and(|first| {
            first.role == Role::PhoneOut && first.src.ip() == hop.src.ip() && hop.role != Role::Unknown
        })
    }

    /// The trunk brings the same caller for the same number to another of the PBX's addresses at once.
    fn is_forked(&self, call: u32, traits: &Traits, hop: &Hop, now: Timestamp) -> bool {
        let Some(open) = self.get(call).filter(|open| now.since(open.began) <= STRAGGLER) else {
            return false;
        };
        let same_number = traits.entering.called.is_some_and(|called| open.hints.contains(&called));
        let beside = |first: &Hop| first.src.ip() == hop.src.ip() && first.dst.ip() != hop.dst.ip();
        same_number && self.first_hop(call).is_some_and(|first| first.role == Role::TrunkIn && beside(first))
    }

    /// Where no role tells a phone: a host that calls two others for one caller at once rings them together.
    fn rings_beside(&self, call: u32, hop: &Hop, now: Timestamp) -> bool {
        let at_once = self.get(call).is_some_and(|open| now.since(open.began) <= STRAGGLER);
        let beside = |first: &Hop| first.src.ip() == hop.src.ip() && first.dst.ip() != hop.dst.ip();
        at_once
            && hop.role == Role::Unknown
            && self.first_hop(call).is_some_and(|first| first.role == Role::Unknown && beside(first))
    }
}

fn only(mut calls: impl Iterator<Item = u32>) -> Option<u32> {
    calls.next().filter(|_| calls.next().is_none())
}

/// The rule by which a caller's leg comes in front of a leg that was seen before it.
pub const REORDERED: &str = "reordered";

/// The rule by which a leg joins that a REFER asked for.
pub const REFERRED: &str = "referred";

/// The rule by which a leg joins to which a redirection sent the caller.
pub const REDIRECTED: &str = "redirected";

/// The rule by which a leg to a phone joins that shows the business's own number: one call for that number waits.
pub const OWN_NUMBER: &str = "own_number";

/// The rule by which a leg joins that says nothing of its caller: one call waits that doesn't either.
pub const ALONE_PENDING: &str = "alone_pending";

/// The rule by which a leg joins that the trunk offers another of the PBX's addresses for the same caller.
pub const FORKED: &str = "forked";

/// The rule by which legs join where no caller's is in sight.
pub const PHONES: &str = "phones";

/// A PBX that hasn't heard of the end yet, or a mirror out of order, is behind by no more than this.
const STRAGGLER: Span = Span::from_millis(500);

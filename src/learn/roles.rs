//! Who is who, from what hosts do: signs are counted per host and role, and only what they agree on is proposed.
//!
//! | role | signs |
//! |---|---|
//! | PBX | sends calls on to others; rings several for one caller; several register with it; the trunk's calls come to it |
//! | trunk | calls from outside numbers come from it and reach extensions; calls to outside numbers go to it |
//! | phone | is rung by an extension's number; calls as one; registers with the PBX |
//! | voicemail | answers at once what was diverted; is named as target with a cause |
//!
//! The PBX is found first, since what the others do is seen from there.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::attempt::{Attempt, Shape, User};
use super::coverage::{self, Covered};
use super::hosts::Hosts;
use super::tree::Trees;

/// What a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The PBX, or what stands before it at the business.
    Pbx,
    /// The carrier's side.
    Trunk,
    /// A phone.
    Phone,
    /// Nothing but voicemail.
    Voicemail,
}

/// What was seen of a host that speaks for a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// It sent calls on.
    SentOn,
    /// It rang several for one caller.
    RangSeveral,
    /// Several hosts registered with it.
    Registrar,
    /// It is seen in the place of the PBX's other address.
    OtherAddress,
    /// Calls of the trunk came to it.
    GotFromTrunk,
    /// It names itself a PBX, or its peer a carrier.
    SaysSo,
    /// Calls from outside numbers came from it.
    FromOutside,
    /// Calls to outside numbers went to it.
    ToOutside,
    /// Calls that were for others were sent on to it, to what looks like outside numbers.
    SentOutside,
    /// The PBX registers with it.
    Registered,
    /// It was rung by a short number or a name.
    Rung,
    /// It called as an extension.
    CalledAsExtension,
    /// It registers with the PBX.
    Registers,
    /// It answered calls that were for somebody else.
    Covered,
}

/// The signs of one host.
pub type Signs = BTreeMap<Role, BTreeMap<Sign, u64>>;

/// What the hosts are.
#[derive(Debug, Default)]
pub struct Roles {
    /// The signs of each host that showed any.
    pub signs: BTreeMap<IpAddr, Signs>,
    /// What was proposed.
    pub settled: BTreeMap<IpAddr, Role>,
    /// What went to voicemail.
    pub covered: Vec<Covered>,
}

impl Roles {
    /// Counts and settles.
    pub fn new(trees: &Trees<'_>, hosts: &Hosts, aliases: &BTreeSet<(IpAddr, IpAddr)>) -> Roles {
        let mut roles = Roles::default();
        roles.find_pbx(trees, hosts);
        roles.find_by_word(trees, hosts);
        roles.alias(aliases);
        roles.find_trunks(trees, hosts);
        roles.settle();
        roles.find_second_pbx(trees);
        roles.settle();
        if !roles.has(Role::Pbx) {
            return roles;
        }
        roles.covered = coverage::covered(trees, &roles.all(Role::Trunk));
        roles.find_inside(trees, hosts);
        roles.alias(aliases);
        roles.settle();
        roles
    }

    /// The hosts of a role.
    pub fn all(&self, role: Role) -> BTreeSet<IpAddr> {
        self.settled.iter().filter(|(_, found)| **found == role).map(|(addr, _)| *addr).collect()
    }

    /// The role of a host.
    pub fn of(&self, addr: IpAddr) -> Option<Role> {
        self.settled.get(&addr).copied()
    }

    /// How many signs a host shows of a role.
    pub fn count(&self, addr: IpAddr, role: Role) -> u64 {
        self.signs.get(&addr).and_then(|signs| signs.get(&role)).map_or(0, |signs| signs.values().sum())
    }

    /// How many signs a host shows of other roles.
    pub fn against(&self, addr: IpAddr, role: Role) -> u64 {
        let others = self.signs.get(&addr).into_iter().flatten().filter(|(other, _)| **other != role);
        others.map(|(_, signs)| signs.values().sum::<u64>()).sum()
    }

    /// The pilots that voicemail was reached by, each with how often.
    pub fn pilots(&self) -> BTreeMap<User, u64> {
        let mut pilots = BTreeMap::new();
        for covered in self.covered.iter().filter(|covered| !covered.weak) {
            *pilots.entry(covered.pilot.clone()).or_default() += 1;
        }
        pilots
    }

    fn has(&self, role: Role) -> bool {
        self.settled.values().any(|found| *found == role)
    }

    fn is_pbx(&self, addr: IpAddr) -> bool {
        self.of(addr) == Some(Role::Pbx)
    }

    fn saw(&mut self, addr: IpAddr, role: Role, sign: Sign) {
        *self.signs.entry(addr).or_default().entry(role).or_default().entry(sign).or_default() += 1;
    }

    fn find_pbx(&mut self, trees: &Trees<'_>, hosts: &Hosts) {
        for (addr, sent_on) in trees.middles() {
            (0..sent_on.len()).for_each(|_| self.saw(addr, Role::Pbx, Sign::SentOn));
        }
        for round in trees.rounds.iter().filter(|round| round.rings_several(trees.all)) {
            if let Some(first) = round.members.first().and_then(|n| trees.all.get(*n)) {
                self.saw(first.src, Role::Pbx, Sign::RangSeveral);
            }
        }
        for (addr, _) in hosts.iter().filter(|(_, host)| host.registered.len() > 1) {
            self.saw(addr, Role::Pbx, Sign::Registrar);
        }
        let found: Vec<IpAddr> = self.signs.keys().copied().collect();
        self.settled.extend(found.into_iter().map(|addr| (addr, Role::Pbx)));
    }

    /// Between two hosts of which neither does what only a PBX does, what they say of themselves counts.
    fn find_by_word(&mut self, trees: &Trees<'_>, hosts: &Hosts) {
        let says = |addr: IpAddr, what: fn(&super::hosts::Host) -> bool| hosts.host(addr).is_some_and(what);
        let is_pbx = |addr| says(addr, super::hosts::Host::says_pbx);
        let is_trunk = |addr| says(addr, super::hosts::Host::says_trunk);
        for (_, root) in trees.roots() {
            if self.is_pbx(root.src) || self.is_pbx(root.dst) {
                continue;
            }
            let from_outside = root.caller.shape() == Shape::Outside;
            let to_outside = root.called.shape() == Shape::Outside;
            let one_says =
                |this, other| (is_pbx(this) && !is_pbx(other)) || (is_trunk(other) && !is_trunk(this));
            if from_outside && one_says(root.dst, root.src) {
                self.saw(root.dst, Role::Pbx, Sign::SaysSo);
            } else if to_outside && one_says(root.src, root.dst) {
                self.saw(root.src, Role::Pbx, Sign::SaysSo);
            }
        }
        let said: Vec<IpAddr> = self.signs.keys().copied().collect();
        self.settled.extend(said.into_iter().map(|addr| (addr, Role::Pbx)));
    }

    /// What is seen under two addresses on two sides of a translation is one host.
    fn alias(&mut self, aliases: &BTreeSet<(IpAddr, IpAddr)>) {
        for (one, other) in aliases {
            for (known, unknown) in [(one, other), (other, one)] {
                if let Some(role) = self.of(*known)
                    && self.of(*unknown).is_none()
                {
                    self.saw(*unknown, role, Sign::OtherAddress);
                    self.settled.insert(*unknown, role);
                }
            }
        }
    }

    fn find_trunks(&mut self, trees: &Trees<'_>, hosts: &Hosts) {
        for (n, root) in trees.roots() {
            let leaves: Vec<&Attempt> = trees.leaves(n).iter().filter_map(|n| trees.all.get(*n)).collect();
            let goes_out = self.is_pbx(root.src) && root.called.shape() == Shape::Outside;
            if goes_out && !self.is_pbx(root.dst) {
                self.saw(root.dst, Role::Trunk, Sign::ToOutside);
            }
            if !self.is_pbx(root.src) && self.is_pbx(root.dst) && comes_from_outside(root, &leaves) {
                self.saw(root.src, Role::Trunk, Sign::FromOutside);
            }
            for leaf in leaves.iter().filter(|leaf| is_outside(leaf)) {
                let out = root.caller.shape() == Shape::Short;
                let plainly = out || (leaf.called.text().starts_with('+') && !answers_at_once(leaf));
                if (out || !leaf.called.is(&root.called)) && !self.is_pbx(leaf.dst) && leaf.was_taken() {
                    let sign = if plainly { Sign::ToOutside } else { Sign::SentOutside };
                    self.saw(leaf.dst, Role::Trunk, sign);
                }
            }
        }
        for (addr, host) in hosts.iter() {
            if !self.is_pbx(addr) && host.registered.keys().any(|client| self.is_pbx(*client)) {
                self.saw(addr, Role::Trunk, Sign::Registered);
            }
        }
    }

    /// What takes the trunk's calls is the PBX too.
    fn find_second_pbx(&mut self, trees: &Trees<'_>) {
        for (_, root) in trees.roots() {
            let from_trunk = self.of(root.src) == Some(Role::Trunk);
            let may = match self.of(root.dst) {
                None => root.called.shape() == Shape::Outside,
                Some(role) => role == Role::Pbx,
            };
            if from_trunk && may && root.was_taken() {
                self.saw(root.dst, Role::Pbx, Sign::GotFromTrunk);
            }
        }
    }

    fn find_inside(&mut self, trees: &Trees<'_>, hosts: &Hosts) {
        let pilots: BTreeSet<User> = self.covered.iter().map(|covered| covered.pilot.clone()).collect();
        for covered in self.covered.clone() {
            if !covered.weak && !self.is_pbx(covered.host) {
                self.saw(covered.host, Role::Voicemail, Sign::Covered);
            }
        }
        for (n, attempt) in trees.all.iter().enumerate().filter(|(_, attempt)| !attempt.scans) {
            let out = self.is_pbx(attempt.src) && !self.is_pbx(attempt.dst);
            let inside = !is_code(&attempt.called) || self.is_extension(n, trees);
            if out && inside && rings_a_phone(attempt) && !pilots.contains(&attempt.called) {
                self.saw(attempt.dst, Role::Phone, Sign::Rung);
            }
            let counts = attempt.was_taken() || trees.is_sent_on(n);
            let comes_in = self.is_pbx(attempt.dst) && !self.is_pbx(attempt.src);
            if comes_in && counts && attempt.caller.shape() == Shape::Short {
                self.saw(attempt.src, Role::Phone, Sign::CalledAsExtension);
            }
        }
        let with_pbx = hosts.iter().filter(|(addr, _)| self.is_pbx(*addr));
        let clients: Vec<IpAddr> = with_pbx.flat_map(|(_, host)| host.registered.keys().copied()).collect();
        for client in clients.into_iter().filter(|client| !self.is_pbx(*client)).collect::<Vec<_>>() {
            self.saw(client, Role::Phone, Sign::Registers);
        }
    }

    /// Whether what looks like a code is an extension: the PBX rings it for a caller from outside, or together with others.
    /// A code is dialled from within, and leads to the trunk.
    fn is_extension(&self, n: usize, trees: &Trees<'_>) -> bool {
        let Some(attempt) = trees.all.get(n) else { return false };
        let parent = attempt.parent.and_then(|(parent, _)| trees.all.get(parent));
        let for_outside = parent.is_some_and(|parent| self.of(parent.src) == Some(Role::Trunk));
        let among_others = trees.round(n).is_some_and(|round| round.rings_several(trees.all));
        self.count(attempt.dst, Role::Trunk) == 0 && (for_outside || among_others)
    }

    /// A host has the role that all its signs speak for, or nearly all of many.
    fn settle(&mut self) {
        let mut settled = BTreeMap::new();
        let trunk = self.signs.keys().map(|addr| self.count(*addr, Role::Trunk)).max().unwrap_or_default();
        for (addr, signs) in &self.signs {
            if signs.contains_key(&Role::Pbx) {
                settled.insert(*addr, Role::Pbx);
                continue;
            }
            let most = signs.keys().max_by_key(|role| self.count(*addr, **role));
            let Some(role) = most else { continue };
            let count = self.count(*addr, *role);
            let clear = self.against(*addr, *role).saturating_mul(CLEAR) <= count;
            // Whoever rings a few times beside a busy trunk may be a scanner.
            let stray = *role == Role::Trunk && count.saturating_mul(CLEAR) <= trunk;
            // Who got one call by a long number, or answers as a machine does, may be a voicemail, or another office.
            let one = signs.get(role).is_some_and(|signs| signs.contains_key(&Sign::SentOutside));
            if clear && !stray && !(one && count == 1) {
                settled.insert(*addr, *role);
            }
        }
        self.settled = settled;
    }
}

/// Whether a call that came to the PBX is from outside: from a number of the network, and not straight to another;
/// nobody in particular who calls a number that is an extension's comes from outside too.
fn comes_from_outside(root: &Attempt, leaves: &[&Attempt]) -> bool {
    let inside = leaves.iter().any(|leaf| !is_outside(leaf));
    match root.caller.shape() {
        Shape::Outside => leaves.is_empty() || inside || leaves.iter().any(|leaf| leaf.dst == root.src),
        Shape::Word => inside && root.called.shape() == Shape::Outside,
        Shape::Short => false,
    }
}

/// Whether an attempt is for a number of the network; a voicemail's may look like one.
fn is_outside(leaf: &Attempt) -> bool {
    leaf.called.shape() == Shape::Outside && !leaf.pilot
}

/// Whether it was answered as soon as no person does.
fn answers_at_once(attempt: &Attempt) -> bool {
    attempt.answer_time().is_some_and(|time| time <= coverage::AT_ONCE)
}

/// Whether the PBX's attempt rang as a phone does; who answers at once may be a recorder.
fn rings_a_phone(attempt: &Attempt) -> bool {
    let inside = attempt.called.shape() != Shape::Outside && !attempt.pilot;
    inside && !answers_at_once(attempt) && attempt.was_taken()
}

/// A short number that may go to the trunk: for help, or of a service. Extensions may be any digits, these too.
fn is_code(called: &User) -> bool {
    matches!(
        called.text(),
        "911" | "112" | "933" | "999" | "988" | "211" | "311" | "411" | "511" | "611" | "711" | "811"
    )
}

/// A role is clear with so many signs for it for each against it, or of another host's.
const CLEAR: u64 = 20;

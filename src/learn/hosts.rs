//! What each host shows of itself besides its calls: its make, who registers with it, who asks whether it lives.
//!
//! Bounded: so many hosts, and of each so many messages that are looked at for a make.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::attempt::User;
use crate::limits;
use crate::settings::{Profile, recognise};
use crate::wire::packet::Datagram;
use crate::wire::sip::{HeaderName, Message, Method};

/// The hosts that sent SIP.
#[derive(Default)]
pub struct Hosts {
    by_addr: BTreeMap<IpAddr, Host>,
    /// How many there was no room for.
    pub beyond: u64,
}

/// One host.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// The profiles its messages were recognised by, and how often.
    pub makes: BTreeMap<String, u64>,
    /// The first User-Agent or Server it named itself by.
    pub agent: Option<String>,
    /// Who registered with it, and as whom.
    pub registered: BTreeMap<IpAddr, BTreeSet<User>>,
    /// Whom it answers that it lives.
    pub pinged_by: BTreeSet<IpAddr>,
    looked: u32,
}

impl Hosts {
    /// Takes one message; `profiles` are the makes it may be of.
    pub fn message(&mut self, datagram: &Datagram<'_>, message: &Message<'_>, profiles: &[Profile]) {
        let (src, dst) = (datagram.src.ip().to_canonical(), datagram.dst.ip().to_canonical());
        if self.by_addr.len() >= limits::LEARNT_HOSTS && !self.by_addr.contains_key(&src) {
            self.beyond += 1;
            return;
        }
        let host = self.by_addr.entry(src).or_default();
        match (message.method(), message.status()) {
            (Method::Register, Some(200..=299)) => host.registers(dst, message),
            (Method::Options, Some(200..=299)) if host.pinged_by.len() < limits::LEARNT_PEERS => {
                host.pinged_by.insert(dst);
            }
            _ => {}
        }
        host.look(message, profiles);
    }

    /// A host.
    pub fn host(&self, addr: IpAddr) -> Option<&Host> {
        self.by_addr.get(&addr)
    }

    /// All hosts, by address.
    pub fn iter(&self) -> impl Iterator<Item = (IpAddr, &Host)> {
        self.by_addr.iter().map(|(addr, host)| (*addr, host))
    }
}

impl Host {
    /// The make most of its messages show.
    pub fn make(&self) -> Option<&str> {
        let most = self.makes.iter().max_by_key(|(name, count)| (**count, std::cmp::Reverse(*name)))?;
        Some(most.0)
    }

    /// Whether it says itself that it is a PBX: by its make, or by the word.
    pub fn says_pbx(&self) -> bool {
        let named = |agent: &String| agent.to_ascii_lowercase().contains("pbx");
        self.make().is_some_and(|make| !NO_PBX.contains(&make)) || self.agent.as_ref().is_some_and(named)
    }

    /// Whether it shows itself as a carrier's.
    pub fn says_trunk(&self) -> bool {
        self.make() == Some("trunks")
    }

    fn registers(&mut self, client: IpAddr, message: &Message<'_>) {
        let gone = message.header(HeaderName::Expires) == Some(b"0") || message.contact().is_none();
        if gone || (self.registered.len() >= limits::LEARNT_PEERS && !self.registered.contains_key(&client)) {
            return;
        }
        let users = self.registered.entry(client).or_default();
        if let Some(to) = message.to().filter(|_| users.len() < limits::LEARNT_USERS) {
            users.insert(User::read(to.uri().user()));
        }
    }

    /// A request that came through a proxy names its first sender, so only one of the host's own counts.
    fn look(&mut self, message: &Message<'_>, profiles: &[Profile]) {
        let own = message.status().is_some() || message.vias().nth(1).is_none();
        if !own || self.looked >= MOST_LOOKED {
            return;
        }
        self.looked += 1;
        if self.agent.is_none() {
            let named = message.header(HeaderName::UserAgent).or_else(|| message.header(HeaderName::Server));
            self.agent = named.map(short);
        }
        if let Some(make) = recognise(profiles, message) {
            *self.makes.entry(make.name.clone()).or_default() += 1;
        }
    }
}

fn short(raw: &[u8]) -> String {
    let raw = raw.get(..raw.len().min(4 * MOST_CHARS)).unwrap_or_default();
    String::from_utf8_lossy(raw).chars().filter(|c| !c.is_control()).take(MOST_CHARS).collect()
}

/// Profiles of what stands before a PBX.
const NO_PBX: [&str; 4] = ["generic", "trunks", "kamailio-opensips", "teams-sbc"];

/// So many messages of a host are looked at for its make.
const MOST_LOOKED: u32 = 64;

/// So much of a User-Agent is kept.
const MOST_CHARS: usize = 80;

//! What the configuration says about an INVITE: its ends' roles, its parties, and whether it is one of
//! those that never are anybody's missed call.

use std::net::{IpAddr, SocketAddr};

use crate::call::claims::Claims;
use crate::call::diverted::{self, Diverted};
use crate::call::hash::{Key, Keyer};
use crate::call::identity::{self, Called, Caller};
use crate::call::invite::Invite;
use crate::call::mailbox;
use crate::call::make::Make;
use crate::call::progress::Heard;
use crate::call::role::{self, Party};
use crate::call::transaction::{Hop, Seen, VoicemailSign};
use crate::event::Role;
use crate::phone::{self, Dialplan};
use crate::settings::{Did, DivertedFor, Pbx, Settings};
use crate::time::Span;
use crate::wire::facts;
use crate::wire::packet::Transport;
use crate::wire::sip::{HeaderName, Message};

/// The office as its configuration describes it.
#[derive(Debug)]
pub struct Office {
    /// Roles, numbers and judgement.
    pub pbx: Pbx,
    /// What is known of the PBX's make.
    pub make: Make,
    own_numbers: Vec<Did>,
    dialplan: Dialplan,
}

impl Office {
    /// The office of a configuration.
    pub fn new(settings: &Settings) -> Office {
        let dids = settings.pbx.numbers.dids.iter().map(|number| Did::Number(*number));
        let lines = settings.lines.iter().flat_map(|line| line.did.iter().cloned());
        Office {
            pbx: settings.pbx.clone(),
            make: Make::new(&settings.pbx.profile),
            own_numbers: dids.chain(lines).filter(|did| *did != Did::Rest).collect(),
            dialplan: settings.dialplan(),
        }
    }

    /// Whether the trunk may try another of the PBX's addresses when the one of this hop refuses.
    pub fn may_try_on(&self, hop: &Hop) -> bool {
        let hosts = &self.pbx.roles.pbx_hosts;
        hop.role == Role::TrunkIn && (hosts.len() > 1 || hosts.iter().any(|net| !net.is_host()))
    }

    /// The transaction a message opens.
    pub fn hop(&self, heard: &Heard<'_>, invite: &Invite<'_>) -> Hop {
        let Heard { datagram, message, .. } = heard;
        let [src, dst] = heard.ends();
        let user = invite.user();
        let role = role::role(&self.pbx.roles, src.ip(), dst.ip(), user);
        let configured = self.party(dst) == Party::Voicemail || role::is_pilot(&self.pbx.roles, user);
        let short = (1..=SHORT_NUMBER).contains(&user.len());
        let voicemail = if configured {
            Some(VoicemailSign::Configured)
        } else if invite.target.is_some_and(|uri| diverted::voicemail_target(&uri).is_some())
            || facts::is_for_pilot(message, &self.make.diversion.pilot_params)
        {
            Some(VoicemailSign::Target)
        } else if role == Role::Unknown && short && self.diverted(invite, false).is_some() {
            Some(VoicemailSign::Diverted)
        } else {
            None
        };
        Hop {
            key: heard.keys.hop,
            cseq: heard.keys.cseq,
            src,
            dst,
            reliable: datagram.transport != Transport::Udp,
            role,
            within: role == Role::Unknown && [src, dst].iter().all(|end| self.party(*end) == Party::Pbx),
            page: role == Role::PhoneOut && asks_to_answer(message),
            voicemail,
            for_busy: voicemail.is_some() && self.is_for_busy(invite),
            opened: Seen { at: datagram.at, frame: datagram.frame },
            last_invite: datagram.at,
            responded: false,
            provisional: None,
            ringing: None,
            early_media: None,
            rang_unseen: false,
            queued: false,
            cancelled: None,
            cancel_heard: None,
            elsewhere: false,
            acked: false,
            answered: None,
            refused: None,
            cause: None,
        }
    }

    /// Who calls; asserted identities count only from whom the make trusts, mostly the trunk.
    pub fn caller(&self, invite: &Invite<'_>, hop: &Hop) -> Caller {
        Caller::read(invite, self.make.trusts(self.party(hop.src)), &self.make, &self.dialplan)
    }

    /// What is claimed about who calls; it counts only from whom the make trusts with identities.
    pub fn claims(&self, invite: &Invite<'_>, hop: &Hop, caller: &Caller, called: &Called) -> Claims {
        match self.make.trusts(self.party(hop.src)) {
            true => Claims::read(invite, caller, called, &self.dialplan),
            false => Claims::default(),
        }
    }

    /// The party a call was for before.
    pub fn diverted(&self, invite: &Invite<'_>, from_trunk: bool) -> Option<Diverted> {
        diverted::diverted(invite, from_trunk, &self.make.diversion)
    }

    fn is_for_busy(&self, invite: &Invite<'_>) -> bool {
        mailbox::reason(invite, &self.make.diversion) == Some(DivertedFor::Busy)
    }

    /// Whom a call is for: on a leg to voicemail, the party it was first for; on one from the trunk, who stands
    /// where the make puts the number dialled.
    pub fn called(&self, invite: &Invite<'_>, hop: &Hop) -> Called {
        let from_trunk = hop.role == Role::TrunkIn;
        let diverted = if hop.voicemail.is_some() { self.diverted(invite, from_trunk) } else { None };
        if from_trunk && diverted.is_none() && !self.make.called.is_empty() {
            let is_own = |called: &Called| self.is_own_number(called);
            if let Some(called) = Called::read_at(invite, &self.make.called, &self.dialplan, is_own) {
                return called;
            }
        }
        Called::read(invite, diverted.as_ref(), &self.dialplan)
    }

    /// The number for which a call goes out to the trunk on a hop, where that is what was dialled.
    pub fn sent_out(&self, invite: &Invite<'_>, hop: &Hop, dialled: &Called) -> Option<Called> {
        match hop.role {
            Role::TrunkOut => Called::sent_out(invite, dialled, &self.dialplan),
            _ => None,
        }
    }

    /// Whether the number is one of the business's.
    pub fn is_own_number(&self, called: &Called) -> bool {
        self.own_numbers.iter().any(|did| match did {
            Did::Number(number) => called.party == Some(phone::Party::Number(*number)),
            Did::User(user) => *user == *called.user,
            Did::Rest => false,
        })
    }

    /// A source no role names, trying the PBX for a number that isn't the business's. A private address
    /// may be a phone where no phone is configured.
    pub fn is_scanner(&self, message: &Message<'_>, hop: &Hop, called: &Called) -> bool {
        let roles = &self.pbx.roles;
        let names_itself = is_scanner(message.header(HeaderName::UserAgent).unwrap_or_default());
        let stranger = self.party(hop.src) == Party::Stranger && self.party(hop.dst) == Party::Pbx;
        let may_be_phone = roles.phone_nets.is_empty() && is_private(hop.src.ip());
        let unexpected = !roles.trunk_peers.is_empty() && stranger && !may_be_phone;
        names_itself || (unexpected && !self.is_own_number(called))
    }

    /// A call for help from within, or a call back from the emergency service (RFC 7090).
    pub fn is_emergency(&self, invite: &Invite<'_>, hop: &Hop) -> bool {
        let callback = |value: &[u8]| value.eq_ignore_ascii_case(b"psap-callback");
        let asks_for_help = || {
            invite.target.is_some_and(|uri| {
                let service = |start: &[u8]| start.eq_ignore_ascii_case(b"urn:service:sos");
                uri.raw().get(..15).is_some_and(service) || self.dialplan.is_emergency(uri.user())
            })
        };
        invite.message.header(HeaderName::Priority).is_some_and(callback)
            || (self.party(hop.src) != Party::Trunk && asks_for_help())
    }

    /// The mailbox a hop leads to, or the one of the party it rings, as a key.
    pub fn mailbox(&self, keyer: &Keyer, invite: &Invite<'_>, hop: &Hop) -> Option<Key> {
        let user = match hop.voicemail {
            Some(_) => mailbox::mailbox(invite, &self.make),
            None => identity::comparable(invite.user()),
        };
        user.map(|user| Office::mailbox_key(keyer, &user))
    }

    /// The key of a mailbox by its owner's comparable user part.
    pub fn mailbox_key(keyer: &Keyer, user: &[u8]) -> Key {
        keyer.key(MAILBOX, user)
    }

    fn party(&self, end: SocketAddr) -> Party {
        role::party(&self.pbx.roles, end.ip())
    }
}

/// Whether a User-Agent is that of a scanner that doesn't hide.
pub fn is_scanner(agent: &[u8]) -> bool {
    let starts = |name: &&[u8]| agent.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    SCANNERS.iter().any(starts)
}

/// How long an INVITE allows itself to ring (RFC 3261 20.19), within bounds.
pub fn ring_limit(message: &Message<'_>) -> Span {
    let text = message.header(HeaderName::Expires).and_then(|value| std::str::from_utf8(value).ok());
    let asked = text.and_then(|text| text.trim().parse::<u32>().ok());
    let asked = asked.map_or(RING_LIMIT, |seconds| Span::from_secs(i64::from(seconds)));
    asked.clamp(RING_LIMIT, LONGEST_RING)
}

/// Whether an INVITE asks the phone to answer by itself.
fn asks_to_answer(message: &Message<'_>) -> bool {
    let says = |name, words: &[&[u8]]| {
        message.has(name)
            && message.headers(name).any(|value| {
                let value = value.to_ascii_lowercase();
                words.iter().any(|word| memchr::memmem::find(&value, word).is_some())
            })
    };
    says(HeaderName::CallInfo, &[b"answer-after"]) || says(HeaderName::AlertInfo, &AUTO_ANSWER)
}

fn is_private(addr: IpAddr) -> bool {
    match addr.to_canonical() {
        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// What Alert-Info says to phones of several makes to have them answer by themselves.
const AUTO_ANSWER: [&[u8]; 4] = [b"auto answer", b"auto-answer", b"autoanswer", b"ring-answer"];

/// How the User-Agents of scanners start that don't hide.
const SCANNERS: [&[u8]; 6] =
    [b"friendly-scanner", b"sipvicious", b"sipcli", b"sip-scan", b"pplsip", b"vaxsipuseragent"];

/// The name space of mailboxes.
const MAILBOX: u8 = 23;

/// A voicemail pilot is an internal number: no longer than this.
const SHORT_NUMBER: usize = 6;

/// RFC 3261 13.3.1.1: a ringing call is refreshed each minute; three are allowed without Expires.
const RING_LIMIT: Span = Span::from_secs(180);

/// The longest ringing an Expires header can ask for.
const LONGEST_RING: Span = Span::from_secs(3_600);

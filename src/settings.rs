//! What a configuration means, as plain data: filled by `config`, read by the core.
//!
//! `profile` holds what is known about makes of PBX. Everything here is already validated: ids resolve, patterns compile, zones exist. `Settings::default()`
//! is a replay without a configuration: calls are judged, nobody is contacted.

mod generic;
mod log;
mod policy;
mod profile;
mod recognition;
mod tap;
mod tape;

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::civil;
use jiff::tz::TimeZone;
use regex_lite::Regex;

use crate::phone::{Dialplan, Number};
use crate::time::Span;

pub use log::{LogFormat, LogLevel, Logging};
pub use policy::Policy;
pub use profile::{
    CallerFrom, Correlate, Coverage, Diversion, DivertedFor, Dtmf, EarlyMedia, Elsewhere, End, Identity,
    KeyFrom, MailboxFrom, MediaHabits, Place, Profile, Quirk, Sender, Style, Unverified,
};
pub use recognition::{HeaderPattern, Recognition, Shown, recognise};
pub use tap::{HepTap, InterfaceTap, Tap, TapKind};
pub use tape::{Taping, Written};

/// A whole configuration.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `[site]`.
    pub site: Site,
    /// `[pbx]`: roles, numbers and judgement.
    pub pbx: Pbx,
    /// `[voicemail]`.
    pub voicemail: Voicemail,
    /// `[store] path`; none: in the service's own folder.
    pub store: Option<std::path::PathBuf>,
    /// `[tape]`; none: nothing is taped.
    pub tape: Option<Taping>,
    /// `[control] socket`; none: beside the store.
    pub control: Option<std::path::PathBuf>,
    /// `[metrics] listen`; none: figures aren't told.
    pub metrics: Option<std::net::SocketAddr>,
    /// `[log]`.
    pub log: Logging,
    /// `[[tap]]`, in file order.
    pub taps: Vec<Tap>,
    /// `[[line]]`, in file order.
    pub lines: Vec<Line>,
    /// `[calendar.ID]`.
    pub calendars: BTreeMap<String, Calendar>,
    /// `[gateway.ID]`.
    pub gateways: BTreeMap<String, Gateway>,
    /// `[consent]`.
    pub consent: Consent,
    /// `[caps]`.
    pub caps: Caps,
    /// `[policy]`.
    pub policy: Policy,
    /// `[template.ID]`.
    pub templates: BTreeMap<String, Template>,
    /// `[sequence.ID]`, in file order.
    pub sequences: Vec<Sequence>,
    /// Why nobody is texted: deciding keys of the profile that rest on nothing; none if texts may leave.
    pub unverified: Option<Unverified>,
}

impl Settings {
    /// How numbers are read here: by the country of the site, else of its telephone system.
    pub fn dialplan(&self) -> Dialplan {
        let country = self.site.country.as_ref().or(self.pbx.numbers.country.as_ref());
        Dialplan::new(&self.pbx.numbers, country.map(String::as_str))
    }
}

/// Who the business is.
#[derive(Clone, Debug)]
pub struct Site {
    /// Its full name.
    pub name: String,
    /// `{business}` in templates: `short`, else `name`.
    pub short: String,
    /// Its time zone; UTC where none is configured.
    pub tz: TimeZone,
    /// The only country that is texted, as ISO 3166 (`US`); none: no number is completed or texted.
    pub country: Option<String>,
    /// Its state or province.
    pub state: Option<String>,
}

/// The telephone system.
#[derive(Clone, Debug, Default)]
pub struct Pbx {
    /// `[pbx.roles]`.
    pub roles: Roles,
    /// `[pbx.numbers]`.
    pub numbers: Numbers,
    /// `[pbx.judge]`.
    pub judge: Judge,
    /// What is known about its make.
    pub profile: Profile,
}

/// Who is who on the wire.
#[derive(Clone, Debug, Default)]
pub struct Roles {
    /// The trunk's addresses.
    pub trunk_peers: Vec<Net>,
    /// The PBX's addresses.
    pub pbx_hosts: Vec<Net>,
    /// Where phones live.
    pub phone_nets: Vec<Net>,
    /// Hosts that are nothing but voicemail.
    pub voicemail_hosts: Vec<Net>,
    /// Hosts whose media are voicemail and nothing else.
    pub voicemail_media: Vec<Net>,
    /// User parts of voicemail, matched whole.
    pub voicemail_pilots: Vec<Regex>,
}

/// An address or CIDR block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Net {
    addr: IpAddr,
    prefix: u8,
}

/// How user parts become numbers.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    /// The area code of seven-digit numbers.
    pub area_code: Option<String>,
    /// What an extension looks like, matched whole; none: two to six digits.
    pub extension: Option<Regex>,
    /// Access-code patterns, whose first group is kept.
    pub strip: Vec<Regex>,
    /// The business's own numbers besides those of lines.
    pub dids: Vec<Number>,
    /// The country whose national forms are completed where the site names none; permits no text.
    pub country: Option<String>,
}

/// Where verdicts turn.
#[derive(Clone, Copy, Debug)]
pub struct Judge {
    /// An answered call that the caller ends sooner is `answered_short`.
    pub min_talk: Span,
    /// A message with less speech is `voicemail_hangup`.
    pub min_message: Span,
    /// How long a call without a caller leg waits for the next phone to ring.
    pub hunt_gap: Span,
    /// `answered_short` counts as missed.
    pub short_is_missed: bool,
    /// "Completed elsewhere" without an answer in sight counts as missed.
    pub elsewhere_is_missed: bool,
}

/// What becomes of messages that callers leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voicemail {
    /// They are recorded, but for those of lines that say otherwise.
    pub record: bool,
    /// Where the daemon keeps them; none: in the service's own folder.
    pub folder: Option<std::path::PathBuf>,
}

impl Default for Voicemail {
    fn default() -> Voicemail {
        Voicemail { record: true, folder: None }
    }
}

/// One number of the business.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its id.
    pub id: String,
    /// What it matches.
    pub did: Vec<Did>,
    /// Its calendar; none: always open.
    pub calendar: Option<String>,
    /// The person or pool that owns its calls, as written.
    pub owner: Option<String>,
    /// The gateway its texts come from.
    pub sms_from: Option<String>,
    /// Where its callers come from, `{source}`.
    pub source: Option<String>,
    /// The campaign it serves.
    pub campaign: Option<String>,
    /// The product it sells.
    pub product: Option<String>,
    /// `value = "high"`.
    pub high_value: bool,
    /// Whether messages left for it are recorded.
    pub recorded: bool,
}

/// What a line's `did` matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Did {
    /// A number, as E.164.
    Number(Number),
    /// A user part as sent.
    User(String),
    /// `"*"`: whatever no other line takes.
    Rest,
}

/// When a line is open.
#[derive(Clone, Debug, Default)]
pub struct Calendar {
    /// Open hours by weekday, Monday first.
    pub open: [Vec<Hours>; 7],
    /// Lunch hours by weekday, Monday first.
    pub lunch: [Vec<Hours>; 7],
    /// Days of public holidays, each with its name, for the years the rules cover.
    pub holidays: Vec<HolidaySet>,
    /// One-off closings.
    pub closed: Vec<Closing>,
    /// `overflow.calls`: this many concurrent calls on its lines are too many.
    pub overflow_calls: Option<u32>,
}

/// A set of holiday rules, by the name it has in the bundled data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HolidaySet(pub String);

/// From one time of day to another, in minutes after midnight; 1440 is the end of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    /// First minute.
    pub from: u16,
    /// First minute that is no longer within.
    pub to: u16,
}

/// A day, or part of one, on which a calendar is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closing {
    /// The day.
    pub date: civil::Date,
    /// Which part of it.
    pub hours: Hours,
}

/// A sender of texts.
#[derive(Clone, Debug)]
pub struct Gateway {
    /// Its kind.
    pub kind: GatewayKind,
    /// The number its texts come from.
    pub from: Option<Number>,
}

/// What kind of gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GatewayKind {
    /// A folder with an outbox.
    File {
        /// The folder.
        path: std::path::PathBuf,
    },
}

/// `[consent]`: what a call permits.
#[derive(Clone, Debug, Default)]
pub struct Consent {
    /// What a call from outside permits.
    pub inbound_call: InboundConsent,
    /// Who answers for that; without it nothing but tasks is made.
    pub sign_off: Option<SignOff>,
}

/// What a call from outside permits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InboundConsent {
    /// Nothing.
    #[default]
    None,
    /// One response.
    Response,
}

/// Who answers for the consent policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignOff {
    /// Who.
    pub who: String,
    /// When.
    pub on: civil::Date,
    /// On what ground.
    pub note: Option<String>,
}

/// `[caps]`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Caps {
    /// `per_number`: at most so many texts to one number within so long.
    pub per_number: Option<(u32, Span)>,
}

/// The wording of a text.
#[derive(Clone, Debug)]
pub struct Template {
    /// Its id.
    pub id: String,
    /// Its wordings; one without id if the template has no variants.
    pub variants: Vec<Variant>,
    /// More segments than this are an error of `check`.
    pub max_segments: Option<u32>,
}

/// One wording.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Its id.
    pub id: Option<String>,
    /// Its share.
    pub weight: u32,
    /// The text, with variables in braces.
    pub text: String,
}

/// The planned outreach to a caller.
#[derive(Clone, Debug)]
pub struct Sequence {
    /// Its id.
    pub id: String,
    /// The classes it is for; empty: any.
    pub classes: Vec<String>,
    /// The calendar states it is for; empty: any.
    pub states: Vec<String>,
    /// Its steps in order.
    pub steps: Vec<Step>,
}

/// One action of a sequence.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its id.
    pub id: String,
    /// How long after the end of the call.
    pub after: Span,
    /// What it does.
    pub action: Action,
    /// Switched on.
    pub enabled: bool,
    /// Overdue by more than this it is skipped and becomes a task.
    pub skip_after: Span,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Action {
    /// Send a text.
    Sms {
        /// The template's id.
        template: String,
    },
    /// Make a task.
    Task {
        /// Who gets it; none: the line's owner.
        to: Option<String>,
        /// What to do.
        title: Option<String>,
        /// How long it may take on the wall clock.
        due: Option<Span>,
    },
}

impl Default for Site {
    fn default() -> Site {
        Site { name: String::new(), short: String::new(), tz: TimeZone::UTC, country: None, state: None }
    }
}

impl Default for Judge {
    fn default() -> Judge {
        Judge {
            min_talk: Span::from_secs(5),
            min_message: Span::from_secs(2),
            hunt_gap: Span::from_secs(4),
            short_is_missed: false,
            elsewhere_is_missed: false,
        }
    }
}

impl Net {
    /// A block of the first `prefix` bits of `addr`; none if there are not so many.
    pub fn new(addr: IpAddr, prefix: u8) -> Option<Net> {
        let bits = if addr.is_ipv4() { 32 } else { 128 };
        (prefix <= bits).then_some(Net { addr, prefix })
    }

    /// Whether it is one address.
    pub fn is_host(&self) -> bool {
        self.prefix == if self.addr.is_ipv4() { 32 } else { 128 }
    }

    /// Whether `addr` is in the block.
    pub fn contains(&self, addr: IpAddr) -> bool {
        match (self.addr, addr.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(addr)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                net.to_bits() & mask == addr.to_bits() & mask
            }
            (IpAddr::V6(net), IpAddr::V6(addr)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                net.to_bits() & mask == addr.to_bits() & mask
            }
            _ => false,
        }
    }
}

impl std::str::FromStr for Net {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Net, Self::Err> {
        let (addr, prefix) = match text.split_once('/') {
            Some((addr, prefix)) => (addr, Some(prefix)),
            None => (text, None),
        };
        let addr: IpAddr = addr.parse().map_err(|_| NOT_A_NET)?;
        let full = if addr.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(full), str::parse).map_err(|_| NOT_A_NET)?;
        Net::new(addr, prefix).ok_or(NOT_A_NET)
    }
}

const NOT_A_NET: &str = "not an address or block, as 192.168.20.0/24";

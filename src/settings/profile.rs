//! What is known about a make of PBX or a carrier, as data: what it is recognised by, which header says whom,
//! and how its calls come to voicemail.
//!
//! `config` fills it from a file of `sip-profiles/`; the judging core reads it. `Profile::default()` is
//! `sip-profiles/generic.toml`; `Profile::bare()` knows nothing. Who is who (`[roles]`), what numbers look like
//! (`[numbers]`) and `hunt_gap_ms` are merged with the site's own into `Pbx`.

use std::collections::BTreeMap;

use regex_lite::Regex;

use super::{HeaderPattern, Recognition};
use crate::time::Span;

/// A profile, merged with those it extends.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The name it was asked for by.
    pub name: String,
    /// What a message of such a system shows. Not inherited.
    pub recognition: Recognition,
    /// Where the number called stands on a leg from the trunk, in order: of these the first that is one of the
    /// business's own numbers counts, else the first that is there. On a leg that is diverted, or goes to a
    /// phone, the Request-URI is read as ever.
    pub did_from: Vec<Place>,
    /// An INVITE without To-tag that any of these fits opens no leg and no call.
    pub noncalls: Vec<HeaderPattern>,
    /// Who calls.
    pub identity: Identity,
    /// Who was called before.
    pub diversion: Diversion,
    /// Which legs are one call.
    pub correlate: Correlate,
    /// How an unanswered call comes to voicemail.
    pub coverage: Coverage,
    /// What its media are like.
    pub media: MediaHabits,
    /// Which mailbox a call to voicemail is for where no diversion is told: the first of these that names one.
    pub mailbox_from: Vec<MailboxFrom>,
    /// What it does otherwise than everybody.
    pub quirks: Vec<Quirk>,
}

/// Where a message names somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The Request-URI.
    RequestUri,
    /// The URI of a header: `To`, `P-Called-Party-ID`.
    Header(String),
}

/// How the caller is read.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// Where the caller stands, in order; the first with a number counts, else the first with any user part.
    pub caller: Vec<CallerFrom>,
    /// Whose asserted identities count; from anybody else only From does.
    pub trust_from: Vec<Sender>,
    /// User parts that stand for nobody, in small letters: such a caller is withheld.
    pub anonymous_users: Vec<String>,
}

/// A header that may name the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerFrom {
    /// Its long name.
    pub header: String,
    /// Only values whose `party` is this, or that have none (`Remote-Party-ID:calling`).
    pub party: Option<String>,
}

/// Who sent a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// A trunk peer.
    Trunk,
    /// The PBX.
    Pbx,
    /// A phone.
    Phone,
}

/// How diversions are read.
#[derive(Clone, Debug, Default)]
pub struct Diversion {
    /// The headers that tell of them, in order; the first that tells of one counts.
    pub headers: Vec<String>,
    /// Which diverter's mailbox a call to a pilot is for.
    pub mailbox: End,
    /// Which diverter is `called`.
    pub original: End,
    /// What the `reason` of a Diversion means, by its word in small letters; others are `Other`.
    pub reasons: BTreeMap<String, DivertedFor>,
    /// What the `cause` of a History-Info entry or Request-URI means; others are `Other`.
    pub causes: BTreeMap<u16, DivertedFor>,
    /// A diverter that is the number called itself (Request-URI, To or DID) is no diversion.
    pub ignore_if_equals_did: bool,
    /// A History-Info entry tells of a diversion only with a cause or a Reason; else a change of user between
    /// two entries is enough.
    pub require_cause: bool,
    /// Parameters of the Reason why a History-Info entry was left, that name the voicemail it was left for.
    pub pilot_params: Vec<String>,
}

/// An end of a chain of diversions, in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// Who was called first: the last value of Diversion, the first entry of History-Info.
    #[default]
    First,
    /// Who diverted last: the first value of Diversion.
    Last,
}

/// Why a call was diverted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DivertedFor {
    /// It rang and nobody answered.
    NoAnswer,
    /// It was busy.
    Busy,
    /// All calls are diverted.
    All,
    /// The phone can't be reached.
    Unavailable,
    /// Anything else.
    Other,
}

/// What makes legs one call.
#[derive(Clone, Debug, Default)]
pub struct Correlate {
    /// Headers, or parameters of one, whose equal value makes two overlapping legs one call; never two legs of
    /// one direction on it alone.
    pub headers: Vec<KeyFrom>,
    /// What is put before a Call-ID by an SBC that the leg passes; the first group is the Call-ID within.
    pub callid_prefix: Vec<Regex>,
    /// What is put behind it; the first group is the Call-ID within.
    pub callid_suffix: Vec<Regex>,
    /// How long after the last message of an unanswered call a leg of equal caller may begin and be joined to
    /// it where nothing explicit does; none: as long as the call is in sight.
    pub window: Option<Span>,
}

/// A value that legs of one call share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFrom {
    /// The header's long name.
    pub header: String,
    /// Only this parameter of its value, or of the URI in it (`P-Charging-Vector;icid-value`).
    pub param: Option<String>,
}

/// How an unanswered call comes to voicemail.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// Ring times after which it does, each give or take one second; an answer at that time without a phone's
    /// is evidence for voicemail.
    pub rings: Vec<Span>,
    /// How it gets there; none: told from the traffic.
    pub style: Option<Style>,
    /// What "completed elsewhere" is worth.
    pub elsewhere: Elsewhere,
}

/// How coverage shows in signalling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A 3xx, or a new Request-URI, sends the caller's own leg to voicemail.
    Redirect,
    /// The PBX opens a leg of its own to the pilot.
    B2bua,
    /// The PBX answers the caller's leg itself and no other leg shows: silence of the phones, ring time and
    /// audio decide.
    Embedded,
}

/// What "completed elsewhere" on a cancelled phone is worth; what a hint alone makes of a call is the site's
/// `elsewhere` in `[pbx.judge]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Elsewhere {
    /// A hint, used only where neither the caller's leg nor another phone's answer is in sight.
    #[default]
    Hint,
    /// Nothing: the PBX says so of every cancelled phone.
    Ignore,
}

/// What media are like.
#[derive(Clone, Debug, Default)]
pub struct MediaHabits {
    /// The codecs it is known to offer, by their SDP names in capitals; others are told by `learn`.
    pub codecs: Vec<String>,
    /// How its keypad digits travel.
    pub dtmf: Option<Dtmf>,
    /// What media before the answer are; none: judged by ear where there are any.
    pub early_media: Option<EarlyMedia>,
}

/// How keypad digits travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtmf {
    /// As telephone-event (RFC 4733).
    Rfc4733,
    /// In INFO requests.
    Info,
    /// As tones.
    Inband,
}

/// What media before the answer are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EarlyMedia {
    /// Ringing, or silence while it rings: a 183 with a description is ringing.
    Ringback,
    /// May be an announcement: a 183 is not ringing.
    Announcement,
}

/// Where the mailbox of a call to voicemail is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailboxFrom {
    /// Who diverted last.
    DiversionLast,
    /// Who was called first, by Diversion.
    DiversionFirst,
    /// The `target` of the Request-URI (RFC 4458).
    RuriTarget,
    /// The user of To.
    ToUser,
    /// The first entry of History-Info.
    HistoryFirst,
}

/// A habit of one make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quirk {
    /// An unsolicited notice of waiting messages may have no count and comes at every registration: only a
    /// change from no to yes tells of a new message.
    MwiWithoutCount,
    /// On calls to a group the answer names the group, so its name proves no person.
    GroupIdentity,
    /// 408 to the trunk is the PBX's word for "nobody answered", not a lost network.
    TimeoutIsNoAnswer,
}

/// Why a site is not texted for: these keys of its profile rest on nothing, and nobody answers for that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unverified {
    /// The profile's name.
    pub profile: String,
    /// Its deciding keys without a source, or that nobody set.
    pub keys: Vec<String>,
}

impl Profile {
    /// A profile that knows nothing: no header is believed but From, nothing is a diversion.
    pub fn bare() -> Profile {
        Profile {
            name: String::new(),
            recognition: Recognition::default(),
            did_from: Vec::new(),
            noncalls: Vec::new(),
            identity: Identity::default(),
            diversion: Diversion::default(),
            correlate: Correlate::default(),
            coverage: Coverage::default(),
            media: MediaHabits::default(),
            mailbox_from: Vec::new(),
            quirks: Vec::new(),
        }
    }

    /// Whether it has a habit.
    pub fn has(&self, quirk: Quirk) -> bool {
        self.quirks.contains(&quirk)
    }
}

impl std::fmt::Display for Unverified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "profile {} is unverified in {}", self.profile, self.keys.join(", "))
    }
}

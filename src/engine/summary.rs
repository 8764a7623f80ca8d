//! What a run saw: `summary.json`, and what the daemon's metrics show.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Serialize;

use crate::call;
use crate::event::{CallRecord, Outcome};
use crate::flow;
use crate::media::Streams;
use crate::settings::Site;
use crate::time::Timestamp;

/// Counts of a whole run.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Summary {
    /// The site's time zone, in which people are shown times; none: UTC.
    pub zone: Option<String>,
    /// When the first packet was captured.
    pub first: Option<Timestamp>,
    /// When the last packet was captured.
    pub last: Option<Timestamp>,
    /// Packets, bytes and everything up to whole datagrams.
    #[serde(flatten)]
    pub flow: flow::Counters,
    /// SIP messages.
    pub sip_messages: u64,
    /// SIP messages with faults, and what looked like SIP and wasn't.
    pub sip_malformed: u64,
    /// Messages of dialogs whose start was not seen.
    pub sip_partial: u64,
    /// Inputs older than the engine's time, taken at it.
    pub late: u64,
    /// Legs opened.
    pub legs: u64,
    /// Calls judged.
    pub calls: u64,
    /// Calls by outcome.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Calls that were missed.
    pub missed: u64,
    /// Calls judged early or not followed because there were too many at once.
    pub calls_evicted: u64,
    /// RTP streams, told apart by addresses and SSRC.
    pub rtp_streams: u64,
    /// Legs whose INVITE offers encrypted sound (SRTP), which nobody can hear.
    #[serde(skip_serializing_if = "is_zero")]
    pub srtp_offers: u64,
    /// Voicemails recorded.
    pub recordings: u64,
    /// Packets that taps dropped.
    pub drops: u64,
    /// Places where a capture couldn't be read.
    pub damage: Vec<DamageNote>,
}

/// A place where a capture couldn't be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DamageNote {
    /// The capture.
    pub tap: String,
    /// Byte offset of the first record that couldn't be read.
    pub offset: u64,
    /// What is wrong there.
    pub what: String,
}

impl Summary {
    pub(super) fn of_site(site: &Site) -> Summary {
        let mut summary = Summary::default();
        summary.move_to(site);
        summary
    }

    pub(super) fn move_to(&mut self, site: &Site) {
        let named = site.tz.iana_name().filter(|_| site.tz != TimeZone::UTC);
        self.zone = named.map(str::to_owned);
    }

    /// Adds the places where captures couldn't be read: the capture, the byte offset, what is wrong.
    pub fn with_damage(mut self, places: impl Iterator<Item = (String, u64, String)>) -> Summary {
        self.damage.extend(places.map(|(tap, offset, what)| DamageNote { tap, offset, what }));
        self
    }

    pub(super) fn saw(&mut self, at: Timestamp) {
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        self.last = Some(self.last.map_or(at, |last| last.max(at)));
    }

    pub(super) fn count(&mut self, record: &CallRecord) {
        self.calls += 1;
        self.missed += u64::from(record.missed);
        self.recordings += u64::from(record.recording.is_some());
        *self.outcomes.entry(record.outcome).or_default() += 1;
    }

    pub(super) fn take(&mut self, flow: &flow::Counters, calls: call::Counters, media: &Streams) {
        self.flow = flow.clone();
        self.sip_messages = calls.messages;
        self.sip_malformed = calls.malformed;
        self.sip_partial = calls.partial;
        self.legs = calls.legs;
        self.calls_evicted = calls.evicted;
        self.rtp_streams = media.count();
        self.srtp_offers = calls.srtp_offers;
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

//! The shape of a profile's file, as it is written: one struct a table, one field a key.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize as Shape;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor, value};
use toml::Spanned;

use crate::config::file::{Flag, Listed, OneOrMany, Sub, Text, Whole};

/// Text to text.
pub(in crate::config) type Words = Option<Spanned<BTreeMap<Spanned<String>, Spanned<String>>>>;

#[derive(Debug, Default, Shape)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct File {
    pub system: Text,
    pub extends: Option<Spanned<OneOrMany>>,
    pub did_from: Listed,
    pub noncall_patterns: Listed,
    #[serde(rename = "match")]
    pub recognition: Sub<Match>,
    pub roles: Sub<Roles>,
    pub numbers: Sub<Numbers>,
    pub identity: Sub<Identity>,
    pub diversion: Sub<Diversion>,
    pub history: Sub<History>,
    pub correlate: Sub<Correlate>,
    pub coverage: Sub<Coverage>,
    pub media: Sub<Media>,
    pub answer: Sub<Answer>,
    pub quirks: Sub<Quirks>,
    pub source: Option<Spanned<BTreeMap<Spanned<String>, Spanned<Source>>>>,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Match {
    pub user_agent: Listed,
    pub server: Listed,
    pub header_present: Listed,
    pub sdp_origin: Listed,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Roles {
    pub trunk_peers: Listed,
    pub pbx_hosts: Listed,
    pub phone_nets: Listed,
    pub voicemail_hosts: Listed,
    pub voicemail_media: Listed,
    pub voicemail_pilots: Listed,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Numbers {
    pub country: Text,
    pub area_code: Text,
    pub extension: Text,
    pub strip: Listed,
    pub dids: Listed,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Identity {
    pub caller: Listed,
    pub trust_from: Listed,
    pub anonymous_users: Listed,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Diversion {
    pub headers: Listed,
    pub mailbox: Text,
    pub original: Text,
    pub reason_map: Words,
    pub cause_map: Words,
    pub ignore_if_equals_did: Flag,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct History {
    pub require_cause: Flag,
    pub pilot_params: Listed,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Correlate {
    pub headers: Listed,
    pub callid_prefix: Listed,
    pub callid_suffix: Listed,
    pub window_ms: Whole,
    pub hunt_gap_ms: Whole,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Coverage {
    pub ring_seconds: Option<Spanned<Vec<Spanned<i64>>>>,
    pub style: Text,
    pub elsewhere: Text,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Media {
    pub codecs: Listed,
    pub dtmf: Text,
    pub early_media: Text,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Answer {
    pub mailbox_from: Listed,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Quirks {
    pub flags: Listed,
}

/// Where a key comes from, or a table of keys.
#[derive(Debug)]
pub(in crate::config) enum Source {
    Text(String),
    Table(BTreeMap<Spanned<String>, Spanned<String>>),
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Source, D::Error> {
        d.deserialize_any(SourceVisitor)
    }
}

struct SourceVisitor;

impl<'de> Visitor<'de> for SourceVisitor {
    type Value = Source;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Source, A::Error> {
        Deserialize::deserialize(value::MapAccessDeserializer::new(map)).map(Source::Table)
    }

    fn visit_str<E>(self, text: &str) -> Result<Source, E> {
        Ok(Source::Text(text.to_owned()))
    }
}

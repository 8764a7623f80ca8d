//! The shape of a configuration file, as it is written: one struct a table, one field a key.
//!
//! Nothing is judged here but which keys there are and whether each holds text, a number, a list or a table.
//! Every field is optional, and each value keeps its place, so that the meaning can be judged later with all
//! that is wrong told at its line.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize as Shape;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor, value};
use toml::Spanned;

pub(super) type Text = Option<Spanned<String>>;
pub(super) type Whole = Option<Spanned<i64>>;
pub(super) type Flag = Option<Spanned<bool>>;
pub(super) type Texts = Option<Vec<Spanned<String>>>;
pub(super) type Listed = Option<Spanned<Vec<Spanned<String>>>>;
pub(super) type Sub<T> = Option<Spanned<Table<T>>>;
pub(super) type Many<T> = Option<Vec<Spanned<Table<T>>>>;
pub(super) type Named<T> = Option<BTreeMap<Spanned<String>, Spanned<Table<T>>>>;

/// One text, or a list of them.
#[derive(Debug)]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<Spanned<String>>),
}

/// A table and nothing else: serde's own structs would take a list of values too.
#[derive(Debug)]
pub(super) struct Table<T>(pub T);

#[derive(Debug, Default, Shape)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub schema: Whole,
    pub site: Sub<Site>,
    pub store: Sub<Store>,
    pub voicemail: Sub<Voicemail>,
    pub tape: Sub<Tape>,
    pub control: Sub<Control>,
    pub metrics: Sub<Metrics>,
    pub log: Sub<Log>,
    pub pbx: Sub<Pbx>,
    pub tap: Many<Tap>,
    pub line: Many<Line>,
    pub calendar: Named<Calendar>,
    pub gateway: Named<Gateway>,
    pub consent: Sub<Consent>,
    pub caps: Sub<Caps>,
    pub policy: Sub<Policy>,
    pub template: Named<Template>,
    pub sequence: Named<Sequence>,
    pub test: Many<Test>,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(super) struct Site {
    pub name: Text,
    pub short: Text,
    pub tz: Text,
    pub country: Text,
    pub state: Text,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(super) struct Voicemail {
    pub record: Flag,
    pub folder: Text,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(super) struct Store {
    pub path: Text,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(super) struct Tape {
    pub folder: Text,
    pub keep: Text,
    pub max_mb: Whole,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(super) struct Policy {
    pub records_for: Text,
    pub voicemail_for: Text,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(super) struct Control {
    pub socket: Text,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(super) struct Metrics {
    pub listen: Text,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(super) struct Log {
    pub level: Text,
    pub format: Text,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(super) struct Pbx {
    pub profile: Text,
    pub unverified_ok: Text,
    pub roles: Sub<Roles>,
    pub numbers: Sub<Numbers>,
    pub judge: Sub<Judge>,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(super) struct Roles {
    pub trunk_peers: Listed,
    pub pbx_hosts: Listed,
    pub phone_nets: Listed,
    pub voicemail_hosts: Listed,
    pub voicemail_pilots: Listed,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(super) struct Numbers {
    pub area_code: Text,
    pub extension: Text,
    pub strip: Listed,
    pub dids: Listed,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(super) struct Judge {
    pub min_talk: Text,
    pub min_message: Text,
    pub hunt_gap: Text,
    pub answered_short: Text,
    pub elsewhere: Text,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(super) struct Tap {
    pub id: Text,
    #[serde(rename = "type")]
    pub kind: Text,
    pub interface: Text,
    pub promiscuous: Flag,
    pub ring_mb: Whole,
    pub block_ms: Whole,
    pub listen: Text,
    pub tcp: Flag,
    pub allow: Listed,
    pub key_file: Text,
    pub folder: Text,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    pub id: Text,
    pub did: Option<Spanned<OneOrMany>>,
    pub calendar: Text,
    pub owner: Text,
    pub sms_from: Text,
    pub source: Text,
    pub campaign: Text,
    pub product: Text,
    pub value: Text,
    pub recording: Text,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(super) struct Calendar {
    pub open: Option<Week>,
    pub lunch: Option<Week>,
    pub holidays: Texts,
    pub closed: Many<Closing>,
    pub overflow: Sub<Overflow>,
}

/// Hours by weekday or range of weekdays.
pub(super) type Week = BTreeMap<Spanned<String>, Vec<Spanned<String>>>;

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(super) struct Closing {
    pub date: Text,
    pub from: Text,
    pub to: Text,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(super) struct Overflow {
    pub calls: Whole,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(super) struct Gateway {
    #[serde(rename = "type")]
    pub kind: Text,
    pub path: Text,
    pub from: Text,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(super) struct Consent {
    pub inbound_call: Text,
    pub sign_off: Sub<SignOff>,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(super) struct SignOff {
    pub who: Text,
    pub on: Text,
    pub note: Text,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(super) struct Caps {
    pub per_number: Sub<PerNumber>,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(super) struct PerNumber {
    pub sms: Whole,
    pub within: Text,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(super) struct Template {
    pub class: Text,
    pub text: Text,
    pub variant: Many<Variant>,
    pub max_segments: Whole,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(super) struct Variant {
    pub id: Text,
    pub weight: Whole,
    pub text: Text,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(super) struct Sequence {
    #[serde(rename = "for")]
    pub on: Sub<For>,
    pub on_missed_again: Text,
    pub step: Many<Step>,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(super) struct For {
    pub class: Option<Spanned<OneOrMany>>,
    pub state: Option<Spanned<OneOrMany>>,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    pub id: Text,
    pub after: Text,
    #[serde(rename = "do")]
    pub action: Text,
    pub template: Text,
    pub to: Text,
    pub title: Text,
    pub due: Text,
    pub late: Text,
    pub enabled: Flag,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(super) struct Test {
    pub name: Text,
    pub given: Texts,
    pub call: Sub<TestCall>,
    pub expect: Sub<Expect>,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(super) struct TestCall {
    pub from: Text,
    pub to: Text,
    pub at: Text,
    pub outcome: Text,
    pub lasts: Text,
}

#[derive(Debug, Shape)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    pub class: Text,
    pub state: Text,
    pub owner: Text,
    pub sends: Listed,
    pub skipped: Option<BTreeMap<Spanned<String>, Spanned<String>>>,
    pub tasks: Listed,
    pub review: Text,
    pub reason: Text,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Table<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Table<T>, D::Error> {
        d.deserialize_map(TableVisitor(PhantomData))
    }
}

struct TableVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for TableVisitor<T> {
    type Value = Table<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Table<T>, A::Error> {
        T::deserialize(value::MapAccessDeserializer::new(map)).map(Table)
    }
}

impl OneOrMany {
    /// The texts, each with its place.
    pub fn list(value: Spanned<OneOrMany>) -> Vec<Spanned<String>> {
        let span = value.span();
        match value.into_inner() {
            OneOrMany::One(text) => vec![Spanned::new(span, text)],
            OneOrMany::Many(texts) => texts,
        }
    }

    /// The same of a value that is kept.
    pub fn listed(value: &Spanned<OneOrMany>) -> Vec<Spanned<String>> {
        match value.get_ref() {
            OneOrMany::One(text) => vec![Spanned::new(value.span(), text.clone())],
            OneOrMany::Many(texts) => texts.clone(),
        }
    }
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<OneOrMany, D::Error> {
        d.deserialize_any(OneOrManyVisitor)
    }
}

struct OneOrManyVisitor;

impl<'de> Visitor<'de> for OneOrManyVisitor {
    type Value = OneOrMany;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<OneOrMany, A::Error> {
        Deserialize::deserialize(value::SeqAccessDeserializer::new(seq)).map(OneOrMany::Many)
    }

    fn visit_str<E>(self, text: &str) -> Result<OneOrMany, E> {
        Ok(OneOrMany::One(text.to_owned()))
    }
}

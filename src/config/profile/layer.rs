//! One file of a profile laid over those it extends: each key it sets replaces theirs, with its source.

use std::collections::BTreeMap;

use toml::Spanned;

use super::file::{self, File, Words};
use super::provenance::{self, Key, Sources};
use super::{Profiled, value};
use crate::config::file::{Flag, Listed, Table, Text, Whole};
use crate::config::reading::Reading;
use crate::config::value::Wrong;
use crate::settings::{Judge, Numbers, Pbx, Profile, Roles};
use crate::time::Span;

/// What the layers so far amount to.
pub(super) struct Draft {
    pub system: String,
    pub pbx: Pbx,
    pub keys: Vec<Key>,
}

/// Lays a file over the draft.
pub(super) fn apply(reading: &mut Reading<'_>, draft: &mut Draft, file: File, name: &str) {
    draft.begin(name);
    let sources = Sources::read(reading, file.source);
    let mut layer = Layer { reading, draft, sources, name };
    layer.top(file.system, file.did_from, file.noncall_patterns);
    layer.table(file.recognition, Layer::recognition);
    layer.table(file.roles, Layer::roles);
    layer.table(file.numbers, Layer::numbers);
    layer.table(file.identity, Layer::identity);
    layer.table(file.diversion, Layer::diversion);
    layer.table(file.history, |layer, history: file::History| {
        let require = layer.flag("history.require_cause", history.require_cause);
        let pilots = layer.list("history.pilot_params", history.pilot_params, value::small);
        let diversion = &mut layer.draft.pbx.profile.diversion;
        put(&mut diversion.require_cause, require);
        put(&mut diversion.pilot_params, pilots);
    });
    layer.table(file.correlate, Layer::correlate);
    layer.table(file.coverage, Layer::coverage);
    layer.table(file.media, Layer::media);
    layer.table(file.answer, |layer, answer: file::Answer| {
        let from = layer.list("answer.mailbox_from", answer.mailbox_from, value::mailbox_from);
        put(&mut layer.draft.pbx.profile.mailbox_from, from);
    });
    layer.table(file.quirks, |layer, quirks: file::Quirks| {
        let flags = layer.list("quirks.flags", quirks.flags, value::quirk);
        put(&mut layer.draft.pbx.profile.quirks, flags);
    });
    let Layer { reading, sources, .. } = layer;
    sources.tell_unused(reading);
}

struct Layer<'l, 'p> {
    reading: &'l mut Reading<'p>,
    draft: &'l mut Draft,
    sources: Sources,
    name: &'l str,
}

impl Layer<'_, '_> {
    fn top(&mut self, system: Text, did_from: Listed, noncalls: Listed) {
        if let Some(system) = system {
            self.draft.system = system.into_inner();
        }
        let did_from = self.list("did_from", did_from, value::place);
        put(&mut self.draft.pbx.profile.did_from, did_from);
        let noncalls = self.list("noncall_patterns", noncalls, value::header_with_pattern);
        put(&mut self.draft.pbx.profile.noncalls, noncalls);
    }

    fn recognition(&mut self, wanted: file::Match) {
        let user_agent = self.list("match.user_agent", wanted.user_agent, value::pattern);
        let server = self.list("match.server", wanted.server, value::pattern);
        let present = self.list("match.header_present", wanted.header_present, value::header_pattern);
        let origin = self.list("match.sdp_origin", wanted.sdp_origin, value::pattern);
        let recognition = &mut self.draft.pbx.profile.recognition;
        put(&mut recognition.user_agent, user_agent);
        put(&mut recognition.server, server);
        put(&mut recognition.header_present, present);
        put(&mut recognition.sdp_origin, origin);
    }

    fn roles(&mut self, roles: file::Roles) {
        let trunk_peers = self.list("roles.trunk_peers", roles.trunk_peers, value::net);
        let pbx_hosts = self.list("roles.pbx_hosts", roles.pbx_hosts, value::net);
        let phone_nets = self.list("roles.phone_nets", roles.phone_nets, value::net);
        let hosts = self.list("roles.voicemail_hosts", roles.voicemail_hosts, value::net);
        let media = self.list("roles.voicemail_media", roles.voicemail_media, value::net);
        let pilots = self.list("roles.voicemail_pilots", roles.voicemail_pilots, value::pattern);
        let roles = &mut self.draft.pbx.roles;
        put(&mut roles.trunk_peers, trunk_peers);
        put(&mut roles.pbx_hosts, pbx_hosts);
        put(&mut roles.phone_nets, phone_nets);
        put(&mut roles.voicemail_hosts, hosts);
        put(&mut roles.voicemail_pilots, pilots);
        put(&mut roles.voicemail_media, media);
    }

    fn numbers(&mut self, numbers: file::Numbers) {
        let country = self.text("numbers.country", numbers.country, value::country);
        let area_code = self.text("numbers.area_code", numbers.area_code, value::area_code);
        let extension = self.text("numbers.extension", numbers.extension, value::pattern);
        let strip = self.list("numbers.strip", numbers.strip, value::strip);
        let dids = self.list("numbers.dids", numbers.dids, value::number);
        let numbers = &mut self.draft.pbx.numbers;
        put(&mut numbers.country, country.map(Some));
        put(&mut numbers.area_code, area_code.map(Some));
        put(&mut numbers.extension, extension.map(Some));
        put(&mut numbers.strip, strip);
        put(&mut numbers.dids, dids);
    }

    fn identity(&mut self, identity: file::Identity) {
        let caller = self.list("identity.caller", identity.caller, value::caller_from);
        let trust = self.list("identity.trust_from", identity.trust_from, value::sender);
        let nobody = self.list("identity.anonymous_users", identity.anonymous_users, value::small);
        let identity = &mut self.draft.pbx.profile.identity;
        put(&mut identity.caller, caller);
        put(&mut identity.trust_from, trust);
        put(&mut identity.anonymous_users, nobody);
    }

    fn diversion(&mut self, told: file::Diversion) {
        let headers = self.list("diversion.headers", told.headers, value::diversion_header);
        let mailbox = self.text("diversion.mailbox", told.mailbox, value::end);
        let original = self.text("diversion.original", told.original, value::end);
        let reasons = self.words("diversion.reason_map", told.reason_map, value::small);
        let causes = self.words("diversion.cause_map", told.cause_map, value::cause);
        let ignore = self.flag("diversion.ignore_if_equals_did", told.ignore_if_equals_did);
        let diversion = &mut self.draft.pbx.profile.diversion;
        put(&mut diversion.headers, headers);
        put(&mut diversion.mailbox, mailbox);
        put(&mut diversion.original, original);
        put(&mut diversion.reasons, reasons);
        put(&mut diversion.causes, causes);
        put(&mut diversion.ignore_if_equals_did, ignore);
    }

    fn correlate(&mut self, told: file::Correlate) {
        let headers = self.list("correlate.headers", told.headers, value::key_from);
        let prefix = self.list("correlate.callid_prefix", told.callid_prefix, value::prefix);
        let suffix = self.list("correlate.callid_suffix", told.callid_suffix, value::suffix);
        let window = self.millis("correlate.window_ms", told.window_ms);
        let hunt_gap = self.millis("correlate.hunt_gap_ms", told.hunt_gap_ms);
        let Pbx { profile, judge, .. } = &mut self.draft.pbx;
        put(&mut profile.correlate.headers, headers);
        put(&mut profile.correlate.callid_prefix, prefix);
        put(&mut profile.correlate.callid_suffix, suffix);
        put(&mut profile.correlate.window, window.map(Some));
        put(&mut judge.hunt_gap, hunt_gap);
    }

    fn coverage(&mut self, told: file::Coverage) {
        let style = self.text("coverage.style", told.style, value::style);
        let elsewhere = self.text("coverage.elsewhere", told.elsewhere, value::elsewhere);
        let rings = self.take("coverage.ring_seconds", told.ring_seconds).map(|seconds| {
            let each = |seconds: Spanned<i64>| self.reading.whole("ring_seconds", Some(seconds), 1..=600);
            let seconds = seconds.into_iter().filter_map(each);
            seconds.map(|seconds| Span::from_secs(i64::from(seconds))).collect()
        });
        let coverage = &mut self.draft.pbx.profile.coverage;
        put(&mut coverage.rings, rings);
        put(&mut coverage.style, style.map(Some));
        put(&mut coverage.elsewhere, elsewhere);
    }

    fn media(&mut self, told: file::Media) {
        let codecs = self.list("media.codecs", told.codecs, value::codec);
        let dtmf = self.text("media.dtmf", told.dtmf, value::dtmf);
        let early = self.text("media.early_media", told.early_media, value::early_media);
        let media = &mut self.draft.pbx.profile.media;
        put(&mut media.codecs, codecs);
        put(&mut media.dtmf, dtmf.map(Some));
        put(&mut media.early_media, early.map(Some));
    }

    fn table<T>(&mut self, table: Option<Spanned<Table<T>>>, read: impl FnOnce(&mut Self, T)) {
        if let Some(table) = table {
            read(self, table.into_inner().0);
        }
    }

    /// A key's value, and where it is known from; none if it isn't set here, or left out.
    fn take<T>(&mut self, key: &'static str, value: Option<Spanned<T>>) -> Option<T> {
        let value = value?;
        let spot = self.reading.spot(&value);
        let source = self.sources.of(self.reading, key, spot);
        let shown = self.reading.raw(value.span());
        self.draft.set(Key { key: key.to_owned(), value: shown, source, from: self.name.to_owned() });
        Some(value.into_inner())
    }

    fn list<T>(
        &mut self,
        key: &'static str,
        texts: Listed,
        meaning: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<Vec<T>> {
        let texts = self.take(key, texts)?;
        Some(self.reading.meanings(last(key), &texts, meaning))
    }

    fn text<T>(
        &mut self,
        key: &'static str,
        text: Text,
        meaning: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        let at = text.as_ref().map(Spanned::span)?;
        let text = self.take(key, text)?;
        self.reading.parse(last(key), &Spanned::new(at, text), meaning)
    }

    fn flag(&mut self, key: &'static str, flag: Flag) -> Option<bool> {
        self.take(key, flag)
    }

    fn millis(&mut self, key: &'static str, number: Whole) -> Option<Span> {
        let at = number.as_ref().map(Spanned::span)?;
        let number = self.take(key, number)?;
        let number = self.reading.whole(last(key), Some(Spanned::new(at, number)), 0..=60_000)?;
        Some(Span::from_millis(i64::from(number)))
    }

    /// Words to why a call was diverted.
    fn words<K: Ord>(
        &mut self,
        key: &'static str,
        words: Words,
        meaning: impl Fn(&str) -> Result<K, Wrong>,
    ) -> Option<BTreeMap<K, crate::settings::DivertedFor>> {
        let words = self.take(key, words)?;
        let mut pairs: Vec<_> = words.iter().collect();
        pairs.sort_by_key(|(word, _)| word.span().start);
        let each = |(word, meant): &(&Spanned<String>, &Spanned<String>)| {
            format!("{} = \"{}\"", word.get_ref(), meant.get_ref())
        };
        let shown = pairs.iter().map(each).collect::<Vec<_>>().join(", ");
        self.draft.show(key, format!("{{ {shown} }}"));
        let mut map = BTreeMap::new();
        for (word, meant) in words {
            let word = self.reading.parse(last(key), &word, &meaning);
            let meant = self.reading.parse(last(key), &meant, value::diverted_for);
            map.extend(word.zip(meant));
        }
        Some(map)
    }
}

impl Default for Draft {
    fn default() -> Draft {
        let pbx = Pbx {
            roles: Roles::default(),
            numbers: Numbers::default(),
            judge: Judge { hunt_gap: Span::ZERO, ..Judge::default() },
            profile: Profile::bare(),
        };
        Draft { system: String::new(), pbx, keys: Vec::new() }
    }
}

impl Draft {
    /// What a system is recognised by is its own, not that of what it extends.
    fn begin(&mut self, name: &str) {
        name.clone_into(&mut self.system);
        name.clone_into(&mut self.pbx.profile.name);
        self.pbx.profile.recognition = Default::default();
        self.keys.retain(|key| !key.key.starts_with("match."));
    }

    fn set(&mut self, key: Key) {
        match self.keys.iter_mut().find(|known| known.key == key.key) {
            Some(known) => *known = key,
            None => self.keys.push(key),
        }
    }

    /// A value's text where the file's own wouldn't do.
    fn show(&mut self, key: &str, shown: String) {
        if let Some(known) = self.keys.iter_mut().find(|known| known.key == key) {
            known.value = shown;
        }
    }

    pub fn into_profiled(mut self) -> Profiled {
        provenance::sort(&mut self.keys);
        Profiled { system: self.system, pbx: self.pbx, keys: self.keys }
    }
}

fn put<T>(slot: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *slot = value;
    }
}

/// The key within its table.
fn last(key: &'static str) -> &'static str {
    key.rsplit('.').next().unwrap_or(key)
}

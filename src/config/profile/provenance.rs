//! Where each key of a profile is known from, and whether texts may rest on it.
//!
//! A profile whose deciding keys rest on nothing is good enough to judge by, not to text by: a site says so
//! itself (`unverified_ok`), writes the keys in its own `[pbx]`, or runs `ringback learn`.

use std::collections::BTreeMap;

use toml::Spanned;

use super::file::Source;
use crate::config::reading::Reading;
use crate::config::spot::{Spot, instead};
use crate::settings::Unverified;

/// The source of what has none.
pub const UNVERIFIED: &str = "unverified";

/// The keys that decide whether a call was missed.
const DECIDING: [&str; 10] = [
    "roles.trunk_peers",
    "roles.pbx_hosts",
    "roles.phone_nets",
    "roles.voicemail_hosts",
    "roles.voicemail_media",
    "roles.voicemail_pilots",
    "coverage.style",
    "coverage.elsewhere",
    "diversion.headers",
    "history.require_cause",
];

/// The order in which tables are told, that of the files.
const TABLES: [&str; 13] = [
    "did_from",
    "noncall_patterns",
    "match",
    "roles",
    "numbers",
    "identity",
    "diversion",
    "history",
    "correlate",
    "coverage",
    "media",
    "answer",
    "quirks",
];

/// One key of a profile, as `check --profile` prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name with its table's, `coverage.style`.
    pub key: String,
    /// Its value as it is written, on one line.
    pub value: String,
    /// Where it is known from; `unverified` if it isn't.
    pub source: String,
    /// The profile that sets it, or `file:line` of the site's own.
    pub from: String,
}

impl Key {
    /// Whether its source is one.
    pub fn is_verified(&self) -> bool {
        self.source != UNVERIFIED
    }

    /// Whether it decides if a call was missed.
    pub fn is_deciding(&self) -> bool {
        DECIDING.contains(&self.key.as_str())
    }
}

/// Puts keys in the order of their tables, and within one by name.
pub(in crate::config) fn sort(keys: &mut [Key]) {
    let place = |key: &Key| {
        let table = key.key.split('.').next().unwrap_or_default();
        TABLES.iter().position(|known| *known == table).unwrap_or(TABLES.len())
    };
    keys.sort_by_cached_key(|key| (place(key), key.key.clone()));
}

/// Why texts are refused; none if every deciding key has a source, and who is who is known.
pub(in crate::config) fn judge(profile: &str, keys: &[Key]) -> Option<Unverified> {
    let shaky = keys.iter().filter(|key| key.is_deciding() && !key.is_verified());
    let mut wanting: Vec<String> = shaky.map(|key| key.key.clone()).collect();
    let known = |name: &str| keys.iter().any(|key| key.key == name);
    if !known("roles.trunk_peers") && !known("roles.pbx_hosts") {
        wanting.insert(0, "roles".to_owned());
    }
    (!wanting.is_empty()).then(|| Unverified { profile: profile.to_owned(), keys: wanting })
}

/// The `[source]` table of one file.
pub(super) struct Sources {
    said: BTreeMap<String, Said>,
    set: Vec<&'static str>,
}

struct Said {
    text: String,
    spot: Spot,
}

impl Sources {
    pub fn read(
        reading: &Reading<'_>,
        table: Option<Spanned<BTreeMap<Spanned<String>, Spanned<Source>>>>,
    ) -> Sources {
        let mut said = BTreeMap::new();
        for (name, source) in table.map(Spanned::into_inner).unwrap_or_default() {
            let spot = reading.spot(&name);
            match source.into_inner() {
                Source::Text(text) => drop(said.insert(name.into_inner(), Said { text, spot })),
                Source::Table(keys) => said.extend(keys.into_iter().map(|(key, text)| {
                    let spot = reading.spot(&key);
                    (format!("{}.{}", name.get_ref(), key.get_ref()), Said { text: text.into_inner(), spot })
                })),
            }
        }
        Sources { said, set: Vec::new() }
    }

    /// Where a key that is set at `spot` is known from; told if the file doesn't say.
    pub fn of(&mut self, reading: &mut Reading<'_>, key: &'static str, spot: Spot) -> String {
        self.set.push(key);
        match self.said.get(key) {
            Some(said) if !said.text.trim().is_empty() => said.text.trim().to_owned(),
            Some(said) => {
                reading.problems.error(said.spot, format!("`{key}` in [source] is empty; {WHAT_TO_WRITE}"));
                UNVERIFIED.to_owned()
            }
            None => {
                reading.problems.error(spot, format!("`{key}` has no source; in [source], {WHAT_TO_WRITE}"));
                UNVERIFIED.to_owned()
            }
        }
    }

    /// Tells sources of keys that the file doesn't set.
    pub fn tell_unused(self, reading: &mut Reading<'_>) {
        for (key, said) in self.said.iter().filter(|(key, _)| !self.set.contains(&key.as_str())) {
            let set: Vec<&str> =
                self.set.iter().copied().filter(|set| !self.said.contains_key(*set)).collect();
            let text = format!("`{key}` in [source]: the file sets no such key{}", instead(key, &set));
            reading.problems.error(said.spot, text);
        }
    }
}

const WHAT_TO_WRITE: &str = "write where it is known from, or \"unverified\"";

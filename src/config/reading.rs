//! The meaning of the files read so far, and the ways sections have to ask for a value.
//!
//! A value that is wrong is told and left out; the settings are thrown away in the end if anything was.

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;

use super::file::{File, Many, Named, Sub, Table, Text, Texts, Whole};
use super::later;
use super::profile::Key;
use super::spot::{Problems, Spot, instead};
use super::trial::Trial;
use super::value::{self, Wrong};
use super::wording::Said;
use crate::settings::Settings;

/// What was read, and where.
pub(super) struct Reading<'p> {
    pub problems: &'p mut Problems,
    pub settings: Settings,
    /// Where each section, and each id of a section, is defined.
    pub defined: BTreeMap<(&'static str, String), Spot>,
    /// Each mention of another section's id.
    pub references: Vec<Reference>,
    /// Each text of a template.
    pub said: Vec<Said>,
    /// The tests of the rules.
    pub trials: Vec<Trial>,
    /// The keys of the PBX and where each is known from.
    pub keys: Vec<Key>,
    /// Why the site accepts what is unverified.
    pub accepted: Option<String>,
    /// The file being taken in.
    file: usize,
}

/// A mention of another section's id.
pub(super) struct Reference {
    pub spot: Spot,
    /// The key it is given to.
    pub key: &'static str,
    /// The section the id must be in.
    pub section: &'static str,
    pub id: String,
}

/// A table being read: where it begins, and its header.
#[derive(Clone)]
pub(super) struct Here {
    pub spot: Spot,
    pub header: String,
}

impl<'p> Reading<'p> {
    pub fn new(problems: &'p mut Problems) -> Reading<'p> {
        Reading {
            problems,
            settings: Settings::default(),
            defined: BTreeMap::new(),
            references: Vec::new(),
            said: Vec::new(),
            trials: Vec::new(),
            keys: Vec::new(),
            accepted: None,
            file: 0,
        }
    }

    /// A reading of one file that is no configuration.
    pub fn of(problems: &'p mut Problems, file: usize) -> Reading<'p> {
        Reading { file, ..Reading::new(problems) }
    }

    /// Takes in one file.
    pub fn take_in(&mut self, number: usize, file: File) {
        self.file = number;
        self.schema(file.schema);
        self.one("site", file.site, Self::site);
        self.one("store", file.store, Self::store);
        self.one("voicemail", file.voicemail, Self::voicemail);
        self.one("tape", file.tape, Self::tape);
        self.one("control", file.control, Self::control);
        self.one("metrics", file.metrics, Self::metrics);
        self.one("log", file.log, Self::log);
        if let Some(pbx) = file.pbx {
            self.pbx(pbx.into_inner().0);
        }
        self.one("consent", file.consent, Self::consent);
        self.one("caps", file.caps, Self::caps);
        self.one("policy", file.policy, Self::policy);
        self.each_named("calendar", file.calendar, Self::calendar);
        self.each_named("gateway", file.gateway, Self::gateway);
        self.each_named("template", file.template, Self::template);
        self.each_named("sequence", file.sequence, Self::sequence);
        for tap in file.tap.unwrap_or_default() {
            let here = self.here(&tap, "[[tap]]");
            self.tap(&here, tap.into_inner().0);
        }
        for line in file.line.unwrap_or_default() {
            let here = self.here(&line, "[[line]]");
            self.line(&here, line.into_inner().0);
        }
        self.each(file.test, "[[test]]", Self::test);
    }

    /// `schema = 1`, which the first file must have.
    fn schema(&mut self, schema: Whole) {
        let start = Spot { file: self.file, at: 0 };
        match schema {
            Some(schema) if *schema.get_ref() != 1 => {
                let text =
                    format!("schema {} is not known to this version; write schema = 1", schema.get_ref());
                self.problems.error(self.spot(&schema), text);
            }
            None if self.file == 0 && !self.problems.is_excused(start, "schema") => {
                self.problems.error(start, "there is no `schema`; write schema = 1 on the first line");
            }
            _ => {}
        }
    }

    pub fn spot<T>(&self, value: &Spanned<T>) -> Spot {
        Spot::new(self.file, value.span())
    }

    pub fn here<T>(&self, table: &Spanned<T>, header: impl Into<String>) -> Here {
        Here { spot: self.spot(table), header: header.into() }
    }

    /// The folder that paths of this file begin at.
    pub fn folder(&self) -> std::path::PathBuf {
        let path = &self.problems.source(self.file).path;
        path.parent().map(ToOwned::to_owned).unwrap_or_default()
    }

    /// Reads a section that may be there once.
    pub fn one<T>(&mut self, name: &'static str, table: Sub<T>, read: fn(&mut Self, &Here, T)) {
        let Some(table) = table else { return };
        let here = self.here(&table, format!("[{name}]"));
        if self.define(name, "", here.spot) {
            read(self, &here, table.into_inner().0);
        }
    }

    /// Reads the tables of a section, in the order of the file.
    fn each_named<T>(&mut self, name: &'static str, tables: Named<T>, read: fn(&mut Self, &Here, String, T)) {
        let mut tables: Vec<_> = tables.unwrap_or_default().into_iter().collect();
        tables.sort_by_key(|(_, table)| table.span().start);
        for (id, table) in tables {
            let here = self.here(&table, format!("[{name}.{}]", id.get_ref()));
            let at = self.spot(&id);
            let fits = self.parse("the id", &id, value::id);
            if self.define(name, id.get_ref(), at)
                && let Some(id) = fits
            {
                read(self, &here, id, table.into_inner().0);
            }
        }
    }

    /// Reads the tables of a list.
    pub fn each<T, R>(
        &mut self,
        tables: Many<T>,
        header: &str,
        mut read: impl FnMut(&mut Self, &Here, T) -> R,
    ) -> Vec<R> {
        let read_one = |table: Spanned<Table<T>>| {
            let here = self.here(&table, header);
            read(self, &here, table.into_inner().0)
        };
        tables.unwrap_or_default().into_iter().map(read_one).collect()
    }

    /// Notes where a section, or an id of one, is defined; false, and told, if it is already.
    pub fn define(&mut self, section: &'static str, id: &str, spot: Spot) -> bool {
        let first = *self.defined.entry((section, id.to_owned())).or_insert(spot);
        if first == spot {
            return true;
        }
        let place = self.problems.place(first);
        let text = match (section, id) {
            (section, "") => format!("[{section}] is already in {place}; keep one"),
            ("line" | "tap", id) => {
                format!("a {section} `{id}` is already in {place}; give this one another id")
            }
            (section, id) => format!("[{section}.{id}] is already in {place}; give this one another id"),
        };
        self.problems.error(spot, text);
        false
    }

    /// The meaning of a value; none, and told, if it has none.
    pub fn parse<T>(
        &mut self,
        key: &str,
        text: &Spanned<String>,
        meaning: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        match meaning(text.get_ref()) {
            Ok(meaning) => Some(meaning),
            Err(wrong) => {
                let key = if key.contains(' ') { key.to_owned() } else { format!("`{key}`") };
                self.problems.error(self.spot(text), format!("{key}: {wrong}"));
                None
            }
        }
    }

    /// The meaning of a value that may be missing.
    pub fn optional<T>(
        &mut self,
        key: &str,
        text: Text,
        meaning: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        text.and_then(|text| self.parse(key, &text, meaning))
    }

    /// A key that must be there: its value, or none and told with an example.
    pub fn needed<T>(&mut self, here: &Here, key: &str, value: Option<T>, example: &str) -> Option<T> {
        if value.is_none() && !self.problems.is_excused(here.spot, key) {
            let text = format!("{} has no `{key}`; write {key} = {example}", here.header);
            self.problems.error(here.spot, text);
        }
        value
    }

    /// The meanings of a list; what has none is told and left out.
    pub fn list<T>(&mut self, key: &str, texts: Texts, meaning: impl Fn(&str) -> Result<T, Wrong>) -> Vec<T> {
        self.meanings(key, &texts.unwrap_or_default(), meaning)
    }

    /// The meanings of a list that is there.
    pub fn meanings<T>(
        &mut self,
        key: &str,
        texts: &[Spanned<String>],
        meaning: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Vec<T> {
        texts.iter().filter_map(|text| self.parse(key, text, &meaning)).collect()
    }

    /// A value as it is written, on one line.
    pub fn raw(&self, span: Range<usize>) -> String {
        let text = self.problems.source(self.file).text.get(span).unwrap_or_default();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// One of a few words, as its index; words of later versions are refused by name.
    pub fn word(&mut self, key: &str, text: &Spanned<String>, words: &[&str]) -> Option<usize> {
        let word = text.get_ref().as_str();
        if let Some(found) = words.iter().position(|known| *known == word) {
            return Some(found);
        }
        let text = self.spot(text);
        if later::is_value(key, word) {
            let known = words.join(", ");
            let told =
                format!("{key} = \"{word}\" is not understood yet by this version; it understands {known}");
            self.problems.error(text, told);
        } else {
            self.problems.error(text, format!("`{key}` can't be `{word}`{}", instead(word, words)));
        }
        None
    }

    /// A whole number within bounds.
    pub fn whole(&mut self, key: &str, value: Whole, bounds: RangeInclusive<i64>) -> Option<u32> {
        let value = value?;
        let number = *value.get_ref();
        match u32::try_from(number).ok().filter(|_| bounds.contains(&number)) {
            Some(number) => Some(number),
            None => {
                let (least, most) = bounds.into_inner();
                let text = format!("`{key}` can't be {number}; write a whole number from {least} to {most}");
                self.problems.error(self.spot(&value), text);
                None
            }
        }
    }

    /// A mention of another section's id, which is looked up once all files are read.
    pub fn refer(&mut self, key: &'static str, section: &'static str, id: Text) -> Option<String> {
        let id = id?;
        self.references.push(Reference { spot: self.spot(&id), key, section, id: id.get_ref().clone() });
        Some(id.into_inner())
    }
}

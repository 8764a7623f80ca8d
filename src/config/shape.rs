//! Text to the shape of a file, telling every key and value that doesn't fit.
//!
//! serde stops at the first thing it dislikes. So that is told in plain words, taken out of the tree, and the
//! rest is read again, until all of it fits.

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer, Error};

use super::example;
use super::later;
use super::spot::{Problems, Spot, instead, nearest};
use super::syntax;
use super::value;
use crate::phone::Number;

/// Reads one file; none if it isn't TOML, which has been told then.
pub(super) fn read<T: DeserializeOwned>(problems: &mut Problems, file: usize) -> Option<T> {
    let text = problems.source(file).text.clone();
    let (mut tree, errors) = DeTable::parse_recoverable(&text);
    if !errors.is_empty() {
        syntax::tell(problems, file, &errors);
        return None;
    }
    for _ in 0..MOST {
        match T::deserialize(Deserializer::from(tree.clone())) {
            Ok(shape) => return Some(shape),
            Err(error) => take_out(problems, file, &mut tree, &error)?,
        }
    }
    problems.error(Spot { file, at: text.len() }, "there is more that is wrong; mend the above first");
    None
}

/// So much that doesn't fit is told of one file.
const MOST: usize = 100;

/// Tells what doesn't fit and takes it out; none if it can't be found.
fn take_out(
    problems: &mut Problems,
    file: usize,
    tree: &mut Spanned<DeTable<'_>>,
    error: &Error,
) -> Option<()> {
    let root = tree.span();
    let at = error.span().unwrap_or(root.clone());
    let Some(misfit) = find(tree.get_ref(), root, &at) else {
        problems.error(Spot::new(file, at), error.message());
        return None;
    };
    let source = &problems.source(file).text;
    let lacks_id = lacks_id(source, tree.get_ref(), &misfit, error.message());
    let text = match lacks_id {
        Some((section, key)) if LISTS.contains(&key) => {
            let id = first_id(tree.get_ref(), section, key);
            format!("[[{section}.{key}]] needs the id of its {section}; write it as [[{section}.{id}.{key}]]")
        }
        Some((section, key)) => {
            format!("[{section}] needs an id; write it as [{section}.ID], and `{key}` below it")
        }
        None => words(source, &misfit, error.message()),
    };
    problems.error(Spot::new(file, at), text);
    excuse_owners(problems, file, tree.get_ref(), misfit.key());
    let table = Spot::new(file, misfit.table.clone());
    problems.excuse(table, misfit.key());
    if later::stands_for_after(misfit.key()) {
        problems.excuse(table, "after");
    }
    for meant in meant(misfit.key(), error.message()) {
        problems.excuse(table, meant);
    }
    let depth = if lacks_id.is_some() { 2 } else { misfit.path.len() };
    let mut path = misfit.path;
    path.truncate(depth);
    remove(tree.get_mut(), &path);
    Some(())
}

/// Lists of tables below a table with an id.
const LISTS: [&str; 3] = ["step", "variant", "closed"];

/// The first id of a section, beside a `key` that was written in its place.
fn first_id<'t>(tree: &'t DeTable<'_>, section: &str, key: &str) -> &'t str {
    let ids = tree.get(section).and_then(|section| section.get_ref().as_table());
    let id = ids.and_then(|ids| ids.keys().map(|id| id.get_ref()).find(|id| *id != key));
    id.map_or("ID", AsRef::as_ref)
}

/// A step or variant that stands in the wrong place was told: that its sequence or template lacks it is no
/// second error, nor that a template has no text where the text went to its variant.
fn excuse_owners(problems: &mut Problems, file: usize, tree: &DeTable<'_>, key: &str) {
    let (section, lacked) = match key {
        "step" => ("sequence", "step"),
        "variant" => ("template", "text"),
        _ => return,
    };
    let owners = tree.get(section).and_then(|section| section.get_ref().as_table());
    for (_, owner) in owners.into_iter().flatten() {
        problems.excuse(Spot::new(file, owner.span()), lacked);
    }
}

/// The keys that may be meant by one that isn't known.
fn meant<'m>(key: &str, message: &'m str) -> impl Iterator<Item = &'m str> {
    nearest(key, expected(message)).into_iter().chain(example::renamed(key, expected(message)))
}

/// The section and its key, if the misfit comes of `[calendar]` written for `[calendar.ID]`: what should be a
/// table with an id is no table, or one in braces named as a key of such a table.
fn lacks_id<'m>(
    source: &str,
    tree: &DeTable<'_>,
    misfit: &'m Misfit<'_>,
    message: &str,
) -> Option<(&'m str, &'m str)> {
    let (section, key) = match &misfit.path[..] {
        [Hop::Key(section), Hop::Key(key), ..] if has_ids(section) => (section, key),
        _ => return None,
    };
    if misfit.path.len() == 2 {
        let named = raw(source, misfit).starts_with("[[") && !LISTS.contains(&&**key);
        return (message.ends_with("expected a map") && !named).then_some((section, key));
    }
    let table = tree.get(section.as_str())?.get_ref().as_table()?.get(key.as_str())?;
    let in_braces = source.get(table.span()).is_some_and(|raw| raw.starts_with('{'));
    (in_braces && expected(message).any(|name| name == key)).then_some((section, key))
}

/// A key, or an item of a list, that doesn't fit.
struct Misfit<'t> {
    path: Vec<Hop>,
    /// Where the innermost table around it stands.
    table: Range<usize>,
    value: &'t Spanned<DeValue<'t>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hop {
    Key(String),
    Item(usize),
}

impl Misfit<'_> {
    /// The innermost key.
    fn key(&self) -> &str {
        self.keys().next_back().unwrap_or_default()
    }

    fn keys(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.path.iter().filter_map(|hop| match hop {
            Hop::Key(key) => Some(key.as_str()),
            Hop::Item(_) => None,
        })
    }

    /// The keys of the table around it.
    fn around(&self) -> Vec<&str> {
        let mut keys: Vec<&str> = self.keys().collect();
        keys.pop();
        keys
    }

    /// The table around it as its header would be written.
    fn header(&self) -> String {
        let in_list = self.path.len() >= 2 && matches!(self.path[self.path.len() - 2], Hop::Item(_));
        let keys = self.around().join(".");
        if in_list { format!("[[{keys}]]") } else { format!("[{keys}]") }
    }
}

/// Finds what stands at `at`: a key, or a value.
fn find<'t>(table: &'t DeTable<'t>, span: Range<usize>, at: &Range<usize>) -> Option<Misfit<'t>> {
    table.iter().find_map(|(key, value)| {
        let mut found = match key.span() == *at || value.span() == *at {
            true => Some(Misfit { path: Vec::new(), table: span.clone(), value }),
            false => within(value, &span, at),
        }?;
        found.path.insert(0, Hop::Key(key.get_ref().to_string()));
        Some(found)
    })
}

fn within<'t>(
    value: &'t Spanned<DeValue<'t>>,
    around: &Range<usize>,
    at: &Range<usize>,
) -> Option<Misfit<'t>> {
    match value.get_ref() {
        DeValue::Table(table) => find(table, value.span(), at),
        DeValue::Array(items) => items.iter().enumerate().find_map(|(n, item)| {
            let mut found = match item.span() == *at {
                true => Some(Misfit { path: Vec::new(), table: around.clone(), value: item }),
                false => within(item, around, at),
            }?;
            found.path.insert(0, Hop::Item(n));
            Some(found)
        }),
        _ => None,
    }
}

fn remove(table: &mut DeTable<'_>, path: &[Hop]) {
    match path {
        [Hop::Key(key)] => drop(table.remove(key.as_str())),
        [Hop::Key(key), rest @ ..] => {
            if let Some(value) = table.get_mut(key.as_str()) {
                remove_within(value.get_mut(), rest);
            }
        }
        _ => {}
    }
}

fn remove_within(value: &mut DeValue<'_>, path: &[Hop]) {
    match (value, path) {
        (DeValue::Table(table), path) => remove(table, path),
        (DeValue::Array(items), [Hop::Item(n), rest @ ..]) => match rest {
            [] => {
                *items =
                    items.iter().enumerate().filter(|(i, _)| i != n).map(|(_, item)| item.clone()).collect()
            }
            rest => {
                if let Some(item) = items.get_mut(*n) {
                    remove_within(item.get_mut(), rest);
                }
            }
        },
        _ => {}
    }
}

/// What is wrong, from serde's message: an unknown key, or a value of the wrong kind.
fn words(source: &str, misfit: &Misfit<'_>, message: &str) -> String {
    match (message.starts_with("unknown field"), misfit.value.get_ref()) {
        (true, value) if !matches!(value, DeValue::Datetime(_)) || expected(message).count() > 0 => {
            unknown(misfit, &expected(message).collect::<Vec<_>>())
        }
        _ => wrong_kind(source, misfit, message.rsplit("expected ").next().unwrap_or_default()),
    }
}

/// The names serde would have taken: all in backticks after "expected".
fn expected(message: &str) -> impl Iterator<Item = &str> {
    message.split_once(", expected ").map_or("", |(_, names)| names).split('`').skip(1).step_by(2)
}

fn unknown(misfit: &Misfit<'_>, expected: &[&str]) -> String {
    let (key, around) = (misfit.key(), misfit.around());
    let section = around.is_empty();
    let shown = match misfit.value.get_ref() {
        DeValue::Table(_) | DeValue::Array(_) if section => format!("[{key}]"),
        _ if section => format!("`{key}` before the first table"),
        _ => format!("`{key}` in {}", misfit.header()),
    };
    let later = later::keys(&generic(&around));
    if later.contains(&key) {
        return format!("{shown} is not understood yet by this version; remove it");
    }
    if key == "schema" {
        return format!("{shown} does not count; write it on the first line, before any table");
    }
    let kind = if shown.starts_with('[') { "section" } else { "key" };
    if let Some(meant) = example::renamed(key, expected.iter().copied()) {
        return format!("unknown {kind} {shown}; write `{meant}`");
    }
    if let Some(place) = example::place(key).filter(|_| section) {
        return format!("there is no {shown}; write it as {place}");
    }
    let slip = nearest(key, expected.iter().copied());
    match (slip, nearest(key, later.iter().copied())) {
        (None, Some(meant)) => {
            format!("unknown {kind} {shown}; if `{meant}` is meant, it is not understood yet by this version")
        }
        _ => format!("unknown {kind} {shown}{}", instead(key, expected)),
    }
}

/// The sections whose tables have ids.
fn has_ids(section: &str) -> bool {
    ["calendar", "gateway", "template", "sequence"].contains(&section)
}

/// A table's path with `*` for an id.
fn generic(path: &[&str]) -> String {
    match path {
        [section, _, rest @ ..] if has_ids(section) => [&[*section, "*"], rest].concat().join("."),
        _ => path.join("."),
    }
}

fn wrong_kind(source: &str, misfit: &Misfit<'_>, wanted: &str) -> String {
    let key = misfit.key();
    let raw = raw(source, misfit);
    let value = misfit.value.get_ref();
    let found = found_words(value);
    let meant = value::meant_number(raw).map_or_else(|| raw.to_owned(), Number::e164);
    let is_number = matches!(value, DeValue::Integer(_) | DeValue::Float(_));
    if let Some(span) = example::span(key, raw).filter(|_| is_number) {
        return format!("`{key}` is {found}; write a length of time in quotes, as {span}");
    }
    match (wanted, value) {
        ("a sequence", DeValue::Table(_)) if raw.starts_with('[') => {
            let header = raw.trim_matches(['[', ']']);
            format!("[{header}] may come more than once; write it as [[{header}]]")
        }
        ("a sequence", DeValue::Table(table))
            if key == "line" && table.values().all(|line| line.get_ref().is_table()) =>
        {
            let id = table.keys().next().map_or("main", |id| id.get_ref());
            format!("a line has its id as a key; write [[line]], and id = \"{id}\" below it")
        }
        ("a map", DeValue::Array(_)) if raw.starts_with("[[") => {
            let header = raw.trim_matches(['[', ']']);
            let once = if has_ids(header) { format!("{header}.ID") } else { header.to_owned() };
            format!("[[{header}]] is no list of tables; write it as [{once}]")
        }
        ("a sequence", DeValue::String(_)) => {
            format!("`{key}` is text; write a list, as [{raw}]")
        }
        _ if example::value(key).is_some() => {
            format!("`{key}` is {found}; write {key} = {}", example::value(key).unwrap_or_default())
        }
        (
            "a string",
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_),
        ) => {
            format!("`{key}` is {found}; write it as text in quotes, as \"{meant}\"")
        }
        ("i64", DeValue::String(text)) if text.parse::<i64>().is_ok() => {
            format!("`{key}` is text; write a number, {text} without quotes")
        }
        ("a boolean", DeValue::String(text)) if ["true", "false"].contains(&text.as_ref()) => {
            format!("`{key}` is text; write {text} without quotes")
        }
        _ => format!("`{key}` is {found}; write {}", wanted_words(wanted)),
    }
}

/// A value as it is written.
fn raw<'s>(source: &'s str, misfit: &Misfit<'_>) -> &'s str {
    source.get(misfit.value.span()).unwrap_or_default()
}

fn found_words(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time without quotes",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn wanted_words(wanted: &str) -> &'static str {
    match wanted {
        "i64" => "a whole number, as 3",
        "a boolean" => "true or false",
        "a sequence" => "a list, as [\"…\"]",
        "a map" => "a table, as { key = value }",
        _ => "text in quotes",
    }
}

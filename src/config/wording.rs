//! What texts say: their variables, and whether they fit the segments they may take.
//!
//! A text is measured as the longest the site can send now: with each line's own number and source, and the
//! longest number a caller has.

use super::reading::Reading;
use super::spot::{Spot, nearest};
use super::value::{self, Wrong};
use crate::outreach::segments::{self, Encoding};
use crate::outreach::template::{self, Fault, Values, Variable, Wording};
use crate::phone::Number;
use crate::rules::calendar::local_time;
use crate::settings::{Did, Line, Settings};
use crate::time::Timestamp;

/// What may stand in braces.
const VARIABLES: [&str; 9] =
    ["business", "greet", "first", "line", "owner", "source", "caller", "call.local_time", "case.id"];

/// A text of a template, as it was read.
pub(super) struct Said {
    pub spot: Spot,
    pub text: String,
    /// The `max_segments` of its template.
    pub most: Option<u32>,
}

/// A text whose variables all exist.
pub(super) fn wording(text: &str) -> Result<String, Wrong> {
    let wording = Wording::parse(&value::text(text)?).map_err(|error| match error.fault {
        Fault::Unclosed => "a { isn't closed; write variables as {line}".to_owned(),
        Fault::Unopened => "a } has no {; write variables as {line}".to_owned(),
        Fault::UnknownVariable(inner) => no_variable(inner.split('|').next().unwrap_or_default()),
    })?;
    let later = |variable: &Variable| matches!(variable, Variable::Link(_) | Variable::TaskTitle);
    match template::missing(&wording, |variable| !later(variable)).first() {
        Some(variable) => Err(format!("{{{variable}}} is not understood yet by this version; remove it")),
        None => Ok(text.to_owned()),
    }
}

fn no_variable(name: &str) -> Wrong {
    match nearest(name, VARIABLES) {
        Some(near) => format!("no variable {{{name}}}; did you mean {{{near}}}?"),
        None => format!("no variable {{{name}}}; there are {{{}}}", VARIABLES.join("} {")),
    }
}

/// Judges the texts of all templates against the site and its lines.
pub(super) fn check(reading: &mut Reading<'_>) {
    for said in std::mem::take(&mut reading.said) {
        let Ok(wording) = Wording::parse(&said.text) else { continue };
        let wrong =
            missing(&reading.settings, &wording).or_else(|| too_long(&reading.settings, &wording, said.most));
        if let Some(wrong) = wrong {
            reading.problems.error(said.spot, format!("`text`: {wrong}"));
        }
    }
}

/// A variable that some call has no value for, without a fallback.
fn missing(settings: &Settings, wording: &Wording) -> Option<Wrong> {
    let missing = template::missing(wording, |variable| crate::outreach::is_known(settings, variable));
    let variable = missing.first()?;
    Some(match variable {
        // Told as an error of [site].
        Variable::Business => return None,
        Variable::Source => match settings.lines.iter().find(|line| line.source.is_none()) {
            Some(line) => {
                format!("line `{}` has no `source`; give it one, or write {{source|our ad}}", line.id)
            }
            None => return None,
        },
        Variable::Owner => "{owner} may be missing; write what is said then, as {owner|our team}".to_owned(),
        other => format!("{{{other}}} may be missing; write what is said then, as {{{other}|there}}"),
    })
}

fn too_long(settings: &Settings, wording: &Wording, most: Option<u32>) -> Option<Wrong> {
    let most = most?;
    let texts = samples(settings).into_iter().filter_map(|values| wording.fill(&values).ok());
    let longest = texts.max_by_key(|text| segments::measure(text).segments)?;
    let size = segments::measure(&longest);
    if size.segments <= most {
        return None;
    }
    let foreign = |c: &char| segments::measure(c.encode_utf8(&mut [0; 4])).encoding == Encoding::Ucs2;
    let cure = match longest.chars().find(foreign) {
        Some(c) => format!("replace `{c}`, which leaves 70 characters a segment"),
        None => format!("shorten it, or write max_segments = {}", size.segments),
    };
    Some(format!(
        "filled in, as \"{longest}\", it takes {} segments, and max_segments is {most}; {cure}",
        size.segments
    ))
}

/// What callers of each line would be told.
fn samples(settings: &Settings) -> Vec<Values> {
    let lines: Vec<Option<&Line>> = settings.lines.iter().map(Some).collect();
    let lines = if lines.is_empty() { vec![None] } else { lines };
    lines.into_iter().map(|line| sample(settings, line)).collect()
}

fn sample(settings: &Settings, line: Option<&Line>) -> Values {
    let own = line.into_iter().flat_map(|line| &line.did).filter_map(|did| match did {
        Did::Number(number) => Some(number.national()),
        Did::User(_) | Did::Rest => None,
    });
    let number = Number::parse("+13125550142").map(Number::national).unwrap_or_default();
    Values {
        business: Some(settings.site.short.clone()),
        line: Some(own.max_by_key(String::len).unwrap_or_else(|| number.clone())),
        source: line.and_then(|line| line.source.clone()),
        caller: Some(number),
        local_time: Some(local_time(&settings.site.tz, Timestamp::from_micros(0))),
        case: Some("4f9c2a6b01de".to_owned()),
        ..Values::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_that_is_offered_can_be_written() {
        for name in VARIABLES {
            assert!(wording(&format!("{{{name}}}")).is_ok(), "{name}");
        }
        assert!(wording("{link:booking|our site}").is_ok());
    }

    #[test]
    fn braces_and_names_that_do_not_fit_are_told() {
        for (text, told) in [
            ("{busines}", "{business}"),
            ("{zebra}", "there are"),
            ("{line", "isn't closed"),
            ("line}", "has no {"),
            ("{link:booking}", "not understood yet"),
        ] {
            assert!(wording(text).is_err_and(|wrong| wrong.contains(told)), "{text}");
        }
    }

    #[test]
    fn a_text_too_long_for_its_segments_is_told_with_its_cure() {
        let settings = Settings::default();
        let wrong = |text: &str| too_long(&settings, &Wording::parse(text).expect("a text"), Some(1));
        assert_eq!(wrong(&"x".repeat(160)), None);
        assert!(wrong(&"x".repeat(161)).is_some_and(|wrong| wrong.ends_with("max_segments = 2")));
        let curly = format!("we’re sorry {}", "x".repeat(70));
        assert!(wrong(&curly).is_some_and(|wrong| wrong.contains("replace `’`")));
    }
}

//! Texts with variables in braces: parsed once, checked before use, filled per caller.
//!
//! What callers send never reaches a text as it is: control and invisible characters and braces are taken
//! out, and it is cut to 40 characters. A value that is missing and has no fallback refuses the whole text.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::settings::Variant;

/// A text, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Value(Variable, Option<String>),
}

/// What may stand in braces.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Variable {
    /// `{business}`: the site's short name.
    Business,
    /// `{greet}`: the first name and a comma, or nothing.
    Greet,
    /// `{first}`: the first name.
    First,
    /// `{line}`: the number called, as people at home write it.
    Line,
    /// `{owner}`: who will call back.
    Owner,
    /// `{source}`: where the line's callers come from.
    Source,
    /// `{caller}`: the caller's number, as people at home write it.
    Caller,
    /// `{link:ID}`: an address.
    Link(String),
    /// `{call.local_time}`: when the call came, by the office's clock.
    LocalTime,
    /// `{task.title}`: what is to be done.
    TaskTitle,
    /// `{case.id}`: the case.
    CaseId,
}

/// Why a text can't be read, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// Bytes from the start of the text to the brace.
    pub offset: usize,
    /// What is wrong there.
    pub fault: Fault,
}

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No variable has this name.
    UnknownVariable(String),
    /// A brace is opened and not closed.
    Unclosed,
    /// A brace is closed that wasn't opened.
    Unopened,
}

/// The values of one caller; what isn't known stays none.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "each is the variable it is named for")]
pub struct Values {
    pub business: Option<String>,
    pub first: Option<String>,
    pub line: Option<String>,
    pub owner: Option<String>,
    pub source: Option<String>,
    pub caller: Option<String>,
    pub links: Vec<(String, String)>,
    pub local_time: Option<String>,
    pub task_title: Option<String>,
    pub case: Option<String>,
}

impl Wording {
    /// Reads a text with variables in braces, `{name}` or `{name|fallback}`.
    pub fn parse(text: &str) -> Result<Wording, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(brace) = rest.find(['{', '}']) {
            let offset = text.len() - rest.len() + brace;
            let fault = |fault| TemplateError { offset, fault };
            let (before, from_brace) = rest.split_at_checked(brace).unwrap_or((rest, ""));
            let inner = from_brace.strip_prefix('{').ok_or_else(|| fault(Fault::Unopened))?;
            let (name, after) = inner.split_once('}').ok_or_else(|| fault(Fault::Unclosed))?;
            if name.contains('{') {
                return Err(fault(Fault::Unclosed));
            }
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::read(name).ok_or_else(|| fault(Fault::UnknownVariable(name.to_owned())))?);
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Wording { parts })
    }

    /// The text for one caller; the variable that has neither value nor fallback, if there is one.
    pub fn fill(&self, values: &Values) -> Result<String, Variable> {
        self.filled(|variable| Err(variable.clone()), values)
    }

    /// The text for people of the office, who need it even where something is missing.
    pub fn fill_roughly(&self, values: &Values) -> String {
        self.filled(|_| Ok("unknown".to_owned()), values).unwrap_or_default()
    }

    fn filled(
        &self,
        missing: impl Fn(&Variable) -> Result<String, Variable>,
        values: &Values,
    ) -> Result<String, Variable> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(own) => text.push_str(own),
                Part::Value(variable, fallback) => match values.of(variable).or_else(|| fallback.clone()) {
                    Some(value) => text.push_str(&value),
                    None => text.push_str(&missing(variable)?),
                },
            }
        }
        Ok(text)
    }
}

/// The variables a text needs that aren't known and have no fallback, each once, in order of appearance.
pub fn missing(wording: &Wording, known: impl Fn(&Variable) -> bool) -> Vec<Variable> {
    let mut missing = Vec::new();
    for part in &wording.parts {
        let Part::Value(variable, None) = part else { continue };
        if *variable != Variable::Greet && !known(variable) && !missing.contains(variable) {
            missing.push(variable.clone());
        }
    }
    missing
}

/// The variant a case gets: the same one however often it is asked, each in proportion to its weight.
pub fn choose<'a>(variants: &'a [Variant], case: &str) -> Option<&'a Variant> {
    let total: u64 = variants.iter().map(|variant| u64::from(variant.weight)).sum();
    let Some(mut place) = number_of(case).checked_rem(total) else {
        return variants.first();
    };
    variants.iter().find(|variant| {
        let weight = u64::from(variant.weight);
        let found = place < weight;
        place = place.saturating_sub(weight);
        found
    })
}

/// What is left of a value that a caller sent: no control or invisible characters, no braces, at most 40
/// characters; none if nothing is.
pub fn cleaned(value: &str) -> Option<String> {
    let kept = value.chars().filter(|c| !is_unwanted(*c));
    let kept: String = kept.take(MAX_VALUE).collect();
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.to_owned())
}

impl Part {
    fn read(inner: &str) -> Option<Part> {
        let (name, fallback) = match inner.split_once('|') {
            Some((name, fallback)) => (name, Some(fallback.to_owned())),
            None => (inner, None),
        };
        Some(Part::Value(Variable::read(name)?, fallback))
    }
}

impl Variable {
    fn read(name: &str) -> Option<Variable> {
        if let Some(id) = name.strip_prefix("link:") {
            return (!id.is_empty()).then(|| Variable::Link(id.to_owned()));
        }
        let plain = [
            Variable::Business,
            Variable::Greet,
            Variable::First,
            Variable::Line,
            Variable::Owner,
            Variable::Source,
            Variable::Caller,
            Variable::LocalTime,
            Variable::TaskTitle,
            Variable::CaseId,
        ];
        plain.into_iter().find(|variable| variable.to_string() == name)
    }
}

impl Values {
    fn of(&self, variable: &Variable) -> Option<String> {
        match variable {
            Variable::Business => self.business.clone(),
            Variable::Greet => Some(
                self.first
                    .as_deref()
                    .and_then(cleaned)
                    .map_or_else(String::new, |first| format!("{first}, ")),
            ),
            Variable::First => self.first.as_deref().and_then(cleaned),
            Variable::Line => self.line.clone(),
            Variable::Owner => self.owner.clone(),
            Variable::Source => self.source.clone(),
            Variable::Caller => self.caller.as_deref().and_then(cleaned),
            Variable::Link(id) => {
                self.links.iter().find(|(known, _)| known == id).map(|(_, url)| url.clone())
            }
            Variable::LocalTime => self.local_time.clone(),
            Variable::TaskTitle => self.task_title.clone(),
            Variable::CaseId => self.case.clone(),
        }
    }
}

/// The name as it stands in braces.
impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Variable::Business => "business",
            Variable::Greet => "greet",
            Variable::First => "first",
            Variable::Line => "line",
            Variable::Owner => "owner",
            Variable::Source => "source",
            Variable::Caller => "caller",
            Variable::Link(id) => return write!(f, "link:{id}"),
            Variable::LocalTime => "call.local_time",
            Variable::TaskTitle => "task.title",
            Variable::CaseId => "case.id",
        })
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.offset;
        match &self.fault {
            Fault::UnknownVariable(name) => write!(f, "{{{name}}} at byte {at}: no such variable"),
            Fault::Unclosed => write!(f, "the brace at byte {at} is never closed"),
            Fault::Unopened => write!(f, "the closing brace at byte {at} was never opened"),
        }
    }
}

impl std::error::Error for TemplateError {}

fn number_of(case: &str) -> u64 {
    Sha256::digest(case.as_bytes()).iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Control characters, braces, and what is invisible or turns the direction of writing (Unicode TR 36).
fn is_unwanted(c: char) -> bool {
    c.is_control()
        || matches!(c, '{' | '}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}' | '\u{fffd}')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
}

const MAX_VALUE: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Values {
        Values {
            business: Some("Midwest Ins.".into()),
            line: Some("312-555-0111".into()),
            caller: Some("312-555-0142".into()),
            links: vec![("booking".into(), "https://mip.example/book".into())],
            ..Values::default()
        }
    }

    fn filled(text: &str, values: &Values) -> Result<String, Variable> {
        Wording::parse(text).expect("a template").fill(values)
    }

    #[test]
    fn variables_get_their_values() {
        let text = "{business}: {greet}call {line} or see {link:booking}. {owner|our desk} knows.";
        assert_eq!(
            filled(text, &values()).as_deref(),
            Ok("Midwest Ins.: call 312-555-0111 or see https://mip.example/book. our desk knows.")
        );
        let known = Values { first: Some("Zoë".into()), ..values() };
        assert_eq!(filled("{greet}hi {first|there}{owner|}", &known).as_deref(), Ok("Zoë, hi Zoë"));
        assert_eq!(filled("", &values()).as_deref(), Ok(""));
    }

    #[test]
    fn faults_are_told_with_their_place() {
        let fault = |text: &str| Wording::parse(text).expect_err("a fault");
        assert_eq!(fault("é {nme}").offset, 3);
        assert_eq!(fault("{nme}").fault, Fault::UnknownVariable("nme".into()));
        assert_eq!(fault("a {first").fault, Fault::Unclosed);
        assert_eq!(fault("a {first {line}").offset, 2);
        assert_eq!(fault("a } b"), TemplateError { offset: 2, fault: Fault::Unopened });
        assert_eq!(fault("{link:}").fault, Fault::UnknownVariable("link:".into()));
        assert_eq!(fault("{business").to_string(), "the brace at byte 0 is never closed");
    }

    #[test]
    fn a_missing_value_refuses_the_text_but_not_the_office_s() {
        assert_eq!(filled("{owner} has been told", &values()), Err(Variable::Owner));
        let title = Wording::parse("Call back {caller} ({source})").expect("a template");
        assert_eq!(title.fill_roughly(&values()), "Call back 312-555-0142 (unknown)");
        let greeting =
            Wording::parse("{greet}{first} {source|x} {link:map} {source} {source}").expect("a template");
        let named = missing(&greeting, |variable| *variable == Variable::First);
        assert_eq!(named, [Variable::Link("map".into()), Variable::Source]);
    }

    #[test]
    fn what_callers_send_is_cleaned() {
        assert_eq!(cleaned("A\r\nnn\u{202e}a {line}\u{0}").as_deref(), Some("Anna line"));
        assert_eq!(cleaned(" \n{}\u{200b}"), None);
        assert_eq!(cleaned(&"é".repeat(500)).map(|kept| kept.chars().count()), Some(40));
        let hostile = Values { first: Some("\u{7}{}".into()), ..values() };
        assert_eq!(filled("{greet}{first|there}", &hostile).as_deref(), Ok("there"));
    }

    #[test]
    fn variants_come_in_proportion_and_stay() {
        let variant = |id: &str, weight| Variant { id: Some(id.into()), weight, text: String::new() };
        let variants = [variant("a", 30), variant("none", 0), variant("b", 70)];
        let chosen = |case: u32| choose(&variants, &format!("{case:012x}")).and_then(|v| v.id.clone());
        let a = (0..1_000).filter(|case| chosen(*case).as_deref() == Some("a")).count();
        assert!((250..350).contains(&a), "{a}");
        assert!((0..1_000).all(|case| chosen(case).as_deref() != Some("none")));
        assert_eq!(chosen(7), chosen(7));
        assert_eq!(choose(&[variant("only", 0)], "x").and_then(|v| v.id.clone()).as_deref(), Some("only"));
        assert!(choose(&[], "x").is_none());
    }
}

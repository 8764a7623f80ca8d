//! `[template.ID]` and `[sequence.ID]`: what is said, and what is done when.

use toml::Spanned;

use super::file::{self, OneOrMany};
use super::reading::{Here, Reading};
use super::spot::Spot;
use super::value;
use super::wording::{Said, wording};
use crate::settings::{Action, Sequence, Step, Template, Variant};
use crate::time::Span;

type Variants = Vec<Spanned<file::Table<file::Variant>>>;

/// Classes of callers.
pub(super) const CLASSES: [&str; 7] = ["lead", "client", "vendor", "vip", "spam", "emergency", "unknown"];
/// States of a calendar.
pub(super) const STATES: [&str; 5] = ["open", "lunch", "after_hours", "holiday", "overflow"];

impl Reading<'_> {
    pub(super) fn template(&mut self, here: &Here, id: String, template: file::Template) {
        let class = self.needed(here, "class", template.class, "\"response\"");
        let _response = class.and_then(|word| self.word("class", &word, &["response"]));
        let max_segments = self.whole("max_segments", template.max_segments, 1..=10);
        let variants = match (template.text, template.variant) {
            (Some(text), Some(_)) => {
                let told = format!("{} has `text` and variants; keep one of both", here.header);
                self.problems.error(self.spot(&text), told);
                Vec::new()
            }
            (None, Some(variants)) => self.variants(here, &id, variants, max_segments),
            (text, None) => {
                let text = self.said(here, text, max_segments);
                text.map(|text| Variant { id: None, weight: 1, text }).into_iter().collect()
            }
        };
        self.settings.templates.insert(id.clone(), Template { id, variants, max_segments });
    }

    fn variants(&mut self, here: &Here, id: &str, list: Variants, most: Option<u32>) -> Vec<Variant> {
        let header = format!("[[template.{id}.variant]]");
        if list.is_empty() {
            let told = format!("{} has no text; write `text`, or {header} below it", here.header);
            self.problems.error(here.spot, told);
        }
        let mut ids = Vec::new();
        let read = |this: &mut Self, here: &Here, variant: file::Variant| {
            let id = this.needed(here, "id", variant.id, "\"a\"");
            let id = id.and_then(|id| this.new_id(&mut ids, &id));
            let weight = this.whole("weight", variant.weight, 1..=1_000_000);
            let text = this.said(here, variant.text, most);
            Some(Variant { id: Some(id?), weight: weight.unwrap_or(1), text: text? })
        };
        self.each(Some(list), &header, read).into_iter().flatten().collect()
    }

    /// The text of a template, noted for when the lines are known; `most` is its `max_segments`.
    fn said(&mut self, here: &Here, text: file::Text, most: Option<u32>) -> Option<String> {
        let text = self.needed(here, "text", text, "\"{business}: sorry we missed your call.\"")?;
        let said = self.parse("text", &text, wording)?;
        self.said.push(Said { spot: self.spot(&text), text: said.clone(), most });
        Some(said)
    }

    /// An id among its siblings.
    fn new_id(&mut self, siblings: &mut Vec<(String, Spot)>, id: &Spanned<String>) -> Option<String> {
        let spot = self.spot(id);
        let name = self.parse("id", id, value::id)?;
        if let Some((_, first)) = siblings.iter().find(|(other, _)| *other == name) {
            let told = format!(
                "`id`: `{name}` is already in {}; give this one another",
                self.problems.place(*first)
            );
            self.problems.error(spot, told);
            return None;
        }
        siblings.push((name.clone(), spot));
        Some(name)
    }

    pub(super) fn sequence(&mut self, here: &Here, id: String, sequence: file::Sequence) {
        let first = self
            .defined
            .get(&("sequence", self.settings.sequences.first().map_or_else(String::new, |s| s.id.clone())));
        if let Some(first) = first {
            let place = self.problems.place(*first);
            let told = format!(
                "{}: a second sequence is not understood yet by this version; keep the one in {place}",
                here.header
            );
            self.problems.error(here.spot, told);
        }
        let (mut classes, mut states) = (Vec::new(), Vec::new());
        if let Some(on) = sequence.on {
            let on = on.into_inner().0;
            classes = self.words("class", on.class, &CLASSES);
            states = self.words("state", on.state, &STATES);
        }
        if let Some(again) = &sequence.on_missed_again {
            // What happens anyway: a case has one response.
            self.word("on_missed_again", again, &["absorb"]);
        }
        let steps = self.steps(here, &id, sequence.step);
        self.settings.sequences.push(Sequence { id, classes, states, steps });
    }

    fn words(&mut self, key: &'static str, texts: Option<Spanned<OneOrMany>>, known: &[&str]) -> Vec<String> {
        let texts = texts.map(OneOrMany::list).unwrap_or_default();
        let found = texts.iter().filter_map(|text| self.word(key, text, known));
        found.map(|n| known[n].to_owned()).collect()
    }

    fn steps(&mut self, here: &Here, sequence: &str, steps: file::Many<file::Step>) -> Vec<Step> {
        let header = format!("[[sequence.{sequence}.step]]");
        if steps.is_none() && !self.problems.is_excused(here.spot, "step") {
            self.problems.error(here.spot, format!("{} has no step; write {header} below it", here.header));
        }
        let mut ids = Vec::new();
        self.each(steps, &header, |this, here, step| this.step(here, step, &mut ids))
            .into_iter()
            .flatten()
            .collect()
    }

    fn step(&mut self, here: &Here, step: file::Step, ids: &mut Vec<(String, Spot)>) -> Option<Step> {
        let id = self.needed(here, "id", step.id.clone(), "\"ack\"");
        let id = id.and_then(|id| self.new_id(ids, &id));
        let after = self.needed(here, "after", step.after.clone(), "\"20s\"");
        let after = self.optional("after", after, value::span);
        let late = step.late.as_ref().and_then(|late| self.late(late));
        let enabled = step.enabled.as_ref().is_none_or(|enabled| *enabled.get_ref());
        let action = self.action(here, step);
        Some(Step { id: id?, after: after?, action: action?, enabled, skip_after: late.unwrap_or(LATE) })
    }

    fn action(&mut self, here: &Here, step: file::Step) -> Option<Action> {
        let action = self.needed(here, "do", step.action, "\"sms\"")?;
        match self.word("do", &action, &["sms", "task"])? {
            0 => {
                self.misplaced("sms", &[("to", &step.to), ("title", &step.title), ("due", &step.due)]);
                let template =
                    self.needed(here, "template", step.template, "\"ID\", the id of a [template.ID]");
                Some(Action::Sms { template: self.refer("template", "template", template)? })
            }
            _ => {
                self.misplaced("task", &[("template", &step.template)]);
                let to = self.optional("to", step.to, value::text).filter(|to| to != "line.owner");
                let title = self.optional("title", step.title, wording);
                let due = step.due.and_then(|due| self.due(&due));
                Some(Action::Task { to, title, due })
            }
        }
    }

    /// Keys that a step of this kind has no use for.
    fn misplaced(&mut self, kind: &str, keys: &[(&str, &file::Text)]) {
        for (key, text) in keys {
            if let Some(text) = text {
                let told = format!("`{key}` means nothing to a step with do = \"{kind}\"; remove it");
                self.problems.error(self.spot(text), told);
            }
        }
    }

    fn due(&mut self, due: &Spanned<String>) -> Option<Span> {
        match due.get_ref().as_str() {
            "same_day" => {
                let told = "due = \"same_day\" is not understood yet by this version; write a length of time, as `4h`";
                self.problems.error(self.spot(due), told);
                None
            }
            _ => self.parse("due", due, value::some_span),
        }
    }

    fn late(&mut self, late: &Spanned<String>) -> Option<Span> {
        let word = late.get_ref().as_str();
        if super::later::is_value("late", word) {
            let told =
                format!("late = \"{word}\" is not understood yet by this version; write skip_after:10m");
            self.problems.error(self.spot(late), told);
            return None;
        }
        self.parse("late", late, |text| match text.split_once(':') {
            Some(("skip_after", length)) => value::span(length),
            _ => Err(format!(
                "it can't be `{text}`; write skip_after: and a length of time, as skip_after:10m"
            )),
        })
    }
}

/// How late a step may be if it doesn't say.
const LATE: Span = Span::from_secs(600);

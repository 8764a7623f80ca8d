//! A `[[test]]` table with its places to a `Trial`.

use std::collections::BTreeMap;

use toml::Spanned;

use super::super::file::{self, Listed, Text};
use super::super::outreach::{CLASSES, STATES};
use super::super::reading::{Here, Reading};
use super::super::spot::{Spot, instead};
use super::super::value::{self, Wrong};
use super::{Made, Place, Trial, Wish, given};
use crate::rules::Why;

impl Reading<'_> {
    pub(in super::super) fn test(&mut self, here: &Here, test: file::Test) {
        let name = self.needed(here, "name", test.name, "\"a lead at night gets the ack\"");
        let name = self.optional("name", name, value::text);
        let call = self.needed(here, "call", test.call, CALL);
        let call = call.and_then(|call| {
            let here = self.here(&call, "`call`");
            self.made(&here, call.into_inner().0)
        });
        let expect = self.needed(here, "expect", test.expect, "{ sends = [\"ack\"] }");
        let expect = expect.map(|expect| {
            self.not_empty(&expect);
            self.wishes(expect)
        });
        let expect = expect.unwrap_or_default();
        let (Some(name), Some(call)) = (name, call) else { return };
        let given = test.given.unwrap_or_default();
        let mut given = self.meanings("given", &given, |text| {
            let fact = given::fact(text, &call.to)?;
            match fact.at() < call.at {
                true => Ok(fact),
                false => Err(format!("`{text}` is not before the test's call; write an earlier time")),
            }
        });
        given.sort_by_key(super::Given::at);
        self.trials.push(Trial { name, given, call, expect });
    }

    fn made(&mut self, here: &Here, call: file::TestCall) -> Option<Made> {
        let from = self.needed(here, "from", call.from, "\"+13125550142\"");
        let from = self.optional("from", from, given::caller);
        let to = self.needed(here, "to", call.to, "\"+13125550100\"");
        let to = self.optional("to", to, value::text);
        let at = self.needed(here, "at", call.at, "\"2026-11-20T21:14:00-06:00\"");
        let at = self.optional("at", at, given::moment);
        let outcome = self.needed(here, "outcome", call.outcome, "\"no_answer\"");
        let outcome = self.optional("outcome", outcome, given::outcome);
        let lasts = self.optional("lasts", call.lasts, value::span).unwrap_or(given::LASTS);
        Some(Made { from: from?, to: to?, at: at?, outcome: outcome?, lasts })
    }

    /// A test that asks for nothing would pass whatever the rules do.
    fn not_empty(&mut self, expect: &Spanned<file::Table<file::Expect>>) {
        let spot = self.spot(expect);
        if is_empty(&expect.get_ref().0) && !self.problems.has_excused(spot) {
            let text = "`expect` asks for nothing; write what the call is to cause, as expect = { sends = [\"ack\"] }";
            self.problems.error(spot, text);
        }
    }

    fn wishes(&mut self, expect: Spanned<file::Table<file::Expect>>) -> Vec<(Place, Wish)> {
        let expect = expect.into_inner().0;
        let mut wishes = Vec::new();
        self.wish(&mut wishes, "class", expect.class, |text| one_of(text, &CLASSES).map(Wish::Class));
        self.wish(&mut wishes, "state", expect.state, |text| one_of(text, &STATES).map(Wish::State));
        self.wish(&mut wishes, "owner", expect.owner, |text| value::text(text).map(Wish::Owner));
        self.wish(&mut wishes, "review", expect.review, |text| why(text).map(Wish::Review));
        self.wish(&mut wishes, "reason", expect.reason, |text| why(text).map(Wish::Reason));
        self.step_list(&mut wishes, expect.sends, Wish::Sends);
        self.step_list(&mut wishes, expect.tasks, Wish::Tasks);
        for (step, reason) in expect.skipped.unwrap_or_default() {
            let step = step.into_inner();
            self.wish(&mut wishes, "skipped", Some(reason), |text| Ok(Wish::Skipped(step, why(text)?)));
        }
        wishes
    }

    fn wish(
        &mut self,
        wishes: &mut Vec<(Place, Wish)>,
        key: &str,
        text: Text,
        meaning: impl FnOnce(&str) -> Result<Wish, Wrong>,
    ) {
        let Some(text) = text else { return };
        if let Some(wish) = self.parse(key, &text, meaning) {
            wishes.push((self.place_of(self.spot(&text)), wish));
        }
    }

    fn step_list(&self, wishes: &mut Vec<(Place, Wish)>, steps: Listed, wish: fn(Vec<String>) -> Wish) {
        let Some(steps) = steps else { return };
        let place = self.place_of(self.spot(&steps));
        let mut steps: Vec<String> = steps.into_inner().into_iter().map(Spanned::into_inner).collect();
        steps.sort();
        wishes.push((place, wish(steps)));
    }

    fn place_of(&self, spot: Spot) -> Place {
        let path = self.problems.source(spot.file).path.display().to_string();
        Place { path, line: self.problems.line(spot) }
    }
}

fn is_empty(expect: &file::Expect) -> bool {
    let file::Expect { class, state, owner, sends, skipped, tasks, review, reason } = expect;
    [class, state, owner, review, reason].into_iter().all(Option::is_none)
        && [sends, tasks].into_iter().all(Option::is_none)
        && skipped.as_ref().is_none_or(BTreeMap::is_empty)
}

fn one_of(text: &str, words: &[&str]) -> Result<String, Wrong> {
    match words.contains(&text) {
        true => Ok(text.to_owned()),
        false => Err(format!("it can't be `{text}`{}", instead(text, words))),
    }
}

/// A why code.
fn why(text: &str) -> Result<String, Wrong> {
    let codes: Vec<&str> = Why::ALL.iter().map(|why| why.code()).collect();
    one_of(text, &codes)
}

const CALL: &str = "{ from = \"+13125550142\", to = \"+13125550100\", at = \"2026-11-20T21:14:00-06:00\", outcome = \"no_answer\" }";

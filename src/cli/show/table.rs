//! Calls, texts and tasks as a table of at most 100 columns.

use std::borrow::Cow;

use jiff::tz::TimeZone;

use super::{clean, is_plain, local, words};
use crate::event::{CallRecord, Message, MessageState, Review, Task};
use crate::phone::Party;
use crate::rules::Why;
use crate::time::Timestamp;

/// How a table is drawn.
#[derive(Clone, Debug)]
pub struct Look {
    /// Times are shown in this zone.
    pub tz: TimeZone,
    /// Colours may be used.
    pub colour: bool,
}

/// The head of the table of calls.
pub fn head(look: &Look) -> String {
    let mut line = String::new();
    row(&mut line, ["WHEN", "CALLER", "CALLED"], &outcome("OUTCOME"), ["RANG", "TALK"]);
    paint(look, BOLD, &line)
}

/// One call: a line, and for a missed one a second that says why and how to learn more.
pub fn call(record: &CallRecord, look: &Look) -> String {
    let outcome = outcome(words::outcome(record.outcome));
    let outcome = if record.missed { paint(look, RED, &outcome) } else { outcome };
    let (at, caller, called) =
        (local(record.at, &look.tz), shown_caller(record), shown(record.called.as_ref()));
    let mut text = String::with_capacity(256);
    row(
        &mut text,
        [&at, &fit(&caller, 16), &fit(&called, 16)],
        &outcome,
        [&seconds(record.rang_ms), &seconds(record.talked_ms)],
    );
    if record.missed {
        let why = record.evidence.first().map_or("", |evidence| words::rule(&evidence.rule));
        let unsure = if record.ambiguous { ", ambiguous" } else { "" };
        let id = paint(look, DIM, &format!("  [{}]", record.call));
        for part in ["\n    missed", unsure, ": ", &fit(why, 72 - unsure.len()), &id] {
            text.push_str(part);
        }
    }
    text
}

/// A line of the table of calls.
fn row(text: &mut String, [at, caller, called]: [&str; 3], outcome: &str, times: [&str; 2]) {
    for (value, width) in [(at, 25), (caller, 16), (called, 16)] {
        column(text, value, width);
        text.push_str("  ");
    }
    text.push_str(outcome);
    for time in times {
        text.push_str("  ");
        (time.len()..5).for_each(|_| text.push(' '));
        text.push_str(time);
    }
}

/// An outcome as wide as its column, before it is painted.
fn outcome(word: &str) -> String {
    let mut text = String::with_capacity(32);
    column(&mut text, word, 20);
    text
}

/// A value with blanks behind it, if it is shorter than its column.
fn column(text: &mut String, value: &str, width: usize) {
    text.push_str(value);
    (columns(value)..width).for_each(|_| text.push(' '));
}

/// One text or mail.
pub fn message(message: &Message, look: &Look) -> String {
    let state = match (message.state, &message.why) {
        (MessageState::Skipped | MessageState::Deferred | MessageState::Cancelled, Some(why)) => {
            format!("{} ({why})", message.state.word())
        }
        (state, _) => state.word().to_owned(),
    };
    let at = local(message.sent.unwrap_or(message.due), &look.tz);
    let head =
        format!("{at:<25}  {:<16}  {state}  [{}]", fit(&clean(&message.to.shown()), 16), clean(&message.key));
    format!("{head}\n{}", wrapped(&clean(&message.body)))
}

/// One task.
pub fn task(task: &Task, look: &Look) -> String {
    let owner = task.owner.as_deref().unwrap_or("nobody");
    let why = task.why.as_deref().map(|why| format!(" ({why})")).unwrap_or_default();
    format!("{:<25}  {:<16}  {}{why}", local(task.at, &look.tz), fit(owner, 16), clean(&task.title))
}

/// One thing for people to decide.
pub fn review(review: &Review) -> String {
    let sentence = Why::from_code(&review.reason).map_or("", Why::sentence);
    format!("[{}]  {}: {sentence}", review.call, clean(&review.reason))
}

/// The same with what it takes to decide: the call, why nobody else may, and what the verdict rests on. Of a call that is no longer
/// kept, when it was left to them.
pub fn reviewed((at, review): (Timestamp, &Review), record: Option<&CallRecord>, look: &Look) -> String {
    let sentence = Why::from_code(&review.reason).map_or("", Why::sentence);
    let id = paint(look, DIM, &format!("  [{}]", review.call));
    let reason = format!("    {}: {sentence}{id}", clean(&review.reason));
    let Some(record) = record else { return format!("{}\n{reason}", local(at, &look.tz)) };
    let mut text = String::with_capacity(256);
    let (at, caller, called) =
        (local(record.at, &look.tz), shown_caller(record), shown(record.called.as_ref()));
    row(
        &mut text,
        [&at, &fit(&caller, 16), &fit(&called, 16)],
        &outcome(words::outcome(record.outcome)),
        [&seconds(record.rang_ms), &seconds(record.talked_ms)],
    );
    let because: Vec<&str> = record.evidence.iter().take(2).map(|it| words::rule(&it.rule)).collect();
    let because = fit(&because.join("; "), 84).into_owned();
    let seen = if because.is_empty() { String::new() } else { format!("\n    seen: {because}") };
    format!("{text}{seen}\n{reason}")
}

/// A heading.
pub fn heading(text: &str, look: &Look) -> String {
    paint(look, BOLD, text)
}

/// Who called, as a person reads it.
pub fn shown_caller(record: &CallRecord) -> String {
    if record.withheld { "withheld".to_owned() } else { shown(record.caller.as_ref()) }
}

fn shown(party: Option<&Party>) -> String {
    party.map_or_else(|| "?".to_owned(), |party| clean(&party.shown()).into_owned())
}

fn seconds(ms: i64) -> String {
    match ms / 1_000 {
        0 if ms == 0 => "-".to_owned(),
        s if s < 600 => format!("{s} s"),
        s => format!("{} m", s / 60),
    }
}

/// Text in at most `width` characters.
fn fit(text: &str, width: usize) -> Cow<'_, str> {
    if columns(text) <= width {
        return Cow::Borrowed(text);
    }
    let kept = text.chars().take(width.saturating_sub(1));
    kept.chain(['…']).collect()
}

/// How many characters a text has.
fn columns(text: &str) -> usize {
    if is_plain(text) { text.len() } else { text.chars().count() }
}

/// Text in lines of at most `WIDTH` columns, indented.
fn wrapped(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("    {word}")),
        }
    }
    lines.join("\n")
}

fn paint(look: &Look, code: &str, text: &str) -> String {
    if look.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

const WIDTH: usize = 96;

const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "31";

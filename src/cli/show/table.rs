//! Calls, texts and tasks as a table of at most 100 columns.

use jiff::tz::TimeZone;

use super::{clean, local, words};
use crate::event::{CallRecord, Message, MessageState, Review, Task};
use crate::phone::Party;
use crate::rules::Why;

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
    let line = format!(
        "{:<25}  {:<16}  {:<16}  {:<20}  {:>5}  {:>5}",
        "WHEN", "CALLER", "CALLED", "OUTCOME", "RANG", "TALK"
    );
    paint(look, BOLD, &line)
}

/// One call: a line, and for a missed one a second that says why and how to learn more.
pub fn call(record: &CallRecord, look: &Look) -> String {
    let outcome = format!("{:<20}", words::outcome(record.outcome));
    let outcome = if record.missed { paint(look, RED, &outcome) } else { outcome };
    let mut text = format!(
        "{:<25}  {:<16}  {:<16}  {outcome}  {:>5}  {:>5}",
        local(record.at, &look.tz),
        fit(&shown_caller(record), 16),
        fit(&shown(record.called.as_ref()), 16),
        seconds(record.rang_ms),
        seconds(record.talked_ms),
    );
    if record.missed {
        let why = record.evidence.first().map_or("", |evidence| words::rule(&evidence.rule));
        let unsure = if record.ambiguous { ", ambiguous" } else { "" };
        text.push_str(&format!("\n    missed{unsure}: {}", fit(why, 72 - unsure.len())));
        text.push_str(&paint(look, DIM, &format!("  [{}]", record.call)));
    }
    text
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

/// A heading.
pub fn heading(text: &str, look: &Look) -> String {
    paint(look, BOLD, text)
}

/// Who called, as a person reads it.
pub fn shown_caller(record: &CallRecord) -> String {
    if record.withheld { "withheld".to_owned() } else { shown(record.caller.as_ref()) }
}

fn shown(party: Option<&Party>) -> String {
    party.map_or_else(|| "?".to_owned(), |party| clean(&party.shown()))
}

fn seconds(ms: i64) -> String {
    match ms / 1_000 {
        0 if ms == 0 => "-".to_owned(),
        s if s < 600 => format!("{s} s"),
        s => format!("{} m", s / 60),
    }
}

/// Text in at most `width` characters.
fn fit(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
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

//! `ringback explain`: why, from what a replay wrote.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use jiff::tz::TimeZone;

use super::show::{explain, table};
use super::{ExplainArgs, USAGE};
use crate::event::{CallRecord, Event, JournalEntry};
use crate::phone::Party;

/// Explains a call, a caller or a message.
pub fn run(args: ExplainArgs) -> ExitCode {
    let Some(out) = &args.out else {
        eprintln!("ringback: explain needs --out DIR, the folder that `ringback replay --out DIR` wrote");
        return ExitCode::from(USAGE);
    };
    match super::replay::lines(&out.join(JOURNAL)) {
        Ok(entries) => super::finish(tell(&args.what, out, &entries)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            eprintln!(
                "ringback: {}: no {JOURNAL} in it; name the folder that `ringback replay --out` wrote, for a \
                 scenario the one in it",
                out.display()
            );
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("ringback: {error}");
            ExitCode::FAILURE
        }
    }
}

fn tell(what: &str, out: &Path, entries: &[JournalEntry]) -> io::Result<ExitCode> {
    let calls = entries.iter().filter_map(|entry| match &entry.event {
        Event::Call(record) if concerns(record, what) => Some(&**record),
        _ => None,
    });
    let look = table::Look { tz: zone(out), colour: io::stdout().is_terminal() };
    let mut stdout = io::stdout().lock();
    let mut found = false;
    for record in calls {
        if found {
            writeln!(stdout)?;
        }
        found = true;
        write!(stdout, "{}", explain::call(record, &look))?;
        consequences(&mut stdout, record, entries, &look)?;
    }
    if !found {
        eprintln!(
            "ringback: nothing in {} is about `{what}`; give a call id, a number or a message key",
            out.display()
        );
    }
    Ok(if found { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The site's zone as the run's summary names it.
fn zone(out: &Path) -> TimeZone {
    let summary = fs::read_to_string(out.join("summary.json")).unwrap_or_default();
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap_or_default();
    summary["zone"].as_str().and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC)
}

/// Whether a call is the one, or is from or to the number, or caused the message.
fn concerns(record: &CallRecord, what: &str) -> bool {
    let id = record.call.to_string();
    let is = |party: &Option<Party>| party.as_ref().is_some_and(|party| is_number(&party.shown(), what));
    id == what
        || what.split_once('/').is_some_and(|(call, _)| call == id)
        || is(&record.caller)
        || is(&record.called)
}

/// Whether a number is the one asked for, as recorded or as people write it: `312-555-0145`.
fn is_number(shown: &str, what: &str) -> bool {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let written = what.chars().all(|c| c.is_ascii_digit() || " +-.()/".contains(c));
    shown == what || (written && digits(what).len() >= NATIONAL && digits(shown).ends_with(&digits(what)))
}

fn consequences(
    stdout: &mut impl Write,
    record: &CallRecord,
    entries: &[JournalEntry],
    look: &table::Look,
) -> io::Result<()> {
    let prefix = format!("{}/", record.call);
    for (n, entry) in entries.iter().enumerate() {
        match &entry.event {
            Event::Decision(decision) if decision.call == record.call => {
                write!(stdout, "{}", explain::decision(decision))?;
            }
            Event::Review(review) if review.call == record.call => {
                write!(stdout, "{}", explain::review(review))?
            }
            Event::Task(task) if task.key.starts_with(&prefix) => {
                write!(stdout, "{}", explain::task(task, look))?
            }
            Event::Message(message) if message.key.starts_with(&prefix) => {
                let same =
                    |later: &JournalEntry| matches!(&later.event, Event::Message(m) if m.key == message.key);
                if !entries[n + 1..].iter().any(same) {
                    write!(stdout, "{}", explain::message(message, look))?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

const JOURNAL: &str = "journal.jsonl";

/// Digits that make a number, without its country's code, one of a kind.
const NATIONAL: usize = 10;

//! `ringback explain`: why, from what a replay wrote, or from the store of a configuration.

use std::fmt::Display;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use jiff::tz::TimeZone;

use super::ExplainArgs;
use super::chores::settings;
use super::show::{clean, explain, table};
use crate::event::{CallRecord, Event, JournalEntry};
use crate::phone::Party;
use crate::store::{Reader, StoreError};

/// Explains a call, a caller or a message.
pub fn run(args: ExplainArgs) -> ExitCode {
    match &args.out {
        Some(out) => replayed(&args.what, out),
        None => stored(&args),
    }
}

/// From the folder that a replay wrote.
fn replayed(what: &str, out: &Path) -> ExitCode {
    match super::replay::lines(&out.join(JOURNAL)) {
        Ok(entries) => {
            let look = table::Look { tz: zone(out), colour: io::stdout().is_terminal() };
            let calls = entries.iter().filter_map(|entry: &JournalEntry| match &entry.event {
                Event::Call(record) if concerns(record, what) => Some((&**record, &*entries)),
                _ => None,
            });
            super::finish(tell((what, &out.display()), calls, &look))
        }
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

/// From the store of a configuration, which a daemon may be writing.
fn stored(args: &ExplainArgs) -> ExitCode {
    let settings = match settings(&args.chore) {
        Ok(settings) => settings,
        Err(status) => return status,
    };
    let path = super::run::place(&settings).path;
    let look = table::Look { tz: settings.site.tz.clone(), colour: io::stdout().is_terminal() };
    match found(&path, &args.what) {
        Ok(calls) => {
            let calls = calls.iter().map(|(record, about)| (record, &**about));
            super::finish(tell((&args.what, &path.display()), calls, &look))
        }
        Err(error) => {
            eprintln!("ringback: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The calls in a store that are asked for, each with what followed.
fn found(path: &Path, what: &str) -> Result<Vec<(CallRecord, Vec<JournalEntry>)>, StoreError> {
    let reader = Reader::open(path)?;
    let mut calls: Vec<CallRecord> = reader.call(call_of(what))?.into_iter().collect();
    if calls.is_empty() && is_written(what) {
        reader.calls_with(&digits(what), |record| calls.push(record))?;
    }
    let about = |record: CallRecord| Ok((reader.about(&record.call.to_string())?, record));
    calls.into_iter().map(about).map(|it| it.map(|(about, record)| (record, about))).collect()
}

/// Tells each call with what followed; `what` was asked for, and looked for in a place.
fn tell<'a>(
    (what, place): (&str, &dyn Display),
    calls: impl Iterator<Item = (&'a CallRecord, &'a [JournalEntry])>,
    look: &table::Look,
) -> io::Result<ExitCode> {
    let mut stdout = io::stdout().lock();
    let mut found = false;
    for (record, entries) in calls {
        if found {
            writeln!(stdout)?;
        }
        found = true;
        write!(stdout, "{}", explain::call(record, look))?;
        consequences(&mut stdout, record, entries, look)?;
    }
    if !found {
        eprintln!(
            "ringback: nothing in {place} is about `{}`; give a call id, a number or a message key",
            clean(what)
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
    id == call_of(what) || is(&record.caller) || is(&record.called)
}

/// The id of a call, or that in the key of what followed from it.
fn call_of(what: &str) -> &str {
    let key = what.strip_prefix("resend/").unwrap_or(what);
    key.split_once('/').map_or(key, |(call, _)| call)
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Whether it is a number as people write one, long enough to be one of a kind.
fn is_written(what: &str) -> bool {
    what.chars().all(|c| c.is_ascii_digit() || " +-.()/".contains(c)) && digits(what).len() >= NATIONAL
}

/// Whether a number is the one asked for, as recorded or as people write it: `312-555-0145`.
fn is_number(shown: &str, what: &str) -> bool {
    shown == what || (is_written(what) && digits(shown).ends_with(&digits(what)))
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

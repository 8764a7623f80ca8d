//! Commands that list what the store holds, read-only and while a daemon may write it.

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::process::ExitCode;

use serde::Serialize;
use serde_json::json;

use super::chores::{number, settings};
use super::show::{clean, explain, table};
use super::{KeyArgs, KeyFormat, ListArgs, OptoutList, TaskList, USAGE, finish};
use crate::settings::Settings;
use crate::store::{Place, Reader, StoreError};

/// `ringback message list`.
pub fn messages(args: &ListArgs) -> ExitCode {
    list(args, |reader, page| {
        let result = reader.messages(|message| page.row(&message, |look| table::message(&message, look)));
        result.map(|()| true)
    })
}

/// `ringback message show`.
pub fn message(args: &KeyArgs) -> ExitCode {
    list(&args.list, |reader, page| {
        let found = reader.message(&args.key)?;
        if let Some(message) = &found {
            page.row(message, |look| explain::message(message, look).trim_end().to_owned());
        } else {
            eprintln!("ringback: there is no text {}; `ringback message list` names them", clean(&args.key));
        }
        Ok(found.is_some())
    })
}

/// `ringback task list`.
pub fn tasks(args: &TaskList) -> ExitCode {
    /// A task, and whether it is done.
    #[derive(Serialize)]
    struct Row<'a> {
        #[serde(flatten)]
        task: &'a crate::event::Task,
        done: bool,
    }
    list(&args.list, |reader, page| {
        let result = reader.tasks(|task, done| {
            let row = Row { task: &task, done };
            let text = |look: &table::Look| {
                let done = if done { "done, " } else { "" };
                format!("{}  [{done}{}]", table::task(&task, look), clean(&task.key))
            };
            (done && !args.all) || page.row(&row, text)
        });
        result.map(|()| true)
    })
}

/// `ringback review list`.
pub fn reviews(args: &TaskList) -> ExitCode {
    /// What was left to people, and when.
    #[derive(Serialize)]
    struct Row<'a> {
        at: crate::time::Timestamp,
        #[serde(flatten)]
        review: &'a crate::event::Review,
        decided: bool,
        /// The call, as far as it is still kept.
        caller: Option<&'a crate::phone::Party>,
        called: Option<&'a crate::phone::Party>,
        outcome: Option<crate::event::Outcome>,
        confidence: Option<crate::event::Confidence>,
    }
    list(&args.list, |reader, page| {
        let mut broken = None;
        let mut tell = |at, review: crate::event::Review, decided| {
            if decided && !args.all {
                return true;
            }
            let found = reader.call(&review.call.to_string()).unwrap_or_else(|error| {
                broken = Some(error);
                None
            });
            let call = found.as_ref();
            let row = Row {
                at,
                review: &review,
                decided,
                caller: call.and_then(|call| call.caller.as_ref()),
                called: call.and_then(|call| call.called.as_ref()),
                outcome: call.map(|call| call.outcome),
                confidence: call.map(|call| call.confidence),
            };
            let word = if decided { "\n    decided" } else { "" };
            page.row(&row, |look| format!("{}{word}", table::reviewed((at, &review), call, look)))
        };
        reader.reviews(&mut tell)?;
        broken.map_or(Ok(true), Err)
    })
}

/// `ringback optout list`.
pub fn opt_outs(args: &OptoutList) -> ExitCode {
    let settings = match settings(&args.list.chore) {
        Ok(settings) => settings,
        Err(status) => return status,
    };
    let party = match args.number.as_deref().map(|text| number(text, &settings)).transpose() {
        Ok(party) => party,
        Err(wrong) => {
            eprintln!("ringback: {wrong}");
            return ExitCode::from(USAGE);
        }
    };
    list_in(&settings, args.list.format, |reader, page| {
        let (count, holds) = reader.opt_outs(&page.place.clone(), party.as_ref())?;
        let row = match &party {
            Some(party) => json!({ "number": party.shown(), "opted_out": holds }),
            None => json!({ "opted_out": count }),
        };
        page.row(&row, |_| match &party {
            Some(party) if holds => format!("{} gets no texts", party.shown()),
            Some(party) => format!("{} is not on the list", party.shown()),
            None => format!("{count} on the list, which keeps no numbers; name one to ask for it"),
        });
        Ok(true)
    })
}

/// Where rows go, until somebody no longer reads them.
struct Page {
    out: BufWriter<StdoutLock<'static>>,
    format: KeyFormat,
    look: table::Look,
    place: Place,
    written: io::Result<()>,
}

impl Page {
    /// Writes a row; false if nobody reads it.
    fn row(&mut self, row: &impl Serialize, text: impl FnOnce(&table::Look) -> String) -> bool {
        let line = match self.format {
            KeyFormat::Table => Ok(text(&self.look)),
            KeyFormat::Json => serde_json::to_string(row).map_err(io::Error::from),
        };
        self.written = line.and_then(|line| writeln!(self.out, "{line}"));
        self.written.is_ok()
    }
}

fn list(args: &ListArgs, tell: impl FnOnce(&Reader, &mut Page) -> Result<bool, StoreError>) -> ExitCode {
    match settings(&args.chore) {
        Ok(settings) => list_in(&settings, args.format, tell),
        Err(status) => status,
    }
}

/// Opens the store and has it told; status 1 if it can't be read, or what was asked for isn't there.
fn list_in(
    settings: &Settings,
    format: KeyFormat,
    tell: impl FnOnce(&Reader, &mut Page) -> Result<bool, StoreError>,
) -> ExitCode {
    let place = super::run::place(settings);
    let look = table::Look { tz: settings.site.tz.clone(), colour: io::stdout().is_terminal() };
    let out = BufWriter::new(io::stdout().lock());
    let mut page = Page { out, format, look, place, written: Ok(()) };
    let told = Reader::open(&page.place.path).and_then(|reader| tell(&reader, &mut page));
    match told {
        Ok(found) => {
            let written = page.written.and_then(|()| page.out.flush());
            let status = if found { ExitCode::SUCCESS } else { ExitCode::FAILURE };
            finish(written.map(|()| status))
        }
        Err(error) => {
            eprintln!("ringback: {error}");
            ExitCode::FAILURE
        }
    }
}

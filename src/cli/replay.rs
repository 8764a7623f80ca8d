//! `ringback replay`: captures through the whole engine, told on standard output and into a folder.

use std::fs;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use jiff::tz::TimeZone;

use super::show::{self, csv, table};
use super::{Format, ReplayArgs, USAGE};
use crate::engine::Summary;
use crate::event::{Event, JournalEntry, Review, Task, json};
use crate::replay::{self, LastStates, OutDir, Sink, Stopped};
use crate::settings::Settings;
use crate::source::{self, CaptureFile};

/// Replays what was named: each scenario for itself, everything else as one run.
pub fn run(args: ReplayArgs) -> ExitCode {
    super::finish(replay(&args))
}

fn replay(args: &ReplayArgs) -> io::Result<ExitCode> {
    let plan = match source::plan(&args.captures) {
        Ok(plan) => plan,
        Err(error) => {
            eprintln!("ringback: {error}");
            return Ok(ExitCode::FAILURE);
        }
    };
    let mut all_well = true;
    for run in &plan.runs {
        let scenario = run.scenario.as_ref();
        let config = args.config.as_deref().or(scenario.and_then(|scenario| scenario.config.as_deref()));
        let settings = match config.map(load).transpose() {
            Ok(settings) => settings.unwrap_or_default(),
            Err(code) => return Ok(code),
        };
        let out = args.out.as_deref().map(|out| folder(out, scenario.map(|scenario| scenario.name.as_str())));
        let named = scenario.filter(|_| plan.runs.len() > 1).map(|scenario| scenario.name.as_str());
        all_well &= one(args, &run.captures, settings, out.as_deref(), named)?;
    }
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One run; tells whether all of its input could be read.
fn one(
    args: &ReplayArgs,
    captures: &[CaptureFile],
    settings: Settings,
    out: Option<&Path>,
    named: Option<&str>,
) -> io::Result<bool> {
    let tz = settings.site.tz.clone();
    let out = out.map(|out| OutDir::create(out).map_err(|error| told(error, out))).transpose()?;
    let mut screen = Screen::new(args.format, tz, out);
    screen.begin(named)?;
    let run = replay::Run { captures, settings, until: args.until };
    let bar = screen.bar.clone();
    let place = named.map(|name| format!("{}/", show::clean(name))).unwrap_or_default();
    let done = replay::run(run, &mut screen, |damage| bar.suspend(|| eprintln!("ringback: {place}{damage}")));
    screen.bar.finish_and_clear();
    match done {
        Ok(summary) => {
            let whole = summary.damage.is_empty();
            unread(&summary, &place);
            screen.end(&summary)?;
            Ok(whole)
        }
        Err(Stopped::Output(error)) => Err(error),
        Err(Stopped::Input(error)) => {
            eprintln!("ringback: {error}");
            screen.discard();
            Ok(false)
        }
    }
}

/// Tells what a report without calls may be due to: packets that couldn't be read as a whole, or at all.
fn unread(summary: &Summary, place: &str) {
    let flow = &summary.flow;
    if flow.unknown_link > 0 {
        let packets = flow.unknown_link;
        eprintln!(
            "ringback: {place}{packets} packets have a link type that isn't read; capture on Ethernet, \"any\" or lo"
        );
    }
    if flow.cut > 0 {
        let packets = flow.cut;
        eprintln!(
            "ringback: {place}{packets} packets were cut short by the capture; capture with a snap length of 0"
        );
    }
}

/// Settings of a configuration; the exit status if it can't be used. Warnings are for `check` to tell.
fn load(path: &Path) -> Result<Settings, ExitCode> {
    match crate::config::load(path) {
        Ok(loaded) => Ok(loaded.settings),
        Err(refused) => {
            eprintln!("{refused}");
            Err(ExitCode::from(USAGE))
        }
    }
}

fn folder(out: &Path, scenario: Option<&str>) -> PathBuf {
    scenario.map_or_else(|| out.to_owned(), |name| out.join(name))
}

fn told(error: io::Error, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Standard output and the output folder.
struct Screen {
    format: Format,
    look: table::Look,
    stdout: BufWriter<StdoutLock<'static>>,
    bar: ProgressBar,
    out: Option<OutDir>,
    /// The line being written.
    line: Vec<u8>,
    messages: LastStates,
    tasks: Vec<Task>,
    reviews: Vec<Review>,
}

impl Screen {
    fn new(format: Format, tz: TimeZone, out: Option<OutDir>) -> Screen {
        let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let bar = if io::stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {eta}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Screen {
            format,
            look: table::Look { tz, colour },
            stdout: BufWriter::with_capacity(BUFFER, io::stdout().lock()),
            bar,
            out,
            line: Vec::new(),
            messages: LastStates::default(),
            tasks: Vec::new(),
            reviews: Vec::new(),
        }
    }

    fn begin(&mut self, named: Option<&str>) -> io::Result<()> {
        match self.format {
            Format::Json => Ok(()),
            Format::Csv => writeln!(self.stdout, "{}", csv::HEAD),
            Format::Table => {
                if let Some(name) = named {
                    writeln!(self.stdout, "{}", table::heading(&show::clean(name), &self.look))?;
                }
                writeln!(self.stdout, "{}", table::head(&self.look))
            }
        }
    }

    fn end(mut self, summary: &Summary) -> io::Result<()> {
        if self.format == Format::Table {
            self.tell_outreach()?;
            let Summary { calls, missed, sip_messages, .. } = summary;
            let packets = summary.flow.packets;
            let s = if *calls == 1 { "" } else { "s" };
            writeln!(
                self.stdout,
                "\n{calls} call{s}, {missed} missed, in {sip_messages} SIP messages of {packets} packets\n"
            )?;
        }
        self.stdout.flush()?;
        self.out.map_or(Ok(()), |out| out.finish(summary))
    }

    fn discard(self) {
        if let Some(out) = self.out {
            out.discard();
        }
    }

    fn tell_outreach(&mut self) -> io::Result<()> {
        for (heading, lines) in [
            (
                "TEXTS",
                self.messages
                    .list()
                    .iter()
                    .map(|message| table::message(message, &self.look))
                    .collect::<Vec<_>>(),
            ),
            ("TASKS", self.tasks.iter().map(|task| table::task(task, &self.look)).collect()),
            ("REVIEWS", self.reviews.iter().map(table::review).collect()),
        ] {
            if !lines.is_empty() {
                writeln!(self.stdout, "\n{}", table::heading(heading, &self.look))?;
            }
            for line in lines {
                writeln!(self.stdout, "{line}")?;
            }
        }
        Ok(())
    }
}

impl Sink for Screen {
    fn entry(&mut self, entry: &JournalEntry) -> io::Result<()> {
        match (&entry.event, self.format) {
            (Event::Call(record), Format::Table) => {
                writeln!(self.stdout, "{}", table::call(record, &self.look))?
            }
            (Event::Call(record), Format::Csv) => {
                writeln!(self.stdout, "{}", csv::line(record, &self.look.tz))?
            }
            (Event::Call(record), Format::Json) => {
                self.line.clear();
                json::call(&mut self.line, record);
                self.line.push(b'\n');
                self.stdout.write_all(&self.line)?;
            }
            (Event::Message(message), Format::Table) => self.messages.keep(message),
            (Event::Task(task), Format::Table) => self.tasks.push(task.clone()),
            (Event::Review(review), Format::Table) => self.reviews.push(review.clone()),
            _ => {}
        }
        self.out.as_mut().map_or(Ok(()), |out| out.entry(entry))
    }

    fn read(&mut self, bytes: u64, of: u64) {
        self.bar.set_length(of);
        self.bar.set_position(bytes);
    }
}

/// Reads one of the files a replay wrote, a value a line.
pub(super) fn lines<T: serde::de::DeserializeOwned>(path: &Path) -> io::Result<Vec<T>> {
    let text = fs::read_to_string(path).map_err(|error| told(error, path))?;
    let value = |(n, line)| {
        serde_json::from_str(line).map_err(|error| {
            let what = format!("{}:{}: not written by this version: {error}", path.display(), n + 1);
            io::Error::new(io::ErrorKind::InvalidData, what)
        })
    };
    text.lines().enumerate().map(value).collect()
}

const BUFFER: usize = 64 * 1024;

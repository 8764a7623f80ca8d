//! What a replay shows on standard output while it runs, and the folder it writes beside it.
//!
//! A reader of standard output that goes away (`| head`) ends a run quietly, unless a folder is being written:
//! then only the telling ends.

use std::io::{self, BufWriter, ErrorKind, IsTerminal, StdoutLock, Write};

use indicatif::{ProgressBar, ProgressStyle};
use jiff::tz::TimeZone;

use super::Format;
use super::show::{self, csv, table};
use crate::engine::{Audio, Summary};
use crate::event::{Event, JournalEntry, Message, MessageState, Review, Task, json};
use crate::replay::{LastStates, OutDir, Sink};

/// Standard output and the output folder.
pub(super) struct Screen {
    format: Format,
    look: table::Look,
    stdout: Stdout,
    /// How far it is, on a terminal.
    pub bar: ProgressBar,
    out: Option<OutDir>,
    /// The line being written.
    line: Vec<u8>,
    messages: LastStates,
    tasks: Vec<Task>,
    reviews: Vec<Review>,
}

impl Screen {
    pub fn new(format: Format, tz: TimeZone, out: Option<OutDir>) -> Screen {
        let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let bar = if io::stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {eta}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Screen {
            format,
            look: table::Look { tz, colour },
            stdout: Stdout::new(out.is_some()),
            bar,
            out,
            line: Vec::new(),
            messages: LastStates::default(),
            tasks: Vec::new(),
            reviews: Vec::new(),
        }
    }

    /// The heads of the table, with the run's name if it is one of several.
    pub fn begin(&mut self, named: Option<&str>) -> io::Result<()> {
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

    /// What the run came to; completes the folder.
    pub fn end(mut self, summary: &Summary, total: &mut Total) -> io::Result<()> {
        total.add(summary, self.messages.list());
        if let Err(error) = self.tell_end(summary) {
            self.discard();
            return Err(error);
        }
        self.out.map_or(Ok(()), |out| out.finish(summary))
    }

    fn tell_end(&mut self, summary: &Summary) -> io::Result<()> {
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
        self.stdout.flush()
    }

    /// Leaves nothing of a run that didn't come to its end.
    pub fn discard(self) {
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

    fn audio(&mut self, audio: &Audio) -> io::Result<()> {
        self.out.as_mut().map_or(Ok(()), |out| out.audio(audio))
    }

    fn read(&mut self, bytes: u64, of: u64) {
        self.bar.set_length(of);
        self.bar.set_position(bytes);
    }
}

/// What several runs came to.
#[derive(Debug, Default)]
pub(super) struct Total {
    runs: u64,
    calls: u64,
    missed: u64,
    texts: u64,
}

impl Total {
    fn add(&mut self, summary: &Summary, messages: &[Message]) {
        self.runs += 1;
        self.calls += summary.calls;
        self.missed += summary.missed;
        self.texts += messages.iter().filter(|message| left(message.state)).count() as u64;
    }

    /// The last lines of a table of several runs; `writing` if a folder was written too.
    pub fn tell(&self, format: Format, writing: bool) -> io::Result<()> {
        if format != Format::Table {
            return Ok(());
        }
        let Total { runs, calls, missed, texts } = self;
        let mut stdout = Stdout::new(writing);
        let (call, text) =
            (if *calls == 1 { "call" } else { "calls" }, if *texts == 1 { "text" } else { "texts" });
        writeln!(stdout, "TOTAL of {runs} runs: {calls} {call}, {missed} missed, {texts} {text}")?;
        stdout.flush()
    }
}

/// Whether a text in this state has gone to its gateway.
fn left(state: MessageState) -> bool {
    use MessageState::{Accepted, Delivered, Expired, Failed, Sent, Submitted, Undelivered, Unknown};
    matches!(state, Accepted | Delivered | Expired | Failed | Sent | Submitted | Undelivered | Unknown)
}

/// Standard output, which may lose its reader.
struct Stdout {
    to: BufWriter<StdoutLock<'static>>,
    /// Go on in silence without a reader.
    goes_on: bool,
    gone: bool,
}

impl Stdout {
    fn new(goes_on: bool) -> Stdout {
        Stdout { to: BufWriter::with_capacity(BUFFER, io::stdout().lock()), goes_on, gone: false }
    }

    fn unless_gone<T>(&mut self, done: io::Result<T>, instead: T) -> io::Result<T> {
        match done {
            Err(error) if error.kind() == ErrorKind::BrokenPipe && self.goes_on => {
                self.gone = true;
                Ok(instead)
            }
            done => done,
        }
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.gone {
            return Ok(bytes.len());
        }
        let done = self.to.write(bytes);
        self.unless_gone(done, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.gone {
            return Ok(());
        }
        let done = self.to.flush();
        self.unless_gone(done, ())
    }
}

const BUFFER: usize = 64 * 1024;

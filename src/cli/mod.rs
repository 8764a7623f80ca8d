//! The command line: what can be asked for, and which function does it.
//!
//! Flags only choose files; everything else is the configuration's. What the contract has and this version
//! doesn't is refused by its own name. Exit status: 0 done, 1 it ran and something is wrong, 2 usage or a
//! configuration that can't be loaded.

pub mod check;
pub mod chores;
pub mod completions;
pub mod doctor;
pub mod explain;
pub mod learn;
mod log;
pub mod man;
pub mod numbers;
pub mod records;
pub mod replay;
pub mod run;
mod screen;
pub mod selftest;
pub mod show;
mod tape;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::replay::Until;
use crate::settings::{LogLevel, Logging};
use crate::time::{Span, Timestamp};

/// Exit status of wrong usage, and of a configuration that can't be loaded.
pub const USAGE: u8 = 2;

/// Commands of the contract that this version doesn't have.
const LATER: [&str; 7] = ["10dlc-kit", "contacts", "diff", "export", "gateway", "report", "simulate"];

/// Finds missed calls in the SIP signalling beside a PBX and follows them up by the office's own rules.
#[derive(Debug, Parser)]
#[command(name = "ringback", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run captures through the whole engine on a virtual clock and tell every call
    Replay(ReplayArgs),
    /// Listen on the taps, judge calls as they happen and follow them up, until told to stop
    Run(RunArgs),
    /// Tell all that is wrong in a configuration, with file, line and what to write instead
    Check(CheckArgs),
    /// Tell why a call was judged, or a caller treated, as it was
    Explain(ExplainArgs),
    /// Propose a profile for the PBX in captures or on the taps, with the evidence for each line, and say what is left to ask
    Learn(LearnArgs),
    /// Copy the store into the folder `backup` beside it, running or not
    Backup(ChoreArgs),
    /// Forget who a number belongs to: names, numbers and texts, in the store and its backups; every tape is deleted
    Erase(NumberArgs),
    /// Who must not be texted
    #[command(subcommand)]
    Optout(OptoutCommand),
    /// Texts, sent and planned
    #[command(subcommand)]
    Message(MessageCommand),
    /// What people have to do
    #[command(subcommand)]
    Task(TaskCommand),
    /// Calls that no machine may decide about
    #[command(subcommand)]
    Review(ReviewCommand),
    /// Let texts leave again after the store was found damaged
    Release(ChoreArgs),
    /// Tell whether taps, store, disk and clock are as they must be, and what to do where they aren't
    Doctor(DoctorArgs),
    /// Make a call over the loopback, through an engine of its own to the outbox of a file gateway, and tell each stage
    Selftest(DoctorArgs),
    /// Print the script by which a shell completes commands and flags
    Completions(CompletionsArgs),
    /// Write the manual, a page a command, into a folder
    Man(ManArgs),
    /// Anything else, which is refused by name.
    #[command(external_subcommand)]
    Unknown(Vec<OsString>),
}

/// `ringback replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The configuration; without one calls are judged and nobody is contacted
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The profile of the PBX, a name or the path of a file, in place of the configuration's
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// A tape of `run`, or the folder it is in, in place of captures: the journal of that run again. Its own
    /// configuration is used unless another is named
    #[arg(long, value_name = "FILE", conflicts_with_all = ["captures", "until"])]
    pub tape: Option<PathBuf>,
    /// How long outreach runs on after the last packet: a length of time, or a point in it (RFC 3339)
    #[arg(long, value_name = "72h|TIME", default_value = "72h", value_parser = until)]
    pub until: Until,
    /// How calls are told
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// A folder for calls, messages, tasks, the journal and the summary
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Captures (pcap or pcapng, gzip and zstd too), folders of them, or - for standard input
    #[arg(required_unless_present = "tape", value_name = "CAPTURE")]
    pub captures: Vec<PathBuf>,
}

/// `ringback run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The configuration; rules.d/*.toml beside it belongs to it [default: /etc/ringback/ringback.toml]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// `ringback check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The configuration; rules.d/*.toml beside it belongs to it [default: /etc/ringback/ringback.toml]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Tell what the profile of this name or path knows, and from where; without --config nothing else
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// How the keys of a profile are told
    #[arg(long, value_enum, default_value_t = KeyFormat::Table)]
    pub format: KeyFormat,
}

/// `ringback explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A call's id, a caller's number or a message's key
    #[arg(value_name = "WHAT")]
    pub what: String,
    /// The folder a replay wrote, in place of the store of a configuration
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "told by its own")]
    pub chore: ChoreArgs,
}

/// `ringback learn`.
#[derive(Debug, Args)]
pub struct LearnArgs {
    /// Listen on the taps of the configuration for so long (s, m, h or d), in place of captures; an interrupt ends it
    /// early, and what was learnt by then is printed
    #[arg(long = "for", value_name = "3d", value_parser = crate::config::period, conflicts_with = "captures")]
    pub period: Option<Span>,
    /// The configuration whose taps are listened to [default: /etc/ringback/ringback.toml]
    #[arg(long, value_name = "FILE", conflicts_with = "captures")]
    pub config: Option<PathBuf>,
    /// Captures (pcap or pcapng, gzip and zstd too), folders of them, or - for standard input
    #[arg(required_unless_present = "period", value_name = "CAPTURE")]
    pub captures: Vec<PathBuf>,
}

/// `ringback doctor` and `ringback selftest`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// The configuration [default: /etc/ringback/ringback.toml]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// `ringback completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: Shell,
}

/// `ringback man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The folder, made if it isn't there
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}

/// A command about the store of a configuration.
#[derive(Debug, Args)]
pub struct ChoreArgs {
    /// The configuration; rules.d/*.toml beside it belongs to it [default: /etc/ringback/ringback.toml]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// The same about a number.
#[derive(Debug, Args)]
pub struct NumberArgs {
    /// The number, as dialled at the site or with + and country code
    #[arg(value_name = "NUMBER")]
    pub number: String,
    #[command(flatten)]
    #[allow(missing_docs, reason = "told by its own")]
    pub chore: ChoreArgs,
}

/// The same about something with a key.
#[derive(Debug, Args)]
pub struct KeyArgs {
    /// The key, as the list shows it
    #[arg(value_name = "KEY")]
    pub key: String,
    #[command(flatten)]
    #[allow(missing_docs, reason = "told by its own")]
    pub list: ListArgs,
}

/// A command that lists.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// How it is told
    #[arg(long, value_enum, default_value_t = KeyFormat::Table)]
    pub format: KeyFormat,
    #[command(flatten)]
    #[allow(missing_docs, reason = "told by its own")]
    pub chore: ChoreArgs,
}

/// `ringback optout`.
#[derive(Debug, Subcommand)]
pub enum OptoutCommand {
    /// No more texts to a number
    Add(NumberArgs),
    /// A number wants texts again
    Remove(NumberArgs),
    /// No more texts to the numbers in a file: one a line, or CSV with a column of them; all of it or nothing
    Import(ImportArgs),
    /// Whether a number is on the list, or how many are: the list keeps no numbers
    List(OptoutList),
}

/// `ringback optout import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    #[command(flatten)]
    #[allow(missing_docs, reason = "told by its own")]
    pub chore: ChoreArgs,
}

/// `ringback optout list`.
#[derive(Debug, Args)]
pub struct OptoutList {
    /// The number asked for
    #[arg(value_name = "NUMBER")]
    pub number: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "told by its own")]
    pub list: ListArgs,
}

/// `ringback message`.
#[derive(Debug, Subcommand)]
pub enum MessageCommand {
    /// Every text in the store, each in its last state
    List(ListArgs),
    /// One text, and what each gate said to it
    Show(KeyArgs),
    /// Send a text again, unless its number opted out
    Resend(KeyOnlyArgs),
    /// Take back a text that hasn't left
    Cancel(KeyOnlyArgs),
}

/// `ringback task`.
#[derive(Debug, Subcommand)]
pub enum TaskCommand {
    /// Tasks that are not done
    List(TaskList),
    /// A task is done
    Done(KeyOnlyArgs),
}

/// A command that changes something with a key.
#[derive(Debug, Args)]
pub struct KeyOnlyArgs {
    /// The key, as the list shows it
    #[arg(value_name = "KEY")]
    pub key: String,
    #[command(flatten)]
    #[allow(missing_docs, reason = "told by its own")]
    pub chore: ChoreArgs,
}

/// `ringback task list` and `review list`.
#[derive(Debug, Args)]
pub struct TaskList {
    /// What is done or decided too
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "told by its own")]
    pub list: ListArgs,
}

/// `ringback review`.
#[derive(Debug, Subcommand)]
pub enum ReviewCommand {
    /// What is left to people to decide
    List(TaskList),
    /// Say what a call was: missed makes a task to call back, answered and ignore nothing
    Decide(DecideArgs),
}

/// `ringback review decide`.
#[derive(Debug, Args)]
pub struct DecideArgs {
    /// The call, as the list shows it
    #[arg(value_name = "CALL")]
    pub call: String,
    /// What it was
    #[arg(value_enum, value_name = "WHAT")]
    pub what: Decided,
    #[command(flatten)]
    #[allow(missing_docs, reason = "told by its own")]
    pub chore: ChoreArgs,
}

/// What a call was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Decided {
    /// Somebody should call back
    Missed,
    /// Somebody spoke with the caller
    Answered,
    /// Nothing is to be done
    Ignore,
}

/// How calls are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// One JSON object a line.
    Json,
    /// One row a call, with a header.
    Csv,
}

/// How the keys of a profile are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KeyFormat {
    /// For people.
    Table,
    /// One JSON object a line.
    Json,
}

/// Reads the arguments and does what they ask for. Wrong usage is told on stderr and is status 2.
pub fn run() -> ExitCode {
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(error) => return misused(&error),
    };
    // What the daemon tells stands in its configuration.
    if !matches!(command, Command::Run(_)) {
        log::begin(Logging { level: LogLevel::Warn, ..Logging::default() });
    }
    match command {
        Command::Replay(args) => replay::run(args),
        Command::Run(args) => run::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Explain(args) => explain::run(args),
        Command::Learn(args) => learn::run(&args),
        Command::Backup(args) => chores::run(&args, chores::Chore::Backup),
        Command::Erase(args) => chores::run(&args.chore, chores::Chore::Erase(&args.number)),
        Command::Optout(OptoutCommand::Add(args)) => {
            chores::run(&args.chore, chores::Chore::OptOut(&args.number))
        }
        Command::Optout(OptoutCommand::Remove(args)) => {
            chores::run(&args.chore, chores::Chore::OptIn(&args.number))
        }
        Command::Optout(OptoutCommand::Import(args)) => {
            chores::run(&args.chore, chores::Chore::OptOutAll(&args.file))
        }
        Command::Optout(OptoutCommand::List(args)) => records::opt_outs(&args),
        Command::Message(MessageCommand::List(args)) => records::messages(&args),
        Command::Message(MessageCommand::Show(args)) => records::message(&args),
        Command::Message(MessageCommand::Resend(args)) => {
            chores::run(&args.chore, chores::Chore::MessageResend(&args.key))
        }
        Command::Message(MessageCommand::Cancel(args)) => {
            chores::run(&args.chore, chores::Chore::MessageCancel(&args.key))
        }
        Command::Task(TaskCommand::List(args)) => records::tasks(&args),
        Command::Task(TaskCommand::Done(args)) => {
            chores::run(&args.chore, chores::Chore::TaskDone(&args.key))
        }
        Command::Review(ReviewCommand::List(args)) => records::reviews(&args),
        Command::Review(ReviewCommand::Decide(args)) => {
            chores::run(&args.chore, chores::Chore::ReviewDecide(&args.call, args.what))
        }
        Command::Release(args) => chores::run(&args, chores::Chore::Release),
        Command::Doctor(args) => doctor::run(&args),
        Command::Selftest(args) => selftest::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
        Command::Unknown(words) => unknown(&words),
    }
}

/// The exit status of something that printed: a reader that went away (`| head`) is no error.
pub fn finish(done: io::Result<ExitCode>) -> ExitCode {
    match done {
        Ok(code) => code,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ringback: can't write the output: {error}; make room or write elsewhere");
            ExitCode::FAILURE
        }
    }
}

/// Wrong usage in one line, as every other error; help, and what is printed where a command is missing, as they are.
fn misused(error: &clap::Error) -> ExitCode {
    let is_wrong = !matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    match is_wrong {
        true => eprintln!("ringback: {}; `{} --help` tells what it takes", wrong(error), meant()),
        // Whoever doesn't read it doesn't want it.
        false => drop(error.print()),
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(USAGE))
}

/// What is wrong, without the lines that tell the usage.
fn wrong(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let is_usage = |line: &&str| line.starts_with("Usage:") || line.starts_with("For more information");
    let lines =
        text.lines().map(str::trim).take_while(|line| !is_usage(line)).filter(|line| !line.is_empty());
    let told = lines.collect::<Vec<_>>().join(" ");
    let told = told.strip_prefix("error: ").unwrap_or(&told).replace(" tip: ", "; ");
    show::clean(&told).into_owned()
}

/// The command that was named, as far as there is one.
fn meant() -> String {
    let (mut command, mut path) = (Cli::command(), "ringback".to_owned());
    for word in std::env::args_os().skip(1) {
        let Some(found) = command.find_subcommand(&word).cloned() else { break };
        path = format!("{path} {}", found.get_name());
        command = found;
    }
    path
}

fn unknown(words: &[OsString]) -> ExitCode {
    let word = words.first().map(|word| word.to_string_lossy()).unwrap_or_default();
    if LATER.contains(&word.as_ref()) {
        eprintln!("ringback: `{word}` comes with a later version; `ringback --help` lists what there is");
        return ExitCode::from(USAGE);
    }
    let distance = |known: &str| strsim::damerau_levenshtein(&word, known);
    let cli = Cli::command();
    let names = cli.get_subcommands().map(clap::Command::get_name).chain(["help"]);
    match names.filter(|known| distance(known) <= (word.len() / 3).max(1)).min_by_key(|known| distance(known))
    {
        Some(near) => eprintln!("ringback: no command `{word}`; did you mean `{near}`?"),
        None => eprintln!("ringback: no command `{word}`; `ringback --help` lists them"),
    }
    ExitCode::from(USAGE)
}

fn until(text: &str) -> Result<Until, String> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(Until::At(Timestamp::from_micros(at.as_microsecond())));
    }
    crate::config::span(text)
        .map(Until::After)
        .map_err(|wrong| format!("{wrong}, or a time as 2026-11-20T21:14:00-06:00"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_argument_is_defined_once() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn until_is_a_length_or_a_point_of_time() {
        assert_eq!(until("72h"), Ok(Until::After(Span::from_secs(259_200))));
        assert_eq!(until("1970-01-01T01:00:00+01:00"), Ok(Until::At(Timestamp::from_micros(0))));
        assert!(until("tomorrow").is_err());
    }
}

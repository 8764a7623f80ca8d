//! The `ringback` program: logging, then the command line.

use std::process::ExitCode;

use tracing_subscriber::filter::LevelFilter;

fn main() -> ExitCode {
    let asked = std::env::var("RINGBACK_LOG").ok().and_then(|level| level.parse().ok());
    let runs = std::env::args_os().nth(1).is_some_and(|command| command == "run");
    let usual = if runs { LevelFilter::INFO } else { LevelFilter::WARN };
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(asked.unwrap_or(usual))
        .with_ansi(false)
        .init();
    ringback::cli::run()
}

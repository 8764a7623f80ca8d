//! The `ringback` program: logging, then the command line.

use std::process::ExitCode;

use tracing_subscriber::filter::LevelFilter;

fn main() -> ExitCode {
    let asked = std::env::var("RINGBACK_LOG").ok().and_then(|level| level.parse().ok());
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(asked.unwrap_or(LevelFilter::WARN))
        .with_ansi(false)
        .init();
    ringback::cli::run()
}

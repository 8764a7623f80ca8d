//! `ringback completions`: what a shell needs to complete the commands and their flags.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::CommandFactory;

use super::{Cli, CompletionsArgs, finish};

/// Prints the script for a shell.
pub fn run(args: &CompletionsArgs) -> ExitCode {
    let mut script = Vec::new();
    // Written to memory first, because the generator panics where nobody reads on.
    clap_complete::generate(args.shell, &mut Cli::command(), "ringback", &mut script);
    finish(io::stdout().lock().write_all(&script).map(|()| ExitCode::SUCCESS))
}

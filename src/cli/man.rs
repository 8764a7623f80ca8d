//! `ringback man`: the manual, a page for the program and one for each of its commands, from what clap knows.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::{Cli, ManArgs};

/// Writes the pages into a folder, which is made if it isn't there.
pub fn run(args: &ManArgs) -> ExitCode {
    match write(&args.folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!(
                "ringback: can't write to {}: {error}; make room or name another folder",
                args.folder.display()
            );
            ExitCode::FAILURE
        }
    }
}

fn write(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut whole = Cli::command().disable_help_subcommand(true);
    whole.build();
    pages(&whole, folder)
}

fn pages(command: &Command, folder: &Path) -> io::Result<()> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        pages(below, folder)?;
    }
    page(command.clone(), folder)
}

fn page(command: Command, folder: &Path) -> io::Result<()> {
    let version = concat!("ringback ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command).source(version).manual("ringback");
    let mut file = File::create(folder.join(man.get_filename()))?;
    man.render(&mut file)?;
    file.write_all(TAIL.as_bytes())
}

/// What holds for all commands.
const TAIL: &str = r#".SH "EXIT STATUS"
0: done. 1: it ran and something is wrong. 2: wrong usage, or a configuration that can't be loaded.
.SH FILES
.TP
\fI/etc/ringback/ringback.toml\fR, \fI/etc/ringback/rules.d/*.toml\fR
The configuration. \fI/usr/share/ringback/ringback.toml\fR has every key it understands.
.TP
\fI/var/lib/ringback/ringback.db\fR
What the service remembers.
.SH "SEE ALSO"
\fBringback\fR(1), \fBsystemctl\fR(1), \fBjournalctl\fR(1)
"#;

//! `pganalytics completions` and `pganalytics man`: out of the definition of the command line.

use std::io;
use std::path::PathBuf;

use clap::{Args, Command, ValueHint};
use clap_complete::Shell;

use crate::data_dir::file_error;
use crate::{Exit, Result};

/// For which shell.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  pganalytics completions bash > /usr/share/bash-completion/completions/pganalytics\n  \
                  pganalytics completions zsh > /usr/share/zsh/vendor-completions/_pganalytics"
)]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Where the pages go.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  pganalytics man --dir /usr/share/man/man1")]
pub(super) struct ManArgs {
    /// Directory, made if it is missing: a page for the program, and one for each command
    #[arg(long, value_hint = ValueHint::DirPath)]
    dir: PathBuf,
}

pub(super) fn completions(args: &CompletionsArgs, mut program: Command) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, "pganalytics", &mut script);
    io::Write::write_all(&mut io::stdout().lock(), &script)
        .map_err(|error| file_error("write to", "standard output".as_ref(), error))?;
    Ok(Exit::Ok)
}

pub(super) fn man(args: &ManArgs, program: Command) -> Result<Exit> {
    std::fs::create_dir_all(&args.dir)
        .and_then(|()| clap_mangen::generate_to(program, &args.dir))
        .map_err(|error| file_error("write manual pages to", &args.dir, error))?;
    Ok(Exit::Ok)
}

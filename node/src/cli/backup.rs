//! `pganalytics backup`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use pga_config::Config;

use super::cluster::{environment, say};
use crate::backup::{self, BackupOptions, Passphrase};
use crate::output::{Output, OutputArgs, Rows};
use crate::{Error, Exit, Result};

/// Options of `backup`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  pganalytics backup --config node-2.toml --passphrase-file secret.txt cluster.pgab\n  \
                  pganalytics backup verify --passphrase-file secret.txt cluster.pgab"
)]
pub(crate) struct BackupArgs {
    #[command(subcommand)]
    command: Option<BackupCommand>,
    #[command(flatten)]
    create: Option<CreateArgs>,
}

/// Commands on backups.
#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Read a backup from its first byte to its last, and say what is in it
    Verify(VerifyArgs),
}

/// Options of making one.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Where the backup goes
    file: PathBuf,
    /// Configuration file of a node that runs on this machine; any node will do
    #[arg(long, short, value_name = "FILE")]
    config: PathBuf,
    /// File with a passphrase (first line, mode 0600): encrypts the backup, and puts the cluster
    /// key in. Without it the cluster key is not in the backup, and restoring takes
    /// pki/cluster.key of a node
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
    /// One line of JSON, and nothing meanwhile
    #[arg(long)]
    json: bool,
}

/// Options of `backup verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The backup
    file: PathBuf,
    /// File with its passphrase; without it the content of an encrypted one stays closed, and its
    /// checksums are compared
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &BackupArgs) -> Result<Exit> {
    match (&args.command, &args.create) {
        (Some(BackupCommand::Verify(args)), _) => verify(args),
        (None, Some(args)) => create(args),
        (None, None) => Err(Error::Refused("name a file".to_owned())),
    }
}

fn create(args: &CreateArgs) -> Result<Exit> {
    let config = Config::load(&args.config, environment(), &[])?;
    let contents = backup::create(&BackupOptions {
        config: &config,
        file: &args.file,
        passphrase: passphrase(args.passphrase_file.as_deref())?,
        replaces: args.force,
        is_quiet: args.json,
    })?;
    if args.json {
        return say(&backup::json(&args.file, &contents).to_string());
    }
    say(backup::text(&args.file, &contents).trim_end())
}

fn verify(args: &VerifyArgs) -> Result<Exit> {
    let passphrase = passphrase(args.passphrase_file.as_deref())?;
    let form = args.output.form();
    let contents = backup::verify(&args.file, passphrase.as_ref(), form != Output::Table)?;
    match form {
        Output::Table => say(backup::text(&args.file, &contents).trim_end()),
        Output::Json => say(&backup::json(&args.file, &contents).to_string()),
        Output::Csv => {
            let mut rows = Rows::new(["name", "value"]);
            for (name, value) in backup::facts(&args.file, &contents) {
                rows.push([name.to_owned(), value]);
            }
            say(rows.csv().trim_end())
        }
    }
}

/// The passphrase in a file, if one is named.
pub(super) fn passphrase(file: Option<&std::path::Path>) -> Result<Option<Passphrase>> {
    file.map(Passphrase::read).transpose()
}

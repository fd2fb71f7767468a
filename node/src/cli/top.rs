//! `pganalytics top`: cluster and servers in a terminal.

use std::io::IsTerminal;
use std::time::Duration;

use pga_config::parse_duration;
use pga_top::{TopError, TopOptions};

use super::cluster::say;
use super::remote::{RemoteArgs, read_failed};
use crate::process::{runtime, stop_signal};
use crate::{Error, Exit, Result};

/// Size of the screen where there is no terminal.
const SIZE: (u16, u16) = (120, 40);

/// What is shown.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Keys: ? lists them, q quits.\n\nExamples:\n  pganalytics top --node https://10.0.0.1:8080 --ca-file ca.pem --token pga_…\n  \
                  PGANALYTICS_PASSWORD=… pganalytics top --username admin --server db1"
)]
pub(super) struct TopArgs {
    #[command(flatten)]
    remote: RemoteArgs,
    /// The server to begin with: its name, or its number
    #[arg(long)]
    server: Option<String>,
    /// Between two refreshes
    #[arg(long, default_value = "5s", value_parser = parse_duration)]
    interval: Duration,
    /// Print the screen once, as text; so it is where standard output is no terminal
    #[arg(long)]
    once: bool,
}

pub(super) fn run(args: &TopArgs) -> Result<Exit> {
    let reader = args.remote.reader()?;
    let options = TopOptions {
        interval: args.interval.max(Duration::from_secs(1)),
        server: args.server.clone(),
    };
    let runtime = runtime(1)?;
    if args.once || !std::io::stdout().is_terminal() {
        let text = runtime.block_on(pga_top::once(reader, &options, SIZE));
        return say(text.map_err(failed)?.trim_end());
    }
    let ended = runtime.block_on(pga_top::run(reader, &options, stop_signal()));
    ended.map_err(failed)?;
    Ok(Exit::Ok)
}

fn failed(error: TopError) -> Error {
    match error {
        TopError::Read(error) => read_failed(error),
        error => Error::Refused(pga_runtime::error_chain(&error)),
    }
}

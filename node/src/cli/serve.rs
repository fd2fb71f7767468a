//! `pganalytics serve`.

use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use pga_config::Config;
use tokio::sync::oneshot;

use super::runtime::{runtime, stop_signal};
use crate::{Exit, Result, start_logging};

/// How long work on files may go on when all else has stopped.
const LAST_WORK: Duration = Duration::from_secs(1);

/// Where the settings come from.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// Configuration file (TOML)
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Sets one key over file and environment, such as raft.heartbeat=200ms
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE", value_parser = parse_flag)]
    pub(crate) set: Vec<(String, String)>,
}

/// Options of `serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Check the configuration only, and touch nothing
    #[arg(long)]
    check_config: bool,
    /// End when standard input is closed
    #[arg(long, hide = true)]
    exit_with_parent: bool,
}

impl ConfigArgs {
    /// Loads and validates the settings.
    pub(crate) fn load(&self) -> Result<Config> {
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Ok(Config::load(&self.config, variables, &self.set)?)
    }
}

fn parse_flag(text: &str) -> std::result::Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write SECTION.KEY=VALUE")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}

pub(super) fn run(args: &ServeArgs) -> Result<Exit> {
    if args.check_config {
        return super::check_config::run(&args.config);
    }
    let config = args.config.load()?;
    let _logs = start_logging(&config.logging)?;
    for warning in config.warnings() {
        tracing::warn!(%warning, "configuration");
    }
    let exit_with_parent = args.exit_with_parent;
    let runtime = runtime(config.node.worker_threads)?;
    let outcome = runtime.block_on(async {
        let stop = stop_or_parent_gone(exit_with_parent);
        Box::pin(crate::serve::serve(config, stop)).await
    });
    // Work on a disk that hangs keeps nobody from ending.
    runtime.shutdown_timeout(LAST_WORK);
    if let Err(error) = &outcome {
        tracing::error!(error = pga_runtime::error_chain(error), "node ended");
    }
    outcome.map(|()| Exit::Ok)
}

/// Resolves when a signal asks this process to stop, or, if it is to end with its parent, when that
/// is gone.
pub(crate) async fn stop_or_parent_gone(exit_with_parent: bool) {
    if !exit_with_parent {
        return stop_signal().await;
    }
    tokio::select! {
        () = stop_signal() => {}
        _ = parent_gone() => tracing::info!("the parent process is gone"),
    }
}

/// Resolves when standard input is closed, which the end of the parent process does.
fn parent_gone() -> oneshot::Receiver<()> {
    let (tell, gone) = oneshot::channel();
    let watch = move || {
        let mut input = std::io::stdin().lock();
        let mut byte = [0; 64];
        while matches!(input.read(&mut byte), Ok(n) if n > 0) {}
        drop(tell);
    };
    let spawned = std::thread::Builder::new()
        .name("parent".to_owned())
        .spawn(watch);
    if let Err(error) = spawned {
        // The node ends at once rather than outlive its parent unseen.
        tracing::error!(%error, "the parent cannot be watched");
    }
    gone
}

//! `pganalytics serve`.

use std::time::Duration;

use clap::Args;

use super::config_args::ConfigArgs;
use crate::output::Output;
use crate::process::{runtime, stop_or_parent_gone};
use crate::{ConfigSource, Exit, Result, start_logging};

/// How long work on files may go on when all else has stopped.
const LAST_WORK: Duration = Duration::from_secs(1);

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

pub(super) fn run(args: &ServeArgs) -> Result<Exit> {
    if args.check_config {
        return super::check_config::check(&args.config, Output::Table);
    }
    let config = args.config.load()?;
    let logs = start_logging(&config.logging)?;
    for warning in config.warnings() {
        tracing::warn!(%warning, "configuration");
    }
    let exit_with_parent = args.exit_with_parent;
    let again = args.config.clone();
    let source = ConfigSource {
        load: Box::new(move || again.load()),
        log: logs.control(),
    };
    let runtime = runtime(config.node.worker_threads)?;
    let outcome = runtime.block_on(async {
        let stop = stop_or_parent_gone(exit_with_parent);
        Box::pin(crate::serve::serve(config, source, stop)).await
    });
    // Work on a disk that hangs keeps nobody from ending.
    runtime.shutdown_timeout(LAST_WORK);
    if let Err(error) = &outcome {
        tracing::error!(error = pga_runtime::error_chain(error), "node ended");
    }
    outcome.map(|()| Exit::Ok)
}

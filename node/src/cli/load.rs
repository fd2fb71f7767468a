//! `pganalytics load`.

use std::io::{IsTerminal, Write};
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};
use pga_loadgen::{LoadArgs, LoadError, Report, may_verify, verify};
use tokio::sync::watch;

use crate::process::{runtime, stop_signal};
use crate::tasks::{self, TaskKind};
use crate::{Error, Exit, Result};

pub(super) fn run(args: &LoadArgs) -> Result<Exit> {
    let outcome = runtime(2)?.block_on(async {
        let (stop, stopped) = watch::channel(false);
        tasks::spawn(TaskKind::Watch, async move {
            stop_signal().await;
            stop.send_replace(true);
        });
        Box::pin(make(args, stopped)).await
    });
    let report = match outcome {
        Ok(report) => report,
        Err(LoadError::Options(what)) => return Err(Error::Refused(what)),
        Err(error) => return Err(Error::Unavailable(pga_runtime::error_chain(&error))),
    };
    let text = if args.json {
        report.to_json()
    } else {
        report.to_string()
    };
    writeln!(std::io::stdout().lock(), "{text}")
        .map_err(|error| Error::Unavailable(format!("cannot write the report: {error}")))?;
    let is_refused = report.pushes.attempted > 0 && report.pushes.succeeded == 0;
    Ok(if report.is_clean() && !is_refused {
        Exit::Ok
    } else {
        Exit::Failed
    })
}

/// Makes the load, and verifies it if asked to; `stop` ends the load early.
async fn make(
    args: &LoadArgs,
    stop: watch::Receiver<bool>,
) -> std::result::Result<Report, LoadError> {
    let bar = if args.json && !std::io::stderr().is_terminal() {
        ProgressBar::hidden()
    } else {
        ProgressBar::new(args.duration.as_secs().max(1))
    };
    let style = ProgressStyle::with_template("{bar:30} {elapsed_precise} of {len} s, {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    if args.verify {
        may_verify(args).await?;
    }
    let run = pga_loadgen::run(args, stop, bar.clone(), Arc::default()).await?;
    let run = Arc::new(run);
    let views = if args.verify {
        bar.set_message("reading back");
        verify(args, &run).await?
    } else {
        Vec::new()
    };
    bar.finish_and_clear();
    Ok(Report::new(&run, views))
}

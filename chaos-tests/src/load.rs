//! Load while something breaks.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use indicatif::ProgressBar;
use pga_loadgen::{LoadArgs, LoadError, Report, Run, Tally, run, verify};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::wait::until;

/// A load that runs until it is told to stop.
#[derive(Debug)]
pub struct Load {
    args: LoadArgs,
    stop: watch::Sender<bool>,
    tally: Arc<Tally>,
    running: JoinHandle<Result<Run, LoadError>>,
}

impl Load {
    /// Starts it; `args.duration` bounds it.
    pub fn start(args: LoadArgs) -> Self {
        let (stop, stopped) = watch::channel(false);
        let own = args.clone();
        let tally = Arc::new(Tally::default());
        let counted = Arc::clone(&tally);
        let running =
            tokio::spawn(async move { run(&own, stopped, ProgressBar::hidden(), counted).await });
        Self {
            args,
            stop,
            tally,
            running,
        }
    }

    /// Waits until `pushes` more were acknowledged.
    ///
    /// # Errors
    /// If that takes over ten minutes.
    pub async fn acknowledged(&self, pushes: u64) -> anyhow::Result<()> {
        let goal = self.tally.succeeded() + pushes;
        until(
            "pushes are acknowledged",
            Duration::from_secs(600),
            async || {
                let succeeded = self.tally.succeeded();
                ensure!(succeeded >= goal, "{succeeded} of {goal}");
                Ok(())
            },
        )
        .await
    }

    /// Ends it; a push that was begun is finished.
    ///
    /// # Errors
    /// If it could not run.
    pub async fn stop(self) -> anyhow::Result<(LoadArgs, Arc<Run>)> {
        self.stop.send_replace(true);
        self.join().await
    }

    /// Waits until its duration is over.
    ///
    /// # Errors
    /// If it could not run.
    pub async fn join(self) -> anyhow::Result<(LoadArgs, Arc<Run>)> {
        let run = self.running.await?.context("load")?;
        Ok((self.args, Arc::new(run)))
    }

    /// Waits until its duration is over, and checks as [`Load::verify`] does.
    ///
    /// # Errors
    /// As [`Load::verify`].
    pub async fn finish(self) -> anyhow::Result<Report> {
        let (args, run) = self.join().await?;
        verified(&args, &run).await
    }

    /// Ends it, and checks through every node (and in the database) that exactly what was
    /// acknowledged is stored.
    ///
    /// # Errors
    /// If anything is lost, duplicated or phantom, or too little was acknowledged for the run to
    /// mean anything.
    pub async fn verify(self) -> anyhow::Result<Report> {
        let (args, run) = self.stop().await?;
        verified(&args, &run).await
    }
}

/// Checks that every push was acknowledged, be it after retries.
///
/// # Errors
/// How many were not, and why the first was not.
pub fn none_failed(run: &Run) -> anyhow::Result<()> {
    let (failed, first) = (run.failed, &run.first_failure);
    ensure!(failed == 0, "{failed} pushes failed: {first:?}");
    Ok(())
}

/// Checks through every node (and in the database) that exactly what was acknowledged is stored.
///
/// # Errors
/// As [`Load::verify`].
pub async fn verified(args: &LoadArgs, run: &Arc<Run>) -> anyhow::Result<Report> {
    let views = verify(args, run).await.context("reading back")?;
    let report = Report::new(run, views);
    ensure!(
        report.pushes.succeeded > 0,
        "nothing was acknowledged: {report}"
    );
    ensure!(report.is_clean(), "{report}");
    Ok(report)
}

//! `pganalytics collect`.

use pga_config::{LogFormat, Logging};
use tokio::sync::watch;

use super::runtime::{runtime, stop_signal};
use crate::collect::{self, CollectArgs, CollectError};
use crate::tasks::{self, TaskKind};
use crate::{Error, Exit, Result, start_logging};

pub(super) fn run(args: CollectArgs) -> Result<Exit> {
    let _logs = start_logging(&Logging {
        level: "info".to_owned(),
        format: LogFormat::Text,
        dir: None,
        rotation: pga_config::LogRotation::Never,
        max_files: 1,
    })?;
    let outcome = runtime(1)?.block_on(async {
        let (stop, stopped) = watch::channel(false);
        tasks::spawn(TaskKind::Watch, async move {
            stop_signal().await;
            stop.send_replace(true);
        });
        Box::pin(collect::run(args, stopped)).await
    });
    match outcome {
        Ok(()) => Ok(Exit::Ok),
        Err(CollectError::Options(what)) => Err(Error::Refused(what)),
        Err(error) => Err(Error::Unavailable(crate::error::chain(&error))),
    }
}

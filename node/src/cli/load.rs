//! `pganalytics load`.

use tokio::sync::watch;

use super::runtime::{runtime, stop_signal};
use crate::load::{LoadArgs, LoadError, execute};
use crate::tasks::{self, TaskKind};
use crate::{Error, Exit, Result};

pub(super) fn run(args: &LoadArgs) -> Result<Exit> {
    let outcome = runtime(2)?.block_on(async {
        let (stop, stopped) = watch::channel(false);
        tasks::spawn(TaskKind::Watch, async move {
            stop_signal().await;
            stop.send_replace(true);
        });
        Box::pin(execute(args, stopped)).await
    });
    match outcome {
        Ok(true) => Ok(Exit::Ok),
        Ok(false) => Ok(Exit::Failed),
        Err(LoadError::Options(what)) => Err(Error::Refused(what)),
        Err(error) => Err(Error::Unavailable(pga_runtime::error_chain(&error))),
    }
}

//! `pganalytics collect`.

use pga_config::{LogFormat, Logging};
use tokio::sync::watch;

use super::cluster::say;
use crate::collect::{self, CollectAction, CollectArgs, CollectError};
use crate::output::Output;
use crate::process::{runtime, stop_signal};
use crate::tasks::{self, TaskKind};
use crate::{Error, Exit, Result, start_logging};

/// Threads of a process that watches several servers, at most.
const MOST_THREADS: usize = 4;

pub(super) fn run(mut args: CollectArgs) -> Result<Exit> {
    if let Some(action) = &args.action {
        return act(action);
    }
    if args.check {
        return check(&args);
    }
    let _logs = start_logging(&Logging {
        level: "info".to_owned(),
        format: LogFormat::Text,
        dir: None,
        rotation: pga_config::LogRotation::Never,
        max_size: pga_config::ByteSize::new(u64::MAX),
        max_files: 1,
    })?;
    if args.state_dir.is_none() && !args.dsn.is_empty() {
        let dir = collect::default_state_dir();
        args.state_dir = Some(dir.map_err(|error| failed(error, Error::Refused))?);
    }
    // What one server takes (a long list, a slow disk) holds up no other.
    let servers = args.dsn.len().clamp(1, MOST_THREADS);
    let outcome = runtime(servers as u64)?.block_on(async {
        let (stop, stopped) = watch::channel(false);
        tasks::spawn(TaskKind::Watch, async move {
            stop_signal().await;
            stop.send_replace(true);
        });
        Box::pin(collect::run(args, stopped)).await
    });
    // What keeps it from running may be over at the next start.
    outcome
        .map(|()| Exit::Ok)
        .map_err(|error| failed(error, Error::Unavailable))
}

/// `collect --check`: the same as `collect check`, of each server.
fn check(args: &CollectArgs) -> Result<Exit> {
    let mut exit = Exit::Ok;
    for dsn in args.servers() {
        let found = act(&CollectAction::Check {
            dsn: dsn.to_owned(),
            output: Output::Table,
        })?;
        if !matches!(found, Exit::Ok) {
            exit = found;
        }
    }
    Ok(exit)
}

/// With its exit code; what has none of its own is `otherwise`.
fn failed(error: CollectError, otherwise: fn(String) -> Error) -> Error {
    let text = pga_runtime::error_chain(&error);
    match error {
        CollectError::Options(what) => Error::Refused(what),
        CollectError::NoServer(_) | CollectError::Client(_) => Error::Unavailable(text),
        CollectError::Listen { address, source } => Error::Listen {
            address: address.to_string(),
            source,
        },
        CollectError::NoState(path) => Error::File {
            action: "find a collector in",
            path,
            source: std::io::ErrorKind::NotFound.into(),
        },
        CollectError::State(path, source) => Error::File {
            action: "use the state directory (--state-dir names another)",
            path,
            source,
        },
        CollectError::InUse(_) => Error::InUse(text),
        _ => otherwise(text),
    }
}

/// Does what `collect` does besides collecting, and prints what it found.
fn act(action: &CollectAction) -> Result<Exit> {
    let failed = |error| failed(error, Error::Refused);
    let runtime = runtime(1)?;
    match action {
        CollectAction::Once {
            dsn, types, output, ..
        } => {
            let text = runtime.block_on(collect::once(dsn, types, *output));
            say(text.map_err(failed)?.trim_end())
        }
        CollectAction::Init {
            nodes,
            dsn,
            registration_secret,
            ca_file,
            name,
            state_dir,
            env_file,
            unit,
        } => {
            let mut args = CollectArgs::for_nodes(nodes.clone());
            args.dsn.clone_from(dsn);
            args.registration_secret = Some(registration_secret.clone());
            args.ca_file.clone_from(ca_file);
            args.state_dir = Some(state_dir.clone());
            args.collector_id.clone_from(name);
            let text = runtime.block_on(collect::init(&args, env_file, unit));
            say(text.map_err(failed)?.trim_end())
        }
        CollectAction::Status { state_dir, output } => {
            let found = collect::status(state_dir.as_deref(), *output);
            let (text, is_good) = found.map_err(failed)?;
            say(text.trim_end())?;
            Ok(if is_good { Exit::Ok } else { Exit::Failed })
        }
        CollectAction::Check { dsn, output } => {
            let found = runtime.block_on(collect::check(dsn, *output));
            let (text, is_good) = found.map_err(failed)?;
            say(text.trim_end())?;
            Ok(if is_good { Exit::Ok } else { Exit::Failed })
        }
    }
}

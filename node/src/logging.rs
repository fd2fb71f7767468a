//! Structured logs: text or JSON, to standard error or to rolling files with a limit on their
//! number.

use std::fmt;
use std::sync::Arc;

use pga_config::{LogFormat, LogRotation, Logging};
use tracing_appender::non_blocking::WorkerGuard;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::reload;

use crate::data_dir::make_private_dir;
use crate::{Error, Result};

/// Keeps the writer of the log files alive; what is buffered is written when it is dropped.
#[derive(Debug)]
pub struct LogGuard {
    _writer: Option<WorkerGuard>,
    level: LogLevel,
}

impl LogGuard {
    /// Changes the level.
    pub(crate) fn level(&self) -> LogLevel {
        self.level.clone()
    }
}

/// Changes the level of the process's log.
#[derive(Clone)]
pub(crate) struct LogLevel(
    Arc<dyn Fn(EnvFilter) -> std::result::Result<(), reload::Error> + Send + Sync>,
);

impl LogLevel {
    /// Logs what `level` lets through from now on.
    ///
    /// # Errors
    /// `Refused` for a level that is none; the one before holds.
    pub(crate) fn set(&self, level: &str) -> Result<()> {
        (self.0)(filter(level)?).map_err(|error| Error::Internal(error.to_string()))
    }
}

impl fmt::Debug for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogLevel").finish_non_exhaustive()
    }
}

/// What a level lets through.
///
/// # Errors
/// `Refused` for one that is none.
pub(crate) fn filter(level: &str) -> Result<EnvFilter> {
    EnvFilter::try_new(level).map_err(|error| Error::Refused(format!("logging.level: {error}")))
}

/// Turns logging on for the whole process, once.
///
/// # Errors
/// `Refused` for a level that is none, `File` if the directory cannot be written, `Internal` if
/// logging is on already.
pub fn start(settings: &Logging) -> Result<LogGuard> {
    let filter = filter(&settings.level)?;
    let Some(dir) = &settings.dir else {
        let level = install(settings.format, filter, std::io::stderr)?;
        let _writer = None;
        return Ok(LogGuard { _writer, level });
    };
    make_private_dir(dir)?;
    let files = RollingFileAppender::builder()
        .rotation(match settings.rotation {
            LogRotation::Hourly => Rotation::HOURLY,
            LogRotation::Daily => Rotation::DAILY,
            LogRotation::Never => Rotation::NEVER,
        })
        .filename_prefix("pganalytics")
        .filename_suffix("log")
        .max_log_files(usize::try_from(settings.max_files).unwrap_or(usize::MAX))
        .build(dir)
        .map_err(|error| Error::File {
            action: "open the log files in",
            path: dir.clone(),
            source: std::io::Error::other(error),
        })?;
    let (writer, guard) = tracing_appender::non_blocking(files);
    Ok(LogGuard {
        _writer: Some(guard),
        level: install(settings.format, filter, writer)?,
    })
}

fn install<W>(format: LogFormat, filter: EnvFilter, writer: W) -> Result<LogLevel>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(false);
    let (level, installed) = match format {
        LogFormat::Text => {
            let builder = builder.with_filter_reloading();
            (level_of(builder.reload_handle()), builder.try_init())
        }
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true).with_filter_reloading();
            (level_of(builder.reload_handle()), builder.try_init())
        }
    };
    installed.map_err(|error| Error::Internal(format!("cannot start logging: {error}")))?;
    Ok(level)
}

fn level_of<S: 'static>(handle: reload::Handle<EnvFilter, S>) -> LogLevel {
    LogLevel(Arc::new(move |filter| handle.reload(filter)))
}

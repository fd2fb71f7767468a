//! Structured logs: text or JSON, to standard error or to rolling files with a limit on their
//! number.

use pga_config::{LogFormat, LogRotation, Logging};
use tracing_appender::non_blocking::WorkerGuard;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::data_dir::make_private_dir;
use crate::{Error, Result};

/// Keeps the writer of the log files alive; what is buffered is written when it is dropped.
#[derive(Debug)]
pub struct LogGuard(#[expect(dead_code, reason = "held for its Drop")] Option<WorkerGuard>);

/// Turns logging on for the whole process, once.
///
/// # Errors
/// `Refused` for a level that is none, `File` if the directory cannot be written, `Internal` if
/// logging is on already.
pub fn start(settings: &Logging) -> Result<LogGuard> {
    let filter = EnvFilter::try_new(&settings.level)
        .map_err(|error| Error::Refused(format!("logging.level: {error}")))?;
    let Some(dir) = &settings.dir else {
        install(settings.format, filter, std::io::stderr)?;
        return Ok(LogGuard(None));
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
    install(settings.format, filter, writer)?;
    Ok(LogGuard(Some(guard)))
}

fn install<W>(format: LogFormat, filter: EnvFilter, writer: W) -> Result<()>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(false);
    match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    }
    .map_err(|error| Error::Internal(format!("cannot start logging: {error}")))
}

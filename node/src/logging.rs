//! Structured logs: text or JSON, to standard error or to files.

use std::fmt;
use std::sync::Arc;

use pga_config::{LogFormat, Logging};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::reload;

use crate::data_dir::make_private_dir;
use crate::log_files::{LogBounds, LogFiles, Reopen};
use crate::{Error, Result};

/// Keeps the writer of the log files alive; what is buffered is written when it is dropped.
#[derive(Debug)]
pub struct LogGuard {
    _writer: Option<WorkerGuard>,
    control: LogControl,
}

impl LogGuard {
    /// What may change while the log is written.
    pub(crate) fn control(&self) -> LogControl {
        self.control.clone()
    }
}

type SetLevel = Arc<dyn Fn(EnvFilter) -> std::result::Result<(), reload::Error> + Send + Sync>;

/// Changes the level of the process's log, and opens its file anew.
#[derive(Clone)]
pub(crate) struct LogControl {
    level: SetLevel,
    reopen: Option<Reopen>,
}

impl LogControl {
    /// Logs what `level` lets through from now on.
    ///
    /// # Errors
    /// `Refused` for a level that is none; the one before holds.
    pub(crate) fn set_level(&self, level: &str) -> Result<()> {
        (self.level)(filter(level)?).map_err(|error| Error::Internal(error.to_string()))
    }

    /// The next line goes into the file that has the log's name then, or a new one: the other may
    /// have been moved away.
    pub(crate) fn reopen(&self) {
        if let Some(reopen) = &self.reopen {
            reopen.ask();
        }
    }
}

impl fmt::Debug for LogControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogControl").finish_non_exhaustive()
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
        return Ok(LogGuard {
            _writer: None,
            control: LogControl {
                level: install(settings.format, filter, std::io::stderr)?,
                reopen: None,
            },
        });
    };
    make_private_dir(dir)?;
    let bounds = LogBounds {
        max_bytes: settings.max_size.bytes(),
        max_files: settings.max_files,
        rotation: settings.rotation,
    };
    let reopen = Reopen::default();
    let files = LogFiles::open(dir, bounds, reopen.clone()).map_err(|source| Error::File {
        action: "open the log files in",
        path: dir.clone(),
        source,
    })?;
    // A full queue makes those that log wait: no line is left out.
    let writer = NonBlockingBuilder::default().lossy(false);
    let (writer, guard) = writer.finish(files);
    Ok(LogGuard {
        _writer: Some(guard),
        control: LogControl {
            level: install(settings.format, filter, writer)?,
            reopen: Some(reopen),
        },
    })
}

fn install<W>(format: LogFormat, filter: EnvFilter, writer: W) -> Result<SetLevel>
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

fn level_of<S: 'static>(handle: reload::Handle<EnvFilter, S>) -> SetLevel {
    Arc::new(move |filter| handle.reload(filter))
}

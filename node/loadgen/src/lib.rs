//! Load generator and verifier (`pganalytics load`).
//!
//! Simulated collectors push to a list of nodes, each with its own connection, and fail over
//! between them: the same body goes to the next node until one acknowledges it. Every element says
//! which collector sent it and as which number, so that reading back tells what was lost, stored
//! twice, or never sent (ACK-1, DEDUP-1).
//!
//! [`run()`] makes the load and gives back what it did as [`Run`]; [`verify()`] reads everything
//! back through each node. [`execute`] is both, with a progress bar, and the report.

mod api;
mod check;
mod content;
mod cost;
mod history;
mod options;
mod report;
mod run;
mod sql;
mod tally;
mod verify;
mod worker;

use std::io::{IsTerminal, Write};
use std::sync::Arc;

use tokio::sync::watch;

pub use self::{
    api::Credentials,
    check::{Counts, Verdict},
    content::Kind,
    history::{History, PushState},
    options::{LoadArgs, Rate},
    report::{Elements, Latency, Pushes, Rates, Report, View},
    run::{Run, run},
    tally::Tally,
    verify::{may_verify, verify},
};

/// Why no load could be made, or nothing read back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// An option makes no sense.
    #[error("{0}")]
    Options(String),
    /// A node gave no answer.
    #[error(transparent)]
    Client(#[from] crate::client::ClientError),
    /// The database cannot be reached.
    #[error("cannot read back from the database")]
    Connect(#[from] pga_pg_connect::ConnectError),
    /// The database gave no answer.
    #[error("cannot read back from the database")]
    Sql(#[from] tokio_postgres::Error),
    /// What was read is not what the contract promises.
    #[error("answer of {node} cannot be read: {what}")]
    Answer {
        /// Which node.
        node: String,
        /// What is wrong.
        what: String,
    },
    /// A task of this program ended early.
    #[error("a worker failed")]
    Worker(#[from] tokio::task::JoinError),
    /// The report cannot be written.
    #[error("cannot write the report")]
    Output(#[from] std::io::Error),
}

/// Makes the load, verifies it if asked to, and writes the report to stdout; `stop` ends the load
/// early. The result tells whether every acknowledged element is stored once, and nothing else.
///
/// # Errors
/// [`LoadError`] if the options are wrong, or something could not be read back.
pub async fn execute(args: &LoadArgs, stop: watch::Receiver<bool>) -> Result<bool, LoadError> {
    let bar = if args.json && !std::io::stderr().is_terminal() {
        indicatif::ProgressBar::hidden()
    } else {
        indicatif::ProgressBar::new(args.duration.as_secs().max(1))
    };
    let style =
        indicatif::ProgressStyle::with_template("{bar:30} {elapsed_precise} of {len} s, {msg}");
    bar.set_style(style.unwrap_or_else(|_| indicatif::ProgressStyle::default_bar()));
    if args.verify {
        may_verify(args).await?;
    }
    let run = run(args, stop, bar.clone(), Arc::default()).await?;
    let run = Arc::new(run);
    let views = if args.verify {
        bar.set_message("reading back");
        verify(args, &run).await?
    } else {
        Vec::new()
    };
    bar.finish_and_clear();
    let report = Report::new(&run, views);
    let text = if args.json {
        report.to_json()
    } else {
        report.to_string()
    };
    writeln!(std::io::stdout().lock(), "{text}")?;
    Ok(report.is_clean())
}

#[cfg(test)]
mod tests;

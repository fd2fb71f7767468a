//! `pganalytics demo`: a whole cluster on loopback, from nothing to a live feed.
//!
//! The nodes are processes of their own, started with `serve`; they end when this process does,
//! however it ends, as each watches its standard input. A node that dies is reported and not
//! started again: that is left to whoever tries it out.

mod feed;
mod layout;
mod nodes;
mod ready;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use self::feed::Feed;
use self::layout::Layout;
use self::nodes::Nodes;
use crate::cli::{runtime, stop_or_parent_gone};
use crate::data_dir::file_error;
use crate::{Error, Exit, Result};

/// How long the nodes may take to get ready.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the nodes may take to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// Options of `demo`.
#[derive(Clone, Debug, Args)]
pub(crate) struct DemoArgs {
    /// Directory of the cluster; an existing one goes on from where it was
    #[arg(long, default_value = "pganalytics-demo")]
    dir: PathBuf,
    /// How many nodes
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=9))]
    nodes: u16,
    /// TimescaleDB that all nodes share; without it each node has its own store
    #[arg(long, value_name = "URL")]
    timescale: Option<String>,
    /// A PostgreSQL database to watch, once for each; without it a simulated server is watched
    #[arg(long, value_name = "URL")]
    dsn: Vec<String>,
    /// HTTP port of the first node; the others follow
    #[arg(long, default_value_t = 8081)]
    http_base_port: u16,
    /// QUIC port of the first node; the others follow
    #[arg(long, default_value_t = 7081)]
    quic_base_port: u16,
    /// Feed the cluster with nothing
    #[arg(long)]
    no_collector: bool,
    /// Serve HTTPS
    #[arg(long)]
    tls: bool,
    /// Print one line of JSON on standard output once every node is ready
    #[arg(long)]
    json: bool,
    /// End when standard input is closed
    #[arg(long, hide = true)]
    exit_with_parent: bool,
}

/// Runs the demo until a signal ends it.
///
/// # Errors
/// [`Error`]: a port is taken, a node does not start, the directory belongs to another cluster.
pub(crate) fn run(args: &DemoArgs) -> Result<Exit> {
    runtime(1)?.block_on(Box::pin(supervise(args)))
}

async fn supervise(args: &DemoArgs) -> Result<Exit> {
    let mut stop = Box::pin(stop_or_parent_gone(args.exit_with_parent));
    let bar = progress();
    bar.set_message("making certificates and configurations");
    let layout = Layout::prepare(args)?;
    bar.set_message(format!("starting {} nodes", layout.nodes.len()));
    let mut nodes = Nodes::start(&layout)?;
    let ready = tokio::select! {
        ready = ready::wait(&layout, &bar, READY_TIMEOUT) => ready,
        dead = nodes.first_dead() => Err(dead),
        () = &mut stop => Err(Error::Refused("stopped while starting".to_owned())),
    };
    bar.finish_and_clear();
    if let Err(error) = ready {
        nodes.stop(STOP_TIMEOUT).await;
        return Err(error);
    }
    announce(args, &layout, &nodes)?;
    let feed = Feed::start(args, &layout)?;
    loop {
        tokio::select! {
            () = &mut stop => break,
            dead = nodes.next_dead() => {
                tell(&dead);
                tell("its data is kept: pganalytics serve --config FILE, with its file from above, starts it again");
            }
        }
    }
    tell("stopping");
    if let Some(feed) = feed {
        feed.stop().await;
    }
    nodes.stop(STOP_TIMEOUT).await;
    Ok(Exit::Ok)
}

fn progress() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    let style = ProgressStyle::with_template("{spinner} {elapsed} {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

fn announce(args: &DemoArgs, layout: &Layout, nodes: &Nodes) -> Result<()> {
    let line = if args.json {
        layout.json(&nodes.pids()).to_string()
    } else {
        layout.text(feed::describe(args).as_deref())
    };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(|error| file_error("write to", "standard output".as_ref(), error))
}

/// Writes a line for the person at the terminal; nobody may be there.
fn tell(line: &str) {
    writeln!(std::io::stderr().lock(), "{line}").ok();
}

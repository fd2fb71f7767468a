//! `pganalytics demo`: a whole cluster on loopback, from nothing to a live feed.
//!
//! The nodes are processes of their own, started with `serve`; they end when this process does,
//! however it ends, as each watches its standard input. A node that dies is reported and not
//! started again: that is left to whoever tries it out.
//!
//! It is a user of the program, not a part of a node: it makes files as `cluster init` does, starts
//! processes, asks their HTTP ports by `pga_client`, and feeds them by the collector. Nothing of
//! this crate but the commands' list uses it.

mod feed;
mod layout;
mod nodes;
mod options;
mod ready;
mod tell;

use std::io::Write;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use self::feed::Feed;
use self::layout::Layout;
use self::nodes::Nodes;
pub(crate) use self::options::DemoArgs;
use self::tell::tell;
use crate::data_dir::file_error;
use crate::process::{runtime, stop_or_parent_gone};
use crate::{Error, Exit, Result};

/// How long the nodes may take to get ready.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the nodes may take to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

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

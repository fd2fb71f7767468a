//! Something to look at: a collector that pushes to the demo's nodes, of a real server or of a
//! simulated one.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::layout::Layout;
use super::options::DemoArgs;
use super::tell::tell;
use crate::Result;
use crate::collect::{self, CollectArgs};

use pga_client::Endpoint;

/// Between two collections.
const INTERVAL: Duration = Duration::from_secs(5);
/// Between two readings of what is read seldom.
const SOON: Duration = Duration::from_secs(30);
/// How the demo's collector calls itself.
const COLLECTOR: &str = "demo-collector";

/// What feeds the nodes, for the person at the terminal.
pub(super) fn describe(args: &DemoArgs) -> Option<String> {
    if args.no_collector {
        return None;
    }
    let source = if args.dsn.is_empty() {
        "a simulated server"
    } else {
        "a real server"
    };
    Some(format!(
        "data:    collector {COLLECTOR} reads {source} and pushes every {} s",
        INTERVAL.as_secs()
    ))
}

/// The running feed.
#[derive(Debug)]
pub(super) struct Feed {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Feed {
    /// Starts the feed, unless none is wanted.
    pub(super) fn start(args: &DemoArgs, layout: &Layout) -> Result<Option<Self>> {
        if args.no_collector {
            return Ok(None);
        }
        let urls = layout
            .nodes
            .iter()
            .map(|node| node.config.advertised_http());
        let endpoints: Vec<Endpoint> = urls.filter_map(|url| url.parse().ok()).collect();
        let mut options = CollectArgs::for_nodes(endpoints);
        options.interval = Some(INTERVAL);
        options.collector_id = Some(COLLECTOR.to_owned());
        options.dsn = args.dsn.clone();
        // Somebody is looking: nothing is to take an hour.
        options.max_cadence = Some(SOON);
        options.ca_file = layout.ca_file();
        // Another run is another server: its counters begin anew.
        options.seed = pga_runtime::random();
        let (stop, stopped) = watch::channel(false);
        let task = pga_runtime::spawn(async move {
            if let Err(error) = Box::pin(collect::run(options, stopped)).await {
                tell(&format!(
                    "the collector ended: {}",
                    pga_runtime::error_chain(&error)
                ));
            }
        });
        Ok(Some(Self { stop, task }))
    }

    /// Stops it, and waits until its last push is through.
    pub(super) async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            super::tell(&format!("the collector failed: {error}"));
        }
    }
}

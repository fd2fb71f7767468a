//! The cluster's status, as this node tells it.

use std::time::Duration;

use pga_cluster::{ClusterNode, ClusterStatus};
use pga_config::Config;

/// The status, with the warnings about this node's configuration; the peers have `timeout` for
/// their part.
pub(crate) async fn told(
    cluster: &ClusterNode,
    config: &Config,
    timeout: Duration,
) -> ClusterStatus {
    let warnings = config.warnings().iter().map(ToString::to_string);
    ClusterStatus {
        warnings: warnings.collect(),
        ..cluster.status(timeout).await
    }
}

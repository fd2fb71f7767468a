//! How long this node's certificate still holds: a metric, and a warning 30 days, 7 days and a day
//! before the end.

use std::time::Duration;

use pga_cluster::pki::{ExpiryWarning, expiry_warning};
use pga_storage::Timestamp;
use prometheus::{PullingGauge, Registry};

use crate::tasks::{self, TaskKind};

/// How often it is looked at.
const LOOK: Duration = Duration::from_secs(3_600);
const NAME: &str = "pganalytics_certificate_expiry_seconds";
const HELP: &str = "Seconds until the certificate this node runs with ends; without a new one its peers refuse it then";

/// Shows how long the certificate that ends at `not_after` holds, and warns as its end comes
/// nearer; the start has warned already.
///
/// # Errors
/// The name of the metric is taken.
pub(crate) fn watch(not_after: Timestamp, registry: &Registry) -> prometheus::Result<()> {
    let left = move || (not_after.micros() - Timestamp::now().micros()) as f64 / 1e6;
    registry.register(Box::new(PullingGauge::new(NAME, HELP, Box::new(left))?))?;
    drop(tasks::spawn(TaskKind::Watch, warn(not_after)));
    Ok(())
}

async fn warn(not_after: Timestamp) {
    let mut known = expiry_warning(not_after);
    let mut look = tokio::time::interval(LOOK);
    loop {
        look.tick().await;
        let now = expiry_warning(not_after);
        if now != known {
            known = now;
            match now {
                Some(ExpiryWarning::Expired) => tracing::error!(
                    %not_after,
                    "the node's certificate has expired: issue a new one and restart the node"
                ),
                Some(warning) => {
                    tracing::warn!(?warning, %not_after, "the node's certificate expires soon");
                }
                None => {}
            }
        }
    }
}

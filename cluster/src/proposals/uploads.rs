//! Aborting large pushes that nobody finishes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pga_runtime::Instant;

use crate::command::Command;
use crate::node::core::Core;
use crate::proposal_id::UploadId;

const INTERVAL: Duration = Duration::from_secs(1);
const PROPOSE: Duration = Duration::from_secs(10);

/// As the leader, aborts uploads that have been open for too long by this node's monotonic clock
/// (design D8).
pub(crate) async fn run(core: Arc<Core>) {
    let mut stopped = core.stopped.subscribe();
    let mut tick = tokio::time::interval(INTERVAL);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut seen: BTreeMap<UploadId, Instant> = BTreeMap::new();
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
        let now = pga_runtime::now();
        let open: Vec<UploadId> = core
            .machine
            .with_state(|state| state.open_uploads().collect());
        seen.retain(|upload, _| open.contains(upload));
        for upload in open {
            let since = *seen.entry(upload).or_insert(now);
            if now.duration_since(since) < core.timings.upload_expiry
                || !core.leadership.borrow().is_leader
            {
                continue;
            }
            let abort = Command::AbortUpload { upload };
            match core.propose(&abort, now + PROPOSE).await {
                Ok(_) => tracing::info!("an abandoned upload was aborted"),
                Err(error) => tracing::warn!(%error, "cannot abort an abandoned upload"),
            }
        }
    }
}

//! Nodes tell each other what they have on their disks, so that each would notice if another came
//! back with less.
//!
//! Consensus shows that to the leader only, and of the followers only; and whoever is to remember
//! may be another node by the time it matters.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::node::core::Core;
use crate::recovery::hearing::ask_all;

/// How often peers are asked, and what was seen is written down.
const EVERY: Duration = Duration::from_secs(2);

/// Asks, and writes down, until the node is stopped.
pub(crate) async fn run(core: Arc<Core>) {
    let mut stopped = core.stopped.subscribe();
    tokio::select! {
        biased;
        _ = stopped.wait_for(|stopped| *stopped) => {}
        _ = async { tokio::join!(ask(&core), write(&core)) } => {}
    }
}

async fn ask(core: &Core) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let mut peers = core.members();
        peers.retain(|peer| peer.node != core.node);
        // It notes what they say.
        drop(ask_all(core, &peers, EVERY).await);
    }
}

async fn write(core: &Core) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = core.peer_watermarks.vote_seen() => {}
            _ = tick.tick() => {}
        }
        let peer_watermarks = Arc::clone(&core.peer_watermarks);
        if let Err(error) = pga_runtime::spawn_blocking(move || peer_watermarks.save()).await {
            tracing::warn!(%error, "cannot write what was seen of the peers' disks");
        }
    }
}

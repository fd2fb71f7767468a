//! Following consensus: who leads, whether it still runs, and the gauges.

use std::sync::Arc;
use std::time::Duration;

use openraft::ServerState;
use openraft::async_runtime::watch::WatchReceiver;
use pga_config::NodeId;

use crate::consensus::type_config::LogId;
use crate::error::Fatal;
use crate::metrics::gauge;
use crate::node::core::Core;
use crate::node::leadership::Leadership;
use crate::state::State;

/// How often the gauges are set and the state of consensus is looked at.
const INTERVAL: Duration = Duration::from_millis(250);

/// Tells who leads, until consensus stops, which it reports unless it was told to stop.
pub(crate) async fn leadership(core: Arc<Core>) {
    let mut metrics = core.raft.server_metrics();
    loop {
        let now = {
            let metrics = metrics.borrow_watched();
            let leader = metrics.current_leader.map(NodeId::new);
            Leadership {
                leader,
                term: metrics.vote.leader_id.term,
                is_leader: leader == Some(core.node),
            }
        };
        core.leadership.send_if_modified(|old| {
            if old.leader != now.leader && now.leader.is_some() {
                core.metrics.leader_changes.inc();
                tracing::info!(leader = ?now.leader.map(NodeId::get), term = now.term, "leader changed");
            }
            let changed = *old != now;
            *old = now;
            changed
        });
        if metrics.changed().await.is_err() {
            return end(&core);
        }
    }
}

/// Consensus is gone, by an error or a panic: unless it was told to stop the process has to end.
fn end(core: &Core) {
    let running = core.raft.metrics().borrow_watched().running_state.clone();
    if let Some(outdated) = core.machine.outdated() {
        return core.end(Fatal::Outdated(outdated));
    }
    let why = running.err().map(|error| error.to_string());
    let why = why.unwrap_or_else(|| "consensus panicked".to_owned());
    core.end(Fatal::Stopped(why.into()));
}

/// Sets the gauges, and reports a fatal error, until the node is stopped.
pub(crate) async fn gauges(core: Arc<Core>) {
    let mut stopped = core.stopped.subscribe();
    let mut tick = tokio::time::interval(INTERVAL);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
        set_gauges(&core);
        let is_running = core.raft.metrics().borrow_watched().running_state.is_ok();
        if !is_running {
            return end(&core);
        }
    }
}

fn set_gauges(core: &Core) {
    let metrics = &core.metrics;
    let raft = core.raft_metrics();
    let states = [
        ("leader", ServerState::Leader),
        ("follower", ServerState::Follower),
        ("candidate", ServerState::Candidate),
        ("learner", ServerState::Learner),
        ("shutdown", ServerState::Shutdown),
    ];
    for (name, state) in states {
        let is = i64::from(raft.state == state);
        metrics.state.with_label_values(&[name]).set(is);
    }
    metrics.recovering.set(i64::from(core.is_recovering()));
    metrics.ready.set(i64::from(core.readiness().is_ok()));
    let age = core.confirmation.age();
    metrics
        .view_age
        .set(age.map_or(f64::NAN, |age| age.as_secs_f64()));
    metrics.term.set(gauge(raft.current_term));
    let index = |id: &Option<LogId>| id.as_ref().map_or(0, |id| id.index);
    let last = raft.last_log_index.unwrap_or(0);
    metrics.set_index("last", last);
    metrics.set_index("committed", index(&raft.local_committed));
    metrics.set_index("applied", core.machine.applied.borrow().index);
    metrics.set_index("flushable", core.machine.flushable.borrow().index);
    metrics.set_index("flushed", core.machine.flushed.borrow().index);
    metrics.set_index("snapshot", index(&raft.snapshot));
    metrics.set_index("purged", index(&raft.purged));
    metrics.log_bytes.set(gauge(core.log.log().size_bytes()));
    metrics.peer_lag.reset();
    for (peer, matched) in raft.replication.iter().flatten() {
        let lag = last.saturating_sub(index(matched));
        let peer = peer.to_string();
        metrics.peer_lag.with_label_values(&[&peer]).set(gauge(lag));
    }
    for (peer, _) in raft.membership_config.nodes() {
        if let Some(rtt) = core.transport.rtt(NodeId::new(*peer)) {
            let peer = peer.to_string();
            let rtt = rtt.as_secs_f64();
            metrics.peer_rtt.with_label_values(&[&peer]).set(rtt);
        }
    }
    let (keys, uploads) = core
        .machine
        .with_state(|state| (state.dedup_keys(), state.open_uploads().count()));
    metrics.dedup_keys.set(gauge(keys as u64));
    let level = core.machine.with_state(State::feature_level);
    metrics.feature_level.set(i64::from(level.get()));
    metrics.open_uploads.set(gauge(uploads as u64));
}

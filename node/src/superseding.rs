//! Collectors that are gone, and in whose place others of the same name and host push: a container
//! that was made anew registers while its predecessor still counts as active.

use std::collections::HashMap;
use std::time::Duration;

use pga_cluster::{
    ClusterNode, CollectorCommand, Command, ControlCommand, FeatureLevel, Liveness, State,
};
use pga_config::CollectorId;
use pga_storage::Timestamp;
use tokio::task::JoinHandle;

use crate::tasks::{self, TaskKind};

/// How often the leader looks.
const LOOK: Duration = Duration::from_secs(15);
/// How long an entry may take.
const COMMIT: Duration = Duration::from_secs(10);

/// Looks until the task is aborted.
pub(crate) fn watch(cluster: ClusterNode) -> JoinHandle<()> {
    tasks::spawn(TaskKind::Watch, async move {
        let mut pause = tokio::time::interval(LOOK);
        loop {
            pause.tick().await;
            let level = cluster.with_state(State::feature_level);
            let is_leader = cluster.leadership().borrow().is_leader;
            if !is_leader || level < FeatureLevel::COLLECTOR_RHYTHM {
                continue;
            }
            let at = Timestamp::now();
            for (collector, by) in cluster.with_state(|state| gone(state, at)) {
                let command = CollectorCommand::Supersede { collector, by, at };
                let command = Command::Control(ControlCommand::Collector(command));
                let deadline = pga_runtime::now() + COMMIT;
                match cluster.propose(command, deadline).await {
                    Ok(_) => tracing::info!(%collector, %by, "a collector was superseded"),
                    Err(error) => tracing::debug!(%error, "no collector was superseded"),
                }
            }
        }
    })
}

/// Who is offline, and who of the same name and host registered later and pushes.
fn gone(state: &State, at: Timestamp) -> Vec<(CollectorId, CollectorId)> {
    let registered = || {
        state.watched().filter_map(|(id, collector)| {
            let registration = collector.registration.as_ref()?;
            let entry = state.collector_entry(*id);
            let is_current = entry.superseded_by.is_none();
            let liveness = entry.liveness(collector.last_seen, at);
            let name = (registration.name.as_str(), collector.hostname.as_str());
            is_current.then_some((*id, name, registration.at, liveness))
        })
    };
    let mut pushing = HashMap::new();
    for (id, name, since, _) in registered().filter(|(.., liveness)| *liveness == Liveness::Active)
    {
        let newest = pushing.entry(name).or_insert((since, id));
        *newest = (*newest).max((since, id));
    }
    let gone = registered().filter(|(.., liveness)| *liveness == Liveness::Offline);
    gone.filter_map(|(id, name, since, _)| {
        let (later, by) = pushing.get(&name)?;
        (*later > since).then_some((id, *by))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use pga_cluster::{ProposalId, Registration, StateLimits};
    use pga_storage::Position;

    use super::*;

    #[test]
    fn who_is_silent_is_superseded_by_the_newest_of_its_name_that_pushes() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let mut state = State::new(StateLimits::default());
        let mut register = |n: u64, name: &str, when| {
            let register = CollectorCommand::Register {
                collector: CollectorId::from_external(&n.to_string()),
                hostname: name.to_owned(),
                version: None,
                registration: Registration {
                    name: name.to_owned(),
                    address: None,
                    certificate_sha256: [0; 32],
                    at: at(when),
                },
                secret: None,
            };
            let command = Command::Control(ControlCommand::Collector(register));
            state.apply(Position::new(1, n), ProposalId(n.into()), &command);
        };
        register(1, "db-1", 10);
        register(2, "db-2", 11);
        register(3, "db-1", 12);
        // Nobody pushes.
        assert_eq!(gone(&state, at(10_000)), []);
    }
}

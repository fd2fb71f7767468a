//! What each node does about the key by itself: it takes one that it has not got, seals anew what
//! was sealed with the one before, and forgets that one.

use std::sync::Arc;
use std::time::Duration;

use pga_cluster::{ClusterKeyCommand, ClusterNode, Command, ControlCommand, KeyInUse, State};
use pga_storage::Timestamp;
use tokio::task::JoinHandle;

use super::configurations;
use super::exchange::{blocking, fetch};
use super::reseal::{Sealed, reseal, sealed};
use crate::keyring::Keyring;
use crate::tasks::{self, TaskKind};
use crate::{Error, Result};

/// How often it looks.
const LOOK: Duration = Duration::from_secs(2);
/// How long the key before is kept after it was last needed: longer than any change that was sealed
/// with it can be on its way.
const KEEP: Duration = Duration::from_secs(3_600);
/// How long an entry may take.
const COMMIT: Duration = Duration::from_secs(10);

/// Looks until the task is aborted.
pub(crate) fn watch(keys: Arc<Keyring>, cluster: ClusterNode) -> JoinHandle<()> {
    tasks::spawn(TaskKind::Watch, async move {
        let mut pause = tokio::time::interval(LOOK);
        let mut failure = None;
        loop {
            pause.tick().await;
            let why = step(&keys, &cluster).await.err();
            let why = why.map(|error| pga_runtime::error_chain(&error));
            if why != failure
                && let Some(error) = &why
            {
                tracing::warn!(error, "the cluster key is not as it is to be");
            }
            failure = why;
        }
    })
}

async fn step(keys: &Arc<Keyring>, cluster: &ClusterNode) -> Result<()> {
    let Some(in_use) = cluster.with_state(State::cluster_key) else {
        return configurations::seal(keys, cluster).await.map(drop);
    };
    let Some(key) = keys.get(&in_use.id) else {
        let key = fetch(cluster, in_use.id).await?;
        blocking(keys, move |keys| keys.learn(key)).await?;
        tracing::info!("this node has the cluster's new key");
        return Ok(());
    };
    let is_older = |(context, sealed): &Sealed| key.open(context, sealed).is_err();
    let mut older = cluster.with_state(sealed);
    older.retain(is_older);
    // What nobody opens is lost, and keeps no key.
    older.retain(|(context, sealed)| keys.open(context, sealed).is_ok());
    if !older.is_empty() {
        return seal_anew(keys, cluster, in_use, older).await;
    }
    let are_sealed = configurations::seal(keys, cluster).await?;
    let age = Timestamp::now().micros() - in_use.at.micros();
    if !are_sealed || age < KEEP.as_micros() as i64 {
        return Ok(());
    }
    blocking(keys, move |keys| keys.forget_before(&in_use.id)).await
}

/// The leader seals anew what was on its way with the key before.
async fn seal_anew(
    keys: &Keyring,
    cluster: &ClusterNode,
    in_use: KeyInUse,
    older: Vec<Sealed>,
) -> Result<()> {
    if !cluster.leadership().borrow().is_leader {
        return Ok(());
    }
    let key = keys.in_use(Some(in_use))?;
    let seal = ClusterKeyCommand::Seal {
        replaces: Some(in_use.id),
        key: in_use.id,
        secrets: reseal(keys, &key, older)?,
        at: Timestamp::now(),
    };
    let command = Command::Control(ControlCommand::ClusterKey(seal));
    let sealed = cluster.propose(command, pga_runtime::now() + COMMIT).await;
    sealed
        .map(drop)
        .map_err(|error| Error::Unavailable(error.to_string()))
}

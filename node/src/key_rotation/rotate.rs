//! The change of the key, as the operator asks for it.

use std::sync::Arc;
use std::time::Duration;

use pga_cluster::pki::ClusterKey;
use pga_cluster::{
    AuditEntry, ClusterKeyCommand, ClusterNode, Command, ControlCommand, FeatureLevel,
    ProposeError, State,
};
use pga_config::NodeId;
use pga_storage::Timestamp;
use serde::{Deserialize, Serialize};

use super::exchange::{blocking, spread};
use super::reseal::{reseal, sealed};
use crate::keyring::Keyring;
use crate::secrets::pki;
use crate::{Error, Result};

/// How long the entry may take, elections included.
const COMMIT: Duration = Duration::from_secs(15);

/// Who has the new key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rotated {
    /// Nodes that have it on disk.
    pub(crate) held: Vec<NodeId>,
    /// Nodes that were not reached, and take it when they are back.
    pub(crate) later: Vec<NodeId>,
}

/// Makes a new cluster key and seals the cluster's secrets with it.
///
/// # Errors
/// `Refused` or `Unavailable`; then the key before is in use still, unless the text says that the
/// outcome is unknown.
pub(crate) async fn rotate(keys: &Arc<Keyring>, cluster: &ClusterNode) -> Result<Rotated> {
    let deadline = pga_runtime::now() + COMMIT;
    let current = cluster.linearizable(deadline).await;
    current.map_err(|error| Error::Unavailable(error.to_string()))?;
    let level = cluster.with_state(State::feature_level);
    if level < FeatureLevel::CLUSTER_KEY {
        return Err(Error::Refused(format!(
            "the cluster is at feature level {level}, and another key needs {}: upgrade all nodes",
            FeatureLevel::CLUSTER_KEY
        )));
    }
    let key = ClusterKey::random().map_err(pki)?;
    let own = key.clone();
    blocking(keys, move |keys| keys.add(own)).await?;
    let mut held = spread(cluster, &key).await?;
    held.push(cluster.id());
    held.sort_unstable();
    let voters = cluster.voters();
    let holding = voters.iter().filter(|voter| held.contains(voter)).count();
    if holding * 2 <= voters.len() {
        return Err(Error::Unavailable(format!(
            "{holding} of {} voters took the new key, and a majority has to hold it before anything is sealed with \
             it: nothing has changed",
            voters.len()
        )));
    }
    let command = command(keys, cluster, &key)?;
    let deadline = pga_runtime::now() + COMMIT;
    match cluster.propose(command, deadline).await {
        Ok(_) => {}
        Err(ProposeError::Unknown) => {
            let text = "it is not known whether the key was changed; either way all secrets open";
            return Err(Error::Unavailable(text.to_owned()));
        }
        Err(error) => return Err(Error::Refused(format!("{error}: nothing has changed"))),
    }
    tracing::info!("the cluster has a new key");
    let members = cluster.members().into_iter().map(|member| member.node);
    let later = members.filter(|node| !held.contains(node)).collect();
    Ok(Rotated { held, later })
}

fn command(keys: &Keyring, cluster: &ClusterNode, key: &ClusterKey) -> Result<Command> {
    let (in_use, secrets) = cluster.with_state(|state| (state.cluster_key(), sealed(state)));
    let at = Timestamp::now();
    let secrets = reseal(keys, key, secrets)?;
    let count = secrets.len();
    let seal = ClusterKeyCommand::Seal {
        replaces: in_use.map(|in_use| in_use.id),
        key: key.id(),
        secrets,
        at,
    };
    let entry = AuditEntry {
        at,
        actor: format!("command line on node {}", cluster.id()),
        user_id: None,
        address: String::new(),
        action: "cluster.rotate-key".to_owned(),
        target: String::new(),
        before: None,
        after: Some(serde_json::json!({ "secrets_sealed_anew": count }).to_string()),
        request_id: String::new(),
    };
    Ok(Command::Control(ControlCommand::Audited {
        change: Box::new(ControlCommand::ClusterKey(seal)),
        entry,
    }))
}

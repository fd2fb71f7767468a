//! Configurations of collectors, sealed with the key in use: those that an older version stored as
//! they were written, and those that the key before sealed.

use std::time::Duration;

use pga_cluster::pki::ClusterKey;
use pga_cluster::{
    ClusterNode, Command, ConfigCommand, ConfigTarget, ConfigText, ConfigVersion, ControlCommand,
    FeatureLevel, SealedConfig, State,
};

use crate::keyring::Keyring;
use crate::secrets::pki;
use crate::{Error, Result};

/// How long an entry may take.
const COMMIT: Duration = Duration::from_secs(10);
/// Most texts of one entry of the log, each of at most 64 KiB.
const BATCH: usize = 32;

/// What the key in use has not sealed, and some key of this node opens, with its text.
fn open(keys: &Keyring, key: &ClusterKey, state: &State) -> Vec<(SealedConfig, String)> {
    let text = |config: &ConfigVersion| config.text.open(|at, sealed| keys.open(at, sealed)).ok();
    let shown = |target: &ConfigTarget, config: &ConfigVersion| SealedConfig {
        target: target.clone(),
        version: config.version,
        at: config.at,
        text: config.text.clone(),
    };
    state
        .all_configs()
        .filter(|(_, config)| !config.text.is_sealed_with(key) && !config.text.is_deleted())
        .filter_map(|(target, config)| Some((shown(target, config), text(config)?)))
        .take(BATCH)
        .collect()
}

/// Whether the key in use has sealed all that opens. Until then the leader seals some more at each
/// call.
///
/// # Errors
/// `Unavailable` if no entry is committed, or the key of this node is not the one in use.
pub(super) async fn seal(keys: &Keyring, cluster: &ClusterNode) -> Result<bool> {
    let (level, in_use) = cluster.with_state(|state| (state.feature_level(), state.cluster_key()));
    if level < FeatureLevel::SEALED_CONFIGS {
        return Ok(true);
    }
    let key = keys.in_use(in_use)?;
    let texts = cluster.with_state(|state| open(keys, &key, state));
    if texts.is_empty() {
        return Ok(true);
    }
    if !cluster.leadership().borrow().is_leader {
        return Ok(false);
    }
    let command = ControlCommand::CollectorConfig(ConfigCommand::Seal {
        texts: texts
            .into_iter()
            .map(|(config, text)| {
                let text = ConfigText::sealed(&key, &text).map_err(pki)?;
                Ok(SealedConfig { text, ..config })
            })
            .collect::<Result<_>>()?,
    });
    let command = Command::Control(command);
    let sealed = cluster.propose(command, pga_runtime::now() + COMMIT).await;
    sealed
        .map(|_| false)
        .map_err(|error| Error::Unavailable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use pga_cluster::{ProposalId, StateLimits};
    use pga_storage::{Position, Timestamp};

    use super::*;

    fn apply(state: &mut State, n: u64, command: ConfigCommand) {
        let command = Command::Control(ControlCommand::CollectorConfig(command));
        let applied = state.apply(Position::new(1, n), ProposalId(n.into()), &command);
        assert_eq!(applied.reply, pga_cluster::Reply::Done);
    }

    #[test]
    fn what_is_plain_or_of_the_key_before_is_sealed_some_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cluster.key");
        let [old, new, lost] = [1, 2, 3].map(|n| ClusterKey::from_bytes([n; 32]));
        old.write(&path).unwrap();
        let keys = Keyring::read(&path).unwrap();
        keys.add(new.clone()).unwrap();
        let mut state = State::new(StateLimits::default());
        let texts = [
            ConfigText::plain("a = 0"),
            ConfigText::sealed(&old, "a = 1").unwrap(),
            ConfigText::sealed(&new, "a = 2").unwrap(),
            ConfigText::sealed(&lost, "a = 3").unwrap(),
        ];
        let many = (0..BATCH).map(|n| ConfigText::plain(format!("b = {n}")));
        for (n, text) in (1..).zip(texts.into_iter().chain(many)) {
            let store = ConfigCommand::Store {
                target: ConfigTarget::Group(format!("{n:03}")),
                base: None,
                text,
                author: "ann".into(),
                comment: String::new(),
                at: Timestamp::from_micros(n as i64),
            };
            apply(&mut state, n, store);
        }
        let first = open(&keys, &new, &state);
        assert_eq!(first.len(), BATCH);
        let seen: Vec<&str> = first.iter().take(3).map(|(_, text)| &**text).collect();
        assert_eq!(seen, ["a = 0", "a = 1", "b = 0"]);
        let texts = first.into_iter().map(|(config, text)| SealedConfig {
            text: ConfigText::sealed(&new, &text).unwrap(),
            ..config
        });
        let texts = texts.collect();
        apply(&mut state, 1_000, ConfigCommand::Seal { texts });
        let rest = open(&keys, &new, &state);
        let rest: Vec<&str> = rest.iter().map(|(_, text)| &**text).collect();
        assert_eq!(rest, ["b = 30", "b = 31"]);
    }
}

//! Configurations of collectors: one per collector and one per group, each with its versions.

use std::collections::BTreeMap;

use pga_config::CollectorId;
use pga_storage::Timestamp;
use serde::{Deserialize, Serialize};

use crate::feature_level::FeatureLevel;
use crate::outcome::Refusal;
use crate::state::image_error::ImageError;
use crate::state::section::{Section, decode, encode};

/// Versions kept of one configuration; the oldest go first.
const MAX_VERSIONS: usize = 50;
/// Configurations in all.
const MAX_TARGETS: usize = 20_000;

/// Whose configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ConfigTarget {
    /// Of one collector.
    Collector(CollectorId),
    /// Of all collectors of a group that have none of their own.
    Group(String),
}

/// One version of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigVersion {
    /// From 1, one more each time.
    pub version: u64,
    /// TOML.
    pub text: String,
    /// Who wrote it.
    pub author: String,
    /// Why.
    pub comment: String,
    /// When.
    pub at: Timestamp,
}

/// Changes of configurations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConfigCommand {
    /// Stores a new version.
    Store {
        /// Of what.
        target: ConfigTarget,
        /// The version it was made from; refused if there is a later one. `None` takes any.
        base: Option<u64>,
        /// TOML, already checked.
        text: String,
        /// Who wrote it.
        author: String,
        /// Why.
        comment: String,
        /// When.
        at: Timestamp,
    },
    /// Forgets a configuration with all its versions.
    Delete {
        /// Which.
        target: ConfigTarget,
    },
}

/// All configurations.
#[derive(Debug, Default)]
pub(in crate::state) struct CollectorConfigs(BTreeMap<ConfigTarget, Vec<ConfigVersion>>);

impl CollectorConfigs {
    /// The versions of a configuration, oldest first; empty if there is none.
    pub(in crate::state) fn versions(&self, target: &ConfigTarget) -> &[ConfigVersion] {
        self.0.get(target).map_or(&[], Vec::as_slice)
    }

    /// The groups that have a configuration.
    pub(in crate::state) fn groups(&self) -> impl Iterator<Item = &str> {
        self.0.keys().filter_map(|target| match target {
            ConfigTarget::Group(name) => Some(name.as_str()),
            ConfigTarget::Collector(_) => None,
        })
    }

    /// Forgets the configuration of a collector that is gone.
    pub(in crate::state) fn forget(&mut self, collector: CollectorId) {
        self.0.remove(&ConfigTarget::Collector(collector));
    }

    fn store(&mut self, command: &ConfigCommand) -> Result<(), Refusal> {
        let ConfigCommand::Store {
            target,
            base,
            text,
            author,
            comment,
            at,
        } = command
        else {
            return Err(Refusal::Unknown);
        };
        let newest = self.versions(target).last().map_or(0, |last| last.version);
        if let Some(base) = base.filter(|base| *base != newest) {
            let text = format!("the configuration is at version {newest}, not {base}");
            return Err(Refusal::Conflict(text));
        }
        if newest == 0 && self.0.len() >= MAX_TARGETS {
            let text = format!("there are {MAX_TARGETS} configurations");
            return Err(Refusal::Rule(text));
        }
        let versions = self.0.entry(target.clone()).or_default();
        versions.push(ConfigVersion {
            version: newest + 1,
            text: text.clone(),
            author: author.clone(),
            comment: comment.clone(),
            at: *at,
        });
        let surplus = versions.len().saturating_sub(MAX_VERSIONS);
        versions.drain(..surplus);
        Ok(())
    }
}

impl CollectorConfigs {
    /// Applies a command, purely (SM-1).
    pub(in crate::state) fn apply(&mut self, command: &ConfigCommand) -> Result<(), Refusal> {
        match command {
            ConfigCommand::Store { .. } => self.store(command),
            ConfigCommand::Delete { target } => {
                self.0.remove(target).map(drop).ok_or(Refusal::NotFound)
            }
        }
    }
}

impl Section for CollectorConfigs {
    const NAME: &'static str = "collector_configs";
    const VERSION: u16 = 1;
    const SINCE: FeatureLevel = FeatureLevel::PEOPLE;

    fn write(&self) -> Result<Vec<u8>, ImageError> {
        let pairs: Vec<_> = self.0.iter().collect();
        encode(&pairs)
    }

    fn read(_version: u16, body: &[u8]) -> Result<Self, ImageError> {
        let pairs: Vec<(ConfigTarget, Vec<ConfigVersion>)> = decode(body)?;
        Ok(Self(pairs.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(base: Option<u64>, text: &str) -> ConfigCommand {
        ConfigCommand::Store {
            target: ConfigTarget::Group("web".into()),
            base,
            text: text.into(),
            author: "ann".into(),
            comment: String::new(),
            at: Timestamp::from_micros(1),
        }
    }

    #[test]
    fn versions_count_up_and_a_stale_base_is_refused() {
        let mut configs = CollectorConfigs::default();
        for (base, is_stored) in [
            (None, true),
            (Some(1), true),
            (Some(1), false),
            (Some(0), false),
            (None, true),
        ] {
            let outcome = configs.apply(&store(base, "a = 1"));
            let is_conflict = matches!(outcome, Err(Refusal::Conflict(_)));
            assert_eq!(is_conflict, !is_stored, "{base:?}: {outcome:?}");
        }
        let versions = configs.versions(&ConfigTarget::Group("web".into()));
        let versions: Vec<u64> = versions.iter().map(|version| version.version).collect();
        assert_eq!(versions, [1, 2, 3]);
    }

    #[test]
    fn a_section_is_read_again_and_old_versions_go() {
        let mut configs = CollectorConfigs::default();
        for n in 0..MAX_VERSIONS + 5 {
            configs.apply(&store(None, &n.to_string())).unwrap();
        }
        let read = CollectorConfigs::read(1, &configs.write().unwrap()).unwrap();
        let target = ConfigTarget::Group("web".into());
        assert_eq!(read.versions(&target), configs.versions(&target));
        assert_eq!(read.versions(&target).len(), MAX_VERSIONS);
        assert_eq!(read.versions(&target)[0].version, 6);
        assert_eq!(read.groups().collect::<Vec<_>>(), ["web"]);
    }
}

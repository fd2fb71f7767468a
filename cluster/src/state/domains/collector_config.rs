//! Configurations of collectors: one per collector and one per group, each with its versions.

use std::collections::BTreeMap;

use pga_config::CollectorId;
use pga_storage::Timestamp;
use serde::{Deserialize, Serialize};

use super::config_text::ConfigText;
use crate::feature_level::FeatureLevel;
use crate::outcome::Refusal;
use crate::state::image_error::ImageError;
use crate::state::section::{Section, decode, encode};

/// Versions kept of one configuration; the oldest go first.
pub const MAX_CONFIG_VERSIONS: usize = 50;
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
    /// TOML, sealed or not.
    pub text: ConfigText,
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
        /// TOML, already checked; sealed from [`FeatureLevel::SEALED_CONFIGS`] on.
        text: ConfigText,
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
    /// Deletes a configuration: it has one more version, without a text, so that the versions after
    /// it have other numbers than those before.
    Remove {
        /// Which.
        target: ConfigTarget,
        /// Who deleted it.
        author: String,
        /// When.
        at: Timestamp,
    },
    /// Puts texts in place of the same that are not sealed, or sealed with another key.
    Seal {
        /// Which; what is not there any more is left out.
        texts: Vec<SealedConfig>,
    },
}

/// A version of a configuration, sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedConfig {
    /// Of what.
    pub target: ConfigTarget,
    /// Which version.
    pub version: u64,
    /// When that was written: after a deletion another one may have the number.
    pub at: Timestamp,
    /// The same TOML, sealed.
    pub text: ConfigText,
}

impl ConfigCommand {
    /// The feature level that the cluster must be at.
    pub(crate) fn needs(&self) -> FeatureLevel {
        match self {
            Self::Store { text, .. } if text.is_sealed() => FeatureLevel::SEALED_CONFIGS,
            Self::Store { .. } | Self::Delete { .. } => FeatureLevel::PEOPLE,
            Self::Seal { .. } => FeatureLevel::SEALED_CONFIGS,
            Self::Remove { .. } => FeatureLevel::CONFIG_VERSIONS,
        }
    }
}

/// All configurations.
#[derive(Debug, Default)]
pub(in crate::state) struct CollectorConfigs(BTreeMap<ConfigTarget, Vec<ConfigVersion>>);

impl CollectorConfigs {
    /// The versions of a configuration, oldest first; empty if there is none.
    pub(in crate::state) fn versions(&self, target: &ConfigTarget) -> &[ConfigVersion] {
        self.0.get(target).map_or(&[], Vec::as_slice)
    }

    /// The version in force, if there is one.
    pub(in crate::state) fn current(&self, target: &ConfigTarget) -> Option<&ConfigVersion> {
        let newest = self.versions(target).last();
        newest.filter(|version| !version.text.is_deleted())
    }

    /// All versions of all configurations.
    pub(in crate::state) fn all(&self) -> impl Iterator<Item = (&ConfigTarget, &ConfigVersion)> {
        let all = self.0.iter();
        all.flat_map(|(target, versions)| versions.iter().map(move |version| (target, version)))
    }

    /// The groups that have a configuration.
    pub(in crate::state) fn groups(&self) -> impl Iterator<Item = &str> {
        self.0.keys().filter_map(|target| match target {
            ConfigTarget::Group(name) => self.current(target).map(|_| name.as_str()),
            ConfigTarget::Collector(_) => None,
        })
    }

    /// Forgets the configuration of a collector that is gone.
    pub(in crate::state) fn forget(&mut self, collector: CollectorId) {
        self.0.remove(&ConfigTarget::Collector(collector));
    }

    fn store(&mut self, level: FeatureLevel, command: &ConfigCommand) -> Result<(), Refusal> {
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
        let version = ConfigVersion {
            version: self.next_version(level, newest),
            text: text.clone(),
            author: author.clone(),
            comment: comment.clone(),
            at: *at,
        };
        self.add(target, version);
        Ok(())
    }

    /// A number that no other text has or had: collectors take it for the text.
    fn next_version(&self, level: FeatureLevel, newest: u64) -> u64 {
        if level < FeatureLevel::CONFIG_VERSIONS {
            return newest + 1;
        }
        let newest = self.0.values().filter_map(|versions| versions.last());
        newest.map(|last| last.version).max().unwrap_or(0) + 1
    }

    fn add(&mut self, target: &ConfigTarget, version: ConfigVersion) {
        let versions = self.0.entry(target.clone()).or_default();
        versions.push(version);
        let surplus = versions.len().saturating_sub(MAX_CONFIG_VERSIONS);
        versions.drain(..surplus);
    }

    fn remove(
        &mut self,
        level: FeatureLevel,
        target: &ConfigTarget,
        (author, at): (&str, Timestamp),
    ) -> Result<(), Refusal> {
        let last = self.current(target).ok_or(Refusal::NotFound)?;
        let version = ConfigVersion {
            version: self.next_version(level, last.version),
            text: ConfigText::deleted(),
            author: author.to_owned(),
            comment: "deleted".to_owned(),
            at,
        };
        self.add(target, version);
        Ok(())
    }

    fn seal(&mut self, texts: &[SealedConfig]) {
        for sealed in texts {
            let versions = self.0.get_mut(&sealed.target).into_iter().flatten();
            for version in versions {
                if (version.version, version.at) == (sealed.version, sealed.at) {
                    version.text.clone_from(&sealed.text);
                }
            }
        }
    }
}

impl CollectorConfigs {
    /// Applies a command, purely (SM-1).
    pub(in crate::state) fn apply(
        &mut self,
        level: FeatureLevel,
        command: &ConfigCommand,
    ) -> Result<(), Refusal> {
        match command {
            ConfigCommand::Store { .. } => self.store(level, command),
            ConfigCommand::Remove { target, author, at } => {
                self.remove(level, target, (author, *at))
            }
            ConfigCommand::Delete { target } => {
                self.0.remove(target).map(drop).ok_or(Refusal::NotFound)
            }
            ConfigCommand::Seal { texts } => {
                self.seal(texts);
                Ok(())
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
            text: ConfigText::plain(text),
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
            let outcome = configs.apply(FeatureLevel::PEOPLE, &store(base, "a = 1"));
            let is_conflict = matches!(outcome, Err(Refusal::Conflict(_)));
            assert_eq!(is_conflict, !is_stored, "{base:?}: {outcome:?}");
        }
        let versions = configs.versions(&ConfigTarget::Group("web".into()));
        let versions: Vec<u64> = versions.iter().map(|version| version.version).collect();
        assert_eq!(versions, [1, 2, 3]);
    }

    #[test]
    fn a_version_is_sealed_in_its_place_and_no_other_is() {
        let key = crate::pki::ClusterKey::from_bytes([1; 32]);
        let mut configs = CollectorConfigs::default();
        for text in ["a = 1", "a = 2"] {
            configs
                .apply(FeatureLevel::PEOPLE, &store(None, text))
                .unwrap();
        }
        let target = ConfigTarget::Group("web".into());
        let sealed = |target: &ConfigTarget, version, at| SealedConfig {
            target: target.clone(),
            version,
            at: Timestamp::from_micros(at),
            text: ConfigText::sealed(&key, "a = 1").unwrap(),
        };
        let gone = ConfigTarget::Group("gone".into());
        let texts = vec![
            sealed(&target, 1, 1),
            sealed(&target, 2, 7),
            sealed(&gone, 1, 1),
        ];
        let command = ConfigCommand::Seal { texts };
        assert_eq!(command.needs(), FeatureLevel::SEALED_CONFIGS);
        configs.apply(FeatureLevel::CURRENT, &command).unwrap();
        let is_sealed: Vec<bool> = configs.all().map(|(_, one)| one.text.is_sealed()).collect();
        assert_eq!(is_sealed, [true, false]);
        assert_eq!(configs.versions(&gone), []);
    }

    #[test]
    fn a_section_is_read_again_and_old_versions_go() {
        let mut configs = CollectorConfigs::default();
        for n in 0..MAX_CONFIG_VERSIONS + 5 {
            configs
                .apply(FeatureLevel::PEOPLE, &store(None, &n.to_string()))
                .unwrap();
        }
        let read = CollectorConfigs::read(1, &configs.write().unwrap()).unwrap();
        let target = ConfigTarget::Group("web".into());
        assert_eq!(read.versions(&target), configs.versions(&target));
        assert_eq!(read.versions(&target).len(), MAX_CONFIG_VERSIONS);
        assert_eq!(read.versions(&target)[0].version, 6);
        assert_eq!(read.groups().collect::<Vec<_>>(), ["web"]);
    }

    #[test]
    fn a_number_names_one_text_whatever_was_deleted_and_wherever_it_stands() {
        let level = FeatureLevel::CONFIG_VERSIONS;
        let mut configs = CollectorConfigs::default();
        let web = ConfigTarget::Group("web".into());
        let own = ConfigTarget::Collector(CollectorId::from_external("db-1"));
        let of = |target: &ConfigTarget, text: &str| ConfigCommand::Store {
            target: target.clone(),
            base: None,
            text: ConfigText::plain(text),
            author: "ann".into(),
            comment: String::new(),
            at: Timestamp::from_micros(1),
        };
        let remove = |target: &ConfigTarget| ConfigCommand::Remove {
            target: target.clone(),
            author: "ann".into(),
            at: Timestamp::from_micros(2),
        };
        for command in [
            of(&web, "a = 1"),
            of(&own, "a = 2"),
            remove(&own),
            of(&own, "a = 3"),
        ] {
            configs.apply(level, &command).unwrap();
        }
        let numbers = |target: &ConfigTarget| -> Vec<u64> {
            configs
                .versions(target)
                .iter()
                .map(|one| one.version)
                .collect()
        };
        assert_eq!((numbers(&web), numbers(&own)), (vec![1], vec![2, 3, 4]));
        configs.apply(level, &remove(&web)).unwrap();
        assert_eq!(configs.current(&web), None);
        assert_eq!(configs.groups().count(), 0);
        let again = configs.apply(level, &remove(&web));
        assert_eq!(again, Err(Refusal::NotFound));
    }
}

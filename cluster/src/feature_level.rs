//! Feature levels: what all members of a cluster understand (design D15).
//!
//! A *feature level* is a number for a set of commands and formats. Each node announces the level
//! its program knows. The leader raises the cluster's level, by a command, once every member has
//! announced so much, and proposes nothing above it. So during a rolling upgrade nodes of two
//! versions apply the same log alike, and what is new begins when the last of them is upgraded.
//!
//! A level only goes up. A program that knows less than the cluster's level stops ([`Outdated`]):
//! it must neither skip what it does not know nor guess.
//!
//! # Levels
//! | Level | Since | Adds |
//! | --- | --- | --- |
//! | 0 | 3.0.0 | what every program knows; nothing is announced |
//! | 1 | 3.0.0 | raising the level; states as named sections; bytes that are no command stop a node |
//! | 2 | 3.0.0 | people, sessions, tokens, registration secrets, configurations of collectors, audit |
//! | 3 | 3.0.0 | alerts, their rules, channels, silences and notifications |
//! | 4 | 3.0.0 | decisions about findings, moments to compare |
//! | 5 | 3.0.0 | further keys that sign tokens |
//! | 6 | 3.0.0 | routes of alerts, what nodes notice about collectors, another cluster key in place of the first |
//! | 7 | 3.0.0 | configurations of collectors that are sealed, and whose versions count up over all of them; how often a collector pushes, and who supersedes whom, by steadier rules |
//! | 8 | 3.0.0 | when certificates of collectors end, mail addresses that are each one user's, moments to compare that are deleted, tokens of collectors that say whom they are for |

use std::fmt;

use serde::{Deserialize, Serialize};

/// Version of this program.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The first version that knows each level, from level 1 on.
const SINCE: [&str; 8] = [
    "3.0.0", "3.0.0", "3.0.0", "3.0.0", "3.0.0", "3.0.0", "3.0.0", "3.0.0",
];

/// A set of commands and formats, by number: a higher level includes all lower ones.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct FeatureLevel(u32);

impl FeatureLevel {
    /// What every program knows.
    pub const BASE: Self = Self(0);
    /// States as named sections, and the command that raises the level.
    pub const SECTIONS: Self = Self(1);
    /// Users' sessions and tokens, registration secrets, what is known about collectors, their
    /// configurations, and the audit log.
    pub const PEOPLE: Self = Self(2);
    /// Alerts, their rules, channels, silences and notifications.
    pub const ALERTS: Self = Self(3);
    /// Decisions about findings, and moments to compare.
    pub const INSIGHT: Self = Self(4);
    /// Further keys that sign tokens.
    pub const TOKEN_KEYS: Self = Self(5);
    /// Routes of alerts.
    pub const ALERT_ROUTES: Self = Self(6);
    /// What nodes notice about collectors.
    pub const COLLECTOR_HEALTH: Self = Self(6);
    /// Another cluster key in place of the first.
    pub const CLUSTER_KEY: Self = Self(6);
    /// Configurations of collectors that are sealed.
    pub const SEALED_CONFIGS: Self = Self(7);
    /// Versions of configurations that count up over all of them, also over deletions.
    pub const CONFIG_VERSIONS: Self = Self(7);
    /// How often a collector pushes, and who supersedes whom, by steadier rules.
    pub const COLLECTOR_RHYTHM: Self = Self(7);
    /// When the certificates of collectors end.
    pub const COLLECTOR_CERTIFICATES: Self = Self(8);
    /// Mail addresses of users that are unique.
    pub const UNIQUE_EMAILS: Self = Self(8);
    /// Moments to compare that are deleted.
    pub const DELETED_MOMENTS: Self = Self(8);
    /// Tokens of collectors that say whom they are for: programs of before refuse such.
    pub const COLLECTOR_AUDIENCE: Self = Self(8);
    /// What this program knows.
    pub const CURRENT: Self = Self(SINCE.len() as u32);

    /// The level of this number.
    pub const fn new(level: u32) -> Self {
        Self(level)
    }

    /// Its number.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The first version of the program that knows this level; for a level that this program does
    /// not know, its own.
    pub(crate) fn since(self) -> &'static str {
        let at = self.0.saturating_sub(1) as usize;
        SINCE.get(at).copied().unwrap_or(VERSION)
    }
}

impl fmt::Display for FeatureLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The level of a cluster, as its log says: part of the replicated state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClusterLevel {
    /// What is proposed.
    pub(crate) level: FeatureLevel,
    /// The first version that knows it, for those that do not.
    pub(crate) since: String,
}

impl ClusterLevel {
    /// Whether a program that knows `known` may go on in this cluster.
    pub(crate) fn check(&self, known: FeatureLevel) -> Result<(), Outdated> {
        if self.level <= known {
            return Ok(());
        }
        Err(Outdated::Level {
            level: self.level,
            since: self.since.clone(),
            known,
        })
    }
}

/// Why this program is too old for the cluster or for its own data: it stops, and touches nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Outdated {
    /// The cluster has moved on.
    #[error(
        "the cluster is at feature level {level}, and the program of this node knows up to {known}: \
         install version {since} or later"
    )]
    Level {
        /// Of the cluster.
        level: FeatureLevel,
        /// The first version that knows it.
        since: String,
        /// What this program knows.
        known: FeatureLevel,
    },
    /// An entry of the log is no command that this program knows.
    #[error(
        "entry {index} of the log is no command that this program ({VERSION}) knows, at feature level \
         {level}: install the version of the node that proposed it"
    )]
    Command {
        /// Which entry.
        index: u64,
        /// Of the cluster, when it was applied.
        level: FeatureLevel,
    },
    /// A part of a state has a later version, or is one that this program does not know.
    #[error(
        "the state has a section {name} of version {found}, and this program ({VERSION}) knows {}: \
         install version {since} or later", known.map_or("none".to_owned(), |v| format!("up to {v}"))
    )]
    Section {
        /// Which section.
        name: String,
        /// Its version.
        found: u16,
        /// The newest version of it that this program reads.
        known: Option<u16>,
        /// The first version that knows the level of the cluster that wrote it.
        since: String,
    },
    /// A state of a later format.
    #[error("the state has format {found}, and this program ({VERSION}) knows up to {known}")]
    Format {
        /// The format in the bytes.
        found: u8,
        /// The newest format this program reads.
        known: u8,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_goes_on_up_to_the_level_it_knows() {
        for (level, known, goes_on) in [(0, 0, true), (0, 1, true), (1, 1, true), (2, 1, false)] {
            let cluster = ClusterLevel {
                level: FeatureLevel::new(level),
                since: "3.2.0".into(),
            };
            let checked = cluster.check(FeatureLevel::new(known));
            assert_eq!(checked.is_ok(), goes_on, "level {level}, known {known}");
        }
    }

    #[test]
    fn the_message_names_the_level_and_the_version_to_install() {
        let cluster = ClusterLevel {
            level: FeatureLevel::new(7),
            since: "3.4.0".into(),
        };
        let why = cluster.check(FeatureLevel::new(1)).unwrap_err().to_string();
        assert!(why.contains("feature level 7"), "{why}");
        assert!(why.ends_with("install version 3.4.0 or later"), "{why}");
    }

    #[test]
    fn each_level_has_the_version_that_brought_it() {
        assert_eq!(FeatureLevel::SECTIONS.since(), "3.0.0");
        assert_eq!(FeatureLevel::CURRENT.get() as usize, SINCE.len());
    }
}

//! How long what is kept.

use std::collections::BTreeMap;

use super::series_rollup::HOUR;
use crate::Timestamp;

/// What is older than this goes, by the type of its elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    usual: Timestamp,
    /// Of types with a time of their own.
    of: BTreeMap<String, Timestamp>,
}

impl Retention {
    /// Nothing of any type is kept from before `before`.
    pub const fn all(before: Timestamp) -> Self {
        Self {
            usual: before,
            of: BTreeMap::new(),
        }
    }

    /// Elements of `kind`, and the typed rows made of them, are kept from `before` on.
    #[must_use]
    pub fn with(mut self, kind: impl Into<String>, before: Timestamp) -> Self {
        self.of.insert(kind.into(), before);
        self
    }

    /// Elements of `kind` older than this go.
    pub fn before(&self, kind: &str) -> Timestamp {
        self.of.get(kind).copied().unwrap_or(self.usual)
    }

    /// Types without a time of their own go before this.
    pub(crate) const fn usual(&self) -> Timestamp {
        self.usual
    }

    /// Types with a time of their own.
    pub(crate) fn exceptions(&self) -> impl Iterator<Item = (&str, Timestamp)> {
        self.of
            .iter()
            .map(|(kind, before)| (kind.as_str(), *before))
    }

    /// Nothing of any type is kept from before this.
    pub(crate) fn oldest(&self) -> Timestamp {
        self.of.values().copied().fold(self.usual, Timestamp::min)
    }

    /// Sums over rows of `kind` are kept as long as the rows are, and at least as long as usual.
    pub(crate) fn sums_of(&self, kind: &str) -> Timestamp {
        self.before(kind).min(self.usual)
    }

    /// The first hour of which no row of `kind` is dropped, in Unix seconds.
    pub(crate) fn frozen(&self, kind: &str) -> i64 {
        let hour = HOUR.saturating_mul(1_000_000);
        let before = self.before(kind).micros();
        let hours = before.div_euclid(hour) + i64::from(before.rem_euclid(hour) > 0);
        hours.saturating_mul(HOUR)
    }
}

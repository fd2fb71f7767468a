//! What is known of a statement now, and a prediction can rest on.

use std::collections::BTreeSet;

use pga_config::CollectorId;
use pga_insight::prediction::{Feature, Features};
use pga_storage::Timestamp;
use serde_json::{Value, json};

use super::hours::{History, Wanted, read};
use super::relation_sizes::{Back, KnownRelation};
use crate::analyses::seen;
use crate::{ApiError, NodeApi};

/// Days that are looked back at: the same hour of last week has to be there.
pub(super) const DAYS: i64 = 8;

/// What is known of a statement now.
#[derive(Debug)]
pub(crate) struct Known {
    /// Calls in the days that are looked back at.
    pub(super) calls: f64,
    /// Calls and milliseconds of each of their hours.
    pub(super) hours: Vec<(f64, f64)>,
    /// Nothing if it was not called in the last hours.
    pub(super) features: Option<Features>,
    /// The same as callers set them.
    pub(super) shown: Vec<(Feature, f64)>,
    /// Its relations, the largest first.
    pub(crate) relations: Vec<KnownRelation>,
}

impl Known {
    /// The features by their names.
    pub(crate) fn features(&self) -> Value {
        named(&self.shown)
    }
}

/// Looks at a statement on the server that calls it most; nothing if nobody has sent it.
pub(crate) async fn known(
    api: &dyn NodeApi,
    hash: i64,
    at: Timestamp,
) -> Result<Option<Known>, ApiError> {
    let mut best: Option<(f64, CollectorId, History)> = None;
    let found = seen(api, hash, at).await?;
    let servers: BTreeSet<CollectorId> = found.iter().map(|(collector, ..)| *collector).collect();
    for collector in servers {
        let history = read(api, collector, at, DAYS, Wanted::One(hash)).await?;
        let calls = history.calls(hash);
        if best.as_ref().is_none_or(|(most, ..)| calls > *most) {
            best = Some((calls, collector, history));
        }
    }
    let Some((calls, collector, mut history)) = best else {
        return Ok(None);
    };
    let there = found.into_iter().filter(|(own, ..)| *own == collector);
    let most = there.max_by(|(_, one, _), (_, other, _)| one.total_ms.total_cmp(&other.total_ms));
    if let Some((_, one, window)) = most {
        let back = Back {
            at,
            hours: 0,
            is_paced: false,
        };
        let of = (collector, Some(one.database.as_str()));
        let statements = BTreeSet::from([hash]);
        history
            .learn_sizes(api, of, (&statements, window), back)
            .await?;
    }
    let second = at.micros().div_euclid(1_000_000);
    let features = history.features(hash, second);
    let (features, shown) = features.map_or((None, Vec::new()), |(features, shown)| {
        (Some(features), shown)
    });
    Ok(Some(Known {
        calls,
        hours: history.pairs(hash),
        features,
        shown,
        relations: history.relations(hash, second),
    }))
}

/// The name of a feature.
pub(super) fn name_of(feature: Feature) -> Option<String> {
    let name = serde_json::to_value(feature).ok()?;
    name.as_str().map(str::to_owned)
}

/// Features by their names.
pub(super) fn named(features: &[(Feature, f64)]) -> Value {
    let named = features.iter();
    let named = named.filter_map(|(feature, value)| Some((name_of(*feature)?, json!(value))));
    named.collect()
}

//! Which plan each statement had, and since when: a prediction knows the plan of before.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use pga_config::CollectorId;
use pga_insight::plan::Plan;
use pga_insight::prediction::{Feature, RelationName, plan_features, plan_relations};
use pga_storage::Timestamp;
use pga_storage::query::{ElementOrder, Elements};
use serde_json::Value;

use crate::analyses::workload::plan_of;
use crate::questions;
use crate::{ApiError, NodeApi};

/// What a model learns from one plan.
type Features = [(Feature, f64); 6];

/// Plans of one page.
const PAGE: u32 = 100;
/// Plans that are looked through, the newest: the same one comes once an hour at most.
pub(super) const MOST: usize = 5_000;
/// The same for one statement.
pub(super) const MOST_OF_ONE: usize = 500;

/// Features of plans, by statement and by the second in which each was seen.
#[derive(Debug, Default)]
pub(super) struct Plans {
    features: HashMap<i64, BTreeMap<i64, Features>>,
    /// What the newest plan of each statement scans.
    relations: HashMap<i64, BTreeSet<RelationName>>,
}

impl Plans {
    /// The newest plans of a server since a second.
    pub(super) async fn read(
        api: &dyn NodeApi,
        collector: CollectorId,
        from: i64,
        most: usize,
    ) -> Result<Self, ApiError> {
        let (mut plans, mut count) = (Self::default(), 0);
        let mut query = Elements {
            collector,
            kind: Some("explain_plan".to_owned()),
            from: Some(Timestamp::from_micros(from.saturating_mul(1_000_000))),
            to: None,
            order: ElementOrder::Descending,
            limit: PAGE,
            cursor: None,
        };
        loop {
            let page = questions::ask(api, collector, &query).await?;
            count += page.data.len();
            let texts = page.data;
            let parse = move || texts.iter().filter_map(|text| read(text)).collect();
            let found: Vec<_> = pga_runtime::spawn_blocking(parse)
                .await
                .map_err(|_| ApiError::Internal)?;
            for (hash, second, plan) in found {
                plans.add(hash, second, plan_features(&plan));
                let relations = plans.relations.entry(hash);
                relations.or_insert_with(|| plan_relations(&plan));
            }
            query.cursor = page.next_cursor;
            if query.cursor.is_none() || count >= most {
                return Ok(plans);
            }
        }
    }

    pub(super) fn add(&mut self, hash: i64, second: i64, features: Features) {
        let of = self.features.entry(hash).or_default();
        of.insert(second, features);
    }

    /// What the newest plan of a statement scans.
    pub(super) fn relations(&self, hash: i64) -> impl Iterator<Item = &RelationName> {
        self.relations.get(&hash).into_iter().flatten()
    }

    /// The plan that a statement had last before a second.
    pub(super) fn before(&self, hash: i64, second: i64) -> Option<&Features> {
        let (_, features) = self.features.get(&hash)?.range(..second).next_back()?;
        Some(features)
    }
}

fn read(text: &str) -> Option<(i64, i64, Plan)> {
    let element: Value = serde_json::from_str(text).ok()?;
    let at = crate::timestamps::parse_text(element["timestamp"].as_str()?).ok()?;
    let hash = element["query_hash"].as_i64()?;
    Some((hash, at.micros().div_euclid(1_000_000), plan_of(&element)?))
}

//! Compares both plans of a statement, with what is known to have happened in between.

use pga_config::CollectorId;
use pga_insight::plan::Plan;
use pga_insight::plan::regression::{Change, Flip, Means, Regression, compare};
use pga_insight::plan::rules::{PlanFacts, findings};
use pga_storage::Timestamp;
use serde_json::Value;

use super::seen::{Key, plan_at};
use crate::analyses::inventory;
use crate::analyses::workload::Statement;
use crate::{ApiError, NodeApi};

/// What the two plans tell.
pub(super) struct Explained {
    /// The regression, as the routes tell it.
    pub(super) why: Value,
    /// What is wrong with the present plan.
    pub(super) findings: Value,
}

/// What a call of a statement did.
fn means(of: &Statement) -> Means {
    let calls = of.calls.max(1) as f64;
    Means {
        time_ms: Some(of.mean_ms()),
        planning_ms: None,
        rows: Some(of.rows as f64 / calls),
        blocks: Some((of.blocks_hit + of.blocks_read) as f64 / calls),
        blocks_read: Some(of.blocks_read as f64 / calls),
        temp_written: Some(of.temp_written as f64 / calls),
        heap_fetches: None,
    }
}

/// Tells why the plan changed; nothing if one of the plans is not stored any more.
pub(super) async fn explain(
    api: &dyn NodeApi,
    collector: CollectorId,
    key: &Key,
    flip: &Flip,
    statements: (&Statement, &Statement),
    now: Timestamp,
) -> Result<Option<Explained>, ApiError> {
    let plan = |structure, at| plan_at(api, collector, key, (structure, at));
    let good = plan(flip.good, flip.last_good).await?;
    let bad = plan(flip.bad, flip.last_bad).await?;
    let (Some((mut good, good_ran)), Some((mut bad, bad_ran))) = (good, bad) else {
        return Ok(None);
    };
    if good_ran != bad_ran {
        // A plan that never ran was asked for in the collector's session, which has its own.
        good.settings.clear();
        bad.settings.clear();
    }
    let then = Timestamp::from_micros(flip.last_good);
    let before = inventory::read(api, collector, &key.0, then).await?;
    let present = inventory::read(api, collector, &key.0, now).await?;
    let change = Change {
        both_in_one_hour: Some(flip.both_in_one_hour),
        good: Some(means(statements.0)),
        bad: Some(means(statements.1)),
        ..present.change_since(&before, then, [&good, &bad])
    };
    let seen = flip.seen;
    let told = pga_runtime::spawn_blocking(move || tell(&good, &bad, &change, seen));
    told.await.map_err(|_| ApiError::Internal)?.map(Some)
}

fn tell(good: &Plan, bad: &Plan, change: &Change, seen: u32) -> Result<Explained, ApiError> {
    let why: Regression = compare(good, bad, change);
    let facts = PlanFacts {
        other_plans: seen.saturating_sub(1),
        ..PlanFacts::default()
    };
    let value = serde_json::to_value(why).map_err(|_| ApiError::Internal)?;
    let found = serde_json::to_value(findings(bad, &facts)).map_err(|_| ApiError::Internal)?;
    Ok(Explained {
        why: value,
        findings: found,
    })
}

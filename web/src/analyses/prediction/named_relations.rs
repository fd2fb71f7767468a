//! Which relations each statement names.

use std::collections::{BTreeSet, HashMap};

use pga_config::CollectorId;
use pga_insight::prediction::{RelationName, statement_relations};

use super::plans::Plans;
use crate::analyses::workload::{Statement, Window, statements};
use crate::{ApiError, NodeApi};

/// By statement: the database in which it takes most time, and the relations that it names there.
pub(super) type Named = HashMap<i64, (String, BTreeSet<RelationName>)>;

/// Reads the texts of statements of a window, and their plans: a view, a partitioned table and a
/// text that was cut are behind their plans.
pub(super) async fn read(
    api: &dyn NodeApi,
    (collector, database): (CollectorId, Option<&str>),
    window: Window,
    wanted: &BTreeSet<i64>,
    plans: &Plans,
) -> Result<Named, ApiError> {
    let mut most: HashMap<i64, Statement> = HashMap::new();
    for one in statements(api, collector, window, database)
        .await?
        .into_values()
    {
        let held = most.get(&one.hash).map(|held| held.total_ms);
        if wanted.contains(&one.hash) && held.is_none_or(|held| held < one.total_ms) {
            most.insert(one.hash, one);
        }
    }
    let parse = move || -> Named {
        let all: Vec<Statement> = most.into_values().collect();
        let texts: Vec<&str> = all.iter().map(|one| one.text.as_str()).collect();
        let names = statement_relations(&texts);
        let pairs = all.into_iter().zip(names);
        pairs
            .map(|(one, names)| (one.hash, (one.database, names)))
            .collect()
    };
    let mut named = pga_runtime::spawn_blocking(parse)
        .await
        .map_err(|_| ApiError::Internal)?;
    for (hash, (_, names)) in &mut named {
        names.extend(plans.relations(*hash).cloned());
    }
    Ok(named)
}

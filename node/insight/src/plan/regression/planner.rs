//! Causes that made the planner choose another plan.

use std::collections::{BTreeMap, BTreeSet};

use super::case::Case;
use super::change::TableChange;
use crate::plan::document::Plan;
use crate::plan::rules::{Finding, PlanFacts, findings};
use crate::words::{count, figure};

/// Least factor by which an estimate moved.
const MOVED: f64 = 3.0;
/// Statistics are stale from this share of changed rows on.
const STALE_SHARE: f64 = 0.1;
/// And from this many changed rows on.
const STALE_ROWS: f64 = 1_000.0;
/// Least factor by which a table grew.
const GREW: f64 = 1.3;

pub(super) fn index_gone(case: &Case<'_>) -> Option<String> {
    let still_used = indexes(case.bad);
    let was_used = indexes(case.good);
    let lost = was_used
        .difference(&still_used)
        .filter(|index| case.change.lost_indexes.contains(**index));
    listed(lost.map(|index| format!("index {index} is absent or not valid")))
}

pub(super) fn setting_changed(case: &Case<'_>) -> Option<String> {
    let default = "default".to_owned();
    let (was, is) = (&case.good.settings, &case.bad.settings);
    let mut changed: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    for name in was.keys().chain(is.keys()) {
        let pair = (
            was.get(name).unwrap_or(&default),
            is.get(name).unwrap_or(&default),
        );
        if pair.0 != pair.1 {
            changed.insert(name, (pair.0, pair.1));
        }
    }
    let told = &case.change.settings;
    changed.extend(
        told.iter()
            .map(|(name, (was, is))| (name.as_str(), (was.as_str(), is.as_str()))),
    );
    listed(
        changed
            .iter()
            .map(|(name, (was, is))| format!("{name} was {was}, is {is}")),
    )
}

pub(super) fn schema_changed(case: &Case<'_>) -> Option<String> {
    listed(case.change.events.iter().cloned())
}

pub(super) fn statistics_changed(case: &Case<'_>) -> Option<String> {
    let pivot = case.pivot?;
    let rows = |plan: &Plan, id| plan.node(id).map(|node| node.estimate.rows.max(1.0));
    let (was, is) = (rows(case.good, pivot.good)?, rows(case.bad, pivot.bad)?);
    let moved = (is / was).max(was / is) > MOVED;
    let analyzed = tables(case).filter(|(_, table)| table.was_analyzed == Some(true) && moved);
    listed(analyzed.map(|(name, _)| {
        let was = count(was.round(), "row", "rows");
        format!("{name} was analysed; the estimate was {was}, is {is:.0}")
    }))
}

pub(super) fn statistics_stale(case: &Case<'_>) -> Option<String> {
    let pivot = case.pivot?;
    let below: BTreeSet<u32> = case
        .bad
        .node(pivot.bad)?
        .preorder()
        .iter()
        .map(|node| node.id)
        .collect();
    let is_wrong = estimates_off(case.bad)
        .iter()
        .any(|finding| below.contains(&finding.node));
    let stale = tables(case).filter(|(_, table)| {
        let share = table.changed_share.is_some_and(|share| share > STALE_SHARE);
        is_wrong && share && table.changed_rows.is_some_and(|rows| rows > STALE_ROWS)
    });
    listed(stale.map(|(name, table)| {
        let rows = table.changed_rows.unwrap_or_default();
        format!("{rows:.0} rows of {name} changed since it was analysed")
    }))
}

pub(super) fn generic_plan(case: &Case<'_>) -> Option<String> {
    let became_generic = case.bad.is_generic() && !case.good.is_generic();
    became_generic.then(|| "conditions hold parameters where they held constants".to_owned())
}

pub(super) fn parameter_skew(case: &Case<'_>) -> Option<String> {
    case.pivot?;
    let both = case.change.both_in_one_hour == Some(true);
    let right = || estimates_off(case.good).is_empty() && estimates_off(case.bad).is_empty();
    let holds = both && right();
    holds.then(|| "both plans occur in the same hour, each with right estimates".to_owned())
}

pub(super) fn data_grew(case: &Case<'_>) -> Option<String> {
    case.pivot?;
    let cost = case.bad.root.estimate.total_cost;
    if case.change.old_structure_cost.is_some_and(|old| old < cost) {
        return None;
    }
    let grown = tables(case).filter_map(|(name, table)| {
        let factor = table.pages_factor.filter(|factor| *factor >= GREW)?;
        Some(format!("{name} has {} times the pages", figure(factor)))
    });
    listed(grown)
}

/// What is known about the relations at and below the pivot.
fn tables<'a>(case: &Case<'a>) -> impl Iterator<Item = (&'a str, &'a TableChange)> + use<'a> {
    let relations = case.pivot.map(|pivot| pivot.relations(case.good, case.bad));
    let relations = relations.unwrap_or_default();
    let tables = case
        .change
        .tables
        .iter()
        .filter(move |(name, _)| relations.contains(*name));
    tables.map(|(name, table)| (name.as_str(), table))
}

/// Wrong estimates of a plan that was seen more than once.
fn estimates_off(plan: &Plan) -> Vec<Finding> {
    let facts = PlanFacts {
        other_plans: 1,
        ..PlanFacts::default()
    };
    let found = findings(plan, &facts);
    found
        .into_iter()
        .filter(|finding| finding.about.id == "P1")
        .collect()
}

fn indexes(plan: &Plan) -> BTreeSet<&str> {
    let nodes = plan.root.preorder();
    nodes
        .into_iter()
        .filter_map(|node| node.target.index.as_deref())
        .collect()
}

/// Joins what shows a cause; nothing shows nothing.
fn listed(evidence: impl Iterator<Item = String>) -> Option<String> {
    let evidence: Vec<String> = evidence.collect();
    (!evidence.is_empty()).then(|| evidence.join("; "))
}

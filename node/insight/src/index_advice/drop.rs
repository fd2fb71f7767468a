//! Indexes that cost more than they give.

use super::answer::{Advice, Kind};
use super::catalog::{Catalog, Relation};
use super::existing::Existing;
use super::{ddl, report};

/// Days that counters must stand still.
const MIN_DAYS: f64 = 30.0;
/// Bytes from which on an unused index is worth a change.
const MIN_BYTES: f64 = 10_485_760.0;

/// Advises what to drop of one relation.
pub(super) fn advise(
    relation: &Relation,
    existing: &[Existing<'_>],
    catalog: &Catalog,
    advices: &mut Vec<Advice>,
) {
    let mut gone: Vec<&str> = Vec::new();
    for (place, one) in existing.iter().enumerate() {
        let advice = invalid(relation, one)
            .or_else(|| duplicate(relation, existing, place, &gone))
            .or_else(|| redundant(relation, existing, place, &gone))
            .or_else(|| unused(relation, one, catalog));
        if let Some(advice) = advice {
            if advice.kind != Kind::InvalidIndex {
                gone.push(&one.index.name);
            }
            advices.push(advice);
        }
    }
}

fn base(kind: Kind, relation: &Relation, one: &Existing<'_>) -> Advice {
    let mut advice = report::empty(kind, relation);
    advice.index.clone_from(&one.index.name);
    advice.keys.clone_from(&one.keys);
    advice.include.clone_from(&one.include);
    advice.predicate.clone_from(&one.predicate);
    advice.size_bytes = one.index.size_bytes;
    advice.statement = ddl::drop(relation, &one.index.name);
    advice.undo = Some(definition(one, relation));
    advice
}

/// What builds the index again.
fn definition(one: &Existing<'_>, relation: &Relation) -> String {
    let index = one.index;
    if !index.definition.is_empty() {
        return format!("{};", index.definition.trim_end_matches(';'));
    }
    ddl::create(
        relation,
        &ddl::Parts {
            name: &index.name,
            method: &index.method,
            keys: &one.keys,
            include: &one.include,
            predicate: one.predicate.as_deref(),
        },
    )
}

/// What a failed build left.
fn invalid(relation: &Relation, one: &Existing<'_>) -> Option<Advice> {
    let index = one.index;
    if index.is_valid && index.is_ready || index.is_in_progress || index.is_partition_child {
        return None;
    }
    let mut advice = base(Kind::InvalidIndex, relation, one);
    advice.confidence = 0.9;
    let is_leftover = index.name.contains("_ccnew") || index.name.contains("_ccold");
    let name = &index.name;
    if is_leftover {
        advice.reason = format!(
            "{name} is what an interrupted REINDEX CONCURRENTLY left: no query uses it, writes \
            may maintain it"
        );
    } else {
        let rebuilt = ddl::qualified(&relation.schema, name);
        advice
            .then
            .push(format!("REINDEX INDEX CONCURRENTLY {rebuilt};"));
        std::mem::swap(&mut advice.statement, advice.then.first_mut()?);
        advice.then.clear();
        advice.undo = None;
        advice.reason = format!(
            "{name} is invalid: no query uses it. Rebuild it, or drop it if it is not wanted"
        );
    }
    advice.evidence.push(format!(
        "valid: {}, ready: {}, no build in progress",
        index.is_valid, index.is_ready
    ));
    Some(advice)
}

/// An index that equals another, or has less.
fn duplicate(
    relation: &Relation,
    existing: &[Existing<'_>],
    place: usize,
    gone: &[&str],
) -> Option<Advice> {
    let one = existing.get(place).filter(|one| may_go(one))?;
    let twin = existing.iter().enumerate().find(|(other_place, other)| {
        let is_stronger = !other.is_droppable()
            || *other_place < place
            || other.include.len() > one.include.len();
        *other_place != place
            && is_alive(other, gone)
            && other.index.method == one.index.method
            && other.keys == one.keys
            && other.predicate == one.predicate
            && one.include.iter().all(|name| other.include.contains(name))
            && is_stronger
    });
    let (_, twin) = twin?;
    let mut advice = base(Kind::DropDuplicate, relation, one);
    advice.confidence = 0.9;
    let (name, twin) = (&one.index.name, &twin.index.name);
    advice.reason =
        format!("{name} has the same keys, condition and operator classes as {twin}, which stays");
    advice
        .evidence
        .push(format!("{twin} serves all that {name} serves"));
    Some(advice)
}

/// An index whose keys another one starts with.
fn redundant(
    relation: &Relation,
    existing: &[Existing<'_>],
    place: usize,
    gone: &[&str],
) -> Option<Advice> {
    let one = existing.get(place).filter(|one| may_go(one))?;
    let is_btree = |one: &Existing<'_>| one.index.method == "btree";
    let longer = existing.iter().find(|other| {
        is_btree(one)
            && is_btree(other)
            && is_alive(other, gone)
            && other.keys.len() > one.keys.len()
            && other.keys.starts_with(&one.keys)
            && other.predicate == one.predicate
            && one.include.iter().all(|name| {
                let is_key = other
                    .keys
                    .iter()
                    .any(|key| key.column.as_ref() == Some(name));
                is_key || other.include.contains(name)
            })
    })?;
    let mut advice = base(Kind::DropRedundant, relation, one);
    advice.confidence = 0.7;
    let (name, longer) = (&one.index.name, &longer.index.name);
    advice.reason = format!(
        "{longer} starts with the keys of {name} and serves what it serves, with more pages a scan"
    );
    advice
        .evidence
        .push(format!("all keys of {name} lead {longer}"));
    Some(advice)
}

/// An index that no server scans.
fn unused(relation: &Relation, one: &Existing<'_>, catalog: &Catalog) -> Option<Advice> {
    let index = one.index;
    let days = index.unused_days?;
    let is_old = index.age_days.is_none_or(|age| age >= MIN_DAYS);
    let is_large = index.size_bytes.is_some_and(|bytes| bytes > MIN_BYTES);
    let is_unused = days >= MIN_DAYS && is_old && is_large;
    if !is_unused || !one.is_droppable() || supports_foreign_key(one, relation, catalog) {
        return None;
    }
    let mut advice = base(Kind::DropUnused, relation, one);
    advice.confidence = 0.7;
    let name = &index.name;
    advice.reason = format!("no server scanned {name} for {days:.0} days");
    if one.has_expression() {
        advice.confidence = 0.5;
        advice.reason.push_str(
            "; but the planner uses statistics of its expression even so: \
        plans may change without it",
        );
    }
    let bytes = index.size_bytes.unwrap_or(0.0) / 1_048_576.0;
    advice.evidence.push(format!(
        "0 scans for {days:.0} days on all servers, {bytes:.0} MiB"
    ));
    Some(advice)
}

/// Whether a valid index may go when another one stays.
fn may_go(one: &Existing<'_>) -> bool {
    let is_young = one.index.age_days.is_some_and(|age| age < MIN_DAYS);
    // An expression that is not understood may be any.
    let is_known = !one.keys.is_empty() && one.keys.iter().all(|key| !key.text().is_empty());
    is_known && one.is_droppable() && one.index.is_valid && one.index.is_ready && !is_young
}

fn is_alive(other: &Existing<'_>, gone: &[&str]) -> bool {
    let index = other.index;
    index.is_valid && index.is_ready && !gone.contains(&index.name.as_str())
}

/// Whether an index leads with a foreign key whose parent sees deletes.
fn supports_foreign_key(one: &Existing<'_>, relation: &Relation, catalog: &Catalog) -> bool {
    relation.foreign_keys.iter().any(|key| {
        let leading = one.keys.iter().take(key.columns.len());
        let leading: Vec<&str> = leading.map(|key| key.text()).collect();
        let is_led = key
            .columns
            .iter()
            .all(|column| leading.contains(&column.as_str()));
        let parent = catalog.find(&key.parent_schema, &key.parent);
        let parent = parent.and_then(|parent| catalog.relations.get(parent));
        let has_deletes = parent.is_none_or(|p| p.deletes_per_day > 0.0 || p.updates_per_day > 0.0);
        is_led && has_deletes
    })
}

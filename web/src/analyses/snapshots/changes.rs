//! What changed on a server, as its collector tells it.

use std::collections::BTreeSet;

use pga_config::CollectorId;
use pga_storage::Timestamp;
use pga_storage::query::{ElementOrder, Elements};
use serde_json::Value;

use crate::analyses::inventory::{object_key, objects_before};
use crate::analyses::workload::Window;
use crate::timestamps::parse_text;
use crate::{ApiError, NodeApi, questions};

/// Elements of a type that are looked at.
const MOST: u32 = 200;

/// What changed at a time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Change {
    pub(super) at: Timestamp,
    pub(super) what: Vec<String>,
}

/// The elements of a type, with their times.
async fn elements(
    api: &dyn NodeApi,
    collector: CollectorId,
    kind: &str,
    (from, to): (Option<Timestamp>, Timestamp),
    (order, limit): (ElementOrder, u32),
) -> Result<Vec<(Timestamp, Value)>, ApiError> {
    let query = Elements {
        collector,
        kind: Some(kind.to_owned()),
        from,
        to: Some(to),
        order,
        limit,
        cursor: None,
    };
    let page = questions::ask(api, collector, &query).await?;
    let read = page.data.iter().filter_map(|text| {
        let element: Value = serde_json::from_str(text).ok()?;
        let at = parse_text(element["timestamp"].as_str()?).ok()?;
        Some((at, element))
    });
    Ok(read.collect())
}

/// All changes in a window, and how many elements were read.
pub(super) async fn read(
    api: &dyn NodeApi,
    collector: CollectorId,
    window: Window,
) -> Result<(Vec<Change>, usize), ApiError> {
    let all = (ElementOrder::Ascending, MOST);
    let range = (Some(window.from), window.to);
    let mut changes = Vec::new();
    let settings = elements(api, collector, "pg_setting", range, all).await?;
    changes.extend(settings.iter().filter_map(|(at, element)| {
        let rows = changed_rows(element)?;
        let what = rows.filter_map(|row| Some(format!("setting {}", row["name"].as_str()?)));
        some(*at, what.collect())
    }));
    let objects = elements(api, collector, "pg_schema_object", range, all).await?;
    for (at, element) in &objects {
        let what = match changed_rows(element) {
            Some(rows) => rows.map(object_name).collect(),
            None => gone(api, collector, *at, element).await?,
        };
        changes.extend(some(*at, what));
    }
    let newest = (ElementOrder::Descending, 1);
    let mut identities =
        elements(api, collector, "pg_identity", (None, window.from), newest).await?;
    identities.extend(elements(api, collector, "pg_identity", range, all).await?);
    for (before, after) in identities.iter().zip(identities.iter().skip(1)) {
        let version = |of: &(Timestamp, Value)| of.1["server_version_num"].as_i64();
        if let (Some(was), Some(is)) = (version(before), version(after))
            && was != is
        {
            let what = format!("version {} in place of {}", dotted(is), dotted(was));
            changes.extend(some(after.0, vec![what]));
        }
    }
    let count = settings.len() + objects.len() + identities.len();
    Ok((changes, count))
}

fn some(at: Timestamp, what: Vec<String>) -> Option<Change> {
    (!what.is_empty()).then_some(Change { at, what })
}

/// The rows of an element that holds only what changed.
fn changed_rows(element: &Value) -> Option<impl Iterator<Item = &Value>> {
    let is_change = element["changed_only"] == Value::Bool(true);
    let rows = element["rows"].as_array().filter(|_| is_change)?;
    Some(rows.iter())
}

/// `index public.orders_idx`.
fn object_name(row: &Value) -> String {
    let of = |name: &str| row[name].as_str().unwrap_or_default();
    let name = if of("name").is_empty() {
        of("relname")
    } else {
        of("name")
    };
    format!("{} {}.{name}", of("class"), of("schemaname"))
}

/// 16.4 of 160004, and 9.6.24 of 90624.
fn dotted(version: i64) -> String {
    match version {
        100_000.. => format!("{}.{}", version / 10_000, version % 10_000),
        _ => format!(
            "{}.{}.{}",
            version / 10_000,
            version / 100 % 100,
            version % 100
        ),
    }
}

/// What a list of all objects does not hold any more; nothing if the list is cut.
async fn gone(
    api: &dyn NodeApi,
    collector: CollectorId,
    at: Timestamp,
    element: &Value,
) -> Result<Vec<String>, ApiError> {
    if element["changed_only"] != Value::Bool(false) || element["truncated"] == Value::Bool(true) {
        return Ok(Vec::new());
    }
    let database = element["database"].as_str().unwrap_or_default();
    let rows = element["rows"].as_array().into_iter().flatten();
    let held: BTreeSet<String> = rows.map(object_key).collect();
    let before = objects_before(api, collector, database, at).await?;
    let gone = before.iter().filter(|(key, _)| !held.contains(*key));
    Ok(gone
        .map(|(_, row)| format!("{} gone", object_name(row)))
        .collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn versions_and_objects_have_the_names_that_people_know() {
        assert_eq!(dotted(160_004), "16.4");
        assert_eq!(dotted(90_624), "9.6.24");
        let index = json!({ "class": "index", "schemaname": "public", "name": "i" });
        assert_eq!(object_name(&index), "index public.i");
    }

    #[test]
    fn only_an_element_of_changes_tells_changes() {
        for (element, count) in [
            (json!({ "changed_only": true, "rows": [{}, {}] }), Some(2)),
            (json!({ "changed_only": false, "rows": [{}] }), None),
            (json!({ "rows": [{}] }), None),
        ] {
            let rows = changed_rows(&element);
            assert_eq!(rows.map(Iterator::count), count, "{element}");
        }
    }
}

//! What happened to the relations of two plans between two inventories.

use std::collections::{BTreeMap, BTreeSet};

use pga_insight::plan::Plan;
use pga_insight::plan::regression::{Change, TableChange};
use pga_storage::Timestamp;
use serde_json::Value;

use super::{Inventory, analyzed_at, flag, number, text};

/// Settings of the planner, beside those that begin with `enable_`, `cpu_`, `parallel_`, `geqo`
/// and `jit`.
const PLANNER: [&str; 14] = [
    "constraint_exclusion",
    "cursor_tuple_fraction",
    "default_statistics_target",
    "effective_cache_size",
    "effective_io_concurrency",
    "from_collapse_limit",
    "hash_mem_multiplier",
    "join_collapse_limit",
    "max_parallel_workers_per_gather",
    "min_parallel_index_scan_size",
    "min_parallel_table_scan_size",
    "plan_cache_mode",
    "random_page_cost",
    "seq_page_cost",
];
const PREFIXES: [&str; 5] = ["enable_", "cpu_", "parallel_", "geqo", "jit"];

fn is_planners(name: &str) -> bool {
    name == "work_mem" || PLANNER.contains(&name) || PREFIXES.iter().any(|p| name.starts_with(p))
}

impl Inventory {
    /// What is known to have happened since `before`, the inventory of `then`, to what two plans
    /// read. What was not told at both times is not said to have changed.
    pub(crate) fn change_since(&self, before: &Self, then: Timestamp, plans: [&Plan; 2]) -> Change {
        let nodes = plans.into_iter().flat_map(|plan| plan.root.preorder());
        let (mut relations, mut indexes) = (BTreeSet::new(), BTreeSet::new());
        for node in nodes {
            relations.extend(node.target.relation.clone());
            indexes.extend(node.target.index.clone());
        }
        let lost_indexes: BTreeSet<String> = self.lost(&indexes).collect();
        let tables = relations.iter().filter_map(|name| {
            let change = self.table_change(before, then, name)?;
            Some((name.clone(), change))
        });
        Change {
            settings: self.changed_settings(before),
            events: self.schema_events(before, &relations, &lost_indexes),
            tables: tables.collect(),
            lost_indexes,
            ..Change::default()
        }
    }

    /// Indexes that no table has, or that are not valid; none if indexes are not told.
    fn lost<'a>(&'a self, names: &'a BTreeSet<String>) -> impl Iterator<Item = String> + 'a {
        let is_named = |row: &&Value, column: &str, name: &str| row[column] == name;
        let lost = names.iter().filter(move |name| {
            let mut counted = self.indexes.values();
            let counted = counted.find(|row| is_named(row, "indexrelname", name));
            let objects = self.objects.values().filter(|row| row["class"] == "index");
            let is_defined = objects.clone().any(|row| row["name"] == name.as_str());
            let is_told = objects.count() > 0 || !self.indexes.is_empty();
            match counted {
                Some(row) => !row["is_valid"].is_null() && !flag(row, "is_valid"),
                None => is_told && !is_defined,
            }
        });
        lost.cloned()
    }

    fn table_change(&self, before: &Self, then: Timestamp, name: &str) -> Option<TableChange> {
        // A plan tells no schema: of two tables of one name nothing is said.
        let mut named = self.tables.iter().filter(|(_, row)| row["relname"] == name);
        let (key, row) = named.next().filter(|_| named.next().is_none())?;
        let rows = number(row, "reltuples").filter(|rows| *rows > 0.0);
        let changed = number(row, "n_mod_since_analyze");
        let pages = |row: &Value| number(row, "relpages").filter(|pages| *pages > 0.0);
        let grown = before.tables.get(key).and_then(pages).zip(pages(row));
        Some(TableChange {
            was_analyzed: Some(analyzed_at(row) > Some(then)),
            changed_rows: changed,
            changed_share: changed.zip(rows).map(|(changed, rows)| changed / rows),
            pages_factor: grown.map(|(then, now)| now / then),
        })
    }

    fn changed_settings(&self, before: &Self) -> BTreeMap<String, (String, String)> {
        if self.settings.is_empty() || before.settings.is_empty() {
            return BTreeMap::new();
        }
        let names = self.settings.keys().chain(before.settings.keys());
        let names: BTreeSet<&String> = names.filter(|name| is_planners(name)).collect();
        let value = |all: &Self, name: &str| all.setting(name).unwrap_or("default".to_owned());
        let changed = names.into_iter().filter_map(|name| {
            let (was, is) = (value(before, name), value(self, name));
            (was != is).then(|| (name.clone(), (was, is)))
        });
        changed.collect()
    }

    /// Indexes and constraints of the relations that came, went or changed; and the version.
    fn schema_events(
        &self,
        before: &Self,
        relations: &BTreeSet<String>,
        lost: &BTreeSet<String>,
    ) -> Vec<String> {
        let mut events = Vec::new();
        if let (Some(was), Some(is)) = (before.server_major, self.server_major)
            && was != is
        {
            events.push(format!("the server was of version {was}, is of {is}"));
        }
        if self.objects.is_empty() || before.objects.is_empty() {
            return events;
        }
        let keys: BTreeSet<&String> = self.objects.keys().chain(before.objects.keys()).collect();
        for key in keys {
            let (was, is) = (before.objects.get(key), self.objects.get(key));
            let Some(row) = is.or(was) else { continue };
            let (class, name) = (text(row, "class"), text(row, "name"));
            if !relations.contains(&text(row, "relname")) || lost.contains(&name) {
                continue;
            }
            let happened = match (was, is) {
                (None, _) => "is new",
                (_, None) => "is gone",
                (Some(was), Some(is)) if was["definition"] != is["definition"] => "is another",
                _ => continue,
            };
            events.push(format!(
                "{class} {name} on {} {happened}",
                text(row, "relname")
            ));
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use pga_insight::plan::parse_text;
    use serde_json::json;

    use super::*;

    fn inventory(tables: Value, objects: Value, settings: Value) -> Inventory {
        let rows = |kind: &str, rows: Value| {
            let rows = rows.as_array().cloned().unwrap_or_default();
            rows.into_iter()
                .map(|row| (super::super::key(kind, &row), row))
                .collect()
        };
        Inventory {
            tables: rows("pg_table", tables),
            objects: rows("pg_schema_object", objects),
            settings: rows("pg_setting", settings),
            ..Inventory::default()
        }
    }

    fn table(name: &str, pages: i64, analyzed: &str) -> Value {
        json!({ "schemaname": "public", "relname": name, "reltuples": 1_000, "relpages": pages,
            "n_mod_since_analyze": 200, "last_analyze": analyzed })
    }

    fn index(name: &str, table: &str, definition: &str) -> Value {
        json!({ "class": "index", "schemaname": "public", "relname": table, "name": name,
            "definition": definition })
    }

    #[test]
    fn only_what_both_times_tell_has_changed() {
        let plan = "Index Scan using t_a on t  (cost=0.00..9.00 rows=2 width=4)\n";
        let plan = parse_text(plan).unwrap();
        let setting = |value: &str| {
            json!([{ "name": "random_page_cost", "setting": value },
            { "name": "max_connections", "setting": value }])
        };
        let before = inventory(
            json!([table("t", 100, "2026-01-01T00:00:00Z")]),
            json!([
                index("t_a", "t", "(a)"),
                index("t_b", "t", "(b)"),
                index("u_a", "u", "(a)")
            ]),
            setting("4"),
        );
        let now = inventory(
            json!([table("t", 150, "2026-01-03T00:00:00Z"), table("u", 9, "")]),
            json!([index("t_b", "t", "(b, a)"), index("t_c", "t", "(c)")]),
            setting("1.1"),
        );
        let then = crate::timestamps::parse_text("2026-01-02T00:00:00Z").unwrap();
        let change = now.change_since(&before, then, [&plan, &plan]);
        assert_eq!(change.lost_indexes, ["t_a".to_owned()].into());
        let events = ["index t_b on t is another", "index t_c on t is new"];
        assert_eq!(change.events, events);
        let (was, is) = &change.settings["random_page_cost"];
        assert_eq!(
            (was.as_str(), is.as_str(), change.settings.len()),
            ("4", "1.1", 1)
        );
        let told = change.tables["t"];
        assert_eq!(
            (told.was_analyzed, told.changed_share),
            (Some(true), Some(0.2))
        );
        assert_eq!((told.pages_factor, change.tables.len()), (Some(1.5), 1));
        let unknown = Inventory::default();
        assert_eq!(
            unknown.change_since(&before, then, [&plan, &plan]),
            Change::default()
        );
        let first = now.change_since(&unknown, then, [&plan, &plan]);
        assert_eq!((first.events.len(), first.settings.len()), (0, 0));
    }
}

//! What each table and each index did in each hour and day: sums of the differences of counters.
//!
//! The lists that they come from are kept as elements ([`super::catalogue::VIEWS`]). When an hour
//! is over, the flush that stores the first list after it *seals* it: it reads the hour's lists,
//! and keeps a row for each relation of which a counter moved. Days are made of their hours. A list
//! that comes later for a sealed hour has it sealed anew in the same transaction, and the hour of
//! the list that follows it, which compares with it. Marks are those of charts.
//!
//! # Which difference
//! A list tells the rows that changed since the one before, and all of them once an hour. A row is
//! compared with the one before of the same relation (`relid`, `indexrelid`) and database, however
//! long ago, and the difference counts for the hour of the later one:
//! - if a counter of the relation's own fell, all of them began anew, since PostgreSQL resets them
//!   at once: the difference is the new value;
//! - what is added up over a table's indexes, or is its TOAST table's, falls when one of them goes:
//!   it has no difference then, unless the table's own counters began anew as well;
//! - a relation that is told for the first time has none: what it counts may be old;
//! - a counter that is missing has none, and the next one is compared with the last that was there.

mod changes;
mod list;
mod sql;

use std::collections::BTreeMap;

use uuid::Uuid;

pub use self::changes::RelationSum;
pub(crate) use self::changes::{BASELINE, Changes};
pub(crate) use self::sql::Statements;
use super::catalogue::{Table, VIEWS};
use super::series_rollup::{HOUR, Touched, charted, hour_of};
use super::{FlushElement, Retention};
use crate::Element;

/// The sums of one type of lists.
#[derive(Debug)]
pub struct RelationSums {
    /// Type of the elements.
    pub kind: &'static str,
    /// Name of the table of sums, in the schema `metrics` of PostgreSQL.
    pub name: &'static str,
    /// Column that names a relation within its database.
    pub id: &'static str,
    /// Columns that people know it by.
    pub names: &'static [&'static str],
    /// Columns that only grow until they are reset.
    pub counters: &'static [&'static str],
    /// Those of them that count what other relations do: its indexes, its TOAST table.
    pub(crate) of_others: &'static [&'static str],
}

/// All of them.
pub const RELATION_SUMS: &[&RelationSums] = &[
    &RelationSums {
        kind: "pg_table",
        name: "metrics_pg_table_sums",
        id: "relid",
        names: &["schemaname", "relname"],
        counters: &[
            "seq_scan",
            "seq_tup_read",
            "idx_scan",
            "idx_tup_fetch",
            "n_tup_ins",
            "n_tup_upd",
            "n_tup_del",
            "n_tup_hot_upd",
            "n_tup_newpage_upd",
            "vacuum_count",
            "autovacuum_count",
            "analyze_count",
            "autoanalyze_count",
            "total_vacuum_time",
            "total_autovacuum_time",
            "total_analyze_time",
            "total_autoanalyze_time",
            "heap_blks_read",
            "heap_blks_hit",
            "idx_blks_read",
            "idx_blks_hit",
            "toast_blks_read",
            "toast_blks_hit",
        ],
        of_others: &[
            "idx_scan",
            "idx_tup_fetch",
            "idx_blks_read",
            "idx_blks_hit",
            "toast_blks_read",
            "toast_blks_hit",
        ],
    },
    &RelationSums {
        kind: "pg_index",
        name: "metrics_pg_index_sums",
        id: "indexrelid",
        names: &["schemaname", "relname", "indexrelname"],
        counters: &[
            "idx_scan",
            "idx_tup_read",
            "idx_tup_fetch",
            "idx_blks_read",
            "idx_blks_hit",
        ],
        of_others: &[],
    },
];

impl RelationSums {
    /// The sums of lists of a type.
    pub fn of(kind: &str) -> Option<&'static Self> {
        RELATION_SUMS.iter().copied().find(|sums| sums.kind == kind)
    }

    /// Name with its schema, for PostgreSQL.
    pub fn qualified(&self) -> String {
        format!("metrics.{}", self.name)
    }

    /// The view on the lists.
    fn list(&self) -> Option<&'static Table> {
        VIEWS.iter().copied().find(|view| view.kind == self.kind)
    }
}

/// Which hours of whose lists a batch has something in; the number is the place in
/// [`RELATION_SUMS`].
pub(crate) fn touched(elements: &[FlushElement]) -> BTreeMap<(Uuid, usize), Touched> {
    let mut found: BTreeMap<(Uuid, usize), Touched> = BTreeMap::new();
    for element in elements {
        let Element::Document(document) = &element.element else {
            continue;
        };
        let of = |sums: &&RelationSums| sums.kind == document.kind;
        if let Some(place) = RELATION_SUMS.iter().position(of) {
            let touched = found.entry((element.collector.get(), place)).or_default();
            touched.hours.insert(hour_of(document.time));
        }
    }
    found
}

/// Before rows are dropped: the first hour of each table with sums that keeps its rows, in Unix
/// seconds. Hours before are not sealed anew. A list compares with one of up to two hours before.
pub(crate) fn frozen(retention: &Retention) -> impl Iterator<Item = (&'static str, i64)> + '_ {
    let rows = charted().map(|id| (id.table().name, retention.frozen(id.table().kind)));
    let lists = RELATION_SUMS.iter();
    rows.chain(lists.map(|of| (of.name, retention.frozen(of.kind).saturating_add(2 * HOUR))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_summed_is_a_number_of_the_list() {
        for sums in RELATION_SUMS {
            let list = sums.list().unwrap();
            assert_eq!(list.key(), ["database_name", sums.id]);
            for name in sums.names.iter().chain(sums.counters) {
                assert!(list.position(name).is_some(), "{}.{name}", list.name);
            }
        }
    }
}

//! What of a server is worth watching, beside what is always watched.

use std::collections::{BTreeMap, BTreeSet};

use pga_config::CollectorId;
use pga_storage::Timestamp;
use pga_storage::query::RelationActivity;
use pga_storage::store::relation_sums::{RelationSum, RelationSums};

use super::subject::Subject;
use crate::analyses::workload::{Window, sums};
use crate::questions;
use crate::{ApiError, NodeApi};

/// Statements of a server that are watched, by the time they took in a day and in an hour. A series
/// takes some 60 KiB of memory after eight weeks, a statement has six.
const MOST_TIME: usize = 60;
const MOST_TIME_LATELY: usize = 30;
/// Tables of a server that are watched, by the rows that were read and that were written in a day.
const MOST_READ: usize = 30;
const MOST_WRITTEN: usize = 20;

/// Rows that are read and that are written, as `pg_stat_user_tables` counts them.
const READ: [&str; 2] = ["seq_tup_read", "idx_tup_fetch"];
const WRITTEN: [&str; 3] = ["n_tup_ins", "n_tup_upd", "n_tup_del"];

/// What is worth watching.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Wanted {
    /// Statements, by database and `queryid`.
    pub(super) statements: BTreeSet<(String, i64)>,
    /// Tables, with their names without schema.
    pub(super) tables: BTreeMap<Subject, String>,
}

impl Wanted {
    /// Those of a server that did most.
    pub(super) async fn read(
        api: &dyn NodeApi,
        collector: CollectorId,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        let mut statements = BTreeSet::new();
        for (hours, most) in [(24, MOST_TIME), (1, MOST_TIME_LATELY)] {
            let window = Window::hours_before(now, hours);
            let all = sums(api, collector, window, None).await?;
            let mut all: Vec<_> = all.into_iter().collect();
            all.sort_by(|(_, one), (_, other)| other.total_ms.total_cmp(&one.total_ms));
            statements.extend(all.into_iter().take(most).map(|(key, _)| key));
        }
        let tables = tables(api, collector, Window::hours_before(now, 24)).await?;
        Ok(Self { statements, tables })
    }

    /// Whether a series of this is watched.
    pub(super) fn has(&self, subject: &Subject) -> bool {
        match subject {
            Subject::Statement { hash, database } => {
                self.statements.contains(&(database.clone(), *hash))
            }
            Subject::Table { .. } => self.tables.contains_key(subject),
            Subject::Database(_) | Subject::Wait(_) | Subject::Wal | Subject::Standby(_) => true,
        }
    }
}

async fn tables(
    api: &dyn NodeApi,
    collector: CollectorId,
    window: Window,
) -> Result<BTreeMap<Subject, String>, ApiError> {
    let of = RelationSums::of("pg_table").ok_or(ApiError::Internal)?;
    let question = RelationActivity {
        of,
        collector,
        database: None,
        relation: None,
        from: window.from,
        to: window.to,
        step: None,
        is_sealed_only: true,
    };
    let all = questions::ask(api, collector, &question).await?.relations;
    let mut tables = BTreeMap::new();
    for (counters, most) in [(&READ[..], MOST_READ), (&WRITTEN[..], MOST_WRITTEN)] {
        tables.extend(those_with_most(of, &all, counters, most));
    }
    Ok(tables)
}

/// The tables of which the sum of these counters is largest, and not 0.
fn those_with_most(
    of: &RelationSums,
    all: &[RelationSum],
    counters: &[&str],
    most: usize,
) -> Vec<(Subject, String)> {
    let sum = |row: &RelationSum| -> f64 {
        let counted = of.counters.iter().zip(&row.sums);
        let wanted = counted.filter(|(name, _)| counters.contains(name));
        wanted.filter_map(|(_, sum)| *sum).sum()
    };
    let mut all: Vec<(f64, &RelationSum)> = all.iter().map(|row| (sum(row), row)).collect();
    all.retain(|(sum, _)| *sum > 0.0);
    all.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let named = all.into_iter().take(most).filter_map(|(_, row)| {
        let [Some(schema), Some(name)] = row.names.as_slice() else {
            return None;
        };
        let subject = Subject::table(&row.database, schema, name);
        Some((subject, name.clone()))
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_chosen_by_what_is_asked_of_them() {
        let of = RelationSums::of("pg_table").unwrap();
        let row = |name: &str, counts: &[(&str, f64)]| RelationSum {
            span: 0,
            database: "shop".to_owned(),
            id: 1,
            names: vec![Some("public".to_owned()), Some(name.to_owned())],
            samples: 1,
            sums: of
                .counters
                .iter()
                .map(|counter| {
                    let counted = counts.iter().find(|(name, _)| name == counter);
                    counted.map(|(_, count)| *count)
                })
                .collect(),
        };
        let all = [
            row("by_index", &[("idx_tup_fetch", 900.0)]),
            row(
                "scanned",
                &[("seq_tup_read", 800.0), ("idx_tup_fetch", 200.0)],
            ),
            row("written", &[("n_tup_ins", 5.0), ("seq_tup_read", 0.0)]),
            row("a_little", &[("seq_tup_read", 1.0)]),
        ];
        let names = |counters: &[&str], most: usize| -> Vec<String> {
            let chosen = those_with_most(of, &all, counters, most);
            chosen.into_iter().map(|(_, name)| name).collect()
        };
        assert_eq!(names(&READ, 2), ["scanned", "by_index"]);
        assert_eq!(names(&READ, 9), ["scanned", "by_index", "a_little"]);
        assert_eq!(names(&WRITTEN, 9), ["written"]);
    }
}

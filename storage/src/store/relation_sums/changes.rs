//! From lists to sums.

use std::collections::HashMap;

use uuid::Uuid;

use super::RelationSums;
use super::list::{Columns, ListRow, MOST};
use crate::Timestamp;
use crate::store::mapper::Value;

/// From the newest list before an hour back to one that tells all rows, in microseconds: such a
/// list is due an hour after the one before.
pub(crate) const BASELINE: i64 = 65 * 60_000_000;

/// What one relation did in one span of time.
#[derive(Clone, Debug, PartialEq)]
pub struct RelationSum {
    /// The span: its begin in Unix seconds where sums are stored, its number in an answer.
    pub span: i64,
    /// Its database.
    pub database: String,
    /// Its oid.
    pub id: i64,
    /// The values of [`RelationSums::names`], as they were last.
    pub names: Vec<Option<String>>,
    /// How many differences there are.
    pub samples: i64,
    /// The sums of [`RelationSums::counters`]; `None` where there is no difference.
    pub sums: Vec<Option<f64>>,
}

impl RelationSum {
    /// The row of it, for spans of so many seconds.
    pub(crate) fn into_row(self, collector: Uuid, seconds: i64) -> Vec<Value> {
        let text = |text: Option<String>| text.map_or(Value::Null, Value::Text);
        let number = |n: Option<f64>| n.map_or(Value::Null, Value::Float);
        let mut row = vec![
            Value::Uuid(collector),
            Value::Int(seconds),
            Value::Int(self.span),
            Value::Text(self.database),
            Value::Int(self.id),
        ];
        row.extend(self.names.into_iter().map(text));
        row.push(Value::Int(self.samples));
        row.extend(self.sums.into_iter().map(number));
        row
    }

    /// Adds what a later span says of the same relation.
    pub(crate) fn add(&mut self, later: Self) {
        self.samples = self.samples.saturating_add(later.samples);
        for (sum, more) in self.sums.iter_mut().zip(later.sums) {
            *sum = plus(*sum, more);
        }
        for (name, newer) in self.names.iter_mut().zip(later.names) {
            if newer.is_some() {
                *name = newer;
            }
        }
    }
}

fn plus(sum: Option<f64>, more: Option<f64>) -> Option<f64> {
    match (sum, more) {
        (Some(sum), Some(more)) => Some((sum + more).min(MOST)),
        (one, other) => one.or(other),
    }
}

/// Goes through lists in the order of their times.
#[derive(Debug)]
pub(crate) struct Changes {
    columns: Columns,
    /// By database and oid.
    relations: HashMap<String, HashMap<i64, Relation>>,
}

/// The newest row of a relation, and what it did.
#[derive(Debug)]
struct Relation {
    time: Timestamp,
    counters: Vec<Option<f64>>,
    /// The newest span comes last.
    sums: Vec<RelationSum>,
}

impl Changes {
    pub(crate) fn new(of: &RelationSums) -> Self {
        Self {
            columns: Columns::new(of),
            relations: HashMap::new(),
        }
    }

    /// Goes on with a list: its differences count for `span`, or are left out without one. What is
    /// no list is passed over, as the view on lists does.
    pub(crate) fn add(&mut self, time: Timestamp, body: &[u8], span: Option<i64>) {
        let (columns, databases) = (&self.columns, &mut self.relations);
        columns.rows(body, |database, row| {
            let Some(id) = row.id else {
                return;
            };
            if !databases.contains_key(database) {
                databases.insert(database.to_owned(), HashMap::new());
            }
            let Some(relations) = databases.get_mut(database) else {
                return;
            };
            match relations.get_mut(&id) {
                Some(relation) if time > relation.time => {
                    relation.go_on(time, row, &columns.is_own, (database, id, span));
                }
                Some(_) => {}
                None => {
                    let counters = std::mem::take(&mut row.counters);
                    let sums = Vec::new();
                    relations.insert(
                        id,
                        Relation {
                            time,
                            counters,
                            sums,
                        },
                    );
                }
            }
        });
    }

    /// The sums so far, which begin anew.
    pub(crate) fn take(&mut self) -> Vec<RelationSum> {
        let relations = self.relations.values_mut();
        let sums = relations.flat_map(HashMap::values_mut);
        let mut all: Vec<RelationSum> = sums
            .flat_map(|relation| std::mem::take(&mut relation.sums))
            .collect();
        all.sort_by(|a, b| {
            let key = |sum: &RelationSum| (sum.span, sum.id);
            key(a)
                .cmp(&key(b))
                .then_with(|| a.database.cmp(&b.database))
        });
        all
    }
}

impl Relation {
    /// Adds the differences of a row, which the next one is compared with.
    fn go_on(
        &mut self,
        time: Timestamp,
        row: &mut ListRow,
        is_own: &[bool],
        (database, id, span): (&str, i64, Option<i64>),
    ) {
        let mut pairs = row.counters.iter().zip(&self.counters).zip(is_own);
        let is_anew = pairs.any(|((now, before), is_own)| *is_own && fell(*now, *before));
        self.time = time;
        let mut differences: Vec<Option<f64>> = Vec::with_capacity(row.counters.len());
        for (now, last) in row.counters.iter().zip(&mut self.counters) {
            let before = *last;
            differences.push(match is_anew {
                true => *now,
                false if fell(*now, before) => None,
                false => now.zip(before).map(|(now, before)| now - before),
            });
            *last = now.or(before.filter(|_| !is_anew));
        }
        let is_some = differences.iter().flatten().any(|sum| *sum > 0.0);
        let Some(span) = span.filter(|_| is_some) else {
            return;
        };
        let sum = RelationSum {
            span,
            database: String::new(),
            id,
            names: std::mem::take(&mut row.names),
            samples: 1,
            sums: differences,
        };
        match self.sums.last_mut().filter(|last| last.span == span) {
            Some(last) => last.add(sum),
            None => self.sums.push(RelationSum {
                database: database.to_owned(),
                ..sum
            }),
        }
    }
}

fn fell(now: Option<f64>, before: Option<f64>) -> bool {
    now.zip(before).is_some_and(|(now, before)| now < before)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn changes() -> Changes {
        Changes::new(RelationSums::of("pg_index").unwrap())
    }

    fn list(rows: Json) -> Vec<u8> {
        json!({ "type": "pg_index", "database": "app", "rows": rows })
            .to_string()
            .into_bytes()
    }

    fn index(id: i64, scans: i64, read: Option<i64>) -> Json {
        let mut row = json!({ "indexrelid": id, "schemaname": "public", "relname": "orders",
            "indexrelname": format!("orders_{id}"), "idx_scan": scans });
        if let Some(read) = read {
            row["idx_tup_read"] = json!(read);
        }
        row
    }

    fn sums(of: &mut Changes) -> Vec<(i64, i64, Option<f64>, Option<f64>)> {
        let rows = of.take().into_iter();
        rows.map(|row| (row.id, row.samples, row.sums[0], row.sums[1]))
            .collect()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn each_row_is_compared_with_the_one_before_of_its_relation() {
        let mut changes = changes();
        let all = list(json!([index(1, 100, Some(7)), index(2, 50, None)]));
        changes.add(at(0), &all, None);
        changes.add(at(60), &list(json!([index(1, 103, Some(9))])), Some(0));
        changes.add(at(120), &list(json!([index(1, 104, None)])), Some(0));
        changes.add(at(180), &list(json!([index(1, 109, Some(10))])), Some(0));
        // The same time again counts once, and what did not move is no row.
        changes.add(at(180), &list(json!([index(1, 500, Some(99))])), Some(0));
        changes.add(at(240), &list(json!([index(2, 50, None)])), Some(0));
        assert_eq!(sums(&mut changes), [(1, 3, Some(9.0), Some(3.0))]);
        changes.add(at(300), &list(json!([index(2, 51, None)])), Some(1));
        assert_eq!(sums(&mut changes), [(2, 1, Some(1.0), None)]);
    }

    #[test]
    fn counters_that_began_anew_count_from_zero_and_new_relations_not_at_all() {
        let mut changes = changes();
        changes.add(at(0), &list(json!([index(1, 100, Some(1_000))])), None);
        // The first counter has grown beyond what it was, the other tells of the reset.
        changes.add(at(60), &list(json!([index(1, 120, Some(30))])), Some(0));
        changes.add(at(60), &list(json!([index(9, 5, Some(5))])), Some(0));
        assert_eq!(sums(&mut changes), [(1, 1, Some(120.0), Some(30.0))]);
    }

    #[test]
    fn a_dropped_index_is_no_reset_of_its_table() {
        let mut changes = Changes::new(RelationSums::of("pg_table").unwrap());
        let table = |inserted: i64, by_index: i64| {
            list(json!([{ "relid": 1, "n_tup_ins": inserted, "idx_scan": by_index }]))
        };
        let of = RelationSums::of("pg_table").unwrap().counters;
        let place = |name: &str| of.iter().position(|counter| *counter == name).unwrap();
        let sums = |changes: &mut Changes| {
            let row = changes.take().pop().unwrap();
            (row.sums[place("n_tup_ins")], row.sums[place("idx_scan")])
        };
        changes.add(at(0), &table(1_000_000, 500), None);
        changes.add(at(60), &table(1_000_010, 20), Some(0));
        assert_eq!(sums(&mut changes), (Some(10.0), None));
        changes.add(at(120), &table(1_000_010, 25), Some(0));
        assert_eq!(sums(&mut changes), (Some(0.0), Some(5.0)));
        // Both fell: the statistics were reset.
        changes.add(at(180), &table(3, 2), Some(0));
        assert_eq!(sums(&mut changes), (Some(3.0), Some(2.0)));
    }

    #[test]
    fn what_is_no_list_or_no_row_is_passed_over() {
        let mut changes = changes();
        let huge = json!({ "indexrelid": 1, "idx_scan": 1e300, "idx_tup_read": "many" });
        for body in [
            b"junk".to_vec(),
            b"{}".to_vec(),
            list(json!("none")),
            list(json!([7, {}, { "indexrelid": "x" }])),
            list(json!([index(1, 1, None)])),
            list(json!([huge])),
        ] {
            changes.add(at(0), &body, Some(0));
        }
        assert_eq!(changes.take(), []);
    }
}

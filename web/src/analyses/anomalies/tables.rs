//! Minutes of tables: rows that sequential scans read, and rows that were written.

use std::collections::BTreeMap;

use pga_config::CollectorId;
use pga_storage::Timestamp;
use pga_storage::query::{TableCounter, TableCounters};

use super::minutes::Minutes;
use super::read::MAX_ROWS;
use super::subject::Subject;
use crate::analyses::workload::Window;
use crate::questions;
use crate::{ApiError, NodeApi};

/// Tables of one question.
const AT_ONCE: usize = 100;
/// A difference needs the sample before the window, in microseconds.
const BEFORE: i64 = 180_000_000;

/// Reads the minutes of a window of some tables, which come with their names without schema.
pub(super) async fn read(
    api: &dyn NodeApi,
    collector: CollectorId,
    tables: &BTreeMap<Subject, String>,
    window: Window,
) -> Result<BTreeMap<Subject, Minutes<2>>, ApiError> {
    let mut names: Vec<&String> = tables.values().collect();
    names.sort_unstable();
    names.dedup();
    let mut minutes = BTreeMap::new();
    for names in names.chunks(AT_ONCE) {
        let question = TableCounters {
            collector,
            names: names.iter().map(|name| (*name).clone()).collect(),
            from: Timestamp::from_micros(window.from.micros() - BEFORE),
            to: window.to,
            limit: MAX_ROWS,
        };
        let samples = questions::ask(api, collector, &question).await?;
        minutes.extend(of_samples(&samples));
    }
    minutes.retain(|subject, _| tables.contains_key(subject));
    Ok(minutes)
}

/// What happened between samples, the oldest first. If a counter fell, all began anew: PostgreSQL
/// resets them at once.
fn of_samples(samples: &[TableCounter]) -> BTreeMap<Subject, Minutes<2>> {
    let mut last = BTreeMap::<(&str, &str, &str), &TableCounter>::new();
    let mut minutes = BTreeMap::<Subject, Minutes<2>>::new();
    for sample in samples {
        let key = (
            sample.database.as_str(),
            sample.schema.as_str(),
            sample.name.as_str(),
        );
        let Some(before) = last.insert(key, sample) else {
            continue;
        };
        let [read, inserted, updated, deleted] = since(before.counters, sample.counters);
        let subject = Subject::table(key.0, key.1, key.2);
        let interval = (sample.second - before.second) as f64;
        let amounts = [read, inserted + updated + deleted];
        let of = minutes.entry(subject).or_default();
        of.add(sample.second, interval, amounts);
    }
    minutes
}

fn since(before: [f64; 4], now: [f64; 4]) -> [f64; 4] {
    let has_fallen = before.iter().zip(&now).any(|(before, now)| now < before);
    let mut since = now;
    if !has_fallen {
        for (count, before) in since.iter_mut().zip(before) {
            *count -= before;
        }
    }
    since
}

#[cfg(test)]
mod tests {
    use pga_insight::anomalies::Minute;

    use super::*;

    fn sample(name: &str, second: i64, counters: [f64; 4]) -> TableCounter {
        TableCounter {
            database: "shop".to_owned(),
            schema: "public".to_owned(),
            name: name.to_owned(),
            second,
            counters,
        }
    }

    #[test]
    fn tables_count_from_sample_to_sample_and_anew_after_a_reset() {
        let samples = [
            sample("a", 0, [1_000.0, 50.0, 5.0, 0.0]),
            sample("b", 0, [7.0, 7.0, 7.0, 7.0]),
            sample("a", 60, [1_600.0, 50.0, 8.0, 1.0]),
            sample("b", 60, [7.0, 7.0, 7.0, 7.0]),
            sample("a", 120, [1_700.0, 2.0, 0.0, 0.0]),
            sample("c", 120, [9.0, 9.0, 9.0, 9.0]),
        ];
        let told = of_samples(&samples);
        let at = |name: &str, minute: i64| {
            let of = told.get(&Subject::table("shop", "public", name))?;
            of.at(Minute::new(minute))
        };
        assert_eq!(at("a", 0), Some([600.0, 4.0]));
        assert_eq!(at("a", 1), Some([1_700.0, 2.0]));
        assert_eq!(at("b", 0), Some([0.0, 0.0]));
        assert_eq!(at("c", 1), None, "what it counts may be old");
    }
}

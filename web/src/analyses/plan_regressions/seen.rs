//! Which plans of a server's statements were seen, and when.

use std::collections::BTreeMap;

use pga_config::CollectorId;
use pga_insight::plan::Plan;
use pga_insight::plan::regression::Sighting;
use pga_storage::Timestamp;
use pga_storage::query::{ElementOrder, Elements};
use serde_json::Value;

use crate::analyses::workload::plan_of;
use crate::questions;
use crate::{ApiError, NodeApi};

/// How far back plans are looked at: seven days, in microseconds.
const PAST: i64 = 7 * 86_400_000_000;
/// Plans may come so much later than others, in microseconds: a log is read behind.
const LATE: i64 = 900_000_000;
/// Plans of one page, and at most of one round: the newest.
const PAGE: u32 = 100;
const MOST: usize = 20_000;
/// Sightings of a statement that are kept, the newest: each structure comes once an hour at most.
const KEPT: usize = 200;

/// Which statement: its database and its query id.
pub(super) type Key = (String, i64);

/// What was seen of one server. A plan itself is read again when it is needed.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) of: BTreeMap<Key, Vec<Sighting>>,
    until: i64,
}

/// A plan as it is stored: whose, and when it was seen.
fn read(text: &str) -> Option<(Key, Sighting, Plan)> {
    let element: Value = serde_json::from_str(text).ok()?;
    let at = crate::timestamps::parse_text(element["timestamp"].as_str()?).ok()?;
    let plan = plan_of(&element)?;
    let database = element["database"].as_str().unwrap_or_default();
    let sighting = Sighting {
        at: at.micros(),
        structure: plan.structure(),
        has_run: element["source"] != "generic_plan",
    };
    Some((
        (database.to_owned(), element["query_hash"].as_i64()?),
        sighting,
        plan,
    ))
}

fn question(collector: CollectorId, from: i64, to: i64) -> Elements {
    Elements {
        collector,
        kind: Some("explain_plan".to_owned()),
        from: Some(Timestamp::from_micros(from)),
        to: Some(Timestamp::from_micros(to)),
        order: ElementOrder::Descending,
        limit: PAGE,
        cursor: None,
    }
}

impl Seen {
    /// Reads what came since the last time; how many plans were read.
    pub(super) async fn read_on(
        &mut self,
        api: &dyn NodeApi,
        collector: CollectorId,
        now: Timestamp,
    ) -> Result<usize, ApiError> {
        let now = now.micros();
        let from = (self.until - LATE).max(now - PAST);
        let (mut count, mut query) = (0, question(collector, from, now));
        loop {
            let page = questions::ask(api, collector, &query).await?;
            count += page.data.len();
            let texts = page.data;
            let read = move || -> Vec<(Key, Sighting)> {
                let plans = texts.iter().filter_map(|text| read(text));
                plans.map(|(key, sighting, _)| (key, sighting)).collect()
            };
            let new = pga_runtime::spawn_blocking(read).await;
            self.add(new.map_err(|_| ApiError::Internal)?);
            query.cursor = page.next_cursor;
            if query.cursor.is_none() || count >= MOST {
                break;
            }
        }
        self.until = now;
        self.forget(now - PAST);
        Ok(count)
    }

    fn add(&mut self, new: Vec<(Key, Sighting)>) {
        for (key, sighting) in new {
            let of = self.of.entry(key).or_default();
            if let Err(place) = of.binary_search(&sighting) {
                of.insert(place, sighting);
            }
        }
    }

    fn forget(&mut self, before: i64) {
        self.of.retain(|_, seen| {
            seen.retain(|one| one.at >= before);
            let beyond = seen.len().saturating_sub(KEPT);
            seen.drain(..beyond);
            !seen.is_empty()
        });
    }
}

/// The plan of a structure that was seen at a time, and whether it ran.
pub(super) async fn plan_at(
    api: &dyn NodeApi,
    collector: CollectorId,
    key: &Key,
    (structure, at): (i64, i64),
) -> Result<Option<(Plan, bool)>, ApiError> {
    let mut query = question(collector, at, at + 1);
    loop {
        let page = questions::ask(api, collector, &query).await?;
        let mut plans = page.data.iter().filter_map(|text| read(text));
        let same = plans.find(|(of, seen, _)| of == key && seen.structure == structure);
        query.cursor = page.next_cursor;
        if same.is_some() || query.cursor.is_none() {
            return Ok(same.map(|(_, seen, plan)| (plan, seen.has_run)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sighting(at: i64) -> Sighting {
        Sighting {
            at,
            structure: 1,
            has_run: true,
        }
    }

    #[test]
    fn what_is_read_again_is_seen_once_and_old_sightings_go() {
        let (mut seen, key) = (Seen::default(), ("d".to_owned(), 1));
        for times in [vec![5, 3], vec![4, 3], vec![9]] {
            let new = times.into_iter().map(|at| (key.clone(), sighting(at)));
            seen.add(new.collect());
        }
        let times = |seen: &Seen| {
            seen.of
                .get(&key)
                .map(|of| of.iter().map(|one| one.at).collect())
        };
        assert_eq!(times(&seen), Some(vec![3, 4, 5, 9]));
        seen.forget(5);
        assert_eq!(times(&seen), Some(vec![5, 9]));
        seen.forget(10);
        assert_eq!(times(&seen), None);
    }
}

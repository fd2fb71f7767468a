//! How many sessions of each role work at once, and how busy the workers of autovacuum are.

use std::collections::BTreeMap;

use pga_config::CollectorId;
use pga_insight::why::Sample;
use pga_storage::query::{ElementOrder, Elements};

use crate::analyses::workload::Window;
use crate::questions;
use crate::{ApiError, NodeApi};

/// Elements of one page, and in all: six hours of samples every ten seconds.
const PAGE: u32 = 500;
const MOST: usize = 2_200;

/// What samples of sessions tell.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    /// By role: sessions that worked, one figure a sample in which any did.
    roles: BTreeMap<String, Vec<u32>>,
    /// Workers of autovacuum, one figure a sample.
    vacuums: Vec<u32>,
    /// By statement: how often each role was seen with it.
    callers: BTreeMap<i64, BTreeMap<String, u32>>,
}

impl Sessions {
    fn add(&mut self, sample: &Sample) {
        let mut roles = BTreeMap::<&str, u32>::new();
        let mut workers = 0_u32;
        for group in &sample.rows {
            if group.backend_type.as_deref() == Some("autovacuum worker") {
                workers = workers.saturating_add(group.sessions);
            }
            if group.state.as_deref() == Some("active")
                && let Some(user) = group.user.as_deref()
            {
                let sum = roles.entry(user).or_default();
                *sum = sum.saturating_add(group.sessions);
                if let Some(statement) = group.query_id {
                    let callers = self.callers.entry(statement).or_default();
                    let seen = callers.entry(user.to_owned()).or_default();
                    *seen = seen.saturating_add(group.sessions);
                }
            }
        }
        self.vacuums.push(workers);
        for (role, sessions) in roles {
            let of = self.roles.entry(role.to_owned()).or_default();
            of.push(sessions);
        }
    }

    /// The role that was seen most with a statement.
    pub(super) fn caller(&self, statement: i64) -> Option<&str> {
        let callers = self.callers.get(&statement)?.iter();
        let most = callers.max_by_key(|(_, seen)| **seen)?;
        Some(most.0)
    }

    /// Samples that were read.
    pub(super) fn len(&self) -> usize {
        self.vacuums.len()
    }

    /// The 99th percentile of each role's sessions that worked at once.
    pub(super) fn p99(&self) -> BTreeMap<String, f64> {
        let of = |(role, sessions): (&String, &Vec<u32>)| {
            let mut sorted = sessions.clone();
            sorted.sort_unstable();
            let place = (sorted.len().saturating_mul(99)).div_ceil(100).max(1) - 1;
            Some((role.clone(), f64::from(*sorted.get(place)?)))
        };
        self.roles.iter().filter_map(of).collect()
    }

    /// Share of the samples in which so many workers of autovacuum worked; nothing without samples.
    pub(super) fn all_busy_share(&self, workers: f64) -> Option<f64> {
        let busy = self
            .vacuums
            .iter()
            .filter(|one| f64::from(**one) >= workers);
        let all = self.vacuums.len();
        (all > 0).then(|| busy.count() as f64 / all as f64)
    }
}

/// Reads the newest samples of a window.
pub(super) async fn read(
    api: &dyn NodeApi,
    collector: CollectorId,
    window: Window,
) -> Result<Sessions, ApiError> {
    let (mut sessions, mut cursor) = (Sessions::default(), None);
    loop {
        let query = Elements {
            collector,
            kind: Some("pg_activity_sample".to_owned()),
            from: Some(window.from),
            to: Some(window.to),
            order: ElementOrder::Descending,
            limit: PAGE,
            cursor,
        };
        let page = questions::ask(api, query.collector, &query).await?;
        let samples = page.data.iter();
        samples
            .filter_map(|text| serde_json::from_str::<Sample>(text).ok())
            .for_each(|sample| sessions.add(&sample));
        cursor = page.next_cursor;
        if cursor.is_none() || sessions.len() >= MOST {
            return Ok(sessions);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(role: &str, sessions: u32, workers: u32) -> Sample {
        let group = |kind: &str, user: Option<&str>, sessions| pga_insight::why::Group {
            backend_type: Some(kind.to_owned()),
            state: Some("active".to_owned()),
            user: user.map(str::to_owned),
            sessions,
            ..pga_insight::why::Group::default()
        };
        Sample {
            rows: vec![
                group("client backend", Some(role), sessions),
                group("autovacuum worker", None, workers),
            ],
        }
    }

    #[test]
    fn the_caller_of_a_statement_is_the_role_that_was_seen_most_with_it() {
        let mut all = Sessions::default();
        for (role, sessions) in [("app", 2), ("report", 3), ("app", 2)] {
            let mut told = sample(role, sessions, 0);
            told.rows[0].query_id = Some(-7);
            all.add(&told);
        }
        assert_eq!((all.caller(-7), all.caller(8)), (Some("app"), None));
    }

    #[test]
    fn the_most_sessions_but_outliers_and_busy_workers_are_told() {
        let mut all = Sessions::default();
        for one in 0..200 {
            let sessions = if one == 7 { 90 } else { 4 };
            all.add(&sample("app", sessions, u32::from(one % 2 == 0) * 3));
        }
        assert_eq!(all.p99().get("app"), Some(&4.0));
        assert_eq!(all.all_busy_share(3.0), Some(0.5));
        assert_eq!(Sessions::default().all_busy_share(3.0), None);
    }
}

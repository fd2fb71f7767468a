//! What planners made of advised indexes: collectors try them where HypoPG is installed.

use std::collections::BTreeMap;

use pga_config::CollectorId;
use pga_insight::index_advice::{Advice, Answer};
use pga_storage::Timestamp;
use pga_storage::query::{ElementOrder, Elements};
use serde::Deserialize;

use crate::questions;
use crate::{ApiError, NodeApi};

/// Type of the collector's elements.
const KIND: &str = "pg_index_check";
/// How long a try counts, in days: a collector tries each index once a day.
const DAYS: i64 = 7;
/// Tries that are looked at, of all databases of a server.
const MAX_CHECKS: u32 = 1_000;
/// A planner that takes an index has to save so much of a statement's cost with it.
const LEAST_SAVING: f64 = 0.2;
/// How sure an advice is that a planner takes, and one that it does not.
const TAKEN: f64 = 0.9;
const NOT_TAKEN: f64 = 0.4;

/// The newest tries, by the statement that would create the index.
#[derive(Debug, Default)]
pub(super) struct Checks(BTreeMap<String, Check>);

#[derive(Debug, Deserialize)]
struct Check {
    database: String,
    create_statement: String,
    rows: Vec<Row>,
}

#[derive(Debug, Deserialize)]
struct Row {
    query_hash: i64,
    cost_before: f64,
    cost_after: f64,
    is_used: bool,
}

impl Row {
    fn saves(&self) -> bool {
        self.is_used && self.cost_after <= self.cost_before * (1.0 - LEAST_SAVING)
    }
}

impl Checks {
    /// Of a database of a collector.
    pub(super) async fn read(
        api: &dyn NodeApi,
        collector: CollectorId,
        database: &str,
        at: Timestamp,
    ) -> Result<Self, ApiError> {
        let query = Elements {
            collector,
            kind: Some(KIND.to_owned()),
            from: Some(Timestamp::from_micros(at.micros() - DAYS * 86_400_000_000)),
            to: None,
            order: ElementOrder::Descending,
            limit: MAX_CHECKS,
            cursor: None,
        };
        let page = questions::ask(api, collector, &query).await?;
        let mut checks = BTreeMap::new();
        let found = page.data.iter();
        for check in found.filter_map(|text| serde_json::from_str::<Check>(text).ok()) {
            if check.database == database && !check.rows.is_empty() {
                let key = check.create_statement.clone();
                checks.entry(key).or_insert(check);
            }
        }
        Ok(Self(checks))
    }

    /// Says of each advice what the planner made of it, and how sure it is therefore.
    pub(super) fn tell(&self, answer: &mut Answer) {
        for advice in &mut answer.advices {
            if let Some(check) = self.0.get(&advice.statement) {
                check.tell(advice);
            }
        }
    }
}

impl Check {
    fn tell(&self, advice: &mut Advice) {
        let saving: Vec<&Row> = self.rows.iter().filter(|row| row.saves()).collect();
        let tried = self.rows.len();
        for row in &saving {
            advice.evidence.push(format!(
                "HypoPG: with the index the planner's cost of statement {} falls from {:.0} to {:.0}",
                row.query_hash, row.cost_before, row.cost_after
            ));
        }
        if !saving.is_empty() {
            // Its size stays ours: HypoPG knows no deduplication of keys.
            advice.confidence = advice.confidence.max(TAKEN);
            return;
        }
        // A plan without values cannot prove a condition of a partial index, nor a narrow range.
        let unless = match advice.predicate {
            Some(_) => "a plan without values cannot use a partial index",
            None => "with values, as a narrow range, it may",
        };
        advice.evidence.push(format!(
            "HypoPG: without values the planner would not save {:.0} % with it in any of {tried} statements; {unless}",
            LEAST_SAVING * 100.0
        ));
        if advice.predicate.is_none() {
            advice.confidence = advice.confidence.min(NOT_TAKEN);
        }
    }
}

#[cfg(test)]
mod tests {
    use pga_insight::index_advice::Kind;

    use super::*;

    fn advice(predicate: Option<&str>) -> Advice {
        Advice {
            kind: Kind::Create,
            schema: "app".into(),
            relation: "orders".into(),
            index: "i".into(),
            keys: Vec::new(),
            include: Vec::new(),
            predicate: predicate.map(str::to_owned),
            statement: "CREATE INDEX i".into(),
            then: Vec::new(),
            undo: None,
            size_bytes: Some(1.0),
            helps: Vec::new(),
            pays: Vec::new(),
            saved_seconds_per_day: 100.0,
            write_seconds_per_day: 0.0,
            improvement_percent: None,
            confidence: 0.7,
            reason: String::new(),
            evidence: Vec::new(),
        }
    }

    fn told(predicate: Option<&str>, costs: &[(f64, f64, bool)]) -> (f64, String) {
        let rows = costs.iter().zip(1..);
        let rows = rows.map(|((cost_before, cost_after, is_used), query_hash)| Row {
            query_hash,
            cost_before: *cost_before,
            cost_after: *cost_after,
            is_used: *is_used,
        });
        let check = Check {
            database: "shop".into(),
            create_statement: "CREATE INDEX i".into(),
            rows: rows.collect(),
        };
        let checks = Checks([("CREATE INDEX i".to_owned(), check)].into());
        let mut answer = Answer {
            advices: vec![advice(predicate)],
            ..Answer::default()
        };
        checks.tell(&mut answer);
        let advice = &answer.advices[0];
        (advice.confidence, advice.evidence.join("; "))
    }

    #[test]
    fn what_the_planner_takes_is_surer_and_what_it_does_not_less_so() {
        let (sure, why) = told(None, &[(34_723.0, 48.0, true), (10.0, 10.0, false)]);
        assert_eq!(sure, 0.9);
        assert!(why.contains("statement 1 falls from 34723 to 48"), "{why}");
        assert!(!why.contains("statement 2"), "{why}");
        for costs in [(100.0, 100.0, false), (100.0, 90.0, true)] {
            let (sure, why) = told(None, &[costs]);
            assert_eq!(sure, 0.4, "{why}");
            assert!(why.contains("in any of 1 statements"), "{why}");
        }
        let (sure, why) = told(Some("state = 'open'"), &[(100.0, 100.0, false)]);
        assert_eq!(sure, 0.7, "{why}");
        assert!(why.contains("partial"), "{why}");
    }
}

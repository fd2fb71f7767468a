//! What became of earlier recommendations of a server: a kind that disappoints there ranks lower.

use std::collections::BTreeMap;

use pga_insight::results::Experience;
use serde_json::{Value, json};

use super::row::rule;
use crate::analyses::results::Outcome;

/// By server, source and rule.
#[derive(Debug, Default)]
pub(super) struct Experiences(BTreeMap<(String, String, String), Experience>);

fn key(server: &str, source: &str, finding: &Value) -> (String, String, String) {
    let rule = rule(finding).unwrap_or_default();
    (server.to_owned(), source.to_owned(), rule.to_owned())
}

impl Experiences {
    /// From what was measured to the end: what is still open says nothing yet.
    pub(super) fn of(outcomes: &[Outcome]) -> Self {
        let mut all = Self::default();
        let ended = |one: &&Outcome| {
            matches!(
                one.status.as_str(),
                "implemented" | "no_improvement" | "failed"
            )
        };
        for one in outcomes.iter().filter(ended) {
            let Some((measured, _)) = one.measured else {
                continue;
            };
            let key = key(&one.collector_id, &one.source, &one.finding);
            let promised = one.finding["estimated_improvement_percent"].as_f64();
            let of = all.0.entry(key).or_default();
            of.add(promised, measured.improvement_percent);
        }
        all
    }

    /// Ranks a row by what became of its like on the same server, and says so.
    pub(super) fn rank(&self, row: &mut Value, server: &str, source: &str, finding: &Value) {
        let Some(experience) = self.0.get(&key(server, source, finding)) else {
            return;
        };
        let factor = experience.factor();
        if let Some(rank) = row["rank_score"].as_f64() {
            row["rank_score"] = json!(rank * factor);
        }
        let (measured, disappointed) = (experience.measured, experience.disappointed);
        row["experience_factor"] = json!(factor);
        row["experience"] = json!(format!(
            "{measured} of its kind were measured on this server, {disappointed} of them brought less than half of what was promised"
        ));
    }
}

#[cfg(test)]
mod tests {
    use pga_insight::results::Measured;
    use pga_storage::Timestamp;

    use super::*;

    fn outcome(server: &str, rule: &str, status: &str, percent: f64) -> Outcome {
        let measured = Measured {
            improvement_percent: percent,
            interval_percent: (percent, percent),
            saved_seconds_per_day: 0.0,
            control: 1.0,
        };
        Outcome {
            id: 1,
            source: "rewrite".to_owned(),
            finding: json!({ "rule": rule, "estimated_improvement_percent": 80.0 }),
            collector_id: server.to_owned(),
            since: Timestamp::from_micros(0),
            is_seen: true,
            status: status.to_owned(),
            reason: String::new(),
            measured: Some((measured, Timestamp::from_micros(0))),
        }
    }

    #[test]
    fn what_disappointed_on_a_server_ranks_lower_there() {
        let known = Experiences::of(&[
            outcome("db-1", "w7", "no_improvement", 0.0),
            outcome("db-1", "w7", "failed", -20.0),
            outcome("db-1", "w2", "implemented", 85.0),
            outcome("db-2", "w7", "pending", 0.0),
        ]);
        for (server, rule, want) in [
            ("db-1", "w7", 5.0),
            ("db-1", "w2", 10.0),
            ("db-1", "w3", 10.0),
            ("db-2", "w7", 10.0),
        ] {
            let mut row = json!({ "rank_score": 10.0 });
            known.rank(&mut row, server, "rewrite", &json!({ "rule": rule }));
            assert_eq!(row["rank_score"], want, "{server} {rule}: {row}");
            assert_eq!(
                row["experience"].is_string(),
                server == "db-1" && rule != "w3"
            );
        }
    }
}

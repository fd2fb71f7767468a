//! W16: rows inserted one by one, each with a commit of its own.

use serde::{Deserialize, Serialize};

use super::about::About;
use super::finding::{Finding, Verdict};

pub(super) const ABOUT: About = About {
    id: "w16",
    name: "n_plus_one_detected",
    title: "rows inserted one by one",
};

/// Least inserts a second in a burst.
const MIN_PER_SECOND: f64 = 100.0;
/// Commits by inserts, between which they are as many.
const COMMITS: std::ops::RangeInclusive<f64> = 0.8..=1.25;
/// Inserts a second of each session, below which each row comes from a caller of its own.
const MIN_PER_SESSION: f64 = 2.0;

/// How a family of one-row INSERTs was called.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InsertLoad {
    /// Text of the family.
    pub text: String,
    /// Rows by calls.
    pub rows_per_call: f64,
    /// Calls a second in its bursts.
    pub calls_per_second: f64,
    /// Commits a second of the database in the same seconds.
    pub commits_per_second: f64,
    /// Sessions that sent them.
    pub sessions: Option<f64>,
}

/// Answers which families insert single rows where many could go at once, in the order given.
///
/// A family is silent if its sessions are not known or each of them sends less than two a second:
/// then the rows come from callers of their own.
#[must_use]
pub fn single_inserts(families: &[InsertLoad]) -> Vec<Finding> {
    families.iter().filter_map(told).collect()
}

fn told(of: &InsertLoad) -> Option<Finding> {
    let each = of.calls_per_second / of.sessions.filter(|sessions| *sessions > 0.0)?;
    let is_single = (of.rows_per_call - 1.0).abs() < 0.01;
    let commits = of.commits_per_second / of.calls_per_second;
    let is_many = of.calls_per_second > MIN_PER_SECOND && each >= MIN_PER_SESSION;
    (is_single && is_many && COMMITS.contains(&commits)).then(|| Finding {
        rule: ABOUT.id.to_owned(),
        suggestion_type: ABOUT.name.to_owned(),
        title: ABOUT.title.to_owned(),
        place: of.text.clone(),
        verdict: Verdict::Question("does each row need its own commit?".to_owned()),
        rewritten: None,
        faster: format!(
            "{:.0} inserts and {:.0} commits a second: each commit waits for the disk, each call \
             for the way; INSERT of 100 to 1,000 rows, INSERT … SELECT FROM unnest($1, $2) or COPY \
             pay once",
            of.calls_per_second, of.commits_per_second
        ),
        safety: "the rows are the same; a failure takes back all rows of its batch".to_owned(),
        improvement_percent: None,
        confidence: 0.7,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load() -> InsertLoad {
        InsertLoad {
            text: "INSERT INTO t (a) VALUES ($1)".to_owned(),
            rows_per_call: 1.0,
            calls_per_second: 500.0,
            commits_per_second: 500.0,
            sessions: Some(4.0),
        }
    }

    #[test]
    fn single_rows_with_commits_are_asked_about() {
        let found = single_inserts(&[load()]);
        assert_eq!(found.len(), 1);
        assert!(found[0].faster.starts_with("500 inserts and 500 commits"));
        assert!(matches!(&found[0].verdict, Verdict::Question(of) if of.contains("own commit")));
    }

    #[test]
    fn other_loads_are_left_alone() {
        let other = |change: &dyn Fn(&mut InsertLoad)| {
            let mut load = load();
            change(&mut load);
            load
        };
        for (name, load) in [
            ("many sessions", other(&|of| of.sessions = Some(500.0))),
            ("unknown sessions", other(&|of| of.sessions = None)),
            (
                "slow",
                other(&|of| (of.calls_per_second, of.commits_per_second) = (100.0, 100.0)),
            ),
            ("batches", other(&|of| of.rows_per_call = 50.0)),
            ("one transaction", other(&|of| of.commits_per_second = 5.0)),
        ] {
            assert_eq!(single_inserts(&[load]), [], "{name}");
        }
    }
}

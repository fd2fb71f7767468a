//! Advised indexes, tried without being built.
//!
//! The cluster says which indexes it would advise and for which statements. Where a database has
//! [HypoPG](https://hypopg.readthedocs.io), the planner is asked what the statements cost without
//! and with such an index: hypothetical indexes stand in the memory of one session, which forgets
//! them again. Nothing is built, run or written.

use std::collections::HashMap;
use std::time::Duration;

use pga_runtime::Instant;
use serde::Deserialize;
use serde_json::{Value, json};

use super::generic::{Candidate, can_be_explained, statements, with_casts};
use crate::connection::{Connection, Explain, ReadError, Tried};
use crate::facts::Facts;
use crate::schedule::Due;

/// Names what the collector asks, and the type of its elements.
pub(crate) const TAG: &str = "pg_index_check";
/// How often an index is tried.
const EVERY: Duration = Duration::from_secs(60);
/// An index is tried again after this time, whatever came of it.
const AGAIN: Duration = Duration::from_secs(24 * 3_600);
/// Statements that are planned with one index.
const STATEMENTS: usize = 5;
/// Indexes that are remembered; beyond them, none is.
const MAX_KNOWN: usize = 1_000;

/// An index to try.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct IndexCandidate {
    /// The database it would be in.
    #[serde(rename = "database_name")]
    pub database: String,
    /// `CREATE INDEX …`
    pub create_statement: String,
    /// The statements that it is for (`queryid`), the one that gains most first.
    pub query_hashes: Vec<i64>,
}

/// Which indexes were tried.
#[derive(Debug, Default)]
pub(crate) struct IndexChecks {
    due: Due,
    tried: HashMap<(String, String), Instant>,
}

impl IndexChecks {
    /// The next one to try, if it is time.
    pub(crate) fn next<'a>(
        &mut self,
        candidates: &'a [IndexCandidate],
        now: Instant,
    ) -> Option<&'a IndexCandidate> {
        if !self.due.is_due(now) {
            return None;
        }
        let key = |one: &IndexCandidate| (one.database.clone(), one.create_statement.clone());
        let is_known = |one: &&IndexCandidate| {
            let tried = self.tried.get(&key(one));
            tried.is_some_and(|at| now - *at < AGAIN)
        };
        let next = candidates.iter().find(|one| !is_known(one))?;
        self.due.read(now, EVERY);
        if self.tried.len() >= MAX_KNOWN {
            self.tried.clear();
        }
        self.tried.insert(key(next), now);
        Some(next)
    }
}

/// What the planner makes of an index, as an element; `None` without HypoPG, or if none of the
/// statements can be planned. `main` is where `pg_stat_statements` is read.
pub(crate) async fn check(
    index: &IndexCandidate,
    (main, facts): (&Connection, &Facts),
    connection: &Connection,
    at: &str,
) -> Result<Option<Value>, ReadError> {
    let (Some(hypopg), Some(schema)) = (installed(connection).await?, facts.statements()) else {
        return Ok(None);
    };
    let mut checked = Checked::default();
    for statement in texts(index, main, &schema, Explain::of(facts.version)).await? {
        let ddl = &index.create_statement;
        let asked = statement.asked(statement.text());
        let mut tried = connection.try_index(TAG, &asked, ddl, &hypopg).await;
        if let Err(error) = &tried
            && error.sqlstate() == Some("42601")
        {
            let text = with_casts(statement.text());
            let asked = statement.asked(&text);
            tried = connection.try_index(TAG, &asked, ddl, &hypopg).await;
        }
        match tried {
            Ok(tried) => checked.add(statement.id(), &tried),
            // A statement without its values, or of somebody else's tables.
            Err(error) => tracing::debug!(%error, query_id = statement.id(), "index not tried"),
        }
    }
    Ok(checked.element(index, at))
}

/// The schema of HypoPG, quoted.
async fn installed(connection: &Connection) -> Result<Option<String>, ReadError> {
    let sql = "SELECT quote_ident(n.nspname) FROM pg_extension e \
         JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'hypopg'";
    let rows = connection.rows(TAG, sql).await?;
    Ok(rows.first().map(|row| row.try_get(0)).transpose()?)
}

async fn texts(
    index: &IndexCandidate,
    main: &Connection,
    schema: &str,
    how: Explain,
) -> Result<Vec<Candidate>, ReadError> {
    let hashes: Vec<String> = index.query_hashes.iter().map(i64::to_string).collect();
    if hashes.is_empty() {
        return Ok(Vec::new());
    }
    let sql = statements(
        schema,
        &format!("s.queryid IN ({})", hashes.join(", ")),
        50 * STATEMENTS,
    );
    let mut found = Vec::new();
    for row in main.rows(TAG, &sql).await? {
        let candidate = Candidate::read(&row, how)?;
        let is_known = |known: &Candidate| known.id() == candidate.id();
        if candidate.database == index.database
            && can_be_explained(candidate.text())
            && !found.iter().any(is_known)
        {
            found.push(candidate);
        }
    }
    found.truncate(STATEMENTS);
    Ok(found)
}

#[derive(Debug, Default)]
struct Checked {
    rows: Vec<Value>,
    bytes: i64,
}

impl Checked {
    fn add(&mut self, hash: i64, tried: &Tried) {
        let plans = [&tried.before, &tried.after].map(|text| {
            let plan: Value = serde_json::from_str(text).ok()?;
            plan.get(0)?.get("Plan").cloned()
        });
        let [Some(before), Some(after)] = plans else {
            return;
        };
        self.bytes = tried.bytes;
        self.rows.push(json!({
            "query_hash": hash,
            "cost_before": before["Total Cost"],
            "cost_after": after["Total Cost"],
            "is_used": uses(&after, &tried.name),
        }));
    }

    fn element(self, index: &IndexCandidate, at: &str) -> Option<Value> {
        (!self.rows.is_empty()).then(|| {
            json!({
                "type": TAG,
                "timestamp": at,
                "database": index.database,
                "create_statement": index.create_statement,
                "size_bytes": self.bytes,
                "rows": self.rows,
            })
        })
    }
}

/// Whether a node of a plan reads the index.
fn uses(plan: &Value, name: &str) -> bool {
    let below = plan["Plans"].as_array().into_iter().flatten();
    plan["Index Name"] == name || below.into_iter().any(|node| uses(node, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_index_a_minute_is_tried_and_each_once_a_day() {
        let index = |name: &str| IndexCandidate {
            database: "shop".to_owned(),
            create_statement: format!("CREATE INDEX {name}"),
            query_hashes: vec![1],
        };
        let all = [index("a"), index("b")];
        let (mut checks, begin) = (IndexChecks::default(), pga_runtime::now());
        let tried = [0, 30, 60, 120, 86_400, 86_460, 86_520].map(|seconds| {
            let next = checks.next(&all, begin + Duration::from_secs(seconds));
            next.map(|one| one.create_statement.clone())
        });
        let tried = tried.map(|one| one.map(|text| text.replace("CREATE INDEX ", "")));
        let want = [Some("a"), None, Some("b"), None, Some("a"), Some("b"), None];
        assert_eq!(tried, want.map(|one| one.map(str::to_owned)));
    }

    #[test]
    fn an_index_is_used_wherever_in_the_plan_it_is() {
        let plan = json!({ "Node Type": "Limit", "Plans": [{ "Plans": [
            { "Index Name": "<1>btree_t_a" },
        ] }] });
        assert!(uses(&plan, "<1>btree_t_a") && !uses(&plan, "<2>btree_t_a"));
    }
}

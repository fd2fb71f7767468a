//! Generic plans of the statements that cost most: planned, never run. PostgreSQL 16 and later have
//! EXPLAIN (GENERIC_PLAN), earlier ones explain a prepared statement.

use std::collections::HashMap;
use std::time::Duration;

use pga_runtime::Instant;
use pga_server_log::{is_one_statement, plan_without_values, statement_without_values};
use serde_json::Value;
use tokio_postgres::Row;

use super::{Plans, Source, TAG};
use crate::connection::{Connection, Explain, ReadError, Statement};
use crate::facts::Facts;
use crate::gap::Gap;
use crate::schedule::Due;

/// How often statements are looked for.
const EVERY: Duration = Duration::from_secs(60);
/// Statements that are looked at.
const MOST: usize = 50;
/// Statements that are explained at each look.
const AT_ONCE: usize = 5;
/// A statement is explained again after this time, whatever came of it.
const AGAIN: Duration = Duration::from_secs(24 * 3_600);
/// Statements that are remembered; beyond them, none is.
const MAX_KNOWN: usize = 20_000;
/// Longer statements are left out, in bytes.
const MAX_STATEMENT: usize = 100_000;
/// What can be explained.
const VERBS: [&str; 6] = ["select", "insert", "update", "delete", "merge", "with"];
/// Types whose literals have the form `type 'text'`, which no parameter can take.
const TYPED: [&str; 5] = ["interval", "date", "timestamp", "timestamptz", "time"];

/// A statement to explain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// The database it runs in.
    pub(crate) database: String,
    id: i64,
    text: String,
    search_path: String,
    how: Explain,
}

impl Candidate {
    /// A row of [`statements`].
    pub(crate) fn read(row: &Row, how: Explain) -> Result<Self, ReadError> {
        Ok(Self {
            database: row.try_get(0)?,
            id: row.try_get(1)?,
            text: row.try_get(2)?,
            search_path: row.try_get(3)?,
            how,
        })
    }

    /// Its number in `pg_stat_statements`.
    pub(crate) const fn id(&self) -> i64 {
        self.id
    }

    /// Its text, with parameters for values.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The statement, or the same in other words, as a session is asked about it.
    pub(crate) fn asked<'a>(&'a self, sql: &'a str) -> Statement<'a> {
        Statement {
            sql,
            search_path: &self.search_path,
            how: self.how,
        }
    }
}

/// Explains statements, each once a day.
#[derive(Debug, Default)]
pub(crate) struct GenericPlans {
    due: Due,
    tried: HashMap<(String, i64), Instant>,
    plans: Plans,
}

impl GenericPlans {
    /// The statements that are next, the one with the most time first, of the 50 with the most
    /// time. `wants` is asked with the database and the query id.
    pub(crate) async fn next(
        &mut self,
        main: &Connection,
        facts: &Facts,
        wants: impl Fn(&str, i64) -> bool,
        now: Instant,
    ) -> Result<Vec<Candidate>, ReadError> {
        let Some(schema) = facts.statements() else {
            return Ok(Vec::new());
        };
        if !self.due.is_due(now) {
            return Ok(Vec::new());
        }
        self.due.read(now, EVERY);
        let mut found = Vec::new();
        for row in main.rows(TAG, &statements(&schema, "true", MOST)).await? {
            let candidate = Candidate::read(&row, Explain::of(facts.version))?;
            if wants(&candidate.database, candidate.id)
                && can_be_explained(&candidate.text)
                && self.is_new(&candidate, now)
            {
                found.push(candidate);
            }
            if found.len() >= AT_ONCE {
                break;
            }
        }
        found.sort_by(|one, other| one.database.cmp(&other.database));
        Ok(found)
    }

    /// Whether it was not tried lately; now it was.
    fn is_new(&mut self, candidate: &Candidate, now: Instant) -> bool {
        let key = (candidate.database.clone(), candidate.id);
        if self.tried.get(&key).is_some_and(|at| now - *at < AGAIN) {
            return false;
        }
        if self.tried.len() >= MAX_KNOWN {
            self.tried.clear();
        }
        self.tried.insert(key, now);
        true
    }

    /// The plan of one statement, as an element; a gap if it cannot be had for now. What cannot
    /// be planned without its values has neither.
    pub(crate) async fn explain(
        &mut self,
        connection: &Connection,
        candidate: &Candidate,
        at: &str,
    ) -> Result<Option<Value>, Gap> {
        let Candidate {
            database, id, text, ..
        } = candidate;
        let mut explained = connection.explain(TAG, &candidate.asked(text)).await;
        if explained.as_ref().is_err_and(is_syntax) {
            let text = with_casts(text);
            explained = connection.explain(TAG, &candidate.asked(&text)).await;
        }
        let document = match explained {
            Ok(document) => document,
            Err(error) => {
                let code = error.sqlstate();
                // What was only in the way now is tried at the next look.
                if matches!(code, None | Some("55P03" | "57014")) {
                    self.tried.remove(&(database.clone(), *id));
                }
                // The right to run a function is nobody's to grant for the sake of a plan.
                let is_function = error.to_string().contains("for function ");
                if is_function || code.is_some_and(|code| code != "42501") {
                    tracing::debug!(%error, database, query_id = id, "no generic plan");
                    return Ok(None);
                }
                let help = "GRANT pg_read_all_data TO the collector's role: a plan takes the \
                    rights of its statement";
                return Err(Gap::failed(TAG, database, &error, help));
            }
        };
        let plan = plan(&document);
        Ok(plan.and_then(|plan| {
            let of = (*id, database.as_str());
            self.plans.element(Source::Generic, of, &plan, None, at)
        }))
    }
}

/// What the collector sets for its own transactions, of what a plan tells.
const OF_THIS_SESSION: [&str; 3] = ["jit", "plan_cache_mode", "search_path"];

fn is_syntax(error: &ReadError) -> bool {
    error.sqlstate() == Some("42601")
}

/// The plan of EXPLAIN's answer, without values: a view or a function may have brought some.
fn plan(document: &str) -> Option<Value> {
    let mut document: Value = serde_json::from_str(document).ok()?;
    let plan = document.get_mut(0)?;
    // What this session was asked in is no setting of the server's.
    if let Some(settings) = plan.get_mut("Settings").and_then(Value::as_object_mut) {
        settings.retain(|name, _| !OF_THIS_SESSION.contains(&name.as_str()));
    }
    serde_json::from_str(&plan_without_values(&plan.to_string())).ok()
}

/// The statements that are `wanted` with the most time, at most so many, and the search path of
/// their role in their database.
pub(super) fn statements(schema: &str, wanted: &str, most: usize) -> String {
    format!(
        "SELECT d.datname::text, s.queryid, s.query, replace(coalesce(\
            (SELECT substr(c, 13) FROM pg_db_role_setting x, unnest(x.setconfig) c \
                WHERE c LIKE 'search_path=%' AND x.setdatabase IN (s.dbid, 0) \
                AND x.setrole IN (s.userid, 0) \
                ORDER BY x.setrole = 0, x.setdatabase = 0 LIMIT 1), \
            (SELECT reset_val FROM pg_settings WHERE name = 'search_path')), \
            '\"$user\"', quote_ident(r.rolname)) \
         FROM {schema}.pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid \
         JOIN pg_roles r ON r.oid = s.userid \
         WHERE s.queryid IS NOT NULL AND s.query !~ '^[A-Z]+ /\\* pganalytics:' \
         AND length(s.query) < {MAX_STATEMENT} AND {wanted} \
         ORDER BY s.total_exec_time DESC, s.queryid LIMIT {most}"
    )
}

/// Whether a text is one statement of a kind that has a plan.
pub(super) fn can_be_explained(text: &str) -> bool {
    let bare = statement_without_values(text);
    let verb: String = bare
        .trim_start()
        .chars()
        .take_while(char::is_ascii_alphabetic)
        .collect();
    VERBS.contains(&verb.to_ascii_lowercase().as_str()) && is_one_statement(text)
}

/// The statement with `$1::interval` for `interval $1`, and a field for that of `extract($1 from`,
/// which changes no cost.
pub(super) fn with_casts(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(at) = rest.find('$') {
        let (before, parameter) = rest.split_at_checked(at).unwrap_or((rest, ""));
        let digits = parameter
            .chars()
            .skip(1)
            .take_while(char::is_ascii_digit)
            .count();
        let (parameter, behind) = parameter
            .split_at_checked(1 + digits)
            .unwrap_or((parameter, ""));
        out.push_str(before);
        rest = behind;
        let head = out.trim_end().to_ascii_lowercase();
        let word = TYPED.iter().find(|word| {
            let before = head.strip_suffix(**word);
            before
                .is_some_and(|before| !before.ends_with(|c: char| c.is_alphanumeric() || c == '_'))
        });
        if digits > 0
            && let Some(word) = word
        {
            out.truncate(head.len() - word.len());
            out.push_str(&format!("{parameter}::{word}"));
        } else if digits > 0 && head.ends_with("extract(") {
            out.push_str("epoch");
        } else {
            out.push_str(parameter);
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_statement_with_a_plan_is_explained() {
        for (text, want) in [
            ("SELECT * FROM t WHERE id = $1", true),
            ("/* app */ with a as (select $1) select * from a", true),
            (
                "MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE",
                true,
            ),
            ("CALL p($1)", false),
            ("SET search_path = $1", false),
            ("SELECT 1; COMMIT; DROP TABLE t", false),
            ("SELECT 'open", false),
            ("selection", false),
        ] {
            assert_eq!(can_be_explained(text), want, "{text}");
        }
    }

    #[test]
    fn literals_of_types_become_casts() {
        for (sql, want) in [
            (
                "SELECT now() - interval $1, $2",
                "SELECT now() - $1::interval, $2",
            ),
            ("a > DATE $12 AND update $1", "a > $12::date AND update $1"),
            ("extract($1 from ts)", "extract(epoch from ts)"),
            ("$x$ $ $", "$x$ $ $"),
        ] {
            assert_eq!(with_casts(sql), want, "{sql}");
        }
    }
}

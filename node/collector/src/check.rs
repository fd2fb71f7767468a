//! `collect --check`: what a role cannot read, what is lost without it, and what would help.

use std::time::Duration;

use pga_pg_connect::{Environment, Target};
use serde::Serialize;

use crate::connection::{Connection, ReadError};
use crate::facts::Facts;
use crate::log::KIND;
use crate::log::place::Place;
use crate::server::CollectError;
use crate::source::{SOURCES, Scope};

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What.
    pub subject: String,
    /// Whether it works as it could.
    pub is_good: bool,
    /// What was found, or what is lost.
    pub text: String,
    /// The statement or the setting that helps, or that would be better; empty if there is none.
    pub fix: String,
}

impl Finding {
    fn good(subject: &str, text: impl Into<String>) -> Self {
        Self {
            subject: subject.to_owned(),
            is_good: true,
            text: text.into(),
            fix: String::new(),
        }
    }

    fn bad(subject: &str, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            subject: subject.to_owned(),
            is_good: false,
            text: text.into(),
            fix: fix.into(),
        }
    }
}

/// Looks at everything the collector reads, once.
///
/// # Errors
/// If the connection string cannot be read. A server that cannot be reached is a finding.
pub async fn check(dsn: &str) -> Result<Vec<Finding>, CollectError> {
    let target = Target::parse(dsn, &Environment::process())?;
    target.check_files()?;
    let mut findings = Vec::new();
    match look(&target, &mut findings).await {
        Ok(()) => {}
        Err(error) => findings.push(Finding::bad(
            "connection",
            pga_runtime::error_chain(&error),
            "check address, database, role and password",
        )),
    }
    Ok(findings)
}

/// The type of plans of statements.
const GENERIC: &str = "pg_plan";

async fn look(target: &Target, findings: &mut Vec<Finding>) -> Result<(), ReadError> {
    let connection = Connection::open(target).await?;
    let facts = Facts::look(&connection).await?;
    findings.push(Finding::good(
        "server",
        format!(
            "PostgreSQL {}.{}, {}",
            facts.version / 10_000,
            facts.version % 10_000,
            if facts.is_standby {
                "standby"
            } else {
                "primary"
            }
        ),
    ));
    findings.push(role(&facts));
    findings.push(pooler(target, &connection).await?);
    for source in SOURCES {
        // What is read in each database is tried in this one.
        let name = source.kind;
        let Some(sql) = (source.sql)(&facts) else {
            if source.is_expected {
                findings.push(Finding::bad(
                    name,
                    "this database does not have it",
                    source.help,
                ));
            }
            continue;
        };
        let place = match source.scope {
            Scope::Server => String::new(),
            Scope::Database => format!(" in {}", facts.database),
        };
        let begun = pga_runtime::now();
        let read = connection.read(name, &sql).await;
        let rows = read.and_then(|read| Ok(read.rows()?.len()));
        match rows {
            Ok(rows) => findings.push(Finding::good(
                name,
                format!("{rows} rows{place} in {} ms", millis(begun.elapsed())),
            )),
            Err(error) => findings.push(Finding::bad(
                name,
                pga_runtime::error_chain(&error),
                source.help,
            )),
        }
    }
    findings.push(generic_plans(&connection, &facts).await?);
    findings.push(log(&connection, &facts).await?);
    findings.extend(settings(&connection, &facts).await?);
    Ok(())
}

/// Whether statements can be explained here: a plan takes the rights of its statement.
async fn generic_plans(connection: &Connection, facts: &Facts) -> Result<Finding, ReadError> {
    const TABLES: &str = "SELECT count(*), \
        count(*) FILTER (WHERE NOT has_table_privilege(c.oid, 'SELECT')) \
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
        WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";
    let rows = connection.rows("check", TABLES).await?;
    let row = rows
        .first()
        .ok_or_else(|| ReadError::Odd("no row".to_owned()))?;
    let (all, hidden): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let database = &facts.database;
    Ok(match hidden {
        0 => Finding::good(
            GENERIC,
            format!("statements on all {all} tables in {database} can be explained"),
        ),
        _ => Finding::bad(
            GENERIC,
            format!(
                "{hidden} of {all} tables in {database} cannot be selected from: statements on them \
                 have no plan but those of auto_explain"
            ),
            format!(
                "GRANT pg_read_all_data TO \"{}\" (it may then read all rows; --no-explain goes \
                 without such plans)",
                facts.role.replace('"', "\"\"")
            ),
        ),
    })
}

/// Whether the log can be read, and how well.
async fn log(connection: &Connection, facts: &Facts) -> Result<Finding, ReadError> {
    let found = match Place::ask(connection, None).await? {
        Place::Here(found) => found,
        Place::Elsewhere(gap) => return Ok(Finding::bad(KIND, gap.reason, gap.help)),
    };
    let text = found.describe();
    let Some(lack) = found.lacks() else {
        return Ok(Finding::good(KIND, text));
    };
    let (name, prefix) = match facts.version {
        150_000.. => ("jsonlog", "%m [%p] %q%u@%d/%a %e %Q %c:%l "),
        140_000.. => ("csvlog", "%m [%p] %q%u@%d/%a %e %Q %c:%l "),
        _ => ("csvlog", "%m [%p] %q%u@%d/%a %e %c:%l "),
    };
    let fix = format!(
        "ALTER SYSTEM SET log_destination = '{name}', or log_line_prefix = '{prefix}' (reload)"
    );
    Ok(Finding::bad(KIND, format!("{text}: {lack}"), fix))
}

fn millis(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e3)
}

fn role(facts: &Facts) -> Finding {
    let name = &facts.role;
    if facts.is_superuser {
        let text = format!("{name} is a superuser: more than the collector needs");
        let fix =
            "CREATE ROLE pganalytics LOGIN CONNECTION LIMIT 3; GRANT pg_monitor TO pganalytics";
        return Finding {
            fix: fix.to_owned(),
            ..Finding::good("role", text)
        };
    }
    if facts.is_monitor {
        return Finding::good("role", format!("{name} has the rights of pg_monitor"));
    }
    Finding::bad(
        "role",
        format!(
            "{name} has not the rights of pg_monitor: without them the collector sees no other \
             session's state, wait event, statement or lag, and no statement of others"
        ),
        format!("GRANT pg_monitor TO \"{}\"", name.replace('"', "\"\"")),
    )
}

/// Two sessions of a server have two backends, and each keeps its own; behind a transaction-mode
/// pooler neither holds: it gives the backend of one to the other while that is idle.
async fn pooler(target: &Target, connection: &Connection) -> Result<Finding, ReadError> {
    let mut pids = Vec::new();
    for _ in 0..3 {
        pids.push(backend(connection).await?);
    }
    // The role's limit of connections may allow no second one.
    let other = match Connection::open(target).await {
        Ok(other) => backend(&other).await.ok(),
        Err(_) => None,
    };
    let is_shared =
        pids.first().copied() == other || pids.iter().any(|pid| Some(pid) != pids.first());
    Ok(match is_shared {
        false => Finding::good("pooler", "the connection is a direct one"),
        true => Finding::bad(
            "pooler",
            "sessions share backends: a pooler in transaction mode is in between. Everything is \
             read through it, but not while it is full or down",
            "connect to the server itself",
        ),
    })
}

/// The process that serves a session now.
async fn backend(connection: &Connection) -> Result<i32, ReadError> {
    let rows = connection.rows("check", "SELECT pg_backend_pid()").await?;
    let row = rows
        .first()
        .ok_or_else(|| ReadError::Odd("no row".to_owned()))?;
    Ok(row.try_get(0)?)
}

/// Settings that decide what can be seen.
async fn settings(connection: &Connection, facts: &Facts) -> Result<Vec<Finding>, ReadError> {
    let rows = connection
        .rows(
            "check",
            "SELECT name::text, setting::text FROM pg_settings WHERE name IN \
               ('track_io_timing', 'track_activities', 'pg_stat_statements.track', \
                'compute_query_id', 'log_lock_waits', 'log_temp_files', 'track_activity_query_size')",
        )
        .await?;
    let mut findings = Vec::new();
    for row in rows {
        let (name, value): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let (lost, fix) = match (name.as_str(), value.as_str()) {
            ("track_io_timing", "off") => (
                "time of reads and writes is unknown",
                "ALTER SYSTEM SET track_io_timing = on (reload; pg_test_timing tells its price)",
            ),
            ("track_activities", "off") => (
                "sessions show no statement",
                "ALTER SYSTEM SET track_activities = on (reload)",
            ),
            ("pg_stat_statements.track", "none") => (
                "no statement is counted",
                "ALTER SYSTEM SET pg_stat_statements.track = 'top' (reload)",
            ),
            ("compute_query_id", "off") => (
                "sessions cannot be joined to statements",
                "ALTER SYSTEM SET compute_query_id = 'auto' (reload)",
            ),
            ("log_temp_files", "-1") => (
                "temporary files leave no line in the log",
                "ALTER SYSTEM SET log_temp_files = '1MB' (reload)",
            ),
            ("log_lock_waits", "off") => (
                "long waits for locks leave no line in the log",
                "ALTER SYSTEM SET log_lock_waits = on (reload)",
            ),
            _ => {
                findings.push(Finding::good(&name, value));
                continue;
            }
        };
        findings.push(Finding::bad(&name, format!("{value}: {lost}"), fix));
    }
    if facts.version < 140_000 {
        let text = "sessions have no query id before PostgreSQL 14";
        findings.push(Finding::good("query ids", text));
    }
    Ok(findings)
}

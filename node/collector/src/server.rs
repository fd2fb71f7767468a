//! One PostgreSQL server: what is due is read, and becomes elements.

mod changes;
mod log;
mod plans;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use pga_pg_connect::{ConnectError, Environment, Target};
use pga_runtime::{Backoff, Instant};
use pga_server_log::statement_without_values;
use serde_json::{Map, Value, json};

use self::changes::Changes;
use crate::connection::{Connection, Read, ReadError};
use crate::cost::Cost;
use crate::facts::Facts;
use crate::gap::Gap;
use crate::log::Log;
use crate::options::Options;
use crate::plan::{GenericPlans, Names};
use crate::schedule::Due;
use crate::source::{SOURCES, Scope, Shape, Source};

/// How often facts are looked up again: an extension may come or go.
const FACTS_EVERY: Duration = Duration::from_secs(3_600);
/// How often the collector tells about itself.
const SELF_EVERY: Duration = Duration::from_secs(60);
/// Pause after a failed connection: first, and at most.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(30),
};
/// Columns that hold statements as they were sent.
const STATEMENTS: [&str; 3] = ["query", "blocked_query", "blocking_query"];

/// Statements are cut here, in characters.
const MAX_STATEMENT: usize = 2_000;

/// The databases that are read, connection strings aside.
const DATABASES: &str = "SELECT datname::text FROM pg_database WHERE datallowconn \
    AND NOT datistemplate AND has_database_privilege(datname, 'CONNECT') ORDER BY datname";

/// Why a server cannot be collected from at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CollectError {
    /// The connection string cannot be read, or names files that cannot be used.
    #[error(transparent)]
    Target(#[from] ConnectError),
}

/// One PostgreSQL server.
#[derive(Debug)]
pub struct Server {
    target: Target,
    options: Options,
    main: Option<Connection>,
    facts: HashMap<String, (Facts, Instant)>,
    due: HashMap<(&'static str, String), Due>,
    costs: BTreeMap<&'static str, Cost>,
    changes: HashMap<(&'static str, String), Changes>,
    gaps: BTreeMap<(String, String), Gap>,
    told_gaps: Vec<Gap>,
    told: Due,
    retry: Option<(Instant, u32)>,
    log: Option<Log>,
    plans: GenericPlans,
    names: Names,
}

impl Server {
    /// A server behind a connection string or URL, as libpq reads them.
    ///
    /// # Errors
    /// If the string cannot be read.
    pub fn new(dsn: &str, options: Options) -> Result<Self, CollectError> {
        let target = Target::parse(dsn, &Environment::process())?;
        target.check_files()?;
        let log = options.log.clone().map(|options| Log::new(options, None));
        Ok(Self {
            log,
            plans: GenericPlans::default(),
            names: Names::default(),
            target,
            options,
            main: None,
            facts: HashMap::new(),
            due: HashMap::new(),
            costs: BTreeMap::new(),
            changes: HashMap::new(),
            gaps: BTreeMap::new(),
            told_gaps: Vec::new(),
            told: Due::default(),
            retry: None,
        })
    }

    /// Where it is, without passwords.
    pub fn address(&self) -> String {
        self.target.to_string()
    }

    /// What cannot be read now.
    pub fn gaps(&self) -> impl Iterator<Item = &Gap> {
        self.gaps.values()
    }

    /// The elements of all sources that are due. What cannot be read is left out and told. `at` is
    /// now by this machine's clock, for what the collector tells about itself (RFC 3339).
    pub async fn collect(&mut self, now: Instant, at: &str) -> Vec<Value> {
        let mut elements = Vec::new();
        if self.retry.is_none_or(|(at, _)| now >= at) {
            match self.read_due(now, &mut elements).await {
                Ok(()) => self.connected(),
                Err(error) => self.disconnected(now, &error),
            }
        }
        self.read_log(now, at, &mut elements).await;
        self.read_plans(now, at, &mut elements).await;
        self.tell_self(now, at, &mut elements);
        elements
    }

    fn connected(&mut self) {
        if self.retry.take().is_some() {
            tracing::info!(server = %self.target, "server is read again");
        }
        self.gaps.remove(&("connection".to_owned(), String::new()));
    }

    fn disconnected(&mut self, now: Instant, error: &ReadError) {
        self.main = None;
        let failures = self.retry.map_or(1, |(_, before)| before.saturating_add(1));
        let gap = Gap::failed("connection", "", error, "");
        if self.retry.is_none() {
            tracing::warn!(server = %self.target, error = gap.reason, "server cannot be read");
        }
        self.retry = Some((now + BACKOFF.pause(failures), failures));
        self.gaps
            .insert(("connection".to_owned(), String::new()), gap);
    }

    async fn read_due(&mut self, now: Instant, out: &mut Vec<Value>) -> Result<(), ReadError> {
        let main = match self.main.take() {
            Some(main) if main.is_open() => main,
            _ => Connection::open(&self.target).await?,
        };
        let name = self.target.dbname().to_owned();
        let facts = self.facts(&main, &name, now).await?;
        self.read_scope(&main, &facts, Scope::Server, "", now, out)
            .await?;
        for database in self.databases(&main, now).await? {
            if database == facts.database {
                self.read_scope(&main, &facts, Scope::Database, &database, now, out)
                    .await?;
            } else {
                self.read_other(&database, now, out).await;
            }
        }
        if let Some(log) = self.log.as_mut() {
            log.ask(&main, now).await?;
        }
        self.main = Some(main);
        Ok(())
    }

    /// Reads another database, over a connection for this purpose alone.
    async fn read_other(&mut self, database: &str, now: Instant, out: &mut Vec<Value>) {
        let target = self.target.with_dbname(database);
        let read = async {
            let connection = Connection::open(&target).await?;
            let facts = self.facts(&connection, database, now).await?;
            self.read_scope(&connection, &facts, Scope::Database, database, now, out)
                .await
        };
        let key = ("connection".to_owned(), database.to_owned());
        match read.await {
            Ok(()) => {
                self.gaps.remove(&key);
            }
            Err(error) => {
                let help = "GRANT CONNECT ON DATABASE … TO the collector's role";
                let gap = Gap::failed("connection", database, &error, help);
                self.gaps.insert(key, gap);
            }
        }
    }

    async fn facts(
        &mut self,
        connection: &Connection,
        database: &str,
        now: Instant,
    ) -> Result<Facts, ReadError> {
        match self.facts.get(database) {
            Some((facts, at)) if now - *at < FACTS_EVERY => Ok(facts.clone()),
            _ => {
                let facts = Facts::look(connection).await?;
                self.facts.insert(database.to_owned(), (facts.clone(), now));
                Ok(facts)
            }
        }
    }

    /// The databases in which something is due.
    async fn databases(&self, main: &Connection, now: Instant) -> Result<Vec<String>, ReadError> {
        let mut found = Vec::new();
        for row in main.rows("databases", DATABASES).await? {
            let name: String = row.try_get(0)?;
            let is_wanted = self.options.wants(&name);
            let is_due = |source: &&Source| {
                source.scope == Scope::Database && self.is_due(source, &name, now)
            };
            if is_wanted && SOURCES.iter().any(|source| is_due(&source)) {
                found.push(name);
            }
        }
        Ok(found)
    }

    fn is_due(&self, source: &Source, database: &str, now: Instant) -> bool {
        let due = self.due.get(&(source.kind, database.to_owned()));
        due.is_none_or(|due| due.is_due(now))
    }

    async fn read_scope(
        &mut self,
        connection: &Connection,
        facts: &Facts,
        scope: Scope,
        database: &str,
        now: Instant,
        out: &mut Vec<Value>,
    ) -> Result<(), ReadError> {
        for source in SOURCES.iter().filter(|source| source.scope == scope) {
            if !self.is_due(source, database, now) {
                continue;
            }
            let key = (source.kind.to_owned(), database.to_owned());
            let cost = self.costs.entry(source.kind).or_default();
            let cadence = self
                .options
                .max_cadence
                .map_or(source.cadence, |most| most.min(source.cadence));
            let due = self
                .due
                .entry((source.kind, database.to_owned()))
                .or_default();
            due.read(now, cadence * cost.stretch());
            let Some(sql) = (source.sql)(facts) else {
                if source.is_expected {
                    self.gaps
                        .insert(key, Gap::absent(source.kind, database, source.help));
                }
                continue;
            };
            let begun = pga_runtime::now();
            let read = connection.read(source.kind, &bounded(source, &sql)).await;
            cost.note(begun.elapsed(), cadence);
            match read {
                Ok(read) => {
                    (cost.rows, cost.bytes) = (read.rows.len(), read.bytes);
                    self.gaps.remove(&key);
                    if source.shape == Shape::Each {
                        out.extend(self.each(source, read));
                    } else {
                        out.extend(self.element(source, database, read, now));
                    }
                }
                Err(error) => {
                    cost.failures += 1;
                    let keeps = error.keeps_connection();
                    let gap = Gap::failed(source.kind, database, &error, source.help);
                    self.gaps.insert(key, gap);
                    if !keeps {
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }

    /// An element a row, of the databases that are wanted.
    fn each(&self, source: &Source, read: Read) -> Vec<Value> {
        let element = |mut row: Value| {
            without_values(&mut row);
            let is_wanted = self.options.wants(row["database"].as_str()?);
            row["type"] = source.kind.into();
            row["timestamp"] = read.at.clone().into();
            is_wanted.then_some(row)
        };
        read.rows.into_iter().filter_map(element).collect()
    }

    /// What was read as an element; none if there is nothing to tell.
    fn element(
        &mut self,
        source: &Source,
        database: &str,
        read: Read,
        now: Instant,
    ) -> Option<Value> {
        let mut element = Map::new();
        element.insert("type".to_owned(), source.kind.into());
        element.insert("timestamp".to_owned(), read.at.into());
        if !database.is_empty() {
            element.insert("database".to_owned(), database.into());
        }
        let mut rows = read.rows;
        rows.iter_mut().for_each(without_values);
        if source.shape == Shape::One {
            let Some(Value::Object(columns)) = rows.into_iter().next() else {
                return None;
            };
            // What names the element stays as it is.
            for (name, value) in columns {
                element.entry(name).or_insert(value);
            }
            return Some(Value::Object(element));
        }
        let is_truncated = rows.len() > source.limit;
        rows.truncate(source.limit);
        let total = rows.len();
        if source.shape == Shape::RowsIfAny && total == 0 {
            return None;
        }
        if !source.key.is_empty() {
            let changes = self
                .changes
                .entry((source.kind, database.to_owned()))
                .or_default();
            let is_all = changes.keep_changed(source, &mut rows, now);
            element.insert("changed_only".to_owned(), (!is_all).into());
            if rows.is_empty() && !is_all {
                return None;
            }
        }
        element.insert("total".to_owned(), total.into());
        element.insert("truncated".to_owned(), is_truncated.into());
        element.insert("rows".to_owned(), Value::Array(rows));
        Some(Value::Object(element))
    }

    /// What reading cost, and what cannot be read.
    fn tell_self(&mut self, now: Instant, at: &str, out: &mut Vec<Value>) {
        let gaps: Vec<Gap> = self.gaps.values().cloned().collect();
        if gaps != self.told_gaps || self.told.is_due(now) {
            out.push(json!({ "type": "collector_gaps", "timestamp": at, "rows": gaps }));
            self.told_gaps = gaps;
        }
        if !self.told.is_due(now) {
            return;
        }
        self.told.read(now, SELF_EVERY);
        let row = |(kind, cost): (&&str, &Cost)| {
            json!({
                "source": kind,
                "reads": cost.reads,
                "failures": cost.failures,
                "total_ms": cost.total.as_secs_f64() * 1e3,
                "last_ms": cost.last.as_secs_f64() * 1e3,
                "rows": cost.rows,
                "bytes": cost.bytes,
                "stretch": cost.stretch(),
            })
        };
        let rows: Vec<Value> = self.costs.iter().map(row).collect();
        if !rows.is_empty() {
            out.push(json!({ "type": "collector_cost", "timestamp": at, "rows": rows }));
        }
    }
}

/// The query with a bound on its rows: one more than wanted tells that there are more.
fn bounded(source: &Source, sql: &str) -> String {
    match source.shape {
        Shape::One => sql.to_owned(),
        Shape::Rows | Shape::RowsIfAny | Shape::Each => format!("{sql} LIMIT {}", source.limit + 1),
    }
}

/// Takes values out of the statements of a row.
fn without_values(row: &mut Value) {
    for name in STATEMENTS {
        if let Some(Value::String(text)) = row.get_mut(name) {
            let bare = statement_without_values(text);
            *text = bare.chars().take(MAX_STATEMENT).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SOURCES;

    fn source(kind: &str) -> &'static Source {
        SOURCES.iter().find(|source| source.kind == kind).unwrap()
    }

    #[test]
    fn one_row_more_than_wanted_is_asked_for() {
        let sql = bounded(source("pg_activity_sample"), "SELECT 1");
        assert_eq!(sql, "SELECT 1 LIMIT 101");
        assert_eq!(bounded(source("pg_wal"), "SELECT 1"), "SELECT 1");
    }
}

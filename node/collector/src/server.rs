//! One PostgreSQL server: what is due is read, and becomes elements.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::time::Duration;

use pga_pg_connect::{ConnectError, Environment, Target};
use pga_server_log::statement_without_values;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::connection::{Connection, Read, ReadError};
use crate::cost::Cost;
use crate::facts::Facts;
use crate::gap::Gap;
use crate::log::{Log, LogHealth, LogOptions, LogPosition};
use crate::plan::GenericPlans;
use crate::schedule::Due;
use crate::source::{SOURCES, Scope, Shape, Source};

/// How often all rows of a source are sent that otherwise sends those that changed.
const ALL_EVERY: Duration = Duration::from_secs(3_600);
/// How often facts are looked up again: an extension may come or go.
const FACTS_EVERY: Duration = Duration::from_secs(3_600);
/// How often the collector tells about itself.
const SELF_EVERY: Duration = Duration::from_secs(60);
/// Pause after a failed connection: first, and at most.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
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

/// What is read of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Only these databases; empty for all.
    pub include: Vec<String>,
    /// Not these.
    pub exclude: Vec<String>,
    /// All cadences are at most this long: a short one shows everything soon.
    pub max_cadence: Option<Duration>,
    /// The server's log is read, if they are there.
    pub log: Option<LogOptions>,
    /// The statements that cost most are explained (16 and later).
    pub explains: bool,
}

impl Options {
    /// Whether a database is to be read.
    fn wants(&self, database: &str) -> bool {
        let is = |names: &[String]| names.iter().any(|name| name == database);
        (self.include.is_empty() || is(&self.include)) && !is(&self.exclude)
    }
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
    retry: Option<(Instant, Duration)>,
    log: Option<Log>,
    plans: GenericPlans,
}

/// Which rows were sent last.
#[derive(Debug, Default)]
struct Changes {
    rows: HashMap<u64, u64>,
    all_at: Option<Instant>,
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

    /// Goes on in the log behind a position of an earlier run.
    pub fn resume_log(&mut self, position: LogPosition) {
        if let Some(options) = self.options.log.clone() {
            self.log = Some(Log::new(options, Some(position)));
        }
    }

    /// The place in the log behind what the last [`Server::collect`] answered: it is to be kept
    /// together with those elements, so that each event is sent once.
    pub fn log_position(&self) -> Option<&LogPosition> {
        self.log.as_ref()?.position()
    }

    /// What came of reading the log; `None` if it is not read.
    pub fn log_health(&self) -> Option<&LogHealth> {
        Some(self.log.as_ref()?.health())
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
            match self.read_due(now, at, &mut elements).await {
                Ok(()) => self.connected(),
                Err(error) => self.disconnected(now, &error),
            }
        }
        self.read_log(at, &mut elements).await;
        self.tell_self(now, at, &mut elements);
        elements
    }

    /// Reads the log, with or without a connection.
    async fn read_log(&mut self, at: &str, out: &mut Vec<Value>) {
        let Some(log) = self.log.as_mut() else {
            return;
        };
        let options = &self.options;
        let cycle = log.read(|database| options.wants(database), at).await;
        out.extend(cycle.elements);
        let key = (crate::log::KIND.to_owned(), String::new());
        match cycle.gap {
            Some(gap) => {
                self.gaps.insert(key, gap);
            }
            None => {
                self.gaps.remove(&key);
            }
        }
    }

    /// Explains the statements that are next.
    async fn read_plans(
        &mut self,
        main: &Connection,
        facts: &Facts,
        (now, at): (Instant, &str),
        out: &mut Vec<Value>,
    ) -> Result<(), ReadError> {
        let options = &self.options;
        let wants = |database: &str| options.wants(database);
        let candidates = self.plans.next(main, facts, wants, now).await?;
        let mut other: Option<(String, Connection)> = None;
        for candidate in candidates {
            let database = &candidate.database;
            if *database != facts.database
                && other.as_ref().is_none_or(|(name, _)| name != database)
            {
                // Never more than one beside the main one: the last one ends first.
                drop(other.take());
                match Connection::open(&self.target.with_dbname(database)).await {
                    Ok(connection) => other = Some((database.clone(), connection)),
                    // That it cannot be read is told by its other sources.
                    Err(_) => continue,
                }
            }
            let connection = match &other {
                Some((name, connection)) if name == database => connection,
                _ => main,
            };
            let key = (crate::plan::TAG.to_owned(), database.clone());
            match self.plans.explain(connection, &candidate, at).await {
                Ok(None) => {}
                Ok(Some(element)) => {
                    self.gaps.remove(&key);
                    out.push(element);
                }
                Err(gap) => {
                    self.gaps.insert(key, gap);
                }
            }
        }
        Ok(())
    }

    fn connected(&mut self) {
        if self.retry.take().is_some() {
            tracing::info!(server = %self.target, "server is read again");
        }
        self.gaps.remove(&("connection".to_owned(), String::new()));
    }

    fn disconnected(&mut self, now: Instant, error: &ReadError) {
        self.main = None;
        let pause = match self.retry {
            None => BACKOFF.0,
            Some((_, last)) => (last * 2).min(BACKOFF.1),
        };
        let gap = Gap::failed("connection", "", error, "");
        if self.retry.is_none() {
            tracing::warn!(server = %self.target, error = gap.reason, "server cannot be read");
        }
        self.retry = Some((now + pause, pause));
        self.gaps
            .insert(("connection".to_owned(), String::new()), gap);
    }

    async fn read_due(
        &mut self,
        now: Instant,
        at: &str,
        out: &mut Vec<Value>,
    ) -> Result<(), ReadError> {
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
        if self.options.explains {
            self.read_plans(&main, &facts, (now, at), out).await?;
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
            let begun = Instant::now();
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

impl Changes {
    /// Keeps the rows that changed since they were sent last; all of them once an hour. Answers
    /// whether all were kept.
    fn keep_changed(&mut self, source: &Source, rows: &mut Vec<Value>, now: Instant) -> bool {
        let is_all = self.all_at.is_none_or(|at| now - at >= ALL_EVERY);
        if is_all {
            self.all_at = Some(now);
        }
        let mut seen = HashSet::with_capacity(rows.len());
        let known = &mut self.rows;
        rows.retain(|row| {
            let key = hash(source.key.iter().filter_map(|name| row.get(*name)));
            let columns = row.as_object().into_iter().flatten();
            let stable = columns.filter(|(name, _)| !source.volatile.contains(&name.as_str()));
            let content = hash(stable.map(|(_, value)| value));
            seen.insert(key);
            known.insert(key, content) != Some(content) || is_all
        });
        known.retain(|key, _| seen.contains(key));
        is_all
    }
}

fn hash<'a>(values: impl Iterator<Item = &'a Value>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for value in values {
        value.to_string().hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SOURCES;

    fn source(kind: &str) -> &'static Source {
        SOURCES.iter().find(|source| source.kind == kind).unwrap()
    }

    #[test]
    fn rows_that_changed_are_kept_and_all_once_an_hour() {
        let source = source("pg_table");
        let start = Instant::now();
        let mut changes = Changes::default();
        let row = |relid: i64, scans: i64, age: i64| json!({ "relid": relid, "seq_scan": scans, "xid_age": age });
        for (name, seconds, rows, want) in [
            ("first", 0, vec![row(1, 5, 10), row(2, 5, 10)], vec![1, 2]),
            ("only ages", 60, vec![row(1, 5, 11), row(2, 5, 11)], vec![]),
            ("one", 120, vec![row(1, 6, 12), row(2, 5, 12)], vec![1]),
            ("new", 180, vec![row(1, 6, 12), row(3, 1, 1)], vec![3]),
            ("back", 240, vec![row(1, 6, 12), row(2, 5, 12)], vec![2]),
            (
                "hourly",
                3_600,
                vec![row(1, 6, 12), row(2, 5, 12)],
                vec![1, 2],
            ),
        ] {
            let mut rows = rows;
            let now = start + Duration::from_secs(seconds);
            changes.keep_changed(source, &mut rows, now);
            let kept: Vec<i64> = rows
                .iter()
                .map(|row| row["relid"].as_i64().unwrap())
                .collect();
            assert_eq!(kept, want, "{name}");
        }
    }

    #[test]
    fn one_row_more_than_wanted_is_asked_for() {
        let sql = bounded(source("pg_activity_sample"), "SELECT 1");
        assert_eq!(sql, "SELECT 1 LIMIT 101");
        assert_eq!(bounded(source("pg_wal"), "SELECT 1"), "SELECT 1");
    }
}

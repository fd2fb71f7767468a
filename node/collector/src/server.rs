//! One PostgreSQL server: what is due is read, and becomes elements.

mod changes;
mod elements;
mod index_checks;
mod log;
mod plans;
mod settings;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use pga_pg_connect::{ConnectError, Environment, Target};
use pga_runtime::{Backoff, Instant};
use serde_json::{Value, json};

use self::changes::Changes;
use self::elements::{Rows, bounded, limit, one};
pub use self::settings::kinds;
use crate::connection::{Connection, ReadError};
use crate::cost::Cost;
use crate::facts::Facts;
use crate::gap::Gap;
use crate::log::{Log, LogPosition};
use crate::options::Options;
use crate::plan::{GenericPlans, IndexChecks, Names};
use crate::schedule::Due;
use crate::sink::Sink;
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

/// What reading one source has cost since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceCost {
    /// Type of its elements.
    pub kind: &'static str,
    /// Readings.
    pub reads: u64,
    /// Time of all, as seen here.
    pub total: Duration,
}

/// One source that is read in one database; "" for the server.
#[derive(Clone, Copy, Debug)]
struct Reading<'a> {
    source: &'static Source,
    database: &'a str,
    cadence: Duration,
    now: Instant,
}

/// One PostgreSQL server.
#[derive(Debug)]
pub struct Server {
    target: Target,
    options: Options,
    main: Option<Connection>,
    facts: HashMap<String, (Arc<Facts>, Instant)>,
    due: HashMap<(&'static str, String), Due>,
    costs: BTreeMap<&'static str, Cost>,
    changes: HashMap<(&'static str, String), Changes>,
    gaps: BTreeMap<(String, String), Gap>,
    told_gaps: Vec<Gap>,
    told: Due,
    retry: Option<(Instant, u32)>,
    log: Option<Log>,
    /// How far the log was read before it was left out.
    log_left_at: Option<LogPosition>,
    plans: GenericPlans,
    index_checks: IndexChecks,
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
            log_left_at: None,
            plans: GenericPlans::default(),
            index_checks: IndexChecks::default(),
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

    /// The hosts it may be at, with their ports.
    pub fn hosts(&self) -> String {
        self.target.hosts()
    }

    /// Whether all of its hosts are this machine, as far as their names say.
    pub fn is_local(&self) -> bool {
        self.target.is_local()
    }

    /// What each source has cost.
    pub fn costs(&self) -> impl Iterator<Item = SourceCost> {
        self.costs.iter().map(|(kind, cost)| SourceCost {
            kind,
            reads: cost.reads,
            total: cost.total,
        })
    }

    /// What cannot be read now.
    pub fn gaps(&self) -> impl Iterator<Item = &Gap> {
        self.gaps.values()
    }

    /// Reads all sources that are due, and gives their elements to `out` one by one. What cannot be
    /// read is left out and told. `at` is now by this machine's clock, for what the collector tells
    /// about itself (RFC 3339).
    pub async fn collect(&mut self, now: Instant, at: &str, out: &mut dyn Sink) {
        if self.retry.is_none_or(|(at, _)| now >= at) {
            match self.read_due(now, out).await {
                Ok(()) => self.connected(),
                Err(error) => self.disconnected(now, &error),
            }
        }
        out.keep_together();
        self.read_log(now, at, out).await;
        self.read_plans(now, at, out).await;
        self.check_indexes(now, at, out).await;
        self.tell_self(now, at, out);
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

    async fn read_due(&mut self, now: Instant, out: &mut dyn Sink) -> Result<(), ReadError> {
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
    async fn read_other(&mut self, database: &str, now: Instant, out: &mut dyn Sink) {
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
    ) -> Result<Arc<Facts>, ReadError> {
        match self.facts.get(database) {
            Some((facts, at)) if now - *at < FACTS_EVERY => Ok(Arc::clone(facts)),
            _ => {
                let mut facts = Facts::look(connection).await?;
                facts.share(self.facts.values().map(|(known, _)| &**known));
                let facts = Arc::new(facts);
                self.facts
                    .insert(database.to_owned(), (Arc::clone(&facts), now));
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
                source.scope == Scope::Database
                    && !self.options.off.contains(source.kind)
                    && self.is_due(source, &name, now)
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
        out: &mut dyn Sink,
    ) -> Result<(), ReadError> {
        for source in SOURCES.iter().filter(|source| source.scope == scope) {
            let Some(cadence) = self.options.cadence(source.kind, source.cadence) else {
                continue;
            };
            if !self.is_due(source, database, now) {
                continue;
            }
            let key = (source.kind.to_owned(), database.to_owned());
            let cost = self.costs.entry(source.kind).or_default();
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
            let of = Reading {
                source,
                database,
                cadence,
                now,
            };
            match self.read_source(connection, of, &sql, out).await {
                Ok(()) => {
                    self.gaps.remove(&key);
                }
                Err(error) => {
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

    /// Gives the elements of one source of a database.
    async fn read_source(
        &mut self,
        connection: &Connection,
        of: Reading<'_>,
        sql: &str,
        out: &mut dyn Sink,
    ) -> Result<(), ReadError> {
        let source = of.source;
        let limit = limit(source, &self.options);
        let begun = pga_runtime::now();
        let read = connection
            .read(source.kind, &bounded(source, limit, sql))
            .await;
        let cost = self.costs.entry(source.kind).or_default();
        cost.note(begun.elapsed(), of.cadence);
        let read = match read {
            Ok(read) => read,
            Err(error) => {
                cost.failures += 1;
                return Err(error);
            }
        };
        let rows = read.rows()?;
        (cost.rows, cost.bytes) = (rows.len(), read.text.len());
        let total = match rows.len() > limit {
            true => connection.count(source.kind, sql).await.ok(),
            false => Some(rows.len()),
        };
        let read = Rows {
            at: &read.at,
            rows,
            limit,
            total,
        };
        match source.shape {
            Shape::Each => self.each(source, &read, out),
            Shape::One => one(&of, &read, out),
            Shape::Rows | Shape::RowsIfAny => self.list(&of, &read, out),
        }
    }

    /// What reading cost, and what cannot be read.
    fn tell_self(&mut self, now: Instant, at: &str, out: &mut dyn Sink) {
        let gaps: Vec<Gap> = self.gaps.values().cloned().collect();
        if gaps != self.told_gaps || self.told.is_due(now) {
            let element = json!({ "type": "collector_gaps", "timestamp": at, "rows": gaps });
            out.push(&element.to_string());
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
            let element = json!({ "type": "collector_cost", "timestamp": at, "rows": rows });
            out.push(&element.to_string());
        }
    }
}

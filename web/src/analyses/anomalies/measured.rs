//! What was measured of a server, by the minute.

use std::collections::{BTreeMap, BTreeSet};

use pga_insight::anomalies::{Facts, Kind, Minute};

use super::minutes::Minutes;
use super::subject::Subject;

/// Figures of a server's minutes.
#[derive(Clone, Debug, Default)]
pub(super) struct Measured {
    /// Calls, milliseconds, rows, blocks read, milliseconds of input and output.
    pub(super) statements: BTreeMap<(String, i64), Minutes<5>>,
    /// Milliseconds of all statements.
    pub(super) total: Minutes<1>,
    /// Transactions, blocks read, blocks found, bytes of temporary files, deadlocks.
    pub(super) databases: BTreeMap<String, Minutes<5>>,
    /// Rows of tables that sequential scans read, and rows that were written.
    pub(super) tables: BTreeMap<Subject, Minutes<2>>,
    /// Bytes that databases have grown by.
    pub(super) growth: BTreeMap<String, Minutes<1>>,
    /// Bytes of WAL.
    pub(super) wal: Minutes<1>,
    /// Seconds that standbys are behind.
    pub(super) standbys: BTreeMap<String, BTreeMap<Minute, f64>>,
    /// Active sessions by what they wait for.
    pub(super) waits: BTreeMap<String, BTreeMap<Minute, f64>>,
    /// Minutes in which sessions were looked at.
    pub(super) looked_at: BTreeSet<Minute>,
}

/// What a statement's minute adds to a series: calls to divide by (none for a plain value), and the
/// amount.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Amount {
    /// The value itself.
    Value(f64),
    /// So many calls with this sum.
    PerCall(f64, f64),
}

impl Measured {
    /// The last minute of which everything that was measured lately is known.
    pub(super) fn last(&self) -> Option<Minute> {
        let total = (!self.statements.is_empty()).then(|| self.total.last());
        let databases = self.databases.values().map(Minutes::last).max();
        let sessions = self.looked_at.last().map(|minute| minute.plus(-1));
        let known = [total, databases, sessions].into_iter().flatten();
        // A source that stopped must not hold up the others.
        let newest = known.clone().max()?;
        known.filter(|one| newest.since(*one) < 10).min()
    }

    /// All that was measured.
    pub(super) fn subjects(&self) -> impl Iterator<Item = Subject> + '_ {
        let statements = self.statements.keys().map(|(database, hash)| {
            let database = database.clone();
            Subject::Statement {
                hash: *hash,
                database,
            }
        });
        let databases = self.databases.keys().cloned().map(Subject::Database);
        let tables = self.tables.keys().cloned();
        let waits = self.waits.keys().cloned().map(Subject::Wait);
        let wal = (!self.wal.is_empty()).then_some(Subject::Wal);
        let standbys = self.standbys.keys().cloned().map(Subject::Standby);
        let server = wal.into_iter().chain(standbys);
        let in_databases = statements.chain(databases).chain(tables);
        in_databases.chain(waits).chain(server)
    }

    /// What a minute of a series came to; none if it is not known.
    pub(super) fn amount(&self, subject: &Subject, kind: Kind, at: Minute) -> Option<Amount> {
        match subject {
            Subject::Statement { hash, database } => {
                let [calls, ms, rows, reads, io] =
                    self.statements.get(&(database.clone(), *hash))?.at(at)?;
                Some(match kind {
                    Kind::StatementCalls => Amount::Value(calls),
                    Kind::StatementTime => Amount::Value(ms),
                    Kind::StatementMeanMs => Amount::PerCall(calls, ms),
                    Kind::StatementRows => Amount::PerCall(calls, rows),
                    Kind::StatementReads => Amount::PerCall(calls, reads),
                    _ => Amount::PerCall(calls, io),
                })
            }
            Subject::Database(name) if kind == Kind::GrowthBytes => {
                let [bytes] = self.growth.get(name)?.at(at)?;
                Some(Amount::Value(bytes))
            }
            Subject::Database(name) => {
                let [transactions, reads, hits, temp, deadlocks] =
                    self.databases.get(name)?.at(at)?;
                match kind {
                    Kind::DatabaseTps => Some(Amount::Value(transactions / 60.0)),
                    Kind::DatabaseHitRatio => {
                        let wanted = reads + hits;
                        (wanted > 0.0).then(|| Amount::Value(hits / wanted))
                    }
                    Kind::DatabaseTempBytes => Some(Amount::Value(temp)),
                    _ => Some(Amount::Value(deadlocks)),
                }
            }
            Subject::Table { .. } => {
                let [read, written] = self.tables.get(subject)?.at(at)?;
                Some(match kind {
                    Kind::TableSeqRows => Amount::Value(read),
                    _ => Amount::Value(written),
                })
            }
            Subject::Wait(class) => {
                let of = self.waits.get(class)?;
                let sessions = of.get(&at).copied().unwrap_or(0.0);
                self.looked_at
                    .contains(&at)
                    .then_some(Amount::Value(sessions))
            }
            Subject::Wal => self.wal.at(at).map(|[bytes]| Amount::Value(bytes)),
            Subject::Standby(name) => {
                let lag = self.standbys.get(name)?.get(&at)?;
                Some(Amount::Value(*lag))
            }
        }
    }

    /// What else is known of the five minutes that end with this one.
    pub(super) fn facts(&self, subject: &Subject, at: Minute) -> Facts {
        match subject {
            Subject::Statement { hash, database } => {
                let of = self.statements.get(&(database.clone(), *hash));
                let Some(([_, ms, ..], known @ 1..)) = of.map(|of| of.five(at)) else {
                    return Facts::default();
                };
                let ([total], _) = self.total.five(at);
                Facts {
                    load_share: (total > 0.0).then(|| (ms / total).min(1.0)),
                    statement_ms_per_minute: Some(ms / f64::from(known)),
                    ..Facts::default()
                }
            }
            Subject::Database(name) => {
                let tps = |of: &Minutes<5>| {
                    let ([transactions, ..], known) = of.five(at);
                    transactions / (f64::from(known.max(1)) * 60.0)
                };
                let of = self.databases.get(name);
                let reads = of.map(|of| of.five(at)).filter(|(_, known)| *known > 0);
                Facts {
                    server_tps: Some(self.databases.values().map(tps).sum()),
                    reads_per_second: reads
                        .map(|([_, reads, ..], known)| reads / (f64::from(known) * 60.0)),
                    ..Facts::default()
                }
            }
            Subject::Wait(class) => {
                let five = |of: &BTreeMap<Minute, f64>| -> f64 {
                    of.range(at.plus(-4)..=at)
                        .map(|(_, sessions)| sessions)
                        .sum()
                };
                let all: f64 = self.waits.values().map(five).sum();
                let own = self.waits.get(class).map_or(0.0, five);
                Facts {
                    load_share: (all > 0.0).then(|| own / all),
                    ..Facts::default()
                }
            }
            Subject::Table { .. } | Subject::Wal | Subject::Standby(_) => Facts::default(),
        }
    }
}

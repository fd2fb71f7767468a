//! The sources: one file each, registered in one list.

mod activity;
mod archiver;
mod autovacuum;
mod bgwriter;
mod bloat;
mod blocking;
mod checkpointer;
mod columns;
mod connections;
mod databases;
mod extensions;
mod freeze;
mod identity;
mod indexes;
mod io;
mod long_transactions;
mod own_statements;
mod prepared_xacts;
mod progress;
mod receiver;
mod recovery_conflicts;
mod schema_objects;
mod senders;
mod sequences;
mod settings;
mod slots;
mod slru;
mod statement_health;
mod statements;
mod subscriptions;
mod table_sizes;
mod tables;
mod tablespaces;
mod v3_statements;
mod v3_stats;
mod wal;

use std::time::Duration;

use crate::facts::Facts;

/// Where a source is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Once for the server.
    Server,
    /// In each database.
    Database,
}

/// How rows become an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One element whose `rows` are the rows.
    Rows,
    /// One element with the columns of the only row.
    One,
    /// As [`Shape::Rows`], but no element while there are no rows.
    RowsIfAny,
    /// An element a row, each with the columns of the row, of which one is `database`.
    Each,
}

/// A source of elements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    /// Type of its elements.
    pub(crate) kind: &'static str,
    /// Where it is read.
    pub(crate) scope: Scope,
    /// How often.
    pub(crate) cadence: Duration,
    /// What its rows become.
    pub(crate) shape: Shape,
    /// At most so many rows; the element says if there were more.
    pub(crate) limit: usize,
    /// What helps a role that may not read it.
    pub(crate) help: &'static str,
    /// Its query, from the columns there are; `None` if this server does not have it.
    pub(crate) sql: fn(&Facts) -> Option<String>,
    /// Whether its absence is a gap, rather than how that version is.
    pub(crate) is_expected: bool,
    /// The columns that name a row, if only rows that changed are sent, and all of them once an
    /// hour; empty if all are sent each time.
    pub(crate) key: &'static [&'static str],
    /// Columns that change by themselves and make no row a changed one.
    pub(crate) volatile: &'static [&'static str],
}

const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// What helps most roles.
const MONITOR: &str = "GRANT pg_monitor TO the collector's role";

impl Source {
    const fn new(
        kind: &'static str,
        cadence: u64,
        shape: Shape,
        sql: fn(&Facts) -> Option<String>,
    ) -> Self {
        Self {
            kind,
            scope: Scope::Server,
            cadence: seconds(cadence),
            shape,
            limit: 5_000,
            help: MONITOR,
            sql,
            is_expected: false,
            key: &[],
            volatile: &[],
        }
    }

    const fn in_each_database(mut self) -> Self {
        self.scope = Scope::Database;
        self
    }

    const fn at_most(mut self, rows: usize) -> Self {
        self.limit = rows;
        self
    }

    const fn changes_of(
        mut self,
        key: &'static [&'static str],
        volatile: &'static [&'static str],
    ) -> Self {
        self.key = key;
        self.volatile = volatile;
        self
    }

    const fn expected(mut self, help: &'static str) -> Self {
        self.is_expected = true;
        self.help = help;
        self
    }
}

/// All sources, in the order in which they are read: what shows a moment first, then counters
/// close together, sizes and catalogs last.
pub(crate) const SOURCES: &[Source] = &[
    activity::SOURCE,
    blocking::SOURCE,
    long_transactions::SOURCE,
    progress::SOURCE,
    senders::SOURCE,
    receiver::SOURCE,
    identity::SOURCE,
    statements::SOURCE,
    statement_health::SOURCE,
    databases::SOURCE,
    wal::SOURCE,
    checkpointer::SOURCE,
    bgwriter::SOURCE,
    io::SOURCE,
    slru::SOURCE,
    slots::SOURCE,
    archiver::SOURCE,
    recovery_conflicts::SOURCE,
    connections::SOURCE,
    prepared_xacts::SOURCE,
    v3_stats::SOURCE,
    v3_statements::SOURCE,
    tables::SOURCE,
    indexes::SOURCE,
    schema_objects::SOURCE,
    columns::SOURCE,
    subscriptions::SOURCE,
    freeze::SOURCE,
    autovacuum::SOURCE,
    settings::SOURCE,
    sequences::SOURCE,
    table_sizes::SOURCE,
    bloat::SOURCE,
    tablespaces::SOURCE,
    extensions::SOURCE,
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_type_has_one_source() {
        let mut seen = HashSet::new();
        for source in SOURCES {
            assert!(seen.insert(source.kind), "{}", source.kind);
        }
    }
}

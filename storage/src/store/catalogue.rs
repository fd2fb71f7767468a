//! The typed tables: one declarative list from which both stores take their DDL, and the mapper its
//! rows.
//!
//! Every table begins with the same columns ([`COMMON`]): when, whose, and the element the row
//! comes from. [`Table::columns`] are the columns a row has values for, in their order.
//! [`Table::unfilled`] are columns of the published schema that no collector fills yet; they exist
//! in PostgreSQL only, so that queries written for that schema run.
//!
//! Types of long lists are [`VIEWS`]: they are read as any table, and have no rows of their own.

mod activity;
mod collectors;
mod column;
mod ddl;
mod definitions;
mod element;
mod host;
mod instance;
mod lists;
mod objects;
mod queries;
mod relations;
mod replication;
mod schema;
mod sessions;
mod streaming;
mod view_ddl;

pub use self::column::{Column, ColumnType};
pub(crate) use self::column::{Missing, Source};

/// Place of a table in [`TABLES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId(pub(crate) usize);

impl TableId {
    /// The table.
    pub fn table(self) -> &'static Table {
        // INVARIANT: ids come from `Table::id` and `tables`, which count through `TABLES`.
        TABLES.get(self.0).copied().unwrap_or(&relations::DATABASE)
    }

    /// Its place in [`TABLES`].
    pub const fn index(self) -> usize {
        self.0
    }
}

/// Which parts of an element make one row each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Items {
    /// The element itself, or the object at this path in it.
    Element(&'static str),
    /// Each object of the array at this path in the element.
    ElementArray(&'static str),
    /// Each database part of the element.
    Database,
    /// Each object of the array at this path in each database part.
    DatabaseArray(&'static str),
    /// Each object of the element's `rows`: a list that may have left some out, or tell only what
    /// changed. What is new in it need not have begun since the list before.
    Rows,
}

/// When rows of a table are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// With every element.
    Always,
    /// Only when the element's content changed since the collector's last one: inventories.
    OnChange,
}

/// One typed table.
#[derive(Debug)]
pub struct Table {
    /// PostgreSQL schema.
    pub schema: &'static str,
    /// Name; unique over all schemas.
    pub name: &'static str,
    /// Type of the elements its rows come from.
    pub kind: &'static str,
    /// Which parts of such an element are rows.
    pub(crate) items: Items,
    /// When rows are written.
    pub written: Written,
    /// Columns after [`COMMON`] that rows have values for.
    pub own: &'static [Column],
    /// Columns of the published schema that nothing fills, nullable, PostgreSQL only.
    pub unfilled: &'static [(&'static str, ColumnType)],
    /// Columns that, with the collector, name one series; empty beyond the collector itself. One
    /// that is NULL is no part of the name.
    pub(crate) rate_key: &'static [&'static str],
    /// Column lists of the indexes beside `(collector_id, time DESC)`, as SQL that both databases
    /// take.
    pub indexes: &'static [&'static str],
    /// Time range of one chunk, in days.
    pub chunk_days: u32,
}

/// The columns that every table begins with.
pub const COMMON: [Column; 4] = [
    Column::filled("time", ColumnType::Timestamptz, Source::Time),
    Column::filled("collector_id", ColumnType::Uuid, Source::Collector),
    Column::filled("log_index", ColumnType::Bigint, Source::LogIndex),
    Column::filled("ordinal", ColumnType::Int, Source::Ordinal),
];

/// All typed tables. Each is a hypertable on `time` in TimescaleDB.
pub const TABLES: &[&Table] = &[
    &relations::DATABASE,
    &relations::TABLE,
    &relations::INDEX,
    &queries::QUERY,
    &host::SYSSTAT,
    &host::DISK_IO,
    &host::DISK_USAGE,
    &host::LOG,
    &host::HOST_INVENTORY,
    &replication::REPLICATION,
    &replication::SLOTS,
    &replication::WAL_STATUS,
    &replication::WRAPAROUND,
    &replication::PHYSICAL_SUBSCRIPTIONS,
    &replication::SUBSCRIPTIONS,
    &replication::PUBLICATIONS,
    &replication::WAL_RECEIVERS,
    &schema::TABLES,
    &schema::COLUMNS,
    &schema::CONSTRAINTS,
    &schema::FOREIGN_KEYS,
    &schema::INDEXES,
    &schema::TRIGGERS,
    &schema::EXTENSIONS,
    &activity::LOCKS,
    &activity::LOCK_WAITS,
    &activity::BLOCKING,
    &activity::BLOAT_TABLES,
    &activity::BLOAT_INDEXES,
    &activity::CACHE_TABLES,
    &activity::CACHE_INDEXES,
    &activity::CONNECTIONS,
    &activity::CONNECTION_TOTALS,
    &activity::LONG_TRANSACTIONS,
    &activity::IDLE_TRANSACTIONS,
    &instance::WAL,
    &instance::CHECKPOINTER,
    &instance::BGWRITER,
    &instance::IO,
    &instance::SLRU,
    &instance::ARCHIVER,
    &instance::DATABASE,
    &instance::RECOVERY_CONFLICT,
    &instance::STATEMENT_HEALTH,
    &instance::IDENTITY,
    &instance::TABLESPACE,
    &sessions::ACTIVITY,
    &sessions::BLOCKING,
    &sessions::LONG_TRANSACTION,
    &sessions::PROGRESS,
    &sessions::CONNECTION,
    &sessions::PREPARED_XACT,
    &streaming::SENDER,
    &streaming::RECEIVER,
    &streaming::SLOT,
    &streaming::SUBSCRIPTION,
    &objects::TABLE_SIZE,
    &objects::FREEZE,
    &objects::AUTOVACUUM,
    &objects::SEQUENCE,
    &objects::BLOAT_ESTIMATE,
    &definitions::SETTING,
    &definitions::EXTENSION,
    &collectors::COST,
    &collectors::GAPS,
    &collectors::HEALTH,
];

/// The views on the elements of a type, by the row. They are kept as long as their elements are.
pub const VIEWS: &[&Table] = &[
    &lists::TABLE,
    &lists::INDEX,
    &lists::STATEMENT,
    &lists::COLUMN,
    &lists::SCHEMA_OBJECT,
];

/// The ids of all tables, in order.
pub fn tables() -> impl Iterator<Item = TableId> {
    (0..TABLES.len()).map(TableId)
}

/// The tables that elements of `kind` have rows in; none for an unknown kind.
pub fn tables_of(kind: &str) -> impl Iterator<Item = TableId> + '_ {
    tables().filter(move |id| id.table().kind == kind)
}

/// The view of elements of `kind`, if there is one.
pub fn view_of(kind: &str) -> Option<&'static Table> {
    VIEWS.iter().copied().find(|view| view.kind == kind)
}

/// The tables, or the view, in which elements of `kind` are read by column.
pub fn readable(kind: &str) -> impl Iterator<Item = &'static Table> + '_ {
    tables_of(kind).map(TableId::table).chain(view_of(kind))
}

/// The table of statements.
pub fn statements() -> Option<TableId> {
    tables().find(|id| std::ptr::eq(id.table(), &queries::QUERY))
}

/// Whether elements of `kind` are inventories: kept once per content, with a reference per element.
pub fn is_inventory(kind: &str) -> bool {
    matches!(kind, "pg_schema" | "pg_extensions" | "host_inventory")
}

impl Table {
    /// The columns that rows have values for, in the order of the values.
    pub fn columns(&self) -> impl Iterator<Item = Column> + '_ {
        COMMON.iter().chain(self.own).copied()
    }

    /// How many values a row has.
    pub const fn width(&self) -> usize {
        COMMON.len() + self.own.len()
    }

    /// The columns that, with the collector, name a thing; empty where it has no name, or is the
    /// server.
    pub const fn key(&self) -> &'static [&'static str] {
        self.rate_key
    }

    /// Place of the column `name` in a row.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns().position(|column| column.name == name)
    }

    /// Whether a computed column is the difference of the column `name`.
    pub(crate) fn is_counter(&self, name: &str) -> bool {
        self.own.iter().any(
            |column| matches!(column.source, Source::Delta(of) | Source::PerSecond(of) | Source::Squares(of) if of == name),
        )
    }

    /// Name with its schema, for PostgreSQL.
    pub fn qualified(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }
}

#[cfg(test)]
mod tests;

//! The SQLite file: connections, tables, format version, watermark.
//!
//! `meta` holds `schema_version` and `cluster_id`; `watermark` is one row. `elements` holds
//! documents whole, `inventory` the contents that elements refer to, `series` and `sample_runs` the
//! plain samples, `rate_state` the last sample of each counter series, `query_rollups` sums of
//! statements over spans of time, `series_rollups` those of charted tables, `metrics_pg_table_sums`
//! and `metrics_pg_index_sums` what relations did; the typed tables are
//! those of the catalogue, and so are the views on `elements`.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};
use uuid::Uuid;

use super::sample_run::SAMPLE_RUNS;
use super::values::{failed, unsigned};
use super::{list_functions, relation_sums, rollups, series_rollups, upgrade};
use crate::store::Watermark;
use crate::store::catalogue;
use crate::{Error, GroupId, Position, Result};

/// Format of the file. Raise it with a step in [`migrate`].
const SCHEMA_VERSION: u32 = 9;
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Pages of the WAL after which SQLite moves them into the file.
const CHECKPOINT_PAGES: u32 = 2000;
/// The WAL is cut to this after a checkpoint, in bytes.
const WAL_LIMIT_BYTES: u32 = 16 << 20;
const CACHED_STATEMENTS: usize = 256;

const TABLES: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE watermark (id INTEGER PRIMARY KEY CHECK (id = 1), log_group INTEGER NOT NULL,
    term INTEGER NOT NULL, log_index INTEGER NOT NULL, owner_term INTEGER NOT NULL);
INSERT INTO watermark VALUES (1, 0, 0, 0, 0);
CREATE TABLE collectors (id INTEGER PRIMARY KEY, uuid BLOB NOT NULL UNIQUE);
CREATE TABLE elements (collector INTEGER NOT NULL, time INTEGER NOT NULL, log_index INTEGER NOT NULL,
    ordinal INTEGER NOT NULL, kind TEXT NOT NULL, database_name TEXT NOT NULL,
    received_at INTEGER NOT NULL, inventory BLOB, body BLOB NOT NULL);
CREATE UNIQUE INDEX elements_order ON elements (collector, time, log_index, ordinal, kind);
CREATE INDEX elements_inventory ON elements (inventory) WHERE inventory IS NOT NULL;
CREATE TABLE inventory (hash BLOB PRIMARY KEY, cut_at INTEGER NOT NULL, content BLOB NOT NULL);
CREATE TABLE inventory_last (collector INTEGER NOT NULL, kind TEXT NOT NULL, hash BLOB NOT NULL,
    written_at INTEGER NOT NULL, PRIMARY KEY (collector, kind)) WITHOUT ROWID;
CREATE TABLE series (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, collector INTEGER NOT NULL,
    name TEXT NOT NULL, labels TEXT NOT NULL, form INTEGER NOT NULL);
CREATE TABLE rate_state (key BLOB PRIMARY KEY, time INTEGER NOT NULL, state BLOB NOT NULL) WITHOUT ROWID;
";

/// Since version 3.
const STATS_SINCE: &str = "ALTER TABLE metrics_pg_stats_query ADD COLUMN stats_since INTEGER";
/// Since version 4.
const MISSING_COUNTERS: &str =
    "ALTER TABLE metrics_pg_stats_query ADD COLUMN missing_counters INTEGER";

/// Since version 5.
const WHOSE_STATEMENTS: &str = "
ALTER TABLE metrics_pg_stats_query ADD COLUMN minmax_stats_since INTEGER;
ALTER TABLE metrics_pg_stats_query ADD COLUMN toplevel INTEGER;
ALTER TABLE metrics_pg_stats_query ADD COLUMN system_identifier INTEGER;
ALTER TABLE metrics_pg_stats_query ADD COLUMN timeline INTEGER;
ALTER TABLE metrics_pg_stats_query ADD COLUMN server_address TEXT;
ALTER TABLE metrics_pg_stats_query ADD COLUMN squares_delta REAL;
ALTER TABLE metrics_pg_stats_query ADD COLUMN usual_seconds REAL;
ALTER TABLE metrics_pg_stats_database ADD COLUMN system_identifier INTEGER;
ALTER TABLE metrics_pg_stats_database ADD COLUMN timeline INTEGER;
ALTER TABLE metrics_pg_stats_database ADD COLUMN server_address TEXT;
";

/// The connection that writes; creates the file.
pub(super) fn open_writer(path: &Path, cache_kib: u32) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(failed("open"))?;
    prepare(&db, cache_kib).map_err(failed("open"))?;
    Ok(db)
}

/// A connection that cannot write.
pub(super) fn open_reader(path: &Path, cache_kib: u32) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(failed("open"))?;
    let set = || -> rusqlite::Result<()> {
        prepare(&db, cache_kib)?;
        db.pragma_update(None, "query_only", true)
    };
    set().map_err(failed("open"))?;
    Ok(db)
}

fn prepare(db: &Connection, cache_kib: u32) -> rusqlite::Result<()> {
    db.busy_timeout(BUSY_TIMEOUT)?;
    db.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "NORMAL")?;
    db.pragma_update(None, "cache_size", -i64::from(cache_kib))?;
    db.pragma_update(None, "mmap_size", 0)?;
    db.pragma_update(None, "journal_size_limit", WAL_LIMIT_BYTES)?;
    db.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    list_functions::add(db)
}

/// Creates or upgrades the tables, and checks that the file is ours.
pub(super) fn migrate(db: &mut Connection, path: &Path, cluster_id: Uuid) -> Result<()> {
    let tx = db
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(failed("migrate"))?;
    if let Some(found) = version(&tx)? {
        check(&tx, path, cluster_id, found)?;
        if found < SCHEMA_VERSION {
            if found < 2 {
                upgrade::samples_to_runs(&tx, path)?;
            }
            if found < 3 {
                tx.execute_batch(STATS_SINCE).map_err(failed("migrate"))?;
            }
            if found < 4 {
                tx.execute_batch(MISSING_COUNTERS)
                    .map_err(failed("migrate"))?;
                tx.execute_batch(rollups::TABLES)
                    .map_err(failed("migrate"))?;
            }
            if found < 5 {
                tx.execute_batch(WHOSE_STATEMENTS)
                    .map_err(failed("migrate"))?;
            }
            if found < 6 {
                tx.execute_batch(series_rollups::TABLES)
                    .map_err(failed("migrate"))?;
            }
            relation_sums::create(&tx).map_err(failed("migrate"))?;
            // Since version 7 there are tables of our own collector's elements, since 8 views of
            // its long lists.
            typed_tables(&tx).map_err(failed("migrate"))?;
            let sql = "UPDATE meta SET value = ?1 WHERE key = 'schema_version'";
            tx.execute(sql, [SCHEMA_VERSION.to_string()])
                .map_err(failed("migrate"))?;
        }
        return tx.commit().map_err(failed("migrate"));
    }
    let create = || -> rusqlite::Result<()> {
        tx.execute_batch(TABLES)?;
        tx.execute_batch(SAMPLE_RUNS)?;
        typed_tables(&tx)?;
        tx.execute_batch(rollups::TABLES)?;
        tx.execute_batch(series_rollups::TABLES)?;
        relation_sums::create(&tx)?;
        let insert = "INSERT INTO meta VALUES ('schema_version', ?1), ('cluster_id', ?2)";
        tx.execute(
            insert,
            params![SCHEMA_VERSION.to_string(), cluster_id.to_string()],
        )?;
        Ok(())
    };
    create().map_err(failed("migrate"))?;
    tx.commit().map_err(failed("migrate"))
}

/// Makes those of the typed tables and views that are not there.
fn typed_tables(db: &Connection) -> rusqlite::Result<()> {
    catalogue::tables().try_for_each(|id| db.execute_batch(&id.table().sqlite_ddl()))?;
    let mut views = catalogue::VIEWS.iter();
    views.try_for_each(|view| db.execute_batch(&view.sqlite_view()))
}

/// Checks a file that has tables: its format and its cluster.
pub(super) fn check(db: &Connection, path: &Path, cluster_id: Uuid, found: u32) -> Result<()> {
    if found > SCHEMA_VERSION {
        return Err(Error::NewerFormat {
            path: path.to_owned(),
            found,
            known: SCHEMA_VERSION,
        });
    }
    let owner = meta(db, "cluster_id")?.unwrap_or_default();
    if owner != cluster_id.to_string() {
        return Err(Error::OtherCluster {
            path: path.to_owned(),
            found: owner,
            ours: cluster_id.to_string(),
        });
    }
    Ok(())
}

/// The file's format; `None` if it has no tables yet.
pub(super) fn version(db: &Connection) -> Result<Option<u32>> {
    let has_meta: bool = db
        .query_row(
            "SELECT count(*) FROM sqlite_master WHERE name = 'meta'",
            [],
            |row| row.get(0),
        )
        .map_err(failed("read"))?;
    if !has_meta {
        return Ok(None);
    }
    let text = meta(db, "schema_version")?.unwrap_or_default();
    // Text that is no number was written by something newer.
    Ok(Some(text.parse().unwrap_or(u32::MAX)))
}

fn meta(db: &Connection, key: &str) -> Result<Option<String>> {
    db.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| {
        row.get(0)
    })
    .optional()
    .map_err(failed("read"))
}

/// The watermark row.
pub(super) fn watermark(db: &Connection) -> Result<Watermark> {
    let sql = "SELECT log_group, term, log_index, owner_term FROM watermark WHERE id = 1";
    db.query_row(sql, [], |row| {
        Ok(Watermark {
            position: Position {
                group: GroupId::new(row.get(0)?),
                term: unsigned(row.get(1)?),
                index: unsigned(row.get(2)?),
            },
            owner_term: unsigned(row.get(3)?),
        })
    })
    .map_err(failed("read"))
}

//! Creates and upgrades the schema, from several nodes at once and again.
//!
//! An advisory lock of the session lets one node through; everything but the extension itself is
//! one transaction, so a crash leaves the version before or the version after.

use std::time::Duration;

use tokio_postgres::Client;

use super::failure;
use super::options::StoreOwner;
use super::relation_sums;
use super::session::{Connector, Purpose, within};
use super::watermark;
use crate::store::catalogue::{self, Table};
use crate::{Error, Result};

/// Version of the schema that this program writes.
const VERSION: i32 = 8;
/// Key of the advisory lock: "pganalyt" in ASCII.
const LOCK: i64 = 0x7067_616e_616c_7974;
/// Longest migration, waiting for another node's included.
const LIMIT: Duration = Duration::from_secs(120);
/// Sealed chunks older than this are compressed where the licence allows it.
const COMPRESS_AFTER: &str = "2 days";

/// Version 2: when each statement began to count (PostgreSQL 17 on). Version 3: which counters were
/// not sent. Version 4: which server and which level of statements, what deviations and gaps follow
/// from.
const UPGRADE: &str = "ALTER TABLE public.metrics_pg_stats_query \
    ADD COLUMN IF NOT EXISTS stats_since timestamptz, \
    ADD COLUMN IF NOT EXISTS missing_counters bigint, \
    ADD COLUMN IF NOT EXISTS minmax_stats_since timestamptz, \
    ADD COLUMN IF NOT EXISTS toplevel boolean, \
    ADD COLUMN IF NOT EXISTS system_identifier bigint, \
    ADD COLUMN IF NOT EXISTS timeline bigint, \
    ADD COLUMN IF NOT EXISTS server_address text, \
    ADD COLUMN IF NOT EXISTS squares_delta double precision, \
    ADD COLUMN IF NOT EXISTS usual_seconds double precision; \
    ALTER TABLE metrics.metrics_pg_stats_database \
    ADD COLUMN IF NOT EXISTS system_identifier bigint, \
    ADD COLUMN IF NOT EXISTS timeline bigint, \
    ADD COLUMN IF NOT EXISTS server_address text";

const SCHEMA: &str = include_str!("schema.sql");
/// Since version 3; those of charted tables since version 5.
const ROLLUPS: &str = include_str!("rollups.sql");
const VIEWS: &str = include_str!("views.sql");
/// Since version 7, for views of long lists.
const FUNCTIONS: &str = include_str!("functions.sql");

/// Brings the database to [`VERSION`].
///
/// # Errors
/// `Schema` if there is no TimescaleDB, the database is another cluster's, or a newer program's.
pub(super) async fn run(connector: &Connector) -> Result<()> {
    let session = connector.open(Purpose::Read).await?;
    within(
        "migrate",
        LIMIT,
        migrate(&session.client, connector.options().owner),
    )
    .await
}

async fn migrate(client: &Client, owner: StoreOwner) -> Result<()> {
    batch(client, "SET statement_timeout = 0; SET lock_timeout = 0").await?;
    // Freed with the session, whatever happens.
    client
        .execute("SELECT pg_advisory_lock($1)", &[&LOCK])
        .await
        .map_err(failed)?;
    ensure_extension(client).await?;
    match version(client).await? {
        Some(found) if found > VERSION => Err(Error::Schema {
            what: format!(
                "the database has schema version {found}, this program knows up to {VERSION}; upgrade this node"
            ),
        }),
        Some(VERSION) => watermark::read(client, owner).await.map(drop),
        Some(_) => {
            batch(client, "BEGIN").await?;
            batch(client, UPGRADE).await?;
            // Since version 6 there are tables of our own collector's elements.
            let new = create_tables(client).await?;
            batch(client, ROLLUPS).await?;
            batch(client, &relation_sums::create()).await?;
            create_views(client).await?;
            note_version(client).await?;
            batch(client, "COMMIT").await?;
            watermark::read(client, owner).await?;
            compress(client, &new).await
        }
        None => {
            batch(client, "BEGIN").await?;
            let mut new = create(client, owner).await?;
            batch(client, "COMMIT").await?;
            watermark::read(client, owner).await?;
            new.push(("metrics.samples".to_owned(), "series_id"));
            new.push(("metrics.elements".to_owned(), "collector_id"));
            compress(client, &new).await
        }
    }
}

/// A table, and the column by which its compressed rows are put together.
type Segmented = (String, &'static str);

async fn create(client: &Client, owner: StoreOwner) -> Result<Vec<Segmented>> {
    batch(client, SCHEMA).await?;
    let new = create_tables(client).await?;
    batch(client, ROLLUPS).await?;
    batch(client, &relation_sums::create()).await?;
    create_views(client).await?;
    client
        .execute(
            "INSERT INTO pganalytics.watermark (cluster_id) VALUES ($1) ON CONFLICT DO NOTHING",
            &[&owner.to_string()],
        )
        .await
        .map_err(failed)?;
    note_version(client).await?;
    Ok(new)
}

/// Makes those of the typed tables that are not there, and answers which.
async fn create_tables(client: &Client) -> Result<Vec<Segmented>> {
    let mut new = Vec::new();
    for id in catalogue::tables() {
        let name = id.table().qualified();
        let is_there = client
            .query_one("SELECT to_regclass($1) IS NOT NULL", &[&name])
            .await
            .and_then(|row| row.try_get::<_, bool>(0))
            .map_err(failed)?;
        if !is_there {
            batch(client, &table_sql(id.table())).await?;
            new.push((name, "collector_id"));
        }
    }
    Ok(new)
}

async fn create_views(client: &Client) -> Result<()> {
    batch(client, VIEWS).await?;
    batch(client, FUNCTIONS).await?;
    let views = catalogue::VIEWS.iter().map(|view| view.postgres_view());
    batch(client, &views.collect::<Vec<_>>().join("; ")).await
}

async fn note_version(client: &Client) -> Result<()> {
    client
        .execute(
            "INSERT INTO pganalytics.schema_version (version) VALUES ($1)",
            &[&VERSION],
        )
        .await
        .map(drop)
        .map_err(failed)
}

fn table_sql(table: &Table) -> String {
    let (create, name, days) = (table.postgres_table(), table.qualified(), table.chunk_days);
    let indexes = table.postgres_indexes().join("; ");
    format!(
        "{create}; \
         SELECT create_hypertable('{name}', 'time', chunk_time_interval => interval '{days} days', \
         create_default_indexes => false, if_not_exists => true); {indexes}"
    )
}

/// The newest applied version, if any.
async fn version(client: &Client) -> Result<Option<i32>> {
    let exists = client
        .query_one(
            "SELECT to_regclass('pganalytics.schema_version') IS NOT NULL",
            &[],
        )
        .await
        .and_then(|row| row.try_get::<_, bool>(0))
        .map_err(failed)?;
    if !exists {
        return Ok(None);
    }
    client
        .query_one("SELECT max(version) FROM pganalytics.schema_version", &[])
        .await
        .and_then(|row| row.try_get(0))
        .map_err(failed)
}

async fn ensure_extension(client: &Client) -> Result<()> {
    let row = client
        .query_one(
            "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb'), \
             EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')",
            &[],
        )
        .await
        .map_err(failed)?;
    let (installed, available): (bool, bool) = (
        row.try_get(0).map_err(failed)?,
        row.try_get(1).map_err(failed)?,
    );
    if installed {
        return Ok(());
    }
    if !available {
        return Err(Error::Schema {
            what: "the server has no TimescaleDB; install its package for this PostgreSQL, add timescaledb to \
                   shared_preload_libraries and restart the server"
                .to_owned(),
        });
    }
    match client
        .batch_execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
        .await
    {
        Ok(()) => Ok(()),
        Err(error) => match failure::refusal(&error) {
            Some(refusal) => Err(Error::Schema {
                what: format!(
                    "the extension timescaledb cannot be created ({refusal}); run CREATE EXTENSION timescaledb \
                     in this database as a superuser"
                ),
            }),
            None => Err(failed(error)),
        },
    }
}

/// Turns compression on where the edition has it; without it everything works, with more disk.
async fn compress(client: &Client, tables: &[Segmented]) -> Result<()> {
    let licence: String = client
        .query_one("SELECT current_setting('timescaledb.license', true)", &[])
        .await
        .and_then(|row| row.try_get::<_, Option<String>>(0))
        .map_err(failed)?
        .unwrap_or_default();
    tracing::info!(licence, "found the edition of TimescaleDB");
    if licence != "timescale" {
        return Ok(());
    }
    for (table, segment) in tables {
        let sql = format!(
            "ALTER TABLE {table} SET (timescaledb.compress, timescaledb.compress_segmentby = '{segment}', \
             timescaledb.compress_orderby = 'time DESC'); \
             SELECT add_compression_policy('{table}', interval '{COMPRESS_AFTER}', if_not_exists => true)"
        );
        if let Err(error) = batch(client, &sql).await {
            tracing::warn!(table, %error, "compression stays off");
        }
    }
    Ok(())
}

async fn batch(client: &Client, sql: &str) -> Result<()> {
    client.batch_execute(sql).await.map_err(failed)
}

fn failed(error: tokio_postgres::Error) -> Error {
    failure::schema_or_unavailable("migrate", error)
}

//! Inventories: contents that are stored once, and what each collector sent last.

use std::collections::HashMap;

use pga_config::CollectorId;
use tokio_postgres::Client;
use uuid::Uuid;

use super::pg_time::PgTime;
use crate::store::FlushElement;
use crate::store::inventory::{SplitBody, changed};
use crate::store::mapper::Inventory;
use crate::{Document, Timestamp};

/// The last content of each collector and type seen through one connection, and when its typed rows
/// were written.
#[derive(Debug, Default)]
pub(super) struct Inventories {
    last: HashMap<(CollectorId, String), (Uuid, Timestamp)>,
}

impl Inventories {
    /// Stores the content of `document` unless it is there, and tells whether its typed rows must
    /// be written.
    pub(super) async fn keep(
        &mut self,
        client: &Client,
        element: &FlushElement,
        document: &Document,
        split: &SplitBody,
    ) -> Result<Inventory, tokio_postgres::Error> {
        let key = (element.collector, document.kind.clone());
        let last = match self.last.get(&key) {
            Some(last) => Some(*last),
            None => load(client, element.collector, &document.kind).await?,
        };
        let inventory = changed(last, split.hash, document.time);
        let next = match last {
            Some(last) if inventory == Inventory::Unchanged => last,
            _ => {
                store(client, element.collector, document, split).await?;
                (split.hash, document.time)
            }
        };
        self.last.insert(key, next);
        Ok(inventory)
    }
}

async fn load(
    client: &Client,
    collector: CollectorId,
    kind: &str,
) -> Result<Option<(Uuid, Timestamp)>, tokio_postgres::Error> {
    let sql =
        "SELECT hash, written FROM metrics.inventory_current WHERE collector_id = $1 AND kind = $2";
    let Some(row) = client.query_opt(sql, &[&collector.get(), &kind]).await? else {
        return Ok(None);
    };
    Ok(Some((row.try_get(0)?, row.try_get::<_, PgTime>(1)?.0)))
}

async fn store(
    client: &Client,
    collector: CollectorId,
    document: &Document,
    split: &SplitBody,
) -> Result<(), tokio_postgres::Error> {
    let content = String::from_utf8_lossy(&split.content);
    client
        .execute(
            "INSERT INTO metrics.inventory (hash, collector_id, kind, first_seen, content) \
             VALUES ($1, $2, $3, now(), $4) ON CONFLICT DO NOTHING",
            &[&split.hash, &collector.get(), &document.kind, &content],
        )
        .await?;
    client
        .execute(
            "INSERT INTO metrics.inventory_current (collector_id, kind, hash, written) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (collector_id, kind) DO UPDATE SET hash = excluded.hash, written = excluded.written",
            &[&collector.get(), &document.kind, &split.hash, &PgTime(document.time)],
        )
        .await?;
    Ok(())
}

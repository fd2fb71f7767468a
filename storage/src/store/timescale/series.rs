//! Identity of plain samples: from (collector, name, labels, form) to the id in `metrics.series`.

use std::collections::HashMap;

use pga_config::CollectorId;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::Sample;
use crate::store::series::{SeriesKey, labels_json};

/// Most ids remembered, about 50 bytes each; beyond that the memory starts anew.
const REMEMBERED: usize = 500_000;
/// Series looked up or made by one statement.
const STATEMENT_ROWS: usize = 5_000;

/// Ids of the series seen through one connection.
///
/// It lives and dies with the connection and its transactions: a rollback or a failover may take
/// series away.
#[derive(Debug, Default)]
pub(super) struct SeriesIds {
    known: HashMap<Uuid, i64>,
}

/// A sample with the key of its series.
pub(super) type Keyed<'a> = (Uuid, CollectorId, &'a Sample);

/// The key of the series of `sample`.
pub(super) fn key(collector: CollectorId, sample: &Sample) -> Uuid {
    Uuid::from_bytes(SeriesKey::of(collector.get(), sample).to_bytes())
}

impl SeriesIds {
    /// The id of each sample's series, in order; makes the series that are missing.
    pub(super) async fn resolve(
        &mut self,
        client: &Client,
        samples: &[Keyed<'_>],
    ) -> Result<Vec<i64>, tokio_postgres::Error> {
        if self.known.len() > REMEMBERED {
            self.known.clear();
        }
        let mut missing: HashMap<Uuid, Keyed<'_>> = HashMap::new();
        for sample in samples {
            if !self.known.contains_key(&sample.0) {
                missing.insert(sample.0, *sample);
            }
        }
        let missing: Vec<Keyed<'_>> = missing.into_values().collect();
        for part in missing.chunks(STATEMENT_ROWS) {
            self.look_up(client, part).await?;
            let unknown = self.unknown(part);
            if !unknown.is_empty() {
                self.make(client, &unknown).await?;
            }
            if !self.unknown(part).is_empty() {
                // Made by a fenced flusher meanwhile: it is there by now.
                self.look_up(client, part).await?;
            }
        }
        // INVARIANT: every key was found or made; an id of 0 would be a sample without series,
        // never a wrong one.
        Ok(samples
            .iter()
            .map(|(key, ..)| self.known.get(key).copied().unwrap_or_default())
            .collect())
    }

    fn unknown<'s>(&self, part: &[Keyed<'s>]) -> Vec<Keyed<'s>> {
        let unknown = |sample: &&Keyed<'s>| !self.known.contains_key(&sample.0);
        part.iter().filter(unknown).copied().collect()
    }

    async fn look_up(
        &mut self,
        client: &Client,
        part: &[Keyed<'_>],
    ) -> Result<(), tokio_postgres::Error> {
        let keys: Vec<Uuid> = part.iter().map(|(key, ..)| *key).collect();
        let sql = "SELECT key, id FROM metrics.series WHERE key = ANY($1)";
        for row in client.query(sql, &[&keys]).await? {
            self.known.insert(row.try_get(0)?, row.try_get(1)?);
        }
        Ok(())
    }

    async fn make(
        &mut self,
        client: &Client,
        part: &[Keyed<'_>],
    ) -> Result<(), tokio_postgres::Error> {
        let keys: Vec<Uuid> = part.iter().map(|(key, ..)| *key).collect();
        let collectors: Vec<Uuid> = part.iter().map(|(_, id, _)| id.get()).collect();
        let names: Vec<&str> = part.iter().map(|(.., s)| s.name.as_str()).collect();
        let labels: Vec<String> = part.iter().map(|(.., s)| labels_json(s)).collect();
        let forms: Vec<i16> = part
            .iter()
            .map(|(.., s)| i16::from(s.form.bits()))
            .collect();
        let rows = client
            .query(
                "INSERT INTO metrics.series (key, collector_id, name, labels, form) \
                 SELECT k, c, n, l::jsonb, f \
                 FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::smallint[]) AS s (k, c, n, l, f) \
                 ON CONFLICT (key) DO NOTHING RETURNING key, id",
                &[&keys, &collectors, &names, &labels, &forms],
            )
            .await?;
        for row in rows {
            self.known.insert(row.try_get(0)?, row.try_get(1)?);
        }
        Ok(())
    }
}

//! Inventories: elements that say the same for days, kept once per content with a reference per element.

use std::collections::{BTreeMap, HashMap};

use pga_config::CollectorId;
use serde_json::value::RawValue;
use tokio_postgres::Client;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_128;

use crate::Document;
use crate::store::catalogue;

/// The member of an element that changes while its content does not.
const TIMESTAMP: &str = "timestamp";

/// An inventory, split into what is stored once and what each element has for itself.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) hash: Uuid,
    /// The element without its timestamp.
    pub(super) body: String,
    /// The timestamp's JSON text.
    pub(super) timestamp: Option<String>,
}

impl Content {
    /// The content of `document`, if it is an inventory that can be put together again exactly.
    pub(super) fn of(document: &Document) -> Option<Self> {
        if !catalogue::is_inventory(&document.kind) {
            return None;
        }
        let mut members: BTreeMap<String, &RawValue> =
            serde_json::from_slice(&document.body).ok()?;
        let timestamp = members.remove(TIMESTAMP).map(|raw| raw.get().to_owned());
        let body = serde_json::to_string(&members).ok()?;
        let whole = join(&body, timestamp.as_deref())?;
        (whole.as_bytes() == document.body).then(|| Self {
            hash: Uuid::from_u128(xxh3_128(body.as_bytes())),
            body,
            timestamp,
        })
    }
}

/// The element again: `body` with `timestamp` in its place.
pub(super) fn join(body: &str, timestamp: Option<&str>) -> Option<String> {
    let mut members: BTreeMap<String, &RawValue> = serde_json::from_str(body).ok()?;
    if let Some(text) = timestamp {
        members.insert(TIMESTAMP.to_owned(), serde_json::from_str(text).ok()?);
    }
    serde_json::to_string(&members).ok()
}

/// The hash each collector sent last, as far as this connection knows.
#[derive(Debug, Default)]
pub(super) struct Current {
    known: HashMap<(CollectorId, String), Uuid>,
}

impl Current {
    /// Makes `content` the collector's current one; returns whether it was another one before.
    pub(super) async fn replace(
        &mut self,
        client: &Client,
        collector: CollectorId,
        document: &Document,
        content: &Content,
    ) -> Result<bool, tokio_postgres::Error> {
        let key = (collector, document.kind.clone());
        if self.known.get(&key) == Some(&content.hash) {
            return Ok(false);
        }
        let changed = client
            .execute(
                "INSERT INTO metrics.inventory_current AS c (collector_id, kind, hash) VALUES ($1, $2, $3) \
                 ON CONFLICT (collector_id, kind) DO UPDATE SET hash = excluded.hash WHERE c.hash <> excluded.hash",
                &[&collector.get(), &document.kind, &content.hash],
            )
            .await?
            == 1;
        if changed {
            client
                .execute(
                    "INSERT INTO metrics.inventory (hash, collector_id, kind, first_seen, body) \
                     VALUES ($1, $2, $3, now(), $4) ON CONFLICT DO NOTHING",
                    &[
                        &content.hash,
                        &collector.get(),
                        &document.kind,
                        &content.body,
                    ],
                )
                .await?;
        }
        self.known.insert(key, content.hash);
        Ok(changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    fn document(kind: &str, body: &str) -> Document {
        Document {
            kind: kind.to_owned(),
            time: Timestamp::from_micros(0),
            database: String::new(),
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn the_same_content_at_another_time_has_the_same_hash_and_both_come_back_exactly() {
        let first = r#"{"databases":{"d":{"n":1.50}},"timestamp":"2026-03-05T08:00:00Z","type":"pg_schema"}"#;
        let later = r#"{"databases":{"d":{"n":1.50}},"timestamp":"2026-03-05T09:00:00Z","type":"pg_schema"}"#;
        let contents =
            [first, later].map(|body| Content::of(&document("pg_schema", body)).unwrap());
        assert_eq!(contents[0].hash, contents[1].hash);
        for (content, body) in contents.iter().zip([first, later]) {
            let joined = join(&content.body, content.timestamp.as_deref());
            assert_eq!(joined.as_deref(), Some(body));
        }
    }

    #[test]
    fn what_is_no_inventory_or_does_not_come_back_exactly_is_left_alone() {
        for (kind, body) in [
            ("pg_stats", r#"{"a":1}"#),
            ("pg_schema", "[]"),
            ("pg_schema", r#"{"b":1,"a":2}"#),
            ("pg_schema", r#"{"a":1,"a":2}"#),
        ] {
            assert!(
                Content::of(&document(kind, body)).is_none(),
                "{kind} {body}"
            );
        }
    }
}

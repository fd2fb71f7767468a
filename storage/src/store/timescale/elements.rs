//! Reading elements back, as they were sent.
//!
//! Plain samples, other elements and dead letters stand in three tables; a page is the first `limit` of their union
//! in the order (time, log index, ordinal), which is also what the cursor names.

use std::fmt;
use std::str::FromStr;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use super::failure;
use super::inventory;
use super::pg_time::PgTime;
use super::sample_text::sample_json;
use crate::store::{ElementPage, ElementQuery};
use crate::{Element, Error, Result, Sample, SampleForm, Timestamp};

/// Most elements of a page, whatever the query asks.
const PAGE: u32 = 10_000;

/// Each series is read in its own order, at most a page of it, so that a page costs no more than the collector's
/// series times its size however much else the table holds.
const SAMPLES: &str = "SELECT s.time, s.log_index, s.ordinal, s.value, r.name, r.labels::text, r.form \
    FROM metrics.series r CROSS JOIN LATERAL (SELECT time, log_index, ordinal, value FROM metrics.samples \
        WHERE series_id = r.id AND time >= $2 AND time < $3 AND (time, log_index, ordinal) > ($2, $4, $5) \
        ORDER BY time, log_index, ordinal LIMIT $6) s \
    WHERE r.collector_id = $1 ORDER BY 1, 2, 3 LIMIT $6";

const ELEMENTS: &str = "SELECT e.time, e.log_index, e.ordinal, coalesce(e.body, i.body), \
        CASE WHEN e.inventory IS NOT NULL THEN e.sent_timestamp END, e.inventory IS NOT NULL \
    FROM (SELECT * FROM metrics.elements WHERE collector_id = $1 AND time >= $2 AND time < $3 \
        AND (time, log_index, ordinal) > ($2, $4, $5) AND ($7::text IS NULL OR kind = $7) \
        ORDER BY time, log_index, ordinal LIMIT $6) e \
    LEFT JOIN metrics.inventory i ON i.collector_id = e.collector_id AND i.hash = e.inventory \
    ORDER BY 1, 2, 3";

/// One element with its place in the order.
struct Found {
    place: Place,
    text: String,
}

/// The order of elements, and the text of a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    time: Timestamp,
    index: i64,
    ordinal: i32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.time.micros(), self.index, self.ordinal)
    }
}

impl FromStr for Place {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bad = || Error::Argument {
            key: "cursor",
            what: "not one of this store's".to_owned(),
        };
        let parts: Vec<&str> = text.split('.').collect();
        let &[time, index, ordinal] = parts.as_slice() else {
            return Err(bad());
        };
        Ok(Self {
            time: Timestamp::from_micros(time.parse().map_err(|_| bad())?),
            index: index.parse().map_err(|_| bad())?,
            ordinal: ordinal.parse().map_err(|_| bad())?,
        })
    }
}

/// One page of elements.
pub(super) async fn page(client: &Client, query: &ElementQuery) -> Result<ElementPage> {
    let limit = query.limit.clamp(1, PAGE) as usize;
    let mut found = Vec::new();
    let kind = query.kind.as_deref();
    let after = start(query)?;
    if kind.is_none_or(|kind| kind == Element::SAMPLES) {
        let rows = fetch(client, SAMPLES, query, after, limit, false).await?;
        for row in rows {
            found.push(sample(&row).map_err(read_failed)?);
        }
    }
    for row in fetch(client, ELEMENTS, query, after, limit, true).await? {
        found.push(element(&row)?);
    }
    found.sort_by_key(|found| found.place);
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found
        .last()
        .filter(|_| more)
        .map(|last| last.place.to_string());
    Ok(ElementPage {
        data: found.into_iter().map(|found| found.text).collect(),
        next_cursor: next,
    })
}

/// The place after which the page starts.
fn start(query: &ElementQuery) -> Result<Place> {
    let first = Place {
        time: query.from.unwrap_or(Timestamp::from_micros(i64::MIN)),
        index: -1,
        ordinal: -1,
    };
    match &query.cursor {
        Some(cursor) => Ok(first.max(cursor.parse()?)),
        None => Ok(first),
    }
}

async fn fetch(
    client: &Client,
    sql: &str,
    query: &ElementQuery,
    after: Place,
    limit: usize,
    with_kind: bool,
) -> Result<Vec<Row>> {
    let collector = query.collector.get();
    let from = PgTime(after.time);
    let to = PgTime(query.to.unwrap_or(Timestamp::from_micros(i64::MAX)));
    // One more than the page tells whether there is another page.
    let limit = limit as i64 + 1;
    let mut params: Vec<&(dyn ToSql + Sync)> =
        vec![&collector, &from, &to, &after.index, &after.ordinal, &limit];
    if with_kind {
        params.push(&query.kind);
    }
    client.query(sql, &params).await.map_err(read_failed)
}

fn place(row: &Row) -> Result<Place, tokio_postgres::Error> {
    Ok(Place {
        time: row.try_get::<_, PgTime>(0)?.0,
        index: row.try_get(1)?,
        ordinal: row.try_get(2)?,
    })
}

fn sample(row: &Row) -> Result<Found, tokio_postgres::Error> {
    let place = place(row)?;
    let labels: &str = row.try_get(5)?;
    let labels: std::collections::BTreeMap<String, String> =
        serde_json::from_str(labels).unwrap_or_default();
    let form: i16 = row.try_get(6)?;
    let sample = Sample {
        name: row.try_get(4)?,
        labels: labels.into_iter().collect(),
        time: place.time,
        value: row.try_get(3)?,
        form: SampleForm::from_bits(u8::try_from(form).unwrap_or_default()),
    };
    Ok(Found {
        place,
        text: sample_json(&sample),
    })
}

fn element(row: &Row) -> Result<Found> {
    let place = place(row).map_err(read_failed)?;
    let body: Option<String> = row.try_get(3).map_err(read_failed)?;
    let timestamp: Option<&str> = row.try_get(4).map_err(read_failed)?;
    let is_inventory: bool = row.try_get(5).map_err(read_failed)?;
    let text = match body {
        Some(body) if is_inventory => inventory::join(&body, timestamp),
        body => body,
    };
    let text = text.ok_or_else(|| Error::Schema {
        what: format!("the content of the element at {place} is missing in metrics.inventory"),
    })?;
    Ok(Found { place, text })
}

fn read_failed(error: tokio_postgres::Error) -> Error {
    failure::unavailable("read from", error)
}

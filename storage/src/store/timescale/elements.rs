//! Reading elements back, as they were sent.
//!
//! Plain samples, other elements and dead letters stand in three tables; a page is the first `limit` of their union
//! in the order (time, log index, ordinal), which is also what the cursor names.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use super::failure;
use super::pg_time::PgTime;
use crate::store::inventory;
use crate::store::series::SeriesText;
use crate::store::{Cursor, ElementPage, ElementQuery};
use crate::{Element, Error, Result, SampleForm, Timestamp};

/// Most elements of a page, whatever the query asks.
const PAGE: u32 = 10_000;

/// Each series is read in its own order, at most a page of it, so that a page costs no more than the collector's
/// series times its size however much else the table holds.
const SAMPLES: &str = "SELECT s.time, s.log_index, s.ordinal, s.value, r.name, r.labels::text, r.form \
    FROM metrics.series r CROSS JOIN LATERAL (SELECT time, log_index, ordinal, value FROM metrics.samples \
        WHERE series_id = r.id AND time >= $2 AND time < $3 AND (time, log_index, ordinal) > ($2, $4, $5) \
        ORDER BY time, log_index, ordinal LIMIT $6) s \
    WHERE r.collector_id = $1 ORDER BY 1, 2, 3 LIMIT $6";

const ELEMENTS: &str = "SELECT e.time, e.log_index, e.ordinal, e.body, \
        i.content, e.sent_timestamp, e.cut_at \
    FROM (SELECT * FROM metrics.elements WHERE collector_id = $1 AND time >= $2 AND time < $3 \
        AND (time, log_index, ordinal) > ($2, $4, $5) AND ($7::text IS NULL OR kind = $7) \
        ORDER BY time, log_index, ordinal LIMIT $6) e \
    LEFT JOIN metrics.inventory i ON i.collector_id = e.collector_id AND i.hash = e.inventory \
    ORDER BY 1, 2, 3";

/// One element with its place in the order.
struct Found {
    place: Cursor,
    text: String,
}

/// One page of elements.
pub(super) async fn page(client: &Client, query: &ElementQuery) -> Result<ElementPage> {
    let limit = query.limit.clamp(1, PAGE) as usize;
    let mut found = Vec::new();
    let kind = query.kind.as_deref();
    let after = After::of(query)?;
    if kind.is_none_or(|kind| kind == Element::SAMPLES) {
        let rows = fetch(client, SAMPLES, query, &after, limit, false).await?;
        for row in rows {
            found.push(sample(&row).map_err(read_failed)?);
        }
    }
    for row in fetch(client, ELEMENTS, query, &after, limit, true).await? {
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

/// What comes before the first element of a page, as column values.
struct After {
    time: Timestamp,
    index: i64,
    ordinal: i32,
}

impl After {
    fn of(query: &ElementQuery) -> Result<Self> {
        let from = query.from.unwrap_or(Timestamp::from_micros(i64::MIN));
        let cursor: Option<Cursor> = query.cursor.as_deref().map(str::parse).transpose()?;
        Ok(match cursor {
            Some(cursor) if cursor.time >= from => Self {
                time: cursor.time,
                index: i64::try_from(cursor.index).unwrap_or(i64::MAX),
                ordinal: i32::try_from(cursor.ordinal).unwrap_or(i32::MAX),
            },
            _ => Self {
                time: from,
                index: -1,
                ordinal: -1,
            },
        })
    }
}

async fn fetch(
    client: &Client,
    sql: &str,
    query: &ElementQuery,
    after: &After,
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

fn place(row: &Row) -> Result<Cursor, tokio_postgres::Error> {
    Ok(Cursor {
        time: row.try_get::<_, PgTime>(0)?.0,
        index: row.try_get::<_, i64>(1)?.unsigned_abs(),
        ordinal: row.try_get::<_, i32>(2)?.unsigned_abs(),
    })
}

fn sample(row: &Row) -> Result<Found, tokio_postgres::Error> {
    let place = place(row)?;
    let (name, labels): (&str, &str) = (row.try_get(4)?, row.try_get(5)?);
    // jsonb orders keys in its own way; they were sent, and are given back, in order.
    let labels: serde_json::Value = serde_json::from_str(labels).unwrap_or_default();
    let form: i16 = row.try_get(6)?;
    let form = SampleForm::from_bits(u8::try_from(form).unwrap_or_default());
    let series = SeriesText::new(name, &labels.to_string(), form);
    Ok(Found {
        place,
        text: series.sample(place.time, row.try_get(3)?),
    })
}

fn element(row: &Row) -> Result<Found> {
    let place = place(row).map_err(read_failed)?;
    let text = match row.try_get(3).map_err(read_failed)? {
        Some(body) => Some(body),
        None => referred(row).map_err(read_failed)?,
    };
    let text = text.ok_or_else(|| Error::Schema {
        what: format!("the content of the element at {place} is missing in metrics.inventory"),
    })?;
    Ok(Found { place, text })
}

/// An inventory, put together from its content and its own timestamp.
fn referred(row: &Row) -> Result<Option<String>, tokio_postgres::Error> {
    let (content, timestamp): (Option<&str>, Option<&str>) = (row.try_get(4)?, row.try_get(5)?);
    let cut_at: Option<i32> = row.try_get(6)?;
    let (Some(content), Some(timestamp), Some(cut_at)) = (content, timestamp, cut_at) else {
        return Ok(None);
    };
    let cut_at = usize::try_from(cut_at).unwrap_or_default();
    let body = inventory::join(content.as_bytes(), cut_at, timestamp);
    Ok(String::from_utf8(body).ok())
}

fn read_failed(error: tokio_postgres::Error) -> Error {
    failure::unavailable("read from", error)
}

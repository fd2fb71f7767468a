//! Reading elements back, as they were sent.
//!
//! Plain samples, other elements and dead letters stand in three tables; a page is the first
//! `limit` of their union in the order (time, log index, ordinal), which is also what the cursor
//! names.

use std::collections::HashMap;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use super::failure;
use super::pg_time::PgTime;
use crate::store::inventory;
use crate::store::series::SeriesText;
use crate::store::{Cursor, ElementOrder, ElementPage, ElementQuery};
use crate::{Element, Error, Result, SampleForm, Timestamp};

/// Most elements of a page, whatever the query asks.
const PAGE: u32 = 10_000;

/// The first `$7` of the first `$6` samples of each series. Reading each in its own order costs no
/// more than that, however much else the table holds.
const SAMPLES: &str = "SELECT s.time, s.log_index, s.ordinal, s.value, r.name, r.labels::text, r.form, r.id \
    FROM metrics.series r CROSS JOIN LATERAL (SELECT time, log_index, ordinal, value FROM metrics.samples \
        WHERE series_id = r.id AND time >= $2 AND time < $3 AND (time, log_index, ordinal) > ($2, $4, $5) \
        ORDER BY time, log_index, ordinal LIMIT $6) s \
    WHERE r.collector_id = $1 ORDER BY 1, 2, 3 LIMIT $7";

/// The same from the newest on.
const NEWEST_SAMPLES: &str = "SELECT s.time, s.log_index, s.ordinal, s.value, r.name, r.labels::text, r.form, r.id \
    FROM metrics.series r CROSS JOIN LATERAL (SELECT time, log_index, ordinal, value FROM metrics.samples \
        WHERE series_id = r.id AND time >= $2 AND time <= $3 AND (time, log_index, ordinal) < ($3, $4, $5) \
        ORDER BY time DESC, log_index DESC, ordinal DESC LIMIT $6) s \
    WHERE r.collector_id = $1 ORDER BY 1 DESC, 2 DESC, 3 DESC LIMIT $7";

const SERIES: &str = "SELECT count(*) FROM metrics.series WHERE collector_id = $1";

const ELEMENTS: &str = "SELECT e.time, e.log_index, e.ordinal, e.body, \
        i.content, e.sent_timestamp, e.cut_at \
    FROM (SELECT * FROM metrics.elements WHERE collector_id = $1 AND time >= $2 AND time < $3 \
        AND (time, log_index, ordinal) > ($2, $4, $5) AND ($7::text IS NULL OR kind = $7) \
        ORDER BY time, log_index, ordinal LIMIT $6) e \
    LEFT JOIN metrics.inventory i ON i.collector_id = e.collector_id AND i.hash = e.inventory \
    ORDER BY 1, 2, 3";

const NEWEST_ELEMENTS: &str = "SELECT e.time, e.log_index, e.ordinal, e.body, \
        i.content, e.sent_timestamp, e.cut_at \
    FROM (SELECT * FROM metrics.elements WHERE collector_id = $1 AND time >= $2 AND time <= $3 \
        AND (time, log_index, ordinal) < ($3, $4, $5) AND ($7::text IS NULL OR kind = $7) \
        ORDER BY time DESC, log_index DESC, ordinal DESC LIMIT $6) e \
    LEFT JOIN metrics.inventory i ON i.collector_id = e.collector_id AND i.hash = e.inventory \
    ORDER BY 1 DESC, 2 DESC, 3 DESC";

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
    // One more than the page tells whether there is another page.
    if kind.is_none_or(|kind| kind == Element::SAMPLES) {
        found = samples(client, query, after, limit + 1).await?;
    }
    let (sql, _) = statements(query.order);
    for row in fetch(client, sql, query, &after, limit + 1, &query.kind).await? {
        found.push(element(&row)?);
    }
    found.sort_by_key(|found| found.place);
    if query.order == ElementOrder::Descending {
        found.reverse();
    }
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

/// For elements and for samples.
const fn statements(order: ElementOrder) -> (&'static str, &'static str) {
    match order {
        ElementOrder::Ascending => (ELEMENTS, SAMPLES),
        ElementOrder::Descending => (NEWEST_ELEMENTS, NEWEST_SAMPLES),
    }
}

/// At least the first `wanted` samples, or all.
///
/// Each step reads a few samples of every series. What comes before the last one of a series that
/// has more is complete; the next step goes on from there, with more of each.
async fn samples(
    client: &Client,
    query: &ElementQuery,
    mut after: After,
    wanted: usize,
) -> Result<Vec<Found>> {
    let series = client.query_one(SERIES, &[&query.collector.get()]).await;
    let series: i64 = series.and_then(|row| row.try_get(0)).map_err(read_failed)?;
    let series = usize::try_from(series).unwrap_or_default();
    let mut each = (2 * wanted / series.max(1)).clamp(4.min(wanted), wanted);
    let (mut found, most) = (Vec::new(), wanted as i64);
    let (_, sql) = statements(query.order);
    let is_ascending = query.order == ElementOrder::Ascending;
    loop {
        let rows = fetch(client, sql, query, &after, each, &most).await?;
        let mut step = Vec::with_capacity(rows.len());
        let mut ends: HashMap<i64, (usize, Cursor)> = HashMap::new();
        for row in rows {
            let sample = sample(&row).map_err(read_failed)?;
            let end = ends.entry(row.try_get(7).map_err(read_failed)?);
            let end = end.or_insert((0, sample.place));
            *end = (end.0 + 1, sample.place);
            step.push(sample);
        }
        let cut = ends.into_values().filter(|(read, _)| *read == each);
        let cut = cut.map(|(_, last)| last);
        let complete = if is_ascending { cut.min() } else { cut.max() };
        let Some(complete) = complete else {
            found.extend(step);
            return Ok(found);
        };
        found.extend(step.into_iter().filter(|sample| match is_ascending {
            true => sample.place <= complete,
            false => sample.place >= complete,
        }));
        if found.len() >= wanted {
            return Ok(found);
        }
        after = After::place(complete);
        each = (8 * each).min(wanted);
    }
}

/// The place after which a page begins, or before which if the newest come first, as column values.
#[derive(Clone, Copy)]
struct After {
    time: Timestamp,
    index: i64,
    ordinal: i32,
}

impl After {
    fn of(query: &ElementQuery) -> Result<Self> {
        let cursor: Option<Cursor> = query.cursor.as_deref().map(str::parse).transpose()?;
        let bound = match query.order {
            ElementOrder::Ascending => query.from.unwrap_or(Timestamp::from_micros(i64::MIN)),
            ElementOrder::Descending => query.to.unwrap_or(Timestamp::from_micros(i64::MAX)),
        };
        let is_inside = |cursor: &Cursor| match query.order {
            ElementOrder::Ascending => cursor.time >= bound,
            ElementOrder::Descending => cursor.time < bound,
        };
        Ok(match cursor.filter(is_inside) {
            Some(cursor) => Self::place(cursor),
            None => Self {
                time: bound,
                index: -1,
                ordinal: -1,
            },
        })
    }

    fn place(cursor: Cursor) -> Self {
        Self {
            time: cursor.time,
            index: i64::try_from(cursor.index).unwrap_or(i64::MAX),
            ordinal: i32::try_from(cursor.ordinal).unwrap_or(i32::MAX),
        }
    }
}

async fn fetch(
    client: &Client,
    sql: &str,
    query: &ElementQuery,
    after: &After,
    limit: usize,
    last: &(dyn ToSql + Sync),
) -> Result<Vec<Row>> {
    let collector = query.collector.get();
    let (from, to) = match query.order {
        ElementOrder::Ascending => (
            after.time,
            query.to.unwrap_or(Timestamp::from_micros(i64::MAX)),
        ),
        ElementOrder::Descending => (
            query.from.unwrap_or(Timestamp::from_micros(i64::MIN)),
            after.time,
        ),
    };
    let (from, to) = (PgTime(from), PgTime(to));
    let limit = limit as i64;
    let params: [&(dyn ToSql + Sync); 7] = [
        &collector,
        &from,
        &to,
        &after.index,
        &after.ordinal,
        &limit,
        last,
    ];
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

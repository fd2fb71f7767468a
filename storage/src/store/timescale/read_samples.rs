//! Plain samples of a collector, out of those of its series.

use std::collections::HashMap;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row as PgRow};

use super::failure;
use super::pg_time::PgTime;
use crate::query::{ElementOrder, ElementRange, Row};
use crate::store::mapper::Value;
use crate::store::series::SeriesText;
use crate::{Error, Result, SampleForm, Timestamp};

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

type Place = (Timestamp, i64, i64);

/// A sample with its place in the order.
struct Found {
    place: Place,
    text: String,
}

/// The samples of a range.
///
/// Each step reads a few samples of every series. What comes before the last one of a series that
/// has more is complete; the next step goes on from there, with more of each.
pub(super) async fn rows(client: &Client, range: &ElementRange) -> Result<Vec<Row>> {
    let wanted = usize::try_from(range.limit).unwrap_or(usize::MAX);
    let series = client.query_one(SERIES, &[&range.collector.get()]).await;
    let series: i64 = series.and_then(|row| row.try_get(0)).map_err(failed)?;
    let series = usize::try_from(series).unwrap_or_default();
    let mut each = (2 * wanted / series.max(1)).clamp(4.min(wanted), wanted);
    let mut found = Vec::new();
    let mut rest = range.clone();
    let is_ascending = range.order == ElementOrder::Ascending;
    loop {
        let mut step = Vec::new();
        let mut ends: HashMap<i64, (usize, Place)> = HashMap::new();
        for row in fetch(client, &rest, each).await? {
            let sample = sample(&row).map_err(failed)?;
            let end = ends.entry(row.try_get(7).map_err(failed)?);
            let end = end.or_insert((0, sample.place));
            *end = (end.0 + 1, sample.place);
            step.push(sample);
        }
        let cut = ends.into_values().filter(|(read, _)| *read == each);
        let cut = cut.map(|(_, last)| last);
        let complete = if is_ascending { cut.min() } else { cut.max() };
        let Some(complete) = complete else {
            found.extend(step);
            break;
        };
        found.extend(step.into_iter().filter(|sample| match is_ascending {
            true => sample.place <= complete,
            false => sample.place >= complete,
        }));
        if found.len() >= wanted {
            break;
        }
        rest.start = complete;
        each = (8 * each).min(wanted);
    }
    found.truncate(wanted);
    Ok(found.into_iter().map(row).collect())
}

async fn fetch(client: &Client, range: &ElementRange, each: usize) -> Result<Vec<PgRow>> {
    let sql = match range.order {
        ElementOrder::Ascending => SAMPLES,
        ElementOrder::Descending => NEWEST_SAMPLES,
    };
    let collector = range.collector.get();
    let (from, to) = range.times();
    let (from, to) = (PgTime(from), PgTime(to));
    let (_, index, ordinal) = range.start;
    let ordinal = i32::try_from(ordinal).unwrap_or(i32::MAX);
    let each = i64::try_from(each).unwrap_or(i64::MAX);
    let limit = i64::from(range.limit);
    let params: [&(dyn ToSql + Sync); 7] =
        [&collector, &from, &to, &index, &ordinal, &each, &limit];
    client.query(sql, &params).await.map_err(failed)
}

fn sample(row: &PgRow) -> Result<Found, tokio_postgres::Error> {
    let time = row.try_get::<_, PgTime>(0)?.0;
    let place = (time, row.try_get(1)?, i64::from(row.try_get::<_, i32>(2)?));
    let (name, labels): (&str, &str) = (row.try_get(4)?, row.try_get(5)?);
    // jsonb orders keys in its own way; they were sent, and are given back, in order.
    let labels: serde_json::Value = serde_json::from_str(labels).unwrap_or_default();
    let form: i16 = row.try_get(6)?;
    let form = SampleForm::from_bits(u8::try_from(form).unwrap_or_default());
    let series = SeriesText::new(name, &labels.to_string(), form);
    let text = series.sample(time, row.try_get(3)?);
    Ok(Found { place, text })
}

fn row(found: Found) -> Row {
    let (time, index, ordinal) = found.place;
    Row::new(vec![
        Value::Time(time),
        Value::Int(index),
        Value::Int(ordinal),
        Value::Text(found.text),
    ])
}

fn failed(error: tokio_postgres::Error) -> Error {
    failure::unavailable("read from", error)
}

//! What the database holds, by table and day, from the sizes of its chunks.

use std::collections::BTreeMap;

use tokio_postgres::Client;

use super::failure;
use super::pg_time::PgTime;
use crate::store::catalogue;
use crate::store::disk_use::{Day, TableUse};
use crate::{Error, Result, Timestamp};

/// Chunks of a hypertable with their ranges; empty for another table.
const CHUNKS: &str = "SELECT c.range_start, c.range_end, d.total_bytes \
    FROM timescaledb_information.chunks c \
    JOIN chunks_detailed_size($1::text::regclass) d \
    ON d.chunk_schema = c.chunk_schema AND d.chunk_name = c.chunk_name \
    WHERE format('%I.%I', c.hypertable_schema, c.hypertable_name)::regclass = $1::text::regclass";
/// Tables that are no hypertables.
const PLAIN: [&str; 12] = [
    "metrics.series",
    "metrics.inventory",
    "metrics.inventory_current",
    "metrics.rate_state",
    "metrics.query_rollups",
    "metrics.query_rollup_marks",
    "metrics.series_rollups",
    "metrics.series_rollup_marks",
    "metrics.metrics_pg_table_sums",
    "metrics.metrics_pg_index_sums",
    "pganalytics.watermark",
    "pganalytics.dead_letter",
];

/// Every table, as of `now`.
pub(super) async fn disk_use(client: &Client, now: Timestamp) -> Result<Vec<TableUse>> {
    let typed = catalogue::tables().map(|id| {
        let table = id.table();
        (table.qualified(), Some(table.kind.to_owned()))
    });
    let own = [
        ("metrics.samples", Some(crate::Element::SAMPLES.to_owned())),
        ("metrics.elements", None),
    ];
    let own = own.map(|(table, kind)| (table.to_owned(), kind));
    let mut all = Vec::new();
    for (table, kind) in own.into_iter().chain(typed) {
        let rows = client.query(CHUNKS, &[&table]).await.map_err(failed)?;
        let mut one = TableUse {
            table,
            kind,
            ..TableUse::default()
        };
        for row in rows {
            let (PgTime(from), PgTime(to)) = (
                row.try_get(0).map_err(failed)?,
                row.try_get(1).map_err(failed)?,
            );
            let bytes: i64 = row.try_get(2).map_err(failed)?;
            let bytes = u64::try_from(bytes).unwrap_or_default();
            one.bytes += bytes;
            spread(&mut one.days, (from, to.min(now)), bytes);
        }
        all.push(one);
    }
    for table in PLAIN {
        let sql = "SELECT pg_total_relation_size($1::text::regclass)";
        let row = client.query_one(sql, &[&table]).await.map_err(failed)?;
        let bytes: i64 = row.try_get(0).map_err(failed)?;
        all.push(TableUse {
            table: table.to_owned(),
            bytes: u64::try_from(bytes).unwrap_or_default(),
            ..TableUse::default()
        });
    }
    Ok(all)
}

/// Divides a chunk's bytes evenly among its days; what is over is the first day's.
fn spread(days: &mut BTreeMap<Day, u64>, (from, to): (Timestamp, Timestamp), bytes: u64) {
    let first = Day::of(from);
    let last = Day::of(Timestamp::from_micros(to.micros().saturating_sub(1))).max(first);
    let mut covered = vec![first];
    let mut day = first;
    while day < last {
        day = day.plus(1);
        covered.push(day);
    }
    let count = covered.len() as u64;
    for day in covered {
        *days.entry(day).or_default() += bytes / count;
    }
    *days.entry(first).or_default() += bytes % count;
}

fn failed(error: tokio_postgres::Error) -> Error {
    failure::unavailable("read sizes from", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_divided_among_its_days() {
        let at = |days: i64| Timestamp::from_micros(days * 86_400_000_000);
        let mut days = BTreeMap::new();
        spread(&mut days, (at(10), at(13)), 100);
        spread(&mut days, (at(12), at(12)), 5);
        let found: Vec<u64> = days.values().copied().collect();
        assert_eq!(found, [34, 33, 38]);
        assert_eq!(days.keys().next(), Some(&Day::of(at(10))));
    }
}

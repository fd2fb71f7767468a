//! What the file holds, by table and day: a read of the whole file.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::values::{failed, unsigned};
use crate::Result;
use crate::store::catalogue;
use crate::store::disk_use::{Day, TableUse, divide};

/// Pages of each table, its indexes included.
const SIZES: &str = "SELECT s.tbl_name, sum(d.pgsize) FROM dbstat d
    JOIN sqlite_schema s ON s.name = d.name WHERE d.aggregate = TRUE GROUP BY 1 ORDER BY 1";
const DAY: &str = "time / 86400000000 - (time % 86400000000 < 0)";
/// What a row takes beside its content, about.
const ROW_BYTES: u32 = 64;

/// Every table. Elements, of all types in one table, are told by type.
pub(super) fn disk_use(db: &Connection) -> Result<Vec<TableUse>> {
    let fail = failed("read");
    let mut sizes = db.prepare(SIZES).map_err(&fail)?;
    let sizes = sizes.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)));
    let sizes: rusqlite::Result<Vec<(String, i64)>> = sizes.and_then(Iterator::collect);
    let mut all = Vec::new();
    for (table, bytes) in sizes.map_err(&fail)? {
        let bytes = unsigned(bytes);
        match table.as_str() {
            "elements" => all.extend(elements(db, bytes).map_err(&fail)?),
            _ => all.push(one(db, table, bytes).map_err(&fail)?),
        }
    }
    Ok(all)
}

fn one(db: &Connection, table: String, bytes: u64) -> rusqlite::Result<TableUse> {
    let typed = catalogue::tables().find(|id| id.table().name == table);
    let weight = match table.as_str() {
        "sample_runs" => format!("sum(length(run) + {ROW_BYTES})"),
        _ => "count(*)".to_owned(),
    };
    let mut days = BTreeMap::new();
    if typed.is_some() || table == "sample_runs" {
        // The name is one of the schema's own.
        let sql = format!("SELECT {DAY}, {weight} FROM {table} GROUP BY 1");
        let mut select = db.prepare(&sql)?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            days.insert(Day::number(row.get(0)?), unsigned(row.get(1)?));
        }
    }
    let kind = match table.as_str() {
        "sample_runs" => Some(crate::Element::SAMPLES.to_owned()),
        _ => typed.map(|id| id.table().kind.to_owned()),
    };
    Ok(TableUse {
        kind,
        bytes,
        days: divide(bytes, &days),
        table,
    })
}

/// The table of elements, a type at a time.
fn elements(db: &Connection, bytes: u64) -> rusqlite::Result<Vec<TableUse>> {
    let sql =
        format!("SELECT kind, {DAY}, sum(length(body) + {ROW_BYTES}) FROM elements GROUP BY 1, 2");
    let mut weights: BTreeMap<String, BTreeMap<Day, u64>> = BTreeMap::new();
    let mut select = db.prepare(&sql)?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let days = weights.entry(row.get(0)?).or_default();
        days.insert(Day::number(row.get(1)?), unsigned(row.get(2)?));
    }
    let whole: u64 = weights.values().flat_map(BTreeMap::values).sum();
    let of_type = |(kind, days): (String, BTreeMap<Day, u64>)| {
        let mine: u64 = days.values().sum();
        let share = u128::from(bytes) * u128::from(mine) / u128::from(whole.max(1));
        let bytes = u64::try_from(share).unwrap_or(u64::MAX);
        TableUse {
            table: "elements".to_owned(),
            kind: Some(kind),
            bytes,
            days: divide(bytes, &days),
        }
    };
    Ok(weights.into_iter().map(of_type).collect())
}

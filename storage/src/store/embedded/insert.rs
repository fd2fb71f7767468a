//! Rows of the typed tables go in.

use rusqlite::Connection;

use crate::store::catalogue::TableId;
use crate::store::mapper::Value;

/// Inserts whole rows of a typed table.
pub(super) fn insert<'r>(
    tx: &Connection,
    id: TableId,
    rows: impl Iterator<Item = &'r [Value]>,
) -> rusqlite::Result<()> {
    let mut insert = tx.prepare_cached(&insert_sql(id))?;
    for row in rows {
        insert.execute(rusqlite::params_from_iter(row))?;
    }
    Ok(())
}

fn insert_sql(id: TableId) -> String {
    let table = id.table();
    let names: Vec<_> = table.columns().map(|column| column.name).collect();
    let places = vec!["?"; names.len()].join(", ");
    format!(
        "INSERT INTO {} ({}) VALUES ({places})",
        table.name,
        names.join(", ")
    )
}

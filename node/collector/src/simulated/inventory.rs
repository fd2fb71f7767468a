//! What rarely changes: `pg_schema`, `pg_extensions`.

use serde_json::{Value, json};

use super::Frame;
use super::numbers::Numbers;
use super::tables::TABLES;

/// Columns of every simulated table: name, type, nullable.
const COLUMNS: [(&str, &str, bool); 5] = [
    ("id", "bigint", false),
    ("name", "text", true),
    ("total", "numeric", true),
    ("note", "text", true),
    ("created", "timestamp with time zone", false),
];

pub(super) fn pg_schema(numbers: Numbers, frame: &Frame<'_>) -> Value {
    frame.by_database("pg_schema", |database| {
        let tables = if database == "postgres" {
            &[]
        } else {
            TABLES.as_slice()
        };
        let columns: Vec<Value> = tables.iter().flat_map(|(name, ..)| columns(name)).collect();
        let constraints: Vec<Value> = tables
            .iter()
            .map(|(table, ..)| {
                json!({
                    "schema": "public", "table": table, "name": format!("{table}_pkey"),
                    "type": "PRIMARY KEY", "columns": "id",
                })
            })
            .collect();
        let tables: Vec<Value> = tables
            .iter()
            .map(|(name, rows, _)| {
                json!({
                    "schema": "public", "name": name, "type": "BASE TABLE", "row_count": rows,
                    "table_oid": 16_400 + numbers.fixed(name, 1_000),
                })
            })
            .collect();
        json!({
            "tables": tables, "columns": columns, "constraints": constraints,
            "foreign_keys": [], "indexes": [], "triggers": [],
        })
    })
}

fn columns(table: &str) -> impl Iterator<Item = Value> {
    let columns = COLUMNS.iter().zip(1..);
    columns.map(move |((name, data_type, is_nullable), position)| {
        json!({
            "schema": "public", "table": table, "name": name, "data_type": data_type,
            "is_nullable": is_nullable, "default": "", "position": position,
        })
    })
}

pub(super) fn pg_extensions(frame: &Frame<'_>) -> Value {
    let statements = "track planning and execution statistics of all SQL statements executed";
    frame.by_database("pg_extensions", |_| {
        json!({"extensions": [
            {"name": "pg_stat_statements", "version": "1.11", "owner": "postgres",
             "schema": "public", "relocatable": true, "description": statements},
            {"name": "plpgsql", "version": "1.0", "owner": "postgres",
             "schema": "pg_catalog", "relocatable": false,
             "description": "PL/pgSQL procedural language"},
        ]})
    })
}

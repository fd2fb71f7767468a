//! Inventories of the databases: `pg_schema` and `pg_extensions` (contract 3.8).

use super::column::{DATABASE_NAME, bigint, boolean, float, int, text};
use super::{Column, Items, Table, Written};

const fn table(name: &'static str, part: &'static str, own: &'static [Column]) -> Table {
    Table {
        schema: "metrics",
        name,
        kind: "pg_schema",
        items: Items::DatabaseArray(part),
        written: Written::OnChange,
        own,
        unfilled: &[],
        rate_key: &[],
        indexes: &[],
        chunk_days: 30,
    }
}

const SCHEMA_NAME: Column = text("schema_name").from("schema");
const TABLE_NAME: Column = text("table_name").from("table");

pub(super) static TABLES: Table = table(
    "metrics_pg_schema_tables",
    "tables",
    &[
        DATABASE_NAME,
        SCHEMA_NAME,
        text("table_name").from("name"),
        text("table_type").from("type"),
        bigint("row_count"),
        float("total_size_mb"),
        float("table_size_mb"),
        float("index_size_mb"),
        float("toast_size_mb"),
        boolean("has_oids"),
        bigint("table_oid"),
    ],
);

pub(super) static COLUMNS: Table = table(
    "metrics_pg_schema_columns",
    "columns",
    &[
        DATABASE_NAME,
        SCHEMA_NAME,
        TABLE_NAME,
        text("column_name").from("name"),
        text("data_type"),
        boolean("is_nullable"),
        text("column_default").from("default"),
        int("ordinal_position").from("position"),
        bigint("max_length"),
        int("numeric_precision"),
        int("numeric_scale"),
    ],
);

pub(super) static CONSTRAINTS: Table = table(
    "metrics_pg_schema_constraints",
    "constraints",
    &[
        DATABASE_NAME,
        SCHEMA_NAME,
        TABLE_NAME,
        text("constraint_name").from("name"),
        text("constraint_type").from("type"),
        text("columns"),
    ],
);

pub(super) static FOREIGN_KEYS: Table = table(
    "metrics_pg_schema_foreign_keys",
    "foreign_keys",
    &[
        DATABASE_NAME,
        SCHEMA_NAME,
        TABLE_NAME,
        text("column_name").from("column"),
        text("referenced_schema"),
        text("referenced_table"),
        text("referenced_column"),
        text("update_rule"),
        text("delete_rule"),
    ],
);

pub(super) static INDEXES: Table = table(
    "metrics_pg_schema_indexes",
    "indexes",
    &[
        DATABASE_NAME,
        SCHEMA_NAME,
        TABLE_NAME,
        text("index_name").from("name"),
        text("definition"),
        bigint("scans"),
        bigint("tuples_read"),
        bigint("tuples_fetched"),
        float("index_size_mb"),
        text("size"),
        text("usage_status"),
        boolean("is_primary"),
        boolean("is_unique"),
        bigint("index_oid"),
    ],
);

pub(super) static TRIGGERS: Table = table(
    "metrics_pg_schema_triggers",
    "triggers",
    &[
        DATABASE_NAME,
        SCHEMA_NAME,
        TABLE_NAME,
        text("trigger_name").from("name"),
        text("event"),
        text("table_schema"),
        text("timing"),
        text("orientation"),
        text("statement"),
    ],
);

pub(super) static EXTENSIONS: Table = Table {
    kind: "pg_extensions",
    ..table(
        "metrics_pg_extensions",
        "extensions",
        &[
            DATABASE_NAME,
            text("extension_name").from("name"),
            text("version"),
            text("owner"),
            SCHEMA_NAME,
            boolean("relocatable"),
            text("description"),
        ],
    )
};

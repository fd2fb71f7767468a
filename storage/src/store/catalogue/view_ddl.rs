//! DDL of the views on elements, for both databases.
//!
//! What a client sent may be of any shape, so no value is cast: both databases have the functions
//! `metric_bigint`, `metric_double`, `metric_boolean`, `metric_time` and `metric_text`, which take
//! a JSON value and answer NULL for what does not fit. In PostgreSQL `functions.sql` makes them, in
//! SQLite the store.

use super::{COMMON, Column, ColumnType, Source, Table};

impl Table {
    /// `CREATE OR REPLACE VIEW` for PostgreSQL.
    pub fn postgres_view(&self) -> String {
        let columns = self.expressions("metrics.", "e.collector_id", "l");
        format!(
            "CREATE OR REPLACE VIEW {} AS SELECT {columns} FROM metrics.elements e \
             CROSS JOIN LATERAL metrics.list_rows(e.body) AS l (value) WHERE e.kind = '{}'",
            self.qualified(),
            self.kind
        )
    }

    /// The view for SQLite.
    pub fn sqlite_view(&self) -> String {
        let columns = self.expressions("", "c.uuid", "l");
        format!(
            "CREATE VIEW IF NOT EXISTS {} AS SELECT {columns} \
             FROM elements e JOIN collectors c ON c.id = e.collector \
             CROSS JOIN json_each(unpacked(e.body), '$.rows') AS l \
             WHERE e.kind = '{}' AND e.inventory IS NULL AND l.type = 'object'",
            self.name, self.kind
        )
    }

    /// What the columns of a view are made of; a row of the list is `{row}.value`.
    fn expressions(&self, schema: &str, collector: &str, row: &str) -> String {
        let common = COMMON.iter().map(|column| match column.source {
            Source::Collector => format!("{collector} AS {}", column.name),
            _ => format!("e.{0} AS {0}", column.name),
        });
        let own = self.own.iter().map(|column| {
            let value = match column.source {
                Source::Payload(path) => payload(*column, path, schema, row),
                _ => format!("e.{}", column.name),
            };
            format!("{value} AS {}", column.name)
        });
        common.chain(own).collect::<Vec<_>>().join(", ")
    }
}

fn payload(column: Column, path: &str, schema: &str, row: &str) -> String {
    let function = match column.ty {
        ColumnType::Bigint | ColumnType::Int => "metric_bigint",
        ColumnType::Float8 => "metric_double",
        ColumnType::Bool => "metric_boolean",
        ColumnType::Timestamptz => "metric_time",
        ColumnType::Text | ColumnType::Uuid | ColumnType::Bytea => "metric_text",
    };
    let of = |path: &str| format!("{schema}{function}({row}.value -> '{path}')");
    match column.alias {
        Some(alias) => format!("coalesce({}, {})", of(path), of(alias)),
        None => of(path),
    }
}

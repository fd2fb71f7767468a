//! DDL of the typed tables, for both databases.

use super::{Column, ColumnType, Table};

impl ColumnType {
    /// Its name in PostgreSQL.
    pub const fn postgres(self) -> &'static str {
        match self {
            Self::Timestamptz => "timestamptz",
            Self::Uuid => "uuid",
            Self::Text => "text",
            Self::Bigint => "bigint",
            Self::Int => "integer",
            Self::Float8 => "double precision",
            Self::Bool => "boolean",
            Self::Bytea => "bytea",
        }
    }

    /// Its storage class in SQLite.
    pub const fn sqlite(self) -> &'static str {
        match self {
            Self::Timestamptz | Self::Bigint | Self::Int | Self::Bool => "INTEGER",
            Self::Uuid | Self::Bytea => "BLOB",
            Self::Text => "TEXT",
            Self::Float8 => "REAL",
        }
    }
}

impl Table {
    /// `CREATE TABLE IF NOT EXISTS` for PostgreSQL, without the hypertable.
    pub fn postgres_table(&self) -> String {
        let columns = self
            .columns()
            .map(|column| line(column, ColumnType::postgres));
        let unfilled = self
            .unfilled
            .iter()
            .map(|(name, ty)| format!("{name} {}", ty.postgres()));
        let lines: Vec<String> = columns.chain(unfilled).collect();
        format!(
            "CREATE TABLE IF NOT EXISTS {} ({})",
            self.qualified(),
            lines.join(", ")
        )
    }

    /// `CREATE INDEX IF NOT EXISTS` statements for PostgreSQL.
    pub fn postgres_indexes(&self) -> Vec<String> {
        self.index_columns()
            .enumerate()
            .map(|(n, columns)| {
                let (name, table) = (self.index_name(n), self.qualified());
                format!("CREATE INDEX IF NOT EXISTS {name} ON {table} ({columns})")
            })
            .collect()
    }

    /// The table and its indexes for SQLite.
    pub fn sqlite_ddl(&self) -> String {
        let lines: Vec<String> = self
            .columns()
            .map(|column| line(column, ColumnType::sqlite))
            .collect();
        let mut sql = format!(
            "CREATE TABLE IF NOT EXISTS {} ({});\n",
            self.name,
            lines.join(", ")
        );
        for (n, columns) in self.index_columns().enumerate() {
            let name = self.index_name(n);
            sql.push_str(&format!(
                "CREATE INDEX IF NOT EXISTS {name} ON {} ({columns});\n",
                self.name
            ));
        }
        sql
    }

    fn index_columns(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once("collector_id, time DESC").chain(self.indexes.iter().copied())
    }

    fn index_name(&self, n: usize) -> String {
        format!("{}_{}", self.name, n + 1)
    }
}

fn line(column: Column, name: fn(ColumnType) -> &'static str) -> String {
    let not_null = if column.is_required() {
        " NOT NULL"
    } else {
        ""
    };
    format!("{} {}{not_null}", column.name, name(column.ty))
}

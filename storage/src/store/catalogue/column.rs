//! Columns: their type, and where their value comes from.

/// Type of a column, named as in PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// A point in time; microseconds since the epoch in SQLite.
    Timestamptz,
    /// 16 bytes; a blob in SQLite.
    Uuid,
    /// Text.
    Text,
    /// 64-bit integer.
    Bigint,
    /// 32-bit integer.
    Int,
    /// Double.
    Float8,
    /// Truth value; 0 or 1 in SQLite.
    Bool,
    /// Bytes. No typed table has them; questions read them.
    Bytea,
}

/// Where a column's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The part's own `timestamp`, else the element's time.
    Time,
    /// The element's collector.
    Collector,
    /// The element's log index.
    LogIndex,
    /// The element's ordinal.
    Ordinal,
    /// Name of the database part.
    Database,
    /// The value at this path of the part (names joined by dots).
    Payload(&'static str),
    /// Sum over the whole disks in the element's `disk_io` of this field.
    DiskSum(&'static str),
    /// Difference of this column to the previous sample of the same key; filled by the store.
    Delta(&'static str),
    /// Difference of this column to the previous sample, per second; filled by the store.
    PerSecond(&'static str),
    /// Difference of the sum of squares that this standard deviation implies; filled by the store.
    Squares(&'static str),
    /// Seconds since the previous sample of the same key; filled by the store.
    Interval,
    /// Seconds that usually lie between two samples of the history; filled by the store.
    Usual,
    /// Which counters of the table the payload left out, as bits in their order; filled by the
    /// store.
    MissingCounters,
}

/// What a row becomes when a payload value is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// NULL.
    Null,
    /// 0 or the empty text.
    Zero,
    /// There is no row.
    NoRow,
}

/// One column of a typed table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Column {
    /// Name.
    pub name: &'static str,
    /// Type.
    pub ty: ColumnType,
    pub(crate) source: Source,
    pub(crate) alias: Option<&'static str>,
    pub(crate) missing: Missing,
    /// What payload numbers are multiplied by.
    pub(crate) scale: f64,
    /// The value may stand beside the array whose items are rows, for all of them.
    pub(crate) is_shared: bool,
}

impl Column {
    /// A column whose value stands under its own name in the payload.
    pub(crate) const fn new(name: &'static str, ty: ColumnType) -> Self {
        Self::sourced(name, ty, Source::Payload(name))
    }

    /// A nullable column with another source.
    pub(crate) const fn sourced(name: &'static str, ty: ColumnType, source: Source) -> Self {
        Self {
            name,
            ty,
            source,
            alias: None,
            missing: Missing::Null,
            scale: 1.0,
            is_shared: false,
        }
    }

    /// A column that always has a value.
    pub(crate) const fn filled(name: &'static str, ty: ColumnType, source: Source) -> Self {
        Self {
            missing: Missing::Zero,
            ..Self::sourced(name, ty, source)
        }
    }

    /// The value stands at another path of the payload.
    pub(crate) const fn from(self, path: &'static str) -> Self {
        Self {
            source: Source::Payload(path),
            ..self
        }
    }

    /// The value may stand at this path instead.
    pub(crate) const fn or_from(self, path: &'static str) -> Self {
        Self {
            alias: Some(path),
            ..self
        }
    }

    /// The value may stand once for all rows, beside their array.
    pub(crate) const fn or_shared(self) -> Self {
        Self {
            is_shared: true,
            ..self
        }
    }

    /// Payload numbers are multiplied by `scale`.
    pub(crate) const fn scaled(self, scale: f64) -> Self {
        Self { scale, ..self }
    }

    /// A missing value is 0 or the empty text.
    pub(crate) const fn or_zero(self) -> Self {
        Self {
            missing: Missing::Zero,
            ..self
        }
    }

    /// A part without this value is no row.
    pub(crate) const fn required(self) -> Self {
        Self {
            missing: Missing::NoRow,
            ..self
        }
    }

    /// Whether the column is NOT NULL.
    pub const fn is_required(self) -> bool {
        !matches!(self.missing, Missing::Null)
    }
}

/// The name of the database part.
pub(crate) const DATABASE_NAME: Column =
    Column::filled("database_name", ColumnType::Text, Source::Database);

/// A nullable text column.
pub(crate) const fn text(name: &'static str) -> Column {
    Column::new(name, ColumnType::Text)
}

/// A nullable 64-bit column.
pub(crate) const fn bigint(name: &'static str) -> Column {
    Column::new(name, ColumnType::Bigint)
}

/// A nullable 32-bit column.
pub(crate) const fn int(name: &'static str) -> Column {
    Column::new(name, ColumnType::Int)
}

/// A nullable double column.
pub(crate) const fn float(name: &'static str) -> Column {
    Column::new(name, ColumnType::Float8)
}

/// A nullable truth value.
pub(crate) const fn boolean(name: &'static str) -> Column {
    Column::new(name, ColumnType::Bool)
}

/// A nullable point in time.
pub(crate) const fn time(name: &'static str) -> Column {
    Column::new(name, ColumnType::Timestamptz)
}

/// The difference of the integer column `of` to the previous sample.
pub(crate) const fn delta(name: &'static str, of: &'static str) -> Column {
    Column::sourced(name, ColumnType::Bigint, Source::Delta(of))
}

/// The difference of the double column `of` to the previous sample.
pub(crate) const fn float_delta(name: &'static str, of: &'static str) -> Column {
    Column::sourced(name, ColumnType::Float8, Source::Delta(of))
}

/// The difference of the integer column `of` to the previous sample per second, times `scale`.
pub(crate) const fn per_second(name: &'static str, of: &'static str, scale: f64) -> Column {
    Column::sourced(name, ColumnType::Float8, Source::PerSecond(of)).scaled(scale)
}

/// Seconds since the previous sample.
pub(crate) const INTERVAL: Column =
    Column::sourced("interval_seconds", ColumnType::Float8, Source::Interval);

/// Seconds that lay between most of the history's samples before; NULL before there were four.
pub(crate) const USUAL: Column =
    Column::sourced("usual_seconds", ColumnType::Float8, Source::Usual);

/// The difference of the sums of squares, n (σ² + μ²), to the previous sample.
pub(crate) const SQUARES: Column = Column::sourced(
    "squares_delta",
    ColumnType::Float8,
    Source::Squares("stddev_time"),
);

/// The server's identity, where a client sends it: rows of another one have another past.
pub(crate) const SYSTEM_IDENTIFIER: Column = bigint("system_identifier").or_shared();
/// Its timeline: a standby that was promoted has its own statistics.
pub(crate) const TIMELINE: Column = bigint("timeline").or_shared();
/// Its address: a primary and its standbys have the rest in common.
pub(crate) const SERVER_ADDRESS: Column = text("server_address").or_shared();

/// Which counters the payload left out, though their columns hold a 0.
pub(crate) const MISSING_COUNTERS: Column = Column::sourced(
    "missing_counters",
    ColumnType::Bigint,
    Source::MissingCounters,
);

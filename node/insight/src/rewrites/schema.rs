//! The tables that a statement may read.

use serde::{Deserialize, Serialize};

/// Tables of one database.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// The tables; views are left out.
    pub relations: Vec<Relation>,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Relation {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Rows, as the server estimates them; nothing if it was never analysed.
    pub rows: Option<f64>,
    /// All of its columns.
    pub columns: Vec<Column>,
    /// Columns of each unique constraint or index without predicate and expressions, the primary
    /// key included, each valid and checked at once.
    pub unique_keys: Vec<Vec<String>>,
    /// Its valid indexes.
    pub indexes: Vec<Index>,
    /// Columns of each foreign key.
    pub foreign_keys: Vec<Vec<String>>,
}

/// A column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, as `format_type` tells it or in short, such as `timestamp without time zone`.
    pub type_name: String,
    /// Whether it is NOT NULL.
    pub not_null: bool,
    /// Mean width in bytes.
    pub width_bytes: Option<f64>,
}

/// An index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Name of each key column, or text of its expression.
    pub keys: Vec<String>,
}

/// What a type is, as far as rules ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TypeClass {
    Integer,
    Numeric,
    Text,
    Date,
    Timestamp,
    TimestampTz,
    /// Without equality, so that UNION and DISTINCT refuse it.
    Incomparable,
    Other,
}

impl Schema {
    /// The table of a name; nothing if several schemas have one.
    pub(super) fn relation(&self, schema: &str, name: &str) -> Option<&Relation> {
        let mut same = self
            .relations
            .iter()
            .filter(|of| of.name == name && (schema.is_empty() || of.schema == schema));
        let first = same.next()?;
        same.next().is_none().then_some(first)
    }
}

impl Relation {
    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Whether columns identify a row: they hold a unique key that is never null.
    pub(super) fn is_identified_by(&self, columns: &[&str]) -> bool {
        let holds = |name: &String| {
            columns.contains(&name.as_str()) && self.column(name).is_some_and(|of| of.not_null)
        };
        self.unique_keys
            .iter()
            .any(|key| !key.is_empty() && key.iter().all(holds))
    }

    /// Whether an index starts with a column.
    pub(super) fn has_index_on(&self, column: &str) -> bool {
        let leads = |index: &Index| index.keys.first().is_some_and(|key| key == column);
        self.indexes.iter().any(leads)
    }

    /// Whether an index starts with an expression over a column, white space, parentheses and case
    /// left out.
    pub(super) fn has_index_on_expression(&self, expressions: &[String]) -> bool {
        let wanted: Vec<String> = expressions.iter().map(|text| bare(text)).collect();
        let leads = |index: &Index| {
            index
                .keys
                .first()
                .is_some_and(|key| wanted.contains(&bare(key)))
        };
        self.indexes.iter().any(leads)
    }
}

/// A text without what expressions may differ in.
fn bare(expression: &str) -> String {
    let is_noise = |c: &char| c.is_whitespace() || matches!(c, '(' | ')' | '"');
    let kept: String = expression.chars().filter(|c| !is_noise(c)).collect();
    kept.to_lowercase()
}

impl Column {
    pub(super) fn class(&self) -> TypeClass {
        let plain = self.type_name.split('(').next().unwrap_or_default().trim();
        let zoned = self.type_name.ends_with("with time zone");
        match plain {
            "timestamptz" => TypeClass::TimestampTz,
            "timestamp" | "timestamp without time zone" if !zoned => TypeClass::Timestamp,
            _ if plain.starts_with("timestamp") && zoned => TypeClass::TimestampTz,
            _ if plain.starts_with("timestamp") => TypeClass::Timestamp,
            "smallint" | "integer" | "bigint" | "int2" | "int4" | "int8" | "int" => {
                TypeClass::Integer
            }
            "numeric" | "decimal" => TypeClass::Numeric,
            "text" | "varchar" | "character varying" => TypeClass::Text,
            "date" => TypeClass::Date,
            "json" | "xml" | "point" | "polygon" | "path" => TypeClass::Incomparable,
            _ => TypeClass::Other,
        }
    }
}

//! What a server tells of its relations. Every field may be left out.

use serde::{Deserialize, Serialize};

/// What the inventory of one database tells.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Catalog {
    /// Tables and materialised views.
    pub relations: Vec<Relation>,
    /// Views, which are followed to what they read.
    pub views: Vec<View>,
    /// The planner's prices.
    pub settings: Settings,
    /// Schemas that names without one are looked up in, in this order; `public` if empty.
    pub search_path: Vec<String>,
    /// Major version of the server.
    pub server_major: Option<u32>,
}

/// The planner's prices, as `pg_settings` has them; PostgreSQL's defaults where not told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// A page read in order; 1.
    pub seq_page_cost: Option<f64>,
    /// A page read at random; 4.
    pub random_page_cost: Option<f64>,
    /// A row; 0.01.
    pub cpu_tuple_cost: Option<f64>,
    /// An entry of an index; 0.005.
    pub cpu_index_tuple_cost: Option<f64>,
    /// A call of an operator; 0.0025.
    pub cpu_operator_cost: Option<f64>,
    /// Share of index pages that a write has to read from disk, from 0 to 1; 0.02.
    pub index_miss_share: Option<f64>,
    /// Whether the database's collation is `C`, so that prefixes need no operator class.
    pub has_c_collation: bool,
}

/// A view.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct View {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// The query, as `pg_get_viewdef` tells it.
    pub definition: String,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Relation {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Rows (`reltuples`); negative if never analysed.
    pub rows: Option<f64>,
    /// Pages of 8 KiB (`relpages`).
    pub pages: Option<f64>,
    /// Share of pages that are all visible, from 0 to 1.
    pub all_visible_share: Option<f64>,
    /// Rows inserted a day.
    pub inserts_per_day: f64,
    /// Rows updated a day, HOT updates included.
    pub updates_per_day: f64,
    /// Rows updated a day without a new index entry.
    pub hot_updates_per_day: f64,
    /// Rows deleted a day.
    pub deletes_per_day: f64,
    /// Whether it is a partitioned table, which has no rows of its own.
    pub is_partitioned: bool,
    /// Whether it is a partition of another table.
    pub is_partition: bool,
    /// Whether it was analysed after the statistics of its columns were read.
    pub has_newer_statistics: bool,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its indexes.
    pub indexes: Vec<Index>,
    /// Its foreign keys, as the referencing side.
    pub foreign_keys: Vec<ForeignKey>,
}

/// A column and its statistics (`pg_stats`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, such as `integer` or `timestamp with time zone`.
    pub type_name: String,
    /// Whether it is never null.
    pub not_null: bool,
    /// Mean width in bytes.
    pub avg_width: Option<f64>,
    /// Distinct values; negative is a share of the rows. Without it the column has no statistics.
    pub n_distinct: Option<f64>,
    /// Share of nulls, from 0 to 1.
    pub null_frac: Option<f64>,
    /// Most common values, the most frequent first.
    pub most_common: Vec<Frequent>,
    /// Bounds of bins that hold equally many of the other values, in order.
    pub histogram: Vec<String>,
    /// How far the order of rows follows the order of values, from −1 to 1.
    pub correlation: Option<f64>,
}

/// A common value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Frequent {
    /// The value as text; nothing if values are not collected.
    pub value: Option<String>,
    /// Its share of the rows, from 0 to 1.
    pub frequency: f64,
}

/// An index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// What `pg_get_indexdef` tells. Keys, `include` and `predicate` are read from it if it
    /// parses.
    pub definition: String,
    /// Its keys, in order.
    pub keys: Vec<IndexKey>,
    /// Columns that it carries without being sorted by them.
    pub include: Vec<String>,
    /// The condition of a partial index.
    pub predicate: Option<String>,
    /// Its access method, such as `btree`.
    pub method: String,
    /// Whether it is unique.
    pub is_unique: bool,
    /// Whether it is the primary key.
    pub is_primary: bool,
    /// Whether a constraint needs it (unique, primary, exclusion).
    pub is_constraint: bool,
    /// Whether it is the replica identity.
    pub is_replica_identity: bool,
    /// Whether the table is clustered by it.
    pub is_clustered: bool,
    /// Whether it is part of a partitioned table's index.
    pub is_partition_child: bool,
    /// Whether queries may use it.
    pub is_valid: bool,
    /// Whether writes maintain it.
    pub is_ready: bool,
    /// Whether it is being built now.
    pub is_in_progress: bool,
    /// Scans a day on all servers.
    pub scans_per_day: Option<f64>,
    /// Days for which the scan counters stood still on the primary **and** every known standby;
    /// nothing if that is not known, as after a reset of statistics.
    pub unused_days: Option<f64>,
    /// Its age in days; nothing if unknown.
    pub age_days: Option<f64>,
    /// Its size in bytes.
    pub size_bytes: Option<f64>,
}

impl Default for Index {
    fn default() -> Self {
        Self {
            name: String::new(),
            definition: String::new(),
            keys: Vec::new(),
            include: Vec::new(),
            predicate: None,
            method: "btree".to_owned(),
            is_unique: false,
            is_primary: false,
            is_constraint: false,
            is_replica_identity: false,
            is_clustered: false,
            is_partition_child: false,
            is_valid: true,
            is_ready: true,
            is_in_progress: false,
            scans_per_day: None,
            unused_days: None,
            age_days: None,
            size_bytes: None,
        }
    }
}

/// One key of an index.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct IndexKey {
    /// The column; nothing for an expression.
    pub column: Option<String>,
    /// The expression; nothing for a column.
    pub expression: Option<String>,
    /// Whether it is sorted downwards.
    pub is_descending: bool,
    /// Whether nulls come first.
    pub has_nulls_first: bool,
    /// The operator class, if it is not the default one.
    pub operator_class: Option<String>,
    /// The collation, if it is not the column's.
    pub collation: Option<String>,
}

impl IndexKey {
    /// Answers the text of what is indexed: the column's name, or the expression.
    #[must_use]
    pub fn text(&self) -> &str {
        let text = self.column.as_deref().or(self.expression.as_deref());
        text.unwrap_or_default()
    }
}

/// A foreign key of a relation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ForeignKey {
    /// Name of the constraint.
    pub name: String,
    /// Its columns.
    pub columns: Vec<String>,
    /// Schema of the referenced table.
    pub parent_schema: String,
    /// The referenced table.
    pub parent: String,
    /// The referenced columns.
    pub parent_columns: Vec<String>,
    /// Seconds a day that triggers of this constraint take (plans tell it); estimated if unknown.
    pub trigger_seconds_per_day: Option<f64>,
}

impl Catalog {
    /// Finds a relation by a name that may leave out the schema.
    #[must_use]
    pub fn find(&self, schema: &str, name: &str) -> Option<usize> {
        let at = |schema: &str| {
            let same = |relation: &Relation| relation.schema == schema && relation.name == name;
            self.relations.iter().position(same)
        };
        self.schemas(schema).into_iter().find_map(at)
    }

    /// Finds a view by a name that may leave out the schema.
    #[must_use]
    pub fn find_view(&self, schema: &str, name: &str) -> Option<&View> {
        let at = |schema: &str| {
            let same = |view: &&View| view.schema == schema && view.name == name;
            self.views.iter().find(same)
        };
        self.schemas(schema).into_iter().find_map(at)
    }

    fn schemas<'a>(&'a self, schema: &'a str) -> Vec<&'a str> {
        if !schema.is_empty() {
            return vec![schema];
        }
        if self.search_path.is_empty() {
            return vec!["public"];
        }
        self.search_path.iter().map(String::as_str).collect()
    }
}

impl Relation {
    /// Finds a column.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Answers the rows, if the relation was ever analysed.
    #[must_use]
    pub fn known_rows(&self) -> Option<f64> {
        self.rows.filter(|rows| *rows >= 0.0)
    }

    /// Answers the pages; none if unknown.
    #[must_use]
    pub fn known_pages(&self) -> f64 {
        self.pages.unwrap_or(0.0).max(0.0)
    }

    /// Answers schema and name, as a reader would write them.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }
}

//! What a database holds: relations, columns, indexes, constraints, settings, as its collector told
//! them last.

mod change;
mod idle;
mod overdue;

use std::collections::BTreeMap;

use pga_config::CollectorId;
use pga_insight::{index_advice, rewrites};
use pga_storage::Timestamp;
use pga_storage::query::{ElementOrder, Elements};
use serde_json::Value;

use super::workload::Window;
use crate::questions;
use crate::{ApiError, NodeApi};

/// Elements in one page, and pages that are looked through.
const PAGE: u32 = 100;
const MAX_PAGES: u32 = 40;
const DAY_MICROS: f64 = 86_400e6;

pub(crate) use self::overdue::overdue;

type Rows = BTreeMap<String, Value>;

/// What one database told last, and what its tables had counted a day before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inventory {
    tables: Rows,
    columns: Rows,
    /// When the columns and their statistics were read last.
    columns_at: Option<Timestamp>,
    indexes: Rows,
    objects: Rows,
    settings: Rows,
    server_major: Option<u32>,
    /// Counters of tables at an earlier time, and how many days ago.
    before: (Rows, f64),
    /// Days that indexes have not been scanned, where that was asked for and is known.
    idle: BTreeMap<String, f64>,
    /// Rows that were read.
    pub(crate) rows_read: usize,
}

/// Which rows of an element are of the same thing.
fn key(kind: &str, row: &Value) -> String {
    let of = |name: &str| row[name].as_str().unwrap_or_default();
    match kind {
        "pg_table" => format!("{}.{}", of("schemaname"), of("relname")),
        "pg_column" => format!("{}.{}.{}", of("schemaname"), of("relname"), of("attname")),
        "pg_index" => format!("{}.{}", of("schemaname"), of("indexrelname")),
        "pg_setting" => of("name").to_owned(),
        _ => format!(
            "{}.{}.{}.{}",
            of("class"),
            of("schemaname"),
            of("relname"),
            of("name")
        ),
    }
}

struct Reader<'a> {
    api: &'a dyn NodeApi,
    collector: CollectorId,
    database: &'a str,
}

impl Reader<'_> {
    /// The rows of a type as they were at the end of a window: elements from the newest back to one
    /// that holds all rows. Its time comes with them.
    async fn rows(
        &self,
        kind: &str,
        window: Window,
    ) -> Result<(Rows, Option<Timestamp>), ApiError> {
        let (mut rows, mut cursor, mut at) = (Rows::new(), None, None);
        for _ in 0..MAX_PAGES {
            let query = Elements {
                collector: self.collector,
                kind: Some(kind.to_owned()),
                from: Some(window.from),
                to: Some(window.to),
                order: ElementOrder::Descending,
                limit: PAGE,
                cursor,
            };
            let page = questions::ask(self.api, query.collector, &query).await?;
            for text in &page.data {
                let Ok(element) = serde_json::from_str::<Value>(text) else {
                    continue;
                };
                let database = element["database"].as_str().unwrap_or_default();
                if database != self.database && !database.is_empty() {
                    continue;
                }
                let time = element["timestamp"].as_str();
                at = at.or_else(|| time.and_then(|text| crate::timestamps::parse_text(text).ok()));
                for row in element["rows"].as_array().into_iter().flatten() {
                    rows.entry(key(kind, row)).or_insert_with(|| row.clone());
                }
                if element["changed_only"] == Value::Bool(false) {
                    return Ok((rows, at));
                }
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        Ok((rows, at))
    }
}

impl Reader<'_> {
    /// The major version of the server at a time, if it said so.
    async fn major(&self, at: Timestamp) -> Result<Option<u32>, ApiError> {
        let query = Elements {
            collector: self.collector,
            kind: Some("pg_identity".to_owned()),
            from: None,
            to: Some(at),
            order: ElementOrder::Descending,
            limit: 1,
            cursor: None,
        };
        let page = questions::ask(self.api, query.collector, &query).await?;
        let newest = page
            .data
            .first()
            .and_then(|text| serde_json::from_str::<Value>(text).ok());
        let version = newest.and_then(|element| number(&element, "server_version_num"));
        Ok(version.map(|version| (version / 10_000.0) as u32))
    }
}

/// Reads the inventory of a database as of `now`.
pub(crate) async fn read(
    api: &dyn NodeApi,
    collector: CollectorId,
    database: &str,
    now: Timestamp,
) -> Result<Inventory, ApiError> {
    let reader = Reader {
        api,
        collector,
        database,
    };
    // All rows come once an hour; a collector may have been away for a while.
    let window = Window::hours_before(now, 6);
    let (tables, at) = reader.rows("pg_table", window).await?;
    let (columns, columns_at) = reader.rows("pg_column", window).await?;
    let (indexes, _) = reader.rows("pg_index", window).await?;
    let (objects, _) = reader.rows("pg_schema_object", window).await?;
    let (settings, _) = reader.rows("pg_setting", window).await?;
    let earlier = Window::hours_before(Timestamp::from_micros(now.micros() - 86_400_000_000), 3);
    let (before, then) = reader.rows("pg_table", earlier).await?;
    let days = match (at, then) {
        (Some(at), Some(then)) => (at.micros() - then.micros()) as f64 / DAY_MICROS,
        _ => 0.0,
    };
    let rows_read = tables.len() + columns.len() + indexes.len() + objects.len() + settings.len();
    Ok(Inventory {
        tables,
        columns,
        columns_at,
        indexes,
        objects,
        settings,
        server_major: reader.major(now).await?,
        before: (before, days),
        idle: BTreeMap::new(),
        rows_read,
    })
}

/// The tables of a database with their schemas, by their numbers.
pub(crate) async fn relation_names(
    api: &dyn NodeApi,
    collector: CollectorId,
    database: &str,
    now: Timestamp,
) -> Result<BTreeMap<i64, String>, ApiError> {
    let reader = Reader {
        api,
        collector,
        database,
    };
    let (tables, _) = reader
        .rows("pg_table", Window::hours_before(now, 6))
        .await?;
    let named = tables.into_iter();
    Ok(named
        .filter_map(|(name, row)| Some((number(&row, "relid")? as i64, name)))
        .collect())
}

/// Which row of `pg_schema_object` an object is.
pub(crate) fn object_key(row: &Value) -> String {
    key("pg_schema_object", row)
}

/// The objects of a database as they were told before a time.
pub(crate) async fn objects_before(
    api: &dyn NodeApi,
    collector: CollectorId,
    database: &str,
    at: Timestamp,
) -> Result<BTreeMap<String, Value>, ApiError> {
    let reader = Reader {
        api,
        collector,
        database,
    };
    let window = Window::hours_before(at, 6);
    Ok(reader.rows("pg_schema_object", window).await?.0)
}

fn text(row: &Value, name: &str) -> String {
    row[name].as_str().unwrap_or_default().to_owned()
}

/// A number, also one that is sent as text.
fn number(row: &Value, name: &str) -> Option<f64> {
    let value = &row[name];
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn flag(row: &Value, name: &str) -> bool {
    row[name].as_bool().unwrap_or(false)
}

/// When a table was analysed last, by hand or by autovacuum.
fn analyzed_at(row: &Value) -> Option<Timestamp> {
    let times = ["last_analyze", "last_autoanalyze"].into_iter();
    let times = times.filter_map(|name| row[name].as_str());
    times
        .filter_map(|text| crate::timestamps::parse_text(text).ok())
        .max()
}

fn texts(row: &Value, name: &str) -> Vec<String> {
    let items = row[name].as_array().into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The rows whose key begins so.
fn below(rows: &Rows, prefix: String) -> impl Iterator<Item = &Value> {
    let from = rows.range(prefix.clone()..);
    from.take_while(move |(key, _)| key.starts_with(&prefix))
        .map(|(_, row)| row)
}

impl Inventory {
    /// Whether a collector told of its tables at all.
    pub(crate) fn is_known(&self) -> bool {
        !self.tables.is_empty()
    }

    /// A setting with its unit, if the server told it.
    pub(crate) fn setting(&self, name: &str) -> Option<String> {
        let row = self.settings.get(name)?;
        let unit = row["unit"].as_str().unwrap_or_default();
        let value = text(row, "setting");
        // Units such as 8kB count blocks.
        Some(match (unit, value.parse::<f64>()) {
            ("8kB", Ok(blocks)) => format!("{}kB", blocks * 8.0),
            ("16MB", Ok(segments)) => format!("{}MB", segments * 16.0),
            _ => format!("{value}{unit}"),
        })
    }

    /// Whether a valid index begins with these columns, whatever its name.
    pub(crate) fn has_index(&self, schema: &str, table: &str, columns: &[&str]) -> bool {
        let mut indexes = below(&self.objects, format!("index.{schema}.{table}."));
        indexes.any(|index| {
            let keys = texts(index, "columns");
            let name = text(index, "name");
            let counted = self.indexes.get(&format!("{schema}.{name}"));
            let is_valid = counted.is_none_or(|row| flag(row, "is_valid"));
            is_valid
                && !columns.is_empty()
                && keys
                    .iter()
                    .map(String::as_str)
                    .take(columns.len())
                    .eq(columns.iter().copied())
        })
    }

    /// Whether there is an index of this name.
    pub(crate) fn has_index_named(&self, schema: &str, table: &str, name: &str) -> bool {
        let mut indexes = below(&self.objects, format!("index.{schema}.{table}."));
        indexes.any(|index| text(index, "name") == name)
    }

    /// What a table counted in a day; nothing without an earlier count, or if it fell since.
    fn per_day(&self, key: &str, row: &Value, name: &str) -> Option<f64> {
        let (before, days) = &self.before;
        let (then, now) = (number(before.get(key)?, name)?, number(row, name)?);
        (now >= then && *days > 0.01).then(|| (now - then) / days)
    }

    fn columns_of(&self, schema: &str, name: &str) -> Vec<&Value> {
        let prefix = format!("{schema}.{name}.");
        let mut columns: Vec<&Value> = below(&self.columns, prefix).collect();
        columns.sort_by_key(|row| row["attnum"].as_i64());
        columns
    }

    /// As rules of rewrites ask for it.
    pub(crate) fn schema(&self) -> rewrites::Schema {
        let relations = self.tables.values().map(|table| {
            let (schema, name) = (text(table, "schemaname"), text(table, "relname"));
            let columns = self.columns_of(&schema, &name);
            let constraints = format!("constraint.{schema}.{name}.");
            let unique = below(&self.objects, constraints)
                .filter(|row| row["kind"] == "primary key" || row["kind"] == "unique");
            let indexes = format!("index.{schema}.{name}.");
            let indexes = below(&self.objects, indexes).filter(|row| row["predicate"].is_null());
            rewrites::Relation {
                rows: number(table, "reltuples").filter(|rows| *rows >= 0.0),
                columns: columns
                    .into_iter()
                    .map(|row| rewrites::Column {
                        name: text(row, "attname"),
                        type_name: text(row, "type"),
                        not_null: flag(row, "is_not_null"),
                        width_bytes: number(row, "avg_width"),
                    })
                    .collect(),
                unique_keys: unique.map(|row| texts(row, "columns")).collect(),
                indexes: indexes
                    .map(|row| rewrites::Index {
                        keys: texts(row, "columns"),
                    })
                    .collect(),
                foreign_keys: (self.foreign_keys(&schema, &name).into_iter())
                    .map(|key| key.columns)
                    .collect(),
                schema,
                name,
            }
        });
        rewrites::Schema {
            relations: relations.collect(),
        }
    }

    /// As index advice asks for it.
    pub(crate) fn catalog(&self) -> index_advice::Catalog {
        index_advice::Catalog {
            relations: self
                .tables
                .iter()
                .map(|(key, row)| self.relation(key, row))
                .collect(),
            views: Vec::new(),
            settings: self.planner_settings(),
            search_path: Vec::new(),
            server_major: self.server_major,
        }
    }

    fn planner_settings(&self) -> index_advice::Settings {
        let of = |name: &str| {
            self.settings
                .get(name)
                .and_then(|row| number(row, "setting"))
        };
        index_advice::Settings {
            seq_page_cost: of("seq_page_cost"),
            random_page_cost: of("random_page_cost"),
            cpu_tuple_cost: of("cpu_tuple_cost"),
            cpu_index_tuple_cost: of("cpu_index_tuple_cost"),
            cpu_operator_cost: of("cpu_operator_cost"),
            ..index_advice::Settings::default()
        }
    }

    fn relation(&self, key: &str, row: &Value) -> index_advice::Relation {
        let (schema, name) = (text(row, "schemaname"), text(row, "relname"));
        let pages = number(row, "relpages");
        let visible = number(row, "relallvisible");
        let share = pages.zip(visible).filter(|(pages, _)| *pages > 0.0);
        let per_day = |name: &str| self.per_day(key, row, name).unwrap_or(0.0);
        index_advice::Relation {
            rows: number(row, "reltuples"),
            pages,
            all_visible_share: share.map(|(pages, visible)| (visible / pages).clamp(0.0, 1.0)),
            inserts_per_day: per_day("n_tup_ins"),
            updates_per_day: per_day("n_tup_upd"),
            hot_updates_per_day: per_day("n_tup_hot_upd"),
            deletes_per_day: per_day("n_tup_del"),
            is_partitioned: row["relkind"] == "p",
            is_partition: flag(row, "relispartition"),
            has_newer_statistics: self
                .columns_at
                .is_some_and(|read| analyzed_at(row) > Some(read)),
            columns: self
                .columns_of(&schema, &name)
                .into_iter()
                .map(column)
                .collect(),
            indexes: self.indexes_of(&schema, &name, flag(row, "relispartition")),
            foreign_keys: self.foreign_keys(&schema, &name),
            schema,
            name,
        }
    }

    fn indexes_of(&self, schema: &str, name: &str, is_partition: bool) -> Vec<index_advice::Index> {
        let definitions = below(&self.objects, format!("index.{schema}.{name}."));
        let index = |object: &Value| {
            let name = text(object, "name");
            let key = format!("{schema}.{name}");
            let counted = self.indexes.get(&key);
            let is = |what: &str| counted.is_some_and(|row| flag(row, what));
            let known = |what: &str| counted.is_none_or(|row| flag(row, what));
            index_advice::Index {
                definition: text(object, "definition"),
                method: text(object, "kind"),
                predicate: object["predicate"].as_str().map(str::to_owned),
                include: texts(object, "include"),
                is_unique: is("is_unique"),
                is_primary: is("is_primary"),
                is_constraint: counted.is_some_and(|row| !row["constraint_name"].is_null()),
                is_replica_identity: is("is_replica_identity"),
                // Those that belong to an index of the whole table cannot be dropped alone.
                is_partition_child: is_partition,
                unused_days: self.idle.get(&key).copied(),
                is_valid: known("is_valid"),
                is_ready: known("is_ready"),
                size_bytes: counted
                    .and_then(|row| number(row, "relpages"))
                    .map(|pages| pages * 8_192.0),
                name,
                ..index_advice::Index::default()
            }
        };
        definitions.map(index).collect()
    }

    fn foreign_keys(&self, schema: &str, name: &str) -> Vec<index_advice::ForeignKey> {
        let constraints = below(&self.objects, format!("constraint.{schema}.{name}."));
        let keys = constraints.filter(|row| row["kind"] == "foreign key");
        keys.map(|row| index_advice::ForeignKey {
            name: text(row, "name"),
            columns: texts(row, "columns"),
            parent_schema: text(row, "foreign_schema"),
            parent: text(row, "foreign_relation"),
            parent_columns: texts(row, "foreign_columns"),
            trigger_seconds_per_day: None,
        })
        .collect()
    }
}

/// Frequencies of common values are collected, the values are not.
fn column(row: &Value) -> index_advice::Column {
    let frequencies = row["mcv_frequencies"].as_array().into_iter().flatten();
    let frequent = frequencies.filter_map(Value::as_f64);
    index_advice::Column {
        name: text(row, "attname"),
        type_name: text(row, "type"),
        not_null: flag(row, "is_not_null"),
        avg_width: number(row, "avg_width"),
        n_distinct: number(row, "n_distinct"),
        null_frac: number(row, "null_frac"),
        most_common: frequent
            .map(|frequency| index_advice::Frequent {
                value: None,
                frequency,
            })
            .collect(),
        histogram: Vec::new(),
        correlation: number(row, "correlation"),
    }
}

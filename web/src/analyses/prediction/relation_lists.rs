//! What the lists of tables, indexes and columns of a server told at a moment.
//!
//! A list tells the rows that changed since the one before, and all of them once an hour: what held
//! at a moment is read from there back to a list that tells all. Lists of thousands of tables are
//! long, so only the rows of wanted relations are kept, and a few lists are in memory at a time.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pga_config::CollectorId;
use pga_storage::Timestamp;
use pga_storage::query::{ElementOrder, Elements};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::analyses::workload::Window;
use crate::{ApiError, NodeApi, questions, timestamps};

/// From a moment back to where a list that tells all rows is due, in microseconds: one comes an
/// hour, and one may be missing.
const BACK: i64 = 130 * 60_000_000;
/// Lists of the first page and of any: pages grow while the lists are short, so that few long ones
/// are in memory at a time.
const PAGES: (u32, u32) = (2, 32);
/// Bytes of lists from which on pages do not grow.
const LONG: usize = 2 << 20;

/// Names of relations, by database.
pub(super) type Wanted = BTreeMap<String, BTreeSet<String>>;

/// What lists are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Tables,
    Indexes,
    Columns,
}

impl Kind {
    /// The type of the elements.
    const fn of_elements(self) -> &'static str {
        match self {
            Self::Tables => "pg_table",
            Self::Indexes => "pg_index",
            Self::Columns => "pg_column",
        }
    }
}

/// What a row is of: a table, an index or a column.
#[derive(Debug, Deserialize)]
struct Names<'a> {
    #[serde(borrow)]
    schemaname: Cow<'a, str>,
    #[serde(borrow)]
    relname: Cow<'a, str>,
    #[serde(borrow, default)]
    indexrelname: Cow<'a, str>,
    #[serde(borrow, default)]
    attname: Cow<'a, str>,
    #[serde(borrow, default)]
    relkind: Cow<'a, str>,
}

/// The numbers of a row; what it does not tell is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Figures {
    #[serde(deserialize_with = "number")]
    pub(super) relpages: Option<f64>,
    #[serde(deserialize_with = "number")]
    pub(super) reltuples: Option<f64>,
    #[serde(deserialize_with = "number")]
    pub(super) relallvisible: Option<f64>,
    #[serde(deserialize_with = "number")]
    pub(super) n_live_tup: Option<f64>,
    #[serde(deserialize_with = "number")]
    pub(super) n_dead_tup: Option<f64>,
    #[serde(deserialize_with = "number")]
    pub(super) vacuum_count: Option<f64>,
    #[serde(deserialize_with = "number")]
    pub(super) autovacuum_count: Option<f64>,
    #[serde(deserialize_with = "number")]
    pub(super) analyze_count: Option<f64>,
    #[serde(deserialize_with = "number")]
    pub(super) autoanalyze_count: Option<f64>,
    #[serde(deserialize_with = "number")]
    pub(super) avg_width: Option<f64>,
    /// Whether it is a partitioned table, which holds no rows itself.
    #[serde(skip)]
    pub(super) is_partitioned: bool,
}

/// A number, also one that is sent as text; what is neither is none.
fn number<'de, D: Deserializer<'de>>(json: D) -> Result<Option<f64>, D::Error> {
    let value = Value::deserialize(json)?;
    let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
    Ok(number.filter(|number: &f64| number.is_finite()))
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(default)]
    database: Value,
    #[serde(default)]
    timestamp: Value,
    changed_only: Option<bool>,
    truncated: Option<bool>,
    #[serde(borrow)]
    rows: Vec<&'a RawValue>,
}

/// What the lists of one database told of its wanted relations.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Unix second of the newest list: as of then all of it holds.
    pub(super) at: i64,
    /// Whether one of them told all rows, so that nothing older is needed.
    pub(super) is_done: bool,
    /// Whether no row was left out of that.
    pub(super) is_whole: bool,
    /// By schema and name, the rows by the name of the index or column; a table's is empty.
    pub(super) relations: BTreeMap<(String, String), BTreeMap<String, Figures>>,
}

/// What the lists of a server told, by database.
#[derive(Debug, Default)]
pub(super) struct Lists {
    pub(super) of: BTreeMap<String, Told>,
    /// Bytes that were read.
    pub(super) bytes: usize,
}

impl Lists {
    /// Adds a list that is older than those before.
    fn add(&mut self, text: &str, wanted: &Wanted) {
        self.bytes += text.len();
        let Ok(list) = serde_json::from_str::<Document<'_>>(text) else {
            return;
        };
        let database = list.database.as_str().unwrap_or_default();
        let Some(names) = wanted.get(database) else {
            return;
        };
        let Some(at) = second(&list.timestamp) else {
            return;
        };
        let first = || Told {
            at,
            ..Told::default()
        };
        let told = self.of.entry(database.to_owned()).or_insert_with(first);
        if told.is_done {
            return;
        }
        let mut last = None;
        for row in &list.rows {
            // A row that is none of ours is left out, and the others are read.
            let Ok(of) = serde_json::from_str::<Names<'_>>(row.get()) else {
                continue;
            };
            if !names.contains(of.relname.as_ref()) {
                last = None;
                continue;
            }
            let Ok(mut figures) = serde_json::from_str::<Figures>(row.get()) else {
                continue;
            };
            figures.is_partitioned = of.relkind == "p";
            let key = (of.schemaname.into_owned(), of.relname.into_owned());
            let part = format!("{}{}", of.indexrelname, of.attname);
            last = Some(key.clone());
            let parts = told.relations.entry(key).or_default();
            parts.entry(part).or_insert(figures);
        }
        if let Some(last) = last.filter(|_| list.truncated == Some(true)) {
            // More of its rows may have been left out.
            told.relations.remove(&last);
        }
        told.is_done = list.changed_only != Some(true);
        told.is_whole = told.is_done && list.truncated != Some(true);
    }

    fn is_done(&self, wanted: &Wanted) -> bool {
        let mut all = wanted.keys();
        all.all(|database| self.of.get(database).is_some_and(|told| told.is_done))
    }
}

fn second(time: &Value) -> Option<i64> {
    let time = match time.as_str() {
        Some(text) => timestamps::parse_text(text),
        None => timestamps::from_number(time.as_f64()?),
    };
    time.ok().map(|time| time.micros().div_euclid(1_000_000))
}

/// The Unix second of the oldest list in a window; nothing if there is none.
pub(super) async fn oldest(
    api: &dyn NodeApi,
    (collector, kind): (CollectorId, Kind),
    window: Window,
) -> Result<Option<i64>, ApiError> {
    let query = Elements {
        collector,
        kind: Some(kind.of_elements().to_owned()),
        from: Some(window.from),
        to: Some(window.to),
        order: ElementOrder::Ascending,
        limit: 1,
        cursor: None,
    };
    let page = questions::ask(api, collector, &query).await?;
    let first = page.data.first();
    let list = first.and_then(|text| serde_json::from_str::<Document<'_>>(text).ok());
    Ok(list.and_then(|list| second(&list.timestamp)))
}

/// Reads what held at a moment, of the wanted relations.
pub(super) async fn read(
    api: &dyn NodeApi,
    (collector, kind): (CollectorId, Kind),
    wanted: &Arc<Wanted>,
    moment: Timestamp,
) -> Result<Lists, ApiError> {
    let mut lists = Lists::default();
    let mut query = Elements {
        collector,
        kind: Some(kind.of_elements().to_owned()),
        from: Some(Timestamp::from_micros(moment.micros() - BACK)),
        to: Some(Timestamp::from_micros(moment.micros() + 1)),
        order: ElementOrder::Descending,
        limit: PAGES.0,
        cursor: None,
    };
    loop {
        let page = questions::ask(api, collector, &query).await?;
        query.cursor = page.next_cursor;
        let names = Arc::clone(wanted);
        let add = move || {
            for text in &page.data {
                lists.add(text, &names);
            }
            lists
        };
        let added = pga_runtime::spawn_blocking(add).await;
        lists = added.map_err(|_| ApiError::Internal)?;
        if query.cursor.is_none() || lists.is_done(wanted) {
            return Ok(lists);
        }
        query.limit = match lists.bytes < LONG {
            true => (query.limit * 2).min(PAGES.1),
            false => PAGES.0,
        };
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn list(minute: i64, changed_only: bool, rows: &Value) -> String {
        json!({ "type": "pg_table", "database": "shop", "timestamp": minute * 60,
            "changed_only": changed_only, "truncated": false, "rows": rows })
        .to_string()
    }

    fn table(name: &str, rows: i64) -> Value {
        json!({ "schemaname": "public", "relname": name, "relkind": "r", "relid": "16384",
            "n_live_tup": rows, "relpages": rows.to_string(), "reloptions": null,
            "last_vacuum": "2026-01-01T00:00:00Z" })
    }

    #[test]
    fn the_newest_row_of_each_relation_back_to_a_list_of_all_counts() {
        let wanted = Wanted::from([("shop".to_owned(), ["a", "b"].map(str::to_owned).into())]);
        let mut lists = Lists::default();
        lists.add(&list(9, true, &json!([table("a", 30)])), &wanted);
        assert!(!lists.is_done(&wanted));
        // A row that is damaged does not hide the others.
        let all = json!([{ "schemaname": 5 }, table("a", 20), table("b", 7), table("c", 1)]);
        lists.add(&list(3, false, &all), &wanted);
        assert!(lists.is_done(&wanted));
        lists.add(&list(2, true, &json!([table("b", 99)])), &wanted);
        lists.add("[1", &wanted);
        let told = &lists.of["shop"];
        assert_eq!((told.at, told.is_whole), (9 * 60, true));
        let rows: Vec<_> = told
            .relations
            .iter()
            .map(|((_, name), parts)| (name.as_str(), parts[""].n_live_tup, parts[""].relpages))
            .collect();
        assert_eq!(
            rows,
            [("a", Some(30.0), Some(30.0)), ("b", Some(7.0), Some(7.0))]
        );
    }

    #[test]
    fn a_list_that_was_cut_does_not_tell_what_is_not_there_nor_its_last_relation() {
        let wanted = Wanted::from([("shop".to_owned(), ["a", "b"].map(str::to_owned).into())]);
        let cut = |rows: &Value| {
            let whole = list(3, false, rows);
            whole.replace("\"truncated\":false", "\"truncated\":true")
        };
        let told = |rows: Value| {
            let mut lists = Lists::default();
            lists.add(&cut(&rows), &wanted);
            assert!(lists.is_done(&wanted) && !lists.of["shop"].is_whole);
            let told = lists.of.remove("shop").unwrap();
            told.relations
                .into_keys()
                .map(|(_, name)| name)
                .collect::<Vec<_>>()
        };
        assert_eq!(told(json!([table("a", 1), table("b", 1)])), ["a"]);
        let other = json!([table("a", 1), table("b", 1), table("z", 1)]);
        assert_eq!(told(other), ["a", "b"]);
    }
}

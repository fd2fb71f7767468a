//! What a collector of ours told last of its server: identity, settings, extensions, databases.

use std::collections::BTreeMap;

use pga_config::CollectorId;
use pga_storage::query::{ElementOrder, Elements};
use pga_storage::{Position, Timestamp};
use serde_json::Value;

use crate::ReadScope;
use crate::refusal::Refusal;
use crate::routes::request_context::RequestContext;

/// Elements in one page, and pages that are looked through.
const PAGE: u32 = 200;
const MAX_PAGES: u32 = 20;

/// Rows by what they are of, in its order.
pub(in crate::routes) type Rows = BTreeMap<String, Value>;

/// What was told in a window.
#[derive(Debug, Default)]
pub(in crate::routes) struct Told {
    /// Which server it is, and what it is doing (`pg_identity`).
    pub(in crate::routes) identity: Option<Value>,
    /// By name (`pg_setting`).
    pub(in crate::routes) settings: Rows,
    /// By database and name (`pg_extension`).
    pub(in crate::routes) extensions: Rows,
    /// By name (`pg_database`).
    pub(in crate::routes) databases: Rows,
}

/// Whose, and from when.
#[derive(Clone, Copy, Debug)]
pub(in crate::routes) struct Reader<'a> {
    pub(in crate::routes) ask: &'a RequestContext,
    pub(in crate::routes) collector: CollectorId,
    pub(in crate::routes) from: Timestamp,
    pub(in crate::routes) to: Timestamp,
    pub(in crate::routes) min_position: Option<Position>,
}

impl Reader<'_> {
    /// All of it.
    pub(in crate::routes) async fn told(self) -> Result<Told, Refusal> {
        let newest = self.page("pg_identity", 1, None).await?;
        Ok(Told {
            identity: newest.0.into_iter().next(),
            settings: self.rows("pg_setting", |_, row| text(row, "name")).await?,
            extensions: self
                .rows("pg_extension", |database, row| {
                    Some(format!("{database}\0{}", text(row, "name")?))
                })
                .await?,
            databases: self
                .rows("pg_database", |_, row| text(row, "datname"))
                .await?,
        })
    }

    /// The rows of a type: for each database elements from the newest back to one that holds all
    /// rows.
    async fn rows(
        self,
        kind: &str,
        key: impl Fn(&str, &Value) -> Option<String>,
    ) -> Result<Rows, Refusal> {
        let mut rows = Rows::new();
        let mut whole: Vec<String> = Vec::new();
        let mut cursor = None;
        for _ in 0..MAX_PAGES {
            let (elements, next) = self.page(kind, PAGE, cursor).await?;
            for element in elements {
                let database = text(&element, "database").unwrap_or_default();
                if whole.contains(&database) {
                    continue;
                }
                for row in element["rows"].as_array().into_iter().flatten() {
                    let Some(key) = key(&database, row) else {
                        continue;
                    };
                    rows.entry(key).or_insert_with(|| {
                        let mut row = row.clone();
                        if !database.is_empty() {
                            row["database"] = database.clone().into();
                        }
                        row["told_at"] = element["timestamp"].clone();
                        row
                    });
                }
                if element["changed_only"] != Value::Bool(true) {
                    whole.push(database);
                }
            }
            // What is told of the server as a whole has no database.
            cursor = next.filter(|_| !whole.iter().any(String::is_empty));
            if cursor.is_none() {
                break;
            }
        }
        Ok(rows)
    }

    /// Elements of a type, the newest first, and where the next ones are.
    async fn page(
        self,
        kind: &str,
        limit: u32,
        cursor: Option<String>,
    ) -> Result<(Vec<Value>, Option<String>), Refusal> {
        let question = Elements {
            collector: self.collector,
            kind: Some(kind.to_owned()),
            from: Some(self.from),
            to: Some(self.to),
            order: ElementOrder::Descending,
            limit,
            cursor,
        };
        let scope = ReadScope {
            collector: Some(self.collector),
            min_position: self.min_position,
        };
        let (page, _) = self.ask.question(&question, scope).await?;
        let elements = page.data.iter();
        let elements = elements.filter_map(|text| serde_json::from_str(text).ok());
        Ok((elements.collect(), page.next_cursor))
    }
}

/// A text of a row.
pub(super) fn text(row: &Value, name: &str) -> Option<String> {
    row.get(name)?.as_str().map(str::to_owned)
}

//! What got slower or larger since the same day of last week.

use std::collections::BTreeMap;

use pga_insight::comparison::{Comparison, Row, Status, Tolerance};
use pga_insight::health::{Grade, Item, Topic};
use pga_insight::words::{count, figure};
use pga_storage::Timestamp;
use pga_storage::query::{ElementOrder, Elements};
use serde_json::Value;

use super::ago;
use crate::analyses::comparison;
use crate::analyses::workload::Window;
use crate::questions;
use crate::refusal::Refusal;
use crate::routes::request_context::RequestContext;
use crate::routes::servers::Server;

const DAYS: i64 = 7;
/// Statements and tables that are told.
const TOLD: usize = 5;
/// A statement is told from so many more seconds an hour on.
const SECONDS: f64 = 1.0;
/// A table is told from so many more bytes on, and this share.
const BYTES: f64 = 64.0 * 1_048_576.0;
const SHARE: f64 = 0.1;
/// Sizes come with an hour's changes at most: what is older is no size of that time.
const HOURS: i64 = 2;
const ELEMENTS: u32 = 200;

/// Compares the last day with the day a week before it.
pub(super) async fn tell(
    ask: &RequestContext,
    server: &Server,
    now: Timestamp,
) -> Result<Vec<(Topic, Item)>, Refusal> {
    let then = ago(now, DAYS);
    let windows = (
        Window::hours_before(then, 24),
        Window::hours_before(now, 24),
    );
    let api = &*ask.context.api;
    let compared =
        comparison::of_server(api, server.collector, windows, Tolerance::default()).await?;
    let mut items = slower(&compared);
    let sizes = (
        sizes(ask, server, then).await?,
        sizes(ask, server, now).await?,
    );
    items.extend(larger(&sizes.0, &sizes.1));
    Ok(items
        .into_iter()
        .map(|item| (Topic::Changed, item))
        .collect())
}

fn slower(compared: &Comparison) -> Vec<Item> {
    let all = compared.comparisons.iter();
    let is_slower = |row: &&Row| {
        row.improvement_status == Status::Degraded && row.seconds_per_hour_change >= SECONDS
    };
    let mut items: Vec<Item> = all.filter(is_slower).take(TOLD).map(statement).collect();
    let known = compared.count - compared.new_count - compared.gone_count;
    if known == 0 || compared.not_comparable_count == known {
        items.push(Item {
            grade: Grade::Info,
            text: "not enough data to compare statements with those of a week ago".to_owned(),
            reason: "both days have to be seen to 80 %, with 30 calls of a statement".to_owned(),
            ..Item::default()
        });
    }
    items
}

fn statement(row: &Row) -> Item {
    Item {
        grade: Grade::Info,
        text: format!(
            "statement {} of {} takes {} ms a call instead of {} a week ago",
            row.query_hash,
            row.database_name,
            figure(row.after_mean_time),
            figure(row.before_mean_time)
        ),
        reason: format!(
            "{} s an hour more, with {} a day instead of {}",
            figure(row.seconds_per_hour_change),
            count(row.after_calls, "call", "calls"),
            figure(row.before_calls)
        ),
        since: None,
        see: Some(format!("/api/v1/queries/{}/timeline", row.query_hash)),
    }
}

/// Bytes of each table, by database and name, as of a time.
type Sizes = BTreeMap<String, f64>;

async fn sizes(ask: &RequestContext, server: &Server, at: Timestamp) -> Result<Sizes, Refusal> {
    let query = Elements {
        collector: server.collector,
        kind: Some("pg_table_size".to_owned()),
        from: Some(Window::hours_before(at, HOURS).from),
        to: Some(at),
        order: ElementOrder::Descending,
        limit: ELEMENTS,
        cursor: None,
    };
    let page = questions::ask(&*ask.context.api, query.collector, &query).await?;
    let mut sizes = Sizes::new();
    let elements = page.data.iter();
    for element in elements.filter_map(|text| serde_json::from_str::<Value>(text).ok()) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let database = text(&element["database"]);
        for row in element["rows"].as_array().into_iter().flatten() {
            let name = format!(
                "{}.{} in {database}",
                text(&row["schema"]),
                text(&row["name"])
            );
            if let Some(bytes) = row["total_bytes"].as_f64() {
                sizes.entry(name).or_insert(bytes);
            }
        }
    }
    Ok(sizes)
}

fn larger(then: &Sizes, now: &Sizes) -> Vec<Item> {
    let grown = now.iter().filter_map(|(name, bytes)| {
        let before = *then.get(name)?;
        let more = bytes - before;
        (more >= BYTES && more >= SHARE * before).then_some((more, before, name))
    });
    let mut grown: Vec<(f64, f64, &String)> = grown.collect();
    grown.sort_by(|one, other| other.0.total_cmp(&one.0));
    let mib = |bytes: f64| bytes / 1_048_576.0;
    let item = |(more, before, name): &(f64, f64, &String)| Item {
        grade: Grade::Info,
        text: format!(
            "table {name} has {:.0} MiB instead of {:.0} a week ago",
            mib(before + more),
            mib(*before)
        ),
        reason: format!(
            "{:.0} % more, with its indexes",
            more / before.max(1.0) * 100.0
        ),
        ..Item::default()
    };
    grown.iter().take(TOLD).map(item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_that_grew_much_are_told_the_most_first() {
        let of = |all: [(&str, f64); 4]| -> Sizes {
            let all = all.into_iter();
            all.map(|(name, mib)| (name.to_owned(), mib * 1_048_576.0))
                .collect()
        };
        let then = of([("a", 100.0), ("b", 100.0), ("c", 10_000.0), ("gone", 1.0)]);
        let now = of([("a", 200.0), ("b", 400.0), ("c", 10_500.0), ("new", 900.0)]);
        let told: Vec<String> = larger(&then, &now)
            .into_iter()
            .map(|item| item.text)
            .collect();
        assert_eq!(
            told,
            [
                "table b has 400 MiB instead of 100 a week ago",
                "table a has 200 MiB instead of 100 a week ago"
            ]
        );
    }

    #[test]
    fn without_a_week_before_that_is_said() {
        let told = slower(&Comparison {
            count: 3,
            new_count: 3,
            ..Comparison::default()
        });
        assert!(told[0].text.starts_with("not enough data"), "{told:?}");
    }
}

//! What will reach its limit, and when: identifiers, sequences, disks, slots, connections.

use std::collections::BTreeMap;

use pga_config::CollectorId;
use pga_insight::growth::{Forecast, forecast};
use pga_storage::Timestamp;
use pga_storage::query::{ElementOrder, Elements};
use serde_json::Value;

use crate::questions;
use crate::{ApiError, NodeApi};

/// Days that are looked back at, and the looks.
const DAYS: i64 = 7;
const LOOKS: i64 = 16;
/// A look takes what was told in so many microseconds before it.
const OLDEST: i64 = 4_200_000_000;
/// Elements of one look: of a source that tells changes only, all since it told everything.
const ELEMENTS: u32 = 64;
/// Ages at which a server refuses new identifiers, 3 million before they wrap around.
const LAST_AGE: f64 = 2_144_483_648.0;
/// An age below this is as it should be: it grows until autovacuum freezes the oldest rows, at
/// 200 million by default.
const NORMAL_AGE: f64 = 240_000_000.0;

/// Something that has a limit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Limited {
    /// What it is, as a subject of a sentence.
    pub(crate) what: String,
    /// What happens then.
    pub(crate) then: &'static str,
    pub(crate) forecast: Forecast,
}

/// All that is known of a server.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Outlook {
    pub(crate) limited: Vec<Limited>,
    /// Seconds of history that it rests on.
    pub(crate) seconds: f64,
}

/// One kind of limit: the element, and what it says of each thing.
struct Kind {
    element: &'static str,
    read: fn(&Value, &mut dyn FnMut(Reading)),
}

/// One figure of one thing at one time.
#[derive(Debug)]
struct Reading {
    what: String,
    then: &'static str,
    value: f64,
    limit: f64,
    /// Below this it is as it should be, even if it grows.
    normal: f64,
}

const KINDS: [Kind; 5] = [
    Kind {
        element: "pg_database",
        read: ages,
    },
    Kind {
        element: "pg_sequence",
        read: sequences,
    },
    Kind {
        element: "disk_usage",
        read: disks,
    },
    Kind {
        element: "pg_slot",
        read: slots,
    },
    Kind {
        element: "pg_identity",
        read: connections,
    },
];

fn rows<'a>(element: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    element[name].as_array().into_iter().flatten()
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap_or_default()
}

fn ages(element: &Value, take: &mut dyn FnMut(Reading)) {
    for row in rows(element, "rows") {
        for (name, what) in [("xid_age", "transaction"), ("mxid_age", "multixact")] {
            if let Some(value) = row[name].as_f64() {
                take(Reading {
                    what: format!("The oldest {what} id of {}", text(row, "datname")),
                    then: "the server refuses to write",
                    value,
                    limit: LAST_AGE,
                    normal: NORMAL_AGE,
                });
            }
        }
    }
}

fn sequences(element: &Value, take: &mut dyn FnMut(Reading)) {
    let database = text(element, "database");
    let ends = rows(element, "rows").filter(|row| row["cycle"] != Value::Bool(true));
    for row in ends {
        if let Some(value) = row["used_share"].as_f64() {
            take(Reading {
                what: format!(
                    "Sequence {}.{} in {database}",
                    text(row, "schema"),
                    text(row, "name")
                ),
                then: "inserts fail",
                value,
                limit: 1.0,
                normal: f64::MIN,
            });
        }
    }
}

fn disks(element: &Value, take: &mut dyn FnMut(Reading)) {
    for row in rows(element, "filesystems") {
        if let Some(value) = row["percent_used"].as_f64() {
            take(Reading {
                what: format!("The disk of {}", text(row, "mount")),
                then: "it is full",
                value,
                limit: 100.0,
                normal: f64::MIN,
            });
        }
    }
}

fn slots(element: &Value, take: &mut dyn FnMut(Reading)) {
    for row in rows(element, "rows") {
        // What is left falls to nothing; without a limit the disk is the limit.
        if let Some(left) = row["safe_wal_size"].as_f64() {
            take(Reading {
                what: format!("Slot {}", text(row, "slot_name")),
                then: "it is invalidated and its consumer has to be rebuilt",
                value: -left,
                limit: 0.0,
                normal: f64::MIN,
            });
        }
    }
}

fn connections(element: &Value, take: &mut dyn FnMut(Reading)) {
    let figure = |name: &str| element[name].as_f64();
    if let Some((value, limit)) = figure("client_backends").zip(figure("max_connections")) {
        take(Reading {
            what: "The number of connections".to_owned(),
            then: "log-ins fail",
            value,
            limit,
            normal: f64::MIN,
        });
    }
}

/// What one look found: each thing once, by the newest element that tells it.
async fn look(
    api: &dyn NodeApi,
    collector: CollectorId,
    kind: &Kind,
    at: i64,
) -> Result<Vec<Reading>, ApiError> {
    let is_whole_at_once = kind.element != "pg_sequence";
    let query = Elements {
        collector,
        kind: Some(kind.element.to_owned()),
        from: Some(Timestamp::from_micros(at - OLDEST)),
        to: Some(Timestamp::from_micros(at)),
        order: ElementOrder::Descending,
        limit: if is_whole_at_once { 1 } else { ELEMENTS },
        cursor: None,
    };
    let page = questions::ask(api, collector, &query).await?;
    let mut found = BTreeMap::new();
    let elements = page.data.iter();
    for element in elements.filter_map(|text| serde_json::from_str::<Value>(text).ok()) {
        (kind.read)(&element, &mut |reading| {
            found.entry(reading.what.clone()).or_insert(reading);
        });
    }
    Ok(found.into_values().collect())
}

/// What is known of a server that is watched since a time.
pub(crate) async fn of_server(
    api: &dyn NodeApi,
    collector: CollectorId,
    (since, now): (Timestamp, Timestamp),
) -> Result<Outlook, ApiError> {
    let span = (now.micros() - since.micros()).clamp(0, DAYS * 86_400_000_000);
    let times: Vec<i64> = (0..LOOKS)
        .map(|look| now.micros() - span + span * (look + 1) / LOOKS)
        .collect();
    let mut outlook = Outlook {
        limited: Vec::new(),
        seconds: span as f64 / 1e6,
    };
    for kind in &KINDS {
        let mut looks = Vec::new();
        for at in &times {
            let found = look(api, collector, kind, *at).await?;
            looks.push((*at as f64 / 1e6, found));
        }
        outlook.limited.extend(judge(looks));
    }
    Ok(outlook)
}

/// Foretells all things that the last look has seen.
fn judge(looks: Vec<(f64, Vec<Reading>)>) -> Vec<Limited> {
    let last = looks.last().map(|(at, _)| *at);
    let mut things: BTreeMap<String, (Vec<(f64, f64)>, Reading)> = BTreeMap::new();
    for (at, found) in looks {
        for reading in found {
            let point = (at, reading.value);
            match things.get_mut(&reading.what) {
                Some((points, newest)) => {
                    points.push(point);
                    *newest = reading;
                }
                None => {
                    things.insert(reading.what.clone(), (vec![point], reading));
                }
            }
        }
    }
    let there = things.into_iter().filter(|(_, (points, newest))| {
        let is_there = points.last().map(|(at, _)| *at) == last;
        is_there && newest.value >= newest.normal
    });
    there
        .map(|(what, (points, newest))| Limited {
            what,
            then: newest.then,
            forecast: forecast(&points, newest.limit),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn readings(kind: usize, element: &Value) -> Vec<Reading> {
        let mut found = Vec::new();
        (KINDS[kind].read)(element, &mut |reading| found.push(reading));
        found
    }

    /// A look each six hours for a week, of what `element` says at an hour.
    fn week(kind: usize, element: impl Fn(f64) -> Value) -> Vec<Limited> {
        let hours = (0..28).map(|look| f64::from(look) * 6.0);
        judge(
            hours
                .map(|hour| (hour * 3_600.0, readings(kind, &element(hour))))
                .collect(),
        )
    }

    #[test]
    fn each_kind_says_what_it_tells_of() {
        let grows = |hour: f64| hour / 168.0;
        for (kind, what, element) in [
            (
                1,
                "Sequence public.s in shop",
                Box::new(move |hour: f64| {
                    json!({ "database": "shop", "rows": [
                        { "schema": "public", "name": "s", "used_share": 0.5 + 0.25 * grows(hour), "cycle": false },
                        { "schema": "public", "name": "round", "used_share": 0.9, "cycle": true }] })
                }) as Box<dyn Fn(f64) -> Value>,
            ),
            (
                2,
                "The disk of /",
                Box::new(
                    move |hour| json!({ "filesystems": [{ "mount": "/", "percent_used": 50.0 + 25.0 * grows(hour) }] }),
                ),
            ),
            (
                3,
                "Slot s",
                Box::new(
                    move |hour| json!({ "rows": [{ "slot_name": "s", "safe_wal_size": 1e9 - 5e8 * grows(hour) }] }),
                ),
            ),
            (
                4,
                "The number of connections",
                Box::new(
                    move |hour| json!({ "client_backends": 50.0 + 25.0 * grows(hour), "max_connections": 100 }),
                ),
            ),
        ] {
            let told = week(kind, element);
            assert_eq!(told.len(), 1, "{told:?}");
            assert_eq!(told[0].what, what);
            let Forecast::Reaches { after, .. } = told[0].forecast else {
                panic!("{told:?}");
            };
            let days = after / 86_400.0;
            assert!((6.0..=8.0).contains(&days), "{what}: {days}");
        }
    }

    #[test]
    fn ages_count_once_autovacuum_does_not_keep_up() {
        let age = |from: f64| move |hour: f64| json!({ "rows": [{ "datname": "shop", "xid_age": from + hour * 1e6, "mxid_age": 0 }] });
        assert!(week(0, age(1e6)).is_empty());
        let told = week(0, age(1.9e9));
        assert_eq!(told[0].what, "The oldest transaction id of shop");
        assert!(
            matches!(told[0].forecast, Forecast::Reaches { .. }),
            "{told:?}"
        );
    }

    #[test]
    fn what_is_gone_is_not_told_of() {
        let gone = |hour: f64| {
            let rows = if hour > 100.0 {
                json!([])
            } else {
                json!([{ "slot_name": "s", "safe_wal_size": 100.0 - hour }])
            };
            json!({ "rows": rows })
        };
        assert!(week(3, gone).is_empty());
    }
}

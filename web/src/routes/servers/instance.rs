//! The instance of a server, and its databases (contract, appendix A): what a stock collector's
//! `pg_stats` tells, and beside it what one of ours does.

use pga_storage::Timestamp;
use serde_json::{Map, Value, json};

use super::end_of_life::end_of_life;
use super::told::{Rows, Told, text};
use crate::routes::shape::{Field, Shape, always, maybe};
use crate::timestamps::parse_text;

/// The columns of a setting that are shown.
const SETTING: [&str; 7] = [
    "setting",
    "unit",
    "source",
    "sourcefile",
    "context",
    "vartype",
    "pending_restart",
];

/// The shape of [`show`].
pub(super) const INSTANCE: Shape = Shape::Object(&[
    always("id", Shape::Integer),
    always("server_id", Shape::Integer),
    always("name", Shape::Text),
    maybe("version", Shape::Text),
    always("end_of_life", Shape::Text),
    maybe("is_supported", Shape::Flag),
    maybe("replication_role", Shape::Text),
    maybe("system_identifier", Shape::Text),
    always("is_active", Shape::Flag),
    maybe("last_connected", Shape::Time),
    maybe("postmaster_start_time", Shape::Text),
    maybe("uptime_seconds", Shape::Integer),
    maybe("size_bytes", Shape::Integer),
    always("pending_restart", Shape::List(&Shape::Text)),
    always("settings", Shape::List(&Shape::Object(SETTINGS))),
    always("databases", Shape::List(&DATABASE)),
]);

const SETTINGS: &[Field] = &[
    always("name", Shape::Text),
    maybe("setting", Shape::Text),
    maybe("unit", Shape::Text),
    maybe("source", Shape::Text),
    maybe("sourcefile", Shape::Text),
    maybe("context", Shape::Text),
    maybe("vartype", Shape::Text),
    maybe("pending_restart", Shape::Flag),
];

const DATABASE: Shape = Shape::Object(&[
    always("id", Shape::Integer),
    always("instance_id", Shape::Integer),
    always("name", Shape::Text),
    always("is_template", Shape::Flag),
    always("is_active", Shape::Flag),
    maybe("size_bytes", Shape::Integer),
    maybe("connections", Shape::Integer),
    maybe("xid_age", Shape::Integer),
    maybe("updated_at", Shape::Time),
    always(
        "extensions",
        Shape::List(&Shape::Object(&[
            always("name", Shape::Text),
            maybe("version", Shape::Text),
            maybe("schema", Shape::Text),
            maybe("default_version", Shape::Text),
            maybe("is_outdated", Shape::Flag),
        ])),
    ),
]);

/// The instance as of `now`; `None` if nothing was told of it. `stats` are the newest rows of
/// `pg_stats`, one for each database.
pub(super) fn show(
    (id, host): (i64, &str),
    stats: &[Value],
    told: &Told,
    now: Timestamp,
) -> Option<Value> {
    if stats.is_empty() && told.identity.is_none() {
        return None;
    }
    let identity = told.identity.as_ref();
    let own = |name: &str| identity.and_then(|identity| text(identity, name));
    let started = own("postmaster_start_time").or_else(|| newest(stats, "postmaster_start_time"));
    let major = identity
        .and_then(|identity| identity.get("server_version_num")?.as_u64())
        .and_then(|number| u32::try_from(number / 10_000).ok());
    let ends = major.and_then(end_of_life);
    let sizes = stats
        .iter()
        .filter_map(|row| row.get("database_size")?.as_i64());
    let size: Vec<i64> = sizes.collect();
    let mut shown = json!({
        "id": id,
        "server_id": id,
        "name": host,
        "end_of_life": ends.unwrap_or("unknown"),
        "is_active": true,
        "pending_restart": pending(&told.settings),
        "settings": settings(&told.settings),
        "databases": databases(id, stats, told),
    });
    let seen = newest(stats, "time").or_else(|| own("timestamp"));
    let is_supported = ends.map(|ends| now.to_string().as_str() < ends);
    for (name, value) in [
        ("version", own("server_version").map(Value::from)),
        ("is_supported", is_supported.map(Value::from)),
        ("replication_role", own("role").map(Value::from)),
        (
            "system_identifier",
            own("system_identifier").map(Value::from),
        ),
        ("last_connected", seen.map(Value::from)),
        (
            "uptime_seconds",
            uptime(started.as_deref(), now).map(Value::from),
        ),
        ("postmaster_start_time", started.map(Value::from)),
        (
            "size_bytes",
            (!size.is_empty()).then(|| size.iter().sum::<i64>().into()),
        ),
    ] {
        if let Some(value) = value {
            shown[name] = value;
        }
    }
    Some(shown)
}

/// The latest of a column's texts.
fn newest(rows: &[Value], name: &str) -> Option<String> {
    rows.iter().filter_map(|row| text(row, name)).max()
}

/// Whole seconds since the server was started.
fn uptime(started: Option<&str>, now: Timestamp) -> Option<i64> {
    let started = parse_text(started?).ok()?;
    Some((now.micros() - started.micros()).max(0) / 1_000_000)
}

/// Settings whose new value waits for a restart.
fn pending(settings: &Rows) -> Vec<&String> {
    let waits = |row: &Value| row["pending_restart"] == Value::Bool(true);
    let waiting = settings.iter().filter(|(_, row)| waits(row));
    waiting.map(|(name, _)| name).collect()
}

fn settings(settings: &Rows) -> Vec<Value> {
    settings
        .iter()
        .map(|(name, row)| {
            let mut shown = Map::new();
            shown.insert("name".to_owned(), json!(name));
            copy(row, &SETTING, &mut shown);
            Value::Object(shown)
        })
        .collect()
}

/// Copies what a row has of these columns, but NULLs.
fn copy(row: &Value, names: &[&str], shown: &mut Map<String, Value>) {
    for name in names {
        if let Some(value) = row.get(*name).filter(|value| !value.is_null()) {
            shown.insert((*name).to_owned(), value.clone());
        }
    }
}

/// Databases by name: those that either type of elements tells.
fn databases(instance: i64, stats: &[Value], told: &Told) -> Vec<Value> {
    let mut names: Vec<String> = stats
        .iter()
        .filter_map(|row| text(row, "database_name"))
        .chain(told.databases.keys().cloned())
        .collect();
    names.sort();
    names.dedup();
    let shown = names.iter().zip(1..).map(|(name, number)| {
        let of = |row: &&Value| row["database_name"].as_str() == Some(name);
        let stats = stats.iter().find(of);
        database((instance, number), name, stats, told)
    });
    shown.collect()
}

fn database(
    (instance, number): (i64, i64),
    name: &str,
    stats: Option<&Value>,
    told: &Told,
) -> Value {
    let own = told.databases.get(name);
    let extensions = told.extensions.values();
    let extensions = extensions.filter(|row| row["database"].as_str() == Some(name));
    let extensions = extensions.map(|row| {
        let mut shown = Map::new();
        let names = [
            "name",
            "version",
            "schema",
            "default_version",
            "is_outdated",
        ];
        copy(row, &names, &mut shown);
        Value::Object(shown)
    });
    let flag = |name: &str, without: bool| {
        let told = own.and_then(|row| row.get(name)?.as_bool());
        told.unwrap_or(without)
    };
    let mut shown = json!({
        "id": number,
        "instance_id": instance,
        "name": name,
        "is_template": flag("is_template", false),
        "is_active": flag("allows_connections", true),
        "extensions": extensions.collect::<Vec<_>>(),
    });
    let column = |row: Option<&Value>, column: &str| {
        let value = row.and_then(|row| row.get(column));
        value.filter(|value| !value.is_null()).cloned()
    };
    for (as_name, value) in [
        ("size_bytes", column(stats, "database_size")),
        (
            "connections",
            column(stats, "numbackends").or_else(|| column(own, "numbackends")),
        ),
        ("xid_age", column(own, "xid_age")),
        ("updated_at", column(stats, "time")),
    ] {
        if let Some(value) = value {
            shown[as_name] = value;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told() -> Told {
        let identity = json!({ "type": "pg_identity", "timestamp": "2026-11-30T08:00:00Z",
            "role": "standby", "server_version": "14.20", "server_version_num": 140_020,
            "postmaster_start_time": "2026-11-30T07:00:00Z" });
        let row = |name: &str, is_pending: bool| {
            json!({ "name": name, "setting": "1", "unit": null,
            "pending_restart": is_pending })
        };
        let extension = json!({ "database": "shop", "name": "pg_trgm", "version": "1.5",
            "default_version": "1.6", "is_outdated": true });
        Told {
            identity: Some(identity),
            settings: [("a", false), ("b", true)]
                .map(|(name, is_pending)| (name.to_owned(), row(name, is_pending)))
                .into(),
            extensions: [("shop\0pg_trgm".to_owned(), extension)].into(),
            databases: [(
                "template1".to_owned(),
                json!({ "datname": "template1", "is_template": true, "xid_age": 5 }),
            )]
            .into(),
        }
    }

    #[test]
    fn an_instance_tells_what_either_collector_told() {
        let stats = [
            json!({ "database_name": "shop", "database_size": 700, "numbackends": 3,
            "time": "2026-11-30T08:01:00Z" }),
        ];
        for (now, is_supported, uptime) in [
            ("2026-11-11T23:00:00Z", true, 0),
            ("2026-11-30T08:00:30Z", false, 3_630),
        ] {
            let now = parse_text(now).unwrap();
            let shown = show((4, "db1"), &stats, &told(), now).unwrap();
            for (pointer, want) in [
                ("/version", json!("14.20")),
                ("/end_of_life", json!("2026-11-12")),
                ("/is_supported", json!(is_supported)),
                ("/replication_role", json!("standby")),
                ("/uptime_seconds", json!(uptime)),
                ("/size_bytes", json!(700)),
                ("/pending_restart", json!(["b"])),
                (
                    "/settings/1",
                    json!({ "name": "b", "setting": "1", "pending_restart": true }),
                ),
                ("/databases/0/name", json!("shop")),
                ("/databases/0/extensions/0/is_outdated", json!(true)),
                ("/databases/1/is_template", json!(true)),
                ("/databases/1/xid_age", json!(5)),
            ] {
                assert_eq!(shown.pointer(pointer), Some(&want), "{pointer} at {now}");
            }
        }
    }

    #[test]
    fn a_stock_collector_tells_databases_and_no_version() {
        let stats = [json!({ "database_name": "shop", "time": "2026-11-30T08:01:00Z" })];
        let shown = show((4, "db1"), &stats, &Told::default(), Timestamp::default()).unwrap();
        assert_eq!(shown["end_of_life"], "unknown");
        assert_eq!(shown.get("version"), None);
        assert_eq!(shown["databases"][0]["name"], "shop");
        assert_eq!(
            show((4, "db1"), &[], &Told::default(), Timestamp::default()),
            None
        );
    }
}

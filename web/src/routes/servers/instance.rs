//! The instance of a server, and its databases (contract, appendix A): what a stock collector's
//! `pg_stats` tells, and beside it what one of ours does.

use pga_storage::Timestamp;
use serde_json::{Map, Value, json};

use super::columns::copy;
use super::database::{DATABASE, databases};
use super::end_of_life::end_of_life;
use super::known::Known;
use super::told::{Rows, text};
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
    always("port", Shape::NumberOrNull),
    always("maintenance_database", Shape::TextOrNull),
    always("monitoring_role", Shape::TextOrNull),
    always("created_at", Shape::Time),
    always("updated_at", Shape::Time),
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

/// The instance; `None` if nothing was told of it.
///
/// Where it listens, and as whom and in which database it is watched, its configuration says, if
/// the cluster holds one; a collector of ours tells the port itself.
pub(super) fn show(known: &Known<'_>) -> Option<Value> {
    let (stats, told, now) = (known.stats, known.told, known.now);
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
    let seen = newest(stats, "time").or_else(|| own("timestamp"));
    let mut shown = json!({
        "id": known.id,
        "server_id": known.id,
        "name": known.host,
        "port": port(known),
        "maintenance_database": known.configured("postgres.database"),
        "monitoring_role": known.configured("postgres.user"),
        "created_at": known.created_at.to_string(),
        "updated_at": seen.clone().unwrap_or_else(|| known.created_at.to_string()),
        "end_of_life": ends.unwrap_or("unknown"),
        "is_active": true,
        "pending_restart": pending(&told.settings),
        "settings": settings(&told.settings),
        "databases": databases(known),
    });
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

/// Where it listens.
fn port(known: &Known<'_>) -> Option<u16> {
    let told = known.told.settings.get("port");
    let told = told.and_then(|row| text(row, "setting"));
    let port = told.or_else(|| known.configured("postgres.port"))?;
    port.parse().ok()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::servers::told::Told;

    fn known<'a>(stats: &'a [Value], told: &'a Told, now: Timestamp) -> Known<'a> {
        Known {
            id: 4,
            host: "db1",
            created_at: Timestamp::from_micros(1_000_000),
            stats,
            tables: None,
            extensions: &[],
            configuration: [("postgres.user", "watcher"), ("postgres.port", "1")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            told,
            now,
        }
    }

    fn told() -> Told {
        let identity = json!({ "type": "pg_identity", "timestamp": "2026-11-30T08:00:00Z",
            "role": "standby", "server_version": "14.20", "server_version_num": 140_020,
            "postmaster_start_time": "2026-11-30T07:00:00Z" });
        let row = |name: &str, is_pending: bool| {
            json!({ "name": name, "setting": "5433", "unit": null,
            "pending_restart": is_pending })
        };
        let extension = json!({ "database": "shop", "name": "pg_trgm", "version": "1.5",
            "default_version": "1.6", "is_outdated": true });
        Told {
            identity: Some(identity),
            settings: [("a", false), ("b", true), ("port", false)]
                .map(|(name, is_pending)| (name.to_owned(), row(name, is_pending)))
                .into(),
            extensions: [("shop\0pg_trgm".to_owned(), extension)].into(),
            databases: [(
                "template1".to_owned(),
                json!({ "datname": "template1", "is_template": true, "xid_age": 5,
                    "told_at": "2026-11-30T08:00:00Z" }),
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
            let told = told();
            let shown = show(&known(&stats, &told, now)).unwrap();
            for (pointer, want) in [
                ("/version", json!("14.20")),
                ("/port", json!(5433)),
                ("/maintenance_database", Value::Null),
                ("/monitoring_role", json!("watcher")),
                ("/created_at", json!("1970-01-01T00:00:01Z")),
                ("/updated_at", json!("2026-11-30T08:01:00Z")),
                ("/end_of_life", json!("2026-11-12")),
                ("/is_supported", json!(is_supported)),
                ("/replication_role", json!("standby")),
                ("/uptime_seconds", json!(uptime)),
                ("/size_bytes", json!(700)),
                ("/pending_restart", json!(["b"])),
                (
                    "/settings/1",
                    json!({ "name": "b", "setting": "5433", "pending_restart": true }),
                ),
                ("/databases/0/name", json!("shop")),
                ("/databases/0/extensions/0/is_outdated", json!(true)),
                ("/databases/1/is_template", json!(true)),
                ("/databases/1/xid_age", json!(5)),
                ("/databases/1/updated_at", json!("2026-11-30T08:00:00Z")),
            ] {
                assert_eq!(shown.pointer(pointer), Some(&want), "{pointer} at {now}");
            }
        }
    }

    #[test]
    fn a_stock_collector_tells_databases_and_no_version() {
        let stats = [json!({ "database_name": "shop", "time": "2026-11-30T08:01:00Z" })];
        let (told, now) = (Told::default(), Timestamp::default());
        let shown = show(&known(&stats, &told, now)).unwrap();
        assert_eq!(shown["port"], 1, "as its configuration says");
        assert_eq!(shown["end_of_life"], "unknown");
        assert_eq!(shown.get("version"), None);
        assert_eq!(shown["databases"][0]["name"], "shop");
        assert_eq!(show(&known(&[], &told, now)), None);
    }
}

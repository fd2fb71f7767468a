//! The databases of an instance (contract, appendix A).

use serde_json::{Map, Value, json};

use super::columns::copy;
use super::known::Known;
use super::told::text;
use crate::routes::shape::{Shape, always, maybe};

/// Numbers up to here are whole in every reader of JSON (RFC 8259, section 6).
const SAFE_INTEGER: u64 = (1 << 53) - 1;

/// The shape of a database. PostgreSQL does not keep when a database was created.
pub(super) const DATABASE: Shape = Shape::Object(&[
    always("id", Shape::Integer),
    always("instance_id", Shape::Integer),
    always("name", Shape::Text),
    always("is_template", Shape::Flag),
    always("is_active", Shape::Flag),
    maybe("size_bytes", Shape::Integer),
    maybe("connections", Shape::Integer),
    maybe("xid_age", Shape::Integer),
    maybe("last_analyzed", Shape::Text),
    always("created_at", Shape::TextOrNull),
    maybe("updated_at", Shape::Time),
    always(
        "extensions",
        Shape::List(&Shape::Object(&[
            always("name", Shape::Text),
            maybe("version", Shape::Text),
            maybe("schema", Shape::Text),
            maybe("owner", Shape::Text),
            maybe("relocatable", Shape::Flag),
            maybe("description", Shape::Text),
            maybe("default_version", Shape::Text),
            maybe("is_outdated", Shape::Flag),
        ])),
    ),
]);

/// Databases by name: those that either type of elements tells.
pub(super) fn databases(known: &Known<'_>) -> Vec<Value> {
    let told = known.stats.iter();
    let mut names: Vec<String> = told
        .filter_map(|row| text(row, "database_name"))
        .chain(known.told.databases.keys().cloned())
        .collect();
    names.sort();
    names.dedup();
    names.iter().map(|name| show(known, name)).collect()
}

fn show(known: &Known<'_>, name: &str) -> Value {
    let is_it = |row: &&Value| row["database_name"].as_str() == Some(name);
    let stats = known.stats.iter().find(is_it);
    let own = known.told.databases.get(name);
    let flag = |name: &str, without: bool| {
        let told = own.and_then(|row| row.get(name)?.as_bool());
        told.unwrap_or(without)
    };
    let mut shown = json!({
        "id": id(known.id, name),
        "instance_id": known.id,
        "name": name,
        "is_template": flag("is_template", false),
        "is_active": flag("allows_connections", true),
        "created_at": null,
        "extensions": extensions(known, name),
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
        ("last_analyzed", last_analyzed(known, name).map(Value::from)),
        (
            "updated_at",
            column(stats, "time").or_else(|| column(own, "told_at")),
        ),
    ] {
        if let Some(value) = value {
            shown[as_name] = value;
        }
    }
    shown
}

/// The same for the same name, whatever other databases come and go.
fn id(instance: i64, name: &str) -> u64 {
    let of = format!("{instance}\0{name}");
    (xxhash_rust::xxh3::xxh3_64(of.as_bytes()) & SAFE_INTEGER).max(1)
}

/// When a table of it was last analyzed, by hand or by autovacuum.
fn last_analyzed(known: &Known<'_>, name: &str) -> Option<String> {
    let mine = known
        .tables?
        .iter()
        .filter(|row| row["database_name"].as_str() == Some(name));
    let times = mine.flat_map(|row| {
        ["last_analyze", "last_autoanalyze"]
            .into_iter()
            .filter_map(move |column| text(row, column))
    });
    times.max()
}

/// What a collector of ours told, else what an original one did.
fn extensions(known: &Known<'_>, database: &str) -> Vec<Value> {
    const OWN: [&str; 5] = [
        "name",
        "version",
        "schema",
        "default_version",
        "is_outdated",
    ];
    const ORIGINAL: [&str; 4] = ["version", "owner", "relocatable", "description"];
    let told = known.told.extensions.values();
    let told: Vec<Value> = told
        .filter(|row| row["database"].as_str() == Some(database))
        .map(|row| {
            let mut shown = Map::new();
            copy(row, &OWN, &mut shown);
            Value::Object(shown)
        })
        .collect();
    if !told.is_empty() {
        return told;
    }
    let original = known.extensions.iter();
    let mine = original.filter(|row| row["database_name"].as_str() == Some(database));
    mine.map(|row| {
        let mut shown = Map::new();
        for (name, column) in [("name", "extension_name"), ("schema", "schema_name")] {
            if let Some(value) = text(row, column) {
                shown.insert(name.to_owned(), value.into());
            }
        }
        copy(row, &ORIGINAL, &mut shown);
        Value::Object(shown)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use pga_storage::Timestamp;

    use super::*;
    use crate::routes::servers::told::Told;

    #[test]
    fn an_original_collector_tells_extensions_and_when_a_table_was_analyzed() {
        let stats = ["shop", "other"].map(|name| json!({ "database_name": name }));
        let table = |database: &str, by_hand: &str, by_itself: Value| {
            json!({ "database_name": database, "last_analyze": by_hand,
                "last_autoanalyze": by_itself })
        };
        let tables = [
            table("shop", "2026-11-28T08:00:00Z", Value::Null),
            table(
                "shop",
                "2026-11-27T08:00:00Z",
                json!("2026-11-29T08:00:00Z"),
            ),
            table("other", "2026-11-30T08:00:00Z", Value::Null),
        ];
        let extension = [json!({ "database_name": "shop", "extension_name": "hstore",
            "version": "1.8", "owner": "bob", "schema_name": "public", "relocatable": true,
            "description": null })];
        let told = Told::default();
        let mut known = Known {
            id: 4,
            host: "db1",
            created_at: Timestamp::default(),
            stats: &stats,
            tables: Some(&tables),
            extensions: &extension,
            configuration: [].into(),
            told: &told,
            now: Timestamp::default(),
        };
        let shown = databases(&known);
        let want = json!([{ "name": "hstore", "version": "1.8", "owner": "bob",
            "schema": "public", "relocatable": true }]);
        assert_eq!(shown[1]["extensions"], want);
        assert_eq!(shown[0]["extensions"], json!([]));
        assert_eq!(shown[1]["last_analyzed"], "2026-11-29T08:00:00Z");
        let id = shown[1]["id"].clone();
        known.stats = &stats[..1];
        known.tables = None;
        let alone = databases(&known);
        assert_eq!(alone[0]["id"], id, "whoever else is there");
        assert_eq!(alone[0].get("last_analyzed"), None, "not known for sure");
    }
}

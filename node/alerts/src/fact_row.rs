//! The rows of an element, and what tells them apart.

use std::collections::BTreeMap;

use minijinja::Value;
use serde_json::Value as Json;

/// Of these types only the rows with most of a number are kept: type, number, rows.
const ONLY_THE_LARGEST: &[(&str, &str, usize)] = &[("pg_statement", "total_exec_time", 200)];
/// What tells the rows of an element apart, for types whose rows come only when they changed.
const IDENTITIES: &[(&str, &[&str])] = &[
    ("pg_database", &["datname"]),
    ("pg_table", &["relid"]),
    ("pg_index", &["indexrelid"]),
    ("pg_sequence", &["schema", "name"]),
    ("pg_setting", &["name"]),
    ("pg_statement", &["userid", "dbid", "toplevel", "queryid"]),
    ("pg_table_size", &["relid"]),
    ("pg_io", &["backend_type", "object", "context"]),
    ("pg_slru", &["name"]),
    ("pg_slot", &["slot_name"]),
    ("pg_sender", &["application", "address", "slot"]),
    ("pg_freeze", &["schema", "name"]),
    ("pg_blocking", &["blocked_pid", "blocking_pid"]),
    (
        "pg_connection",
        &["database", "user", "application", "state"],
    ),
    ("pg_long_transaction", &["kind", "holder"]),
    ("pg_progress", &["pid", "command"]),
    ("pg_prepared_xact", &["gid"]),
    ("pg_receiver", &[]),
    ("pg_subscription", &["subname", "relid"]),
    ("pg_recovery_conflict", &["datname"]),
    ("analysis_plan_regressions", &["id"]),
    ("analysis_anomalies", &["id"]),
];
/// Fields that tell the rows of other types apart.
const COMMON_IDENTITY: &[&str] = &[
    "name",
    "datname",
    "database",
    "schema",
    "table",
    "application",
    "user",
    "pid",
    "mount",
    "gid",
    "source",
    "id",
    "device",
    "interface",
];

/// One row of an element: the element itself, or a member of its array.
#[derive(Clone, Debug)]
pub struct FactRow {
    /// What tells it from the other rows of its type.
    pub identity: String,
    /// Its fields; those of an array's member have the element's `database` too.
    pub value: Value,
}

/// Of some types only the rows that matter most.
pub(crate) fn largest(kind: &str, mut rows: Vec<(String, Json)>) -> Vec<(String, Json)> {
    if let Some((_, field, most)) = ONLY_THE_LARGEST.iter().find(|(name, _, _)| *name == kind) {
        let number = |row: &Json| row.get(*field).and_then(Json::as_f64).unwrap_or(0.0);
        rows.sort_by(|(_, a), (_, b)| number(b).total_cmp(&number(a)));
        rows.truncate(*most);
    }
    rows
}

/// The rows of an element with what tells them apart.
pub(crate) fn rows(kind: &str, database: &str, body: &Json) -> Vec<(String, Json)> {
    let arrays = ["rows", "filesystems", "findings"];
    let array = arrays.iter().find_map(|name| body.get(name)?.as_array());
    let Some(array) = array else {
        return vec![(database.to_owned(), body.clone())];
    };
    let row = |row: &Json| {
        let mut row = row.clone();
        if let Some(fields) = row.as_object_mut()
            && !database.is_empty()
        {
            let entry = fields.entry("database");
            entry.or_insert_with(|| Json::from(database));
        }
        (identity(kind, database, &row), row)
    };
    let mut seen = BTreeMap::<String, usize>::new();
    let told_apart = |(mut identity, row): (String, Json)| {
        let times = seen.entry(identity.clone()).or_default();
        *times += 1;
        if *times > 1 {
            identity = format!("{identity}#{times}");
        }
        (identity, row)
    };
    array.iter().map(row).map(told_apart).collect()
}

fn identity(kind: &str, database: &str, row: &Json) -> String {
    let known = IDENTITIES.iter().find(|(name, _)| *name == kind);
    let fields = known.map_or(COMMON_IDENTITY, |(_, fields)| fields);
    let values = fields.iter().filter_map(|field| match row.get(field)? {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    });
    let mut parts = vec![database.to_owned()];
    parts.extend(values);
    parts.join("\u{1f}")
}

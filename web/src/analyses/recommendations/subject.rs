//! What a finding is about: findings about the same become one recommendation.

use serde_json::Value;

/// Its subject: the table and columns of an index, the index that goes, the statement, or the
/// setting of a server, role or table. What is in a statement's text is the same on every server.
pub(super) fn subject(finding: &Value, source: &str, server: &str) -> String {
    let text = |name: &str| finding[name].as_str().unwrap_or_default();
    let columns = || {
        let columns = finding["column_names"].as_array().into_iter().flatten();
        columns
            .filter_map(Value::as_str)
            .collect::<Vec<&str>>()
            .join(",")
    };
    let database = text("database_name");
    let table = [text("schema_name"), text("table_name")].join(".");
    let hash = finding["query_hash"].to_string();
    let parts: Vec<&str> = match (source, text("kind"), text("scope")) {
        ("index", "create" | "extend", _) => {
            let columns = columns();
            return [
                server,
                database,
                "index",
                &table,
                &columns,
                text("predicate"),
            ]
            .join("\u{1f}");
        }
        ("index", kind, _) if !text("index_name").is_empty() && kind != "analyze" => {
            vec![server, database, "drop", &table, text("index_name")]
        }
        ("index", kind, _) => vec![server, database, kind, &table],
        ("parameter", _, "statement") => vec!["statement", &hash],
        ("parameter", _, scope) => {
            vec![
                server,
                "setting",
                scope,
                text("parameter_name"),
                text("target"),
            ]
        }
        _ => vec!["statement", &hash],
    };
    parts.join("\u{1f}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn findings_about_the_same_have_one_subject() {
        let index = |table: &str, columns: &[&str], kind: &str| {
            json!({ "kind": kind, "database_name": "shop", "schema_name": "public",
                "table_name": table, "column_names": columns, "index_name": "i" })
        };
        let rewrite =
            |rule: &str| json!({ "query_hash": 7, "rule": rule, "database_name": "shop" });
        let setting = |name: &str, scope: &str, target: Option<&str>| json!({ "query_hash": 7, "parameter_name": name, "scope": scope, "target": target });
        let role = |name: &str| setting("work_mem", "role", Some(name));
        for (name, one, other, is_same) in [
            (
                "other rules",
                ("rewrite", rewrite("w1")),
                ("rewrite", rewrite("w7")),
                true,
            ),
            (
                "a setting of the statement",
                ("rewrite", rewrite("w1")),
                ("parameter", setting("LIMIT", "statement", None)),
                true,
            ),
            (
                "one more column",
                ("index", index("t", &["a"], "create")),
                ("index", index("t", &["a", "b"], "create")),
                false,
            ),
            (
                "an index of that table and column",
                ("index", index("t", &["a"], "create")),
                ("index", index("t", &["a"], "extend")),
                true,
            ),
            (
                "two reasons to drop an index",
                ("index", index("t", &["a"], "drop_unused")),
                ("index", index("t", &["a"], "drop_duplicate")),
                true,
            ),
            (
                "another table",
                ("index", index("t", &["a"], "create")),
                ("index", index("u", &["a"], "create")),
                false,
            ),
            (
                "roles",
                ("parameter", role("a")),
                ("parameter", role("b")),
                false,
            ),
        ] {
            let subjects = [one, other].map(|(source, finding)| subject(&finding, source, "db-1"));
            assert_eq!(subjects[0] == subjects[1], is_same, "{name}: {subjects:?}");
        }
    }

    #[test]
    fn a_role_is_one_of_its_server_and_a_statement_is_one_everywhere() {
        let role = json!({ "query_hash": 7, "parameter_name": "work_mem", "scope": "role",
            "target": "a" });
        let on = |server| subject(&role, "parameter", server);
        assert_ne!(on("db-1"), on("db-2"));
        let rewrite = json!({ "query_hash": 7, "rule": "w1", "database_name": "shop" });
        let on = |server| subject(&rewrite, "rewrite", server);
        assert_eq!(on("db-1"), on("db-2"), "the text is the same");
    }
}

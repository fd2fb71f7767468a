//! The line of a node: what it is, what it reads, its estimates and its actuals.

use serde_json::{Map, Value, json};

use super::attribute::leading_number;

/// Whether a line is the line of a node.
pub(super) fn is_title(line: &str) -> bool {
    line.contains("  (cost=") || line.contains(" (actual ")
}

/// Reads the line of a node.
pub(super) fn read(line: &str) -> Map<String, Value> {
    let at = ["  (cost=", " (actual ", " (never executed)"]
        .iter()
        .filter_map(|mark| line.find(mark));
    let (name, figures) = at.min().map_or((line, ""), |at| line.split_at(at));
    let mut fields = Map::new();
    read_name(name.trim(), &mut fields);
    read_figures(figures, &mut fields);
    fields
}

fn set(fields: &mut Map<String, Value>, key: &str, value: impl Into<Value>) {
    fields.insert(key.to_owned(), value.into());
}

fn read_figures(figures: &str, fields: &mut Map<String, Value>) {
    if figures.contains("(never executed)") {
        for key in ["Actual Loops", "Actual Rows", "Actual Total Time"] {
            set(fields, key, 0.0);
        }
    }
    let mut is_actual = false;
    for word in figures.split([' ', '(', ')']) {
        is_actual |= word == "actual";
        let Some((key, value)) = word.split_once('=') else {
            continue;
        };
        let (first, last) = value.split_once("..").unwrap_or((value, value));
        let (first, last) = (leading_number(first), leading_number(last));
        match (key, is_actual) {
            ("cost", _) => {
                set(fields, "Startup Cost", first);
                set(fields, "Total Cost", last);
            }
            ("time", _) => {
                set(fields, "Actual Startup Time", first);
                set(fields, "Actual Total Time", last);
            }
            ("rows", false) => set(fields, "Plan Rows", last),
            ("rows", true) => set(fields, "Actual Rows", last),
            ("width", _) => set(fields, "Plan Width", last),
            ("loops", _) => set(fields, "Actual Loops", last),
            _ => {}
        }
    }
}

fn read_name(name: &str, fields: &mut Map<String, Value>) {
    let name = name.strip_prefix("Async ").unwrap_or(name);
    let parallel = name.strip_prefix("Parallel ");
    set(fields, "Parallel Aware", parallel.is_some());
    let (head, target) = match parallel.unwrap_or(name).split_once(" on ") {
        Some((head, target)) => (head, Some(target)),
        None => (parallel.unwrap_or(name), None),
    };
    let (head, index) = match head.split_once(" using ") {
        Some((head, index)) => (head, Some(index)),
        None => (head, None),
    };
    if let Some(index) = index {
        set(fields, "Index Name", unquoted(index));
    }
    let kind = read_kind(head, fields);
    set(fields, "Node Type", kind);
    if let Some(target) = target {
        read_target(kind, target, fields);
    }
}

/// Kind of the node as the JSON form names it; sets what the text's name adds.
fn read_kind<'a>(head: &'a str, fields: &mut Map<String, Value>) -> &'a str {
    let mut head = head;
    for mode in ["Partial", "Finalize"] {
        if let Some(rest) = head
            .strip_prefix(mode)
            .and_then(|rest| rest.strip_prefix(' '))
        {
            set(fields, "Partial Mode", mode);
            head = rest;
        }
    }
    if let Some(rest) = head.strip_suffix(" Backward") {
        set(fields, "Scan Direction", "Backward");
        head = rest;
    }
    let strategies = [
        ("HashAggregate", "Hashed"),
        ("GroupAggregate", "Sorted"),
        ("MixedAggregate", "Mixed"),
        ("Aggregate", "Plain"),
    ];
    if let Some((_, strategy)) = strategies.iter().find(|(name, _)| *name == head) {
        set(fields, "Strategy", *strategy);
        return "Aggregate";
    }
    if let Some((name, command)) = head.split_once("SetOp ") {
        set(
            fields,
            "Strategy",
            if name == "Hash" { "Hashed" } else { "Sorted" },
        );
        set(fields, "Command", command);
        return "SetOp";
    }
    if matches!(head, "Insert" | "Update" | "Delete" | "Merge") {
        set(fields, "Operation", head);
        return "ModifyTable";
    }
    if head.starts_with("Custom Scan") {
        return "Custom Scan";
    }
    read_join(head, fields)
}

fn read_join<'a>(head: &'a str, fields: &mut Map<String, Value>) -> &'a str {
    for (first, kind) in [
        ("Hash", "Hash Join"),
        ("Merge", "Merge Join"),
        ("Nested Loop", "Nested Loop"),
    ] {
        let Some(rest) = head.strip_prefix(first) else {
            continue;
        };
        if rest.is_empty() && kind == "Nested Loop" {
            set(fields, "Join Type", "Inner");
            return kind;
        }
        let Some(join_type) = rest.strip_suffix("Join") else {
            continue;
        };
        let join_type = join_type.trim();
        set(
            fields,
            "Join Type",
            if join_type.is_empty() {
                "Inner"
            } else {
                join_type
            },
        );
        return kind;
    }
    head
}

fn read_target(kind: &str, target: &str, fields: &mut Map<String, Value>) {
    let (name, alias) = split_name(target);
    let (schema, name) = match name.rsplit_once('.') {
        Some((schema, name)) if !name.is_empty() => (Some(schema), name),
        _ => (None, name),
    };
    let key = match kind {
        "Bitmap Index Scan" => "Index Name",
        "CTE Scan" | "WorkTable Scan" => "CTE Name",
        "Function Scan" | "Table Function Scan" => "Function Name",
        "Subquery Scan" | "Values Scan" => "Alias",
        _ => "Relation Name",
    };
    set(fields, key, unquoted(name));
    if let Some(schema) = schema {
        set(fields, "Schema", unquoted(schema));
    }
    if !matches!(key, "Index Name" | "Alias") {
        set(fields, "Alias", unquoted(alias.unwrap_or(name)));
    }
}

/// Splits `name alias`; a quoted name may hold spaces.
fn split_name(target: &str) -> (&str, Option<&str>) {
    let mut is_quoted = false;
    let end = target.find(|c: char| {
        is_quoted ^= c == '"';
        c == ' ' && !is_quoted
    });
    match end {
        Some(end) => {
            let (name, alias) = target.split_at(end);
            (name, Some(alias.trim()))
        }
        None => (target, None),
    }
}

fn unquoted(name: &str) -> Value {
    let inner = name
        .trim()
        .strip_prefix('"')
        .and_then(|inner| inner.strip_suffix('"'));
    json!(inner.map_or_else(
        || name.trim().to_owned(),
        |inner| inner.replace("\"\"", "\"")
    ))
}

//! The lines below a node, such as `Filter: (a = 1)`.

use serde_json::{Map, Value, json};

/// Figures that share a line with others: their name in the text, and in the JSON form.
const FIGURES: [(&str, &str); 11] = [
    ("Disk", "Sort Space Used"),
    ("Batches", "Hash Batches"),
    ("originally", "Original Hash Batches"),
    ("Planned Partitions", "Planned Partitions"),
    ("Disk Usage", "Disk Usage"),
    ("Hits", "Cache Hits"),
    ("Misses", "Cache Misses"),
    ("Evictions", "Cache Evictions"),
    ("exact", "Exact Heap Blocks"),
    ("lossy", "Lossy Heap Blocks"),
    ("Memory Usage", "Peak Memory Usage"),
];

/// Reads one line, split at its first colon, into the fields of its node.
pub(super) fn read(key: &str, value: &str, fields: &mut Map<String, Value>) {
    match key {
        "Buffers" => buffers(value, fields),
        "Sort Key" | "Presorted Key" | "Group Key" | "Output" => {
            fields.insert(key.to_owned(), json!(list(value)));
        }
        "Sort Method" => {
            let (method, rest) = value.split_once("  ").unwrap_or((value, ""));
            fields.insert(key.to_owned(), json!(method));
            let kind = if rest.contains("Disk") {
                "Disk"
            } else {
                "Memory"
            };
            fields.insert("Sort Space Type".to_owned(), json!(kind));
            figures(rest, fields);
        }
        "Full-sort Groups" | "Pre-sorted Groups" => groups(key, value, fields),
        "Buckets" => hash(value, fields),
        "Batches" | "Planned Partitions" => aggregate(&format!("{key}: {value}"), fields),
        "Hits" | "Heap Blocks" => figures(&format!("{key}: {value}"), fields),
        "Inner Unique" => {
            fields.insert(key.to_owned(), json!(value == "true"));
        }
        "Heap Fetches" | "Workers Planned" | "Workers Launched" | "Subplans Removed" => {
            insert_number(fields, key, value);
        }
        _ if key.starts_with("Rows Removed by ") => insert_number(fields, key, value),
        _ if key.starts_with("Worker ") => {}
        _ => {
            fields.insert(key.to_owned(), json!(value));
        }
    }
}

/// The number that a text starts with; 0 if none.
pub(super) fn leading_number(text: &str) -> f64 {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    text.get(..end)
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0.0)
}

/// Sets a field to the number that `value` starts with.
pub(super) fn insert_number(fields: &mut Map<String, Value>, key: &str, value: &str) {
    fields.insert(key.to_owned(), json!(leading_number(value)));
}

/// Reads `a = '1', b = 'off'`.
pub(super) fn settings(value: &str) -> Map<String, Value> {
    let mut found = Map::new();
    for setting in value.split("', ") {
        if let Some((name, value)) = setting.split_once(" = '") {
            found.insert(name.to_owned(), json!(value.trim_end_matches('\'')));
        }
    }
    found
}

/// Reads `name on table: time=1.5 calls=10`, or `for constraint x` for a name.
pub(super) fn trigger(name: &str, value: &str) -> Value {
    let (name, relation) = match name.split_once(" on ") {
        Some((name, relation)) => (name, Some(relation)),
        None => (name, None),
    };
    let (name, constraint) = match name.split_once("for constraint ") {
        Some((name, constraint)) => (name.trim(), Some(constraint)),
        None => (name, None),
    };
    let figure = |key: &str| {
        value
            .split_whitespace()
            .find_map(|word| word.strip_prefix(key))
            .map(leading_number)
    };
    json!({
        "Trigger Name": name,
        "Constraint Name": constraint,
        "Relation": relation,
        "Time": figure("time="),
        "Calls": figure("calls="),
    })
}

/// Reads `shared hit=1 read=2, temp read=3 written=4`.
fn buffers(value: &str, fields: &mut Map<String, Value>) {
    for group in value.split(',') {
        let mut words = group.split_whitespace();
        let scope = match words.next() {
            Some("shared") => "Shared",
            Some("local") => "Local",
            Some("temp") => "Temp",
            _ => continue,
        };
        for (name, count) in words.filter_map(|word| word.split_once('=')) {
            let name = match name {
                "hit" => "Hit",
                "read" => "Read",
                "dirtied" => "Dirtied",
                "written" => "Written",
                _ => continue,
            };
            insert_number(fields, &format!("{scope} {name} Blocks"), count);
        }
    }
}

/// Reads `name: 1  other: 2kB` and `name=1 other=2`.
fn figures(line: &str, fields: &mut Map<String, Value>) {
    for (name, field) in FIGURES {
        let value = [": ", "=", " "]
            .iter()
            .find_map(|mark| after(line, &format!("{name}{mark}")));
        if let Some(value) = value {
            insert_number(fields, field, value);
        }
    }
}

/// What follows a mark that starts a word.
fn after<'a>(line: &'a str, mark: &str) -> Option<&'a str> {
    line.match_indices(mark).find_map(|(at, _)| {
        let before = line.get(..at)?.chars().next_back();
        let starts = before.is_none_or(|c| c == ' ' || c == '(');
        starts.then(|| line.get(at + mark.len()..)).flatten()
    })
}

/// Reads `1024 (originally 512)  Batches: 4 (originally 1)  Memory Usage: 9kB`.
fn hash(value: &str, fields: &mut Map<String, Value>) {
    let batches = value
        .find("Batches")
        .and_then(|at| value.get(at..))
        .unwrap_or_default();
    figures(batches, fields);
    if let Some(batches) = fields.get("Hash Batches").cloned() {
        fields.entry("Original Hash Batches").or_insert(batches);
    }
}

/// Reads `Planned Partitions: 4  Batches: 5  Memory Usage: 9kB  Disk Usage: 8kB`.
fn aggregate(line: &str, fields: &mut Map<String, Value>) {
    figures(line, fields);
    if let Some(batches) = fields.remove("Hash Batches") {
        fields.insert("HashAgg Batches".to_owned(), batches);
    }
}

/// Reads `5  Sort Method: external merge  Average Disk: 9kB  Peak Disk: 9kB`.
fn groups(key: &str, value: &str, fields: &mut Map<String, Value>) {
    let mut group = json!({"Group Count": leading_number(value)});
    if let Some(peak) = after(value, "Peak Disk: ") {
        group = json!({"Sort Space Disk": {"Peak Sort Space Used": leading_number(peak)}});
    }
    fields.insert(key.to_owned(), group);
}

/// Splits at the commas outside of parentheses and quotes.
fn list(value: &str) -> Vec<String> {
    let mut items = vec![String::new()];
    let (mut depth, mut is_quoted) = (0_i32, false);
    for c in value.chars() {
        is_quoted ^= c == '\'';
        depth += match c {
            '(' | '[' => 1,
            ')' | ']' => -1,
            _ => 0,
        };
        if c == ',' && depth == 0 && !is_quoted {
            items.push(String::new());
        } else if let Some(item) = items.last_mut() {
            item.push(c);
        }
    }
    items
        .into_iter()
        .map(|item| item.trim().to_owned())
        .collect()
}

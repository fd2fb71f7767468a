//! The text of statements: names in quotes where they need them.

use std::collections::BTreeSet;

use super::catalog::{IndexKey, Relation};

/// PostgreSQL cuts longer names, in bytes.
const MAX_NAME_BYTES: usize = 63;

/// Words that a column or a table must not be called without quotes.
const RESERVED: [&str; 77] = [
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "both",
    "case",
    "cast",
    "check",
    "collate",
    "column",
    "constraint",
    "create",
    "current_catalog",
    "current_date",
    "current_role",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "false",
    "fetch",
    "for",
    "foreign",
    "from",
    "grant",
    "group",
    "having",
    "in",
    "initially",
    "intersect",
    "into",
    "lateral",
    "leading",
    "limit",
    "localtime",
    "localtimestamp",
    "not",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "placing",
    "primary",
    "references",
    "returning",
    "select",
    "session_user",
    "some",
    "symmetric",
    "system_user",
    "table",
    "then",
    "to",
    "trailing",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "variadic",
    "when",
    "where",
    "with",
];

/// Words that are reserved where a function or a type could stand too.
const RESERVED_FOR_FUNCTIONS: [&str; 23] = [
    "authorization",
    "binary",
    "collation",
    "concurrently",
    "cross",
    "current_schema",
    "freeze",
    "full",
    "ilike",
    "inner",
    "is",
    "isnull",
    "join",
    "left",
    "like",
    "natural",
    "notnull",
    "outer",
    "overlaps",
    "right",
    "similar",
    "tablesample",
    "verbose",
];

/// An identifier as SQL needs it: bare if it is lower case and no keyword, else in quotes.
pub(super) fn quoted(name: &str) -> String {
    let mut chars = name.chars();
    let starts = chars
        .next()
        .is_some_and(|c| c.is_ascii_lowercase() || c == '_');
    let is_plain = chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let is_reserved = RESERVED.contains(&name) || RESERVED_FOR_FUNCTIONS.contains(&name);
    if starts && is_plain && !is_reserved {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Schema and name of a relation, or of an index in its schema.
pub(super) fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", quoted(schema), quoted(name))
}

/// What an index is made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Parts<'a> {
    pub(super) name: &'a str,
    pub(super) method: &'a str,
    pub(super) keys: &'a [IndexKey],
    pub(super) include: &'a [String],
    pub(super) predicate: Option<&'a str>,
}

/// The statement that creates an index without blocking writes.
pub(super) fn create(relation: &Relation, parts: &Parts<'_>) -> String {
    let keys: Vec<String> = parts.keys.iter().map(key).collect();
    let table = qualified(&relation.schema, &relation.name);
    let mut text = format!(
        "CREATE INDEX CONCURRENTLY {} ON {table}",
        quoted(parts.name)
    );
    if parts.method != "btree" {
        text = format!("{text} USING {}", parts.method);
    }
    text = format!("{text} ({})", keys.join(", "));
    if !parts.include.is_empty() {
        let include: Vec<String> = parts.include.iter().map(|name| quoted(name)).collect();
        text = format!("{text} INCLUDE ({})", include.join(", "));
    }
    if let Some(predicate) = parts.predicate {
        text = format!("{text} WHERE {predicate}");
    }
    text + ";"
}

/// The statement that drops an index without blocking writes.
pub(super) fn drop(relation: &Relation, index: &str) -> String {
    format!(
        "DROP INDEX CONCURRENTLY {};",
        qualified(&relation.schema, index)
    )
}

/// One key: a column, or an expression in parentheses, with what is not the default.
fn key(key: &IndexKey) -> String {
    let mut text = match (&key.column, &key.expression) {
        (Some(column), _) => quoted(column),
        // A call stands alone, anything else needs parentheses.
        (None, Some(call)) if is_call(call) => call.clone(),
        (None, Some(other)) if other.starts_with('(') => other.clone(),
        (None, Some(other)) => format!("({other})"),
        (None, None) => String::new(),
    };
    if let Some(collation) = &key.collation {
        text = format!("{text} COLLATE {}", quoted(collation));
    }
    if let Some(class) = &key.operator_class {
        text = format!("{text} {class}");
    }
    if key.is_descending {
        text.push_str(" DESC");
    }
    match (key.is_descending, key.has_nulls_first) {
        (true, false) => text.push_str(" NULLS LAST"),
        (false, true) => text.push_str(" NULLS FIRST"),
        _ => {}
    }
    text
}

fn is_call(text: &str) -> bool {
    let name_end = text.find('(').unwrap_or(0);
    let name = text.get(..name_end).unwrap_or_default();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.chars().all(is_name) && text.ends_with(')')
}

/// A name as PostgreSQL would choose it, that no index of the schema has yet.
pub(super) fn index_name(table: &str, parts: &[&str], taken: &BTreeSet<String>) -> String {
    let clean = |part: &&str| {
        let words = part.split(|c: char| !c.is_alphanumeric() && c != '_');
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        words.join("_")
    };
    let columns: Vec<String> = parts.iter().map(clean).collect();
    let stem = format!("{table}_{}", columns.join("_"));
    let mut number = 0_u32;
    loop {
        let ending = match number {
            0 => "_idx".to_owned(),
            number => format!("_idx{number}"),
        };
        let mut end = stem.len().min(MAX_NAME_BYTES.saturating_sub(ending.len()));
        while !stem.is_char_boundary(end) {
            end = end.saturating_sub(1);
        }
        let name = format!("{}{ending}", stem.get(..end).unwrap_or_default());
        if !taken.contains(&name) {
            return name;
        }
        number = number.saturating_add(1);
    }
}

//! What is known about functions by their names.

use pg_query::NodeEnum;
use pg_query::protobuf::{FuncCall, Node};

use super::text::word;
use super::tree::children;

/// Functions of PostgreSQL that give one value for their arguments, the same within a statement,
/// and change nothing.
const SCALAR: [&str; 92] = [
    "abs",
    "age",
    "array_append",
    "array_cat",
    "array_length",
    "array_position",
    "array_remove",
    "array_to_string",
    "ascii",
    "btrim",
    "cardinality",
    "ceil",
    "ceiling",
    "char_length",
    "character_length",
    "chr",
    "concat",
    "concat_ws",
    "current_setting",
    "date",
    "date_bin",
    "date_part",
    "date_trunc",
    "decode",
    "digest",
    "div",
    "encode",
    "exp",
    "extract",
    "floor",
    "format",
    "initcap",
    "isfinite",
    "jsonb_array_length",
    "jsonb_build_object",
    "jsonb_extract_path",
    "jsonb_extract_path_text",
    "jsonb_path_exists",
    "jsonb_typeof",
    "left",
    "length",
    "like_escape",
    "ln",
    "log",
    "lower",
    "lpad",
    "ltrim",
    "make_date",
    "make_interval",
    "make_timestamp",
    "md5",
    "mod",
    "now",
    "octet_length",
    "overlaps",
    "overlay",
    "plainto_tsquery",
    "position",
    "power",
    "regexp_count",
    "regexp_like",
    "regexp_match",
    "regexp_replace",
    "regexp_substr",
    "repeat",
    "replace",
    "reverse",
    "right",
    "round",
    "rpad",
    "rtrim",
    "sign",
    "similarity",
    "split_part",
    "sqrt",
    "starts_with",
    "statement_timestamp",
    "string_to_array",
    "strpos",
    "substr",
    "substring",
    "timezone",
    "to_char",
    "to_date",
    "to_number",
    "to_timestamp",
    "to_tsquery",
    "to_tsvector",
    "translate",
    "trim",
    "trunc",
    "upper",
];

/// Aggregates of PostgreSQL.
const AGGREGATES: [&str; 16] = [
    "array_agg",
    "avg",
    "bool_and",
    "bool_or",
    "count",
    "every",
    "json_agg",
    "json_object_agg",
    "jsonb_agg",
    "jsonb_object_agg",
    "max",
    "min",
    "stddev",
    "string_agg",
    "sum",
    "variance",
];

/// Whether an expression may hold an aggregate, a window function or a set-returning function of
/// its own level. A function that is not known may be one.
pub(super) fn may_aggregate(expression: &Node) -> bool {
    match expression.node.as_ref() {
        Some(NodeEnum::SubLink(_)) => false,
        Some(NodeEnum::FuncCall(it)) => {
            let is_scalar = name(it).is_some_and(|name| SCALAR.contains(&name));
            !is_scalar || it.over.is_some() || it.args.iter().any(may_aggregate)
        }
        _ => children(expression).is_none_or(|below| below.into_iter().any(may_aggregate)),
    }
}

/// A function that may give another value at each call or change something, by its name.
pub(super) fn unknown_function(root: &Node) -> Option<String> {
    let mut pending = vec![root];
    while let Some(node) = pending.pop() {
        if let Some(NodeEnum::FuncCall(it)) = node.node.as_ref() {
            let known = |name| SCALAR.contains(&name) || AGGREGATES.contains(&name);
            if !name(it).is_some_and(known) {
                return it.funcname.last().and_then(word).map(str::to_owned);
            }
        }
        pending.extend(children(node).unwrap_or_default());
    }
    None
}

/// Name of a function of PostgreSQL's own, as far as the text tells.
fn name(call: &FuncCall) -> Option<&str> {
    match call.funcname.as_slice() {
        [name] => word(name),
        [schema, name] if word(schema) == Some("pg_catalog") => word(name),
        _ => None,
    }
}

//! Statements that give the same rows with less work, from PostgreSQL's own parse tree.
//!
//! # What it guarantees
//! A rewrite parses again and is another text than the statement. Its parameters keep their
//! numbers, so a normalised text stays one. [`Verdict::Safe`] means that the tree and the schema
//! prove equal results; what they leave open is asked ([`Verdict::Question`]).
//! # Limits
//! A text that PostgreSQL's grammar does not take, of several statements or of more than 256 KiB
//! has no rewrites. Of a statement with more than 64 queries the first are judged.
//! Functions and views are not looked into. What W2 and W5 write may have the statement's own
//! fingerprint: equalities, a list and an array are one family.
//! # Map
//! [`rewrites`] judges one statement; [`n_plus_one()`], [`row_by_row()`] and [`single_inserts()`]
//! judge how statements are called. [`Facts`] is what they know beside the text.

mod about;
mod call_shape;
mod facts;
mod finding;
mod functions;
mod n_plus_one;
mod nodes;
mod row_by_row;
mod rule;
mod rules;
mod schema;
mod scope;
mod single_inserts;
mod text;
mod tree;
mod view;

pub use self::call_shape::{CallShape, call_shapes};
pub use self::facts::{Calls, Facts};
pub use self::finding::{Finding, Verdict};
pub use self::n_plus_one::{CallSeries, NPlusOne, SameProcess, n_plus_one};
pub use self::row_by_row::{SampledCalls, row_by_row};
pub use self::schema::{Column, Index, Relation, Schema};
pub use self::single_inserts::{InsertLoad, single_inserts};

use pg_query::FingerprintOptions;
use pg_query::protobuf::Node;

use self::rules::RULES;
use self::view::{Kind, View};
use crate::large_stack::on_large_stack;

/// Statements longer than this, in bytes, are not judged: a tree is many times its text, and rules
/// copy it.
const MAX_PARSED_BYTES: usize = 256 << 10;
/// Queries of one statement that are judged, the outer ones first.
const MAX_QUERIES: usize = 64;

/// Answers what could be written otherwise in a statement, the surest first.
///
/// `sql` is one statement, normalised or not. The call starts a thread with a large stack.
///
/// ```
/// use pga_insight::rewrites::{Facts, rewrites};
///
/// let sql = "SELECT id FROM t WHERE (SELECT count(*) FROM l WHERE l.t = t.id) > 0";
/// let found = rewrites(sql, &Facts::default());
/// assert_eq!(
///     found[0].rewritten.as_deref(),
///     Some("SELECT id FROM t WHERE EXISTS (SELECT 1 FROM l WHERE l.t = t.id)"),
/// );
/// ```
#[must_use]
pub fn rewrites(sql: &str, facts: &Facts<'_>) -> Vec<Finding> {
    if sql.len() > MAX_PARSED_BYTES {
        return Vec::new();
    }
    let mut found = on_large_stack(|| all(sql, facts)).unwrap_or_default();
    found.sort_by(|one, other| other.confidence.total_cmp(&one.confidence));
    found
}

/// Answers the numbers and names of all rules, in their order.
#[must_use]
pub fn rules() -> Vec<(&'static str, &'static str)> {
    let of_statements = RULES.iter().map(|rule| rule.about());
    let of_calls = [n_plus_one::ABOUT, single_inserts::ABOUT];
    of_statements
        .chain(of_calls)
        .map(|about| (about.id, about.name))
        .collect()
}

/// All findings of a statement; only on a large stack.
fn all(sql: &str, facts: &Facts<'_>) -> Vec<Finding> {
    let Some(root) = text::parse(sql).filter(tree::is_shallow) else {
        return Vec::new();
    };
    let Some(original) = text::statement_text(root.clone()) else {
        return Vec::new();
    };
    let ctes = nodes::cte_names(&root);
    let mut found = Vec::new();
    let mut judge = |query: &Node, kind: Kind, place: &dyn Fn(&Node) -> Option<Node>| {
        let Some(view) = View::new(query, kind, facts, &ctes, &root) else {
            return;
        };
        for rule in RULES
            .iter()
            .filter(|rule| kind != Kind::Write || rule.judges_writes())
        {
            view.for_next_rule();
            for mut draft in rule.check(&view) {
                if rule.evaluates_otherwise() && draft.verdict == Verdict::Safe {
                    draft = draft.asking(functions::unknown_function(query).map(side_effects));
                }
                let rewritten = match &draft.replaced {
                    None => None,
                    Some(replaced) => match place(replaced).and_then(text::statement_text) {
                        Some(text) if text != original && parses(&text) => Some(text),
                        _ => continue,
                    },
                };
                found.push(Finding::new(rule.about(), draft, rewritten));
            }
        }
    };
    if let Some(query) = nodes::condition_of_write(&root) {
        judge(&query, Kind::Write, &|new| {
            nodes::write_with_condition(&root, new)
        });
    }
    let mut walked = root.clone();
    for number in 0..MAX_QUERIES {
        let Some((select, is_side)) = tree::select_at(&mut walked, number) else {
            break;
        };
        let is_whole = number == 0 && tree::as_select(&root).is_some();
        let kind = match (is_side, is_whole) {
            (true, _) => Kind::Side,
            (_, true) => Kind::Query,
            _ => Kind::Nested,
        };
        judge(&tree::select_node(select), kind, &|new| {
            let mut copy = root.clone();
            tree::replace_select(&mut copy, number, tree::as_select(new)?);
            Some(copy)
        });
    }
    found
}

fn side_effects(function: String) -> String {
    format!("does {function}() give the same value within a statement, and change nothing?")
}

/// Whether PostgreSQL takes a text, and it has a fingerprint.
fn parses(sql: &str) -> bool {
    pg_query::fingerprint(sql, 0, FingerprintOptions::RANGEVAR_PG17_COMPAT).is_ok()
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

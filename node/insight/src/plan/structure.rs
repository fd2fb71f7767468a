//! Which plans have the same structure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use xxhash_rust::xxh3::xxh3_64;

use super::document::Plan;
use super::node::{ChildRole, PlanNode};

/// Names of relations by the names that the statement gives them.
type Aliases<'a> = BTreeMap<&'a str, &'a str>;

/// Describes the nodes of one plan so that they can be compared with those of another.
#[derive(Debug)]
pub(super) struct Structure<'a> {
    aliases: Aliases<'a>,
}

impl<'a> Structure<'a> {
    pub(super) fn of(plan: &'a Plan) -> Self {
        let nodes = plan.root.preorder();
        let named = nodes.iter().filter_map(|node| {
            Some((
                node.target.alias.as_deref()?,
                node.target.relation.as_deref()?,
            ))
        });
        Self {
            aliases: named.collect(),
        }
    }

    /// What a node is, without what is below it; equal for equal nodes of two plans.
    pub(super) fn signature(&self, node: &PlanNode) -> String {
        let mut text = String::new();
        write_self(node, &self.aliases, &mut text);
        text
    }

    /// What a node and all below it are; equal for equal parts of two plans.
    pub(super) fn subtree(&self, node: &PlanNode) -> String {
        let mut text = String::new();
        write_node(node, &self.aliases, &mut text);
        text
    }
}

impl Plan {
    /// Hash of the structure: kinds, joins, relations, indexes, keys and conditions.
    ///
    /// Costs, rows, times, constants, aliases, the order of AND terms, numbers of workers and of
    /// partitions do not matter.
    #[must_use]
    pub fn structure(&self) -> i64 {
        xxh3_64(Structure::of(self).subtree(&self.root).as_bytes()).cast_signed()
    }

    /// Whether a condition holds a parameter.
    #[must_use]
    pub fn is_generic(&self) -> bool {
        let nodes = self.root.preorder();
        nodes.iter().any(|node| {
            node.conditions
                .iter()
                .any(|condition| condition.has_parameter)
        })
    }
}

fn write_node(node: &PlanNode, aliases: &Aliases<'_>, text: &mut String) {
    text.push('(');
    write_self(node, aliases, text);
    if is_append(node) {
        write_members(node, aliases, text);
    } else {
        for child in &node.children {
            write_node(child, aliases, text);
        }
    }
    text.push(')');
}

/// Whether the inputs of a node are members of a set.
pub(super) fn is_append(node: &PlanNode) -> bool {
    matches!(node.kind.as_str(), "Append" | "Merge Append")
}

/// The members of an Append are a set of shapes, and a class of how many there are.
fn write_members(node: &PlanNode, aliases: &Aliases<'_>, text: &mut String) {
    let (members, others): (Vec<_>, Vec<_>) = node
        .children
        .iter()
        .partition(|child| child.role == ChildRole::Member);
    let mut shapes: Vec<String> = Vec::new();
    for member in &members {
        let mut shape = String::new();
        write_node(member, aliases, &mut shape);
        shapes.push(without_digits(&shape));
    }
    shapes.sort_unstable();
    shapes.dedup();
    text.push_str(match members.len() {
        0 | 1 => "one",
        2..=8 => "few",
        _ => "many",
    });
    text.extend(shapes);
    for other in others {
        write_node(other, aliases, text);
    }
}

fn write_self(node: &PlanNode, aliases: &Aliases<'_>, text: &mut String) {
    let (shape, target) = (&node.shape, &node.target);
    let parts = [
        Some(node.kind.as_str()),
        shape.join_type.as_deref(),
        shape.strategy.as_deref(),
        shape.partial_mode.as_deref(),
        shape.direction.as_deref(),
        shape.operation.as_deref(),
        target.schema.as_deref(),
        target.relation.as_deref(),
        target.index.as_deref(),
        target.cte.as_deref(),
        target.function.as_deref(),
    ];
    for part in parts {
        text.push_str(part.unwrap_or_default());
        text.push('|');
    }
    // Writing to a string does not fail.
    write!(text, "{:?}|", node.role).unwrap_or_default();
    for keys in [&node.keys.sort, &node.keys.presorted, &node.keys.group] {
        let keys: Vec<String> = keys.iter().map(|key| resolved(key, aliases)).collect();
        text.push_str(&keys.join(","));
        text.push('|');
    }
    for condition in &node.conditions {
        let mut terms: Vec<String> = condition
            .terms
            .iter()
            .map(|term| resolved(term, aliases))
            .collect();
        terms.sort_unstable();
        write!(text, "{:?}:{}|", condition.place, terms.join(" and ")).unwrap_or_default();
    }
}

/// Puts the names of relations for their aliases.
fn resolved(expression: &str, aliases: &Aliases<'_>) -> String {
    let mut out = String::with_capacity(expression.len());
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '"';
    let mut rest = expression;
    while !rest.is_empty() {
        let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let known = aliases.get(name).filter(|_| after.starts_with('.'));
        out.push_str(known.copied().unwrap_or(name));
        let mark = after.find(is_name).unwrap_or(after.len());
        let (marks, tail) = after.split_at(mark);
        out.push_str(marks);
        rest = tail;
    }
    out
}

/// Folds partitions whose names differ in digits.
pub(super) fn without_digits(shape: &str) -> String {
    shape.chars().filter(|c| !c.is_ascii_digit()).collect()
}

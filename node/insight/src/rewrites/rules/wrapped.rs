//! What the rules for wrapped columns read, and what they make of it.

use pg_query::protobuf::Node;

/// A comparison of a wrapped column with something constant.
pub(super) struct Wrapped<'a> {
    /// The operator, the column on its left.
    pub(super) operator: &'a str,
    /// The column and what is around it.
    pub(super) left: &'a Node,
    /// One constant, or two of BETWEEN.
    pub(super) right: Vec<&'a Node>,
}

/// The condition that a comparison becomes.
pub(super) struct Bare<'a> {
    /// The column that then stands by itself.
    pub(super) column: &'a Node,
    pub(super) sql: String,
    /// What is open.
    pub(super) question: Option<String>,
    pub(super) safety: &'static str,
    /// Ways in which an index over the expression is told.
    pub(super) expressions: Vec<String>,
}

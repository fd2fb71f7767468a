//! What statements ask of a relation: predicates, order and output.

use std::collections::BTreeSet;

/// A value in a predicate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Value {
    /// A literal, as text without quotes.
    Known(String),
    /// A parameter, or something computed.
    Parameter,
}

impl Value {
    pub(super) fn known(&self) -> Option<&str> {
        match self {
            Self::Known(text) => Some(text),
            Self::Parameter => None,
        }
    }
}

/// What is compared: a column, or an expression over one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    /// The column.
    pub(super) column: String,
    /// The expression over it, as an index would have it; nothing for the bare column.
    pub(super) expression: Option<String>,
}

impl Key {
    pub(super) fn column(name: &str) -> Self {
        Self {
            column: name.to_owned(),
            expression: None,
        }
    }

    /// What an index is made of.
    pub(super) fn text(&self) -> &str {
        self.expression.as_deref().unwrap_or(&self.column)
    }
}

/// What a key is tested for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Test {
    /// `=` a value.
    Equal(Value),
    /// `IN` or `= ANY`; without values their number is unknown.
    In(Option<Vec<Value>>),
    /// `IS NULL`.
    IsNull,
    /// A boolean column, or its negation.
    Is(bool),
    /// `>` or `>=`.
    Above(Value),
    /// `<` or `<=`.
    Below(Value),
    /// Both.
    Between(Value, Value),
    /// Starts with a text.
    Prefix(Value),
    /// Within a period that the statement names by a function over the column, such as a day.
    Period(String),
    /// Equals a column of another access.
    Join(usize, String),
    /// Tested on the row only; an index does not help.
    Other(Other),
}

/// A test that no B-tree serves.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Other {
    /// `IS NOT NULL`.
    NotNull,
    /// A pattern that starts anywhere, with its longest literal part; unknown if a parameter.
    Contains(Option<String>),
    /// An operator of inverted indexes, such as `@>`.
    Inverted(String),
    /// Anything else.
    Filter,
}

impl Test {
    /// Whether it fixes a single value, so that an order behind it holds.
    pub(super) fn is_single(&self) -> bool {
        matches!(
            self,
            Self::Equal(_) | Self::IsNull | Self::Is(_) | Self::Join(..)
        )
    }

    /// Whether it is an equality, which may stand anywhere among the leading keys.
    pub(super) fn is_equality(&self) -> bool {
        self.is_single() || matches!(self, Self::In(_))
    }

    /// Whether it is a range, which ends what an index narrows by.
    pub(super) fn is_range(&self) -> bool {
        matches!(
            self,
            Self::Above(_) | Self::Below(_) | Self::Between(..) | Self::Prefix(_) | Self::Period(_)
        )
    }

    /// Whether it always is the same condition, which can be the predicate of an index.
    pub(super) fn is_constant(&self) -> bool {
        matches!(
            self,
            Self::Equal(Value::Known(_)) | Self::IsNull | Self::Is(_)
        )
    }
}

/// One predicate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Term {
    pub(super) key: Key,
    pub(super) test: Test,
}

/// One column of an order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct OrderKey {
    pub(super) key: Key,
    pub(super) is_descending: bool,
    pub(super) has_nulls_first: bool,
}

/// An order of rows that a statement wants.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Order {
    pub(super) keys: Vec<OrderKey>,
    /// Whether rows are only to be next to their like, which a hash table does too.
    pub(super) is_grouping: bool,
}

/// How many rows a statement takes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Limit {
    /// All.
    #[default]
    None,
    /// This many.
    Rows(f64),
    /// As many as a parameter says.
    Parameter,
}

/// One mention of a base relation in a statement.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Access {
    /// Its place in the catalogue.
    pub(super) relation: usize,
    /// Predicates that all hold.
    pub(super) terms: Vec<Term>,
    /// Alternatives: of each group at least one branch holds.
    pub(super) branches: Vec<Vec<Vec<Term>>>,
    pub(super) order: Order,
    pub(super) limit: Limit,
    /// Columns that are read; nothing if all are.
    pub(super) output: Option<BTreeSet<String>>,
    /// A column by whose distance rows are wanted, nearest first.
    pub(super) nearest: Option<String>,
    /// Whether it stands in a subquery for a value, which runs for each row around it.
    pub(super) is_repeated: bool,
    /// Whether the statement's rows are this relation's rows that pass.
    pub(super) gives_rows: bool,
}

/// Rows that a statement writes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Write {
    /// Adds rows.
    Insert(usize),
    /// Changes these columns.
    Update(usize, BTreeSet<String>),
    /// Removes rows.
    Delete(usize),
}

/// What one statement asks of the catalogue's relations.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Reading {
    pub(super) accesses: Vec<Access>,
    pub(super) writes: Vec<Write>,
}

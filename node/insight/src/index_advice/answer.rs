//! What is advised, and what is not.

use serde::{Deserialize, Serialize};

use super::catalog::IndexKey;

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Create an index.
    Create,
    /// Create an index, then drop the one that it continues.
    Extend,
    /// Collect statistics first: nothing can be said without.
    Analyze,
    /// Drop an index that nothing reads.
    DropUnused,
    /// Drop an index that equals another.
    DropDuplicate,
    /// Drop an index whose keys another one starts with.
    DropRedundant,
    /// Rebuild or drop an index that a failed build left behind.
    InvalidIndex,
    /// An index of trigrams, for patterns that start anywhere; not ranked.
    Trigram,
    /// An inverted index, for arrays, documents and text; not ranked.
    Gin,
    /// A tree of distances, for nearest neighbours; not ranked.
    Gist,
    /// An index of ranges of pages, for rows in the order of their values; not ranked.
    Brin,
}

/// One advice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    /// What to do.
    pub kind: Kind,
    /// Schema of the table.
    pub schema: String,
    /// The table.
    pub relation: String,
    /// Name of the index that is created, dropped or rebuilt; empty for [`Kind::Analyze`].
    pub index: String,
    /// Keys in order, columns and expressions, with directions.
    pub keys: Vec<IndexKey>,
    /// Columns carried for index-only scans.
    pub include: Vec<String>,
    /// The condition of a partial index.
    pub predicate: Option<String>,
    /// What to run.
    pub statement: String,
    /// What to run afterwards: ANALYZE after an index on an expression, DROP after an extension.
    pub then: Vec<String>,
    /// What to run to undo it; for a dropped index its definition.
    pub undo: Option<String>,
    /// Size of the index in bytes: estimated if new, as told if it exists.
    pub size_bytes: Option<f64>,
    /// Statements that become faster, the largest saving first.
    pub helps: Vec<Helped>,
    /// Statements that write to the index, the largest cost first.
    pub pays: Vec<Paying>,
    /// Seconds a day that all statements save.
    pub saved_seconds_per_day: f64,
    /// Seconds a day that writes take longer.
    pub write_seconds_per_day: f64,
    /// Share of the helped statements' time that is saved, in percent; nothing if not estimated.
    pub improvement_percent: Option<f64>,
    /// How sure this is, from 0 to 1.
    pub confidence: f64,
    /// Why, in plain words.
    pub reason: String,
    /// What it rests on, one fact each.
    pub evidence: Vec<String>,
}

/// A statement that becomes faster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Helped {
    /// Its fingerprint; nothing for the triggers of a foreign key.
    pub hash: Option<i64>,
    /// What it is, if it has no fingerprint.
    pub subject: Option<String>,
    /// Cost of its access to the table now, in the planner's units.
    pub cost_before: f64,
    /// Cost with the index.
    pub cost_after: f64,
    /// Seconds a day that it saves.
    pub saved_seconds_per_day: f64,
}

/// A statement that writes to the index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Paying {
    /// Its fingerprint; nothing for writes of unknown statements.
    pub hash: Option<i64>,
    /// Seconds a day that it takes longer.
    pub seconds_per_day: f64,
}

/// What a statement could want and is not given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Withheld {
    /// Schema of the table.
    pub schema: String,
    /// The table.
    pub relation: String,
    /// Columns and expressions that an index would have.
    pub columns: Vec<String>,
    /// Statements that it was for.
    pub statements: Vec<i64>,
    /// Why not, in plain words.
    pub reason: String,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// What is advised: new indexes by value first, then the rest by table and name.
    pub advices: Vec<Advice>,
    /// What is not advised, and why; by table and columns.
    pub withheld: Vec<Withheld>,
    /// Statements that PostgreSQL's parser does not take, by fingerprint.
    pub unread: Vec<i64>,
}

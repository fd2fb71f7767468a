//! Which indexes a database lacks, and which it could do without.
//!
//! # How
//! PostgreSQL's parse tree tells what each statement asks of each relation. Statistics tell which
//! rows that is, the planner's own formulas what it costs with and without an index. Indexes are
//! chosen greedily by the seconds a day that they save less those that writes pay. What is not
//! advised is told too, with the reason.
//!
//! Two costs differ from the requirement on purpose: inner pages of an index cost a descent's
//! operators only, as in PostgreSQL, and an existing index that leaves at most 5 % of the cost is
//! enough only if it also leaves at most 1,000 rows, because 5 % of a huge table is much.
//!
//! Three gates differ, too. A table has 1,000 rows instead of 1,000 pages, since a small one that
//! is asked often gains as much; the minute a day keeps noise out. An index saves a fifth of what
//! other new ones leave of a statement, since they are advised together. Up to 1 GiB of new indexes
//! is advised however small the database is.
//!
//! # What is not built
//! - No HypoPG check: confidence is 0.7 with a plan and 0.5 without; it never reaches 0.9.
//! - Extended statistics are not read: columns are damped against each other by a fixed rule.
//! - The order of a join is wanted of a relation only if it is the single one that is not outer.
//! - An OR serves only the first of several ORs of a statement; ORs over several relations do not.
//! - A CTE that is referenced more than once is still taken to be inlined.
//! - Indexes for partitioned tables are advised for partitions alone.
//! - Existing GIN, GiST and BRIN indexes have no cost: they only silence advice of their own kind.
//! - A plan tells the rows of a join's other side only where a relation joins one other relation.
//! - Rewrites are named, not made; what an advised rewrite changes is not priced.
//! - A limit below a join has no share of the scan: how many rows find partners is not known.

mod answer;
mod assess;
mod ast;
mod board;
mod candidate;
mod candidates;
mod catalog;
mod choice;
mod cost;
mod ddl;
mod demand;
mod drop;
mod existing;
mod facts;
mod gain;
mod gates;
mod need;
mod observed;
mod report;
mod selectivity;
mod shape;
mod special;
#[cfg(test)]
mod tests;
mod withheld;
mod words;
mod workload;

pub use self::answer::{Advice, Answer, Helped, Kind, Paying, Withheld};
pub use self::catalog::{
    Catalog, Column, ForeignKey, Frequent, Index, IndexKey, Relation, Settings, View,
};
pub use self::workload::{Statement, Workload};

/// Advises on the indexes of one database.
///
/// The call parses each statement (about 0.1 ms) on a thread with a large stack. Equal input gives
/// equal output. The answer is empty if no thread can be started.
#[must_use]
pub fn advise(workload: &Workload, catalog: &Catalog) -> Answer {
    crate::large_stack::on_large_stack(|| assess::assess(workload, catalog)).unwrap_or_default()
}

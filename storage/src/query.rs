//! Questions to a store: one file is one question.
//!
//! A [`Question`] is typed parameters, one SQL text for both databases, and what is made of its
//! rows. A store runs [`Read`]s; it knows no question. So a new question touches its own file and
//! the line that names it here. Most are an [`OneSelect`]: one statement, one answer.
//! [`TopQueries`] takes three steps, and [`Elements`] reads two lists in one state of the store.
//!
//! # One text for two dialects
//! PostgreSQL's and SQLite's dialects agree on what questions need: `SELECT` with joins, groups,
//! windows, `CASE`, `CAST`, and numbered parameters. A few things differ, and are written as marks:
//!
//! | Mark | Stands for |
//! | --- | --- |
//! | `[table]` | a typed table or a view: SQLite has no schemas |
//! | `[elements]` | the elements, which SQLite keeps under numbers of collectors |
//! | `[inventory content]`, `[inventory cut_at]` | of an element that refers to an inventory: the content, and where its own timestamp belongs |
//! | `[query_rollups]`, `[query_rollup_marks]`, `[rollup collector]` | the sums of statements, up to when they are made, and whose they are |
//! | `[bucket N]` | number of the bucket of `N` microseconds that a row's `time` falls into |
//! | `[seconds N]` | a span of time, to be taken from a `time` |
//! | `[interval begin]` | when the interval of a difference begins |
//! | `[a time $1]` | a parameter that is a time, where nothing else says so |
//! | `[by index I]`, `[not by index column]` | what SQLite, which has no statistics of ours, is told about indexes |
//!
//! A text that SQLite keeps packed is unpacked as it is read. A query builder such as `sea-query`
//! was tried on paper and left out: it hides none of these, and makes SQL that one reads into code
//! that one decodes.

mod elements;
mod first_seen;
mod kinds;
mod latest;
mod query_stats;
mod questions;
mod read;
mod relation_activity;
mod row;
mod select;
mod series;
mod starts;
mod statement_parts;
mod statement_seconds;
mod statement_spans;
mod statement_steps;
mod table_counters;
mod timeline;
mod top_queries;

pub(crate) use self::elements::PAGE_BYTES;
pub use self::{
    elements::{Cursor, ElementOrder, ElementPage, ElementRange, Elements},
    first_seen::FirstSeen,
    kinds::{KindSummary, Kinds},
    latest::Latest,
    query_stats::QueryStats,
    questions::{OneSelect, Question},
    read::Read,
    relation_activity::{Activity, RelationActivity},
    row::Row,
    select::{Dialect, Select},
    series::{Aggregate, Measure, Point, Series},
    starts::Starts,
    statement_parts::{StatementPart, StatementParts},
    statement_seconds::{StatementSecond, StatementSeconds},
    statement_spans::{StatementSpan, StatementSpans},
    statement_steps::StatementSteps,
    table_counters::{TableCounter, TableCounters},
    timeline::Timeline,
    top_queries::{QueryOrder, TopQueries},
};

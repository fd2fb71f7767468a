//! Questions to a store: one file is one question.
//!
//! A [`Question`] is typed parameters, one SQL text for both databases, and what is made of its
//! rows. A store runs any [`Select`]; it knows no question. So a new question touches its own file
//! and the line that names it here.
//!
//! # One text for two dialects
//! PostgreSQL's and SQLite's dialects agree on what questions need: `SELECT` with joins, groups,
//! windows, `CASE`, `CAST`, and numbered parameters. A few things differ, and are written as marks:
//! `[table]` stands for a typed table, whose schema SQLite does not have, or for `elements`,
//! which SQLite keeps under numbers of collectors; and `[bucket N]` for the number of the bucket of
//! `N` microseconds that a row's `time` falls into, `[hex column]` for bytes as text,
//! `[query_rollups]` and its `[rollup collector]` for the sums of statements. A query builder such
//! as `sea-query` was tried on paper and left out: it hides none of them, and makes SQL that one
//! reads into code that one decodes.

mod kinds;
mod latest;
mod questions;
mod row;
mod select;
mod series;
mod statement_parts;
mod statement_seconds;
mod statement_spans;
mod timeline;

pub use self::{
    kinds::{KindSummary, Kinds},
    latest::Latest,
    questions::{Question, ask},
    row::Row,
    select::{Dialect, Select},
    series::{Aggregate, Measure, Point, Series},
    statement_parts::{StatementPart, StatementParts},
    statement_seconds::{StatementSecond, StatementSeconds},
    statement_spans::{StatementSpan, StatementSpans},
    timeline::Timeline,
};

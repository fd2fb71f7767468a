//! Plans of PostgreSQL: one tree from JSON and from text, what it cost, and what is wrong with it.
//!
//! # Map
//! [`parse_json`] and [`parse_text`] read what EXPLAIN and auto_explain write, [`parse_pasted`]
//! what people copied of it. [`Plan`] is the document, [`PlanNode`] one node. [`Contract`] holds
//! the figures that the API tells of a plan.

mod condition;
mod contract;
mod document;
mod error;
mod fields;
mod json;
mod node;
mod pasted;
pub mod regression;
pub mod rules;
mod structure;
mod text;
mod totals;
mod viewer;

pub use self::condition::{Condition, Place};
pub use self::contract::Contract;
pub use self::document::{Jit, Plan, Trigger};
pub use self::error::{Error, Result};
pub use self::json::parse_json;
pub use self::node::{Actual, Buffers, ChildRole, Estimate, Keys, PlanNode, Shape, Target, Work};
pub use self::pasted::parse_pasted;
pub use self::text::parse_text;
pub use self::viewer::Viewer;

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;

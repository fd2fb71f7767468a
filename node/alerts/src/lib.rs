//! Alerts: rules over current values, the states of what they find, and what is said about it.
//!
//! Everything here is a function of what it is given: no clock, no I/O, no randomness. The leader
//! of the cluster calls it and proposes what changed (design D13, D17, D18).
//!
//! ```text
//! pushes -> Facts -> Rule::evaluate -> machine::step -> AlertCommand::Evaluated -> log
//!                                      alerts in the state -> notify::plan -> AlertCommand::Notify -> log
//! ```

mod baseline;
mod clock;
mod evaluate;
mod expression;
mod fact_row;
pub mod facts;
mod fields;
mod findings;
mod history;
mod lock_tree;
mod log_events;
pub mod machine;
pub mod mail;
mod matching;
pub mod message;
pub mod notify;
mod replicas;
pub mod routing;
pub mod rule;
mod zone;

pub use self::baseline::{Baseline, Of, Usual};
pub use self::evaluate::{Evaluation, Reading, brief, evaluate};
pub use self::fact_row::FactRow;
pub use self::facts::Facts;
pub use self::fields::Fields;
pub use self::findings::is_finding;
pub use self::lock_tree::lock_roots;
pub use self::matching::{fits, holds, is_silenced, matches};
pub use self::replicas::GROUP;
pub use self::rule::{DEFAULT_RULES, NoData, Rule, RuleError, RuleSet, Severity};

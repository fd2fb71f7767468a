//! Predicts the mean time of a statement in the coming hour, natively.
//!
//! The model is a ridge regression with Huber's weights and one shrunk intercept a statement. It is
//! trained and judged in the order of time; if it is not better than both *last value* and *same
//! hour last week*, the better of these is the model. Intervals are split conformal: they hold
//! whatever the distribution of errors is, as long as it stays the same; [`adapt`] follows it when
//! it does not.
//!
//! # How a caller feeds it
//! Each hour and statement make one [`Row`]: [`Features`] as they were known at a time, and the
//! mean that the hour after it had. [`train()`] makes a [`Model`] of at least 100 rows over 24
//! hours; [`Model::predict`] answers. Without a model [`fallback`] answers from history.

mod answer;
mod conformal;
mod feature;
mod model;
mod plan_features;
mod quality;
mod relation;
mod ridge;
mod scale;
mod statement_relations;
#[cfg(test)]
mod tests;
mod train;

pub use self::answer::{
    Answer, MIN_CALLS, Range, Source, Validation, external, fallback, insufficient, validate,
};
pub use self::conformal::{Intervals, adapt};
pub use self::feature::{Feature, Features};
pub use self::model::{Model, ModelType, Prediction};
pub use self::plan_features::plan_features;
pub use self::quality::{Quality, is_activated, needs_training};
pub use self::relation::RelationFigures;
pub use self::statement_relations::{RelationName, plan_relations, statement_relations};
pub use self::train::{Insufficient, Row, train};

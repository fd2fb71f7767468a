//! Alerts on a node: current values, evaluation, notifications.
//!
//! Every node keeps current values from the pushes that it applies. The leader evaluates the rules
//! over them, and proposes what changed; the state refuses a second leader's. What is to be told
//! goes into the outbox with an entry of its own before it is sent (design D17 to D19).

mod cluster_rows;
mod connection;
mod current_values;
mod evaluation;
mod failure;
mod outbox;
mod own_condition;
pub(crate) mod sending;
mod smtp;
pub(crate) mod target;

pub(crate) use self::cluster_rows::ClusterRows;
pub(crate) use self::current_values::CurrentValues;
pub(crate) use self::evaluation::{Evaluator, Round, servers};
pub(crate) use self::outbox::{CHANNEL_SETTINGS, Outbox, open as open_settings};
pub(crate) use self::own_condition::OwnCondition;

//! What changes alerts and their notifications: one evaluation changes both, in this order.

use pga_storage::Timestamp;
use serde::{Deserialize, Serialize};

use super::alerts::{Acknowledgement, AlertChange, Comment};
use super::notifications::{Attempt, GroupState, Notification};

/// Changes of alerts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AlertCommand {
    /// What an evaluation of the rules changed.
    Evaluated {
        /// When.
        at: Timestamp,
        /// All or none take effect.
        changes: Vec<AlertChange>,
    },
    /// Somebody takes care of an alert, or no longer does.
    Acknowledge {
        /// Which.
        id: u64,
        /// Who; `None` takes it back.
        by: Option<Acknowledgement>,
    },
    /// Somebody says something about an alert.
    Comment {
        /// Which.
        id: u64,
        /// What.
        comment: Comment,
    },
    /// Puts notifications into the outbox, and notes what their groups were told.
    Notify {
        /// New notifications. One whose key is there already is left as it is.
        queue: Vec<Notification>,
        /// Groups, by name, and the revision that each change was made from.
        groups: Vec<(String, u64, GroupState)>,
    },
    /// How an attempt at a notification begins or ends.
    Attempt(Attempt),
}

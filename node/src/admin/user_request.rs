//! What is asked of a node's users, and what is told of them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A password on its way through the socket. `Debug` does not print it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Hidden(pub(crate) String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What the operator wants with users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "users", rename_all = "snake_case")]
pub(crate) enum UserRequest {
    /// All of them.
    List,
    /// A new one; without a password one is made up.
    Add {
        username: String,
        email: String,
        full_name: String,
        role: String,
        password: Option<Hidden>,
    },
    /// Another role, or no more logins.
    Change {
        username: String,
        role: Option<String>,
        is_active: Option<bool>,
    },
    /// A password; without one it is made up.
    Password {
        username: String,
        password: Option<Hidden>,
    },
    /// Removes one.
    Delete { username: String },
}

/// A user, for the operator to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UserLine {
    pub(crate) id: i64,
    pub(crate) username: String,
    pub(crate) email: String,
    pub(crate) full_name: String,
    pub(crate) role: String,
    pub(crate) is_active: bool,
    pub(crate) last_login: Option<String>,
}

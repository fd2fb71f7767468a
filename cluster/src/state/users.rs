//! Users.

use std::collections::BTreeMap;

use pga_storage::Timestamp;
use serde::{Deserialize, Serialize};

use crate::command::{NewUser, Refusal};

/// A user of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// From 1.
    pub id: i64,
    /// Unique name.
    pub username: String,
    /// Mail address.
    pub email: String,
    /// `admin`, `user` or `viewer`.
    pub role: String,
    /// Argon2id PHC string.
    pub password_hash: String,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it last logged in.
    pub last_login: Option<Timestamp>,
}

/// All users, by name.
#[derive(Debug, Default)]
pub(super) struct Users(pub(super) BTreeMap<String, User>);

impl Users {
    /// Adds a user.
    pub(super) fn add(&mut self, user: &NewUser, at: Timestamp) -> Result<(), Refusal> {
        if self.0.contains_key(&user.username) {
            return Err(Refusal::Taken);
        }
        let id = self.0.values().map(|user| user.id).max().unwrap_or(0) + 1;
        let user = User {
            id,
            username: user.username.clone(),
            email: user.email.clone(),
            role: user.role.clone(),
            password_hash: user.password_hash.clone(),
            created_at: at,
            updated_at: at,
            last_login: None,
        };
        self.0.insert(user.username.clone(), user);
        Ok(())
    }

    /// Notes a login.
    pub(super) fn logged_in(&mut self, id: i64, at: Timestamp) -> Result<(), Refusal> {
        let user = self.0.values_mut().find(|user| user.id == id);
        let user = user.ok_or(Refusal::NotFound)?;
        user.last_login = user.last_login.max(Some(at));
        Ok(())
    }
}

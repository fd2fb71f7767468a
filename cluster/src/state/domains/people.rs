//! What is known about users beyond name and password: the user's full name, whether the user may
//! log in, and whether the password was chosen by somebody else.
//!
//! A domain of its own beside [`super::Users`], whose section is frozen since feature level 0.

use std::collections::BTreeMap;

use pga_storage::Timestamp;
use serde::{Deserialize, Serialize};

use super::users::{NewUser, User, Users};
use crate::feature_level::FeatureLevel;
use crate::outcome::Refusal;
use crate::state::section::plain_section;

/// Stands in place of a password hash for a user who cannot log in: the first user of a cluster
/// that is to be set up over HTTP.
pub const NO_PASSWORD: &str = "!";
/// The role that may everything.
const ADMIN: &str = "admin";

/// What is known about a user beyond [`User`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Full name, or empty.
    pub full_name: String,
    /// The user may not log in.
    pub is_disabled: bool,
    /// Somebody else chose the password: the user has to change it.
    pub must_change_password: bool,
}

/// Changes of users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PeopleCommand {
    /// Adds a user.
    Add {
        /// The user.
        user: NewUser,
        /// Full name, or empty.
        full_name: String,
        /// Somebody else chose the password.
        must_change_password: bool,
        /// When.
        at: Timestamp,
    },
    /// Changes what is given.
    Update {
        /// Whom.
        user_id: i64,
        /// New mail address.
        email: Option<String>,
        /// New full name.
        full_name: Option<String>,
        /// New role.
        role: Option<String>,
        /// Whether the user may log in.
        is_active: Option<bool>,
        /// When.
        at: Timestamp,
    },
    /// Sets a password, and ends the user's sessions but one.
    SetPassword {
        /// Whose.
        user_id: i64,
        /// PHC string.
        password_hash: String,
        /// Somebody else chose it.
        must_change_password: bool,
        /// The session that goes on.
        keep: Option<u128>,
        /// When.
        at: Timestamp,
    },
    /// Replaces the hash of the same password by one of a better kind.
    Rehash {
        /// Whose.
        user_id: i64,
        /// The hash it replaces: another one stays.
        old_hash: String,
        /// PHC string.
        password_hash: String,
    },
    /// Removes a user, and with it the user's sessions and tokens.
    Delete {
        /// Whom.
        user_id: i64,
    },
    /// Adds the first user who can log in; refused when there is one.
    SetUp {
        /// The user.
        user: NewUser,
        /// When.
        at: Timestamp,
    },
}

/// All of them, by user id.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(in crate::state) struct People(BTreeMap<i64, Person>);

impl People {
    /// What is known about a user.
    pub(in crate::state) fn get(&self, user_id: i64) -> Person {
        self.0.get(&user_id).cloned().unwrap_or_default()
    }

    /// Applies a change to users. Which sessions and tokens end with it is the state's to say.
    pub(in crate::state) fn change(
        &mut self,
        level: FeatureLevel,
        users: &mut Users,
        command: &PeopleCommand,
    ) -> Result<(), Refusal> {
        match command {
            PeopleCommand::Add {
                user,
                full_name,
                must_change_password,
                at,
            } => {
                let id = users.add(level, user, *at)?;
                self.0.insert(
                    id,
                    Person {
                        full_name: full_name.clone(),
                        must_change_password: *must_change_password,
                        ..Person::default()
                    },
                );
                Ok(())
            }
            PeopleCommand::Update { .. } => self.update(level, users, command),
            PeopleCommand::SetPassword {
                user_id,
                password_hash,
                must_change_password,
                at,
                ..
            } => {
                let user = users.by_id(*user_id).ok_or(Refusal::NotFound)?;
                user.password_hash.clone_from(password_hash);
                user.updated_at = *at;
                self.0.entry(*user_id).or_default().must_change_password = *must_change_password;
                Ok(())
            }
            PeopleCommand::Rehash {
                user_id,
                old_hash,
                password_hash,
            } => {
                let user = users.by_id(*user_id).ok_or(Refusal::NotFound)?;
                if user.password_hash == *old_hash {
                    user.password_hash.clone_from(password_hash);
                }
                Ok(())
            }
            PeopleCommand::Delete { user_id } => self.delete(users, *user_id),
            PeopleCommand::SetUp { user, at } => {
                if users
                    .0
                    .values()
                    .any(|user| user.password_hash != NO_PASSWORD)
                {
                    return Err(Refusal::Taken);
                }
                users.0.clear();
                users.add(level, user, *at).map(drop)
            }
        }
    }

    fn delete(&mut self, users: &mut Users, user_id: i64) -> Result<(), Refusal> {
        users.by_id(user_id).ok_or(Refusal::NotFound)?;
        self.another_admin(users, user_id)?;
        users.0.retain(|_, user| user.id != user_id);
        self.0.remove(&user_id);
        Ok(())
    }

    fn update(
        &mut self,
        level: FeatureLevel,
        users: &mut Users,
        command: &PeopleCommand,
    ) -> Result<(), Refusal> {
        let PeopleCommand::Update {
            user_id,
            email,
            full_name,
            role,
            is_active,
            at,
        } = command
        else {
            return Err(Refusal::Unknown);
        };
        users.by_id(*user_id).ok_or(Refusal::NotFound)?;
        let is_demoted = role.as_ref().is_some_and(|role| role != ADMIN);
        if is_demoted || *is_active == Some(false) {
            self.another_admin(users, *user_id)?;
        }
        if let Some(email) = email {
            users.change_email(level, *user_id, email)?;
        }
        let user = users.by_id(*user_id).ok_or(Refusal::NotFound)?;
        if let Some(role) = role {
            user.role.clone_from(role);
        }
        user.updated_at = *at;
        let person = self.0.entry(*user_id).or_default();
        if let Some(full_name) = full_name {
            person.full_name.clone_from(full_name);
        }
        if let Some(is_active) = is_active {
            person.is_disabled = !is_active;
        }
        Ok(())
    }

    /// Refuses what would leave nobody who may administrate.
    fn another_admin(&self, users: &Users, without: i64) -> Result<(), Refusal> {
        let is_admin = |user: &User| user.role == ADMIN && !self.get(user.id).is_disabled;
        let admins: Vec<i64> = users
            .0
            .values()
            .filter(|user| is_admin(user))
            .map(|user| user.id)
            .collect();
        if admins == [without] {
            return Err(Refusal::Rule("this is the last admin".to_owned()));
        }
        Ok(())
    }
}

plain_section!(People, "people", FeatureLevel::PEOPLE);

impl PeopleCommand {
    /// Whose sessions end with it, but one; and whether the user's tokens do.
    pub(in crate::state) fn ends(&self) -> Option<(i64, Option<u128>, bool)> {
        match self {
            Self::SetPassword { user_id, keep, .. } => Some((*user_id, *keep, false)),
            Self::Delete { user_id } => Some((*user_id, None, true)),
            Self::Update {
                user_id,
                is_active: Some(false),
                ..
            } => Some((*user_id, None, false)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_micros(7);

    fn user(name: &str, role: &str, hash: &str) -> NewUser {
        NewUser {
            username: name.into(),
            email: String::new(),
            role: role.into(),
            password_hash: hash.into(),
        }
    }

    fn update(user_id: i64, role: Option<&str>, is_active: Option<bool>) -> PeopleCommand {
        PeopleCommand::Update {
            user_id,
            email: None,
            full_name: None,
            role: role.map(str::to_owned),
            is_active,
            at: AT,
        }
    }

    fn two_admins() -> (Users, People) {
        let (mut users, people) = (Users::default(), People::default());
        users
            .add(FeatureLevel::CURRENT, &user("ann", "admin", "a"), AT)
            .unwrap();
        users
            .add(FeatureLevel::CURRENT, &user("ben", "admin", "b"), AT)
            .unwrap();
        (users, people)
    }

    #[test]
    fn the_last_admin_who_can_log_in_stays_one() {
        let (mut users, mut people) = two_admins();
        let last = Err(Refusal::Rule("this is the last admin".to_owned()));
        for (name, command, want) in [
            ("first is disabled", update(1, None, Some(false)), Ok(())),
            (
                "last is demoted",
                update(2, Some("viewer"), None),
                last.clone(),
            ),
            (
                "last is disabled",
                update(2, None, Some(false)),
                last.clone(),
            ),
            ("last goes", PeopleCommand::Delete { user_id: 2 }, last),
            ("first comes back", update(1, None, Some(true)), Ok(())),
            ("second goes", PeopleCommand::Delete { user_id: 2 }, Ok(())),
        ] {
            assert_eq!(
                people.change(FeatureLevel::CURRENT, &mut users, &command),
                want,
                "{name}"
            );
        }
        assert!(!people.get(1).is_disabled);
    }

    #[test]
    fn a_cluster_is_set_up_once() {
        let (mut users, mut people) = (Users::default(), People::default());
        users
            .add(
                FeatureLevel::CURRENT,
                &user("admin", "admin", NO_PASSWORD),
                AT,
            )
            .unwrap();
        let set_up = |name| PeopleCommand::SetUp {
            user: user(name, "admin", "hash"),
            at: AT,
        };
        assert_eq!(
            people.change(FeatureLevel::CURRENT, &mut users, &set_up("ann")),
            Ok(())
        );
        assert_eq!(
            people.change(FeatureLevel::CURRENT, &mut users, &set_up("eve")),
            Err(Refusal::Taken)
        );
        assert_eq!(users.0.keys().collect::<Vec<_>>(), ["ann"]);
    }

    #[test]
    fn only_the_hash_that_was_checked_is_replaced() {
        let (mut users, mut people) = two_admins();
        for (old, want) in [("other", "a"), ("a", "new")] {
            let rehash = PeopleCommand::Rehash {
                user_id: 1,
                old_hash: old.into(),
                password_hash: "new".into(),
            };
            people
                .change(FeatureLevel::CURRENT, &mut users, &rehash)
                .unwrap();
            assert_eq!(users.0["ann"].password_hash, want, "{old}");
        }
    }
}

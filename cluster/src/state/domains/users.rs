//! Users.

use std::collections::BTreeMap;

use pga_storage::Timestamp;
use serde::{Deserialize, Serialize};

use crate::feature_level::FeatureLevel;
use crate::outcome::Refusal;
use crate::state::section::plain_section;

/// A user to be added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewUser {
    /// Unique name.
    pub username: String,
    /// Mail address.
    pub email: String,
    /// `admin`, `user` or `viewer`.
    pub role: String,
    /// Argon2id PHC string.
    pub password_hash: String,
}

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
#[derive(Debug, Default, Serialize, Deserialize)]
pub(in crate::state) struct Users(pub(in crate::state) BTreeMap<String, User>);

impl Users {
    /// Adds a user.
    pub(in crate::state) fn add(
        &mut self,
        level: FeatureLevel,
        user: &NewUser,
        at: Timestamp,
    ) -> Result<i64, Refusal> {
        if self.0.contains_key(&user.username) {
            return Err(Refusal::Taken);
        }
        self.check_email(level, &user.email)?;
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
        Ok(id)
    }

    /// A user by id.
    pub(in crate::state) fn by_id(&mut self, id: i64) -> Option<&mut User> {
        self.0.values_mut().find(|user| user.id == id)
    }

    /// Gives a user another mail address, or the same in other letters.
    pub(in crate::state) fn change_email(
        &mut self,
        level: FeatureLevel,
        id: i64,
        email: &str,
    ) -> Result<(), Refusal> {
        let own = &self.by_id(id).ok_or(Refusal::NotFound)?.email;
        if !own.eq_ignore_ascii_case(email) {
            self.check_email(level, email)?;
        }
        let user = self.by_id(id).ok_or(Refusal::NotFound)?;
        email.clone_into(&mut user.email);
        Ok(())
    }

    /// Refuses a mail address that some user has. Letters beyond ASCII are compared as they are:
    /// what is the same letter there depends on the program's version, and nodes have to agree.
    fn check_email(&self, level: FeatureLevel, email: &str) -> Result<(), Refusal> {
        if level < FeatureLevel::UNIQUE_EMAILS || email.is_empty() {
            return Ok(());
        }
        let mut users = self.0.values();
        match users.find(|user| user.email.eq_ignore_ascii_case(email)) {
            None => Ok(()),
            Some(other) => Err(Refusal::Rule(format!(
                "the mail address {email} is that of user {}: each user has another",
                other.username
            ))),
        }
    }

    /// Notes a login.
    pub(in crate::state) fn logged_in(&mut self, id: i64, at: Timestamp) -> Result<(), Refusal> {
        let user = self.by_id(id).ok_or(Refusal::NotFound)?;
        user.last_login = user.last_login.max(Some(at));
        Ok(())
    }
}

plain_section!(Users, "users", FeatureLevel::BASE);

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> NewUser {
        NewUser {
            username: name.into(),
            email: String::new(),
            role: "viewer".into(),
            password_hash: "x".into(),
        }
    }

    #[test]
    fn a_name_is_given_once_and_ids_grow() {
        let at = Timestamp::from_micros(5);
        let mut users = Users::default();
        let mut add = |name| users.add(FeatureLevel::CURRENT, &user(name), at).map(drop);
        assert_eq!(add("ann"), Ok(()));
        assert_eq!(add("ann"), Err(Refusal::Taken));
        assert_eq!(add("ben"), Ok(()));
        let ids: Vec<i64> = users.0.values().map(|user| user.id).collect();
        assert_eq!(ids, [1, 2]);
    }

    #[test]
    fn a_mail_address_is_one_users_from_level_8_on() {
        let at = Timestamp::from_micros(5);
        let mut users = Users::default();
        let with = |name: &str, email: &str| NewUser {
            email: email.into(),
            ..user(name)
        };
        let [old, new] = [7, 8].map(FeatureLevel::new);
        for name in ["ann", "ben"] {
            users.add(old, &with(name, "both@x"), at).unwrap();
        }
        let third = users.add(new, &with("cho", "BOTH@X"), at);
        let Err(Refusal::Rule(why)) = third else {
            panic!("{third:?}");
        };
        assert!(why.contains("BOTH@X is that of user ann"), "{why}");
        users.add(new, &with("cho", "cho@x"), at).unwrap();
        for (id, email, want) in [
            (2, "Both@x", true),
            (2, "CHO@x", false),
            (3, "Cho@x", true),
            (3, "both@x", false),
            (2, "ben@x", true),
        ] {
            let changed = users.change_email(new, id, email);
            assert_eq!(changed.is_ok(), want, "{id} {email}");
        }
        let emails: Vec<_> = users.0.values().map(|user| &*user.email).collect();
        assert_eq!(emails, ["both@x", "ben@x", "Cho@x"]);
        users.add(new, &with("dan", ""), at).unwrap();
        users.add(new, &with("eve", ""), at).unwrap();
    }

    #[test]
    fn the_last_login_never_goes_back() {
        let mut users = Users::default();
        let at = Timestamp::from_micros(1);
        users.add(FeatureLevel::CURRENT, &user("ann"), at).unwrap();
        for (at, last) in [(7, 7), (3, 7), (9, 9)] {
            let at = Timestamp::from_micros(at);
            assert_eq!(users.logged_in(1, at), Ok(()));
            let noted = users.0["ann"].last_login;
            assert_eq!(noted, Some(Timestamp::from_micros(last)));
        }
        let nobody = users.logged_in(2, Timestamp::from_micros(1));
        assert_eq!(nobody, Err(Refusal::NotFound));
    }
}

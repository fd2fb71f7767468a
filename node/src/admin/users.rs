//! Users, for the local operator: also the way back in when the last password is lost.

use pga_storage::Timestamp;

use pga_cluster::{AuditEntry, Command, ControlCommand, NewUser, PeopleCommand};
use pga_runtime::Instant;
use pga_web::new_user::{check_email, check_name, check_password, check_text, temporary_password};

use super::AdminAnswer;
use super::server::{AdminServer, CHANGE_TIMEOUT};
use super::user_request::{Hidden, UserLine, UserRequest};
use crate::bootstrap::hash;
use crate::{Error, Result};

impl AdminServer {
    /// Does what the operator wants with users.
    pub(super) async fn users(&self, request: UserRequest) -> Result<AdminAnswer> {
        let deadline = pga_runtime::now() + CHANGE_TIMEOUT;
        let current = self.cluster.linearizable(deadline).await;
        current.map_err(|error| Error::Unavailable(error.to_string()))?;
        match request {
            UserRequest::List => Ok(AdminAnswer::Users { users: self.list() }),
            UserRequest::Add { .. } => self.add(request, deadline).await,
            UserRequest::Change {
                username,
                role,
                is_active,
            } => {
                let update = PeopleCommand::Update {
                    user_id: self.id_of(&username)?,
                    email: None,
                    full_name: None,
                    role,
                    is_active,
                    at: Timestamp::now(),
                };
                self.change("user.update", username, update, deadline)
                    .await?;
                Ok(AdminAnswer::Done)
            }
            UserRequest::Password { username, password } => {
                let (password, made_up) = given_or_made_up(password)?;
                let set = PeopleCommand::SetPassword {
                    user_id: self.id_of(&username)?,
                    password_hash: hash(password).await?,
                    must_change_password: made_up.is_some(),
                    keep: None,
                    at: Timestamp::now(),
                };
                self.change("user.reset-password", username, set, deadline)
                    .await?;
                Ok(AdminAnswer::Password { made_up })
            }
            UserRequest::Delete { username } => {
                let user_id = self.id_of(&username)?;
                let delete = PeopleCommand::Delete { user_id };
                self.change("user.delete", username, delete, deadline)
                    .await?;
                Ok(AdminAnswer::Done)
            }
        }
    }

    async fn add(&self, request: UserRequest, deadline: Instant) -> Result<AdminAnswer> {
        let UserRequest::Add {
            username,
            email,
            full_name,
            role,
            password,
        } = request
        else {
            return Err(Error::Internal("not a new user".to_owned()));
        };
        check_name(&username).map_err(Error::Refused)?;
        check_email(&email).map_err(Error::Refused)?;
        check_text("full name", &full_name).map_err(Error::Refused)?;
        let (password, made_up) = given_or_made_up(password)?;
        let add = PeopleCommand::Add {
            user: NewUser {
                username: username.clone(),
                email,
                role,
                password_hash: hash(password).await?,
            },
            full_name,
            must_change_password: made_up.is_some(),
            at: Timestamp::now(),
        };
        self.change("user.create", username, add, deadline).await?;
        Ok(AdminAnswer::Password { made_up })
    }

    fn list(&self) -> Vec<UserLine> {
        self.cluster.with_state(|state| {
            let line = |user: &pga_cluster::User| {
                let person = state.person(user.id);
                UserLine {
                    id: user.id,
                    username: user.username.clone(),
                    email: user.email.clone(),
                    full_name: person.full_name,
                    role: user.role.clone(),
                    is_active: !person.is_disabled,
                    last_login: user.last_login.map(|at| at.to_string()),
                }
            };
            state.users().values().map(line).collect()
        })
    }

    fn id_of(&self, username: &str) -> Result<i64> {
        let id = self
            .cluster
            .with_state(|state| state.user(username).map(|user| user.id));
        id.ok_or_else(|| Error::Refused(format!("there is no user {username}")))
    }

    async fn change(
        &self,
        action: &str,
        target: String,
        change: PeopleCommand,
        deadline: Instant,
    ) -> Result<()> {
        let after = match &change {
            PeopleCommand::Update {
                role, is_active, ..
            } => Some(serde_json::json!({ "role": role, "is_active": is_active })),
            PeopleCommand::Add { user, .. } => {
                Some(serde_json::json!({ "role": user.role, "email": user.email }))
            }
            _ => None,
        };
        let entry = AuditEntry {
            at: Timestamp::now(),
            actor: format!("command line on node {}", self.cluster.id()),
            user_id: None,
            address: String::new(),
            action: action.to_owned(),
            target,
            before: None,
            after: after.map(|after| after.to_string()),
            request_id: String::new(),
        };
        let command = Command::Control(ControlCommand::Audited {
            change: Box::new(ControlCommand::People(change)),
            entry,
        });
        let done = self.cluster.propose(command, deadline).await;
        done.map(drop)
            .map_err(|error| Error::Refused(error.to_string()))
    }
}

/// The password, and the same again if nobody knows it yet.
fn given_or_made_up(password: Option<Hidden>) -> Result<(String, Option<Hidden>)> {
    match password {
        Some(password) => {
            check_password(&password.0).map_err(Error::Refused)?;
            Ok((password.0, None))
        }
        None => {
            let password = temporary_password();
            Ok((password.clone(), Some(Hidden(password))))
        }
    }
}

//! Changes of the control state on behalf of a request, each with its entry in the audit log.

use std::time::Duration;

use pga_cluster::{AuditEntry, ControlCommand, State};
use pga_storage::Timestamp;
use serde_json::Value;

use super::request_context::RequestContext;
use crate::auth::forbidden;
use crate::control_plane::view;
use crate::refusal::Refusal;
use crate::{ApiError, Principal, Via};

/// A node to which no quorum has confirmed anything for so long has none: it is not ready either.
const CUT_OFF: Duration = Duration::from_secs(3);

/// What the audit log says about a change, beside who, when and from where.
#[derive(Debug)]
pub(super) struct Note {
    /// What is done, such as `user.update`.
    pub(super) action: &'static str,
    /// To what.
    pub(super) target: String,
    /// How it was before, without secrets.
    pub(super) before: Option<Value>,
    /// How it is after, without secrets.
    pub(super) after: Option<Value>,
}

impl Note {
    /// A change of `target` about which there is nothing more to say.
    pub(super) fn new(action: &'static str, target: impl Into<String>) -> Self {
        Self {
            action,
            target: target.into(),
            before: None,
            after: None,
        }
    }

    pub(super) fn before(mut self, value: Value) -> Self {
        self.before = Some(value);
        self
    }

    pub(super) fn after(mut self, value: Value) -> Self {
        self.after = Some(value);
        self
    }
}

impl RequestContext {
    /// Makes a change and writes it down; on return this node shows it.
    pub(super) async fn decide(&self, change: ControlCommand, note: Note) -> Result<(), Refusal> {
        let entry = AuditEntry {
            at: Timestamp::now(),
            actor: self.actor(),
            user_id: self.user_id(),
            address: self.peer.addr.ip().to_string(),
            action: note.action.to_owned(),
            target: note.target,
            before: note.before.map(|value| value.to_string()),
            after: note.after.map(|value| value.to_string()),
            request_id: self.id.as_str().to_owned(),
        };
        let audited = ControlCommand::Audited {
            change: Box::new(change),
            entry,
        };
        Ok(self.context.api.decide(audited).await?)
    }

    /// What this node's state says, once it has applied all that was committed before.
    pub(super) async fn read<T>(&self, read: impl FnOnce(&State) -> T) -> Result<T, Refusal> {
        self.context.api.linearize().await?;
        view(&*self.context.api, read).ok_or_else(Refusal::internal)
    }

    /// As [`RequestContext::read`], but where no quorum answers what this node knows: who is woken
    /// has to see what fires then, too. The age in the answer's header tells how old that is. A
    /// node that has had no quorum for a while does not wait for one.
    pub(super) async fn read_latest<T>(
        &self,
        read: impl FnOnce(&State) -> T,
    ) -> Result<T, Refusal> {
        let is_cut_off = |age: Duration| age > CUT_OFF;
        if self.context.api.view_age().is_some_and(is_cut_off) {
            return self.read_here(read);
        }
        match self.context.api.linearize().await {
            Ok(()) | Err(ApiError::Unavailable { .. }) => self.read_here(read),
            Err(error) => Err(error.into()),
        }
    }

    /// What this node's state says now.
    pub(super) fn read_here<T>(&self, read: impl FnOnce(&State) -> T) -> Result<T, Refusal> {
        view(&*self.context.api, read).ok_or_else(Refusal::internal)
    }

    /// Refuses API tokens: one that leaked must not make itself last, by an account, a password or
    /// a token of its own.
    pub(super) fn require_login(&self) -> Result<(), Refusal> {
        match &self.caller {
            Principal::User {
                via: Via::ApiToken(_),
                ..
            } => Err(forbidden(
                "Users, passwords and API tokens are changed with a login only, not with an API token",
            )),
            _ => Ok(()),
        }
    }

    /// Who asks, for people to read.
    pub(super) fn actor(&self) -> String {
        match &self.caller {
            Principal::Anonymous => "anonymous".to_owned(),
            Principal::Collector(id) => format!("collector {id}"),
            Principal::User { username, via, .. } => match via {
                Via::Session(_) => username.clone(),
                Via::ApiToken(name) => format!("token {name} of {username}"),
            },
        }
    }

    /// The user who asks.
    pub(super) const fn user_id(&self) -> Option<i64> {
        match &self.caller {
            Principal::User { id, .. } => Some(*id),
            Principal::Anonymous | Principal::Collector(_) => None,
        }
    }
}

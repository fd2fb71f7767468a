//! Changes of the control plane.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Applied, Registration, State};
use crate::command::{ControlCommand, Refusal, Reply};
use crate::member::Member;

/// The cluster's secrets, sealed with a key that is not in the log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Secrets {
    pub(super) token_key: Bytes,
    pub(super) ca_key: Bytes,
    pub(super) registration_secret_hash: [u8; 32],
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets")
    }
}

impl State {
    pub(super) fn control(&mut self, command: &ControlCommand) -> Applied {
        match command {
            ControlCommand::UseJoinToken {
                certificate_sha256,
                quic,
                http,
                at,
            } => {
                let node = self.nodes.use_token(*certificate_sha256, quic, http, *at);
                Applied::reply(node.map_or_else(Reply::Refused, Reply::NodeId))
            }
            other => Applied::from(self.change(other)),
        }
    }

    fn change(&mut self, command: &ControlCommand) -> Result<(), Refusal> {
        match command {
            ControlCommand::Bootstrap { .. } => self.bootstrap(command),
            ControlCommand::AddUser { user, at } => self.users.add(user, *at),
            ControlCommand::LoggedIn { user_id, at } => self.users.logged_in(*user_id, *at),
            ControlCommand::RegisterCollector { .. } => self.register(command),
            ControlCommand::AddJoinToken {
                certificate_sha256,
                expires_at,
                at,
            } => {
                self.nodes.add_token(*certificate_sha256, *expires_at, *at);
                Ok(())
            }
            ControlCommand::SetNode { node, quic, http } => self.nodes.set(Member {
                node: *node,
                quic: quic.clone(),
                http: http.clone(),
            }),
            ControlCommand::RetireNode { node } => {
                self.nodes.retire(*node);
                Ok(())
            }
            ControlCommand::LimitCollectors { max } => {
                self.collectors.max = Some(*max);
                Ok(())
            }
            // Handled above.
            ControlCommand::UseJoinToken { .. } => Err(Refusal::Unknown),
        }
    }

    fn bootstrap(&mut self, command: &ControlCommand) -> Result<(), Refusal> {
        let ControlCommand::Bootstrap {
            token_key,
            ca_key,
            admin,
            registration_secret_hash,
            at,
        } = command
        else {
            return Err(Refusal::Unknown);
        };
        if self.secrets.is_some() {
            return Err(Refusal::AlreadyBootstrapped);
        }
        self.users.add(admin, *at)?;
        self.secrets = Some(Secrets {
            token_key: token_key.clone(),
            ca_key: ca_key.clone(),
            registration_secret_hash: *registration_secret_hash,
        });
        Ok(())
    }

    fn register(&mut self, command: &ControlCommand) -> Result<(), Refusal> {
        let ControlCommand::RegisterCollector {
            collector,
            name,
            hostname,
            address,
            version,
            certificate_sha256,
            at,
        } = command
        else {
            return Err(Refusal::Unknown);
        };
        if !self.collectors.admits(*collector) {
            return Err(Refusal::CollectorsFull);
        }
        let registration = Registration {
            name: name.clone(),
            address: address.clone(),
            certificate_sha256: *certificate_sha256,
            at: *at,
        };
        self.collectors
            .register(*collector, hostname, version.as_deref(), registration);
        Ok(())
    }
}

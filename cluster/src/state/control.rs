//! Changes of the control plane: each goes to its domain; what touches several is here.

use super::domains::Sealed;
use super::{Applied, State};
use crate::command::{ControlCommand, Refusal, Reply};

impl State {
    pub(super) fn control(&mut self, command: &ControlCommand) -> Applied {
        let done = match command {
            ControlCommand::Bootstrap { .. } => self.bootstrap(command),
            other => {
                let outcome = self.domains.apply(other);
                // Each command has a domain: a test asks for all of them.
                outcome.unwrap_or(Err(Refusal::Unknown))
            }
        };
        Applied::reply(done.unwrap_or_else(Reply::Refused))
    }

    fn bootstrap(&mut self, command: &ControlCommand) -> Result<Reply, Refusal> {
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
        self.domains.secrets.not_yet()?;
        self.domains.users.add(admin, *at)?;
        self.domains.secrets.begin(Sealed {
            token_key: token_key.clone(),
            ca_key: ca_key.clone(),
            registration_secret_hash: *registration_secret_hash,
        });
        Ok(Reply::Done)
    }
}

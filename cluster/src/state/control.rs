//! Changes of the control plane: each goes to its domain; what touches several is here.

use super::domains::{CollectorCommand, Sealed, SessionCommand};
use super::{Applied, State};
use crate::command::{ControlCommand, Refusal, Reply};

impl State {
    pub(super) fn control(&mut self, command: &ControlCommand) -> Applied {
        let done = match command {
            ControlCommand::Audited { change, entry } => {
                let done = self.change(change);
                if done.is_ok() {
                    self.domains.audit.note(entry);
                }
                done
            }
            change => self.change(change),
        };
        Applied::reply(done.unwrap_or_else(Reply::Refused))
    }

    fn change(&mut self, command: &ControlCommand) -> Result<Reply, Refusal> {
        let domains = &mut self.domains;
        match command {
            ControlCommand::Bootstrap { .. } => self.bootstrap(command),
            ControlCommand::People(command) => {
                domains.people.change(&mut domains.users, command)?;
                if let Some((user, keep, with_tokens)) = command.ends() {
                    domains.sessions.end_all(user, keep);
                    if with_tokens {
                        domains.api_tokens.revoke_all(user);
                    }
                }
                Ok(Reply::Done)
            }
            ControlCommand::Session(SessionCommand::Begin { user_id, at, .. }) => {
                domains.users.logged_in(*user_id, *at)?;
                domains.apply(command).unwrap_or(Err(Refusal::Unknown))
            }
            ControlCommand::Collector(command) => self.change_collector(command),
            other => {
                let outcome = domains.apply(other);
                // Each command has a domain: a test asks for all of them.
                outcome.unwrap_or(Err(Refusal::Unknown))
            }
        }
    }

    fn change_collector(&mut self, command: &CollectorCommand) -> Result<Reply, Refusal> {
        let domains = &mut self.domains;
        if let CollectorCommand::Register {
            collector,
            registration,
            secret: Some(secret),
            ..
        } = command
        {
            if !domains.collectors.admits(*collector) {
                return Err(Refusal::CollectorsFull);
            }
            let used = domains
                .registration_secrets
                .use_once(*secret, registration.at);
            used.map_err(|_| Refusal::BadToken)?;
        }
        domains
            .collector_book
            .change(&mut domains.collectors, command)?;
        if let CollectorCommand::Delete { collector } = command {
            domains.collector_configs.forget(*collector);
        }
        Ok(Reply::Done)
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

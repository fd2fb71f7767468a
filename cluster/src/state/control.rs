//! Changes of the control plane: each goes to its domain; what touches several is here.

use bytes::Bytes;

use super::State;
use super::domains::{
    AlertCommand, ClusterKeyCommand, CollectorCertificateCommand, CollectorCommand, Domains,
    InsightCommand, PeopleCommand, Registration, Sealed, SessionCommand,
};
use crate::command::ControlCommand;
use crate::feature_level::FeatureLevel;
use crate::member::Member;
use crate::outcome::{Refusal, Reply};

impl State {
    pub(super) fn control(&mut self, command: &ControlCommand) -> super::Applied {
        let (level, domains) = (self.level.level, &mut self.domains);
        let done = match command {
            ControlCommand::Audited { change, entry } => {
                let done = domains.change(level, change);
                if done.is_ok() {
                    domains.audit.note(entry);
                }
                done
            }
            change => domains.change(level, change),
        };
        super::Applied::reply(done.unwrap_or_else(Reply::Refused))
    }
}

impl Domains {
    fn change(&mut self, level: FeatureLevel, command: &ControlCommand) -> Result<Reply, Refusal> {
        match command {
            ControlCommand::UseJoinToken {
                certificate_sha256,
                quic,
                http,
                at,
            } => {
                let node = self.nodes.use_token(*certificate_sha256, quic, http, *at);
                return node.map(Reply::NodeId);
            }
            ControlCommand::Bootstrap { .. } => self.bootstrap(level, command),
            ControlCommand::AddJoinToken { .. }
            | ControlCommand::SetNode { .. }
            | ControlCommand::RetireNode { .. } => self.change_nodes(command),
            ControlCommand::AddUser { user, at } => self.users.add(level, user, *at).map(drop),
            ControlCommand::LoggedIn { user_id, at } => self.users.logged_in(*user_id, *at),
            ControlCommand::RegisterCollector { .. } => self.register_collector(command),
            ControlCommand::LimitCollectors { max } => {
                self.collectors.max = Some(*max);
                Ok(())
            }
            ControlCommand::People(command) => self.change_people(level, command),
            ControlCommand::Session(command) => self.change_session(command),
            ControlCommand::ApiToken(command) => self.api_tokens.apply(command),
            ControlCommand::RegistrationSecret(command) => self.registration_secrets.apply(command),
            ControlCommand::Collector(command) => self.change_collector(level, command),
            ControlCommand::CollectorConfig(command) => {
                self.collector_configs.apply(level, command)
            }
            ControlCommand::Alert(command) => self.change_alerts(command),
            ControlCommand::Alerting(command) => self.alerting.apply(command),
            ControlCommand::Insight(command) => self.change_insight(command),
            ControlCommand::TokenKey(command) => self.token_keys.apply(command),
            ControlCommand::AlertRoute(command) => self.alert_routes.apply(command),
            ControlCommand::CollectorHealth(command) => {
                let known = &self.collectors.known;
                let is_known = |id| known.contains_key(&id);
                self.collector_health.apply(command, is_known)
            }
            ControlCommand::ClusterKey(command) => self.seal_anew(command),
            ControlCommand::CollectorCertificate(command) => self.certify(level, command),
            // An entry in another: nobody proposes that.
            ControlCommand::Audited { .. } => Err(Refusal::Unknown),
        }
        .map(|()| Reply::Done)
    }

    /// Whatever of the state is sealed with the cluster key.
    fn seal_anew(&mut self, command: &ClusterKeyCommand) -> Result<(), Refusal> {
        let anew = self.cluster_key.change(command)?;
        let first = self.secrets.sealed_mut().into_iter();
        let first = first.flat_map(|sealed| [&mut sealed.token_key, &mut sealed.ca_key]);
        let token_keys = self.token_keys.0.values_mut().map(|key| &mut key.sealed);
        let channels = self.alerting.channels.values_mut();
        let channels = channels.map(|channel| &mut channel.settings);
        for sealed in first.chain(token_keys).chain(channels) {
            if let Some(is) = anew.get(&*sealed) {
                *sealed = Bytes::clone(is);
            }
        }
        Ok(())
    }

    fn change_nodes(&mut self, command: &ControlCommand) -> Result<(), Refusal> {
        match command {
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
            _ => Err(Refusal::Unknown),
        }
    }

    fn change_people(
        &mut self,
        level: FeatureLevel,
        command: &PeopleCommand,
    ) -> Result<(), Refusal> {
        self.people.change(level, &mut self.users, command)?;
        if let Some((user, keep, with_tokens)) = command.ends() {
            self.sessions.end_all(user, keep);
            if with_tokens {
                self.api_tokens.revoke_all(user);
            }
        }
        Ok(())
    }

    fn change_session(&mut self, command: &SessionCommand) -> Result<(), Refusal> {
        if let SessionCommand::Begin { user_id, at, .. } = command {
            self.users.logged_in(*user_id, *at)?;
        }
        self.sessions.apply(command)
    }

    fn change_alerts(&mut self, command: &AlertCommand) -> Result<(), Refusal> {
        match command {
            AlertCommand::Evaluated { changes, .. } => self.alerts.evaluated(changes),
            AlertCommand::Acknowledge { id, by } => self.alerts.acknowledge(*id, by.as_ref()),
            AlertCommand::Comment { id, comment } => self.alerts.comment(*id, comment),
            AlertCommand::Notify { queue, groups } => self.notifications.notify(queue, groups),
            AlertCommand::Attempt(attempt) => self.notifications.attempt(attempt),
        }
    }

    fn change_insight(&mut self, command: &InsightCommand) -> Result<(), Refusal> {
        if let Some((id, moment)) = self.insight.apply(command)? {
            self.deleted_moments.note(id, moment);
        }
        Ok(())
    }

    /// Makes a collector known or renews its certificate, and notes when the certificate ends.
    fn certify(
        &mut self,
        level: FeatureLevel,
        command: &CollectorCertificateCommand,
    ) -> Result<(), Refusal> {
        let CollectorCertificateCommand::Issued { change, expires_at } = command;
        let (collector, sha256) = change.certificate().ok_or(Refusal::Unknown)?;
        self.change_collector(level, change)?;
        let known = &self.collectors.known;
        self.collector_certificates
            .issued(collector, (sha256, *expires_at), known);
        Ok(())
    }

    fn register_collector(&mut self, command: &ControlCommand) -> Result<(), Refusal> {
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
        let version = version.as_deref();
        self.collectors
            .register(*collector, hostname, version, registration);
        Ok(())
    }

    fn change_collector(
        &mut self,
        level: FeatureLevel,
        command: &CollectorCommand,
    ) -> Result<(), Refusal> {
        if let CollectorCommand::Register {
            collector,
            registration,
            secret: Some(secret),
            ..
        } = command
        {
            if !self.collectors.admits(*collector) {
                return Err(Refusal::CollectorsFull);
            }
            let used = self.registration_secrets.use_once(*secret, registration.at);
            used.map_err(|_| Refusal::BadToken)?;
        }
        let book = &mut self.collector_book;
        book.change(level, &mut self.collectors, command)?;
        if let CollectorCommand::Delete { collector } = command {
            self.collector_configs.forget(*collector);
        }
        Ok(())
    }

    fn bootstrap(&mut self, level: FeatureLevel, command: &ControlCommand) -> Result<(), Refusal> {
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
        self.secrets.not_yet()?;
        self.users.add(level, admin, *at)?;
        self.secrets.begin(Sealed {
            token_key: token_key.clone(),
            ca_key: ca_key.clone(),
            registration_secret_hash: *registration_secret_hash,
        });
        Ok(())
    }
}

//! The replicated state: what equal logs make equal on every node (SM-1).
//!
//! [`State::apply`] is pure: no clock, no randomness, no I/O, no hash order. What has to be written
//! down elsewhere comes out as an [`Effect`].

mod anew;
mod control;
mod dedup;
pub(crate) mod domains;
mod idempotency;
mod image;
mod image_error;
mod ingest;
mod limits;
mod recent;
mod record_head;
mod section;
mod uploads;

use std::collections::BTreeMap;

use bytes::Bytes;
use pga_config::{CollectorId, NodeId};
use pga_storage::{Position, Timestamp};

use self::{
    dedup::Windows, domains::Domains, idempotency::IdempotencyKeys, recent::Recent,
    uploads::Uploads,
};
pub use self::{
    domains::{
        Acknowledgement, Alert, AlertChange, AlertCommand, AlertRoute, AlertRouteCommand,
        AlertRoutes, AlertState, AlertingCommand, ApiToken, ApiTokenCommand, Attempt,
        AttemptRecord, AttemptStep, AuditEntry, Channel, ClusterKeyCommand, Collector,
        CollectorCertificateCommand, CollectorCommand, CollectorEntry, CollectorError,
        CollectorHealth, CollectorHealthCommand, Comment, ConfigCommand, ConfigTarget, ConfigText,
        ConfigVersion, DEFAULT_GROUP, Decision, GroupState, InsightCommand, KeyInUse, Liveness,
        MAX_CONFIG_VERSIONS, Matcher, Moment, NO_PASSWORD, NewUser, Notification,
        NotificationState, PeopleCommand, Person, Registration, RegistrationSecret,
        RegistrationSecretCommand, Resealed, RuleEntry, SealedConfig, Session, SessionCommand,
        Silence, TokenKey, TokenKeyCommand, User, Weekly,
    },
    image_error::ImageError,
    limits::StateLimits,
};
use crate::command::Command;
use crate::feature_level::{ClusterLevel, FeatureLevel};
use crate::member::Member;
use crate::outcome::{Refusal, Reply};
use crate::proposal_id::{ProposalId, UploadId};

/// The replicated state.
#[derive(Debug, Default)]
pub struct State {
    limits: StateLimits,
    level: ClusterLevel,
    applied: Position,
    flushed: Position,
    windows: Windows,
    idempotency: IdempotencyKeys,
    recent: Recent,
    uploads: Uploads,
    domains: Domains,
}

/// What applying a command did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The answer, the same on every node.
    pub reply: Reply,
    /// What the flush buffer has to hold at this position, if anything.
    pub effect: Option<Effect>,
}

/// What the flush buffer has to hold for an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Pushes with at least one new element: the record, and which of its elements are new.
    Pushes(Vec<(Bytes, Vec<bool>)>),
    /// A part of an upload, without effect until its commit.
    Staged(Bytes),
    /// The parts at these indexes take effect here, with these elements new.
    Commit(Vec<(u64, Vec<bool>)>),
    /// The parts at these indexes never take effect.
    Abort(Vec<u64>),
}

impl State {
    /// An empty state.
    pub fn new(limits: StateLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Applies the proposal `id` at `position`. The second copy of a proposal has no effect, and
    /// answers as the first.
    pub fn apply(&mut self, position: Position, id: ProposalId, command: &Command) -> Applied {
        if let Some(reply) = self.recent.reply(id) {
            let reply = reply.clone();
            self.applied = position;
            return Applied {
                reply,
                effect: None,
            };
        }
        let applied = self.dispatch(position, command);
        self.applied = position;
        self.recent
            .remember(id, applied.reply.clone(), &self.limits);
        applied
    }

    /// Notes an entry that changes nothing: a leader's blank one, or bytes that are no command.
    pub fn skip(&mut self, position: Position) {
        self.applied = position;
    }

    /// Notes an entry that changes the membership.
    pub fn set_members(&mut self, position: Position, members: impl IntoIterator<Item = NodeId>) {
        self.applied = position;
        members
            .into_iter()
            .for_each(|node| self.domains.nodes.note(node));
    }

    fn dispatch(&mut self, position: Position, command: &Command) -> Applied {
        match command {
            Command::Ingest(records) => self.ingest(position, records),
            Command::UploadPart {
                upload,
                part,
                record,
            } => self.upload_part(position, *upload, *part, record),
            Command::CommitUpload { upload, parts } => {
                self.commit_upload(position, *upload, *parts)
            }
            Command::AbortUpload { upload } => self.abort_upload(*upload),
            Command::Flushed { position } => {
                // Several leaders' reports may arrive out of order.
                if position.index > self.flushed.index {
                    self.flushed = *position;
                }
                Applied::from(Ok(()))
            }
            Command::Control(control) => self.control(control),
            Command::RaiseLevel { level, since } => {
                // Leaders' proposals may arrive out of order; a level never goes down.
                if *level > self.level.level {
                    self.level.level = *level;
                    self.level.since.clone_from(since);
                    self.enter_level();
                }
                Applied::from(Ok(()))
            }
        }
    }

    /// Makes what a new level has for what is there already.
    fn enter_level(&mut self) {
        if self.level.level >= FeatureLevel::PEOPLE {
            for id in self.domains.collectors.known.keys() {
                self.domains.collector_book.entry(*id);
            }
        }
    }

    /// The cluster's feature level.
    pub const fn feature_level(&self) -> FeatureLevel {
        self.level.level
    }

    /// The cluster's feature level, and the first version that knows it.
    pub(crate) const fn cluster_level(&self) -> &ClusterLevel {
        &self.level
    }

    /// Position of the last applied entry.
    pub const fn applied(&self) -> Position {
        self.applied
    }

    /// The last position a flush may reach: the last applied, or the one before the first open
    /// upload.
    pub fn flushable(&self) -> Position {
        self.uploads.before_first().unwrap_or(self.applied)
    }

    /// The shared store's watermark, as far as it was reported.
    pub const fn flushed(&self) -> Position {
        self.flushed
    }

    /// A collector.
    pub fn collector(&self, id: CollectorId) -> Option<&Collector> {
        self.domains.collectors.known.get(&id)
    }

    /// All collectors, by id.
    pub const fn collectors(&self) -> &BTreeMap<CollectorId, Collector> {
        &self.domains.collectors.known
    }

    /// The collectors of servers: all but the cluster itself.
    pub fn watched(&self) -> impl Iterator<Item = (&CollectorId, &Collector)> + Clone {
        let all = self.domains.collectors.known.iter();
        all.filter(|(id, _)| **id != CollectorId::FINDINGS)
    }

    /// How many collectors there may be, once the log has said so.
    pub const fn max_collectors(&self) -> Option<u64> {
        self.domains.collectors.max
    }

    /// A user.
    pub fn user(&self, username: &str) -> Option<&User> {
        self.domains.users.0.get(username)
    }

    /// All users, by name.
    pub const fn users(&self) -> &BTreeMap<String, User> {
        &self.domains.users.0
    }

    /// A user by id.
    pub fn user_by_id(&self, id: i64) -> Option<&User> {
        self.domains.users.0.values().find(|user| user.id == id)
    }

    /// What is known about a user beyond [`User`].
    pub fn person(&self, user_id: i64) -> Person {
        self.domains.people.get(user_id)
    }

    /// A session of a user, if it has not ended.
    pub fn session(&self, id: u128) -> Option<&Session> {
        self.domains.sessions.0.get(&id)
    }

    /// All sessions of users, by their random names.
    pub const fn sessions(&self) -> &BTreeMap<u128, Session> {
        &self.domains.sessions.0
    }

    /// All API tokens.
    pub const fn api_tokens(&self) -> &BTreeMap<u64, ApiToken> {
        &self.domains.api_tokens.0
    }

    /// All registration secrets but the first, which [`State::registration_secret_hash`] tells.
    pub const fn registration_secrets(&self) -> &BTreeMap<u64, RegistrationSecret> {
        &self.domains.registration_secrets.0
    }

    /// What is known about a collector beyond [`Collector`].
    pub fn collector_entry(&self, id: CollectorId) -> CollectorEntry {
        let entries = &self.domains.collector_book.entries;
        entries.get(&id).cloned().unwrap_or_default()
    }

    /// When the certificate ends that a collector has now; `None` if it has none, or got it before
    /// feature level 8.
    pub fn certificate_expires_at(&self, id: CollectorId) -> Option<Timestamp> {
        let sha256 = self
            .collector(id)?
            .registration
            .as_ref()?
            .certificate_sha256;
        self.domains.collector_certificates.expires_at(id, sha256)
    }

    /// The versions of a configuration of collectors, oldest first.
    pub fn config_versions(&self, target: &ConfigTarget) -> &[ConfigVersion] {
        self.domains.collector_configs.versions(target)
    }

    /// All versions of all configurations of collectors.
    pub fn all_configs(&self) -> impl Iterator<Item = (&ConfigTarget, &ConfigVersion)> {
        self.domains.collector_configs.all()
    }

    /// The configuration that a collector is to have: its own, else its group's.
    pub fn config_of(&self, collector: CollectorId) -> Option<&ConfigVersion> {
        let configs = &self.domains.collector_configs;
        let own = configs.current(&ConfigTarget::Collector(collector));
        own.or_else(|| {
            let entry = self.domains.collector_book.entries.get(&collector);
            let group = entry.map_or(DEFAULT_GROUP, CollectorEntry::group);
            configs.current(&ConfigTarget::Group(group.to_owned()))
        })
    }

    /// All alerts that are remembered, by id.
    pub const fn alerts(&self) -> &BTreeMap<u64, Alert> {
        &self.domains.alerts.by_id
    }

    /// The newest alert of a fingerprint.
    pub fn alert_of(&self, fingerprint: u64) -> Option<(u64, &Alert)> {
        let id = *self.domains.alerts.newest.get(&fingerprint)?;
        Some((id, self.domains.alerts.by_id.get(&id)?))
    }

    /// Rules for alerts that somebody wrote or changed, by id.
    pub const fn alert_rules(&self) -> &BTreeMap<String, RuleEntry> {
        &self.domains.alerting.rules
    }

    /// Where notifications go.
    pub const fn channels(&self) -> &BTreeMap<u64, Channel> {
        &self.domains.alerting.channels
    }

    /// Silences and maintenance windows.
    pub const fn silences(&self) -> &BTreeMap<u64, Silence> {
        &self.domains.alerting.silences
    }

    /// What was decided about findings, by their id.
    pub const fn decisions(&self) -> &BTreeMap<u64, Decision> {
        &self.domains.insight.decisions
    }

    /// Moments to compare.
    pub const fn moments(&self) -> &BTreeMap<u64, Moment> {
        &self.domains.insight.moments
    }

    /// Moments to compare that were deleted, the last of them: without name and description.
    pub const fn deleted_moments(&self) -> &BTreeMap<u64, Moment> {
        &self.domains.deleted_moments.0
    }

    /// Notifications that wait, and the last that do not.
    pub const fn notifications(&self) -> &BTreeMap<u64, Notification> {
        &self.domains.notifications.by_id
    }

    /// What the receivers of each group of alerts know.
    pub const fn notification_groups(&self) -> &BTreeMap<String, GroupState> {
        &self.domains.notifications.groups
    }

    /// The groups of collectors that have a configuration.
    pub fn config_groups(&self) -> impl Iterator<Item = &str> {
        self.domains.collector_configs.groups()
    }

    /// The audit log's entries with their numbers, oldest first.
    pub fn audit(&self) -> impl DoubleEndedIterator<Item = (u64, &AuditEntry)> {
        self.domains.audit.entries()
    }

    /// What nodes noticed about a collector.
    pub fn collector_health(&self, id: CollectorId) -> Option<&CollectorHealth> {
        self.domains.collector_health.0.get(&id)
    }

    /// The routes of alerts.
    pub const fn alert_routes(&self) -> &AlertRoutes {
        &self.domains.alert_routes
    }

    /// The keys that sign tokens after the first, by their number from 1 on.
    pub const fn token_keys(&self) -> &BTreeMap<u64, TokenKey> {
        &self.domains.token_keys.0
    }

    /// The first key that signs tokens, sealed.
    pub fn token_key(&self) -> Option<&Bytes> {
        self.domains
            .secrets
            .sealed()
            .map(|secrets| &secrets.token_key)
    }

    /// The CA's private key, sealed.
    pub fn ca_key(&self) -> Option<&Bytes> {
        self.domains.secrets.sealed().map(|secrets| &secrets.ca_key)
    }

    /// The key that seals the cluster's secrets, once it is another than the cluster was made with.
    pub const fn cluster_key(&self) -> Option<KeyInUse> {
        self.domains.cluster_key.0
    }

    /// The settings of all channels, sealed.
    pub fn channel_settings(&self) -> impl Iterator<Item = &Bytes> {
        self.channels().values().map(|channel| &channel.settings)
    }

    /// SHA-256 of the registration secret.
    pub fn registration_secret_hash(&self) -> Option<[u8; 32]> {
        self.domains
            .secrets
            .sealed()
            .map(|secrets| secrets.registration_secret_hash)
    }

    /// Where the members listen, as far as they said so through the log.
    pub const fn address_book(&self) -> &BTreeMap<NodeId, Member> {
        &self.domains.nodes.book
    }

    /// How often the address book changed since this node started.
    pub(crate) const fn address_changes(&self) -> u64 {
        self.domains.nodes.changes
    }

    /// Whether this node id was retired.
    pub fn is_retired(&self, node: NodeId) -> bool {
        self.domains.nodes.retired.contains(&node)
    }

    /// Whether a join token could be spent at `at`.
    pub fn is_join_token_valid(&self, certificate_sha256: &[u8; 32], at: Timestamp) -> bool {
        self.domains.nodes.is_token_valid(certificate_sha256, at)
    }

    /// Content keys remembered for all collectors.
    pub const fn dedup_keys(&self) -> usize {
        self.windows.len()
    }

    /// Uploads that are open.
    pub fn open_uploads(&self) -> impl Iterator<Item = UploadId> + '_ {
        self.uploads.0.keys().copied()
    }
}

impl Applied {
    const fn reply(reply: Reply) -> Self {
        Self {
            reply,
            effect: None,
        }
    }
}

impl From<Result<(), Refusal>> for Applied {
    fn from(result: Result<(), Refusal>) -> Self {
        Self::reply(result.map_or_else(Reply::Refused, |()| Reply::Done))
    }
}

#[cfg(test)]
mod tests;

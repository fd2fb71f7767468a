//! What goes through the Raft log.

mod codec;

use bytes::Bytes;
use pga_config::{CollectorId, NodeId};
use pga_storage::{Position, Timestamp};
use serde::{Deserialize, Serialize};

pub use self::codec::{EncodeError, UnknownCommand};
use crate::feature_level::FeatureLevel;
use crate::proposal_id::UploadId;
use crate::state::domains::alert_command::AlertCommand;
use crate::state::domains::alert_routes::AlertRouteCommand;
use crate::state::domains::alerting::AlertingCommand;
use crate::state::domains::api_tokens::ApiTokenCommand;
use crate::state::domains::audit::AuditEntry;
use crate::state::domains::cluster_key::ClusterKeyCommand;
use crate::state::domains::collector_book::CollectorCommand;
use crate::state::domains::collector_certificates::CollectorCertificateCommand;
use crate::state::domains::collector_config::ConfigCommand;
use crate::state::domains::collector_health::CollectorHealthCommand;
use crate::state::domains::insight::InsightCommand;
use crate::state::domains::people::PeopleCommand;
use crate::state::domains::registration_secrets::RegistrationSecretCommand;
use crate::state::domains::sessions::SessionCommand;
use crate::state::domains::token_keys::TokenKeyCommand;
use crate::state::domains::users::NewUser;

/// One entry of the replicated log. Time and randomness stand in here as data (SM-1).
///
/// Encoded with a leading format version; fields are positional and frozen (`tests/golden/`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Pushes of several sessions, each an encoded [`pga_storage::PushRecord`]; each is all or
    /// nothing by itself.
    Ingest(Vec<Bytes>),
    /// A part of a large push: takes effect with its [`Command::CommitUpload`] only.
    UploadPart {
        /// Which upload.
        upload: UploadId,
        /// From 0, without gaps.
        part: u32,
        /// An encoded push record with the elements of this part.
        record: Bytes,
    },
    /// Makes all parts of an upload effective at once; refused if a part is missing.
    CommitUpload {
        /// Which upload.
        upload: UploadId,
        /// How many parts there must be.
        parts: u32,
    },
    /// Forgets an upload whose client or node went away.
    AbortUpload {
        /// Which upload.
        upload: UploadId,
    },
    /// The shared store holds everything up to here (never sent for embedded stores).
    Flushed {
        /// The store's watermark.
        position: Position,
    },
    /// Anything of the control plane.
    Control(ControlCommand),
    /// All members know this feature level: what it adds may be proposed from here on. Sent by the
    /// leader alone; its encoding is frozen for all versions.
    RaiseLevel {
        /// Which; a lower one than the cluster's has no effect.
        level: FeatureLevel,
        /// The first version that knows it.
        since: String,
    },
}

impl Command {
    /// The feature level that the cluster must be at before this may be proposed.
    pub(crate) fn needs(&self) -> FeatureLevel {
        match self {
            // The leader alone raises it, and asks nobody.
            Self::RaiseLevel { level, .. } => *level,
            Self::Control(control) => control.needs(),
            Self::Ingest(_)
            | Self::UploadPart { .. }
            | Self::CommitUpload { .. }
            | Self::AbortUpload { .. }
            | Self::Flushed { .. } => FeatureLevel::BASE,
        }
    }
}

/// Changes of the control plane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ControlCommand {
    /// First command of a cluster: its secrets, sealed with the cluster key, and its first user.
    Bootstrap {
        /// JWT signing key, sealed.
        token_key: Bytes,
        /// CA private key (PKCS#8), sealed.
        ca_key: Bytes,
        /// First user.
        admin: NewUser,
        /// SHA-256 of the registration secret.
        registration_secret_hash: [u8; 32],
        /// When.
        at: Timestamp,
    },
    /// Adds a user.
    AddUser {
        /// The user.
        user: NewUser,
        /// When.
        at: Timestamp,
    },
    /// Notes a login.
    LoggedIn {
        /// Who.
        user_id: i64,
        /// When.
        at: Timestamp,
    },
    /// Adds or renews a registered collector.
    RegisterCollector {
        /// Its id.
        collector: CollectorId,
        /// Display name.
        name: String,
        /// Host it runs on.
        hostname: String,
        /// Address, if known.
        address: Option<String>,
        /// Version, if known.
        version: Option<String>,
        /// SHA-256 of its certificate's DER.
        certificate_sha256: [u8; 32],
        /// When.
        at: Timestamp,
    },
    /// Records a single-use join token by the SHA-256 of its certificate.
    AddJoinToken {
        /// SHA-256 of the DER of the token's client certificate.
        certificate_sha256: [u8; 32],
        /// When it stops being valid.
        expires_at: Timestamp,
        /// When.
        at: Timestamp,
    },
    /// Spends a join token: answers with a fresh node id, or refuses.
    UseJoinToken {
        /// Which.
        certificate_sha256: [u8; 32],
        /// Where the new node will listen.
        quic: String,
        /// Where the new node will listen.
        http: String,
        /// When.
        at: Timestamp,
    },
    /// Puts or corrects a member's addresses in the address book.
    SetNode {
        /// Which.
        node: NodeId,
        /// QUIC address.
        quic: String,
        /// HTTP URL.
        http: String,
    },
    /// Retires a node id for ever (ID-1).
    RetireNode {
        /// Which.
        node: NodeId,
    },
    /// From here on, no collector more becomes known if there are so many (LIM-1). Those there are
    /// stay.
    LimitCollectors {
        /// How many.
        max: u64,
    },
    /// Changes users.
    People(PeopleCommand),
    /// Changes sessions of users.
    Session(SessionCommand),
    /// Changes API tokens.
    ApiToken(ApiTokenCommand),
    /// Changes registration secrets.
    RegistrationSecret(RegistrationSecretCommand),
    /// Changes collectors.
    Collector(CollectorCommand),
    /// Changes configurations of collectors.
    CollectorConfig(ConfigCommand),
    /// Changes alerts and their notifications.
    Alert(Box<AlertCommand>),
    /// Changes rules, channels and silences.
    Alerting(Box<AlertingCommand>),
    /// Changes decisions about findings, and moments to compare.
    Insight(Box<InsightCommand>),
    /// Changes the keys that sign tokens.
    TokenKey(TokenKeyCommand),
    /// Changes the routes of alerts.
    AlertRoute(AlertRouteCommand),
    /// Notes what a node noticed about a collector.
    CollectorHealth(CollectorHealthCommand),
    /// Changes the key that seals the cluster's secrets.
    ClusterKey(ClusterKeyCommand),
    /// Makes collectors known, or renews their certificates.
    CollectorCertificate(CollectorCertificateCommand),
    /// Makes a change, and if it has an effect, writes it down in the audit log.
    Audited {
        /// What is changed.
        change: Box<ControlCommand>,
        /// What is written down.
        entry: AuditEntry,
    },
}

impl ControlCommand {
    /// The feature level that the cluster must be at before this may be proposed: a new command
    /// says so here, or nodes of the version before stop at it.
    fn needs(&self) -> FeatureLevel {
        match self {
            Self::Alert(_) | Self::Alerting(_) => FeatureLevel::ALERTS,
            Self::Insight(command) => command.needs(),
            Self::TokenKey(_) => FeatureLevel::TOKEN_KEYS,
            Self::AlertRoute(_) => FeatureLevel::ALERT_ROUTES,
            Self::CollectorHealth(_) => FeatureLevel::COLLECTOR_HEALTH,
            Self::ClusterKey(_) => FeatureLevel::CLUSTER_KEY,
            Self::CollectorCertificate(_) => FeatureLevel::COLLECTOR_CERTIFICATES,
            Self::Audited { change, .. } => change.needs().max(FeatureLevel::PEOPLE),
            Self::Bootstrap { .. }
            | Self::AddUser { .. }
            | Self::LoggedIn { .. }
            | Self::RegisterCollector { .. }
            | Self::AddJoinToken { .. }
            | Self::UseJoinToken { .. }
            | Self::SetNode { .. }
            | Self::RetireNode { .. }
            | Self::LimitCollectors { .. } => FeatureLevel::BASE,
            Self::People(_)
            | Self::Session(_)
            | Self::ApiToken(_)
            | Self::RegistrationSecret(_) => FeatureLevel::PEOPLE,
            Self::Collector(command) => command.needs(),
            Self::CollectorConfig(command) => command.needs(),
        }
    }
}

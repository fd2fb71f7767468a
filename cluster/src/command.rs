//! What goes through the Raft log.

mod codec;

use bytes::Bytes;
use pga_config::{CollectorId, NodeId};
use pga_storage::{Position, Timestamp};
use serde::{Deserialize, Serialize};

pub use self::codec::{EncodeError, UnknownCommand};
use crate::feature_level::FeatureLevel;
use crate::state::{
    AlertCommand, AlertingCommand, ApiTokenCommand, AuditEntry, CollectorCommand, ConfigCommand,
    InsightCommand, PeopleCommand, RegistrationSecretCommand, SessionCommand,
};

/// Name of a large push that is split over several entries: random, chosen by the receiving node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UploadId(pub u128);

/// Name of one proposal: random, drawn where it is proposed, the same in every attempt to get it
/// into the log.
///
/// If an attempt's outcome is lost and the proposal is repeated, the second copy has no effect and
/// answers as the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProposalId(pub u128);

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
            Self::Insight(_) => FeatureLevel::INSIGHT,
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
            | Self::RegistrationSecret(_)
            | Self::Collector(_)
            | Self::CollectorConfig(_) => FeatureLevel::PEOPLE,
        }
    }
}

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

/// What a command answered, the same on every node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// One per record of [`Command::Ingest`], in order; one for [`Command::CommitUpload`].
    Ingested(Vec<PushOutcome>),
    /// Done.
    Done,
    /// A fresh node id, from [`ControlCommand::UseJoinToken`].
    NodeId(NodeId),
    /// Not done, and certainly without effect: why.
    Refused(Refusal),
}

/// What became of one push.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PushOutcome {
    /// Stored, or had been stored.
    Stored {
        /// Where it was first committed (for a replayed idempotency key: the original entry).
        position: Position,
        /// Elements this push added.
        accepted: u32,
        /// Elements that had been acknowledged before.
        repeated: u32,
    },
    /// Its idempotency key was used with another content; without effect.
    Conflict,
    /// The record does not decode; without effect.
    Malformed,
    /// Its collector is not known, and there are as many as allowed; without effect.
    CollectorsFull,
}

/// Why a command had no effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// Parts are missing, or the upload was aborted.
    #[error("upload is incomplete")]
    UploadIncomplete,
    /// The cluster has been bootstrapped already.
    #[error("cluster is already bootstrapped")]
    AlreadyBootstrapped,
    /// The name is taken.
    #[error("name is taken")]
    Taken,
    /// No such thing.
    #[error("not found")]
    NotFound,
    /// The join token is unknown, spent or expired.
    #[error("join token is unknown, spent or expired")]
    BadToken,
    /// The bytes are no command this version knows.
    #[error("unknown command")]
    Unknown,
    /// Not all members know this command yet.
    #[error(
        "needs feature level {needed}, and the cluster is at {level} until all its members know more"
    )]
    FeatureLevel {
        /// What the command needs.
        needed: FeatureLevel,
        /// Of the cluster.
        level: FeatureLevel,
    },
    /// The node id was retired and is never used again (ID-1).
    #[error("node id is retired")]
    Retired,
    /// Too many uploads are open.
    #[error("too many uploads are open")]
    TooManyUploads,
    /// There are as many collectors as allowed.
    #[error("there are as many collectors as allowed")]
    CollectorsFull,
    /// A refresh token was shown a second time: its session has ended.
    #[error("the refresh token was used before: its session has ended")]
    Replayed,
    /// A rule of its domain forbids it.
    #[error("{0}")]
    Rule(String),
    /// What it changes has changed in the meantime.
    #[error("{0}")]
    Conflict(String),
}

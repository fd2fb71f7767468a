//! Raft over QUIC: the replicated state machine, its transport, and membership.
//!
//! # What it guarantees
//! A proposal that was acknowledged is fsynced on a majority of voters (ACK-1) and takes effect
//! once on every node, in the same order (SM-1, DEDUP-1).
//! # Map
//! [`ClusterNode`] is the entry point, [`Command`] what is proposed, [`State`] what it changes,
//! [`transport`] how nodes talk.

mod cluster_id;
mod command;
mod consensus;
mod effects;
mod error;
mod feature_level;
#[cfg(test)]
#[path = "../../storage/tests/fuzz/engine.rs"]
mod fuzz_engine;
mod member;
mod membership;
mod metrics;
mod node;
mod outcome;
pub mod pki;
mod proposal_id;
mod proposals;
mod recovery;
mod sealed_file;
mod seed;
mod staged_backup;
mod state;
pub mod transport;

pub use self::{
    cluster_id::ClusterId,
    command::{Command, ControlCommand, EncodeError, UnknownCommand},
    error::{Error, Fatal, ProposeError, Result},
    feature_level::{FeatureLevel, Outdated},
    member::Member,
    node::{
        AppService, Batching, BufferLimits, ClusterNode, ClusterOptions, ClusterStatus, Condition,
        Leadership, NodeRole, NodeStatus, RaftTimings, SnapshotPolicy,
    },
    outcome::{Committed, PushOutcome, Refusal, Reply},
    proposal_id::{ProposalId, UploadId},
    proposals::readiness::Unready,
    seed::{Seed, plant},
    staged_backup::{BackupError, StagedBackup},
    state::{
        Acknowledgement, Alert, AlertChange, AlertCommand, AlertRoute, AlertRouteCommand,
        AlertRoutes, AlertState, AlertingCommand, ApiToken, ApiTokenCommand, Applied, Attempt,
        AttemptRecord, AttemptStep, AuditEntry, Channel, ClusterKeyCommand, Collector,
        CollectorCertificateCommand, CollectorCommand, CollectorEntry, CollectorError,
        CollectorHealth, CollectorHealthCommand, Comment, ConfigCommand, ConfigTarget, ConfigText,
        ConfigVersion, DEFAULT_GROUP, Decision, Effect, GroupState, ImageError, InsightCommand,
        KeyInUse, Liveness, MAX_CONFIG_VERSIONS, Matcher, Moment, NO_PASSWORD, NewUser,
        Notification, NotificationState, PeopleCommand, Person, Registration, RegistrationSecret,
        RegistrationSecretCommand, Resealed, RuleEntry, SealedConfig, Session, SessionCommand,
        Silence, State, StateLimits, TokenKey, TokenKeyCommand, User, Weekly,
    },
};

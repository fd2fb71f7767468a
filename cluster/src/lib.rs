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
mod effects;
mod feature_level;
#[cfg(test)]
#[path = "../../storage/tests/fuzz/engine.rs"]
mod fuzz_engine;
mod member;
mod metrics;
mod node;
pub mod pki;
mod raft;
mod sealed_file;
mod seed;
mod state;
pub mod transport;

pub use self::{
    cluster_id::ClusterId,
    command::{
        Command, ControlCommand, EncodeError, NewUser, ProposalId, PushOutcome, Refusal, Reply,
        UnknownCommand, UploadId,
    },
    feature_level::{FeatureLevel, Outdated},
    member::Member,
    node::{
        AppService, BackupError, Batching, BufferLimits, ClusterNode, ClusterOptions,
        ClusterStatus, Committed, Error, Fatal, Leadership, NodeRole, NodeStatus, ProposeError,
        RaftTimings, Result, SnapshotPolicy, StagedBackup, Unready,
    },
    seed::{Seed, plant},
    state::{
        Acknowledgement, Alert, AlertChange, AlertCommand, AlertState, AlertingCommand, ApiToken,
        ApiTokenCommand, Applied, Attempt, AttemptRecord, AttemptStep, AuditEntry, Channel,
        Collector, CollectorCommand, CollectorEntry, Comment, ConfigCommand, ConfigTarget,
        ConfigVersion, DEFAULT_GROUP, Decision, Effect, GroupState, ImageError, InsightCommand,
        Liveness, Matcher, Moment, NO_PASSWORD, Notification, NotificationState, PeopleCommand,
        Person, Registration, RegistrationSecret, RegistrationSecretCommand, RuleEntry, Session,
        SessionCommand, Silence, State, StateLimits, User, Weekly,
    },
};

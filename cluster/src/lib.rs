//! Raft over QUIC: the replicated state machine, its transport, and membership.

mod command;
pub mod transport;

pub use self::command::{Command, ControlCommand, NewUser, PushOutcome, Refusal, Reply, UploadId};

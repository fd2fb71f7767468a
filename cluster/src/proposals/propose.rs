//! Getting a proposal committed, through elections and lost answers.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use openraft::error::{ClientWriteError, RaftError};
use pga_config::NodeId;
use pga_runtime::Instant;
use pga_storage::Position;
use serde::{Deserialize, Serialize};

use crate::command::Command;
use crate::consensus::payload::Payload;
use crate::consensus::type_config::position;
use crate::error::ProposeError;
use crate::node::core::Core;
use crate::outcome::{Committed, Refusal, Reply};
use crate::proposal_id::ProposalId;
use crate::transport::RpcKind;

/// Pause before the leader is asked again that had no lease yet, or before an unknown leader is
/// looked for again.
const PAUSE: Duration = Duration::from_millis(20);
/// Longest time a forwarded proposal is given before it is sent again.
const FORWARD: Duration = Duration::from_secs(10);

/// What one attempt brought.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Attempt {
    /// Committed and applied.
    Done(Position, Reply),
    /// Not proposed: somebody else leads, or nobody yet.
    Elsewhere(Option<NodeId>),
    /// It may be in the log.
    Unknown,
    /// The node that was asked has stopped.
    Stopped,
}

impl Core {
    /// Proposes a command until it is committed or `deadline` comes.
    pub(crate) async fn propose(
        &self,
        command: &Command,
        deadline: Instant,
    ) -> Result<Committed, ProposeError> {
        let entry = command.encode(ProposalId(pga_runtime::random()))?;
        self.propose_bytes(entry, deadline).await
    }

    /// Proposes an encoded command until it is committed or `deadline` comes.
    pub(crate) async fn propose_bytes(
        &self,
        entry: Bytes,
        deadline: Instant,
    ) -> Result<Committed, ProposeError> {
        let started = pga_runtime::now();
        let outcome = self.propose_until(entry, deadline).await;
        let name = match &outcome {
            Ok(_) => {
                self.metrics.commit.observe(started.elapsed().as_secs_f64());
                "committed"
            }
            Err(ProposeError::Refused(_)) => "refused",
            Err(ProposeError::NoQuorum) => "no_quorum",
            Err(ProposeError::Stopped) => "stopped",
            Err(_) => "unknown",
        };
        self.metrics.proposals.with_label_values(&[name]).inc();
        outcome
    }

    async fn propose_until(
        &self,
        entry: Bytes,
        deadline: Instant,
    ) -> Result<Committed, ProposeError> {
        // ACK-2: once it may be in the log, the answer is success or unknown.
        let mut in_doubt = false;
        loop {
            if *self.stopped.borrow() {
                return Err(if in_doubt {
                    ProposeError::Unknown
                } else {
                    ProposeError::Stopped
                });
            }
            if pga_runtime::now() >= deadline {
                return Err(if in_doubt {
                    ProposeError::Unknown
                } else {
                    ProposeError::NoQuorum
                });
            }
            let leader = self.leader();
            let attempt = match leader {
                None => Attempt::Elsewhere(None),
                Some(leader) if leader == self.node => self.attempt(entry.clone(), deadline).await,
                Some(leader) => self.forward(leader, &entry, deadline).await,
            };
            let reason = match attempt {
                Attempt::Done(_, Reply::Refused(refusal)) => return Err(refusal.into()),
                Attempt::Done(position, reply) => return Ok(Committed { position, reply }),
                Attempt::Elsewhere(_) => "no_leader",
                Attempt::Unknown => {
                    in_doubt = true;
                    "unknown"
                }
                Attempt::Stopped => "stopped",
            };
            self.metrics.retries.with_label_values(&[reason]).inc();
            self.pause(leader, PAUSE, deadline).await;
        }
    }

    /// Proposes here, as the leader.
    pub(crate) async fn attempt(&self, entry: Bytes, deadline: Instant) -> Attempt {
        // An entry that a member does not know would stop it.
        let admitted = match Command::decode(entry.clone()) {
            Ok((_, command)) => self.admits(&command),
            Err(_) => Err(Refusal::Unknown),
        };
        match admitted {
            Ok(()) => self.write(entry, deadline).await,
            Err(refusal) => Attempt::Done(Position::default(), Reply::Refused(refusal)),
        }
    }

    /// Writes an entry to the log, as the leader.
    pub(crate) async fn write(&self, entry: Bytes, deadline: Instant) -> Attempt {
        let write = self.raft.client_write(Payload(entry));
        let outcome = tokio::select! {
            outcome = write => outcome,
            // A deposed leader that is cut off would wait for its entry for ever.
            () = self.other_leader(self.node) => return Attempt::Unknown,
            () = tokio::time::sleep_until(deadline) => return Attempt::Unknown,
        };
        match outcome {
            Ok(response) => Attempt::Done(position(&response.log_id), response.data),
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(forward))) => {
                Attempt::Elsewhere(forward.leader_id.map(NodeId::new))
            }
            Err(RaftError::APIError(_)) => Attempt::Unknown,
            // The entry may have been written before consensus stopped.
            Err(RaftError::Fatal(_)) => Attempt::Unknown,
        }
    }

    /// Sends the proposal to the leader.
    async fn forward(&self, leader: NodeId, entry: &Bytes, deadline: Instant) -> Attempt {
        let timeout = deadline
            .saturating_duration_since(pga_runtime::now())
            .min(FORWARD);
        let Ok(address) = self.address(leader) else {
            return Attempt::Elsewhere(None);
        };
        let mut body = BytesMut::with_capacity(4 + entry.len());
        body.put_u32_le(u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX));
        body.put_slice(entry);
        let call = self
            .transport
            .call(leader, &address, RpcKind::Propose, body.freeze(), timeout);
        let answer = tokio::select! {
            answer = call => answer,
            () = self.other_leader(leader) => return Attempt::Unknown,
        };
        match answer {
            Ok(answer) => pga_storage::from_msgpack(&answer).unwrap_or(Attempt::Unknown),
            Err(error) if error.is_without_effect() => Attempt::Elsewhere(None),
            Err(_) => Attempt::Unknown,
        }
    }

    /// Serves a forwarded proposal: here or not at all.
    pub(crate) async fn serve_propose(&self, mut body: Bytes) -> Attempt {
        let Ok(timeout) = body.try_get_u32_le() else {
            return Attempt::Elsewhere(None);
        };
        let deadline = pga_runtime::now() + Duration::from_millis(u64::from(timeout));
        self.attempt(body, deadline).await
    }
}

//! Linearizable reads on any node.

use std::time::Duration;

use bytes::Bytes;
use openraft::ReadPolicy;
use pga_config::NodeId;
use pga_runtime::Instant;
use pga_storage::Position;

use crate::error::ProposeError;
use crate::node::core::Core;
use crate::transport::RpcKind;

const PAUSE: Duration = Duration::from_millis(20);
/// Body of a request that the leader may answer from its lease: no more is asked of its followers.
/// A leader of a version that does not know it asks them, which answers the question too.
pub(crate) const LEASE_SUFFICES: &[u8] = &[1];

impl Core {
    /// Waits until this node has applied what was committed when the call began. `NoQuorum`: no
    /// leader answered in time; `Unknown`: this node has not applied it in time.
    pub(crate) async fn linearizable(&self, deadline: Instant) -> Result<Position, ProposeError> {
        loop {
            if *self.stopped.borrow() {
                return Err(ProposeError::Stopped);
            }
            if pga_runtime::now() >= deadline {
                return Err(ProposeError::NoQuorum);
            }
            let leader = self.leader();
            let index = match leader {
                None => None,
                Some(leader) if leader == self.node => {
                    let asked =
                        tokio::time::timeout_at(deadline, self.read_index(ReadPolicy::ReadIndex));
                    asked.await.ok().flatten()
                }
                Some(leader) => self.ask_read_index(leader, Bytes::new(), deadline).await,
            };
            if let Some(index) = index {
                return self.wait_applied(index, deadline).await;
            }
            self.pause(leader, PAUSE, deadline).await;
        }
    }

    /// The index a read has to wait for, confirmed by a quorum; `None` if this node does not lead.
    pub(crate) async fn read_index(&self, policy: ReadPolicy) -> Option<u64> {
        let (read, _) = self.raft.get_read_log_id(policy).await.ok()?;
        Some(read.index())
    }

    /// Serves a peer that asks for the index.
    pub(crate) async fn serve_read_index(&self, body: &[u8]) -> Option<u64> {
        let policy = match body {
            LEASE_SUFFICES => ReadPolicy::LeaseRead,
            _ => ReadPolicy::ReadIndex,
        };
        self.read_index(policy).await
    }

    /// Asks the leader for the index.
    pub(crate) async fn ask_read_index(
        &self,
        leader: NodeId,
        body: Bytes,
        deadline: Instant,
    ) -> Option<u64> {
        let address = self.address(leader).ok()?;
        let timeout = deadline.saturating_duration_since(pga_runtime::now());
        let call = self
            .transport
            .call(leader, &address, RpcKind::ReadIndex, body, timeout);
        tokio::select! {
            answer = call => pga_storage::from_msgpack(&answer.ok()?).ok()?,
            () = self.other_leader(leader) => None,
        }
    }
}

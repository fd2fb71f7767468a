//! Linearizable reads on any node.

use std::time::Duration;

use bytes::Bytes;
use openraft::ReadPolicy;
use pga_config::NodeId;
use pga_storage::Position;
use tokio::time::Instant;

use super::ProposeError;
use super::core::Core;
use crate::transport::RpcKind;

const PAUSE: Duration = Duration::from_millis(20);

impl Core {
    /// Waits until this node has applied what was committed when the call began.
    pub(crate) async fn linearizable(&self, deadline: Instant) -> Result<Position, ProposeError> {
        loop {
            if *self.stopped.borrow() {
                return Err(ProposeError::Stopped);
            }
            if Instant::now() >= deadline {
                return Err(ProposeError::Unknown);
            }
            let leader = self.leader();
            let index = match leader {
                None => None,
                Some(leader) if leader == self.node => {
                    let asked = tokio::time::timeout_at(deadline, self.read_index());
                    asked.await.ok().flatten()
                }
                Some(leader) => self.ask_read_index(leader, deadline).await,
            };
            if let Some(index) = index {
                return self.wait_applied(index, deadline).await;
            }
            self.pause(leader, PAUSE, deadline).await;
        }
    }

    /// The index a read has to wait for, confirmed by a quorum; `None` if this node does not lead.
    pub(crate) async fn read_index(&self) -> Option<u64> {
        let (read, _) = self
            .raft
            .get_read_log_id(ReadPolicy::ReadIndex)
            .await
            .ok()?;
        Some(read.index())
    }

    async fn ask_read_index(&self, leader: NodeId, deadline: Instant) -> Option<u64> {
        let address = self.address(leader).ok()?;
        let timeout = deadline.saturating_duration_since(Instant::now());
        let call = self
            .transport
            .call(leader, &address, RpcKind::ReadIndex, Bytes::new(), timeout);
        tokio::select! {
            answer = call => pga_storage::from_msgpack(&answer.ok()?).ok()?,
            () = self.other_leader(leader) => None,
        }
    }
}

//! How fresh a read is (design D11).

use std::time::Duration;

use pga_config::CollectorId;
use pga_runtime::Instant;
use pga_storage::Position;
use pga_web::{ApiError, ReadScope};

use super::{NodeApiImpl, RETRY, unavailable};

/// How long a node asks for the last committed position before it just waits for the wanted one.
const COMMITTED_TIMEOUT: Duration = Duration::from_secs(1);

impl NodeApiImpl {
    /// Refuses a position that the cluster has not committed. Without a quorum nobody knows: then
    /// it passes.
    async fn not_ahead(&self, wanted: Position, deadline: Instant) -> Result<(), ApiError> {
        let now = pga_runtime::now();
        if self.cluster.wait_applied(wanted, now).await.is_ok() {
            return Ok(());
        }
        let deadline = deadline.min(now + COMMITTED_TIMEOUT);
        match self.cluster.linearizable(deadline).await {
            Ok(committed) if committed.index < wanted.index => {
                Err(ApiError::PositionAhead { wanted, committed })
            }
            _ => Ok(()),
        }
    }

    /// What every read begins with: waits for its position, and refuses to answer for a collector
    /// that nobody knows, since a mistyped one must not look like a quiet one.
    pub(super) async fn begin_read(&self, scope: ReadScope) -> Result<Position, ApiError> {
        let position = self.wait_for(scope.min_position).await?;
        scope
            .collector
            .map_or(Ok(()), |collector| self.known(collector))?;
        Ok(position)
    }

    fn known(&self, collector: CollectorId) -> Result<(), ApiError> {
        if self.replica.known(collector).0 {
            return Ok(());
        }
        Err(ApiError::NotFound("collector"))
    }

    /// Waits, bounded, until this node's store holds `min_position`; answers the position a read
    /// reflects.
    async fn wait_for(&self, min_position: Option<Position>) -> Result<Position, ApiError> {
        let mut flushed = self.replica.flushed();
        let Some(wanted) = min_position else {
            return Ok(*flushed.borrow());
        };
        if wanted.group != Position::default().group {
            return Err(ApiError::Invalid(
                "min_position: there is only group 0".to_owned(),
            ));
        }
        let deadline = pga_runtime::now() + self.config.http.min_position_timeout;
        self.not_ahead(wanted, deadline).await?;
        let applied = self.cluster.wait_applied(wanted, deadline).await;
        applied.map_err(|error| unavailable(&error))?;
        loop {
            let position = *flushed.borrow_and_update();
            if position.index >= wanted.index {
                return Ok(position);
            }
            // Entries that brought nothing new are never flushed: the store holds all there is.
            let waiting = self.replica.buffered(position, wanted, 1).await;
            if waiting.is_ok_and(|waiting| waiting.pushes.is_empty()) {
                return Ok(wanted);
            }
            match tokio::time::timeout_at(deadline, flushed.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => {
                    return Err(ApiError::Unavailable {
                        reason: "behind_min_position",
                        retry_after: RETRY,
                    });
                }
            }
        }
    }
}

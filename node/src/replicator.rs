//! From a decoded push to an acknowledgement by a quorum: admission, encoding, splitting, mapping
//! of outcomes.
//!
//! Small pushes are coalesced with those of other sessions by the cluster's proposer. A push whose
//! record is larger than the split size becomes several parts and one commit, which makes all of it
//! effective at once or nothing (ACK-2).

mod disk_room;
mod split;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use pga_cluster::{Command, ProposeError, PushOutcome, Refusal, Reply, UploadId};
use pga_config::Config;
use pga_runtime::Instant;
use pga_web::{AdmissionPermit, ApiError, PushAck};
use tokio::sync::Semaphore;

use self::disk_room::{DiskRoom, Held};
use crate::admitted_push::AdmittedPush;
use crate::collector_limit::{COLLECTORS_FULL, RETRY_COLLECTORS};
use crate::metrics::Metrics;
use crate::replica::Replica;
use crate::tasks::{self, TaskKind};

/// Bodies above this are encoded off the runtime's threads, in bytes.
const ENCODE_INLINE_BYTES: u64 = 32 << 10;
/// Parts of one upload under way at once.
const PARTS_IN_FLIGHT: usize = 3;
/// Uploads under way at once: each holds the flush back until it ends.
const UPLOADS_IN_FLIGHT: usize = 2;
/// How long giving an upload up may take.
const ABORT_TIMEOUT: Duration = Duration::from_secs(30);
/// When a client should come back after a quorum was missing.
const RETRY_QUORUM: Duration = Duration::from_secs(1);

/// Makes pushes durable.
#[derive(Debug)]
pub(crate) struct Replicator {
    replica: Arc<dyn Replica>,
    room: DiskRoom,
    split_bytes: usize,
    timeout: Duration,
    uploads: Arc<Semaphore>,
    metrics: Metrics,
}

impl Replicator {
    /// A replicator of this node.
    pub(crate) fn new(replica: Arc<dyn Replica>, config: &Config, metrics: Metrics) -> Self {
        Self {
            room: DiskRoom::new(config, metrics.clone()),
            replica,
            split_bytes: config.replication.split_size.as_usize(),
            timeout: config.replication.timeout,
            uploads: Arc::new(Semaphore::new(UPLOADS_IN_FLIGHT)),
            metrics,
        }
    }

    /// Whether this node takes pushes on at all: what [`Replicator::replicate`] refuses whatever a
    /// push holds, before anything is spent on it.
    pub(crate) fn admits(&self) -> Result<(), ApiError> {
        self.room.check(0, self.held())
    }

    fn held(&self) -> Held {
        Held {
            backlog: self.replica.backlog_bytes(),
            log: self.replica.log_bytes(),
        }
    }

    /// Makes a push durable on a quorum. Not cancel safe: a dropped call may still take effect.
    pub(crate) async fn replicate(&self, admitted: Arc<AdmittedPush>) -> Result<PushAck, ApiError> {
        let deadline = pga_runtime::now() + self.timeout;
        self.room.check(admitted.push.body_bytes, self.held())?;
        let timer = self.metrics.replicate_seconds.start_timer();
        let records = self.encode(Arc::clone(&admitted)).await?;
        let outcome = match <[Bytes; 1]>::try_from(records) {
            Ok([record]) => self.replica.push(record, deadline).await,
            Err(parts) => self.upload(parts, &admitted.permit, deadline).await,
        };
        match outcome {
            Ok(outcome) => {
                timer.observe_duration();
                self.acknowledge(outcome)
            }
            Err(error) => {
                timer.stop_and_discard();
                Err(self.refuse(&error))
            }
        }
    }

    async fn encode(&self, admitted: Arc<AdmittedPush>) -> Result<Vec<Bytes>, ApiError> {
        let split_bytes = self.split_bytes;
        if admitted.push.body_bytes <= ENCODE_INLINE_BYTES {
            return split::encode(&admitted.push, split_bytes);
        }
        pga_runtime::spawn_blocking(move || split::encode(&admitted.push, split_bytes))
            .await
            .map_err(|_| ApiError::Internal)?
    }

    async fn upload(
        &self,
        parts: Vec<Bytes>,
        permit: &AdmissionPermit,
        deadline: Instant,
    ) -> Result<PushOutcome, ProposeError> {
        let slot = Arc::clone(&self.uploads).acquire_owned();
        let Ok(Ok(slot)) = tokio::time::timeout_at(deadline, slot).await else {
            return Err(ProposeError::Overloaded);
        };
        permit.add(slot);
        let upload = UploadId(pga_runtime::random());
        let mut guard = AbortOnDrop {
            replica: Some(Arc::clone(&self.replica)),
            upload,
        };
        let count = u32::try_from(parts.len()).unwrap_or(u32::MAX);
        let result = self.send_parts(upload, parts, deadline).await;
        let committed = match result {
            Ok(()) => {
                let commit = Command::CommitUpload {
                    upload,
                    parts: count,
                };
                self.replica.propose(commit, deadline).await
            }
            Err(error) => Err(error),
        };
        let outcome = if committed.is_ok() {
            "committed"
        } else {
            "aborted"
        };
        self.metrics.uploads.with_label_values(&[outcome]).inc();
        let committed = committed?;
        guard.replica = None;
        match committed.reply {
            Reply::Ingested(outcomes) => outcomes.first().copied().ok_or(ProposeError::Unknown),
            Reply::Refused(refusal) => Err(ProposeError::Refused(refusal)),
            Reply::Done | Reply::NodeId(_) => Err(ProposeError::Unknown),
        }
    }

    async fn send_parts(
        &self,
        upload: UploadId,
        parts: Vec<Bytes>,
        deadline: Instant,
    ) -> Result<(), ProposeError> {
        let replica = &self.replica;
        let send = |(part, record)| async move {
            let command = Command::UploadPart {
                upload,
                part,
                record,
            };
            replica.propose(command, deadline).await.map(drop)
        };
        let mut parts = (0u32..).zip(parts);
        // The first part opens the upload; one that overtook it would be refused, as those of an
        // aborted upload are.
        if let Some(first) = parts.next() {
            send(first).await?;
        }
        stream::iter(parts)
            .map(send)
            .buffer_unordered(PARTS_IN_FLIGHT)
            .try_collect()
            .await
    }

    fn acknowledge(&self, outcome: PushOutcome) -> Result<PushAck, ApiError> {
        match outcome {
            PushOutcome::Stored {
                position,
                accepted,
                repeated,
            } => {
                self.metrics.pushes.with_label_values(&["stored"]).inc();
                Ok(PushAck {
                    position,
                    accepted: accepted.into(),
                    repeated: repeated.into(),
                })
            }
            PushOutcome::Conflict => {
                self.metrics.pushes.with_label_values(&["conflict"]).inc();
                Err(ApiError::Conflict)
            }
            PushOutcome::Malformed => {
                self.metrics.pushes.with_label_values(&["malformed"]).inc();
                tracing::error!("the state machine could not read a record of this node");
                Err(ApiError::Internal)
            }
            PushOutcome::CollectorsFull => {
                let refusals = &self.metrics.refusals;
                refusals.with_label_values(&[COLLECTORS_FULL]).inc();
                Err(ApiError::Unavailable {
                    reason: COLLECTORS_FULL,
                    retry_after: RETRY_COLLECTORS,
                })
            }
        }
    }

    /// Counts a push that was not acknowledged: as refused if it certainly has no effect, else as
    /// unknown (ACK-2).
    fn refuse(&self, error: &ProposeError) -> ApiError {
        let reason = propose_reason(error);
        if matches!(error, ProposeError::Unknown) {
            self.metrics.pushes.with_label_values(&["unknown"]).inc();
        } else {
            self.metrics.refusals.with_label_values(&[reason]).inc();
        }
        ApiError::Unavailable {
            reason,
            retry_after: RETRY_QUORUM,
        }
    }
}

/// Name of a proposal's failure, for messages and metrics.
pub(crate) fn propose_reason(error: &ProposeError) -> &'static str {
    match error {
        ProposeError::NoQuorum => "no_quorum",
        ProposeError::Overloaded => "overloaded",
        ProposeError::Refused(Refusal::UploadIncomplete) => "upload_interrupted",
        ProposeError::Refused(Refusal::CollectorsFull) => COLLECTORS_FULL,
        ProposeError::Refused(Refusal::FeatureLevel { .. }) => "feature_level",
        ProposeError::Refused(_) => "refused",
        ProposeError::Stopped => "stopping",
        ProposeError::Membership(_) => "membership",
        _ => "outcome_unknown",
    }
}

/// Gives an upload up unless it was committed, also when its client goes away.
struct AbortOnDrop {
    replica: Option<Arc<dyn Replica>>,
    upload: UploadId,
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        let Some(replica) = self.replica.take() else {
            return;
        };
        let upload = self.upload;
        if tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        tasks::spawn(TaskKind::Effect, async move {
            let deadline = pga_runtime::now() + ABORT_TIMEOUT;
            if let Err(error) = replica
                .propose(Command::AbortUpload { upload }, deadline)
                .await
            {
                tracing::warn!(%error, "a given up upload stays until it expires");
            }
        });
    }
}

#[cfg(test)]
mod tests;

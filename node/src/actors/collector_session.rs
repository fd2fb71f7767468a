//! The session of one collector on this node.
//!
//! Role: holds what belongs to one collector here (its pushes under way, its series, its quotas,
//! its last error, its clock) and hands each push to the replicator. Owner: [`super::sessions`].
//! Failure: a panic ends the session and drops the pushes it had not handed over; their callers
//! open a new session and hand them over again, which is safe as repeats are found (SESS-1,
//! DEDUP-1). Quotas and series then begin anew; what was noticed stands in the replicated state.

mod notes;
mod quota;

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::time::Duration;

use pga_cluster::{CollectorHealthCommand, Command, ControlCommand};
use pga_config::CollectorId;
use pga_storage::{Element, Sample, Timestamp};
use pga_web::{ApiError, Push, PushAck, PushNote};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use tokio::sync::Semaphore;
use xxhash_rust::xxh3::Xxh3;

use self::notes::Notes;
use self::quota::Quota;
use crate::admitted_push::AdmittedPush;
use crate::context::Context;
use crate::tasks::{self, TaskKind};

/// When a collector should come back after it had too many pushes under way.
const RETRY_BUSY: Duration = Duration::from_secs(1);
/// Over which time a collector's elements are averaged: a cycle of an original collector.
const ELEMENTS_BURST: Duration = Duration::from_secs(60);
/// Over which time its new series are.
const SERIES_BURST: Duration = Duration::from_secs(3_600);
/// When a collector should come back after it had too many series.
const RETRY_SERIES: Duration = Duration::from_secs(60);

/// How long a note may take to be committed.
const NOTE_TIMEOUT: Duration = Duration::from_secs(5);

/// One collector's session.
#[derive(Debug)]
pub(crate) struct CollectorSession;

/// What a session is told.
#[derive(Debug)]
pub(crate) enum SessionMsg {
    /// Make this push durable.
    Push {
        /// The push; shared with its caller, who hands it over again if this session dies.
        admitted: Arc<AdmittedPush>,
        /// Where the outcome goes.
        reply: RpcReplyPort<Result<PushAck, ApiError>>,
    },
    /// What a push was like.
    Note(PushNote),
    /// The cluster did not take what was new in a note.
    NotTaken,
}

/// What a session starts with.
#[derive(Debug)]
pub(crate) struct SessionArgs {
    /// Whose.
    pub(crate) collector: CollectorId,
    /// The node.
    pub(crate) context: Arc<Context>,
}

/// A session's state: small, as there may be tens of thousands.
#[derive(Debug)]
pub(crate) struct SessionState {
    context: Arc<Context>,
    in_flight: Arc<Semaphore>,
    elements: Quota,
    new_series: Quota,
    notes: Notes,
    series: HashSet<u64, BuildHasherDefault<AsIs>>,
}

impl Actor for CollectorSession {
    type Msg = SessionMsg;
    type State = SessionState;
    type Arguments = SessionArgs;

    async fn pre_start(
        &self,
        _myself: ActorRef<SessionMsg>,
        args: SessionArgs,
    ) -> Result<SessionState, ActorProcessingErr> {
        tracing::debug!(collector_id = %args.collector, "session opened");
        let permits = args.context.config.sessions.max_in_flight;
        let permits = usize::try_from(permits)
            .unwrap_or(usize::MAX)
            .min(Semaphore::MAX_PERMITS);
        let (rates, now) = (rates(&args.context), pga_runtime::now());
        Ok(SessionState {
            in_flight: Arc::new(Semaphore::new(permits)),
            elements: Quota::new(rates.0, ELEMENTS_BURST, now),
            new_series: Quota::new(rates.1, SERIES_BURST, now),
            notes: Notes::new(now),
            context: args.context,
            series: HashSet::default(),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<SessionMsg>,
        message: SessionMsg,
        state: &mut SessionState,
    ) -> Result<(), ActorProcessingErr> {
        let (admitted, reply) = match message {
            SessionMsg::Push { admitted, reply } => (admitted, reply),
            SessionMsg::Note(note) => {
                state.note(myself, &note);
                return Ok(());
            }
            SessionMsg::NotTaken => {
                state.notes.forget();
                return Ok(());
            }
        };
        state.context.faults.hit("session");
        if let Err(refusal) = state.admit(&admitted) {
            answer(reply, Err(refusal));
            return Ok(());
        }
        let replicator = Arc::clone(&state.context.replicator);
        tasks::spawn(TaskKind::Effect, async move {
            let outcome = replicator.replicate(admitted).await;
            answer(reply, outcome);
        });
        Ok(())
    }
}

/// Elements, and new series, that come in each second, as the settings are now.
fn rates(context: &Context) -> (f64, f64) {
    let live = context.live.now();
    (
        live.limits.max_elements_per_second as f64,
        live.limits.max_new_series_per_hour as f64 / SERIES_BURST.as_secs_f64(),
    )
}

impl SessionState {
    /// Takes a note, and tells the cluster what is new, in the background: nobody waits for it, and
    /// what does not get through is new again with the next push.
    fn note(&mut self, myself: ActorRef<SessionMsg>, note: &PushNote) {
        let now = (self.context.node, Timestamp::now(), pga_runtime::now());
        let Some(health) = self.notes.take(note, now) else {
            return;
        };
        let (collector, context) = (note.collector, Arc::clone(&self.context));
        let command = CollectorHealthCommand::Note { collector, health };
        let command = Command::Control(ControlCommand::CollectorHealth(command));
        tasks::spawn(TaskKind::Effect, async move {
            let deadline = pga_runtime::now() + NOTE_TIMEOUT;
            let done = context.replica.propose(command, deadline).await;
            if let Err(error) = done {
                tracing::debug!(collector_id = %collector, %error, "a note was not taken");
                // A session that ended meanwhile has nothing to forget.
                drop(myself.cast(SessionMsg::NotTaken));
            }
        });
    }

    fn admit(&mut self, admitted: &AdmittedPush) -> Result<(), ApiError> {
        if !admitted.permit.take_one(&self.in_flight) {
            return Err(self.refuse("collector_busy", RETRY_BUSY));
        }
        let (elements, series) = rates(&self.context);
        self.elements.fill_at(elements, ELEMENTS_BURST);
        self.new_series.fill_at(series, SERIES_BURST);
        self.note_series(&admitted.push)?;
        let elements = admitted.push.elements.len() as u64;
        let taken = self.elements.take(elements, pga_runtime::now());
        taken.map_err(|wait| self.refuse("elements_rate", wait))
    }

    fn note_series(&mut self, push: &Push) -> Result<(), ApiError> {
        let cap = self.context.live.now().limits.max_series_per_collector;
        let mut added = Vec::new();
        for element in &push.elements {
            let Element::Sample(sample) = element else {
                continue;
            };
            let series = series_hash(sample);
            if self.series.insert(series) {
                added.push(series);
            }
        }
        let refused = if self.series.len() as u64 > cap {
            Some(("series_limit", RETRY_SERIES))
        } else {
            let now = pga_runtime::now();
            let taken = self.new_series.take(added.len() as u64, now);
            taken.err().map(|wait| ("series_rate", wait))
        };
        let Some((reason, retry_after)) = refused else {
            return Ok(());
        };
        for series in added {
            self.series.remove(&series);
        }
        Err(self.refuse(reason, retry_after))
    }

    fn refuse(&self, reason: &'static str, retry_after: Duration) -> ApiError {
        let refusals = &self.context.metrics.refusals;
        refusals.with_label_values(&[reason]).inc();
        ApiError::TooMany {
            reason,
            retry_after,
        }
    }
}

/// Sends an outcome; a caller that went away is no error.
fn answer(reply: RpcReplyPort<Result<PushAck, ApiError>>, outcome: Result<PushAck, ApiError>) {
    if reply.send(outcome).is_err() {
        tracing::trace!("the caller of a push went away");
    }
}

fn series_hash(sample: &Sample) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(sample.name.as_bytes());
    for (key, value) in &sample.labels {
        hash.update(&[0xff]);
        hash.update(key.as_bytes());
        hash.update(&[0xfe]);
        hash.update(value.as_bytes());
    }
    hash.digest()
}

/// The keys are hashes already.
#[derive(Debug, Default)]
pub(crate) struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxhash_rust::xxh3::xxh3_64_with_seed(bytes, self.0);
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

//! The session of one collector on this node.
//!
//! Role: holds what belongs to one collector here (its pushes under way, its series, its quotas,
//! its last error, its clock) and hands each push to the replicator. Owner: [`super::sessions`].
//! Failure: a panic ends the session and drops the pushes it had not handed over; their callers
//! open a new session and hand them over again, which is safe as repeats are found (SESS-1,
//! DEDUP-1). The new one goes on with the [`Standing`] of the one that failed.

mod notes;
mod quota;
mod standing;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pga_cluster::{CollectorHealthCommand, Command, ControlCommand};
use pga_config::CollectorId;
use pga_storage::Timestamp;
use pga_web::{ApiError, PushAck, PushNote};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};

pub(crate) use self::standing::Standing;
use crate::admitted_push::AdmittedPush;
use crate::context::Context;
use crate::tasks::{self, TaskKind};

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
    /// What the collector has used.
    pub(crate) standing: Arc<Mutex<Standing>>,
}

/// A session's state.
#[derive(Debug)]
pub(crate) struct SessionState {
    context: Arc<Context>,
    standing: Arc<Mutex<Standing>>,
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
        Ok(SessionState {
            context: args.context,
            standing: args.standing,
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
                state.standing().notes.forget();
                return Ok(());
            }
        };
        state.context.faults.hit("session");
        let let_in = state.standing().admit(&state.context, &admitted);
        if let Err(refusal) = let_in {
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

impl SessionState {
    /// Nobody else waits for it: a session that failed has let go of it.
    fn standing(&self) -> MutexGuard<'_, Standing> {
        let standing = self.standing.lock();
        standing.unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a note, and tells the cluster what is new, in the background: nobody waits for it, and
    /// what does not get through is new again with the next push.
    fn note(&self, myself: ActorRef<SessionMsg>, note: &PushNote) {
        let now = (self.context.node, Timestamp::now(), pga_runtime::now());
        let Some(health) = self.standing().notes.take(note, now) else {
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
}

/// Sends an outcome; a caller that went away is no error.
fn answer(reply: RpcReplyPort<Result<PushAck, ApiError>>, outcome: Result<PushAck, ApiError>) {
    if reply.send(outcome).is_err() {
        tracing::trace!("the caller of a push went away");
    }
}

//! The supervisor of sessions, and the handle through which pushes reach them.
//!
//! Role: opens one [`CollectorSession`] per collector seen here, at most as many as configured, and
//! ends idle ones. Owner: the node's root. Failure: its sessions end with it, and open again with
//! their next push; what their collectors have used stays.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pga_config::CollectorId;
use pga_runtime::{Backoff, Instant};
use pga_web::{ApiError, PushAck, PushNote};
use ractor::rpc::CallResult;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent};

use super::collector_session::{CollectorSession, SessionArgs, SessionMsg, Standing};
use crate::admitted_push::AdmittedPush;
use crate::collector_limit::{COLLECTORS_FULL, RETRY_COLLECTORS};
use crate::context::Context;
use crate::restart_policy::{RestartLimits, RestartPolicy, Verdict};
use crate::tasks::{self, TaskKind};

/// Limits of one collector's session.
const SESSION_LIMITS: RestartLimits = RestartLimits {
    pauses: Backoff {
        first: Duration::from_millis(50),
        longest: Duration::from_secs(5),
    },
    limit: None,
    window: Duration::from_secs(60),
};
/// How often a push is handed to a new session after its session died.
const ATTEMPTS: u32 = 4;
/// Longest wait for a session to open.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);
/// What a call to a session waits beyond the replicator's own deadline.
const MARGIN: Duration = Duration::from_secs(5);

/// When a collector should come back after all sessions were taken.
const RETRY_SESSIONS: Duration = Duration::from_secs(10);

/// The supervisor of sessions.
#[derive(Debug)]
pub(crate) struct Sessions;

/// What the supervisor is told.
#[derive(Debug)]
pub(crate) enum SessionsMsg {
    /// Open the session of a collector, if it is not open.
    Open {
        /// Whose.
        collector: CollectorId,
        /// The session, or why there is none.
        reply: RpcReplyPort<Result<ActorRef<SessionMsg>, ApiError>>,
    },
    /// End the sessions that were idle for too long.
    Sweep,
}

/// What the supervisor starts with.
#[derive(Debug)]
pub(crate) struct SessionsArgs {
    /// The node.
    pub(crate) context: Arc<Context>,
    /// Shared with the handle.
    pub(crate) table: Arc<SessionTable>,
}

/// A collector that was seen here lately.
#[derive(Debug)]
struct Seat {
    /// Its session, if it is open.
    actor: Option<ActorRef<SessionMsg>>,
    standing: Arc<Mutex<Standing>>,
    last_seen: Instant,
}

#[derive(Debug, Default)]
struct Seats {
    of: HashMap<CollectorId, Seat>,
    /// How many have a session.
    open: usize,
}

/// The collectors and their sessions: written by the supervisor, read by every push.
#[derive(Debug, Default)]
pub(crate) struct SessionTable {
    seats: Mutex<Seats>,
    supervisor: Mutex<Option<ActorRef<SessionsMsg>>>,
}

impl SessionTable {
    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, collector: CollectorId) -> Option<ActorRef<SessionMsg>> {
        let mut seats = self.seats();
        let seat = seats.of.get_mut(&collector)?;
        seat.last_seen = pga_runtime::now();
        seat.actor.clone()
    }

    /// What a collector has used, which lasts from session to session.
    fn standing(&self, collector: CollectorId, context: &Context) -> Arc<Mutex<Standing>> {
        let mut seats = self.seats();
        let seat = seats.of.entry(collector).or_insert_with(|| Seat {
            actor: None,
            standing: Arc::new(Mutex::new(Standing::new(context))),
            last_seen: pga_runtime::now(),
        });
        Arc::clone(&seat.standing)
    }

    /// Opens a session; how many are open then.
    fn put(&self, collector: CollectorId, actor: ActorRef<SessionMsg>) -> usize {
        let mut seats = self.seats();
        if let Some(seat) = seats.of.get_mut(&collector) {
            seat.last_seen = pga_runtime::now();
            let before = seat.actor.replace(actor);
            seats.open += usize::from(before.is_none());
        }
        seats.open
    }

    fn len(&self) -> usize {
        self.seats().open
    }

    /// Forgets the session of `actor`, if it is still the collector's.
    fn forget(&self, collector: CollectorId, actor: ActorId) {
        let mut seats = self.seats();
        let seat = seats.of.get_mut(&collector);
        let was = seat.and_then(|seat| seat.actor.take_if(|open| open.get_id() == actor));
        seats.open -= usize::from(was.is_some());
    }

    /// Takes out the collectors that were not seen since `before`.
    fn take_idle(&self, before: Instant) -> Vec<ActorRef<SessionMsg>> {
        let mut seats = self.seats();
        let idle = seats.of.extract_if(|_, seat| seat.last_seen < before);
        let idle: Vec<_> = idle.filter_map(|(_, seat)| seat.actor).collect();
        seats.open -= idle.len();
        idle
    }

    /// Forgets all sessions.
    fn clear(&self) {
        let mut seats = self.seats();
        seats.open = 0;
        for seat in seats.of.values_mut() {
            seat.actor = None;
        }
    }

    fn set_supervisor(&self, actor: ActorRef<SessionsMsg>) {
        let mut slot = self
            .supervisor
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *slot = Some(actor);
    }

    fn supervisor(&self) -> Option<ActorRef<SessionsMsg>> {
        self.supervisor
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Through this pushes reach their sessions.
#[derive(Clone, Debug)]
pub(crate) struct SessionsHandle {
    table: Arc<SessionTable>,
    deadline: Duration,
}

impl SessionsHandle {
    /// A handle on the sessions in `table`; `timeout` is the replicator's.
    pub(crate) fn new(table: Arc<SessionTable>, timeout: Duration) -> Self {
        Self {
            table,
            deadline: timeout + MARGIN,
        }
    }

    /// Hands a push to its session and waits for the outcome. Not cancel safe: a dropped call may
    /// still take effect.
    pub(crate) async fn push(&self, admitted: AdmittedPush) -> Result<PushAck, ApiError> {
        let collector = admitted.push.collector;
        let admitted = Arc::new(admitted);
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(SESSION_LIMITS.pauses.pause(attempt + 1)).await;
            }
            let session = match self.table.find(collector) {
                Some(session) => session,
                None => match self.open(collector).await {
                    Ok(session) => session,
                    Err(refusal) if refusal == unavailable("session_failing") => continue,
                    Err(refusal) => return Err(refusal),
                },
            };
            let message = |reply| SessionMsg::Push {
                admitted: Arc::clone(&admitted),
                reply,
            };
            match session.call(message, Some(self.deadline)).await {
                Ok(CallResult::Success(outcome)) => return outcome,
                Ok(CallResult::Timeout) => return Err(unavailable("outcome_unknown")),
                // The session died. Whatever became of this push, handing it over again stores it
                // once (DEDUP-1).
                Ok(CallResult::SenderError) | Err(_) => {
                    tracing::debug!(collector_id = %collector, attempt, "session died");
                    self.table.forget(collector, session.get_id());
                }
            }
        }
        Err(unavailable("session_failing"))
    }

    /// Hands a note to its session, which is opened for a collector whose first push was refused.
    pub(crate) fn note(&self, note: PushNote) {
        let told = |session: &ActorRef<SessionMsg>, note| {
            if session.cast(SessionMsg::Note(note)).is_err() {
                tracing::trace!("the session of a note ended");
            }
        };
        if let Some(session) = self.table.find(note.collector) {
            return told(&session, note);
        }
        let handle = self.clone();
        tasks::spawn(TaskKind::Effect, async move {
            if let Ok(session) = handle.open(note.collector).await {
                told(&session, note);
            }
        });
    }

    async fn open(&self, collector: CollectorId) -> Result<ActorRef<SessionMsg>, ApiError> {
        let supervisor = self.table.supervisor();
        let supervisor = supervisor.ok_or_else(|| unavailable("starting"))?;
        let message = |reply| SessionsMsg::Open { collector, reply };
        match supervisor.call(message, Some(OPEN_TIMEOUT)).await {
            Ok(CallResult::Success(session)) => session,
            Ok(CallResult::Timeout | CallResult::SenderError) | Err(_) => {
                Err(unavailable("starting"))
            }
        }
    }
}

fn unavailable(reason: &'static str) -> ApiError {
    ApiError::Unavailable {
        reason,
        retry_after: Duration::from_secs(1),
    }
}

/// A collector whose session failed lately.
#[derive(Debug)]
struct Failing {
    policy: RestartPolicy,
    not_before: Instant,
}

/// The supervisor's state.
#[derive(Debug)]
pub(crate) struct SessionsState {
    context: Arc<Context>,
    table: Arc<SessionTable>,
    /// Which collector a session belongs to.
    owners: HashMap<ActorId, CollectorId>,
    failing: HashMap<CollectorId, Failing>,
    started: Instant,
}

impl Actor for Sessions {
    type Msg = SessionsMsg;
    type State = SessionsState;
    type Arguments = SessionsArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<SessionsMsg>,
        args: SessionsArgs,
    ) -> Result<SessionsState, ActorProcessingErr> {
        args.table.clear();
        args.table.set_supervisor(myself.clone());
        args.context.metrics.sessions.set(0);
        let pause = args.context.config.sessions.idle_timeout / 8;
        myself.send_interval(pause.max(Duration::from_millis(100)), || SessionsMsg::Sweep);
        Ok(SessionsState {
            context: args.context,
            table: args.table,
            owners: HashMap::new(),
            failing: HashMap::new(),
            started: pga_runtime::now(),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<SessionsMsg>,
        message: SessionsMsg,
        state: &mut SessionsState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SessionsMsg::Open { collector, reply } => {
                let session = state.open(&myself, collector).await;
                if reply.send(session).is_err() {
                    tracing::trace!("the caller of a push went away");
                }
            }
            SessionsMsg::Sweep => state.sweep(),
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _myself: ActorRef<SessionsMsg>,
        event: SupervisionEvent,
        state: &mut SessionsState,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(who, error) => {
                if let Some(collector) = state.ended(who.get_id()) {
                    state.failed(collector, &error.to_string());
                }
            }
            SupervisionEvent::ActorTerminated(who, ..) => {
                state.ended(who.get_id());
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        Ok(())
    }
}

impl SessionsState {
    async fn open(
        &mut self,
        myself: &ActorRef<SessionsMsg>,
        collector: CollectorId,
    ) -> Result<ActorRef<SessionMsg>, ApiError> {
        if let Some(session) = self.table.find(collector) {
            return Ok(session);
        }
        if let Some(failing) = self.failing.get(&collector)
            && pga_runtime::now() < failing.not_before
        {
            return Err(unavailable("session_failing"));
        }
        let config = &self.context.config;
        if self.table.len() as u64 >= config.sessions.max {
            return Err(self.full("sessions_full", RETRY_SESSIONS));
        }
        // An early answer; of several new collectors under way at once, the log decides who is one
        // too many.
        let (is_known, collectors) = self.context.replica.known(collector);
        if !is_known && collectors as u64 >= self.context.live.now().limits.max_collectors {
            return Err(self.full(COLLECTORS_FULL, RETRY_COLLECTORS));
        }
        let args = SessionArgs {
            collector,
            context: Arc::clone(&self.context),
            standing: self.table.standing(collector, &self.context),
        };
        let spawned = Actor::spawn_linked(None, CollectorSession, args, myself.get_cell()).await;
        let (session, _join) = spawned.map_err(|_| unavailable("session_failing"))?;
        self.owners.insert(session.get_id(), collector);
        self.count(self.table.put(collector, session.clone()));
        Ok(session)
    }

    fn full(&self, reason: &'static str, retry_after: Duration) -> ApiError {
        let refusals = &self.context.metrics.refusals;
        refusals.with_label_values(&[reason]).inc();
        ApiError::Unavailable {
            reason,
            retry_after,
        }
    }

    fn sweep(&mut self) {
        let idle = self.context.config.sessions.idle_timeout;
        let Some(before) = pga_runtime::now().checked_sub(idle) else {
            return;
        };
        for session in self.table.take_idle(before) {
            session.stop(Some("idle".to_owned()));
        }
        self.failing
            .retain(|_, failing| failing.not_before + SESSION_LIMITS.window > pga_runtime::now());
        self.count(self.table.len());
    }

    fn ended(&mut self, actor: ActorId) -> Option<CollectorId> {
        let collector = self.owners.remove(&actor)?;
        self.table.forget(collector, actor);
        self.count(self.table.len());
        Some(collector)
    }

    fn failed(&mut self, collector: CollectorId, error: &str) {
        tracing::error!(collector_id = %collector, actor = "session", error, "actor failed");
        self.context
            .metrics
            .restarts
            .with_label_values(&["session"])
            .inc();
        let failing = self.failing.entry(collector).or_insert_with(|| Failing {
            policy: RestartPolicy::new(SESSION_LIMITS),
            not_before: pga_runtime::now(),
        });
        if let Verdict::RestartAfter(pause) = failing.policy.on_failure(self.started.elapsed()) {
            failing.not_before = pga_runtime::now() + pause;
        }
    }

    fn count(&self, open: usize) {
        self.context
            .metrics
            .sessions
            .set(i64::try_from(open).unwrap_or(i64::MAX));
    }
}

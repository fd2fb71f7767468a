//! Moves applied pushes from the buffer into the store.
//!
//! Role: runs the effects that [`FlushPlan`] decides; each is a task of its own that reports back,
//! so that the mailbox stays prompt. Owner: the node's root. Failure: a new flusher takes the store
//! over again and goes on from its watermark, so that a batch whose outcome nobody knows is neither
//! lost nor stored twice (FLUSH-1, FLUSH-2).

mod effects;

use std::sync::Arc;

use pga_cluster::Leadership;
use pga_storage::Position;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::watch;

use self::effects::StoreWriter;
use crate::context::Context;
use crate::flush_plan::{Effect, Fact, FlushPlan};
use crate::tasks::{self, TaskKind};

/// The term of a store that belongs to one node: no other node flushes it.
const OWN_TERM: u64 = 1;
/// Shortest time between two looks at how far a flush may go, in milliseconds.
const LOOK_MILLIS: u64 = 5;

/// The flusher.
#[derive(Debug)]
pub(crate) struct Flusher;

/// What the flusher is told.
#[derive(Debug)]
pub(crate) enum FlusherMsg {
    /// Something the plan has to know.
    Happened(Fact),
    /// The leadership changed.
    Led(Leadership),
    /// More may be flushed.
    Flushable(Position),
}

/// The flusher's state.
#[derive(Debug)]
pub(crate) struct FlusherState {
    context: Arc<Context>,
    plan: FlushPlan,
    work: Arc<StoreWriter>,
}

impl Actor for Flusher {
    type Msg = FlusherMsg;
    type State = FlusherState;
    type Arguments = Arc<Context>;

    async fn pre_start(
        &self,
        myself: ActorRef<FlusherMsg>,
        context: Arc<Context>,
    ) -> Result<FlusherState, ActorProcessingErr> {
        watch_flushable(&myself, context.replica.flushable());
        if context.store.is_shared() {
            watch_leadership(&myself, context.replica.leadership());
        } else {
            myself.cast(FlusherMsg::Happened(Fact::Duty(Some(OWN_TERM))))?;
        }
        Ok(FlusherState {
            plan: FlushPlan::new(context.config.store.flush_interval),
            work: Arc::new(StoreWriter::new(Arc::clone(&context))),
            context,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<FlusherMsg>,
        message: FlusherMsg,
        state: &mut FlusherState,
    ) -> Result<(), ActorProcessingErr> {
        state.context.faults.hit("flusher");
        let fact = match message {
            FlusherMsg::Happened(fact) => fact,
            FlusherMsg::Led(leadership) => {
                Fact::Duty(leadership.is_leader.then_some(leadership.term))
            }
            FlusherMsg::Flushable(upto) => Fact::Flushable {
                upto,
                is_large: state.is_large(),
            },
        };
        for effect in state.plan.on(fact) {
            run(&myself, &state.work, effect);
        }
        state.work.measure();
        Ok(())
    }
}

impl FlusherState {
    fn is_large(&self) -> bool {
        let wanted = self.context.config.store.flush_size.bytes();
        self.context.replica.backlog_bytes() >= wanted
    }
}

fn run(myself: &ActorRef<FlusherMsg>, work: &Arc<StoreWriter>, effect: Effect) {
    let (myself, work) = (myself.clone(), Arc::clone(work));
    match effect {
        Effect::Wake(pause) => {
            myself.send_after(pause, || FlusherMsg::Happened(Fact::Woken));
        }
        Effect::Announce(position) => work.announce(position),
        Effect::TakeOver { term } => {
            report(myself, term, async move { work.take_over(term).await })
        }
        Effect::Flush {
            term,
            after,
            from,
            upto,
        } => report(myself, term, async move {
            work.flush(term, after, from, upto).await
        }),
    }
}

/// Runs an effect and reports its fact; if it panics its outcome is unknown, which is a failure.
fn report<F>(myself: ActorRef<FlusherMsg>, term: u64, effect: F)
where
    F: Future<Output = Fact> + Send + 'static,
{
    let task = tasks::spawn(TaskKind::Effect, effect);
    tasks::spawn(TaskKind::Watch, async move {
        let fact = task.await.unwrap_or(Fact::Failed { term });
        if myself.cast(FlusherMsg::Happened(fact)).is_err() {
            tracing::debug!("the flusher is gone");
        }
    });
}

fn watch_flushable(myself: &ActorRef<FlusherMsg>, mut flushable: watch::Receiver<Position>) {
    let myself = myself.clone();
    tasks::spawn(TaskKind::Watch, async move {
        loop {
            let upto = *flushable.borrow_and_update();
            if myself.cast(FlusherMsg::Flushable(upto)).is_err()
                || flushable.changed().await.is_err()
            {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(LOOK_MILLIS)).await;
        }
    });
}

fn watch_leadership(myself: &ActorRef<FlusherMsg>, mut leadership: watch::Receiver<Leadership>) {
    let myself = myself.clone();
    tasks::spawn(TaskKind::Watch, async move {
        loop {
            let now = *leadership.borrow_and_update();
            if myself.cast(FlusherMsg::Led(now)).is_err() || leadership.changed().await.is_err() {
                return;
            }
        }
    });
}

//! Keeps current values on every node; on the leader, evaluates the alert rules and sends what is
//! to be told.
//!
//! Role: a leader's job (design D18) that reads what was applied every second, evaluates every ten,
//! and plans and sends notifications every second. Owner: the node's root. Failure: a new one reads
//! the current values from the buffer again; what fires and what waits to be sent stands in the
//! state.

use pga_storage::Timestamp;
use std::sync::Arc;
use std::time::Duration;

use pga_alerts::{GROUP, notify};
use pga_cluster::{
    AlertCommand, ClusterNode, Command, ControlCommand, FeatureLevel, ProposeError, Reply, State,
};
use ractor::{Actor, ActorProcessingErr, ActorRef};

use crate::alerting::{
    ClusterRows, CurrentValues, Evaluator, Outbox, OwnCondition, Round, servers,
};
use crate::context::Context;
use crate::secrets::Secrets;

/// How often what was applied is read, and what is due is sent.
const TICK: Duration = Duration::from_secs(1);
/// Ticks from one evaluation to the next.
const EVALUATE: u64 = 10;
/// How long a proposal may take.
const PROPOSE: Duration = Duration::from_secs(5);
/// Changes in one command.
const MAX_CHANGES: usize = 200;

/// The alerter.
#[derive(Debug)]
pub(crate) struct Alerter;

/// What it is told.
#[derive(Debug)]
pub(crate) enum AlerterMsg {
    /// A second has passed.
    Tick,
}

/// What it starts with.
#[derive(Clone, Debug)]
pub(crate) struct AlerterArgs {
    /// The node.
    pub(crate) context: Arc<Context>,
    /// The cluster.
    pub(crate) cluster: ClusterNode,
    /// What opens the settings of channels.
    pub(crate) secrets: Secrets,
}

/// Its state.
#[derive(Debug)]
pub(crate) struct AlerterState {
    args: AlerterArgs,
    values: Arc<CurrentValues>,
    evaluator: Evaluator,
    rows: ClusterRows,
    condition: OwnCondition,
    outbox: Outbox,
    ticks: u64,
    leads: bool,
}

impl Actor for Alerter {
    type Msg = AlerterMsg;
    type State = AlerterState;
    type Arguments = AlerterArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<AlerterMsg>,
        args: AlerterArgs,
    ) -> Result<AlerterState, ActorProcessingErr> {
        myself.send_after(TICK, || AlerterMsg::Tick);
        let values = Arc::new(CurrentValues::default());
        values.restore(&args.context);
        Ok(AlerterState {
            args,
            values,
            evaluator: Evaluator::default(),
            rows: ClusterRows::default(),
            condition: OwnCondition::default(),
            outbox: Outbox::default(),
            ticks: 0,
            leads: false,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<AlerterMsg>,
        message: AlerterMsg,
        state: &mut AlerterState,
    ) -> Result<(), ActorProcessingErr> {
        let AlerterMsg::Tick = message;
        state.args.context.faults.hit("alerter");
        Box::pin(state.tick()).await;
        // Not an interval: a slow round must not be followed by those it held up.
        myself.send_after(TICK, || AlerterMsg::Tick);
        Ok(())
    }
}

impl AlerterState {
    async fn tick(&mut self) {
        let (context, cluster) = (Arc::clone(&self.args.context), self.args.cluster.clone());
        if let Some(condition) = self.condition.look(&context, Timestamp::now()) {
            cluster.set_condition(condition);
        }
        if cluster.with_state(|state| self.evaluator.refresh(state)) {
            self.values.follow(self.evaluator.rules());
        }
        self.values.read(&context).await;
        self.values.save(&context, Timestamp::now()).await;
        let leads = context.replica.leadership().borrow().is_leader
            && cluster.with_state(State::feature_level) >= FeatureLevel::ALERTS;
        if !leads {
            if std::mem::take(&mut self.leads) {
                self.outbox.stop();
                self.rows.resign();
            }
            return;
        }
        self.leads = true;
        if self.ticks.is_multiple_of(EVALUATE) {
            self.evaluate(&context, &cluster).await;
        }
        self.ticks += 1;
        let plan = cluster.with_state(|state| {
            let id = self.args.secrets.cluster.to_string();
            notify::plan(state, self.evaluator.rules(), &id, Timestamp::now())
        });
        if !plan.queue.is_empty() || !plan.groups.is_empty() {
            let (queue, groups) = (plan.queue, plan.groups);
            propose(&context, AlertCommand::Notify { queue, groups }).await;
        }
        cluster.with_state(|state| {
            self.outbox.send_due(&context, &self.args.secrets, state);
        });
    }

    async fn evaluate(&mut self, context: &Context, cluster: &ClusterNode) {
        let mut rows = self.rows.collect(context, cluster, Timestamp::now()).await;
        let started = pga_runtime::now();
        let names = cluster.with_state(servers);
        let (values, rules) = (Arc::clone(&self.values), Arc::clone(self.evaluator.rules()));
        let round = pga_runtime::spawn_blocking(move || {
            let mut facts = values.facts();
            facts.retain(|id| names.iter().any(|(known, _)| *known == id));
            rows.insert(GROUP, facts.replication_groups(&names, Timestamp::now()));
            Round::of(&rules, &facts, &names, &rows, Timestamp::now())
        });
        let Ok(round) = round.await else {
            tracing::error!("the evaluation of the alert rules ended early");
            return;
        };
        let evaluator = &mut self.evaluator;
        let changes =
            cluster.with_state(|state| evaluator.changes(&round, state, Timestamp::now()));
        let metrics = &context.metrics;
        metrics
            .alert_evaluation_seconds
            .observe(started.elapsed().as_secs_f64());
        for changes in changes.chunks(MAX_CHANGES) {
            for change in changes
                .iter()
                .filter(|change| change.alert.fired_at.is_some())
            {
                let alert = &change.alert;
                let server = alert.labels.get("server").map_or("", String::as_str);
                let summary = alert.annotations.get("summary").map_or("", String::as_str);
                let state = alert.state.name();
                tracing::info!(
                    rule = alert.rule,
                    name = alert.name,
                    server,
                    state,
                    summary,
                    "alert"
                );
            }
            let changes = changes.to_vec();
            let at = Timestamp::now();
            propose(context, AlertCommand::Evaluated { at, changes }).await;
        }
        cluster.with_state(|state| {
            let firing = state.alerts().values().filter(|alert| alert.is_firing());
            for severity in ["i", "w", "c"] {
                let count = firing
                    .clone()
                    .filter(|alert| alert.severity == severity)
                    .count();
                let gauge = metrics.alerts_firing.with_label_values(&[severity]);
                gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
            }
        });
    }
}

async fn propose(context: &Context, command: AlertCommand) {
    let command = Command::Control(ControlCommand::Alert(Box::new(command)));
    let done = context
        .replica
        .propose(command, pga_runtime::now() + PROPOSE)
        .await;
    match done.map(|committed| committed.reply) {
        Ok(Reply::Refused(why)) | Err(ProposeError::Refused(why)) => {
            tracing::debug!(%why, "alerts changed meanwhile: evaluated again");
        }
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "alerts not written: evaluated again"),
    }
}

//! What every handler has at hand.

use pga_runtime::Instant;
use std::sync::Arc;

use prometheus::Registry;

use crate::NodeApi;
use crate::auth::{FailureLimit, Passwords};
use crate::bad_elements::BadElements;
use crate::budget::Budget;
use crate::metrics::WebMetrics;
use crate::node_addresses::NodeAddresses;
use crate::options::WebOptions;
use crate::push_queue::PushQueue;

/// Shared by all requests of one server.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) api: Arc<dyn NodeApi>,
    pub(crate) options: WebOptions,
    pub(crate) metrics: WebMetrics,
    pub(crate) registries: Vec<Registry>,
    pub(crate) budget: Budget,
    pub(crate) push_queue: PushQueue,
    pub(crate) passwords: Passwords,
    pub(crate) failures: FailureLimit,
    pub(crate) bad_elements: BadElements,
    pub(crate) nodes: NodeAddresses,
    pub(crate) started: Instant,
}

impl Context {
    pub(crate) fn new(
        api: Arc<dyn NodeApi>,
        options: WebOptions,
        metrics: WebMetrics,
        registries: Vec<Registry>,
    ) -> Self {
        let budget = Budget::new(
            options.limits.inflight_bytes,
            metrics.inflight_bytes.clone(),
        );
        let push_queue = PushQueue::new(
            options.limits.max_pushes,
            options.limits.max_push_wait,
            metrics.pushes_queued.clone(),
        );
        let passwords = Passwords::new(options.limits.password_checks);
        let failures = FailureLimit::new(options.limits.failures_per_minute);
        Self {
            api,
            options,
            metrics,
            registries,
            budget,
            push_queue,
            passwords,
            failures,
            bad_elements: BadElements::default(),
            nodes: NodeAddresses::default(),
            started: pga_runtime::now(),
        }
    }
}

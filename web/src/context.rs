//! What every handler has at hand.

use pga_runtime::Instant;
use std::sync::Arc;

use prometheus::Registry;

use crate::NodeApi;
use crate::admission::Admission;
use crate::auth::Passwords;
use crate::metrics::WebMetrics;
use crate::node_addresses::NodeAddresses;
use crate::options::WebOptions;

/// Shared by all requests of one server.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) api: Arc<dyn NodeApi>,
    pub(crate) options: WebOptions,
    pub(crate) metrics: WebMetrics,
    pub(crate) registries: Vec<Registry>,
    pub(crate) admission: Admission,
    pub(crate) passwords: Passwords,
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
        let (bytes, waiting) = (&metrics.inflight_bytes, &metrics.pushes_queued);
        let limits = options.limits.now();
        let admission = Admission::new(&limits, bytes.clone(), waiting.clone());
        let passwords = Passwords::new(limits.password_checks);
        Self {
            api,
            options,
            metrics,
            registries,
            admission,
            passwords,
            nodes: NodeAddresses::default(),
            started: pga_runtime::now(),
        }
    }
}

//! Refusals, logged once per change and counted each time.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};

use super::super::metrics::{Side, TransportMetrics};

/// Most remotes whose last refusal is remembered.
const REMEMBERED: usize = 1_024;

/// Remembers the last refusal of each remote.
pub(super) struct RefusalLog<K> {
    side: Side,
    metrics: TransportMetrics,
    last: Mutex<BTreeMap<K, &'static str>>,
}

impl<K: Ord + Copy + Display> RefusalLog<K> {
    pub(super) fn new(side: Side, metrics: TransportMetrics) -> Self {
        Self {
            side,
            metrics,
            last: Mutex::new(BTreeMap::new()),
        }
    }

    pub(super) fn refused(&self, remote: K, reason: &'static str, detail: &dyn Display) {
        self.metrics.refused(self.side, reason);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() >= REMEMBERED && !last.contains_key(&remote) {
            last.pop_first();
        }
        if last.insert(remote, reason) != Some(reason) {
            tracing::warn!(peer = %remote, reason, error = %detail, "connection refused");
        }
    }

    pub(super) fn accepted(&self, remote: K) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.remove(&remote).is_some() {
            tracing::info!(peer = %remote, "connection accepted again");
        }
    }
}

/// Fixed name of why a connection failed before its hello.
pub(super) fn reason_of(error: &quinn::ConnectionError) -> &'static str {
    const NO_APPLICATION_PROTOCOL: u64 = 0x178;
    let code = match error {
        quinn::ConnectionError::TransportError(error) => error.code,
        quinn::ConnectionError::ConnectionClosed(close) => close.error_code,
        quinn::ConnectionError::VersionMismatch => return "version_mismatch",
        quinn::ConnectionError::TimedOut => return "timeout",
        _ => return "closed",
    };
    match u64::from(code) {
        NO_APPLICATION_PROTOCOL => "alpn",
        0x100..0x200 => "tls",
        2 => "overloaded",
        _ => "closed",
    }
}

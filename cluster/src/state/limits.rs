//! Bounds of the replicated state.

/// Bounds of the replicated state: the same on all nodes of a cluster (SM-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateLimits {
    /// Content keys remembered per collector.
    pub keys_per_collector: usize,
    /// Content keys remembered for all collectors; beyond it the oldest are forgotten first.
    pub keys_total: usize,
    /// Age beyond which a content key or an idempotency key is forgotten, by the times in the
    /// pushes, in seconds.
    pub key_age_seconds: u32,
    /// Idempotency keys remembered.
    pub idempotency_keys: usize,
    /// Outcomes of pushes remembered for proposals that are repeated after a lost answer.
    pub recent_outcomes: usize,
}

impl Default for StateLimits {
    fn default() -> Self {
        Self {
            keys_per_collector: 100_000,
            keys_total: 2_000_000,
            key_age_seconds: 86_400,
            idempotency_keys: 100_000,
            recent_outcomes: 32_768,
        }
    }
}

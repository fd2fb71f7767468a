//! Panics on demand, to show that a restart loses nothing. Only a build with the feature
//! `fault-injection` has them.

/// The armed faults of one node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    #[cfg(any(test, feature = "fault-injection"))]
    armed: std::sync::Arc<std::sync::Mutex<std::collections::BTreeSet<String>>>,
}

impl Faults {
    /// Panics if a fault is armed for `actor`, once.
    #[cfg(not(any(test, feature = "fault-injection")))]
    #[inline]
    pub(crate) const fn hit(&self, _actor: &str) {}

    /// Panics if a fault is armed for `actor`, once.
    #[cfg(any(test, feature = "fault-injection"))]
    #[expect(
        clippy::panic,
        reason = "an injected fault, absent from production builds"
    )]
    pub(crate) fn hit(&self, actor: &str) {
        let is_armed = self.armed.lock().is_ok_and(|mut armed| armed.remove(actor));
        if is_armed {
            panic!("injected fault in {actor}");
        }
    }

    /// Panics when a fault is armed for `actor`; never ends else.
    #[cfg(not(any(test, feature = "fault-injection")))]
    pub(crate) async fn fired(&self, _actor: &str) {
        std::future::pending().await
    }

    /// Panics when a fault is armed for `actor`; never ends else.
    #[cfg(any(test, feature = "fault-injection"))]
    pub(crate) async fn fired(&self, actor: &str) {
        loop {
            self.hit(actor);
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// Arms a panic in `actor`: `session`, `flusher`, `web`, `maintenance` or `cluster_watcher`.
    #[cfg(any(test, feature = "fault-injection"))]
    pub(crate) fn arm(&self, actor: &str) {
        if let Ok(mut armed) = self.armed.lock() {
            armed.insert(actor.to_owned());
        }
    }
}

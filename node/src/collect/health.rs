//! How the collector itself is: `collector_health`, once a minute.

use std::time::Duration;

use pga_collector::Server;
use pga_runtime::Instant;
use pga_storage::Timestamp;
use serde_json::{Value, json};

use super::spool::Spool;
use super::status::Status;

const EVERY: Duration = Duration::from_secs(60);

/// Tells how the collector is.
#[derive(Debug)]
pub(super) struct Health {
    started: Instant,
    told: Option<Instant>,
}

impl Health {
    /// Of a collector that starts now.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            started: now,
            told: None,
        }
    }

    /// The element, if it is time: when it was made, what waited in the spool then, what the spool
    /// dropped, how pushes went, which configuration runs, how far the clock is off by the nodes'
    /// `Date`, and of the server's log what was read, sent and left out since the start. If nothing
    /// waited it is sent at once, so that the nodes can tell by themselves how far the clock is
    /// off.
    pub(super) fn element(
        &mut self,
        now: Instant,
        at: &str,
        spool: &Spool,
        status: &Status,
        server: Option<&Server>,
    ) -> Option<Value> {
        if self.told.is_some_and(|told| now - told < EVERY) {
            return None;
        }
        self.told = Some(now);
        let log = server.and_then(|server| {
            let log = server.log_health()?;
            Some(json!({ "server": server.address(), "log": log }))
        });
        Some(json!({
            "type": "collector_health",
            "timestamp": at,
            "made_at": Timestamp::now().to_string(),
            "version": env!("CARGO_PKG_VERSION"),
            "uptime_seconds": (now - self.started).as_secs(),
            "spool_cycles": spool.len(),
            "spool_bytes": spool.bytes(),
            "spool_dropped_cycles": spool.dropped(),
            "pushes_acknowledged": status.pushes_acknowledged,
            "pushes_refused": status.pushes_refused,
            "pushes_failed": status.pushes_failed,
            "config_version": status.config_version,
            "config_refused_version": status.config_refused,
            "config_error": status.config_error,
            "clock_ahead_seconds": status.clock.map(|clock| clock.ahead_seconds),
            "clock_error_seconds": status.clock.map(|clock| clock.error_seconds),
            "rows": log.into_iter().collect::<Vec<_>>(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::clock::Skew;

    #[test]
    fn it_is_told_once_a_minute() {
        let start = pga_runtime::now();
        let mut health = Health::new(start);
        let mut spool = Spool::in_memory(10);
        for _ in 0..3 {
            spool.add("12345678".into(), None).unwrap();
        }
        let status = Status {
            config_version: Some(3),
            clock: Some(Skew {
                ahead_seconds: 2.5,
                error_seconds: 0.25,
            }),
            ..Status::default()
        };
        let mut told = |seconds| {
            let now = start + Duration::from_secs(seconds);
            health.element(now, "T", &spool, &status, None)
        };
        let first = told(0).unwrap();
        assert_eq!(first["spool_cycles"], 1);
        assert!(first["made_at"].as_str().unwrap().ends_with('Z'));
        assert_eq!(first["spool_bytes"], 8);
        assert_eq!(first["config_version"], 3);
        assert_eq!(first["clock_ahead_seconds"], 2.5);
        assert_eq!(first["spool_dropped_cycles"], 2);
        assert_eq!(told(59), None);
        assert_eq!(told(60).unwrap()["uptime_seconds"], 60);
    }
}

//! How the collector itself is: `collector_health`, once a minute.

use std::time::Duration;

use pga_collector::Server;
use pga_runtime::Instant;
use pga_storage::Timestamp;
use serde_json::{Value, json};

use super::spool::Spool;

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
    /// dropped, and of each server's log what was read, sent and left out since the start. If
    /// nothing waited it is sent at once, so that the nodes can tell how far the clock is off.
    pub(super) fn element(
        &mut self,
        now: Instant,
        at: &str,
        spool: &Spool,
        servers: &[Server],
    ) -> Option<Value> {
        if self.told.is_some_and(|told| now - told < EVERY) {
            return None;
        }
        self.told = Some(now);
        let logs = servers.iter().filter_map(|server| {
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
            "rows": logs.collect::<Vec<_>>(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_once_a_minute() {
        let start = pga_runtime::now();
        let mut health = Health::new(start);
        let mut spool = Spool::in_memory(10);
        for _ in 0..3 {
            spool.add("12345678".into(), None).unwrap();
        }
        let mut told = |seconds| {
            let now = start + Duration::from_secs(seconds);
            health.element(now, "T", &spool, &[])
        };
        let first = told(0).unwrap();
        assert_eq!(first["spool_cycles"], 1);
        assert!(first["made_at"].as_str().unwrap().ends_with('Z'));
        assert_eq!(first["spool_bytes"], 8);
        assert_eq!(first["spool_dropped_cycles"], 2);
        assert_eq!(told(59), None);
        assert_eq!(told(60).unwrap()["uptime_seconds"], 60);
    }
}

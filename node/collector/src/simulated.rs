//! A PostgreSQL server that does not exist: what a collector would read from it, cycle by cycle.
//!
//! Everything is a function of (seed, cycle, time), so that a reader can tell what was sent without
//! having kept it. Counters only grow, levels move slowly, inventory (schema, extensions) never
//! changes.

mod activity;
mod host;
mod inventory;
mod numbers;
mod statements;
mod tables;

use serde_json::Value;

use self::numbers::Numbers;

/// Databases of the simulated server.
const DATABASES: [&str; 2] = ["postgres", "shop"];

/// One simulated server and the collector beside it.
#[derive(Clone, Debug)]
pub struct SimulatedServer {
    seed: u64,
    collector: String,
    hostname: String,
}

impl SimulatedServer {
    /// Elements of one collection cycle.
    pub const ELEMENTS: usize = 14;

    /// The same seed gives the same server.
    pub fn new(seed: u64, collector: impl Into<String>, hostname: impl Into<String>) -> Self {
        Self {
            seed,
            collector: collector.into(),
            hostname: hostname.into(),
        }
    }

    /// What collection number `cycle` (from 0) finds at time `at`: fourteen elements of twelve
    /// types, in the forms a stock collector sends (contract 3), all with the timestamp `at`.
    pub fn cycle(&self, cycle: u64, at: &str) -> Vec<Value> {
        let numbers = Numbers::new(self.seed, cycle);
        let frame = Frame {
            at,
            collector: &self.collector,
            hostname: &self.hostname,
        };
        let mut elements = Vec::with_capacity(Self::ELEMENTS);
        elements.extend(DATABASES.map(|database| tables::pg_stats(numbers, &frame, database)));
        elements.push(host::sysstat(numbers, &frame));
        elements.push(host::disk_usage(numbers, &frame));
        elements.push(activity::pg_log(numbers, &frame));
        elements.push(activity::pg_replication(numbers, &frame));
        elements.push(inventory::pg_schema(numbers, &frame));
        elements.push(activity::pg_locks(numbers, &frame));
        elements.push(tables::pg_bloat(numbers, &frame));
        elements.push(tables::pg_cache(numbers, &frame));
        elements.push(activity::pg_connections(numbers, &frame));
        elements.push(inventory::pg_extensions(&frame));
        elements.extend(
            DATABASES.map(|database| statements::pg_query_stats(numbers, &frame, database)),
        );
        elements
    }
}

impl SimulatedServer {
    /// What a collector of ours tells beyond the types of a stock one.
    pub fn activity(&self, cycle: u64, at: &str) -> Value {
        let frame = Frame {
            at,
            collector: &self.collector,
            hostname: &self.hostname,
        };
        activity::pg_activity_sample(Numbers::new(self.seed, cycle), &frame)
    }
}

/// What stands in every element.
struct Frame<'a> {
    at: &'a str,
    collector: &'a str,
    hostname: &'a str,
}

impl Frame<'_> {
    /// An element of one of the types that carry the collector and an object by database (contract
    /// 3.8).
    fn by_database(&self, kind: &str, content: impl Fn(&str) -> Value) -> Value {
        let databases: serde_json::Map<String, Value> = DATABASES
            .iter()
            .map(|name| ((*name).to_owned(), content(name)))
            .collect();
        serde_json::json!({
            "type": kind,
            "timestamp": self.at,
            "collector_id": self.collector,
            "hostname": self.hostname,
            "databases": databases,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const AT: &str = "2026-02-02T02:40:00Z";

    fn server() -> SimulatedServer {
        SimulatedServer::new(7, "collector-001", "db-01")
    }

    #[test]
    fn the_same_cycle_is_the_same_bytes() {
        assert_eq!(server().cycle(3, AT), server().cycle(3, AT));
        assert_ne!(server().cycle(3, AT), server().cycle(4, AT));
    }

    #[test]
    fn a_cycle_has_every_type_once_per_database() {
        let elements = server().cycle(0, AT);
        let types: BTreeSet<_> = elements.iter().map(|e| e["type"].as_str()).collect();
        assert_eq!(
            (elements.len(), types.len()),
            (SimulatedServer::ELEMENTS, 12)
        );
        let keys: BTreeSet<_> = elements
            .iter()
            .map(|e| (e["type"].as_str(), e["database"].as_str()))
            .collect();
        assert_eq!(keys.len(), SimulatedServer::ELEMENTS);
    }

    #[test]
    fn statement_counters_only_grow() {
        let mut before = vec![-1; 100];
        for cycle in 0..50 {
            let elements = server().cycle(cycle, AT);
            let stats = elements.last().unwrap()["queries"].as_array().unwrap();
            for (query, before) in stats.iter().zip(&mut before) {
                let calls = query["calls"].as_i64().unwrap();
                assert!(calls > *before, "cycle {cycle}: {query}");
                *before = calls;
            }
        }
    }
}

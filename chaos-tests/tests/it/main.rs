//! Scenarios with real processes, real databases and real faults.
//!
//! Each has a cluster of its own, on its own ports and in its own directory; few run at the same
//! time, since each is three processes that want to be timely.

mod actors;
mod alert_kills;
mod alerts;
mod any_node;
mod automatic_snapshots;
mod backup;
mod bad_input;
mod bodies;
mod cases;
mod catch_up;
mod cluster_key;
mod collecting;
mod collector;
mod collector_certificates;
mod collector_fleet;
mod damage;
mod encodings;
mod exactly_once;
mod failover;
mod grafana;
mod guessing;
mod index_workloads;
mod insight;
mod insight_over_time;
mod lab;
mod large_push;
mod limits;
mod logs;
mod membership;
mod node_certificates;
mod older_disk;
mod outage;
mod overload;
mod pause;
mod peer_port;
mod postgres;
mod power_cut;
mod proc;
mod prometheus;
mod raw_http;
mod readiness;
mod reload;
mod seasonal_baseline;
mod secrets;
mod server_facts;
mod shared_answers;
mod soak;
mod stores;

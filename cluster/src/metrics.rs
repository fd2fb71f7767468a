//! What this crate counts.

use std::time::Duration;

use prometheus::{
    Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};

/// Metrics of one cluster member.
#[derive(Debug)]
pub(crate) struct ClusterMetrics {
    pub(crate) state: IntGaugeVec,
    pub(crate) term: IntGauge,
    pub(crate) index: IntGaugeVec,
    pub(crate) peer_lag: IntGaugeVec,
    pub(crate) peer_rtt: prometheus::GaugeVec,
    pub(crate) recovering: IntGauge,
    pub(crate) ready: IntGauge,
    pub(crate) view_age: Gauge,
    pub(crate) feature_level: IntGauge,
    pub(crate) refusals: IntCounterVec,
    pub(crate) leader_changes: IntCounter,
    pub(crate) refused_messages: IntCounterVec,
    pub(crate) proposals: IntCounterVec,
    pub(crate) retries: IntCounterVec,
    pub(crate) commit: Histogram,
    pub(crate) batch_pushes: Histogram,
    pub(crate) pushes_waiting: IntGauge,
    pub(crate) apply: Histogram,
    pub(crate) applied_entries: IntCounter,
    pub(crate) snapshot_bytes: IntGauge,
    pub(crate) snapshot_build: Histogram,
    pub(crate) snapshots_installed: IntCounter,
    pub(crate) dedup_keys: IntGauge,
    pub(crate) open_uploads: IntGauge,
    pub(crate) log_bytes: IntGauge,
}

const SECONDS: [f64; 12] = [
    0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0,
];
/// What a node that does not take part refuses.
const REFUSED_KINDS: [&str; 5] = ["append", "pre_vote", "snapshot", "transfer_leader", "vote"];
const PUSHES: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 512.0];

impl ClusterMetrics {
    /// Makes the metrics and registers them.
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let put = Put(registry);
        let metrics = Self {
            state: put.gauges("state", "1 for what this node is: leader, follower, candidate, learner or shutdown.", &["state"])?,
            term: put.gauge("term", "Raft term this node is in.")?,
            index: put.gauges("index", "Log index by kind: last, committed, applied, flushable, flushed, snapshot, purged.", &["kind"])?,
            peer_lag: put.gauges("peer_lag_entries", "Entries a peer is behind; on the leader.", &["peer"])?,
            peer_rtt: put.float_gauges("peer_rtt_seconds", "Smoothed round trip time to a peer.", &["peer"])?,
            recovering: put.gauge("recovering", "1 while this node lost what it confirmed: it does not vote until the others have taken it out and in again.")?,
            ready: put.gauge("ready", "1 while a write that this node takes would succeed: it takes part, and a quorum confirmed it within 2 s.")?,
            view_age: put.float_gauge("view_age_seconds", "Time since a quorum last confirmed that this node had applied all that was committed; NaN before the first time.")?,
            feature_level: put.gauge("feature_level", "The cluster's feature level, as far as this node has applied.")?,
            refusals: put.counters("refusals_total", "Requests of consensus refused because this node does not take part, by kind.", &["kind"])?,
            leader_changes: put.counter("leader_changes_total", "Times this node saw another leader.")?,
            refused_messages: put.counters("refused_messages_total", "Messages of peers that have no say in consensus, by reason.", &["reason"])?,
            proposals: put.counters("proposals_total", "Proposals made on this node, by outcome.", &["outcome"])?,
            retries: put.counters("proposal_retries_total", "Attempts after the first to get a proposal committed, by reason.", &["reason"])?,
            commit: put.histogram("commit_duration_seconds", "From proposal to acknowledgement, elections included.", &SECONDS)?,
            batch_pushes: put.histogram("batch_pushes", "Pushes in one proposal.", &PUSHES)?,
            pushes_waiting: put.gauge("pushes_waiting", "Pushes that wait to be proposed.")?,
            apply: put.histogram("apply_duration_seconds", "Time to apply one batch of entries.", &SECONDS)?,
            applied_entries: put.counter("applied_entries_total", "Entries applied.")?,
            snapshot_bytes: put.gauge("snapshot_size_bytes", "Size of the newest snapshot.")?,
            snapshot_build: put.histogram("snapshot_build_duration_seconds", "Time to build a snapshot.", &SECONDS)?,
            snapshots_installed: put.counter("snapshots_installed_total", "Snapshots installed from a leader.")?,
            dedup_keys: put.gauge("dedup_keys", "Content keys remembered.")?,
            open_uploads: put.gauge("open_uploads", "Large pushes under way.")?,
            log_bytes: put.gauge("log_size_bytes", "Size of the log on disk.")?,
        };
        metrics.start_at_zero();
        Ok(metrics)
    }

    /// Makes every series whose labels are known: a rate sees no counter that appears at 1.
    fn start_at_zero(&self) {
        for kind in REFUSED_KINDS {
            self.refusals.with_label_values(&[kind]).inc_by(0);
        }
        for reason in ["retired", "impostor", "term", "stranger"] {
            self.refused_messages.with_label_values(&[reason]).inc_by(0);
        }
        for outcome in ["committed", "refused", "no_quorum", "stopped", "unknown"] {
            self.proposals.with_label_values(&[outcome]).inc_by(0);
        }
        for reason in ["no_leader", "unknown", "stopped"] {
            self.retries.with_label_values(&[reason]).inc_by(0);
        }
    }

    /// Notes an applied batch.
    pub(crate) fn applied(&self, entries: usize, elapsed: Duration) {
        self.applied_entries.inc_by(entries as u64);
        self.apply.observe(elapsed.as_secs_f64());
    }

    /// Notes a built snapshot.
    pub(crate) fn snapshot_built(&self, bytes: u64, elapsed: Duration) {
        self.snapshot_bytes.set(gauge(bytes));
        self.snapshot_build.observe(elapsed.as_secs_f64());
    }

    /// Sets one of the indexes.
    pub(crate) fn set_index(&self, kind: &str, index: u64) {
        self.index.with_label_values(&[kind]).set(gauge(index));
    }
}

/// A count as a gauge's value.
pub(crate) fn gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

struct Put<'a>(&'a Registry);

impl Put<'_> {
    fn add<T: prometheus::core::Collector + Clone + 'static>(
        &self,
        metric: T,
    ) -> prometheus::Result<T> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        self.add(IntGauge::new(full(name), help)?)
    }

    fn float_gauge(&self, name: &str, help: &str) -> prometheus::Result<Gauge> {
        self.add(Gauge::new(full(name), help)?)
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
        self.add(IntGaugeVec::new(Opts::new(full(name), help), labels)?)
    }

    fn float_gauges(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> prometheus::Result<prometheus::GaugeVec> {
        self.add(prometheus::GaugeVec::new(
            Opts::new(full(name), help),
            labels,
        )?)
    }

    fn counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        self.add(IntCounter::new(full(name), help)?)
    }

    fn counters(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> prometheus::Result<IntCounterVec> {
        self.add(IntCounterVec::new(Opts::new(full(name), help), labels)?)
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> prometheus::Result<Histogram> {
        let options = HistogramOpts::new(full(name), help).buckets(buckets.to_vec());
        self.add(Histogram::with_opts(options)?)
    }
}

fn full(name: &str) -> String {
    format!("pganalytics_raft_{name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{RpcKind, TransportMetrics};

    #[test]
    fn what_is_known_at_the_start_is_there() {
        let registry = Registry::new();
        drop(ClusterMetrics::register(&registry).unwrap());
        drop(TransportMetrics::register(&registry).unwrap());
        let families = registry.gather();
        let calls = 5 * RpcKind::ALL.len();
        for (name, series) in [
            ("pganalytics_raft_refusals_total", 5),
            ("pganalytics_raft_refused_messages_total", 4),
            ("pganalytics_raft_proposals_total", 5),
            ("pganalytics_raft_proposal_retries_total", 3),
            ("pganalytics_transport_connections", 2),
            ("pganalytics_transport_handshakes_refused_total", 22),
            ("pganalytics_transport_call_duration_seconds", calls),
        ] {
            let family = families.iter().find(|family| family.name() == name);
            let found = family.map(|family| family.get_metric().len());
            assert_eq!(found, Some(series), "{name}");
        }
    }
}

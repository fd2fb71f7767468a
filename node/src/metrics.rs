//! Metrics of the node: sessions, flushing, actors, the process.

use pga_storage::store::counter_deltas::counter_tables;
use prometheus::{
    Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};

/// Metrics of one node, registered once.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Collectors with a session here.
    pub(crate) sessions: IntGauge,
    /// Pushes by outcome.
    pub(crate) pushes: IntCounterVec,
    /// Pushes refused before they were proposed, by reason.
    pub(crate) refusals: IntCounterVec,
    /// Time from a session's acceptance of a push to its acknowledgement.
    pub(crate) replicate_seconds: Histogram,
    /// Look-ups in the cache of answers that found one.
    pub(crate) cache_hits: IntCounter,
    /// Look-ups that found none.
    pub(crate) cache_misses: IntCounter,
    /// Answers that went.
    pub(crate) cache_evictions: IntCounter,
    /// Requests to the cache that nodes share, by outcome.
    pub(crate) shared_cache: IntCounterVec,
    /// Large pushes that were split.
    pub(crate) uploads: IntCounterVec,
    /// Alerts that fire, by severity, as the leader knows.
    pub(crate) alerts_firing: IntGaugeVec,
    /// Time of one evaluation of the alert rules.
    pub(crate) alert_evaluation_seconds: Histogram,
    /// Notifications by outcome.
    pub(crate) notifications: IntCounterVec,
    /// Actor restarts, by actor.
    pub(crate) restarts: IntCounterVec,
    /// Flushed elements.
    pub(crate) flushed_elements: IntCounter,
    /// Flushed rows.
    pub(crate) flushed_rows: IntCounter,
    /// Elements that no typed table could take; kept whole.
    pub(crate) flushed_untyped: IntCounter,
    /// Counters that fell although counting had not begun anew, by table.
    pub(crate) counter_anomalies: IntCounterVec,
    /// Flushes by outcome.
    pub(crate) flushes: IntCounterVec,
    /// Time of one flush.
    pub(crate) flush_seconds: Histogram,
    /// Entries between the watermark and what could be flushed.
    pub(crate) flush_lag_entries: IntGauge,
    /// Bytes that wait for a flush.
    pub(crate) flush_backlog_bytes: IntGauge,
    /// Bytes flushed per second, averaged.
    pub(crate) flush_rate_bytes: Gauge,
    /// Seconds until the backlog is flushed at the present rate.
    pub(crate) flush_eta_seconds: Gauge,
    /// Whether the store takes flushes.
    pub(crate) store_up: IntGauge,
    /// Times the store's watermark went back.
    pub(crate) watermark_regressions: IntCounter,
    /// Entries that an older watermark asked for and the buffer no longer holds.
    pub(crate) unrecoverable_entries: IntCounter,
    /// Rows or chunks dropped by retention.
    pub(crate) retained_drops: IntCounter,
}

impl Metrics {
    /// Registers the node's metrics.
    ///
    /// # Errors
    /// A name is taken: this was called twice for one registry.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        build_info(registry)?;
        #[cfg(target_os = "linux")]
        registry.register(Box::new(
            prometheus::process_collector::ProcessCollector::for_self(),
        ))?;
        let on = Registrar(registry);
        Ok(Self {
            sessions: on.gauge("pganalytics_sessions_open", "Collectors with a session on this node")?,
            pushes: on.counters("pganalytics_push_outcomes_total", "Pushes by outcome", "outcome", &["conflict", "malformed", "stored", "unknown"])?,
            refusals: on.counters("pganalytics_push_refusals_total", "Pushes refused with certainty that they have no effect, by reason", "reason", &REFUSALS)?,
            replicate_seconds: on.histogram("pganalytics_push_replicate_seconds", "Time from a session taking a push to its acknowledgement by a quorum", &PUSH_BUCKETS)?,
            cache_hits: on.counter("pganalytics_query_cache_hits_total", "Questions whose answer was kept")?,
            cache_misses: on.counter("pganalytics_query_cache_misses_total", "Questions whose answer was not kept, and that the store was asked")?,
            cache_evictions: on.counter("pganalytics_query_cache_evictions_total", "Kept answers that went, for want of room or since they were old")?,
            shared_cache: on.counters("pganalytics_shared_cache_requests_total", "Requests to the cache that nodes share (cache.redis-url), by outcome; garbage opened with no key of the cluster, skipped was not asked since it failed before", "outcome", &["hit", "miss", "put", "garbage", "error", "skipped"])?,
            uploads: on.counters("pganalytics_push_uploads_total", "Large pushes split over several entries, by outcome", "outcome", &["aborted", "committed"])?,
            alerts_firing: on.gauges("pganalytics_alerts_firing", "Alerts that fire, by severity; on the leader", "severity", &["i", "w", "c"])?,
            alert_evaluation_seconds: on.histogram("pganalytics_alert_evaluation_seconds", "Time of one evaluation of the alert rules", &FLUSH_BUCKETS)?,
            notifications: on.counters("pganalytics_notifications_total", "Attempts to send a notification, by outcome", "outcome", &["sent", "failed", "refused", "dead"])?,
            restarts: on.counters("pganalytics_actor_restarts_total", "Actors started again after a failure", "actor", &ACTORS)?,
            flushed_elements: on.counter("pganalytics_flush_elements_total", "Elements written to the store by this node")?,
            flushed_rows: on.counter("pganalytics_flush_rows_total", "Rows written to the store by this node")?,
            flushed_untyped: on.counter("pganalytics_flush_untyped_elements_total", "Elements kept whole because no typed table could take them")?,
            counter_anomalies: on.counters("pganalytics_counter_anomalies_total", "Counters of PostgreSQL that fell although counting had not begun anew, by table", "table", &counter_tables().collect::<Vec<_>>())?,
            flushes: on.counters("pganalytics_flush_outcomes_total", "Flush transactions by outcome", "outcome", &["committed", "failed"])?,
            flush_seconds: on.histogram("pganalytics_flush_duration_seconds", "Time of one flush transaction", &FLUSH_BUCKETS)?,
            flush_lag_entries: on.gauge("pganalytics_flush_lag_entries", "Log entries between the watermark and what may be flushed")?,
            flush_backlog_bytes: on.gauge("pganalytics_flush_backlog_bytes", "Bytes of pushes that wait for a flush")?,
            flush_rate_bytes: on.float("pganalytics_flush_rate_bytes_per_second", "Bytes flushed per second, averaged over the last flushes")?,
            flush_eta_seconds: on.float("pganalytics_flush_eta_seconds", "Seconds until the backlog is flushed at the present rate")?,
            store_up: on.gauge("pganalytics_store_up", "1 if the last use of the store by the flusher succeeded")?,
            watermark_regressions: on.counter("pganalytics_flush_watermark_regressions_total", "Times the store's watermark went back: the database lost rows that are written again")?,
            unrecoverable_entries: on.counter("pganalytics_flush_unrecoverable_entries_total", "Log entries that the store lost and the nodes no longer hold")?,
            retained_drops: on.counter("pganalytics_retention_dropped_total", "Rows or chunks dropped because they were older than the retention")?,
        })
    }
}

/// Why a push is refused with certainty.
const REFUSALS: [&str; 15] = [
    "buffer_full",
    "collector_busy",
    "collectors_full",
    "elements_rate",
    "log_full",
    "membership",
    "no_quorum",
    "overloaded",
    "refused",
    "series_limit",
    "series_rate",
    "session_failing",
    "sessions_full",
    "stopping",
    "upload_interrupted",
];

/// The supervised actors.
pub(crate) const ACTORS: [&str; 9] = [
    "alerter",
    "analyst",
    "cluster_watcher",
    "flusher",
    "joiner",
    "maintenance",
    "session",
    "sessions",
    "web",
];

const PUSH_BUCKETS: [f64; 13] = [
    0.000_5, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 2.0, 10.0,
];
const FLUSH_BUCKETS: [f64; 10] = [
    0.001, 0.004, 0.016, 0.064, 0.128, 0.256, 0.512, 1.0, 4.0, 16.0,
];

/// The program's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

fn build_info(registry: &Registry) -> prometheus::Result<()> {
    let opts = Opts::new(
        "pganalytics_build_info",
        "1, with the program's version as label",
    );
    let info = IntGaugeVec::new(opts, &["version"])?;
    info.with_label_values(&[VERSION]).set(1);
    registry.register(Box::new(info))
}

struct Registrar<'a>(&'a Registry);

impl Registrar<'_> {
    fn gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        let metric = IntGauge::new(name, help)?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn float(&self, name: &str, help: &str) -> prometheus::Result<Gauge> {
        let metric = Gauge::new(name, help)?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        let metric = IntCounter::new(name, help)?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    /// Counters by one label, each of `values` at 0: a rate over a counter that appears at 1 sees
    /// nothing.
    fn counters(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: &[&str],
    ) -> prometheus::Result<IntCounterVec> {
        let metric = IntCounterVec::new(Opts::new(name, help), &[label])?;
        for value in values {
            metric.with_label_values(&[value]).inc_by(0);
        }
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn gauges(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: &[&str],
    ) -> prometheus::Result<IntGaugeVec> {
        let metric = IntGaugeVec::new(Opts::new(name, help), &[label])?;
        for value in values {
            metric.with_label_values(&[value]).set(0);
        }
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> prometheus::Result<Histogram> {
        let metric =
            Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }
}

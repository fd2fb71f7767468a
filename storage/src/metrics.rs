//! The Prometheus metrics of the log and the flush buffer.

use prometheus::{
    Gauge, Histogram, HistogramOpts, IntCounter, IntGauge, Registry, core::Collector,
    exponential_buckets,
};

use crate::buffer::BufferUsage;

/// What a [`Log`](crate::log::Log) counts. Clones share the same metrics.
#[derive(Clone, Debug)]
pub struct LogMetrics {
    /// Time of one fdatasync of a segment or the marker, in seconds.
    pub(crate) sync_seconds: Histogram,
    /// Entries that shared one fdatasync.
    pub(crate) group_entries: Histogram,
    /// Bytes written to segments.
    pub(crate) written_bytes: IntCounter,
    /// Entries written to segments.
    pub(crate) written_entries: IntCounter,
    /// Bytes that wait for the disk.
    pub(crate) queued_bytes: IntGauge,
    /// Size of all segments.
    pub(crate) size_bytes: IntGauge,
    /// Number of segments.
    pub(crate) segments: IntGauge,
    /// Entries read back from segments rather than from memory.
    pub(crate) read_entries: IntCounter,
    /// Failed writes or syncs; one is enough to stop the node.
    pub(crate) failures: IntCounter,
    /// Bytes of unanswered appends cut off at start-up.
    pub(crate) torn_bytes: IntCounter,
}

impl LogMetrics {
    /// Builds the metrics and registers them.
    ///
    /// # Errors
    /// If `registry` holds one of the names already.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let sync = HistogramOpts::new(
            "pganalytics_log_sync_duration_seconds",
            "Time of one fdatasync of the Raft log.",
        )
        .buckets(exponential_buckets(0.0001, 2.0, 18)?);
        let group = HistogramOpts::new(
            "pganalytics_log_group_entries",
            "Entries of the Raft log that shared one fdatasync.",
        )
        .buckets(exponential_buckets(1.0, 2.0, 11)?);
        Ok(Self {
            sync_seconds: added(registry, Histogram::with_opts(sync))?,
            group_entries: added(registry, Histogram::with_opts(group))?,
            written_bytes: counter(
                registry,
                "pganalytics_log_written_bytes_total",
                "Bytes written to Raft log segments.",
            )?,
            written_entries: counter(
                registry,
                "pganalytics_log_written_entries_total",
                "Entries written to the Raft log.",
            )?,
            queued_bytes: gauge(
                registry,
                "pganalytics_log_queued_bytes",
                "Bytes of Raft entries that wait for the disk.",
            )?,
            size_bytes: gauge(
                registry,
                "pganalytics_log_size_bytes",
                "Size of all Raft log segments.",
            )?,
            segments: gauge(
                registry,
                "pganalytics_log_segments",
                "Number of Raft log segments.",
            )?,
            read_entries: counter(
                registry,
                "pganalytics_log_read_entries_total",
                "Raft entries read back from disk instead of memory.",
            )?,
            failures: counter(
                registry,
                "pganalytics_log_failures_total",
                "Failed writes or syncs of the Raft log; one stops the node.",
            )?,
            torn_bytes: counter(
                registry,
                "pganalytics_log_torn_bytes_total",
                "Bytes of unanswered appends cut off at start-up.",
            )?,
        })
    }
}

/// What a [`Buffer`](crate::buffer::Buffer) counts. Clones share the same metrics.
#[derive(Clone, Debug)]
pub struct BufferMetrics {
    /// Bytes put into the buffer.
    pub(crate) put_bytes: IntCounter,
    /// Entries put into the buffer.
    pub(crate) put_entries: IntCounter,
    /// Entries read back from sled rather than from memory.
    pub(crate) read_entries: IntCounter,
    /// sled databases that failed and were moved aside.
    pub(crate) failures: IntCounter,
    pending_bytes: IntGauge,
    pending_entries: IntGauge,
    total_bytes: IntGauge,
    cap_bytes: IntGauge,
    oldest_seconds: Gauge,
}

impl BufferMetrics {
    /// Builds the metrics and registers them.
    ///
    /// # Errors
    /// If `registry` holds one of the names already.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        Ok(Self {
            put_bytes: counter(
                registry,
                "pganalytics_buffer_put_bytes_total",
                "Bytes put into the flush buffer.",
            )?,
            put_entries: counter(
                registry,
                "pganalytics_buffer_put_entries_total",
                "Log entries put into the flush buffer.",
            )?,
            read_entries: counter(
                registry,
                "pganalytics_buffer_read_entries_total",
                "Entries read back from sled instead of memory.",
            )?,
            failures: counter(
                registry,
                "pganalytics_buffer_failures_total",
                "sled databases that failed and were moved aside.",
            )?,
            pending_bytes: gauge(
                registry,
                "pganalytics_buffer_pending_bytes",
                "Bytes that wait for the flush.",
            )?,
            pending_entries: gauge(
                registry,
                "pganalytics_buffer_pending_entries",
                "Log entries that wait for the flush.",
            )?,
            total_bytes: gauge(
                registry,
                "pganalytics_buffer_size_bytes",
                "Bytes in the flush buffer, flushed ones that are kept included.",
            )?,
            cap_bytes: gauge(
                registry,
                "pganalytics_buffer_cap_bytes",
                "Most bytes that may wait for the flush.",
            )?,
            oldest_seconds: added(
                registry,
                Gauge::new(
                    "pganalytics_buffer_oldest_pending_seconds",
                    "Age of the oldest entry that waits for the flush, when last put, flushed or shown.",
                ),
            )?,
        })
    }

    /// Sets the gauges.
    pub(crate) fn show(&self, usage: &BufferUsage) {
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.pending_bytes.set(gauge(usage.pending_bytes));
        self.pending_entries.set(gauge(usage.pending_entries));
        self.total_bytes.set(gauge(usage.total_bytes));
        self.cap_bytes.set(gauge(usage.cap_bytes));
        let age = usage.oldest_pending.map(|put| put.elapsed().as_secs_f64());
        self.oldest_seconds.set(age.unwrap_or_default());
    }
}

fn added<C: Collector + Clone + 'static>(
    registry: &Registry,
    made: prometheus::Result<C>,
) -> prometheus::Result<C> {
    let metric = made?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn counter(registry: &Registry, name: &str, help: &str) -> prometheus::Result<IntCounter> {
    added(registry, IntCounter::new(name, help))
}

fn gauge(registry: &Registry, name: &str, help: &str) -> prometheus::Result<IntGauge> {
    added(registry, IntGauge::new(name, help))
}

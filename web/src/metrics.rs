//! Metrics of the HTTP front.

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
};

use crate::{JobRunner, decode, refusal};

/// Label of requests that no handler answered, as it panicked.
pub(crate) const OTHER: &str = "other";
/// Classes of statuses that answers have.
const STATUS_CLASSES: [&str; 3] = ["2xx", "4xx", "5xx"];
const LATENCY_BUCKETS: &[f64] = &[
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0,
];

/// Counters and histograms of the HTTP front; clones share them.
#[derive(Clone, Debug)]
pub struct WebMetrics {
    pub(crate) requests: HistogramVec,
    pub(crate) pushes: HistogramVec,
    pub(crate) elements: IntCounterVec,
    pub(crate) untyped_elements: IntCounter,
    pub(crate) unknown_fields: IntCounter,
    pub(crate) decode: Histogram,
    pub(crate) decode_errors: IntCounterVec,
    pub(crate) rejected_elements: IntCounterVec,
    pub(crate) refusals: IntCounterVec,
    pub(crate) received_bytes: IntCounter,
    pub(crate) sent_bytes: IntCounter,
    pub(crate) inflight_bytes: IntGauge,
    pub(crate) pushes_queued: IntGauge,
    pub(crate) connections: IntGauge,
    pub(crate) parked: IntGauge,
    pub(crate) connections_total: IntCounterVec,
    pub(crate) panics: IntCounter,
    pub(crate) jobs: JobRunner,
}

impl WebMetrics {
    /// Makes the metrics and registers them. `routes` are the names of the routes: labels.
    ///
    /// # Errors
    /// If a metric of the same name is registered already.
    #[expect(clippy::too_many_lines, reason = "a list of metrics")]
    pub fn register(
        registry: &Registry,
        routes: impl Iterator<Item = &'static str>,
    ) -> prometheus::Result<Self> {
        let decode_reasons = [&decode::REASONS[..], &decode::PUSH_REASONS].concat();
        let refusal_reasons = [&refusal::REASONS[..], &decode_reasons].concat();
        let metrics = Self {
            requests: histograms(
                "pganalytics_http_request_duration_seconds",
                "Time to answer a request, body included.",
                &["route", "status"],
            )?,
            pushes: histograms(
                "pganalytics_push_duration_seconds",
                "Time from the head of a push to its answer.",
                &["outcome"],
            )?,
            elements: counters(
                "pganalytics_push_elements_total",
                "Elements of acknowledged pushes.",
                "outcome",
                &["accepted", "repeated"],
            )?,
            untyped_elements: counter(
                "pganalytics_push_unknown_type_elements_total",
                "Elements of a type that no version of the protocol names; they are stored whole.",
            )?,
            unknown_fields: counter(
                "pganalytics_push_unknown_fields_total",
                "Envelope fields that were ignored.",
            )?,
            decode: Histogram::with_opts(
                HistogramOpts::new(
                    "pganalytics_push_decode_duration_seconds",
                    "Time to decompress and parse a push.",
                )
                .buckets(LATENCY_BUCKETS.to_vec()),
            )?,
            decode_errors: counters(
                "pganalytics_push_decode_errors_total",
                "Pushes that could not be decoded.",
                "reason",
                &decode_reasons,
            )?,
            rejected_elements: counters(
                "pganalytics_push_rejected_elements_total",
                "Elements that were refused alone; the others of their pushes are stored.",
                "reason",
                &decode::REASONS,
            )?,
            refusals: counters(
                "pganalytics_http_refusals_total",
                "Requests that were refused.",
                "reason",
                &refusal_reasons,
            )?,
            received_bytes: counter(
                "pganalytics_http_received_bytes_total",
                "Bytes read from clients, after TLS.",
            )?,
            sent_bytes: counter(
                "pganalytics_http_sent_bytes_total",
                "Bytes written to clients, before TLS.",
            )?,
            inflight_bytes: IntGauge::new(
                "pganalytics_http_inflight_bytes",
                "Memory taken by bodies being received, decoded and committed.",
            )?,
            pushes_queued: IntGauge::new(
                "pganalytics_http_pushes_queued",
                "Pushes that were received and wait for their turn.",
            )?,
            connections: IntGauge::new("pganalytics_http_connections", "Open connections.")?,
            parked: IntGauge::new(
                "pganalytics_http_connections_parked",
                "Open connections that are silent, and have no HTTP state.",
            )?,
            connections_total: counters(
                "pganalytics_http_connections_total",
                "Connections by what became of them.",
                "outcome",
                &[
                    "accepted",
                    "accept_failed",
                    "handshake_failed",
                    "over_limit",
                ],
            )?,
            panics: counter(
                "pganalytics_http_panics_total",
                "Handlers that panicked; the client got 500.",
            )?,
            jobs: JobRunner::register(registry)?,
        };
        for name in routes.chain([OTHER]) {
            for status in STATUS_CLASSES {
                metrics.requests.with_label_values(&[name, status]);
            }
        }
        for outcome in ["success", "refused", "unavailable", "failed"] {
            metrics.pushes.with_label_values(&[outcome]);
        }
        metrics.register_all(registry)?;
        Ok(metrics)
    }

    /// Who runs the analyses of this node.
    #[must_use]
    pub fn jobs(&self) -> JobRunner {
        self.jobs.clone()
    }

    fn register_all(&self, registry: &Registry) -> prometheus::Result<()> {
        registry.register(Box::new(self.requests.clone()))?;
        registry.register(Box::new(self.pushes.clone()))?;
        registry.register(Box::new(self.elements.clone()))?;
        registry.register(Box::new(self.untyped_elements.clone()))?;
        registry.register(Box::new(self.unknown_fields.clone()))?;
        registry.register(Box::new(self.decode.clone()))?;
        registry.register(Box::new(self.decode_errors.clone()))?;
        registry.register(Box::new(self.rejected_elements.clone()))?;
        registry.register(Box::new(self.refusals.clone()))?;
        registry.register(Box::new(self.received_bytes.clone()))?;
        registry.register(Box::new(self.sent_bytes.clone()))?;
        registry.register(Box::new(self.inflight_bytes.clone()))?;
        registry.register(Box::new(self.pushes_queued.clone()))?;
        registry.register(Box::new(self.connections.clone()))?;
        registry.register(Box::new(self.parked.clone()))?;
        registry.register(Box::new(self.connections_total.clone()))?;
        registry.register(Box::new(self.panics.clone()))
    }
}

fn histograms(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<HistogramVec> {
    HistogramVec::new(
        HistogramOpts::new(name, help).buckets(LATENCY_BUCKETS.to_vec()),
        labels,
    )
}

/// Counters with one label, each of whose `values` starts at 0: a rate sees no counter that appears
/// at 1.
fn counters(
    name: &str,
    help: &str,
    label: &str,
    values: &[&str],
) -> prometheus::Result<IntCounterVec> {
    let counters = IntCounterVec::new(Opts::new(name, help), &[label])?;
    for value in values {
        counters.with_label_values(&[value]).inc_by(0);
    }
    Ok(counters)
}

fn counter(name: &str, help: &str) -> prometheus::Result<IntCounter> {
    IntCounter::new(name, help)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::path::Path;

    use super::*;
    use crate::routes;

    const CALLS: [&str; 9] = [
        "Refusal::new(",
        "Refusal::bad(",
        "Refusal::too_large(",
        "Refusal::unavailable(",
        "DecodeError::new(",
        "DecodeError::bad(",
        "DecodeError::invalid(",
        "DecodeError::too_large(",
        "timed_out(",
    ];

    /// The reasons that the sources below `dir` give, by what stands in a constructor's call.
    fn reasons(dir: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                reasons(&path, found);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            for call in CALLS {
                let arguments = code.split(call).skip(1);
                let first = arguments.filter_map(|rest| rest.split(';').next()?.split('"').nth(1));
                found.extend(first.map(str::to_owned));
            }
        }
    }

    fn registered(registry: &Registry) -> WebMetrics {
        WebMetrics::register(registry, routes().map(|route| route.name)).unwrap()
    }

    #[test]
    fn every_reason_is_there_from_the_start() {
        let registry = Registry::new();
        drop(registered(&registry));
        let shown: Vec<String> = registry
            .gather()
            .iter()
            .filter(|family| family.name() == "pganalytics_http_refusals_total")
            .flat_map(|family| family.get_metric().to_vec())
            .map(|metric| metric.get_label()[0].value().to_owned())
            .collect();
        let mut given = Vec::new();
        reasons(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
            &mut given,
        );
        let is_word = |text: &&String| text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'_'));
        assert!(given.iter().filter(is_word).count() > 40);
        for reason in given.iter().filter(is_word) {
            assert!(shown.contains(reason), "{reason}");
        }
    }

    #[test]
    fn every_outcome_is_there_from_the_start() {
        let registry = Registry::new();
        drop(registered(&registry));
        let families = registry.gather();
        let names = routes().map(|route| route.name).chain([OTHER]);
        let labels = names.collect::<HashSet<_>>().len();
        for (name, series) in [
            ("pganalytics_http_request_duration_seconds", 3 * labels),
            ("pganalytics_push_duration_seconds", 4),
            ("pganalytics_push_elements_total", 2),
            (
                "pganalytics_push_rejected_elements_total",
                decode::REASONS.len(),
            ),
            ("pganalytics_http_connections_total", 4),
        ] {
            let family = families.iter().find(|family| family.name() == name);
            assert_eq!(
                family.map(|family| family.get_metric().len()),
                Some(series),
                "{name}"
            );
        }
    }
}

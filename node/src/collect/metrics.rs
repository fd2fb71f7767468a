//! What the collector shows to Prometheus, at an address of its own.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use prometheus::{CounterVec, GaugeVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::error::CollectError;

/// Connections at once: scrapes are short and few.
const MAX_CONNECTIONS: usize = 16;
/// Longest time of a connection, which serves one request.
const MAX_TIME: Duration = Duration::from_secs(10);
/// Pause after a failed accept, which is usually a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How pushes end.
const RESULTS: [&str; 3] = ["acknowledged", "refused", "failed"];

/// Metrics of all servers of one process; `server` is hosts and ports.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    pub(super) cycles: IntCounterVec,
    pub(super) cycle_seconds: GaugeVec,
    pub(super) elements: IntCounterVec,
    pub(super) gaps: IntGaugeVec,
    pub(super) source_seconds: CounterVec,
    pub(super) source_reads: IntCounterVec,
    pub(super) pushes: IntCounterVec,
    pub(super) pushed_bytes: IntCounterVec,
    pub(super) last_push: GaugeVec,
    pub(super) spool_bytes: IntGaugeVec,
    pub(super) spool_cycles: IntGaugeVec,
    pub(super) spool_dropped: IntCounterVec,
    pub(super) skew: GaugeVec,
    pub(super) config_version: IntGaugeVec,
}

/// Makes a vector of a kind, and registers it.
macro_rules! vector {
    ($kind:ident, $on:expr, $name:literal, $help:literal, $labels:expr) => {{
        let vector = $kind::new(Opts::new($name, $help), $labels)?;
        $on.register(Box::new(vector.clone()))?;
        vector
    }};
}

impl Metrics {
    /// Registered on a registry of its own.
    ///
    /// # Errors
    /// If two have one name.
    #[rustfmt::skip]
    pub(super) fn new() -> prometheus::Result<Self> {
        let on = Registry::new();
        #[cfg(target_os = "linux")]
        on.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        Ok(Self {
            cycles: vector!(IntCounterVec, on, "pganalytics_collector_cycles_total", "Cycles: what was due was read", &["server"]),
            cycle_seconds: vector!(GaugeVec, on, "pganalytics_collector_cycle_seconds", "Time of the last cycle", &["server"]),
            elements: vector!(IntCounterVec, on, "pganalytics_collector_elements_total", "Elements that were read", &["server"]),
            gaps: vector!(IntGaugeVec, on, "pganalytics_collector_gaps", "Sources that cannot be read now", &["server"]),
            source_seconds: vector!(CounterVec, on, "pganalytics_collector_source_seconds_total", "Time of reading, by source", &["server", "source"]),
            source_reads: vector!(IntCounterVec, on, "pganalytics_collector_source_reads_total", "Readings, by source", &["server", "source"]),
            pushes: vector!(IntCounterVec, on, "pganalytics_collector_pushes_total", "Pushes by result; one that failed is pushed again", &["server", "result"]),
            pushed_bytes: vector!(IntCounterVec, on, "pganalytics_collector_pushed_bytes_total", "Bytes of the bodies of acknowledged pushes, by encoding", &["server", "encoding"]),
            last_push: vector!(GaugeVec, on, "pganalytics_collector_last_push_timestamp_seconds", "When the last push was acknowledged, since 1970", &["server"]),
            spool_bytes: vector!(IntGaugeVec, on, "pganalytics_collector_spool_bytes", "Bytes that wait to be pushed", &["server"]),
            spool_cycles: vector!(IntGaugeVec, on, "pganalytics_collector_spool_cycles", "Cycles that wait to be pushed", &["server"]),
            spool_dropped: vector!(IntCounterVec, on, "pganalytics_collector_spool_dropped_cycles_total", "Cycles that were dropped because the spool was full", &["server"]),
            skew: vector!(GaugeVec, on, "pganalytics_collector_clock_skew_seconds", "How far this machine's clock is ahead of the nodes'", &["server"]),
            config_version: vector!(IntGaugeVec, on, "pganalytics_collector_config_version", "Version of the cluster's configuration that runs, 0 for none", &["server"]),
            registry: on,
        })
    }

    /// Shows what is known of a server before anything happened.
    pub(super) fn begin(&self, server: &str) {
        for result in RESULTS {
            self.pushes.with_label_values(&[server, result]).inc_by(0);
        }
        self.cycles.with_label_values(&[server]).inc_by(0);
        self.elements.with_label_values(&[server]).inc_by(0);
        self.spool_dropped.with_label_values(&[server]).inc_by(0);
        self.config_version.with_label_values(&[server]).set(0);
    }

    /// All of them as text (Prometheus' exposition format 0.0.4).
    pub(super) fn text(&self) -> String {
        let text = TextEncoder::new().encode_to_string(&self.registry.gather());
        text.unwrap_or_else(|error| format!("# {error}\n"))
    }
}

/// Serves them at `/metrics` until the task ends.
///
/// # Errors
/// [`CollectError::Listen`] if the address cannot be had.
pub(super) async fn serve(
    address: SocketAddr,
    metrics: Arc<Metrics>,
) -> Result<JoinHandle<()>, CollectError> {
    let listening = TcpListener::bind(address).await;
    let listener = listening.map_err(|source| CollectError::Listen { address, source })?;
    tracing::info!(%address, "metrics are at /metrics");
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    Ok(pga_runtime::spawn(async move {
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "connection not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
                continue;
            };
            let metrics = Arc::clone(&metrics);
            pga_runtime::spawn(async move {
                let _slot = slot;
                let served = tokio::time::timeout(MAX_TIME, connection(stream, metrics)).await;
                if !matches!(served, Ok(Ok(()))) {
                    tracing::debug!(?served, "scrape ended early");
                }
            });
        }
    }))
}

async fn connection(stream: TcpStream, metrics: Arc<Metrics>) -> hyper::Result<()> {
    let service = service_fn(|request: Request<Incoming>| {
        let answer = answer(request.method(), request.uri().path(), &metrics);
        std::future::ready(Ok::<_, Infallible>(answer))
    });
    let mut server = http1::Builder::new();
    let served = server.keep_alive(false);
    served.serve_connection(TokioIo::new(stream), service).await
}

fn answer(method: &Method, path: &str, metrics: &Metrics) -> Response<Full<Bytes>> {
    let is_scrape = [Method::GET, Method::HEAD].contains(method) && path == "/metrics";
    let (status, text) = match is_scrape {
        true => (StatusCode::OK, metrics.text()),
        false => (
            StatusCode::NOT_FOUND,
            "metrics are at /metrics\n".to_owned(),
        ),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static(prometheus::TEXT_FORMAT);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests {
    use prometheus::core::Collector as _;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    impl Metrics {
        /// Name and help of each.
        fn names(&self) -> Vec<(String, String)> {
            let all = [
                self.cycles.desc(),
                self.cycle_seconds.desc(),
                self.elements.desc(),
                self.gaps.desc(),
                self.source_seconds.desc(),
                self.source_reads.desc(),
                self.pushes.desc(),
                self.pushed_bytes.desc(),
                self.last_push.desc(),
                self.spool_bytes.desc(),
                self.spool_cycles.desc(),
                self.spool_dropped.desc(),
                self.skew.desc(),
                self.config_version.desc(),
            ];
            let all = all.into_iter().flatten();
            all.map(|one| (one.fq_name.clone(), one.help.clone()))
                .collect()
        }
    }

    #[test]
    fn all_are_documented_as_they_are() {
        let metrics = Metrics::new().unwrap();
        let page = include_str!("../../../docs/collector.md");
        let described = metrics.names();
        assert_eq!(described.len(), 14);
        for (name, help) in described {
            let row = page
                .lines()
                .find(|line| line.starts_with(&format!("| `{name}` | ")));
            let row = row.unwrap_or_else(|| panic!("{name} is not in docs/collector.md"));
            assert!(row.ends_with(&format!(" | {help} |")), "{row}");
        }
    }

    #[tokio::test]
    async fn a_scrape_sees_what_was_counted() {
        let metrics = Arc::new(Metrics::new().unwrap());
        metrics.begin("db1:5432");
        metrics.cycles.with_label_values(&["db1:5432"]).inc();
        let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let listener = TcpListener::bind(address).await.unwrap();
        let free = listener.local_addr().unwrap();
        let taken = serve(free, Arc::clone(&metrics)).await.unwrap_err();
        assert!(matches!(taken, CollectError::Listen { .. }), "{taken}");
        drop(listener);
        let serving = serve(free, Arc::clone(&metrics)).await.unwrap();
        for (path, want) in [
            (
                "/metrics",
                "pganalytics_collector_cycles_total{server=\"db1:5432\"} 1\n",
            ),
            ("/", "metrics are at /metrics"),
        ] {
            let mut stream = TcpStream::connect(free).await.unwrap();
            let request = format!("GET {path} HTTP/1.1\r\nHost: c\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).await.unwrap();
            assert!(text.contains(want), "{path}: {text}");
        }
        serving.abort();
    }
}

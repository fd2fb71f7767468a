//! A real Prometheus that scrapes the nodes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use http::Method;
use pga_chaos_tests::{Cluster, free_ports, until};
use pga_client::{ClientOptions, Endpoint, HttpClient};
use serde_json::Value;
use tokio::process::{Child, Command};

/// Longest time for an answer.
const LIMIT: Duration = Duration::from_secs(10);

/// A running server; it ends with this value.
#[derive(Debug)]
pub(super) struct Server {
    port: u16,
    _child: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It runs below a shell, in a root of its own: asking is the way to end it.
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            let request = "POST /-/quit HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
            let asked = stream.write_all(request.as_bytes());
            let answered = asked.and_then(|()| stream.read_to_end(&mut Vec::new()));
            answered.unwrap_or_default();
        }
    }
}

impl Server {
    /// Starts one that scrapes every second.
    pub(super) async fn start(cluster: &Cluster) -> anyhow::Result<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("timescaledb.sh");
        let prepared = Command::new(&script)
            .args(["with", "promtool"])
            .status()
            .await?;
        ensure!(prepared.success(), "cannot install Prometheus");
        let port = free_ports(1)?;
        let endpoints = cluster.endpoints();
        let targets: Vec<String> = endpoints.iter().map(Endpoint::authority).collect();
        let config = serde_json::json!({
            "global": {"scrape_interval": "1s"},
            "scrape_configs": [{"job_name": "pganalytics", "static_configs": [{"targets": targets}]}],
        });
        // Its files end with it.
        let run = format!(
            "d=$(mktemp -d) && trap 'rm -rf \"$d\"' EXIT && echo '{config}' >\"$d/prometheus.yml\" && \
             prometheus --config.file=\"$d/prometheus.yml\" --storage.tsdb.path=\"$d/data\" \
             --web.listen-address=127.0.0.1:{port} --web.enable-lifecycle --log.level=warn"
        );
        let child = Command::new(&script)
            .args(["exec", "sh", "-c", &run])
            .stdin(Stdio::null())
            .spawn()?;
        let server = Self {
            port,
            _child: child,
        };
        until("it scrapes", Duration::from_secs(60), async || {
            let up = server.value("sum(up)").await;
            let up = up.map_err(|error| format!("{error:#}"))?;
            let all = endpoints.len().to_string();
            let is_up = up[0]["value"][1].as_str() == Some(all.as_str());
            if is_up { Ok(()) } else { Err(up.to_string()) }
        })
        .await?;
        Ok(server)
    }

    /// Waits until `expression` has a series.
    pub(super) async fn gives_series(&self, expression: &str) -> anyhow::Result<()> {
        until("there are series", Duration::from_secs(10), async || {
            let found = self.value(expression).await;
            let found = found.map_err(|error| format!("{error:#}"))?;
            match found.as_array() {
                Some(series) if !series.is_empty() => Ok(()),
                _ => Err("no series".to_owned()),
            }
        })
        .await
    }

    async fn value(&self, expression: &str) -> anyhow::Result<Value> {
        let endpoint: Endpoint = format!("http://127.0.0.1:{}", self.port).parse()?;
        let options = ClientOptions::new(LIMIT, LIMIT);
        let mut client = HttpClient::new(endpoint, Arc::new(options));
        let encoded: String = expression
            .bytes()
            .map(|byte| format!("%{byte:02X}"))
            .collect();
        let path = format!("/api/v1/query?query={encoded}");
        let answer = client
            .send(Method::GET, &path, None, bytes::Bytes::new())
            .await?;
        ensure!(
            answer.status.is_success(),
            "{} {}",
            answer.status,
            answer.text_start()
        );
        let json: Value = serde_json::from_slice(&answer.body)?;
        let result = json.pointer("/data/result");
        Ok(result.context("no result")?.clone())
    }
}

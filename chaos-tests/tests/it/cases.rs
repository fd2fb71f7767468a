//! Small inputs that users' reports led to, with the right values: `tests/cases/*.json`.
//!
//! A case is a list of steps. A `push` goes to the next node in turn; a `request` goes to every
//! node, again for up to ten seconds until the answer is right. Texts hold placeholders: `@-60` is
//! a minute ago as RFC 3339, `@s-60` in Unix seconds, `@cid1` a fresh collector id, `@pos:p` the
//! position that a push saved. An expected value is found by a JSON pointer, whose steps may pick
//! the one row of a list (`/queries[query_hash=42]/calls`), or by `#` and a pointer the length of a
//! list.

mod expect;
mod fill;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::Full;
use pga_chaos_tests::{Cluster, ClusterOptions, Timescale};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use self::expect::Expect;
use self::fill::Filler;

/// How long an answer may take to become right.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Deserialize)]
struct Case {
    title: String,
    steps: Vec<Step>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Step {
    push: Option<Value>,
    /// A body that JSON cannot hold.
    push_base64: Option<String>,
    encode: Option<String>,
    headers: BTreeMap<String, String>,
    save_position: Option<String>,
    request: Option<Asked>,
    /// Only `false` means anything: the first answer counts.
    retry: Option<bool>,
    max_seconds: Option<f64>,
    expect: Expect,
}

#[derive(Debug, Deserialize)]
struct Asked {
    method: String,
    path: String,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cases_have_their_values_on_every_node_with_the_embedded_store() -> anyhow::Result<()> {
    walk(ClusterOptions::default()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cases_have_their_values_on_every_node_with_timescaledb() -> anyhow::Result<()> {
    let database = Timescale::database().await?;
    walk(ClusterOptions {
        timescale: Some(database.url().to_owned()),
        ..ClusterOptions::default()
    })
    .await
}

async fn walk(options: ClusterOptions) -> anyhow::Result<()> {
    let cluster = Cluster::start(options).await?;
    let token = cluster.login(1).await?;
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases");
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        files.push(entry?.path());
    }
    files.sort();
    ensure!(files.len() >= 33, "{} cases", files.len());
    let mut wrong = Vec::new();
    for file in files {
        let case: Case = serde_json::from_slice(&std::fs::read(&file)?)
            .with_context(|| file.display().to_string())?;
        let mut walk = Walk::new(&cluster, &token);
        for step in &case.steps {
            if let Err(error) = walk.step(step).await {
                wrong.push(format!("{}: {}: {error:#}", file.display(), case.title));
            }
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

struct Walk<'a> {
    cluster: &'a Cluster,
    token: &'a str,
    filler: Filler,
    pushes: usize,
}

impl<'a> Walk<'a> {
    fn new(cluster: &'a Cluster, token: &'a str) -> Self {
        Self {
            cluster,
            token,
            filler: Filler::new(),
            pushes: 0,
        }
    }

    async fn step(&mut self, step: &Step) -> anyhow::Result<()> {
        if let Some(asked) = &step.request {
            return self.ask(asked, step).await;
        }
        let ids = self.cluster.ids();
        let id = ids.get(self.pushes % ids.len()).context("no nodes")?;
        self.pushes += 1;
        let body = fill::body(&mut self.filler, step)?;
        let mut request = Request::builder()
            .method(Method::POST)
            .uri("/api/v1/metrics/push")
            .header("content-type", "application/json");
        for (name, value) in &step.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::from(body)))?;
        let answer = self.cluster.client(*id)?.send_request(request).await?;
        let status = answer.status.as_u16();
        step.expect.check(status, &answer.headers, &answer.body)?;
        if let Some(name) = &step.save_position {
            let json: Value = serde_json::from_slice(&answer.body)?;
            self.filler.save(name, &json["position"]);
        }
        Ok(())
    }

    async fn ask(&mut self, asked: &Asked, step: &Step) -> anyhow::Result<()> {
        let path = self.filler.text(&asked.path);
        let path = path.as_str().context("a path")?;
        let method: Method = asked.method.parse()?;
        let end = Instant::now() + PATIENCE;
        for id in self.cluster.ids() {
            loop {
                let begun = Instant::now();
                let (status, headers, body) = self.send(id, &method, path).await?;
                let took = begun.elapsed().as_secs_f64();
                let mut checked = step.expect.check(status, &headers, &body);
                if step.max_seconds.is_some_and(|most| took > most) {
                    checked = Err(anyhow::anyhow!("took {took:.1} s"));
                }
                let is_last = step.retry == Some(false) || Instant::now() > end;
                match checked {
                    Ok(()) => break,
                    Err(error) if is_last => {
                        return Err(error.context(format!("{method} {path} on node {id}")));
                    }
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
        }
        Ok(())
    }

    async fn send(
        &self,
        id: u64,
        method: &Method,
        path: &str,
    ) -> anyhow::Result<(u16, HeaderMap, Bytes)> {
        let mut client = self.cluster.client(id)?;
        let token = Some(self.token);
        let answer = client
            .send(method.clone(), path, token, Bytes::new())
            .await?;
        Ok((answer.status.as_u16(), answer.headers, answer.body))
    }
}

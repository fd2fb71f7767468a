//! Answers that nodes share through a real Redis: right while it is well, away, stalled, emptied or
//! full of garbage.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use pga_chaos_tests::{Cluster, ClusterOptions, free_ports, until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::alert_kills::fetched;
use crate::bodies::position;

const METRIC: &str = "pganalytics_shared_cache_requests_total";
/// An answer without Redis, the deadline of 50 ms and a busy machine taken together.
const QUICK: Duration = Duration::from_secs(2);

struct Redis {
    process: Child,
    port: u16,
}

impl Redis {
    async fn start(port: u16) -> anyhow::Result<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("receivers.sh");
        let process = Command::new(script)
            .args(["redis", "--bind", "127.0.0.1", "--save", "", "--port"])
            .arg(port.to_string())
            .stdout(std::process::Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let redis = Self { process, port };
        until("Redis answers", Duration::from_secs(20), async || {
            redis.say("PING").await.map_err(|error| error.to_string())
        })
        .await?;
        Ok(redis)
    }

    /// An inline command; the start of its answer.
    async fn say(&self, command: &str) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream
            .write_all(format!("{command}\r\n").as_bytes())
            .await?;
        let mut answer = [0; 512];
        let read = stream.read(&mut answer).await?;
        let answer = answer.get(..read).unwrap_or_default();
        Ok(String::from_utf8_lossy(answer).into_owned())
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let id = self.process.id().and_then(|id| i32::try_from(id).ok());
        let id = id.and_then(Pid::from_raw).context("Redis is gone")?;
        Ok(kill_process(id, signal)?)
    }
}

/// How often a node's requests to Redis ended so.
async fn count(cluster: &Cluster, id: u64, outcome: &str) -> anyhow::Result<u64> {
    let metrics = cluster.metrics(id).await?;
    let start = format!("{METRIC}{{outcome=\"{outcome}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&start));
    Ok(line.with_context(|| format!("no {start}"))?.parse()?)
}

struct World {
    cluster: Cluster,
    collector: String,
    /// Of a window that does not move.
    path: String,
    calls: u64,
    /// Where the cluster stands.
    at: String,
}

impl World {
    async fn start(port: u16) -> anyhow::Result<Self> {
        let url = format!("redis://127.0.0.1:{port}/0");
        let options = ClusterOptions::default().with("cache.redis-url", &url);
        let cluster = Cluster::start(options).await?;
        let now = OffsetDateTime::now_utc();
        let text = |at: OffsetDateTime| at.format(&Rfc3339);
        let from = text(now - time::Duration::hours(1))?;
        let to = text(now + time::Duration::hours(1))?;
        let collector = "5e2c8f64-0f3c-4c5e-9a57-0d6f4ea0c001".to_owned();
        let path = format!("/api/v1/collectors/{collector}/queries/frequent?from={from}&to={to}");
        let mut world = Self {
            cluster,
            collector,
            path: path.replace('+', "%2B"),
            calls: 0,
            at: String::new(),
        };
        world.push(20).await?;
        world.push(10).await?;
        Ok(world)
    }

    /// Ten more calls, seen so many minutes ago.
    async fn push(&mut self, minutes_ago: i64) -> anyhow::Result<()> {
        self.calls += 10;
        let taken = OffsetDateTime::now_utc() - time::Duration::minutes(minutes_ago);
        let (taken, calls) = (taken.format(&Rfc3339)?, self.calls);
        let push = json!({"collector_id": self.collector, "hostname": "db-1", "timestamp": taken, "version": "3.0.0",
            "metrics": [{"type": "pg_query_stats", "timestamp": taken, "database": "shop", "queries": [
                {"hash": 7, "text": "SELECT 'kept apart'", "calls": calls, "total_time": calls, "mean_time": 1.0,
                 "min_time": 1.0, "max_time": 1.0, "stddev_time": 0.0, "rows": calls}]}]});
        let answer = self.cluster.push_ok(1, push.to_string()).await?;
        self.at = position(&answer)?;
        Ok(())
    }

    /// Asks a node; its answer is right, and comes soon.
    async fn ask(&self, id: u64) -> anyhow::Result<()> {
        let begun = Instant::now();
        let path = format!("{}&min_position={}", self.path, self.at);
        let answer = self.cluster.get_json(id, &path).await?;
        let took = begun.elapsed();
        let calls = answer["queries"][0]["calls"].as_u64();
        ensure!(calls == Some(self.calls - 10), "node {id}: {answer}");
        ensure!(took < QUICK, "node {id} took {took:?}");
        Ok(())
    }

    /// Asks a node until one more of its requests ended so: it looks for kept answers only once its
    /// store holds all that it has applied, and puts them in the background.
    async fn ask_until(&self, id: u64, outcome: &str) -> anyhow::Result<()> {
        let before = count(&self.cluster, id, outcome).await?;
        let what = format!("{outcome} of node {id}");
        until(&what, Duration::from_secs(10), async || {
            self.ask(id).await.map_err(|error| format!("{error:#}"))?;
            match count(&self.cluster, id, outcome).await {
                Ok(now) if now > before => Ok(()),
                now => Err(format!("{now:?}")),
            }
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_shared_and_redis_is_neither_needed_nor_believed() -> anyhow::Result<()> {
    fetched().await?;
    let port = free_ports(1)?;
    let redis = Redis::start(port).await?;
    let mut world = World::start(port).await?;

    world.ask_until(1, "put").await?;
    world.ask_until(2, "hit").await?;
    let asked = count(&world.cluster, 2, "miss").await?;
    ensure!(
        asked == 0,
        "node 2 asked its store, though node 1 had the answer"
    );
    let kept = redis
        .say("EVAL \"return redis.call('GET', redis.call('KEYS', '*')[1])\" 0")
        .await?;
    ensure!(kept.len() > 20 && !kept.contains("kept apart"), "{kept}");

    // What is newer is seen at once, by whomever.
    world.push(5).await?;
    for id in [2, 3, 1] {
        world.ask(id).await?;
    }

    let lie = "EVAL \"for _, k in ipairs(redis.call('KEYS', '*')) do redis.call('SET', k, 'garbage') end\" 0";
    world.push(4).await?;
    world.ask_until(1, "put").await?;
    redis.say(lie).await?;
    world.ask_until(3, "garbage").await?;

    world.push(3).await?;
    redis.say("FLUSHALL").await?;
    world.ask(2).await?;

    redis.signal(Signal::STOP)?;
    for minutes in [2, 1] {
        world.push(minutes).await?;
        for id in world.cluster.ids() {
            world.ask(id).await?;
        }
    }
    ensure!(
        count(&world.cluster, 1, "error").await? > 0,
        "it did not answer"
    );
    redis.signal(Signal::CONT)?;
    drop(redis);
    world.push(0).await?;
    for id in world.cluster.ids() {
        world.ask(id).await?;
    }
    Ok(())
}

//! What the leader's analyses cost over thirty days of 2,000 statements of three servers, and how
//! fast their results are read: one node, the embedded store.

mod fleet;
mod history;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::Method;
use pga_chaos_tests::{Cluster, ClusterOptions};
use pga_client::{ClientOptions, HttpClient};
use serde_json::{Value, json};

use self::fleet::{Fleet, STEP, Work};
use crate::Options;
use crate::durations::Durations;
use crate::report::Report;
use crate::usage::{cpu_time, mib, peak_bytes, reset_peak, resident_bytes};

const DAY: i64 = 86_400;
/// Reads of each route, and those of them that only warm up.
const ASKED: (usize, usize) = (105, 5);
/// Longest time of one job: a debug build takes minutes.
const LONGEST: Duration = Duration::from_secs(1_800);
const RESULTS: [&str; 9] = [
    "/api/v1/optimization-recommendations?limit=100",
    "/api/v1/databases/shop/index-recommendations",
    "/api/v1/workload-patterns",
    "/api/v1/anomalies?severity=all&state=all",
    "/api/v1/plan-regressions",
    "/api/v1/optimization-results",
    "/api/v1/queries/7919/rewrite-suggestions",
    "/api/v1/queries/7919/parameter-optimization",
    "/api/v1/jobs",
];

pub(crate) async fn run(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let fleet = Fleet {
        servers: 3,
        statements: options.statements,
        days: options.days,
    };
    let mut cluster = Cluster::start(ClusterOptions {
        nodes: 1,
        ..ClusterOptions::default()
    })
    .await?;
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
    // Rows from a midnight on, more than a day ago; sums before that.
    let midnight = (now - DAY) / DAY * DAY;
    push(&cluster, fleet, (midnight, now)).await?;
    cluster.wait_converged(Duration::from_secs(3_600)).await?;
    cluster.stop(&[1], Duration::from_secs(60)).await?;
    let store = cluster.node(1)?.data.join("store/store.db");
    let begin = midnight - (fleet.days - 1) * DAY;
    tokio::task::spawn_blocking(move || history::write(&store, fleet, begin, midnight)).await??;
    cluster.restart(1).await?;
    let mut client = Client::of(&cluster).await?;
    jobs(&cluster, &mut client, fleet, report).await?;
    for path in RESULTS {
        let times = client.times(path).await?;
        let shown = format!(
            "{:.1} / {:.1} ms",
            times.percentile(50),
            times.percentile(99)
        );
        report.add(format!("GET {path}: p50 / p99"), shown, "p99 < 50 ms");
    }
    Ok(())
}

/// Pushes what is kept as rows: samples of statements, an inventory each day, sessions of the last
/// eight hours.
async fn push(cluster: &Cluster, fleet: Fleet, (from, to): (i64, i64)) -> anyhow::Result<()> {
    let none = Work {
        calls: 0.0,
        ms: 0.0,
        rows: 0.0,
        hits: 0.0,
        reads: 0.0,
    };
    let mut sums = vec![none; usize::try_from(fleet.statements)?];
    for at in (from..to).step_by(usize::try_from(STEP)?) {
        let mut elements = vec![Fleet::sample(&sums, at)];
        if to - at < 8 * 3_600 {
            elements.extend((0..STEP / 10).map(|tick| Fleet::sessions(at + tick * 10)));
        }
        if (at - from) % (6 * 3_600) == 0 || at + STEP >= to {
            elements.extend(Fleet::inventory(at));
        }
        for server in 0..fleet.servers {
            let name = Fleet::name(server);
            let body = json!({ "collector_id": name, "hostname": name, "version": "3.0.0",
                "timestamp": at, "metrics_count": elements.len(), "metrics": elements });
            cluster.push_ok(1, body.to_string()).await?;
        }
        Fleet::add(&mut sums, at);
    }
    Ok(())
}

/// Runs each job once, and the watch of what is unusual as it begins.
async fn jobs(
    cluster: &Cluster,
    client: &mut Client,
    fleet: Fleet,
    report: &mut Report,
) -> anyhow::Result<()> {
    let pid = cluster.node(1)?.pid();
    let listed = client.ask(Method::GET, "/api/v1/jobs").await?;
    let jobs = listed["jobs"].as_array().context("no jobs")?;
    // What is looked at every minute cannot be started.
    let jobs = jobs
        .iter()
        .filter(|job| job["every_seconds"].as_i64() > Some(60));
    let names = jobs.filter_map(|job| job["name"].as_str());
    let paths = names.map(|name| format!("/api/v1/jobs/{name}/run"));
    let paths: Vec<String> = paths
        .chain(["/api/v1/anomalies/detect".to_owned()])
        .collect();
    let (mut cpu, mut most) = (Duration::ZERO, 0);
    let (days, statements, servers) = (fleet.days, fleet.statements, fleet.servers);
    let before_all = resident_bytes(pid)?;
    for path in paths {
        reset_peak(pid)?;
        let (begun, used, before) = (Instant::now(), cpu_time(cluster)?, resident_bytes(pid)?);
        let answer = client.ask(Method::POST, &path).await?;
        let (took, used, peak) = (begun.elapsed(), cpu_time(cluster)? - used, peak_bytes(pid)?);
        (cpu, most) = (cpu + used, most.max(peak));
        report.add(
            format!("POST {path}: CPU, time; memory before, at most; rows read"),
            format!(
                "{:.1} s, {:.1} s; {} MiB, {} MiB; {}",
                used.as_secs_f64(),
                took.as_secs_f64(),
                mib(before),
                mib(peak),
                answer["rows_read"]
            ),
            "",
        );
    }
    report.add(
        format!("all of them over {days} days × {statements} statements × {servers} servers: CPU; memory before, at most"),
        format!("{:.1} s; {} MiB, {} MiB", cpu.as_secs_f64(), mib(before_all), mib(most)),
        "< 60 s, < 300 MB",
    );
    Ok(())
}

/// Who asks, with patience.
struct Client {
    http: HttpClient,
    token: String,
}

impl Client {
    async fn of(cluster: &Cluster) -> anyhow::Result<Self> {
        let options = ClientOptions::new(Duration::from_secs(2), LONGEST);
        let endpoint = cluster.node(1)?.http.clone();
        Ok(Self {
            http: HttpClient::new(endpoint, Arc::new(options)),
            token: cluster.login(1).await?,
        })
    }

    async fn ask(&mut self, method: Method, path: &str) -> anyhow::Result<Value> {
        let answer = self
            .http
            .send(method, path, Some(&self.token), Bytes::new())
            .await?;
        ensure!(
            answer.status.is_success(),
            "{path}: {} {}",
            answer.status,
            answer.text_start()
        );
        Ok(serde_json::from_slice(&answer.body)?)
    }

    async fn times(&mut self, path: &str) -> anyhow::Result<Durations> {
        let mut times = Vec::new();
        for n in 0..ASKED.0 {
            let started = Instant::now();
            self.ask(Method::GET, path).await?;
            if n >= ASKED.1 {
                times.push(started.elapsed());
            }
        }
        Ok(times.into())
    }
}

//! Each limit of a running node: the refusal, its metric, and service after it.

use std::time::Duration;

use anyhow::{Context, ensure};
use futures::future::join_all;
use pga_chaos_tests::{Cluster, ClusterOptions, until};
use pga_client::Answer;
use rand::distr::Alphanumeric;
use rand::{Rng, SeedableRng};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::bodies::samples;
use crate::damage::said;
use crate::raw_http::{self, PUSH};
use crate::stores::Store;

const LIMIT: Duration = Duration::from_secs(60);
const HTTP: &str = "pganalytics_http_refusals_total";
const PUSHES: &str = "pganalytics_push_refusals_total";

/// A sample of node 1's metrics; 0 if there is none of this name.
async fn metric(cluster: &Cluster, sample: &str) -> anyhow::Result<f64> {
    let text = cluster.metrics(1).await?;
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    Ok(value.map_or(Ok(0.0), str::parse)?)
}

async fn counted(cluster: &Cluster, family: &str, reason: &str) -> anyhow::Result<()> {
    let sample = format!("{family}{{reason=\"{reason}\"}}");
    ensure!(
        metric(cluster, &sample).await? > 0.0,
        "{sample} is not counted"
    );
    Ok(())
}

fn id() -> String {
    Uuid::new_v4().to_string()
}

async fn push(cluster: &Cluster, collector: &str, value: u32) -> anyhow::Result<Answer> {
    let body = samples(collector, value..value + 1).to_string();
    cluster.push(1, body, &[]).await
}

fn is_refused(answer: &Answer, status: u16, reason: &str) -> anyhow::Result<()> {
    let text = answer.text_start();
    ensure!(answer.status == status, "{} {text}", answer.status);
    ensure!(text.contains(reason), "{text}");
    ensure!(answer.retry_after().is_some(), "no Retry-After: {text}");
    Ok(())
}

/// Pushes until it is taken.
async fn is_taken(cluster: &Cluster, collector: &str) -> anyhow::Result<()> {
    until("the push is taken", LIMIT, async || {
        let answer = push(cluster, collector, 1_000).await;
        match answer {
            Ok(answer) if answer.status == 200 => Ok(()),
            Ok(answer) => Err(answer.text_start()),
            Err(error) => Err(format!("{error:#}")),
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_limit_refuses_is_counted_and_gives_way() -> anyhow::Result<()> {
    let options = ClusterOptions {
        nodes: 1,
        ..ClusterOptions::default()
    };
    let options = options
        .with("limits.max-connections", "20")
        .with("limits.max-push-body", "1MiB")
        .with("limits.max-decoded", "1MiB")
        .with("limits.max-in-flight", "1MiB")
        .with("limits.max-elements", "1000")
        .with("limits.max-collectors", "4")
        .with("limits.max-series-per-collector", "100")
        .with("sessions.max", "3")
        .with("sessions.idle-timeout", "2s");
    let cluster = Cluster::start(options).await?;
    connections(&cluster).await.context("connections")?;
    bytes_in_flight(&cluster).await.context("bytes in flight")?;
    sizes(&cluster).await.context("sizes")?;
    series(&cluster).await.context("series")?;
    sessions_and_collectors(&cluster).await.context("sessions")
}

async fn connections(cluster: &Cluster) -> anyhow::Result<()> {
    let node = &cluster.node(1)?.http;
    let address = (node.host(), node.port());
    // Those that are taken stay open: one of the cluster's own may have ended meanwhile.
    let mut open = Vec::new();
    let mut refused = Vec::new();
    for _ in 0..60 {
        let mut stream = TcpStream::connect(address).await?;
        let read = stream.read_to_end(&mut refused);
        let read = tokio::time::timeout(Duration::from_millis(100), read).await;
        if !refused.is_empty() {
            break;
        }
        if read.is_err() {
            open.push(stream);
        }
    }
    let answer = raw_http::Answer::parse(&refused)?;
    ensure!(answer.status == 503, "{answer:?}");
    ensure!(answer.header("retry-after").is_some(), "{answer:?}");
    drop(open);
    is_taken(cluster, &id()).await?;
    let refused = "pganalytics_http_connections_total{outcome=\"over_limit\"}";
    ensure!(metric(cluster, refused).await? > 0.0, "{refused}");
    Ok(())
}

async fn bytes_in_flight(cluster: &Cluster) -> anyhow::Result<()> {
    let node = &cluster.node(1)?.http;
    let head = format!("POST {PUSH} HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n{{");
    let collector = id();
    let refused = async || {
        // Refused itself if anything else is in flight when it comes.
        let mut holder = TcpStream::connect((node.host(), node.port())).await?;
        holder.write_all(head.as_bytes()).await?;
        for _ in 0..20 {
            let answer = push(cluster, &collector, 1).await?;
            if answer.status != 200 {
                return is_refused(&answer, 503, "in flight");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        anyhow::bail!("no push is refused")
    };
    until("a push is refused", LIMIT, async || refused().await).await?;
    counted(cluster, HTTP, "inflight_bytes").await?;
    is_taken(cluster, &collector).await
}

async fn sizes(cluster: &Cluster) -> anyhow::Result<()> {
    let collector = id();
    let large = vec![b' '; (1 << 20) + 1];
    let packed = zstd::encode_all(large.as_slice(), 3)?;
    let many = samples(&collector, 0..1_001).to_string();
    for (name, body, reason) in [
        ("received", large, "body_bytes"),
        ("decoded", packed, "decoded_bytes"),
        ("elements", many.into_bytes(), "elements"),
    ] {
        let answer = cluster.push(1, body, &[]).await.context(name)?;
        ensure!(answer.status == 413, "{name}: {}", answer.text_start());
        counted(cluster, HTTP, reason).await.context(name)?;
        is_taken(cluster, &collector).await.context(name)?;
    }
    Ok(())
}

async fn series(cluster: &Cluster) -> anyhow::Result<()> {
    let collector = id();
    let names = |names: std::ops::Range<u32>| {
        let metrics: Vec<_> = names
            .map(|n| json!({"name": format!("s{n}"), "value": 1}))
            .collect();
        let push = json!({"collector_id": collector, "hostname": "db-1",
            "timestamp": "2026-01-01T00:00:00Z", "metrics": metrics});
        cluster.push(1, push.to_string(), &[])
    };
    let answer = until("a session is free", LIMIT, async || {
        match names(0..101).await {
            Ok(answer) if answer.status != 503 => Ok(answer),
            other => Err(format!("{other:?}")),
        }
    })
    .await?;
    is_refused(&answer, 429, "series_limit")?;
    counted(cluster, PUSHES, "series_limit").await?;
    let answer = names(0..100).await?;
    ensure!(answer.status == 200, "{}", answer.text_start());
    let answer = names(100..101).await?;
    is_refused(&answer, 429, "series_limit")?;
    let answer = names(0..50).await?;
    ensure!(answer.status == 200, "known ones: {}", answer.text_start());
    Ok(())
}

/// Of four collectors three have a session at a time; a fifth there may not be.
async fn sessions_and_collectors(cluster: &Cluster) -> anyhow::Result<()> {
    let registry = cluster.get_json(1, "/api/v1/cluster/status").await?;
    ensure!(registry.is_object(), "{registry}");
    let stranger = id();
    until("no collector more is taken", LIMIT, async || {
        let answer = push(cluster, &id(), 1).await;
        let answer = answer.map_err(|error| format!("{error:#}"))?;
        is_refused(&answer, 503, "collectors_full").map_err(|error| format!("{error:#}"))
    })
    .await?;
    counted(cluster, PUSHES, "collectors_full").await?;
    counted(cluster, PUSHES, "sessions_full").await?;
    ensure!(
        cluster.register_collector(1, "one-more").await.is_err(),
        "registered beyond the limit"
    );
    let answer = push(cluster, &stranger, 1).await?;
    ensure!(answer.status == 503, "{}", answer.text_start());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_queue_refuses_and_so_does_a_busy_collector() -> anyhow::Result<()> {
    let options = ClusterOptions {
        nodes: 1,
        ..ClusterOptions::default()
    };
    let options = options
        .with("limits.max-pushes", "4")
        .with("limits.max-push-wait", "1ms")
        .with("sessions.max-in-flight", "2");
    let cluster = Cluster::start(options).await?;
    let one = id();
    let many: Vec<String> = (0..16).map(|_| id()).collect();
    for (who, status, text, reason, counter) in [
        (
            vec![one.clone(); 16],
            429,
            "collector_busy",
            "collector_busy",
            PUSHES,
        ),
        (many, 503, "too many pushes wait", "queue_wait", HTTP),
    ] {
        let mut value = 0;
        until(reason, LIMIT, async || {
            value += 1;
            let pushes = who.iter().map(|id| push(&cluster, id, value));
            let answers = futures::future::join_all(pushes).await;
            let refused = answers
                .iter()
                .flatten()
                .map(|answer| is_refused(answer, status, text));
            if refused.into_iter().any(|refused| refused.is_ok()) {
                Ok(())
            } else {
                Err(format!("{:?}", answers.first()))
            }
        })
        .await?;
        counted(&cluster, counter, reason).await?;
        is_taken(&cluster, &one).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_log_refuses_until_a_flush_lets_some_of_it_go() -> anyhow::Result<()> {
    let options = ClusterOptions {
        nodes: 1,
        ..ClusterOptions::default()
    };
    let options = options
        .with("log.segment-size", "1MiB")
        .with("log.max-size", "4MiB");
    let cluster = Store::Timescale.cluster(options).await?;
    let database = cluster.database.as_ref().context("no database")?;
    database.crash().await?;
    let collector = id();
    let mut random = rand::rngs::StdRng::seed_from_u64(7);
    let mut large = || {
        let text = (&mut random).sample_iter(Alphanumeric).take(100_000);
        let text: String = text.map(char::from).collect();
        let push = json!({"collector_id": collector, "hostname": "db-1", "timestamp": "2026-01-01T00:00:00Z",
            "metrics": [{"type": "pg_log", "text": text}]});
        push.to_string()
    };
    let mut taken = 0;
    let refused = loop {
        let answer = cluster.push(1, large(), &[]).await?;
        if answer.status != 200 {
            break answer;
        }
        taken += 1;
        ensure!(taken < 100, "never refused");
    };
    is_refused(&refused, 503, "log_full")?;
    counted(&cluster, PUSHES, "log_full").await?;
    let size = metric(&cluster, "pganalytics_log_size_bytes").await?;
    ensure!(size <= f64::from(4 << 20), "{size} bytes of log");
    database.restart().await?;
    let body = large();
    let taken_again = until("a push is taken again", LIMIT, async || {
        match cluster.push(1, body.clone(), &[]).await {
            Ok(answer) if answer.status == 200 => Ok(answer),
            Ok(answer) => Err(answer.text_start()),
            Err(error) => Err(format!("{error:#}")),
        }
    })
    .await?;
    let position = crate::bodies::position(&serde_json::from_slice(&taken_again.body)?)?;
    let read = cluster.elements(1, &collector, Some(&position)).await?;
    ensure!(
        read.len() == taken + 1,
        "{taken} taken, {} read",
        read.len()
    );
    Ok(())
}

/// All of them know too few collectors when they look: the log decides.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn collectors_that_come_through_all_nodes_at_once_are_not_too_many() -> anyhow::Result<()> {
    const MOST: usize = 5;
    let options = ClusterOptions::default().with("limits.max-collectors", &MOST.to_string());
    let cluster = Cluster::start(options).await?;
    until("the limit is set", LIMIT, async || {
        let mut nodes = cluster.nodes().iter();
        let is_set = nodes.any(|node| said(&node.data, "limit of collectors set").unwrap_or(false));
        if is_set { Ok(()) } else { Err("not yet") }
    })
    .await?;
    let cluster = &cluster;
    let register = |n: u64| async move {
        let name = format!("at-once-{n}");
        cluster.register_collector(n % 3 + 1, &name).await.is_ok()
    };
    let push = |n: u64| async move {
        let body = samples(&id(), [1]).to_string();
        let pushed = cluster.push(n % 3 + 1, body, &[]).await;
        pushed.is_ok_and(|answer| answer.status == 200)
    };
    let (registered, pushed) =
        tokio::join!(join_all((0..15).map(register)), join_all((0..15).map(push)));
    let taken = [registered, pushed].concat();
    let taken = taken.iter().filter(|is_taken| **is_taken).count();
    ensure!((1..=MOST).contains(&taken), "{taken} collectors");
    let refused = push_through_all(cluster).await?;
    is_refused(&refused, 503, "collectors_full")
}

/// A stranger's push to one node after the other; the first answer that is no success.
async fn push_through_all(cluster: &Cluster) -> anyhow::Result<Answer> {
    for _ in 0..20 {
        for node in cluster.ids() {
            let body = samples(&id(), [1]).to_string();
            let answer = cluster.push(node, body, &[]).await?;
            if answer.status != 200 {
                return Ok(answer);
            }
        }
    }
    anyhow::bail!("every push is taken")
}

/// What a collector is told in vain has to be seen by people, on whichever node they look.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_push_is_shown_with_its_collector_on_every_node() -> anyhow::Result<()> {
    let cluster = Cluster::start(ClusterOptions::default()).await?;
    let token = cluster.register_collector(1, "noted").await?;
    let bearer = format!("Bearer {token}");
    for id in cluster.ids() {
        // A new cluster takes notes once all nodes have said that they know them.
        let shown = until("it is shown", Duration::from_secs(20), async || {
            let headers = [("authorization", bearer.as_str())];
            let refused = cluster.push(2, "{ no JSON", &headers).await;
            let status = refused.map_err(|error| format!("{error:#}"))?.status;
            if status != 400 {
                return Err(format!("the push was answered {status}"));
            }
            let list = cluster.get_json(id, "/api/v1/collectors").await;
            let list = list.map_err(|error| format!("{error:#}"))?;
            let error = &list["data"][0]["last_error"];
            error["at"]
                .as_str()
                .map(|_| error.clone())
                .ok_or(list.to_string())
        });
        let error = shown.await?;
        ensure!(error["node"] == 2, "node {id}: {error}");
        ensure!(
            error["reason"].is_string() && error["message"].is_string(),
            "{error}"
        );
    }
    Ok(())
}

//! Any node takes a push, and any node reads it back as it was sent.

use std::time::Duration;

use anyhow::{Context, ensure};
use http::Method;
use pga_chaos_tests::{Cluster, ClusterOptions};
use serde_json::json;

use crate::bodies::{
    elements, from_new_collector, many_cycles, one_cycle, position, same_elements, samples,
};
use crate::stores::{Store, on_both_stores};

on_both_stores!(
    real_pushes_read_back_on_every_node_as_they_were_sent,
    queries_are_rates_on_every_node
);

async fn real_pushes_read_back_on_every_node_as_they_were_sent(store: Store) -> anyhow::Result<()> {
    let cluster = store.cluster(ClusterOptions::default()).await?;
    for (name, push, count) in [
        ("one cycle", one_cycle()?, 14),
        ("many cycles", many_cycles()?, 168),
    ] {
        for to in cluster.ids() {
            let (collector, push) = from_new_collector(push.clone());
            let sent = elements(&push)?;
            ensure!(sent.len() == count, "{name}: {} elements", sent.len());
            let body = push.to_string();
            let answer = cluster.push_ok(to, body.clone()).await?;
            let at = position(&answer)?;
            let what = format!("{name} to node {to}: {answer}");
            ensure!(answer["status"] == "success", "{what}");
            ensure!(answer["collector_id"] == json!(collector), "{what}");
            ensure!(answer["bytes_received"] == json!(body.len()), "{what}");
            ensure!(answer["next_config_version"] == json!(0), "{what}");
            ensure!(answer["next_check_in_seconds"] == json!(60), "{what}");
            let stored = answer["metrics_inserted"].as_u64().unwrap_or_default();
            let repeated = answer["metrics_repeated"].as_u64().unwrap_or_default();
            ensure!(stored + repeated == count as u64, "{what}");
            let once = distinct(sent);
            ensure!(
                stored == once.len() as u64,
                "{what}: {} are different",
                once.len()
            );
            for from in cluster.ids() {
                let read = cluster.elements(from, &collector, Some(&at)).await?;
                same_elements(&format!("{what}, read on node {from}"), &once, &read)?;
            }
        }
    }
    Ok(())
}

/// A real collector repeats elements within one push; each is stored once.
fn distinct(sent: &[serde_json::Value]) -> Vec<serde_json::Value> {
    let mut seen = std::collections::HashSet::new();
    let is_new = |element: &&serde_json::Value| seen.insert(element.to_string());
    sent.iter().filter(is_new).cloned().collect()
}

async fn queries_are_rates_on_every_node(store: Store) -> anyhow::Result<()> {
    let cluster = store.cluster(ClusterOptions::default()).await?;
    let now = time::OffsetDateTime::now_utc();
    let (collector, _) = from_new_collector(json!({}));
    let mut at = String::new();
    // 1,000 calls before the first look are nobody's rate; 30 and 12 happen between the looks.
    for (minutes, calls) in [(3, 1_000), (2, 1_030), (1, 1_042)] {
        let taken = now - time::Duration::minutes(minutes);
        let taken = taken.format(&time::format_description::well_known::Rfc3339)?;
        let push = json!({"collector_id": collector, "hostname": "db-1", "timestamp": taken, "version": "3.0.0",
            "metrics": [{"type": "pg_query_stats", "timestamp": taken, "database": "shop", "queries": [
                {"hash": -42, "text": "SELECT 1", "calls": calls, "total_time": f64::from(calls) * 2.0, "mean_time": 2.0,
                 "min_time": 1.0, "max_time": 9.0, "stddev_time": 0.1, "rows": calls}]}]});
        at = position(&cluster.push_ok(1, push.to_string()).await?)?;
    }
    for id in cluster.ids() {
        let path =
            format!("/api/v1/collectors/{collector}/queries/frequent?hours=1&min_position={at}");
        // Not every route waits for a position: reading the elements does.
        cluster.elements(id, &collector, Some(&at)).await?;
        let answer = cluster.get_json(id, &path).await?;
        let query = answer["queries"]
            .get(0)
            .with_context(|| format!("node {id}: {answer}"))?;
        ensure!(query["query_hash"] == json!(-42), "node {id}: {query}");
        ensure!(query["calls"] == json!(42), "node {id}: {query}");
        ensure!(
            query["total_time"].as_f64() == Some(84.0),
            "node {id}: {query}"
        );
        let timeline = cluster.get_json(id, "/api/v1/queries/-42/timeline").await?;
        ensure!(
            timeline.to_string().contains("SELECT 1"),
            "node {id}: {timeline}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_is_told_how_often_it_pushes() -> anyhow::Result<()> {
    let cluster = Cluster::start(ClusterOptions::default()).await?;
    // Who leads has applied a push when it answers; the others may a moment later.
    let leader = cluster.leader().await?;
    let mut told = Vec::new();
    for value in 0..3 {
        // Two seconds and a bit apart: the next whole second is told.
        let body = samples("told", [value]).to_string();
        let answer = cluster.push_ok(leader, body).await?;
        told.push(
            answer["next_check_in_seconds"]
                .as_u64()
                .context("no number")?,
        );
        tokio::time::sleep(Duration::from_millis(2_100)).await;
    }
    ensure!(told[0] == 60, "the first push says nothing: {told:?}");
    let of_late = told[1..].iter().all(|seconds| (3..30).contains(seconds));
    ensure!(of_late, "pushes are some two seconds apart: {told:?}");
    Ok(())
}

/// A load balancer sends what follows a login, or a registration, to any node.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_new_at_one_node_is_known_at_the_others_at_once() -> anyhow::Result<()> {
    let options = ClusterOptions::default().with("node.demo", "false");
    let cluster = Cluster::start(options).await?;
    for round in 0..10 {
        let (first, then) = (1 + round % 3, 1 + (round + 1) % 3);
        let token = cluster.login(first).await?;
        let path = "/api/v1/users";
        let asked = cluster.send(then, Method::GET, path, Some(&token), String::new());
        let asked = asked.await?;
        ensure!(asked.status == 200, "{round}: {}", asked.text_start());
        let name = format!("new-{round}");
        let token = cluster.register_collector(first, &name).await?;
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        let pushed = cluster.push(then, "no JSON", &headers).await?;
        ensure!(pushed.status == 400, "{round}: {}", pushed.text_start());
    }
    Ok(())
}

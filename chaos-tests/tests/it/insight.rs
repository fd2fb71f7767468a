//! What is found out about a workload, with real processes: through any node, after its leader is
//! killed, in both stores.

use std::time::Duration;

use anyhow::{Context, ensure};
use http::Method;
use pga_chaos_tests::{Cluster, ClusterOptions, until};
use serde_json::{Value, json};

use crate::bodies::position;
use crate::stores::{Store, on_both_stores};

/// Under which the cluster keeps what it finds.
const OWN: &str = "7067616e-616c-8974-8963-7366696e6473";
/// Rows of a table that takes a while to read.
const ROWS: u64 = 1_000_000;
/// How long an alert may take to fire.
const ALERT: Duration = Duration::from_secs(60);
const SLOW: &str = "SELECT * FROM lines WHERE order_id = $1";
const REWRITABLE: &str =
    "SELECT id FROM lines WHERE (SELECT count(*) FROM orders o WHERE o.id = order_id) > 0";

/// A time so many seconds ago.
pub(crate) fn ago(seconds: i64) -> String {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    let micros = i64::try_from(now.as_micros()).unwrap_or(0) - seconds * 1_000_000;
    pga_storage::Timestamp::from_micros(micros).to_string()
}

/// Counters of the two statements after so many minutes of 100 calls a minute: of the first, calls
/// take `before` milliseconds each for 30 minutes, and then `after`.
fn statements(minute: i64, last: i64, (before, after): (i64, i64)) -> Value {
    let calls = minute * 100;
    let slow = minute.min(30) * 100 * before + (minute - 30).max(0) * 100 * after;
    // Calls lie 5 ms off the mean of their half; the halves' means lie apart by so much.
    let late = (minute - 30).max(0) as f64 / minute.max(1) as f64;
    let apart = late * (1.0 - late) * ((after - before) as f64).powi(2);
    let row = |hash: i64, text: &str, total: i64, apart: f64| {
        json!({ "hash": hash, "text": text, "calls": calls, "total_time": total, "rows": calls,
            "mean_time": total as f64 / calls.max(1) as f64, "min_time": 1.0, "max_time": 90.0,
            "stddev_time": (25.0 + apart).sqrt(), "shared_blks_hit": calls * 10,
            "shared_blks_read": calls })
    };
    json!({ "type": "pg_query_stats", "timestamp": ago((last - minute) * 60), "database": "shop",
        "queries": [row(-7, SLOW, slow, apart), row(9, REWRITABLE, calls * 3, 0.0)] })
}

/// A table of a million rows without an index on what it is asked for.
fn inventory() -> Vec<Value> {
    let at = ago(5);
    let column = |name: &str, number: u32, distinct: f64| {
        json!({ "schemaname": "public", "relname": "lines", "attname": name, "attnum": number,
            "type": "integer", "is_not_null": true, "null_frac": 0.0, "avg_width": 4,
            "n_distinct": distinct, "correlation": 0.1 })
    };
    let table = json!({ "schemaname": "public", "relname": "lines", "relkind": "r",
        "reltuples": ROWS, "relpages": 22_000, "relallvisible": 22_000, "n_tup_ins": 0 });
    let index = json!({ "class": "index", "schemaname": "public", "relname": "lines",
        "name": "lines_pkey", "kind": "btree", "columns": ["id"], "include": [],
        "definition": "CREATE UNIQUE INDEX lines_pkey ON public.lines USING btree (id)" });
    let element = |kind: &str, rows: Vec<Value>| {
        json!({ "type": kind, "timestamp": at, "database": "shop", "changed_only": false,
            "rows": rows })
    };
    vec![
        element("pg_table", vec![table]),
        element(
            "pg_column",
            vec![column("id", 1, -1.0), column("order_id", 2, -0.5)],
        ),
        element("pg_schema_object", vec![index]),
    ]
}

/// A plan of a statement that ran, so many minutes ago.
fn plan(hash: i64, minutes: i64, node: Value) -> Value {
    json!({ "type": "explain_plan", "timestamp": ago(minutes * 60), "database": "shop",
        "query_hash": hash, "plan_json": { "Plan": node }, "plan_text": null,
        "source": "auto_explain" })
}

/// Both statements have another plan since half an hour: the one that is slower since then has
/// lost its index, the other one takes what it took.
fn plans() -> Vec<Value> {
    let scan = |kind: &str, index: Option<&str>| {
        json!({ "Node Type": kind, "Relation Name": "lines", "Alias": "lines",
            "Index Name": index, "Startup Cost": 0.4, "Total Cost": 8.4, "Plan Rows": 1,
            "Plan Width": 8, "Filter": "(order_id = $1)" })
    };
    vec![
        plan(-7, 50, scan("Index Scan", Some("lines_order_id_idx"))),
        plan(-7, 40, scan("Index Scan", Some("lines_order_id_idx"))),
        plan(-7, 29, scan("Seq Scan", None)),
        plan(9, 50, scan("Index Scan", Some("lines_pkey"))),
        plan(9, 29, scan("Bitmap Heap Scan", None)),
    ]
}

pub(crate) struct Client<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) token: String,
}

impl Client<'_> {
    pub(crate) async fn ask(
        &self,
        node: u64,
        method: Method,
        path: &str,
        body: &Value,
    ) -> anyhow::Result<(u16, Value)> {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let answer = self
            .cluster
            .send(
                node,
                method,
                &format!("/api/v1{path}"),
                Some(&self.token),
                body,
            )
            .await?;
        let value = serde_json::from_slice(&answer.body).unwrap_or_default();
        Ok((answer.status.as_u16(), value))
    }

    pub(crate) async fn get(&self, node: u64, path: &str) -> anyhow::Result<Value> {
        let (status, value) = self.ask(node, Method::GET, path, &Value::Null).await?;
        ensure!(status == 200, "{path}: {status} {value}");
        Ok(value)
    }

    pub(crate) async fn post(&self, node: u64, path: &str, body: Value) -> anyhow::Result<Value> {
        let (status, value) = self.ask(node, Method::POST, path, &body).await?;
        ensure!(status < 300, "{path}: {status} {value}");
        Ok(value)
    }

    /// Has an analysis run, and waits until every node's store holds what it found.
    pub(crate) async fn judge(&self, node: u64, path: &str) -> anyhow::Result<Value> {
        self.judge_with(node, path, String::new()).await
    }

    pub(crate) async fn judge_with(
        &self,
        node: u64,
        path: &str,
        body: String,
    ) -> anyhow::Result<Value> {
        let path = format!("/api/v1{path}");
        let answer = self
            .cluster
            .send(node, Method::POST, &path, Some(&self.token), body)
            .await?;
        ensure!(
            answer.status.is_success(),
            "{path}: {}",
            answer.text_start()
        );
        let position = answer.headers.get("x-pganalytics-position");
        let position = position.context("no position")?.to_str()?;
        for node in self.cluster.ids() {
            self.cluster.elements(node, OWN, Some(position)).await?;
        }
        Ok(serde_json::from_slice(&answer.body)?)
    }
}

/// A server with a statement that lacks an index since its plan changed, and one that can be
/// rewritten.
pub(crate) async fn feed(cluster: &Cluster) -> anyhow::Result<()> {
    let mut metrics: Vec<Value> = (0..=60)
        .map(|minute| statements(minute, 60, (20, 62)))
        .collect();
    metrics.extend(inventory());
    metrics.extend(plans());
    let push = json!({ "collector_id": "db-1", "hostname": "db-1", "version": "3.0.0",
        "timestamp": ago(0), "metrics_count": metrics.len(), "metrics": metrics });
    let answer = cluster.push_ok(1, push.to_string()).await?;
    let position = position(&answer)?;
    for node in cluster.ids() {
        cluster.elements(node, "db-1", Some(&position)).await?;
    }
    Ok(())
}

async fn indexes(client: &Client<'_>) -> anyhow::Result<()> {
    let path = "/databases/shop/index-recommendations";
    let done = client.judge(1, &format!("{path}/generate")).await?;
    ensure!(done["recommendations_generated"] == 1, "{done}");
    for node in client.cluster.ids() {
        let listed = client.get(node, path).await?;
        let statement = &listed["recommendations"][0]["create_statement"];
        let wanted = "CREATE INDEX CONCURRENTLY lines_order_id_idx ON public.lines (order_id);";
        ensure!(statement == wanted, "node {node}: {listed}");
        let whole = listed["total"] == 1 && listed["truncated"] == false;
        ensure!(whole, "node {node}: {listed}");
    }
    tried(client, path).await?;
    let id = client.get(2, path).await?["recommendations"][0]["id"].clone();
    let dismiss = format!("/index-recommendations/{id}/dismiss");
    client
        .post(2, &dismiss, json!({ "reason": "the table goes" }))
        .await?;
    // Found again, it stays dismissed.
    client.judge(3, &format!("{path}/generate")).await?;
    let listed = client.get(3, path).await?;
    ensure!(listed["count"] == 0, "{listed}");
    let all = client
        .get(3, &format!("{path}?include_dismissed=true"))
        .await?;
    let reason = &all["recommendations"][0]["dismissed_reason"];
    ensure!(reason == "the table goes", "{all}");
    for (path, wanted) in [
        ("/databases/nowhere/index-recommendations/generate", 404),
        ("/index-recommendations/12/dismiss", 404),
        ("/index-recommendations/twelve/dismiss", 400),
        ("/queries/12345/rewrite-suggestions/generate", 404),
    ] {
        let (status, value) = client.ask(1, Method::POST, path, &Value::Null).await?;
        ensure!(status == wanted, "{path}: {status} {value}");
    }
    Ok(())
}

/// A collector is told what to try, and what it tells makes the advice surer.
async fn tried(client: &Client<'_>, path: &str) -> anyhow::Result<()> {
    let told = client.get(3, "/collectors/db-1/index-candidates").await?;
    let one = &told["data"][0];
    ensure!(told["count"] == 1 && one["query_hashes"][0] == -7, "{told}");
    let check = json!({ "type": "pg_index_check", "timestamp": ago(0), "database": "shop",
        "create_statement": one["create_statement"], "size_bytes": 1,
        "rows": [{ "query_hash": -7, "cost_before": 30_000.0, "cost_after": 8.0, "is_used": true }] });
    let push = json!({ "collector_id": "db-1", "hostname": "db-1", "version": "3.0.0",
        "timestamp": ago(0), "metrics_count": 1, "metrics": [check] });
    let answer = client.cluster.push_ok(2, push.to_string()).await?;
    let position = position(&answer)?;
    client.cluster.elements(1, "db-1", Some(&position)).await?;
    client.judge(1, &format!("{path}/generate")).await?;
    let listed = client.get(1, path).await?;
    let advice = &listed["recommendations"][0];
    let evidence = advice["evidence"].to_string();
    ensure!(advice["confidence_score"] == 0.9, "{listed}");
    ensure!(evidence.contains("falls from 30000 to 8"), "{listed}");
    Ok(())
}

async fn rewrites(client: &Client<'_>) -> anyhow::Result<()> {
    client
        .judge(2, "/queries/9/rewrite-suggestions/generate")
        .await?;
    let listed = client.get(1, "/queries/9/rewrite-suggestions").await?;
    let rewritten = listed[0]["suggested_rewrite"].as_str().unwrap_or_default();
    ensure!(rewritten.contains("EXISTS"), "{listed}");
    ensure!(
        listed[0]["suggestion_type"] == "subquery_optimization",
        "{listed}"
    );
    let none = client.get(1, "/queries/-7/rewrite-suggestions").await?;
    ensure!(none == json!([]), "{none}");
    Ok(())
}

/// Waits until the alert rule fires; the labels of the newest of its alerts.
async fn fires(client: &Client<'_>, node: u64, rule: &str) -> anyhow::Result<Value> {
    let path = format!("/alerts?rule={rule}");
    let fires = async || {
        let listed = client.get(node, &path).await;
        let listed = listed.map_err(|error| error.to_string())?;
        let one = &listed["data"][0];
        match one["state"] == "firing" {
            true => Ok(one["labels"].clone()),
            false => Err(listed.to_string()),
        }
    };
    until(&format!("{rule} fires"), ALERT, fires).await
}

async fn plan_regressions(client: &Client<'_>) -> anyhow::Result<()> {
    let done = client.judge(3, "/plan-regressions/detect").await?;
    ensure!(done["found"] == 1 && done["plans_read"] == 5, "{done}");
    for node in client.cluster.ids() {
        let listed = client.get(node, "/plan-regressions").await?;
        let one = &listed["plan_regressions"][0];
        ensure!(
            listed["total"] == 1 && one["query_hash"] == -7,
            "node {node}: {listed}"
        );
        ensure!(one["cause"]["kind"] == "index_gone", "{one}");
        ensure!(one["pivot"]["is"] == "Seq Scan on lines", "{one}");
        let after = one["after_ms"].as_f64().unwrap_or_default();
        ensure!((after - 62.0).abs() < 1.0, "{one}");
    }
    let labels = fires(client, 1, "Q2").await?;
    ensure!(
        labels["statement"] == "-7" && labels["database"] == "shop",
        "{labels}"
    );
    let dry = client
        .post(2, "/alert-rules/dry-run", json!({ "key": "Q2" }))
        .await?;
    ensure!(dry["fired"] == 1, "{dry}");
    // Asked again, the same is not found again.
    let again = client.judge(1, "/plan-regressions/detect").await?;
    ensure!(again["found"] == 0, "{again}");
    let none = client.get(1, "/queries/9/plan-regressions").await?;
    ensure!(
        none["count"] == 0,
        "the same time with another plan: {none}"
    );
    Ok(())
}

/// The page tells what was found; of a server that was seen for an hour there is no score.
async fn health(client: &Client<'_>) -> anyhow::Result<()> {
    let servers = client.get(1, "/servers").await?;
    let id = &servers["data"][0]["id"];
    let path = format!("/servers/{id}/health-report");
    for node in client.cluster.ids() {
        let told = client.get(node, &path).await?;
        ensure!(told["score"].is_null(), "node {node}: {told}");
        let sections = told["sections"].as_array().context("no sections")?;
        for (topic, wanted) in [
            ("costs", "SELECT * FROM lines"),
            ("trouble", "index gone"),
            ("advice", "EXISTS"),
            ("not_seen", "pg_activity_sample"),
        ] {
            let section = sections.iter().find(|one| one["topic"] == topic);
            let section = section.with_context(|| format!("no {topic}: {told}"))?;
            let is_told = section["items"].to_string().contains(wanted);
            ensure!(is_told, "{topic} on node {node}: {section}");
        }
    }
    let path = format!("/api/v1{path}?format=html");
    let sent = client
        .cluster
        .send(2, Method::GET, &path, Some(&client.token), String::new());
    let page = String::from_utf8(sent.await?.body.to_vec())?;
    ensure!(page.starts_with("<!doctype html>"), "{page}");
    ensure!(page.contains("SELECT * FROM lines"), "{page}");
    Ok(())
}

/// Part by part a statement ran as often as in all, and nothing is known of what was not sampled.
async fn parts(client: &Client<'_>) -> anyhow::Result<()> {
    for node in client.cluster.ids() {
        let path = "/collectors/db-1/queries/parts?hashes=-7&hours=2";
        let told = client.get(node, path).await?;
        let calls = told["statements"][0]["calls"].as_array();
        let calls = calls.with_context(|| format!("node {node}: {told}"))?;
        let sum: f64 = calls.iter().filter_map(Value::as_f64).sum();
        let is_whole = (sum - 6_000.0).abs() < 0.5 && told["step_seconds"] == 240.0;
        ensure!(is_whole && calls[0].is_null(), "node {node}: {told}");
    }
    Ok(())
}

async fn compare(client: &Client<'_>) -> anyhow::Result<()> {
    for (name, from, to) in [("before", 3_500, 1_900), ("after", 1_700, 60)] {
        let body = json!({ "name": name, "from": ago(from), "to": ago(to) });
        client.post(1, "/snapshots", body).await?;
    }
    let listed = client.get(3, "/snapshots").await?;
    ensure!(
        listed["count"] == 2 && listed["snapshots"][0]["name"] == "after",
        "{listed}"
    );
    let path = "/queries/comparison?before_snapshot=1&after_snapshot=2";
    let compared = client.get(2, path).await?;
    let first = &compared["comparisons"][0];
    ensure!(
        first["query_hash"] == -7 && first["improvement_status"] == "degraded",
        "{compared}"
    );
    for (name, wanted) in [("before_mean_time", 20.0), ("after_mean_time", 62.0)] {
        let told = first[name].as_f64().unwrap_or_default();
        // A difference that reaches over the end of the window counts by its share.
        ensure!((told - wanted).abs() < 0.1, "{name}: {first}");
    }
    ensure!(compared["degraded_count"] == 1, "{compared}");
    ensure!(compared["unchanged_count"] == 1, "{compared}");
    let path = "/queries/9/comparison?before_snapshot=1&after_snapshot=2";
    let one = client.get(3, path).await?;
    ensure!(
        one["comparison"]["improvement_status"] == "unchanged",
        "{one}"
    );
    let path = "/queries/comparison?before_snapshot=1&after_snapshot=99";
    let (status, _) = client.ask(1, Method::GET, path, &Value::Null).await?;
    ensure!(status == 404, "an unknown snapshot: {status}");
    delete_snapshot(client).await
}

/// A deleted snapshot is gone on every node, and what names it says so.
async fn delete_snapshot(client: &Client<'_>) -> anyhow::Result<()> {
    let body = json!({ "name": "wrong", "from": ago(90), "to": ago(60) });
    let made = client.post(2, "/snapshots", body).await?;
    ensure!(made["id"] == 3, "{made}");
    let deleted = client.ask(3, Method::DELETE, "/snapshots/3", &Value::Null);
    let (status, answer) = deleted.await?;
    ensure!(status == 200, "{status} {answer}");
    for node in 1..=3 {
        for (method, path) in [
            (Method::DELETE, "/snapshots/3"),
            (
                Method::GET,
                "/queries/comparison?before_snapshot=1&after_snapshot=3",
            ),
        ] {
            let (status, answer) = client.ask(node, method, path, &Value::Null).await?;
            ensure!(status == 404, "{path} at {node}: {status}");
            ensure!(answer["message"] == "There is no snapshot 3", "{answer}");
        }
    }
    Ok(())
}

/// All that is to be done, and what is to be done on one server.
async fn recommended(client: &Client<'_>) -> anyhow::Result<()> {
    let done = client.judge(3, "/jobs/rewrites/run").await?;
    ensure!(done["found"] == 1, "{done}");
    let all = client.get(2, "/optimization-recommendations").await?;
    let sources: Vec<_> = all.as_array().into_iter().flatten().collect();
    ensure!(
        sources.len() == 1 && sources[0]["source_type"] == "rewrite",
        "{all}"
    );
    for (server, count) in [(&sources[0]["collector_id"], 1), (&json!(OWN), 0)] {
        let id = server.as_str().unwrap_or_default();
        let path = format!("/optimization-recommendations?collector_id={id}");
        let of_server = client.get(1, &path).await?;
        ensure!(
            of_server.as_array().map(Vec::len) == Some(count),
            "{of_server}"
        );
    }
    let path = "/optimization-recommendations?min_position=nonsense";
    let (status, value) = client.ask(2, Method::GET, path, &Value::Null).await?;
    ensure!(status == 400, "{path}: {status} {value}");
    Ok(())
}

/// A job that a lost leader began is run again, and what both have found is told once.
async fn begun_anew(client: &Client<'_>, node: u64) -> anyhow::Result<()> {
    let done = client
        .post(node, "/jobs/index-advice/run", Value::Null)
        .await?;
    ensure!(done["found"] == 1, "{done}");
    let path = "/databases/shop/index-recommendations?include_dismissed=true";
    let listed = client.get(node, path).await?;
    ensure!(listed["total"] == 1, "{listed}");
    let jobs = client.get(node, "/jobs").await?;
    let rows = jobs["jobs"].as_array().context("no jobs")?;
    let job = rows.iter().find(|job| job["name"] == "index-advice");
    let job = job.context("no such job")?;
    ensure!(
        job["found"] == 1 && job["error"].is_null() && job["cuts"] == json!([]),
        "{job}"
    );
    Ok(())
}

async fn what_is_found_outlives_the_leader(store: Store) -> anyhow::Result<()> {
    let mut cluster = store.cluster(ClusterOptions::default()).await?;
    feed(&cluster).await?;
    let token = cluster.login(1).await?;
    let client = Client {
        cluster: &cluster,
        token,
    };
    parts(&client).await?;
    indexes(&client).await?;
    rewrites(&client).await?;
    plan_regressions(&client).await?;
    health(&client).await?;
    compare(&client).await?;
    recommended(&client).await?;
    // What the cluster keeps for itself is no server, and nobody pushes as it.
    let servers = client.get(1, "/collectors").await?;
    ensure!(servers["total"] == 1, "{servers}");
    let push = json!({ "collector_id": OWN, "hostname": "x", "version": "", "timestamp": ago(0),
        "metrics_count": 0, "metrics": [] });
    let (status, value) = client.ask(1, Method::POST, "/metrics/push", &push).await?;
    ensure!(status == 403, "{status} {value}");
    let token = client.token;
    let leader = cluster.leader().await?;
    // A job is under way on the leader when it is lost.
    let job = "/api/v1/jobs/index-advice/run";
    let begun = cluster.send(leader, Method::POST, job, Some(&token), "");
    let began = tokio::time::timeout(Duration::from_millis(50), begun).await;
    drop(began);
    cluster.kill(leader).await?;
    let other = cluster.ids().into_iter().find(|id| *id != leader);
    let other = other.context("no other node")?;
    cluster.wait_ready(other).await?;
    let client = Client {
        cluster: &cluster,
        token,
    };
    let listed = client.get(other, "/queries/9/rewrite-suggestions").await?;
    ensure!(listed[0]["rule"] == "w7", "after the leader: {listed}");
    let listed = client.get(other, "/plan-regressions?state=all").await?;
    ensure!(listed["total"] == 1, "after the leader: {listed}");
    fires(&client, other, "Q2").await?;
    let jobs = client.get(other, "/jobs").await?;
    let ran = jobs["jobs"].as_array().context("no jobs")?.iter();
    let ran = ran.filter(|job| job["last_run"].is_string() && job["every_seconds"] != 60);
    let ran = ran.count();
    ensure!((1..=2).contains(&ran), "{jobs}");
    begun_anew(&client, other).await?;
    let shown = client.get(other, "/snapshots").await?;
    ensure!(shown["count"] == 2, "{shown}");
    Ok(())
}

/// A server whose statement 3 takes four times as long for the last twenty of eight hours, in
/// samples of a minute.
pub(crate) fn unusual() -> Vec<Value> {
    let sample = |minute: i64| {
        let rows = (1..=4).map(|hash| {
            let calls = minute * 100;
            // Some noise, the same in every run.
            let extra = minute * 7 % 11;
            let slow = if hash == 3 {
                (minute - 460).max(0) * 9_000
            } else {
                0
            };
            json!({ "hash": hash, "text": format!("SELECT {hash}"), "calls": calls,
                "total_time": calls * hash * 10 + extra * 20 + slow, "rows": calls,
                "mean_time": 10.0, "min_time": 1.0, "max_time": 90.0, "stddev_time": 5.0 })
        });
        json!({ "type": "pg_query_stats", "timestamp": ago((480 - minute) * 60),
            "database": "odd", "queries": rows.collect::<Vec<_>>() })
    };
    (0..=480).map(sample).collect()
}

/// Four hours of the day that neither begin nor end in the last eight: a watch that begins knows no
/// more than that, and to it the first busy hour of a day would be unusual.
fn busy_hours() -> std::ops::Range<i64> {
    static START: std::sync::LazyLock<i64> = std::sync::LazyLock::new(|| {
        let hour = unix_seconds().div_euclid(3_600);
        let mut starts = (2..=11).map(|ahead| (hour + ahead).rem_euclid(24));
        starts.find(|start| *start <= 20).unwrap_or(0)
    });
    *START..*START + 4
}

pub(crate) fn unix_seconds() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(now.unwrap_or_default().as_secs()).unwrap_or(0)
}

/// A server whose days are alike, for nine days, in samples of five minutes.
pub(crate) fn regular() -> Vec<Value> {
    let (mut calls, mut total) = (0, 0);
    let (now, busy_hours) = (unix_seconds(), busy_hours());
    let mut sample = |five: i64| {
        let hour = (now - five * 300).div_euclid(3_600).rem_euclid(24);
        let busy = if busy_hours.contains(&hour) { 500 } else { 100 };
        calls += busy;
        total += busy * (10 + hour);
        json!({ "type": "pg_query_stats", "timestamp": ago(five * 300), "database": "even",
            "queries": [{ "hash": 11, "text": "SELECT 11", "calls": calls, "total_time": total,
                "rows": calls, "mean_time": 10.0, "min_time": 1.0, "max_time": 90.0,
                "stddev_time": 5.0 }] })
    };
    (0..9 * 288).rev().map(&mut sample).collect()
}

pub(crate) async fn push_all(
    cluster: &Cluster,
    id: &str,
    metrics: Vec<Value>,
) -> anyhow::Result<()> {
    let mut last = None;
    for (part, node) in metrics.chunks(400).zip(cluster.ids().into_iter().cycle()) {
        let push = json!({ "collector_id": id, "hostname": id, "version": "3.0.0",
            "timestamp": ago(0), "metrics_count": part.len(), "metrics": part });
        last = Some(position(&cluster.push_ok(node, push.to_string()).await?)?);
    }
    let last = last.context("nothing was pushed")?;
    for node in cluster.ids() {
        cluster.elements(node, id, Some(&last)).await?;
    }
    Ok(())
}

async fn anomalies(client: &Client<'_>) -> anyhow::Result<()> {
    let done = client.judge(2, "/anomalies/detect").await?;
    ensure!(done["found"].as_u64() >= Some(1), "{done}");
    let path = "/anomalies?severity=all";
    let mut id = Value::Null;
    for node in client.cluster.ids() {
        let listed = client.get(node, path).await?;
        let rows = listed["anomalies"].as_array().context("no rows")?;
        ensure!(rows.iter().all(|row| row["query_hash"] == 3), "{listed}");
        let spike = |row: &&Value| row["anomaly_type"] == "execution_time_spike";
        let spike = rows.iter().find(spike).context("no spike")?;
        let factor = spike["raw_metrics_json"]["factor"].as_f64();
        ensure!(
            factor.is_some_and(|factor| (3.5..4.5).contains(&factor)),
            "{spike}"
        );
        id = spike["id"].clone();
    }
    let labels = fires(client, 1, "Q3").await?;
    ensure!(
        labels["statement"] == "3" && labels["database"] == "odd",
        "{labels}"
    );
    // Asked again, the same is not found again.
    let again = client.judge(3, "/anomalies/detect").await?;
    ensure!(again["found"] == 0, "{again}");
    let resolve = format!("/anomalies/{id}/resolve");
    client.post(3, &resolve, Value::Null).await?;
    let listed = client.get(3, path).await?;
    let rows = listed["anomalies"].as_array().context("no rows")?;
    ensure!(rows.iter().all(|row| row["id"] != id), "{listed}");
    let of_statement = client.get(3, "/queries/3/anomalies").await?;
    let rows = of_statement["anomalies"].as_array().context("no rows")?;
    let resolved = rows
        .iter()
        .find(|row| row["id"] == id)
        .context("it is gone")?;
    ensure!(resolved["resolved"] == true, "{resolved}");
    let (status, _) = client
        .ask(1, Method::POST, "/anomalies/12/resolve", &Value::Null)
        .await?;
    ensure!(status == 404, "an unknown anomaly: {status}");
    Ok(())
}

async fn patterns(client: &Client<'_>) -> anyhow::Result<()> {
    let body = json!({ "database_name": "even", "lookback_days": 9 });
    let path = "/workload-patterns/analyze";
    client.judge_with(1, path, body.to_string()).await?;
    for node in client.cluster.ids() {
        let path = "/workload-patterns?database_name=even&pattern_type=hourly_peak";
        let listed = client.get(node, path).await?;
        let hours = &listed[0]["pattern_metadata"]["hours"];
        ensure!(
            *hours == json!(busy_hours().collect::<Vec<_>>()),
            "{listed}"
        );
    }
    let body = json!({ "database_name": "even", "lookback_days": 3 });
    let (status, _) = client.ask(1, Method::POST, path, &body).await?;
    ensure!(status == 400, "three days: {status}");
    Ok(())
}

async fn predictions(client: &Client<'_>) -> anyhow::Result<()> {
    let body = json!({ "query_hash": 11 });
    let before = client.post(2, "/ml/predict", body.clone()).await?;
    ensure!(before["source"] == "fallback", "{before}");
    let begun = client.post(1, "/ml/train", json!({})).await?;
    let id = begun["job_id"].as_str().context("no job")?.to_owned();
    let path = format!("/ml/train/{id}");
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let (status, job) = client.ask(2, Method::GET, &path, &Value::Null).await?;
        if status == 200 && job["status"] == "completed" {
            break;
        }
        let is_late = tokio::time::Instant::now() > deadline;
        ensure!(!is_late && job["status"] != "failed", "{status} {job}");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    let told = client.post(3, "/ml/predict", body).await?;
    ensure!(
        told["source"] == "native" && told["model_version"] == 1,
        "{told}"
    );
    let (low, high) = (&told["range"]["min"], &told["range"]["max"]);
    let value = told["predicted_execution_time_ms"].as_f64();
    ensure!(low.as_f64() <= value && value <= high.as_f64(), "{told}");
    ensure!(
        value.is_some_and(|value| (9.0..36.0).contains(&value)),
        "{told}"
    );
    let body = json!({ "prediction_id": told["prediction_id"], "query_hash": 11,
        "predicted_execution_time_ms": value, "actual_execution_time_ms": value });
    let checked = client.post(1, "/ml/validate", body).await?;
    ensure!(checked["within_confidence_interval"] == true, "{checked}");
    let (status, _) = client
        .ask(
            1,
            Method::POST,
            "/ml/predict",
            &json!({ "query_hash": 404 }),
        )
        .await?;
    ensure!(status == 400, "an unknown statement: {status}");
    Ok(())
}

async fn what_is_unusual_and_what_comes_back_is_told(store: Store) -> anyhow::Result<()> {
    let cluster = store.cluster(ClusterOptions::default()).await?;
    push_all(&cluster, "odd", unusual()).await?;
    push_all(&cluster, "even", regular()).await?;
    let token = cluster.login(1).await?;
    let client = Client {
        cluster: &cluster,
        token,
    };
    anomalies(&client).await?;
    patterns(&client).await?;
    predictions(&client).await
}

on_both_stores!(
    what_is_found_outlives_the_leader,
    what_is_unusual_and_what_comes_back_is_told
);

//! A server whose days are alike.

use anyhow::ensure;
use http::Method;
use serde_json::{Value, json};

use super::client::Client;
use super::times::{ago, unix_seconds};

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

pub(super) async fn patterns(client: &Client<'_>) -> anyhow::Result<()> {
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

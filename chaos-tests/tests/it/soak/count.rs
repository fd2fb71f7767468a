//! Each element that a collector made is stored once, as each node reads it.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use futures::future::try_join_all;
use http::Method;
use pga_chaos_tests::{Cluster, until};
use pga_client::HttpClient;
use serde_json::Value;

use super::collector::{Told, fingerprint};

/// Collectors that are read with one login: a token lasts a quarter of an hour.
const LOGIN_EVERY: usize = 20;

/// What each node holds: how many elements.
pub(super) async fn count(cluster: &Cluster, all: &[Told]) -> anyhow::Result<Vec<usize>> {
    let nodes = cluster.ids().into_iter();
    try_join_all(nodes.map(|id| count_on(cluster, id, all))).await
}

async fn count_on(cluster: &Cluster, id: u64, all: &[Told]) -> anyhow::Result<usize> {
    let mut client = cluster.client(id)?;
    let mut stored = 0;
    for some in all.chunks(LOGIN_EVERY) {
        let token = cluster.login(id).await?;
        for one in some {
            let read = same(&mut client, &token, one).await;
            stored += read.with_context(|| format!("node {id}, {}", one.id))?;
        }
    }
    Ok(stored)
}

async fn same(client: &mut HttpClient, token: &str, one: &Told) -> anyhow::Result<usize> {
    let mut seen: HashSet<u64> = HashSet::new();
    let mut cursor = String::new();
    let position = one
        .position
        .as_deref()
        .context("nothing was acknowledged")?;
    loop {
        let path = format!(
            "/api/v1/collectors/{}/metrics?limit=1000&min_position={position}{cursor}",
            one.id
        );
        let page = page(client, token, &path).await?;
        let data = page["data"].as_array().context("a page without data")?;
        for element in data {
            let print = fingerprint(element);
            ensure!(one.made.contains(&print), "nobody sent {element}");
            ensure!(seen.insert(print), "stored twice: {element}");
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let lost = one.made.len() - seen.len();
    ensure!(lost == 0, "{lost} of {} elements are lost", one.made.len());
    Ok(seen.len())
}

/// One page, once the store has got there.
async fn page(client: &mut HttpClient, token: &str, path: &str) -> anyhow::Result<Value> {
    until(
        "the store has got there",
        Duration::from_secs(180),
        async || {
            let sent = client.send(Method::GET, path, Some(token), Bytes::new());
            let answer = sent.await.map_err(|error| error.to_string())?;
            match answer.status.as_u16() {
                200 => serde_json::from_slice(&answer.body).map_err(|error| error.to_string()),
                status => Err(format!("{status} {}", answer.text_start())),
            }
        },
    )
    .await
}

//! Collectors that show who they are by the certificates that the cluster issued them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use pga_chaos_tests::{Cluster, ClusterOptions, until};
use pga_client::{ClientOptions, HttpClient};
use pga_cluster::ClusterId;
use pga_cluster::pki::{CertificateAuthority, Validity};
use pga_config::CollectorId;
use pga_node::collect::{self, CollectArgs};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::bodies::samples;

/// How soon every node has to refuse a certificate that is good no more.
const REVOKED_WITHIN: Duration = Duration::from_secs(5);
const LIMIT: Duration = Duration::from_secs(60);
const RENEW: &str = "/api/v1/collectors/renew-certificate";
const REFRESH: &str = "/api/v1/collectors/refresh-token";

/// What the cluster gave a collector.
struct Registered {
    id: String,
    token: String,
    certificate: Pem,
}

/// A certificate and its key.
#[derive(Clone)]
struct Pem(String, String);

impl Pem {
    fn of(answer: &Value) -> anyhow::Result<Self> {
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        let pair = text("certificate").zip(text("private_key"));
        let (certificate, key) = pair.with_context(|| format!("no certificate in {answer}"))?;
        Ok(Self(certificate, key))
    }
}

/// A client of a node that shows a certificate, or none.
fn client(cluster: &Cluster, node: u64, shows: Option<&Pem>) -> anyhow::Result<HttpClient> {
    let options = ClientOptions::new(Duration::from_secs(2), Duration::from_secs(30));
    let mut options = options.with_ca_file(&cluster.directory().join("demo/ca.pem"))?;
    if let Some(Pem(certificate, key)) = shows {
        options = options.with_certificate(certificate, key)?;
    }
    let endpoint = cluster.node(node)?.http.clone();
    Ok(HttpClient::new(endpoint, Arc::new(options)))
}

async fn register(cluster: &Cluster, name: &str) -> anyhow::Result<Registered> {
    let request = Request::builder()
        .method(Method::POST)
        .uri("/api/v1/collectors/register")
        .header("content-type", "application/json")
        .header("x-registration-secret", cluster.registration_secret())
        .body(Full::new(Bytes::from(
            json!({"name": name, "hostname": name}).to_string(),
        )))?;
    let answer = client(cluster, 1, None)?.send_request(request).await?;
    ensure!(answer.status == 200, "{}", answer.text_start());
    let answer: Value = serde_json::from_slice(&answer.body)?;
    let text = |name: &str| answer[name].as_str().map(str::to_owned);
    Ok(Registered {
        id: text("collector_id").context("no id")?,
        token: text("token").context("no token")?,
        certificate: Pem::of(&answer)?,
    })
}

/// The status of a push that names a collector.
async fn push(client: &mut HttpClient, token: Option<&str>, names: &str) -> anyhow::Result<u16> {
    let body = samples(names, 0..3).to_string().into();
    let path = "/api/v1/metrics/push";
    let answer = client.send(Method::POST, path, token, body).await?;
    Ok(answer.status.as_u16())
}

/// Asks for something without a body.
async fn post(
    client: &mut HttpClient,
    path: &str,
    token: Option<&str>,
) -> anyhow::Result<(u16, Value)> {
    let answer = client.send(Method::POST, path, token, Bytes::new()).await?;
    let body = serde_json::from_slice(&answer.body)?;
    Ok((answer.status.as_u16(), body))
}

fn secured(nodes: u16) -> ClusterOptions {
    let options = ClusterOptions {
        nodes,
        tls: true,
        ..ClusterOptions::default()
    };
    options.with("node.demo", "false")
}

/// Waits until every node refuses pushes over these connections, which were open before.
async fn all_refuse(open: &mut [HttpClient], names: &str) -> anyhow::Result<()> {
    for client in open {
        let what = format!("{} refuses", client.endpoint());
        until(&what, REVOKED_WITHIN, async || {
            match push(client, None, names).await {
                Ok(401) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await?;
    }
    Ok(())
}

fn open(cluster: &Cluster, shows: &Pem) -> anyhow::Result<Vec<HttpClient>> {
    let nodes = cluster.ids().into_iter();
    nodes
        .map(|node| client(cluster, node, Some(shows)))
        .collect()
}

/// What a push may show, and for whom.
async fn what_is_let_in(cluster: &Cluster, a: &Registered, b: &Registered) -> anyhow::Result<()> {
    let stranger = {
        let validity = Validity::for_next(Validity::NODE);
        let authority = CertificateAuthority::create(ClusterId::random(), validity)?;
        let id = CollectorId::from_external(&a.id);
        let identity = authority.issue_collector(id, "a", validity)?;
        Pem(identity.chain_pem(), identity.key_pem())
    };
    let (own, token_a, token_b) = (
        &a.certificate,
        Some(a.token.as_str()),
        Some(b.token.as_str()),
    );
    for (name, shows, token, names, want) in [
        ("the certificate alone", Some(own), None, &a.id, 200),
        ("both", Some(own), token_a, &a.id, 200),
        ("the token alone", None, token_a, &a.id, 200),
        ("neither", None, None, &a.id, 401),
        ("another in the body", Some(own), None, &b.id, 403),
        ("another in the token", Some(own), token_b, &b.id, 403),
        (
            "a bad token beside it",
            Some(own),
            Some("x.y.z"),
            &a.id,
            200,
        ),
        ("of another authority", Some(&stranger), None, &a.id, 401),
        ("that, and a token", Some(&stranger), token_a, &a.id, 200),
    ] {
        let status = push(&mut client(cluster, 2, shows)?, token, names).await?;
        ensure!(status == want, "{name}: {status}, not {want}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_its_collectors_until_it_is_renewed_or_deleted() -> anyhow::Result<()> {
    let cluster = Cluster::start(secured(3)).await?;
    let (a, b) = (
        register(&cluster, "a").await?,
        register(&cluster, "b").await?,
    );
    what_is_let_in(&cluster, &a, &b).await?;
    let (own, token_a) = (&a.certificate, Some(a.token.as_str()));

    // Renewed by the old one alone, over node 3; the old one is refused everywhere, also over
    // connections that were open.
    let mut before = open(&cluster, own)?;
    for client in &mut before {
        ensure!(push(client, None, &a.id).await? == 200);
    }
    let (status, answer) = post(&mut before[2], RENEW, None).await?;
    ensure!(status == 200, "{answer}");
    let next = Pem::of(&answer)?;
    all_refuse(&mut before, &a.id).await?;
    let mut after = open(&cluster, &next)?;
    for client in &mut after {
        let status = push(client, None, &a.id).await?;
        ensure!(
            status == 200,
            "the new one at {}: {status}",
            client.endpoint()
        );
    }
    // Who lost the answer has the token still.
    let (status, _) = post(&mut before[0], RENEW, None).await?;
    ensure!(status == 401, "the old one renews: {status}");
    let (status, answer) = post(&mut before[0], REFRESH, token_a).await?;
    ensure!(status == 200, "{answer}");
    // A certificate is as good as a token that ended.
    let (status, answer) = post(&mut after[1], REFRESH, None).await?;
    let token = answer["token"].as_str().context("no token")?;
    ensure!(
        status == 200 && push(&mut client(&cluster, 1, None)?, Some(token), &a.id).await? == 200
    );

    let admin = cluster.login(1).await?;
    let path = format!("/api/v1/collectors/{}", a.id);
    let deleted = cluster
        .send(1, Method::DELETE, &path, Some(&admin), "")
        .await?;
    ensure!(deleted.status == 204, "{}", deleted.text_start());
    all_refuse(&mut after, &a.id).await
}

/// Where a push needs no token, anybody may push as one that was deleted; its token stays bad.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_collectors_token_stays_bad_where_pushes_need_none() -> anyhow::Result<()> {
    let cluster = Cluster::start(secured(1).with("auth.push-authentication", "optional")).await?;
    let a = register(&cluster, "a").await?;
    let token = Some(a.token.as_str());
    let mut client = client(&cluster, 1, None)?;
    let (status, answer) = post(&mut client, REFRESH, token).await?;
    ensure!(status == 200, "{answer}");
    let admin = cluster.login(1).await?;
    let path = format!("/api/v1/collectors/{}", a.id);
    let deleted = cluster.send(1, Method::DELETE, &path, Some(&admin), "");
    ensure!(deleted.await?.status == 204);
    ensure!(push(&mut client, token, &a.id).await? == 200, "as anybody");
    let (status, answer) = post(&mut client, REFRESH, token).await?;
    ensure!(status == 401, "{status} {answer}");
    let pull = format!("/api/v1/config/{}", a.id);
    let pulled = client.send(Method::GET, &pull, token, Bytes::new()).await?;
    ensure!(pulled.status == 403, "{}", pulled.text_start());
    Ok(())
}

fn kept_certificate(dir: &Path) -> Option<String> {
    let text = std::fs::read_to_string(dir.join("identity.json")).ok()?;
    let kept: Value = serde_json::from_str(&text).ok()?;
    Some(kept["certificate"]["certificate"].as_str()?.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_certificates_are_required_the_collector_has_one_and_renews_it() -> anyhow::Result<()>
{
    let options = secured(1)
        .with("http.client-certificates", "required")
        .with("cluster.certificate-lifetime", "15s");
    let cluster = Cluster::start(options).await?;
    let a = register(&cluster, "a").await?;
    let token = Some(a.token.as_str());
    let (mut bare, mut shows) = (
        client(&cluster, 1, None)?,
        client(&cluster, 1, Some(&a.certificate))?,
    );
    ensure!(push(&mut bare, token, &a.id).await? == 401, "a token alone");
    ensure!(post(&mut bare, REFRESH, token).await?.0 == 401, "a refresh");
    ensure!(push(&mut shows, None, &a.id).await? == 200, "a certificate");
    ensure!(push(&mut shows, token, &a.id).await? == 200, "both");

    let dir = tempfile::tempdir()?;
    let mut args = CollectArgs::for_nodes(cluster.endpoints());
    args.registration_secret = Some(cluster.registration_secret().to_owned());
    args.ca_file = Some(cluster.directory().join("demo/ca.pem"));
    args.state_dir = Some(dir.path().to_owned());
    args.interval = Some(Duration::from_millis(500));
    let (stop, stopped) = watch::channel(false);
    let collecting = tokio::spawn(collect::run(args, stopped));
    let mut seen = Vec::new();
    until("two renewals", LIMIT, async || {
        if let Some(certificate) = kept_certificate(dir.path())
            && seen.last() != Some(&certificate)
        {
            seen.push(certificate);
        }
        if seen.len() >= 3 {
            Ok(())
        } else {
            Err(seen.len())
        }
    })
    .await?;
    // It goes on with the last one: each certificate holds 15 s only.
    let before = acknowledged(dir.path());
    until("pushes after that", LIMIT, async || {
        match (acknowledged(dir.path()), before) {
            (Some(now), Some(before)) if now >= before + 5 => Ok(()),
            other => Err(other),
        }
    })
    .await?;
    stop.send_replace(true);
    collecting.await??;
    // The first certificate has ended, on a connection that is open still.
    ensure!(push(&mut shows, None, &a.id).await? == 401, "it has ended");
    Ok(())
}

/// How many pushes a collector says were acknowledged.
fn acknowledged(dir: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(dir.join("status.json")).ok()?;
    let status: Value = serde_json::from_str(&text).ok()?;
    status["pushes_acknowledged"].as_u64()
}

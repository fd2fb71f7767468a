//! Settings and certificates that change under a node that runs.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::Method;
use pga_chaos_tests::{Cluster, ClusterOptions, until};
use pga_client::{ClientOptions, HttpClient};
use pga_cluster::ClusterId;
use pga_cluster::pki::{CertificateAuthority, Validity};

use crate::bodies::samples;

const LIMIT: Duration = Duration::from_secs(30);

/// Writes the node's configuration anew, with this at its end: in `[logging]`, or another section.
fn add(cluster: &Cluster, original: &str, added: &str) -> anyhow::Result<()> {
    Ok(std::fs::write(
        &cluster.node(1)?.config,
        format!("{original}\n{added}\n"),
    )?)
}

async fn status_of_push(cluster: &Cluster, from: u32) -> anyhow::Result<u16> {
    let body = samples("reloaded", from..from + 3).to_string();
    Ok(cluster.push(1, body, &[]).await?.status.as_u16())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_may_change_are_taken_and_others_named() -> anyhow::Result<()> {
    let cluster = Cluster::start(ClusterOptions::default()).await?;
    let original = std::fs::read_to_string(&cluster.node(1)?.config)?;
    ensure!(status_of_push(&cluster, 0).await? == 200);
    let said = cluster.command(1, &["reload"]).await?;
    ensure!(said.contains("nothing has changed"), "{said}");

    add(
        &cluster,
        &original,
        "[limits]\nmax-elements = 2\nmax-pushes = 7\n",
    )?;
    let said = cluster.command(1, &["reload"]).await?;
    ensure!(said.contains("limits.max-elements: taken"), "{said}");
    ensure!(
        said.contains("limits.max-pushes: needs a restart"),
        "{said}"
    );
    ensure!(status_of_push(&cluster, 10).await? == 413);

    // What is not valid changes nothing, and says why; a signal does the same as the command.
    add(
        &cluster,
        &original,
        "[limits]\nmax-elements = 9\nmax-elephants = 2\n",
    )?;
    cluster.hang_up(1)?;
    logged(&cluster, "configuration not read again").await?;
    logged(&cluster, "limits.max-elephants").await?;
    ensure!(status_of_push(&cluster, 20).await? == 413);

    add(
        &cluster,
        &original,
        "level = \"debug\"\n[limits]\nmax-elements = 3\n",
    )?;
    cluster.hang_up(1)?;
    logged(&cluster, " DEBUG ").await?;
    ensure!(status_of_push(&cluster, 30).await? == 200);
    Ok(())
}

/// Waits until node 1 has logged a text.
/// As external rotation does it: the file is moved away, and the node told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_file_that_was_moved_away_is_let_go_at_sighup() -> anyhow::Result<()> {
    let cluster = Cluster::start(ClusterOptions::default()).await?;
    let logs = cluster.node(1)?.data.join("logs");
    let (current, moved) = (logs.join("pganalytics.log"), logs.join("moved.1"));
    std::fs::rename(&current, &moved)?;
    cluster.hang_up(1)?;
    until("the new file is written", LIMIT, async || {
        let text = std::fs::read_to_string(&current)?;
        ensure!(text.contains("configuration read again"), "{text}");
        Ok(())
    })
    .await?;
    let before = std::fs::metadata(&moved)?.len();
    cluster.hang_up(1)?;
    until("it is written on", LIMIT, async || {
        let text = std::fs::read_to_string(&current)?;
        ensure!(
            text.matches("configuration read again").count() == 2,
            "{text}"
        );
        Ok(())
    })
    .await?;
    ensure!(
        before > 0 && std::fs::metadata(&moved)?.len() == before,
        "the old one was written"
    );
    Ok(())
}

async fn logged(cluster: &Cluster, text: &str) -> anyhow::Result<()> {
    let what = format!("{text:?} in the log");
    until(&what, LIMIT, async || match log(cluster) {
        Ok(log) if log.contains(text) => Ok(()),
        Ok(log) => Err(format!("{} bytes without it", log.len())),
        Err(error) => Err(format!("{error:#}")),
    })
    .await
}

/// What node 1 logged.
fn log(cluster: &Cluster) -> anyhow::Result<String> {
    let mut text = String::new();
    for file in std::fs::read_dir(cluster.node(1)?.data.join("logs"))? {
        text.push_str(&std::fs::read_to_string(file?.path())?);
    }
    Ok(text)
}

/// A client that trusts this authority only.
fn client(cluster: &Cluster, ca: &Path) -> anyhow::Result<HttpClient> {
    let options = ClientOptions::new(Duration::from_secs(2), Duration::from_secs(10));
    let options = options.with_ca_file(ca)?;
    let endpoint = cluster.node(1)?.http.clone();
    Ok(HttpClient::new(endpoint, Arc::new(options)))
}

async fn lives(client: &mut HttpClient) -> anyhow::Result<()> {
    let answer = client
        .send(Method::GET, "/livez", None, Bytes::new())
        .await?;
    ensure!(answer.status == 200, "{}", answer.status);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_https_certificate_changes_under_open_connections() -> anyhow::Result<()> {
    let options = ClusterOptions {
        nodes: 1,
        tls: true,
        ..ClusterOptions::default()
    };
    let cluster = Cluster::start(options).await?;
    let files = cluster.node(1)?.data.join("pki");
    let (certificate, key) = (files.join("https.pem"), files.join("https.key"));
    ensure!(certificate.exists(), "{} is missing", certificate.display());
    let old_ca = cluster.directory().join("demo/ca.pem");
    let mut open = client(&cluster, &old_ca)?;
    lives(&mut open).await?;

    // Of another authority: who has to connect again with the old one, fails.
    let authority =
        CertificateAuthority::create(ClusterId::random(), Validity::for_next(Validity::AUTHORITY))?;
    let new_ca = cluster.directory().join("new-ca.pem");
    std::fs::write(&new_ca, authority.certificate_pem())?;
    let names = ["127.0.0.1".to_owned()];
    let identity = authority.issue_https(&names, Validity::for_next(Validity::NODE))?;
    identity.write(&certificate, &key)?;
    let mut new = client(&cluster, &new_ca)?;
    until(
        "new connections see the new certificate",
        LIMIT,
        async || lives(&mut new).await.map_err(|error| format!("{error:#}")),
    )
    .await?;
    lives(&mut open)
        .await
        .context("the open connection was dropped")?;
    let late = lives(&mut client(&cluster, &old_ca)?).await;
    ensure!(late.is_err(), "the old certificate is still shown");

    // A broken pair keeps the one before, and says so.
    std::fs::write(&certificate, "no certificate")?;
    let failed = "pganalytics_https_certificate_loads_total{outcome=\"failed\"} 1";
    until("the broken file is told", LIMIT, async || {
        let answer = new.send(Method::GET, "/metrics", None, Bytes::new()).await;
        let answer = answer.map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        text.contains(failed).then_some(()).ok_or(text)
    })
    .await?;
    lives(&mut client(&cluster, &new_ca)?).await?;
    logged(&cluster, "the one before is kept").await?;
    lives(&mut open).await
}

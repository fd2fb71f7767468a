//! A backup made under load, the end of the whole cluster, and another one that begins with the
//! backup.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use http::Method;
use pga_chaos_tests::{Cluster, ClusterOptions, Load, until, verified};
use pga_loadgen::{LoadArgs, PushState, Run};
use pga_storage::{Position, Timestamp};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::bodies::{elements, from_new_collector, one_cycle, position, same_elements};
use crate::stores::{Setup, Store, on_both_stores};

on_both_stores!(what_was_acknowledged_before_a_backup_outlives_the_cluster);

const PASSPHRASE: &str = "twelve bytes or more\n";
const LIMIT: Duration = Duration::from_secs(90);
const CONFIG: &str = "[collector]\npush_interval = 10\n";

/// A backup, and what its maker said.
struct Backup {
    file: PathBuf,
    passphrase: PathBuf,
    report: Value,
}

impl Backup {
    /// Makes one through node `id`.
    async fn make(cluster: &Cluster, id: u64) -> anyhow::Result<Self> {
        let file = cluster.directory().join("cluster.pgab");
        let passphrase = private_file(cluster, "passphrase", PASSPHRASE)?;
        let config = cluster.node(id)?.config.clone();
        let mut args = vec!["backup", "--json", "--passphrase-file", text(&passphrase)?];
        args.extend(["--config", text(&config)?, text(&file)?]);
        let said = cluster.program_ok(&args).await?;
        let again = cluster.program(&args).await?;
        ensure!(
            again.status.code() == Some(1),
            "it replaced its own file: {again:?}"
        );
        Ok(Self {
            file,
            passphrase,
            report: serde_json::from_str(&said)?,
        })
    }

    fn position(&self) -> anyhow::Result<Position> {
        let text = self.report["head"]["position"].as_str();
        Ok(text.context("no position")?.parse()?)
    }

    /// The arguments of a restore.
    fn args(&self) -> anyhow::Result<Vec<&str>> {
        Ok(vec![
            text(&self.file)?,
            "--passphrase-file",
            text(&self.passphrase)?,
        ])
    }
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("a path as text")
}

fn private_file(cluster: &Cluster, name: &str, content: &str) -> anyhow::Result<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let path = cluster.directory().join(name);
    std::fs::write(&path, content)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(path)
}

/// What people and collectors left in the state.
struct Marks {
    collector_token: String,
    collector: String,
    push: Value,
    at: String,
}

async fn change(
    cluster: &Cluster,
    id: u64,
    method: Method,
    path: &str,
    body: String,
) -> anyhow::Result<Value> {
    let token = cluster.login(id).await?;
    let answer = cluster.send(id, method, path, Some(&token), body).await?;
    ensure!(
        answer.status.is_success(),
        "{path}: {}",
        answer.text_start()
    );
    Ok(serde_json::from_slice(&answer.body)?)
}

async fn leave_marks(cluster: &Cluster, id: u64) -> anyhow::Result<Marks> {
    let collector_token = cluster.register_collector(id, "kept").await?;
    let password = private_file(cluster, "carol", "a password of carol\n")?;
    let config = cluster.node(id)?.config.clone();
    let mut add = vec!["user", "add", "carol", "--email", "carol@example.test"];
    add.extend([
        "--password-file",
        text(&password)?,
        "--config",
        text(&config)?,
    ]);
    cluster.program_ok(&add).await?;
    let rule = json!({ "enabled": false, "for": "10m" }).to_string();
    change(cluster, id, Method::PATCH, "/api/v1/alert-rules/C1", rule).await?;
    let group = "/api/v1/config-groups/default";
    change(cluster, id, Method::PUT, group, CONFIG.to_owned()).await?;
    let (collector, push) = from_new_collector(one_cycle()?);
    let at = position(&cluster.push_ok(id, push.to_string()).await?)?;
    Ok(Marks {
        collector_token,
        collector,
        push,
        at,
    })
}

async fn find_marks(cluster: &Cluster, marks: &Marks) -> anyhow::Result<()> {
    for id in cluster.ids() {
        let login = json!({"username": "carol", "password": "a password of carol"}).to_string();
        let answer = cluster
            .send(id, Method::POST, "/api/v1/auth/login", None, login)
            .await?;
        ensure!(
            answer.status.is_success(),
            "carol on {id}: {}",
            answer.text_start()
        );
        let rule = cluster.get_json(id, "/api/v1/alert-rules/C1").await?;
        ensure!(rule["enabled"] == json!(false), "node {id}: {rule}");
        let list = cluster
            .get_json(id, "/api/v1/collectors?page_size=100")
            .await?;
        let mut all = list["data"].as_array().context("no list")?.iter();
        let kept = all.find(|one| one["name"] == json!("kept"));
        let kept = kept.and_then(|one| one["id"].as_str());
        let path = format!("/api/v1/config/{}", kept.context("no collector")?);
        let token = Some(marks.collector_token.as_str());
        let pulled = cluster.send(id, Method::GET, &path, token, "").await?;
        ensure!(
            pulled.body == CONFIG.as_bytes(),
            "node {id}: {}",
            pulled.text_start()
        );
        let audit = cluster
            .get_json(id, "/api/v1/audit?action=cluster.restore")
            .await?;
        ensure!(
            audit.to_string().contains("cluster.restore"),
            "node {id}: {audit}"
        );
        let read = cluster
            .elements(id, &marks.collector, Some(&marks.at))
            .await?;
        same_elements(&format!("node {id}"), elements(&marks.push)?, &read)?;
    }
    // A collector that never heard of its acknowledgement sends the same again, and more.
    for id in cluster.ids() {
        let again = cluster.push_ok(id, marks.push.to_string()).await?;
        ensure!(
            again["metrics_inserted"] == json!(0),
            "to node {id}: {again}"
        );
        let (collector, push) = from_new_collector(one_cycle()?);
        let answer = cluster.push_ok(id, push.to_string()).await?;
        let at = position(&answer)?;
        for from in cluster.ids() {
            let read = cluster.elements(from, &collector, Some(&at)).await?;
            same_elements(&format!("new, node {from}"), elements(&push)?, &read)?;
        }
    }
    let at = position(&cluster.push_ok(1, marks.push.to_string()).await?)?;
    let read = cluster.elements(1, &marks.collector, Some(&at)).await?;
    same_elements("after it was sent again", elements(&marks.push)?, &read)
}

/// A load, of which all is certain that was acknowledged before `begun`: of the rest each push is
/// there whole, or not at all.
fn certain_until(run: Arc<Run>, begun: Timestamp, position: Position) -> anyhow::Result<Arc<Run>> {
    let mut run = Arc::try_unwrap(run).map_err(|_| anyhow::anyhow!("the load is still read"))?;
    let mut certain = 0;
    for history in &mut run.histories {
        // A collector begins a push when the one before was answered; its time is in whole seconds.
        let later: Vec<Timestamp> = history.pushes.iter().skip(1).map(|(at, _)| *at).collect();
        for (n, (_, state)) in history.pushes.iter_mut().enumerate() {
            let answered = later
                .get(n)
                .is_some_and(|next| next.micros() + 1_000_000 <= begun.micros());
            if answered && *state == PushState::Acknowledged {
                certain += 1;
            } else {
                *state = PushState::Unknown;
            }
        }
        history.last_position = history.last_position.map(|last| last.min(position));
    }
    ensure!(certain > 20, "only {certain} pushes before the backup");
    Ok(Arc::new(run))
}

fn now() -> Timestamp {
    Timestamp::from(OffsetDateTime::now_utc())
}

/// Loads, makes a backup through a follower meanwhile, and loads on.
async fn back_up_under_load(cluster: &Setup) -> anyhow::Result<(Backup, LoadArgs, Arc<Run>)> {
    let mut args = cluster.load_args();
    args.interval = Duration::from_millis(50);
    args.elements = 50;
    let load = Load::start(args);
    load.acknowledged(100).await?;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let follower = cluster.leader().await? % 3 + 1;
    let begun = now();
    let backup = Backup::make(cluster, follower).await?;
    ensure!(
        backup.report["head"]["node"] == json!(follower),
        "{}",
        backup.report
    );
    load.acknowledged(100).await?;
    let (args, run) = load.stop().await?;
    let run = certain_until(run, begun, backup.position()?)?;
    Ok((backup, args, run))
}

/// Archives with some of their bytes changed are refused, and nothing is there afterwards.
async fn refuses_damage(
    cluster: &Cluster,
    backup: &Backup,
    members: &[String],
) -> anyhow::Result<()> {
    let whole = std::fs::read(&backup.file)?;
    let damaged = cluster.directory().join("damaged.pgab");
    let step = whole.len() / 11 + 1;
    let ends = (0..whole.len()).step_by(step).chain([whole.len() - 1]);
    for at in ends {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        for bytes in [flipped.as_slice(), &whole[..at]] {
            std::fs::write(&damaged, bytes)?;
            let args = [
                text(&damaged)?,
                "--passphrase-file",
                text(&backup.passphrase)?,
            ];
            let (dir, refused) = cluster.restore(members, &args).await?;
            ensure!(refused.status.code() == Some(65), "byte {at}: {refused:?}");
            ensure!(!dir.exists(), "byte {at}: something was made");
            let verify = ["backup", "verify", text(&damaged)?];
            let verify = cluster.program(&verify).await?;
            ensure!(verify.status.code() == Some(65), "byte {at}: {verify:?}");
        }
    }
    Ok(())
}

async fn what_was_acknowledged_before_a_backup_outlives_the_cluster(
    store: Store,
) -> anyhow::Result<()> {
    let mut cluster = store.cluster(ClusterOptions::default()).await?;
    let old = cluster.status_of(1).await?.cluster_id;
    let members = cluster.members()?;
    let marks = leave_marks(&cluster, 1).await?;
    // The log is in a later term than that of its beginning.
    let (leader, next) = (cluster.leader().await?, cluster.leader().await? % 3 + 1);
    let args = ["transfer-leader", "--to", &next.to_string()];
    cluster.command(leader, &args).await?;
    let (backup, load, run) = back_up_under_load(&cluster).await?;
    ensure!(backup.position()?.term > 1, "{:?}", backup.report["head"]);
    cluster.destroy().await?;
    if let Store::Embedded = store {
        refuses_damage(&cluster, &backup, &members).await?;
    }
    let mut args = backup.args()?;
    if let Store::Timescale = store {
        // The database lived on, and has what came after the backup.
        let (dir, refused) = cluster.restore(&members, &args).await?;
        let why = String::from_utf8_lossy(&refused.stderr).into_owned();
        ensure!(
            refused.status.code() == Some(1) && why.contains("beyond"),
            "{why}"
        );
        ensure!(!dir.exists(), "something was made");
        args.push("--any-database-position");
    }
    let (dir, made) = cluster.restore(&members, &args).await?;
    ensure!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    cluster.start_restored(&dir).await?;
    let new = cluster.status_of(1).await?.cluster_id;
    ensure!(new != old, "the cluster has its old id");
    find_marks(&cluster, &marks).await?;
    verified(&load, &run).await?;
    // Who joins gets the rows of the backup too, from a snapshot that was there before the cluster.
    cluster.join().await?;
    let mut load = load;
    load.nodes = cluster.endpoints();
    verified(&load, &run).await?;
    let fresh = Load::start(cluster.load_args());
    fresh.acknowledged(20).await?;
    fresh.verify().await?;
    Ok(())
}

/// The database was put back to where the backup is: it is taken without further words, and all
/// that was acknowledged is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_at_the_position_of_the_backup_goes_on_exactly_there() -> anyhow::Result<()> {
    let mut cluster = Store::Timescale.cluster(ClusterOptions::default()).await?;
    let members = cluster.members()?;
    let mut args = cluster.load_args();
    args.interval = Duration::from_millis(100);
    let load = Load::start(args);
    load.acknowledged(50).await?;
    let (load, run) = load.stop().await?;
    let marks = leave_marks(&cluster, 2).await?;
    let backup = Backup::make(&cluster, 3).await?;
    cluster.destroy().await?;
    let (dir, made) = cluster.restore(&members, &backup.args()?).await?;
    ensure!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    // Once it is handed over, the backup fits it no more.
    std::fs::rename(&dir, dir.with_extension("kept"))?;
    let (_, again) = cluster.restore(&members, &backup.args()?).await?;
    let why = String::from_utf8_lossy(&again.stderr).into_owned();
    ensure!(why.contains("belongs to cluster"), "{why}");
    std::fs::rename(dir.with_extension("kept"), &dir)?;
    cluster.start_restored(&dir).await?;
    find_marks(&cluster, &marks).await?;
    verified(&load, &run).await?;
    Ok(())
}

/// Pushes that get positions which the database holds already would be acknowledged and never
/// stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_newer_than_the_nodes_is_not_written_to() -> anyhow::Result<()> {
    let cluster = Store::Timescale.cluster(ClusterOptions::default()).await?;
    let (first, push) = from_new_collector(one_cycle()?);
    let at = position(&cluster.push_ok(1, push.to_string()).await?)?;
    cluster.elements(1, &first, Some(&at)).await?;
    let leader = cluster.leader().await?;
    let database = cluster
        .database
        .as_ref()
        .context("a database")?
        .connect()
        .await?;
    let shift = "UPDATE pganalytics.watermark SET index = index + 1000000";
    database.client.batch_execute(shift).await?;
    let (second, push) = from_new_collector(one_cycle()?);
    let at = position(&cluster.push_ok(1, push.to_string()).await?)?;
    until("the database is not written to", LIMIT, async || {
        let metrics = cluster
            .metrics(leader)
            .await
            .map_err(|e| format!("{e:#}"))?;
        let is_down = metrics.lines().any(|line| line == "pganalytics_store_up 0");
        if is_down {
            Ok(())
        } else {
            Err("it is up".to_owned())
        }
    })
    .await?;
    until("the log says why", LIMIT, async || {
        let log = cluster.log_ends();
        let says = log.contains("beyond this cluster's log");
        if says { Ok(()) } else { Err(log) }
    })
    .await?;
    let back = "UPDATE pganalytics.watermark SET index = index - 1000000";
    database.client.batch_execute(back).await?;
    let read = cluster.elements(1, &second, Some(&at)).await?;
    same_elements("once it is back", elements(&push)?, &read)
}

//! Readiness with real processes: `/readyz` and `/api/v1/health` say within 3 s that a quorum is
//! gone, and within 2 s that it is back. A stopped process (SIGSTOP) that wakes does not answer
//! from before.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use http::Method;
use pga_chaos_tests::{Cluster, ClusterOptions, until};
use serde_json::json;

/// How soon a node has to say that its quorum is gone.
const UNREADY_WITHIN: Duration = Duration::from_secs(3);
/// How soon it has to be ready once the quorum is back.
const READY_WITHIN: Duration = Duration::from_secs(2);
/// How soon a request that needs a quorum has to fail without one.
const REFUSED_WITHIN: Duration = Duration::from_secs(3);
/// Longest time a test waits for what comes late, to say how late.
const LIMIT: Duration = Duration::from_secs(30);

fn others(cluster: &Cluster, id: u64) -> Vec<u64> {
    let ids = cluster.ids().into_iter();
    ids.filter(|other| *other != id).collect()
}

/// The status codes of `/readyz` and `/api/v1/health`, and what the first says.
async fn asked(cluster: &Cluster, id: u64) -> anyhow::Result<(u16, u16, String)> {
    let ready = cluster.get(id, "/readyz").await?;
    let health = cluster.get(id, "/api/v1/health").await?;
    Ok((
        ready.status.as_u16(),
        health.status.as_u16(),
        ready.text_start(),
    ))
}

/// Waits until both say `status`; since when that is, from `since` on.
async fn wait_status(
    cluster: &Cluster,
    id: u64,
    status: u16,
    since: Instant,
) -> anyhow::Result<Duration> {
    let what = format!("node {id} answers {status}");
    until(&what, LIMIT, async || {
        let found = asked(cluster, id).await.map_err(|e| format!("{e:#}"))?;
        if (found.0, found.1) == (status, status) {
            Ok(())
        } else {
            Err(format!("{found:?}"))
        }
    })
    .await?;
    Ok(since.elapsed())
}

/// Starts the dead again: all at once, or one alone, which waits 1 s for the other before it votes.
async fn comes_back(
    cluster: &mut Cluster,
    last: u64,
    dead: &[u64],
    at_once: bool,
) -> anyhow::Result<()> {
    let first = *dead.first().context("nobody died")?;
    let started = if at_once { dead } else { &dead[..1] };
    for id in started {
        cluster.spawn(*id)?;
    }
    until("a node serves", LIMIT, async || {
        cluster.get(first, "/livez").await.map(drop)
    })
    .await?;
    let since = Instant::now();
    let ready = wait_status(cluster, last, 200, since).await?;
    eprintln!("{} restarted: 200 after {ready:?}", started.len());
    ensure!(ready < READY_WITHIN, "{ready:?}\n{}", cluster.log_ends());
    Ok(())
}

/// Everything that needs a quorum is refused in time; what does not goes on and says how old it is.
async fn refuses_and_reads(cluster: &Cluster, id: u64, token: &str) -> anyhow::Result<()> {
    let (_, _, reason) = asked(cluster, id).await?;
    ensure!(reason.contains("no quorum has confirmed"), "{reason}");
    let login = json!({"username": "admin", "password": "x"}).to_string();
    let path = "/api/v1/auth/login";
    let started = Instant::now();
    let answer = cluster.send(id, Method::POST, path, None, login).await?;
    let login_took = started.elapsed();
    ensure!(answer.status == 503, "{}", answer.text_start());
    let started = Instant::now();
    let registered = cluster.register_collector(id, "late").await;
    let register_took = started.elapsed();
    ensure!(registered.is_err(), "registered without a quorum");
    let path = "/api/v1/queries/1/timeline";
    let read = cluster.send(id, Method::GET, path, Some(token), "").await?;
    ensure!(read.status == 200, "{}", read.text_start());
    let age = read.headers.get("x-pganalytics-age-seconds");
    let age: u64 = age.context("no age")?.to_str()?.parse()?;
    eprintln!(
        "  login refused after {login_took:?}, registration after {register_took:?}; read is {age} s old"
    );
    ensure!(login_took < REFUSED_WITHIN && register_took < REFUSED_WITHIN);
    ensure!(age >= 2, "the read says it is {age} s old");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_of_three_are_killed_and_come_back() -> anyhow::Result<()> {
    for leads in [true, false] {
        let mut cluster = Cluster::start(ClusterOptions::default()).await?;
        let leader = cluster.leader().await?;
        let last = if leads { leader } else { leader % 3 + 1 };
        let token = cluster.login(last).await?;
        let dead = others(&cluster, last);
        for id in &dead {
            cluster.strike(*id)?;
        }
        let since = Instant::now();
        let unready = wait_status(&cluster, last, 503, since).await?;
        eprintln!("two killed, leader left {leads}: 503 after {unready:?}");
        ensure!(unready < UNREADY_WITHIN, "{unready:?}");
        refuses_and_reads(&cluster, last, &token).await?;
        for id in &dead {
            cluster.kill(*id).await?;
        }
        comes_back(&mut cluster, last, &dead, leads).await?;
    }
    Ok(())
}

/// Waits until a read with this token is answered so, from `since` on; says when, and with what.
async fn wait_read(
    (cluster, id): (&Cluster, u64),
    token: &str,
    status: u16,
    since: Instant,
) -> anyhow::Result<(Duration, String)> {
    let path = "/api/v1/collectors";
    let said = until("the read is answered so", LIMIT, async || {
        let read = cluster.send(id, Method::GET, path, Some(token), "").await;
        let read = read.map_err(|error| format!("{error:#}"))?;
        let has_time = read.headers.contains_key("retry-after");
        match read.status.as_u16() == status && has_time == (status == 503) {
            true => Ok(read.text_start()),
            false => Err(read.text_start()),
        }
    });
    let said = said.await?;
    Ok((since.elapsed(), said))
}

/// A session that ends, and a node that cannot hear of it: the others refuse it at once, and that
/// one within 5 s of its last word from a quorum.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_holds_on_a_node_that_is_cut_off() -> anyhow::Result<()> {
    let options = ClusterOptions::default().with("auth.reads-without-quorum", "refuse");
    let cluster = Cluster::start(options).await?;
    let last = cluster.leader().await?;
    let token = cluster.login(last).await?;
    wait_read((&cluster, last), &token, 200, Instant::now()).await?;
    for id in others(&cluster, last) {
        cluster.pause(id).await?;
    }
    let (after, said) = wait_read((&cluster, last), &token, 503, Instant::now()).await?;
    eprintln!("cut off: refused after {after:?}: {said}");
    ensure!(after < Duration::from_secs(10), "{after:?}");
    ensure!(said.contains("which tokens were revoked"), "{said}");
    for id in others(&cluster, last) {
        cluster.resume(id)?;
    }
    let (after, _) = wait_read((&cluster, last), &token, 200, Instant::now()).await?;
    eprintln!("back: answered after {after:?}");
    let path = "/api/v1/auth/logout";
    let ended = cluster
        .send(last, Method::POST, path, Some(&token), "")
        .await?;
    ensure!(ended.status == 200, "{}", ended.text_start());
    for id in cluster.ids() {
        let (after, _) = wait_read((&cluster, id), &token, 401, Instant::now()).await?;
        ensure!(after < Duration::from_secs(5), "node {id}: {after:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_of_three_are_stopped_and_go_on() -> anyhow::Result<()> {
    for leads in [true, false] {
        let cluster = Cluster::start(ClusterOptions::default()).await?;
        let leader = cluster.leader().await?;
        let last = if leads { leader } else { leader % 3 + 1 };
        let token = cluster.login(last).await?;
        let stopped = others(&cluster, last);
        for id in &stopped {
            cluster.pause(*id).await?;
        }
        let since = Instant::now();
        let unready = wait_status(&cluster, last, 503, since).await?;
        eprintln!("two stopped, leader left {leads}: 503 after {unready:?}");
        ensure!(unready < UNREADY_WITHIN, "{unready:?}");
        refuses_and_reads(&cluster, last, &token).await?;
        for id in &stopped {
            cluster.resume(*id)?;
        }
        let since = Instant::now();
        for id in cluster.ids() {
            let ready = wait_status(&cluster, id, 200, since).await?;
            eprintln!("two resumed, leader left {leads}: node {id} 200 after {ready:?}");
            ensure!(ready < READY_WITHIN, "{ready:?}\n{}", cluster.log_ends());
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_leader_wakes_unready_and_the_others_have_another() -> anyhow::Result<()> {
    let cluster = Cluster::start(ClusterOptions::default()).await?;
    let leader = cluster.leader().await?;
    cluster.pause(leader).await?;
    let since = Instant::now();
    let mut refusals = 0;
    while since.elapsed() < Duration::from_secs(5) {
        for id in others(&cluster, leader) {
            let (ready, ..) = asked(&cluster, id).await?;
            refusals += u32::from(ready != 200);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let status = cluster.status_of(leader % 3 + 1).await?;
    ensure!(status.leader.is_some_and(|id| id != leader), "{status:?}");
    eprintln!("leader stopped: the others answered 503 {refusals} times in 5 s");
    ensure!(refusals == 0, "the others were not ready {refusals} times");
    // The question waits in the socket when the process wakes: it is answered before anything else.
    let first = asked(&cluster, leader);
    let (first, resumed) = tokio::join!(first, async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        cluster.resume(leader).map(|()| Instant::now())
    });
    let (resumed, first) = (resumed?, first?);
    eprintln!(
        "leader resumed: its first answer is {} ({})",
        first.0, first.2
    );
    ensure!(first.0 == 503, "it answered from before: {first:?}");
    let ready = wait_status(&cluster, leader, 200, resumed).await?;
    eprintln!("leader resumed: 200 after {ready:?}");
    ensure!(ready < READY_WITHIN, "{ready:?}\n{}", cluster.log_ends());
    Ok(())
}

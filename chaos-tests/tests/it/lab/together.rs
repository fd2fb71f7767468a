//! Several problems at once on one server, after a healthy moment: in a minute rather than an hour.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use http::Method;
use tokio::time::{Instant, sleep};

use super::problem::Want;
use super::problems;
use super::stage::Stage;
use super::watch::{Finding, Grade, Lab, Watched};
use crate::collecting::Collecting;

/// Rows of the large tables: fewer than in the lab, and more than an index is advised from.
const ROWS: u32 = 200_000;
/// How long nothing is wrong.
const HEALTHY: Duration = Duration::from_secs(12);
/// How long all may take, on a machine that has other things to do.
const LIMIT: Duration = Duration::from_secs(240);
/// Which problems.
const NUMBERS: [&str; 6] = ["1", "2", "4", "6", "11", "12"];
/// What takes longer, by who says it and what: a lock is told as an alert after half a minute, a
/// worse plan needs a quarter of an hour of what was before, an index a thousand calls, and a plan
/// one that was logged, which on a machine without time may be any.
const LATER: [(&str, &str); 5] = [
    ("plan P2", ""),
    ("plan P18", ""),
    ("alert L1", ""),
    ("regression", ""),
    ("advice index", "ev ("),
];

fn is_soon(want: &Want) -> bool {
    let is = |(by, text): &(&str, &str)| {
        want.by == *by && want.says.iter().any(|said| said.contains(text))
    };
    !LATER.iter().any(is)
}

/// Lets an alert fire after so short a time.
async fn hasten(lab: &Lab, rule: &str) -> anyhow::Result<()> {
    let client = lab.client().await?;
    let answer = lab.cluster.send(
        1,
        Method::GET,
        "/api/v1/alert-rules.toml",
        Some(&client.token),
        "",
    );
    let text = String::from_utf8(answer.await?.body.to_vec())?;
    let (before, after) = text
        .split_once(rule)
        .with_context(|| format!("no {rule} in {text}"))?;
    let faster = format!(
        "{before}{rule}{}",
        after.replacen("for = \"30s\"", "for = \"1s\"", 1)
    );
    let put = lab.cluster.send(
        1,
        Method::PUT,
        "/api/v1/alert-rules.toml",
        Some(&client.token),
        faster,
    );
    let answer = put.await?;
    ensure!(answer.status.is_success(), "{}", answer.text_start());
    Ok(())
}

/// Makes them, and waits until each is told with its cause.
pub(crate) async fn run(lab: &Lab) -> anyhow::Result<()> {
    hasten(lab, "level = \"inactive\"").await?;
    let mut stage = Stage::start(ROWS, &["auto_explain.log_min_duration=5ms"])?;
    stage.fill().await?;
    let watched = Watched {
        name: "lab-together".to_owned(),
    };
    let state = tempfile::tempdir()?;
    let often = ["--interval", "1s", "--max-cadence", "2s", "--no-host"];
    let _collecting = Collecting::start(
        &lab.cluster,
        &watched.name,
        &stage.server.url(),
        state.path(),
        &often,
    )?;
    problems::healthy(&mut stage).await?;
    let mut all = problems::all(0);
    all.retain(|problem| NUMBERS.contains(&problem.number));
    ensure!(all.len() == NUMBERS.len(), "a problem is gone");
    for problem in &all {
        (problem.before)(&mut stage).await?;
    }
    healthy(lab, &watched).await?;
    for problem in &all {
        (problem.inject)(&mut stage).await?;
    }
    let wants = all.iter().flat_map(|problem| problem.wants);
    let mut open: Vec<Want> = wants
        .filter(|want| is_soon(want))
        .map(Want::anywhere)
        .collect();
    let start = Instant::now();
    loop {
        let said = lab.said(&watched).await?;
        open.retain(|want| !said.iter().any(|one| want.is_met(one, &stage.words)));
        let wrong = all
            .iter()
            .flat_map(|problem| problem.wrong)
            .find_map(|(by, text)| {
                said.iter()
                    .find(|one| one.by.starts_with(by) && one.text.contains(text))
            });
        ensure!(wrong.is_none(), "a wrong cause: {wrong:?}");
        if open.is_empty() {
            return Ok(());
        }
        if start.elapsed() > LIMIT {
            bail!("not said: {open:#?}, but:\n{}", listed(&said));
        }
        sleep(Duration::from_secs(2)).await;
    }
}

/// Watches a server on which nothing is wrong, until it was seen for a while.
async fn healthy(lab: &Lab, watched: &Watched) -> anyhow::Result<()> {
    let (start, mut seen) = (Instant::now(), None);
    while seen.is_none_or(|at: Instant| at.elapsed() < HEALTHY) {
        let said = lab.said(watched).await?;
        let loud = said.iter().find(|one| one.grade > Grade::Info);
        ensure!(loud.is_none(), "nothing is wrong, but: {loud:?}");
        // It is said of each server that it was started just now.
        if seen.is_none() && !said.is_empty() {
            seen = Some(Instant::now());
        }
        ensure!(start.elapsed() < LIMIT, "the server is not seen");
        sleep(Duration::from_secs(2)).await;
    }
    Ok(())
}

fn listed(said: &[Finding]) -> String {
    let lines: Vec<String> = said.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

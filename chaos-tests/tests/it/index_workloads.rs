//! Index advice on whole workloads: what ours makes of them, beside the best that HypoPG finds when
//! it tries every index of one and two columns within the same bounds.
//!
//! `PGANALYTICS_INDEX_WORKLOADS=all` runs it (or `orders`, or `films`) and writes what came of it
//! to docs/insight.md; it takes some minutes. The workload runs on a real server, watched by the
//! real collector; the advice is that of the program, asked over HTTP.

mod enumeration;
mod films;
mod measure;
mod orders;
mod workload;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use pga_chaos_tests::{Cluster, ClusterOptions};
use serde_json::json;
use tokio_postgres::Client as Session;

use self::enumeration::{Bounds, best, pretended_bytes};
use self::measure::{SETS, costs, measured, milliseconds};
use self::workload::Workload;
use crate::collecting::Collecting;
use crate::insight::Client;
use crate::lab::machine;
use crate::postgres::Postgres;

const BEGIN: &str = "<!-- The index workloads write from here -->\n";
const END: &str = "<!-- to here, too -->\n";
/// Calls of each statement: from a thousand on a demand counts on its first day.
const CALLS: u64 = 1_050;
/// The only major that has HypoPG here.
const MAJOR: &str = "15";
const SETTINGS: [&str; 6] = [
    "shared_buffers=256MB",
    "max_parallel_workers_per_gather=0",
    "auto_explain.log_min_duration=0",
    "auto_explain.sample_rate=0.02",
    "auto_explain.log_analyze=on",
    "auto_explain.log_format=json",
];
/// Until the collector has told of everything.
const SAMPLED: Duration = Duration::from_secs(30);

/// Indexes, and what they bring: cost and milliseconds of each statement.
#[derive(Debug)]
struct Choice {
    by: &'static str,
    indexes: Vec<String>,
    bytes: f64,
    costs: Vec<f64>,
    milliseconds: Vec<f64>,
}

impl Choice {
    fn cost(&self) -> f64 {
        self.costs.iter().sum()
    }

    fn milliseconds(&self) -> f64 {
        self.milliseconds.iter().sum()
    }
}

/// What came of a workload.
#[derive(Debug)]
struct Outcome {
    workload: Workload,
    statements: usize,
    choices: Vec<Choice>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn indexes_that_are_advised_bring_what_the_best_ones_do() -> anyhow::Result<()> {
    let Ok(asked) = std::env::var("PGANALYTICS_INDEX_WORKLOADS") else {
        return Ok(());
    };
    let mut all = vec![orders::ORDERS, films::FILMS];
    all.retain(|workload| asked == "all" || asked == workload.name);
    ensure!(
        !all.is_empty(),
        "PGANALYTICS_INDEX_WORKLOADS={asked}: all, orders or films"
    );
    let cluster = Cluster::start(ClusterOptions::default()).await?;
    let mut outcomes = Vec::new();
    for workload in all {
        let outcome = judge(&cluster, workload).await.context(workload.name)?;
        eprintln!("{outcome}{}", outcome.each());
        outcomes.push(outcome);
    }
    if asked == "all" {
        write(&outcomes)?;
    }
    for outcome in &outcomes {
        outcome.check()?;
    }
    Ok(())
}

async fn judge(cluster: &Cluster, workload: Workload) -> anyhow::Result<Outcome> {
    let server = Postgres::of_major(MAJOR, &SETTINGS)?;
    let session = server.session("setup").await?;
    session
        .batch_execute(
            "CREATE EXTENSION pg_stat_statements; CREATE EXTENSION hypopg; SELECT setseed(0.42)",
        )
        .await?;
    for sql in workload.tables {
        session.batch_execute(sql).await.context(*sql)?;
    }
    // Its plans are those of pretended indexes, which auto_explain cannot name.
    let quiet = "SET auto_explain.log_min_duration = -1";
    for sql in ["VACUUM ANALYZE", "SELECT pg_stat_statements_reset()", quiet] {
        session.batch_execute(sql).await?;
    }
    let statements = measured(&workload);
    let mut choices = vec![measure("none", &session, &statements, &[]).await?];
    let state = tempfile::tempdir()?;
    let often = ["--interval", "1s", "--max-cadence", "10s", "--no-host"];
    let collecting =
        Collecting::start(cluster, workload.name, &server.url(), state.path(), &often)?;
    load(&server, workload).await?;
    let ours = advice(cluster, workload).await?;
    drop(collecting);
    let ours = measure("pgAnalytics", &session, &statements, &ours).await?;
    let bounds = Bounds {
        count: ours.indexes.len(),
        bytes: pretended_bytes(&session, &ours.indexes).await?,
    };
    choices.push(ours);
    let theirs = best(&session, &workload, &statements, bounds).await?;
    choices.push(measure("HypoPG, the same bounds", &session, &statements, &theirs).await?);
    let free = Bounds {
        count: 10,
        bytes: f64::INFINITY,
    };
    let theirs = best(&session, &workload, &statements, free).await?;
    choices.push(measure("HypoPG, ten of any size", &session, &statements, &theirs).await?);
    Ok(Outcome {
        workload,
        statements: statements.len(),
        choices,
    })
}

/// Runs each statement often enough, with other values each time, in two sessions.
async fn load(server: &Postgres, workload: Workload) -> anyhow::Result<()> {
    let client = async |first: u64| {
        let session = server.session("load").await?;
        for number in (first..CALLS).step_by(2) {
            for template in workload.templates {
                session.simple_query(&template.statement(number)).await?;
            }
        }
        anyhow::Ok(())
    };
    let (one, other) = tokio::join!(client(0), client(1));
    one.and(other)
}

/// What the product advises once it knows of all calls.
async fn advice(cluster: &Cluster, workload: Workload) -> anyhow::Result<Vec<String>> {
    let token = cluster.login(1).await?;
    let client = Client { cluster, token };
    let name = workload.name;
    let servers = client.get(1, "/servers?page_size=100").await?;
    let all = servers["data"].as_array().context("no servers")?;
    let own = all.iter().find(|one| one.to_string().contains(name));
    let uuid = own.context("no server")?["collector_id"]
        .as_str()
        .context("no id")?
        .to_owned();
    let path = "/databases/postgres/index-recommendations";
    let body = json!({ "collector_id": uuid });
    // The last calls come with the next sample.
    tokio::time::sleep(SAMPLED).await;
    client
        .judge_with(1, &format!("{path}/generate"), body.to_string())
        .await?;
    let told = client
        .get(1, &format!("{path}?limit=50&collector_id={uuid}"))
        .await?;
    for withheld in told["withheld"].as_array().into_iter().flatten() {
        eprintln!("withheld: {withheld}");
    }
    let rows = told["recommendations"].as_array().into_iter().flatten();
    let built = rows.filter(|row| row["kind"] == "create" || row["kind"] == "extend");
    let texts = built.filter_map(|row| row["create_statement"].as_str());
    Ok(texts.map(str::to_owned).collect())
}

/// Builds indexes, measures, and takes them away again.
async fn measure(
    by: &'static str,
    session: &Session,
    statements: &[String],
    indexes: &[String],
) -> anyhow::Result<Choice> {
    const OWN: &str = "SELECT quote_ident(relname), pg_relation_size(oid)::float8 FROM pg_class WHERE relkind = 'i' AND relnamespace = 'public'::regnamespace AND oid > $1 ORDER BY oid";
    let last = "SELECT max(oid) FROM pg_class";
    let last: u32 = session.query_one(last, &[]).await?.get(0);
    for sql in indexes {
        session
            .simple_query(sql)
            .await
            .with_context(|| sql.clone())?;
    }
    session.simple_query("ANALYZE").await?;
    let built = session.query(OWN, &[&last]).await?;
    let costs = costs(session, statements).await?;
    let milliseconds = milliseconds(session, statements).await?;
    for row in &built {
        let name: String = row.get(0);
        session.simple_query(&format!("DROP INDEX {name}")).await?;
    }
    Ok(Choice {
        by,
        indexes: indexes.to_vec(),
        bytes: built
            .iter()
            .fold(0.0, |sum, row| sum + row.get::<_, f64>(1)),
        costs,
        milliseconds,
    })
}

impl Outcome {
    /// Cost and milliseconds of each template with each choice, for who looks for a reason.
    fn each(&self) -> String {
        let mut text = String::new();
        for (number, template) in self.workload.templates.iter().enumerate() {
            let own = number * SETS..(number + 1) * SETS;
            for one in &self.choices {
                let cost: f64 = one.costs[own.clone()].iter().sum();
                let time: f64 = one.milliseconds[own.clone()].iter().sum();
                text.push_str(&format!("{cost:>9.0} {time:>7.2} ms |"));
            }
            text.push_str(&format!(" {}\n", template.text));
        }
        text
    }

    /// Ours is to be no worse than the best ones within the same bounds: by a twentieth of the
    /// cost, and by half of the time, which others on the machine disturb.
    fn check(&self) -> anyhow::Result<()> {
        let [_, ours, best, _] = self.choices.as_slice() else {
            anyhow::bail!("choices are missing");
        };
        let (cost, time) = (
            ours.cost() / best.cost(),
            ours.milliseconds() / best.milliseconds(),
        );
        ensure!(
            cost <= 1.05 && time <= 1.5,
            "{}: ours has {cost:.2} of the cost and {time:.2} of the time",
            self.workload.name
        );
        Ok(())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (title, name) = (self.workload.title, self.workload.name);
        writeln!(
            f,
            "`{name}`, {title}: {} statements with values.\n",
            self.statements
        )?;
        writeln!(f, "| Indexes | Number | Size | Planner's cost | Time |")?;
        writeln!(f, "| --- | --- | --- | --- | --- |")?;
        for one in &self.choices {
            let (count, bytes) = (one.indexes.len(), one.bytes / 1_048_576.0);
            let (cost, time) = (one.cost(), one.milliseconds());
            writeln!(
                f,
                "| {} | {count} | {bytes:.1} MiB | {cost:.0} | {time:.0} ms |",
                one.by
            )?;
        }
        writeln!(f)?;
        for one in self.choices.iter().filter(|one| !one.indexes.is_empty()) {
            let short = |sql: &String| {
                let (_, of) = sql.split_once(" ON ").unwrap_or(("", sql));
                format!(
                    "`{}`",
                    of.trim_end_matches(';').trim_start_matches("public.")
                )
            };
            let all: Vec<String> = one.indexes.iter().map(short).collect();
            writeln!(f, "- {}: {}", one.by, all.join(", "))?;
        }
        Ok(())
    }
}

fn write(outcomes: &[Outcome]) -> anyhow::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/insight.md");
    let whole = std::fs::read_to_string(&path)?;
    let (head, rest) = whole.split_once(BEGIN).context("no begin of the tables")?;
    let (_, tail) = rest.split_once(END).context("no end of the tables")?;
    let told: Vec<String> = outcomes.iter().map(ToString::to_string).collect();
    let text = format!(
        "{head}{BEGIN}{}.\n\n{}{END}{tail}",
        machine(MAJOR),
        told.join("\n")
    );
    Ok(std::fs::write(path, text)?)
}

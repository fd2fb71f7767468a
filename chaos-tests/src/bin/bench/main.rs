//! The benchmarks of `docs/benchmarks.md`: real nodes, real databases, one machine.
//!
//! `cargo run --release -p pga-chaos-tests --bin bench` runs all of them (about an hour with the
//! outage of ten minutes and the hundred kills); names pick some: `… --bin bench -- steady small`.
//! Needs root for TimescaleDB and etcd. Progress goes to stderr, the report in Markdown to stdout;
//! with it, what the machine did to any program meanwhile.

mod analyses;
mod big;
mod durations;
mod etcd;
mod failover;
mod flush;
mod lists;
mod machine;
mod noise;
mod outage;
mod overload;
mod report;
mod sessions;
mod small;
mod stalls;
mod steady;
mod usage;

use std::io::Write;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, ValueEnum};
use pga_config::parse_duration;

use self::noise::CpuTicks;
use self::report::Report;

/// One benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Row {
    /// 20 collectors, 100 elements a second each
    Steady,
    /// One element a push, as fast as possible; and etcd
    Small,
    /// 1,000 collectors every 10 s; memory of idle nodes and of 10,000 idle sessions
    Sessions,
    /// Big batches as fast as possible: CPU per million samples
    Big,
    /// Flushing into TimescaleDB against raw COPY
    Flush,
    /// Top queries of a day, from both stores
    Lists,
    /// The database is away at 10,000 elements a second
    Outage,
    /// Ten times the greatest load
    Overload,
    /// The leader is killed again and again; planned transfers
    Failover,
    /// What the leader's analyses cost over weeks, and how fast results are read
    Analyses,
}

/// What to measure.
#[derive(Clone, Debug, Parser)]
struct Options {
    /// Which; all by default
    rows: Vec<Row>,
    /// How long the outage lasts
    #[arg(long, default_value = "10m", value_parser = parse_duration)]
    outage: Duration,
    /// How often the leader is killed
    #[arg(long, default_value_t = 100)]
    kills: u32,
    /// Days that analyses look at
    #[arg(long, default_value_t = 30)]
    days: i64,
    /// Statements of each of their servers
    #[arg(long, default_value_t = 2_000)]
    statements: i64,
    /// How long each other load lasts, in place of its own duration
    #[arg(long, value_parser = parse_duration)]
    duration: Option<Duration>,
}

impl Options {
    fn duration(&self, seconds: u64) -> Duration {
        self.duration.unwrap_or(Duration::from_secs(seconds))
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    machine::build_program().await?;
    let rows = if options.rows.is_empty() {
        Row::value_variants().to_vec()
    } else {
        options.rows.clone()
    };
    let mut report = Report::default();
    let machine = machine::describe()?;
    eprintln!("{machine}");
    for row in rows {
        eprintln!("== {row:?}");
        let before = CpuTicks::now()?;
        let measured = match row {
            Row::Steady => Box::pin(steady::run(&options, &mut report)).await,
            Row::Small => Box::pin(small::run(&options, &mut report)).await,
            Row::Sessions => Box::pin(sessions::run(&options, &mut report)).await,
            Row::Big => Box::pin(big::run(&options, &mut report)).await,
            Row::Flush => Box::pin(flush::run(&mut report)).await,
            Row::Lists => Box::pin(lists::run(&options, &mut report)).await,
            Row::Outage => Box::pin(outage::run(&options, &mut report)).await,
            Row::Overload => Box::pin(overload::run(&options, &mut report)).await,
            Row::Failover => Box::pin(failover::run(&options, &mut report)).await,
            Row::Analyses => Box::pin(analyses::run(&options, &mut report)).await,
        };
        // The others are still worth having.
        if let Err(error) = measured.with_context(|| format!("{row:?}")) {
            eprintln!("{error:#}");
            report.failed(row, &error);
        }
        report.end_row(CpuTicks::now()?.stolen_since(before));
    }
    let text = format!("{machine}\n{report}");
    Ok(std::io::stdout().lock().write_all(text.as_bytes())?)
}

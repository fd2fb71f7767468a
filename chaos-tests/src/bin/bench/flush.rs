//! Flushing plain samples into TimescaleDB against raw COPY into the same table.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::{BufMut, BytesMut};
use futures::SinkExt;
use pga_chaos_tests::{Cluster, ClusterOptions, Load, Session, Timescale, none_failed, until};
use pga_loadgen::Rate;

use crate::report::Report;

/// Samples that wait for the database.
const SAMPLES: u32 = 1_000_000;

pub(crate) async fn run(report: &mut Report) -> anyhow::Result<()> {
    let database = Timescale::server().await?;
    let options = ClusterOptions {
        timescale: Some(database.url().to_owned()),
        ..ClusterOptions::default()
    };
    let cluster = Cluster::start(options).await?;
    // The series are there before, as they are in a cluster that has run for a while.
    let mut args = cluster.load_args();
    args.collectors = 4;
    args.elements = 1_000;
    args.seed = Some(1);
    args.duration = Duration::from_secs(1);
    args.timescale = None;
    Load::start(args.clone()).join().await?;
    cluster.wait_converged(Duration::from_secs(60)).await?;
    let before = rows(&database).await?;
    database.crash().await?;
    // The same collectors begin anew: what they send within the same second again is a repeat.
    tokio::time::sleep(Duration::from_secs(2)).await;
    args.rate = Some(Rate::PerSecond(50.0));
    args.duration = Duration::from_secs((SAMPLES / 1_000 / 50).into());
    let (_, run) = Load::start(args).join().await?;
    none_failed(&run)?;
    let waiting = i64::try_from(run.succeeded)? * 1_000;
    database.restart().await?;
    let flushed = drain(&cluster, &database, before + waiting).await?;
    let raw = raw_copy(&database.connect().await?).await?;
    report.add(
        "draining 1,000,000 plain samples into TimescaleDB; binary COPY into the same table: rows/s",
        format!("{flushed:.0}; {raw:.0} ({:.0} %)", flushed * 100.0 / raw),
        "≥ 80 %",
    );
    Ok(())
}

async fn rows(database: &Timescale) -> anyhow::Result<i64> {
    let session = database.connect().await?;
    let row = session
        .client
        .query_one("SELECT count(*) FROM metrics.samples", &[])
        .await?;
    Ok(row.try_get(0)?)
}

/// Rows a second from the first that arrives to the last.
async fn drain(cluster: &Cluster, database: &Timescale, want: i64) -> anyhow::Result<f64> {
    let session = database.connect().await?;
    let index = "SELECT index FROM pganalytics.watermark";
    let watermark = async || -> anyhow::Result<i64> {
        Ok(session.client.query_one(index, &[]).await?.try_get(0)?)
    };
    let start = watermark().await?;
    until(
        "flushing begins",
        Duration::from_secs(60),
        async || match watermark().await {
            Ok(now) if now > start => Ok(()),
            other => Err(other.map_err(|error| format!("{error:#}"))),
        },
    )
    .await?;
    let first = rows(database).await?;
    let begun = Instant::now();
    cluster.wait_converged(Duration::from_secs(300)).await?;
    let elapsed = begun.elapsed();
    let stored = rows(database).await?;
    ensure!(stored == want, "{stored} rows for {want} samples");
    Ok((stored - first) as f64 / elapsed.as_secs_f64())
}

/// Rows a second of binary COPY into the product's own table, in transactions of 20,000 rows.
async fn raw_copy(session: &Session) -> anyhow::Result<f64> {
    let series: Vec<i64> = session
        .client
        .query("SELECT id FROM metrics.series ORDER BY id", &[])
        .await?
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<_, _>>()?;
    ensure!(!series.is_empty(), "no series");
    let chunks: Vec<BytesMut> = (0..SAMPLES / 20_000)
        .map(|n| chunk(&series, n * 20_000))
        .collect();
    let begun = Instant::now();
    for chunk in chunks {
        let sink = session
            .client
            .copy_in("COPY metrics.samples (time, series_id, value, log_index, ordinal) FROM STDIN BINARY")
            .await?;
        futures::pin_mut!(sink);
        sink.send(chunk.freeze()).await?;
        sink.finish().await.context("COPY")?;
    }
    Ok(f64::from(SAMPLES) / begun.elapsed().as_secs_f64())
}

/// 20,000 rows in PostgreSQL's binary COPY format, spread over the series and one second apart.
fn chunk(series: &[i64], first: u32) -> BytesMut {
    let mut out = BytesMut::new();
    out.put_slice(b"PGCOPY\n\xff\r\n\0");
    out.put_i32(0);
    out.put_i32(0);
    for (n, id) in (first..first + 20_000).zip(series.iter().cycle()) {
        // 2026-10-01, in microseconds since 2000.
        let time = 844_128_000_000_000 + i64::from(n) / 4_000 * 1_000_000;
        out.put_i16(5);
        out.put_i32(8);
        out.put_i64(time);
        out.put_i32(8);
        out.put_i64(*id);
        out.put_i32(8);
        out.put_f64(f64::from(n) + 0.125);
        out.put_i32(8);
        out.put_i64(i64::from(n) / 1_000);
        out.put_i32(4);
        out.put_i32(i32::try_from(n % 1_000).unwrap_or_default());
    }
    out.put_i16(-1);
    out
}

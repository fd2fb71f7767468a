//! Measures appends to the Raft log: entries per second and latency until durable, by entry size
//! and appends in flight.
//!
//! `cargo run --release -p pga-storage --example log_throughput [directory]`

use std::io::Write;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::time::Duration;

use bytes::Bytes;
use pga_storage::log::{Log, LogEntry, LogOptions};
use pga_storage::metrics::LogMetrics;

const RUN: Duration = Duration::from_secs(2);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let parent = std::env::args()
        .nth(1)
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let mut out = std::io::stdout();
    writeln!(
        out,
        "bytes  in flight  entries/s   MB/s  entries/sync  p50 ms  p99 ms  max ms"
    )?;
    for size in [1 << 10, 64 << 10] {
        for in_flight in [1, 4, 16, 64, 256] {
            let dir = parent.join(format!("log-throughput-{}", std::process::id()));
            let line = measure(&dir, size, in_flight)?;
            std::fs::remove_dir_all(&dir)?;
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

fn measure(
    dir: &std::path::Path,
    size: usize,
    in_flight: usize,
) -> Result<String, Box<dyn std::error::Error>> {
    let registry = prometheus::Registry::new();
    let metrics = Some(LogMetrics::register(&registry)?);
    let options = LogOptions {
        metrics,
        ..LogOptions::default()
    };
    let (log, _) = Log::open(dir, options)?;
    let payload: Bytes = (0..size).map(|at| (at * 31) as u8).collect();
    let (tell, told) = channel();
    let (mut sent, mut latencies) = (0u64, Vec::new());
    let began = pga_runtime::now();
    loop {
        while sent - (latencies.len() as u64) < in_flight as u64 && began.elapsed() < RUN {
            let entry = LogEntry {
                index: sent,
                term: 1,
                payload: payload.clone(),
            };
            let (tell, at) = (tell.clone(), pga_runtime::now());
            let done = move |outcome: std::io::Result<()>| {
                drop(tell.send(outcome.map(|()| at.elapsed())));
            };
            log.append(vec![entry], Box::new(done))?;
            sent += 1;
        }
        if sent == latencies.len() as u64 {
            break;
        }
        latencies.push(told.recv()??);
    }
    let seconds = began.elapsed().as_secs_f64();
    log.close()?;
    let groups = registry
        .gather()
        .iter()
        .find(|family| family.name() == "pganalytics_log_group_entries")
        .and_then(|family| {
            Some(
                family
                    .get_metric()
                    .first()?
                    .get_histogram()
                    .get_sample_count(),
            )
        })
        .unwrap_or(1);
    latencies.sort_unstable();
    let at = |part: f64| {
        let place = ((latencies.len() - 1) as f64 * part) as usize;
        latencies.get(place).map_or(0.0, Duration::as_secs_f64) * 1e3
    };
    let rate = sent as f64 / seconds;
    Ok(format!(
        "{size:5}  {in_flight:9}  {rate:9.0}  {:5.0}  {:12.1}  {:6.2}  {:6.2}  {:6.2}",
        rate * size as f64 / 1e6,
        sent as f64 / groups as f64,
        at(0.5),
        at(0.99),
        at(1.0),
    ))
}

//! Measures decoding: nanoseconds per plain sample, and bytes per second of a real push.
//!
//! `cargo run --release -p pga-web --example decode_bench`

use std::io::Write;

use pga_storage::Timestamp;
use pga_web::{DecodeError, PushRoute, WebLimits, decode_push};

const SAMPLES: usize = 10_000;
const NAMES: [&str; 4] = [
    "cpu_usage_percent",
    "cache_hit_ratio",
    "connection_count",
    "disk_usage",
];

fn samples() -> Vec<u8> {
    let elements: Vec<String> = (0..SAMPLES)
        .map(|n| {
            let name = NAMES.get(n % 4).copied().unwrap_or_default();
            let value = n as f64 * 1.37;
            let time = 1_772_352_000 + n;
            format!(
                "{{\"name\":\"{name}\",\"value\":{value},\"timestamp\":{time},\
                 \"labels\":{{\"instance\":\"postgres-prod-{}\",\"job\":\"pganalytics\"}}}}",
                n % 16
            )
        })
        .collect();
    format!(
        "{{\"collector_id\":\"c\",\"hostname\":\"h\",\"timestamp\":1772352000,\"metrics\":[{}]}}",
        elements.join(",")
    )
    .into_bytes()
}

/// The best of several rounds, in seconds per decode, and the number of elements.
fn best(body: &[u8]) -> Result<(f64, usize), DecodeError> {
    let limits = WebLimits::default();
    let now = Timestamp::from_micros(1_800_000_000_000_000);
    let (mut best, mut elements) = (f64::MAX, 0);
    for _ in 0..50 {
        let start = pga_runtime::now();
        let push = decode_push(body, PushRoute::Json, &limits, now)?;
        best = best.min(start.elapsed().as_secs_f64());
        elements = push.elements.len();
    }
    Ok((best, elements))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let plain = samples();
    let packed = zstd::bulk::compress(&plain, 3)?;
    let cycle = include_bytes!("../tests/data/push-one-cycle.json");
    let mut out = std::io::stdout();
    for (name, body) in [
        ("samples", plain.as_slice()),
        ("samples, zstd", &packed),
        ("cycle", cycle),
    ] {
        let (seconds, elements) = best(body)?;
        writeln!(
            out,
            "{name}: {} bytes, {elements} elements, {:.0} ns/element, {:.0} MB/s",
            body.len(),
            seconds * 1e9 / elements as f64,
            body.len() as f64 / seconds / 1e6
        )?;
    }
    Ok(())
}

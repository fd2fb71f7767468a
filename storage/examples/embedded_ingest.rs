//! How many plain samples per second the embedded store takes: `cargo run --release -p pga-storage
//! --example embedded_ingest [samples]`. Prints samples, seconds, rate and bytes on disk.

use std::error::Error;
use std::io::Write;

use pga_config::CollectorId;
use pga_storage::store::{EmbeddedOptions, EmbeddedStore, FlushBatch, FlushElement, StoreWriter};
use pga_storage::{Element, Position, Sample, SampleForm, Timestamp};
use uuid::Uuid;

const COLLECTORS: usize = 100;
const SERIES: usize = 9;
const BATCH: usize = 20_000;
const DEFAULT_SAMPLES: usize = 2_000_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let argument = std::env::args().nth(1);
    let total = argument.map_or(Ok(DEFAULT_SAMPLES), |text| text.parse())?;
    let dir = std::env::temp_dir().join(format!("embedded-ingest-{}", std::process::id()));
    let store = EmbeddedStore::open(&dir, Uuid::nil(), EmbeddedOptions::default())?;
    let collectors: Vec<_> = (0..COLLECTORS)
        .map(|n| CollectorId::from_external(&format!("collector-{n}")))
        .collect();
    let mut busy = std::time::Duration::ZERO;
    let mut after = Position::default();
    let mut stored = 0;
    while stored < total {
        let upto = Position::new(1, after.index + 1);
        let elements = (stored..stored + BATCH)
            .map(|n| element(&collectors, n, upto.index))
            .collect();
        let batch = FlushBatch {
            after,
            upto,
            term: 1,
            elements,
        };
        let start = pga_runtime::now();
        store.flush(batch).await?;
        busy += start.elapsed();
        after = upto;
        stored += BATCH;
    }
    let rate = stored as f64 / busy.as_secs_f64();
    let bytes = store.size_bytes().await?;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{stored} samples in {busy:.2?}: {rate:.0} samples/s, {bytes} bytes on disk"
    )?;
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

/// Sample `n`: each push of a collector has one sample of each of its series.
fn element(collectors: &[CollectorId], n: usize, index: u64) -> FlushElement {
    let push = n / SERIES;
    let collector = collectors.get(push % COLLECTORS).copied();
    let second = 1_771_787_241 + (push / COLLECTORS) as i64;
    FlushElement {
        collector: collector.unwrap_or_else(|| CollectorId::from_external("collector")),
        index,
        ordinal: (n % BATCH) as u32,
        received_at: Timestamp::from_micros(second * 1_000_000),
        element: Element::Sample(Sample {
            name: format!("cache_hit_ratio_{}", n % SERIES),
            labels: vec![
                ("instance".to_owned(), "postgres-prod".to_owned()),
                ("job".to_owned(), "pganalytics".to_owned()),
            ],
            time: Timestamp::from_micros(second * 1_000_000),
            value: n as f64 * 0.1,
            form: SampleForm::from_bits(SampleForm::UNIX_SECONDS | SampleForm::LABELS),
        }),
    }
}

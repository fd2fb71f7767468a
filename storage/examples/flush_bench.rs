//! Compares a flush of plain samples with a raw binary COPY of the same rows into the same table.
//!
//! `flush_bench <URL of an empty database> [rounds] [samples per batch]`. Both sides run in turns,
//! in the same process and database, each on one connection; the flush also resolves series,
//! encodes, and moves the watermark.

use std::io::Write;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use futures::SinkExt;
use pga_config::{CollectorId, NodeId};
use pga_storage::store::{FlushBatch, FlushElement, StoreOwner, TimescaleOptions, TimescaleStore};
use pga_storage::{Element, Position, Sample, SampleForm, StoreWriter, Timestamp};
use tokio_postgres::{Client, NoTls};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const SERIES: usize = 1_000;
const START_SECONDS: i64 = 1_772_352_000;

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments
        .next()
        .ok_or("the URL of an empty database is missing")?;
    let rounds: u64 = arguments.next().map_or(Ok(20), |n| n.parse())?;
    let size: usize = arguments.next().map_or(Ok(50_000), |n| n.parse())?;
    let store = TimescaleStore::connect(TimescaleOptions::new(
        &url,
        StoreOwner::new(1),
        NodeId::new(1),
    )?)?;
    store.migrate().await?;
    store.fence(1).await?;
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
    pga_runtime::spawn(connection);
    let (mut flushed, mut copied) = (Duration::ZERO, Duration::ZERO);
    // The first round makes series and chunks on both sides and is not counted.
    for round in 0..=rounds {
        let batch = batch(round, size);
        let rows = raw_rows(round, size);
        let begun = pga_runtime::now();
        store.flush(batch).await?;
        let flush = begun.elapsed();
        let begun = pga_runtime::now();
        raw_copy(&client, rows).await?;
        let copy = begun.elapsed();
        if round > 0 {
            flushed += flush;
            copied += copy;
        }
    }
    let rate = |time: Duration| rounds as f64 * size as f64 / time.as_secs_f64();
    writeln!(
        std::io::stdout(),
        "flush {:.0} samples/s, raw binary COPY {:.0} rows/s, ratio {:.2}",
        rate(flushed),
        rate(copied),
        copied.as_secs_f64() / flushed.as_secs_f64()
    )?;
    Ok(())
}

/// When sample `n` of round `round` was taken: each series once a second.
fn seconds(round: u64, size: usize, n: usize) -> i64 {
    START_SECONDS + (round as usize * size.div_ceil(SERIES) + n / SERIES) as i64
}

fn batch(round: u64, size: usize) -> FlushBatch {
    let collector = CollectorId::from_external("bench");
    let elements = (0..size).map(|n| {
        let time = Timestamp::from_micros(seconds(round, size, n) * 1_000_000);
        FlushElement {
            collector,
            index: round + 1,
            ordinal: n as u32,
            received_at: time,
            element: Element::Sample(Sample {
                name: format!("metric_{}", n % SERIES),
                labels: vec![
                    ("instance".to_owned(), "postgres-prod".to_owned()),
                    ("job".to_owned(), "pganalytics".to_owned()),
                ],
                time,
                value: n as f64 * 0.25,
                form: SampleForm::from_bits(SampleForm::UNIX_SECONDS | SampleForm::LABELS),
            }),
        }
    });
    FlushBatch {
        after: Position::new(u64::from(round > 0), round),
        upto: Position::new(1, round + 1),
        term: 1,
        elements: elements.collect(),
    }
}

/// The same rows under other series, as COPY data in pieces of 256 KiB.
fn raw_rows(round: u64, size: usize) -> Vec<Bytes> {
    let mut pieces = Vec::new();
    let mut open = BytesMut::with_capacity(300 << 10);
    open.put_slice(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0");
    for n in 0..size {
        open.put_i16(5);
        open.put_i32(8);
        open.put_i64((seconds(round, size, n) - 946_684_800) * 1_000_000);
        open.put_i32(8);
        open.put_i64((1_000_000 + n % SERIES) as i64);
        open.put_i32(8);
        open.put_f64(n as f64 * 0.25);
        open.put_i32(8);
        open.put_i64(round as i64 + 1);
        open.put_i32(4);
        open.put_i32(n as i32);
        if open.len() >= 256 << 10 {
            pieces.push(open.split().freeze());
            open.reserve(300 << 10);
        }
    }
    open.put_i16(-1);
    pieces.push(open.freeze());
    pieces
}

async fn raw_copy(client: &Client, rows: Vec<Bytes>) -> Outcome<()> {
    let sql = "COPY metrics.samples (time, series_id, value, log_index, ordinal) FROM STDIN BINARY";
    let sink = client.copy_in::<_, Bytes>(sql).await?;
    let mut sink = std::pin::pin!(sink);
    for piece in rows {
        sink.as_mut().feed(piece).await?;
    }
    sink.as_mut().finish().await?;
    Ok(())
}

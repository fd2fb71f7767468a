//! Flushing: one batch, one transaction, the watermark last (design D3).
//!
//! A failed or abandoned transaction ends its connection together with everything remembered
//! through it, so what is in memory never knows more than the database holds.

use std::ops::Range;
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio_postgres::Client;

use super::failure::{Failure, Refusal};
use super::plan::{Memory, Plan, sample_json};
use super::rollups;
use super::series_rollups;
use super::session::{Connector, Purpose, Session, within};
use super::watermark;
use crate::store::query_rollup;
use crate::store::relation_sums;
use crate::store::series_rollup::touched;
use crate::store::{FlushBatch, FlushElement, FlushReport};
use crate::{Element, Result};

/// A batch with refused rows is tried in ever smaller pieces, which takes up to so many times as
/// long.
const ISOLATING_FACTOR: u32 = 10;

/// Writes batches over one connection, which carries the term in its name.
#[derive(Debug)]
pub(super) struct Flusher {
    connector: Arc<Connector>,
    live: Mutex<Option<Live>>,
}

#[derive(Debug)]
struct Live {
    session: Session,
    term: u64,
    memory: Memory,
}

/// How one transaction ended.
enum Attempt {
    /// It is committed.
    Committed(FlushReport),
    /// The watermark had moved or was taken; rolled back.
    Moved,
}

#[derive(Clone, Copy)]
enum Mode {
    /// All rows of a table in one COPY.
    Whole,
    /// Refused elements are looked for and put aside.
    Isolating,
}

impl Flusher {
    pub(super) fn new(connector: Arc<Connector>) -> Self {
        Self {
            connector,
            live: Mutex::new(None),
        }
    }

    /// Stores `batch` and moves the watermark; see [`crate::StoreWriter::flush`].
    pub(super) async fn flush(&self, batch: &FlushBatch) -> Result<FlushReport> {
        let limit = self.connector.options().flush_timeout;
        let mut slot = self.live.lock().await;
        // Taken out, not borrowed: if this future is dropped, the connection goes with it.
        let mut live = self.live(slot.take(), batch.term).await?;
        let whole = within("flush to", limit, async {
            Ok(self.attempt(&mut live, batch, Mode::Whole).await)
        });
        let attempt = match whole.await? {
            Err(Failure::Poison(refusal)) => {
                tracing::warn!(error = %refusal, "rows are refused, looking for them");
                live = Live::open(&self.connector, batch.term).await?;
                within("flush to", limit * ISOLATING_FACTOR, async {
                    Ok(self.attempt(&mut live, batch, Mode::Isolating).await)
                })
                .await?
            }
            other => other,
        };
        match attempt {
            Ok(Attempt::Committed(report)) => {
                *slot = Some(live);
                Ok(report)
            }
            Ok(Attempt::Moved) => {
                let owner = self.connector.options().owner;
                let read = watermark::read(&live.session.client, owner);
                let found = within("read the watermark of", limit, read).await?;
                Err(watermark::fenced(found))
            }
            Err(Failure::Locked(error)) => {
                let owner = self.connector.options().owner;
                let fresh = self.connector.open(Purpose::Read).await?;
                watermark::end_older(&fresh.client, owner, batch.term).await?;
                Err(error)
            }
            Err(failure) => Err(failure.into()),
        }
    }

    async fn live(&self, kept: Option<Live>, term: u64) -> Result<Live> {
        match kept {
            Some(live) if live.term == term && !live.session.client.is_closed() => Ok(live),
            _ => Live::open(&self.connector, term).await,
        }
    }

    async fn attempt(
        &self,
        live: &mut Live,
        batch: &FlushBatch,
        mode: Mode,
    ) -> Result<Attempt, Failure> {
        let client = &live.session.client;
        client.batch_execute("BEGIN").await?;
        let plan = Plan::new(client, &mut live.memory, &batch.elements).await?;
        let mut report = FlushReport {
            elements: batch.elements.len() as u64,
            untyped: plan.untyped,
            counter_anomalies: plan.filled.anomalies.clone(),
            ..FlushReport::default()
        };
        let all = 0..batch.elements.len();
        match mode {
            Mode::Whole => report.rows = copy(client, &plan, all).await?,
            Mode::Isolating => isolate(client, &plan, all, &mut report).await?,
        }
        let changes = query_rollup::changes(&plan.rows, &plan.filled.replaced);
        rollups::seal(client, &changes).await?;
        let touched = touched(&plan.rows, &plan.filled.replaced);
        series_rollups::seal(client, &touched).await?;
        let lists = relation_sums::touched(&batch.elements);
        super::relation_sums::seal(client, &lists).await?;
        if !watermark::advance(client, self.connector.options().owner, batch).await? {
            client.batch_execute("ROLLBACK").await?;
            return Ok(Attempt::Moved);
        }
        // From here to the answer the outcome is unknown; the watermark tells.
        client.batch_execute("COMMIT").await?;
        Ok(Attempt::Committed(report))
    }
}

impl Live {
    async fn open(connector: &Connector, term: u64) -> Result<Self> {
        let session = connector.open(Purpose::Flush { term }).await?;
        let options = connector.options();
        // What an abandoned connection of ours left open on the server would be in the way: rows of
        // new series.
        let ended = watermark::end_older(&session.client, options.owner, term.saturating_add(1));
        within("flush to", options.connect_timeout, ended).await?;
        Ok(Self {
            session,
            term,
            memory: Memory::default(),
        })
    }
}

async fn copy(client: &Client, plan: &Plan<'_>, range: Range<usize>) -> Result<u64, Failure> {
    let mut rows = 0;
    for table in plan.encode(range) {
        rows += table.rows.send(client, &table.statement).await?;
    }
    Ok(rows)
}

/// Copies `range` in halves until each refused element stands alone, and puts those into the dead
/// letters.
async fn isolate(
    client: &Client,
    plan: &Plan<'_>,
    range: Range<usize>,
    report: &mut FlushReport,
) -> Result<(), Failure> {
    let mut pieces = vec![range];
    while let Some(piece) = pieces.pop() {
        client.batch_execute("SAVEPOINT piece").await?;
        let refusal = match copy(client, plan, piece.clone()).await {
            Ok(rows) => {
                client.batch_execute("RELEASE SAVEPOINT piece").await?;
                report.rows += rows;
                continue;
            }
            Err(Failure::Poison(refusal)) => refusal,
            Err(failure) => return Err(failure),
        };
        client
            .batch_execute("ROLLBACK TO SAVEPOINT piece; RELEASE SAVEPOINT piece")
            .await?;
        if piece.len() > 1 {
            let middle = piece.start + piece.len() / 2;
            pieces.push(middle..piece.end);
            pieces.push(piece.start..middle);
        } else if let Some(element) = plan.element(piece.start) {
            bury(client, element, &refusal).await?;
            report.dead_lettered += 1;
            report.elements -= 1;
        }
    }
    Ok(())
}

/// Keeps a refused element whole, with the reason.
async fn bury(client: &Client, element: &FlushElement, refusal: &Refusal) -> Result<(), Failure> {
    let body = match &element.element {
        Element::Document(document) => document.body.clone(),
        Element::Sample(sample) => sample_json(sample).into_bytes(),
    };
    client
        .execute(
            "INSERT INTO pganalytics.dead_letter \
             (log_index, ordinal, collector_id, kind, time_micros, error, body) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            &[
                &i64::try_from(element.index).unwrap_or(i64::MAX),
                &i32::try_from(element.ordinal).unwrap_or(i32::MAX),
                &element.collector.get(),
                &element.element.kind().as_bytes(),
                &element.element.time().micros(),
                &refusal.to_string(),
                &body,
            ],
        )
        .await?;
    tracing::error!(
        collector_id = %element.collector,
        log_index = element.index,
        error = %refusal,
        "element put into the dead letters"
    );
    Ok(())
}

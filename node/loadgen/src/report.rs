//! The report of a load.

use std::fmt;
use std::time::Duration;

use pga_runtime::Instant;
use serde::Serialize;

use crate::{Run, Verdict};

/// What one place (a node, the database) was found to hold.
#[derive(Clone, Debug, Serialize)]
pub struct View {
    /// Address of the node, or `sql`.
    pub source: String,
    /// What it holds.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// The report of a load; `--json` prints it.
#[derive(Clone, Debug, Serialize)]
#[expect(
    missing_docs,
    reason = "the fields are the keys of the documented JSON"
)]
pub struct Report {
    pub pushes: Pushes,
    pub elements: Elements,
    pub latency_ms: Latency,
    pub rate: Rates,
    pub longest_ack_gap_ms: f64,
    pub cost: Cost,
    pub views: Vec<View>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_failure: Option<String>,
}

/// Counts of pushes.
#[derive(Clone, Copy, Debug, Serialize)]
#[expect(
    missing_docs,
    reason = "the fields are the keys of the documented JSON"
)]
pub struct Pushes {
    pub attempted: u64,
    pub succeeded: u64,
    pub failed: u64,
}

/// Counts of elements: the worst of all views; all but `acknowledged` are null if nothing was read
/// back.
#[derive(Clone, Copy, Debug, Serialize)]
#[expect(
    missing_docs,
    reason = "the fields are the keys of the documented JSON"
)]
pub struct Elements {
    pub acknowledged: u64,
    pub stored: Option<u64>,
    pub lost: Option<u64>,
    pub duplicated: Option<u64>,
    pub phantom: Option<u64>,
}

/// Of acknowledged pushes, from the first try to the acknowledgement, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
#[expect(
    missing_docs,
    reason = "the fields are the keys of the documented JSON"
)]
pub struct Latency {
    pub p50: f64,
    pub p95: f64,
    pub p99: f64,
    pub max: f64,
}

/// Of acknowledged pushes.
#[derive(Clone, Copy, Debug, Serialize)]
#[expect(
    missing_docs,
    reason = "the fields are the keys of the documented JSON"
)]
pub struct Rates {
    pub pushes_per_s: f64,
    pub elements_per_s: f64,
}

/// What the load generator itself used while it pushed.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Cost {
    /// CPU time, in seconds.
    pub cpu_seconds: f64,
    /// Share of one core.
    pub cpu_cores: f64,
}

impl Report {
    /// From what a run did and what was read back.
    pub fn new(run: &Run, views: Vec<View>) -> Self {
        let seconds = run.elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
        let acknowledged = run.histories.iter().map(super::History::acknowledged).sum();
        let verdicts = || views.iter().map(|view| view.verdict);
        Self {
            pushes: Pushes {
                attempted: run.attempted,
                succeeded: run.succeeded,
                failed: run.failed,
            },
            elements: Elements {
                acknowledged,
                stored: verdicts().map(|v| v.stored).min(),
                lost: verdicts().map(|v| v.lost).max(),
                duplicated: verdicts().map(|v| v.duplicated).max(),
                phantom: verdicts().map(|v| v.phantom).max(),
            },
            latency_ms: Latency {
                p50: percentile_ms(&run.latencies, 0.50),
                p95: percentile_ms(&run.latencies, 0.95),
                p99: percentile_ms(&run.latencies, 0.99),
                max: percentile_ms(&run.latencies, 1.0),
            },
            rate: Rates {
                pushes_per_s: run.succeeded as f64 / seconds,
                elements_per_s: acknowledged as f64 / seconds,
            },
            longest_ack_gap_ms: millis(run.longest_gap),
            cost: Cost {
                cpu_seconds: run.cpu.as_secs_f64(),
                cpu_cores: run.cpu.as_secs_f64() / seconds,
            },
            views,
            first_failure: run.first_failure.clone(),
        }
    }

    /// Whether nothing is lost, duplicated or phantom, as far as it was read back.
    pub fn is_clean(&self) -> bool {
        let elements = &self.elements;
        [elements.lost, elements.duplicated, elements.phantom]
            .iter()
            .all(|count| count.unwrap_or_default() == 0)
    }

    /// One line.
    pub fn to_json(&self) -> String {
        // INVARIANT: plain numbers and texts always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Pushes {
            attempted,
            succeeded,
            failed,
        } = self.pushes;
        let success = succeeded as f64 * 100.0 / attempted.max(1) as f64;
        writeln!(
            f,
            "pushes    {succeeded} of {attempted} acknowledged ({success:.3} %), {failed} failed"
        )?;
        if let Some(failure) = &self.first_failure {
            writeln!(f, "          first failure: {failure}")?;
        }
        let Latency { p50, p95, p99, max } = self.latency_ms;
        writeln!(
            f,
            "latency   p50 {p50:.2} ms, p95 {p95:.2} ms, p99 {p99:.2} ms, max {max:.2} ms"
        )?;
        let Rates {
            pushes_per_s,
            elements_per_s,
        } = self.rate;
        writeln!(
            f,
            "rate      {pushes_per_s:.1} pushes/s, {elements_per_s:.1} elements/s"
        )?;
        writeln!(
            f,
            "longest time without an acknowledgement {:.1} ms",
            self.longest_ack_gap_ms
        )?;
        writeln!(f, "elements  {} acknowledged", self.elements.acknowledged)?;
        for view in &self.views {
            let Verdict {
                stored,
                lost,
                duplicated,
                phantom,
            } = view.verdict;
            writeln!(
                f,
                "          {}: {stored} stored, {lost} lost, {duplicated} duplicated, {phantom} phantom",
                view.source
            )?;
        }
        let Cost {
            cpu_seconds,
            cpu_cores,
        } = self.cost;
        write!(
            f,
            "own cost  {cpu_seconds:.2} CPU seconds ({cpu_cores:.2} cores)"
        )
    }
}

fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}

/// The smallest latency that at least this share of all are not above (nearest rank).
fn percentile_ms(sorted: &[(Duration, Instant)], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    let index = rank.saturating_sub(1);
    sorted
        .get(index)
        .map_or(0.0, |(latency, _)| millis(*latency))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let now = pga_runtime::now();
        let of = |ms| (Duration::from_millis(ms), now);
        let latencies: Vec<_> = (1..=100).map(of).collect();
        for (share, want) in [(0.5, 50.0), (0.95, 95.0), (0.99, 99.0), (1.0, 100.0)] {
            assert_eq!(percentile_ms(&latencies, share), want, "{share}");
        }
        assert_eq!(percentile_ms(&[], 0.99), 0.0);
    }
}

//! What one statement of a server did in each step of time, from the sums that a flush keeps.
//!
//! Steps that are sealed are read as they are. Those after, a few, are made of narrower spans and
//! of rows, as a list of statements is ([`super::TopQueries`]).

use std::collections::BTreeMap;

use pga_config::CollectorId;

use super::questions::{on_a_blocking_thread, rows};
use super::top_queries::{Cover, SealedSums, reads};
use super::{QueryStats, Question};
use crate::store::ReadStore;
use crate::store::query_rollup::{Difference, LEVELS, Rollup, Span};
use crate::{Result, Timestamp};

/// The steps of a statement.
#[derive(Clone, Debug, PartialEq)]
pub struct StatementSteps {
    /// `queryid` of pg_stat_statements.
    pub query_hash: i64,
    /// Whose.
    pub collector: CollectorId,
    /// Only of this database.
    pub database: Option<String>,
    /// Steps that reach into [from, to), each as a whole.
    pub from: Timestamp,
    /// See `from`.
    pub to: Timestamp,
    /// Length of a step: one of [`StatementSteps::SECONDS`].
    pub seconds: i64,
    /// At most so many points, the newest.
    pub limit: u32,
}

impl StatementSteps {
    /// What a step may be, in seconds: sums are kept of these.
    pub const SECONDS: [i64; LEVELS.len()] = LEVELS;
}

impl Question for StatementSteps {
    /// Oldest first; those of one step by database and user. The time is the step's begin.
    type Answer = Vec<QueryStats>;

    async fn ask(&self, store: &dyn ReadStore) -> Result<Self::Answer> {
        let of = (self.window(), Some(self.query_hash));
        let cover = |sealed| self.cover(sealed);
        let found = SealedSums::read(store, self.collector, of, cover).await?;
        let this = self.clone();
        let mut points = on_a_blocking_thread(move || this.points(found)).await?;
        let mut newest: BTreeMap<(String, String), QueryStats> = BTreeMap::new();
        for (_, stats) in &points {
            let names = (stats.database_name.clone(), stats.user_name.clone());
            newest.insert(names, stats.clone());
        }
        let newest: Vec<QueryStats> = newest.into_values().collect();
        if newest.is_empty() {
            return Ok(Vec::new());
        }
        let texts = rows(store, reads::texts(self.collector, &newest)).await?;
        for (begin, stats) in &mut points {
            let of = newest.iter().zip(&texts).find(|(known, _)| {
                (&known.database_name, &known.user_name) == (&stats.database_name, &stats.user_name)
            });
            if let Some((_, text)) = of {
                text.text(1)
                    .unwrap_or_default()
                    .clone_into(&mut stats.query_text);
            }
            stats.time = *begin;
        }
        Ok(points.into_iter().map(|(_, stats)| stats).collect())
    }
}

impl StatementSteps {
    /// The step in which a moment lies.
    fn step(&self, second: i64) -> Span {
        Span::of_seconds(second.div_euclid(self.seconds) * self.seconds, self.seconds)
    }

    /// All steps, as one span.
    fn window(&self) -> Span {
        let second = |micros: i64| micros.div_euclid(1_000_000);
        Span {
            begin: self.step(second(self.from.micros())).begin,
            end: self.step(second(self.to.micros().saturating_sub(1))).end,
        }
    }

    /// What is read: steps that are sealed as a whole, and what is after.
    fn cover(&self, sealed: Option<i64>) -> Cover {
        let window = self.window();
        let second = |time: Timestamp| time.micros().div_euclid(1_000_000);
        let whole = sealed.map_or(i64::MIN, |sealed| second(self.step(sealed).begin));
        let whole = whole.clamp(second(window.begin), second(window.end));
        let rest = Span {
            begin: Timestamp::from_micros(whole * 1_000_000),
            end: window.end,
        };
        let mut cover = match rest.begin < rest.end {
            true => Cover::new(rest, sealed),
            false => Cover::default(),
        };
        let full = (self.seconds, second(window.begin), whole);
        cover.spans.insert(0, full);
        cover
    }

    /// Each with the begin of its step.
    fn points(&self, found: SealedSums) -> Result<Vec<(Timestamp, QueryStats)>> {
        let mut steps = BTreeMap::<i64, Rollup>::new();
        for row in found.spans.into_iter().flatten() {
            let begin = self.step(row.int(0).unwrap_or_default()).begin.micros();
            let of_step = steps.entry(begin).or_default();
            of_step.merge_statement(row.bytes(1).unwrap_or_default(), self.query_hash)?;
        }
        let mut difference = Difference::default();
        for (within, rows) in found.differences {
            for row in rows {
                reads::difference(&row, &mut difference);
                self.share(&difference, within, &mut steps);
            }
        }
        let (collector, only) = (self.collector.to_string(), self.database.as_deref());
        let mut points = Vec::new();
        for (begin, rollup) in steps {
            let step = self.step(begin.div_euclid(1_000_000));
            let mut of_step = rollup.stats(&collector, step, only);
            of_step.sort_by(|a, b| {
                (&a.database_name, &a.user_name).cmp(&(&b.database_name, &b.user_name))
            });
            let of_step = of_step.into_iter().map(QueryStats::with_mean);
            points.extend(of_step.map(|stats| (step.begin, stats)));
        }
        points.drain(..points.len().saturating_sub(self.limit as usize));
        Ok(points)
    }

    /// Adds a difference to the steps that it reaches into, within a span.
    fn share(&self, difference: &Difference, within: Span, steps: &mut BTreeMap<i64, Rollup>) {
        let length = (difference.interval * 1e6) as i64;
        let begin = difference.time.micros().saturating_sub(length);
        let begin = begin.max(within.begin.micros());
        let end = difference.time.micros().min(within.end.micros());
        let mut step = self.step(begin.div_euclid(1_000_000));
        while step.begin.micros() < end {
            let part = Span {
                begin: step.begin.max(within.begin),
                end: step.end.min(within.end),
            };
            steps
                .entry(step.begin.micros())
                .or_default()
                .add(difference, part);
            step = self.step(step.end.micros().div_euclid(1_000_000));
        }
    }
}

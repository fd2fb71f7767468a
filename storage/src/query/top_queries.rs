//! Slow or frequent statements of one collector over a window, from counter differences (design
//! D6).
//!
//! Each (database, user, query hash) of a collector is a row of its own: equal query ids of two
//! databases are two statements. A difference that spans a border of the window counts with its
//! share inside.
//!
//! A window is the sum of sealed spans and of the rows at its ends
//! ([`crate::store::query_rollup`]), so the question takes three steps: up to when the store has
//! sealed, what happened, and the texts of the statements that are listed.

mod cover;
mod ranking;
pub(super) mod reads;
mod sealed_sums;

use pga_config::CollectorId;

pub(super) use self::cover::Cover;
pub use self::ranking::QueryOrder;
use self::ranking::rank;
pub(super) use self::sealed_sums::SealedSums;
use super::questions::{on_a_blocking_thread, rows};
use super::{QueryStats, Question};
use crate::store::ReadStore;
use crate::store::query_rollup::{Rollup, Span};
use crate::{Result, Timestamp};

/// Top queries of one collector.
#[derive(Clone, Debug, PartialEq)]
pub struct TopQueries {
    /// Whose.
    pub collector: CollectorId,
    /// Only of this database.
    pub database: Option<String>,
    /// What comes first.
    pub order: QueryOrder,
    /// Not older than this, inclusive.
    pub from: Timestamp,
    /// Older than this, exclusive.
    pub to: Timestamp,
    /// At most this many.
    pub limit: u32,
    /// Whether their texts are wanted: each is a look-up.
    pub has_texts: bool,
}

impl Question for TopQueries {
    /// The first in their order.
    type Answer = Vec<QueryStats>;

    async fn ask(&self, store: &dyn ReadStore) -> Result<Self::Answer> {
        let window = Span {
            begin: self.from,
            end: self.to,
        };
        let cover = |sealed| Cover::new(window, sealed);
        let found = SealedSums::read(store, self.collector, (window, None), cover).await?;
        let this = self.clone();
        let mut top = on_a_blocking_thread(move || {
            let rollup = sum(found)?;
            let only = this.database.as_deref();
            let stats = rollup.stats(&this.collector.to_string(), window, only);
            Ok(rank(stats, this.order, this.limit))
        })
        .await?;
        if top.is_empty() || !self.has_texts {
            return Ok(top);
        }
        let texts = rows(store, reads::texts(self.collector, &top)).await?;
        for (stats, row) in top.iter_mut().zip(texts) {
            row.text(1)
                .unwrap_or_default()
                .clone_into(&mut stats.query_text);
        }
        Ok(top)
    }
}

/// The sum of a window.
fn sum(found: SealedSums) -> Result<Rollup> {
    let mut rollup = Rollup::default();
    let mut difference = Default::default();
    for (span, rows) in found.differences {
        for row in rows {
            reads::difference(&row, &mut difference);
            rollup.add(&difference, span);
        }
    }
    for row in found.spans.into_iter().flatten() {
        rollup.merge(row.bytes(1).unwrap_or_default())?;
    }
    Ok(rollup)
}

#[cfg(test)]
mod tests;

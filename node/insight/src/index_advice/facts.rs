//! What is known of a database before an index is chosen.

use super::catalog::Catalog;
use super::cost::Prices;
use super::demand::Reading;
use super::existing::Existing;
use super::workload::Workload;

/// All that is read before anything is chosen.
pub(super) struct Facts<'a> {
    pub(super) workload: &'a Workload,
    pub(super) catalog: &'a Catalog,
    pub(super) prices: Prices,
    pub(super) readings: Vec<Option<Reading>>,
    /// Of each relation.
    pub(super) existing: Vec<Vec<Existing<'a>>>,
    pub(super) ms_per_unit: f64,
}

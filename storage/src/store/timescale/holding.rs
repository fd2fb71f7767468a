//! Who has a database.

use crate::store::Watermark;

/// Whose a database is, and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Id of the cluster, as [`super::StoreOwner`] writes it.
    pub owner: String,
    /// Up to where it holds everything.
    pub watermark: Watermark,
}

//! A push on its way through the node.

use pga_web::{AdmissionPermit, Push};

/// A push, and what it holds of the node until its outcome is known.
#[derive(Debug)]
pub(crate) struct AdmittedPush {
    /// What is to be stored.
    pub(crate) push: Push,
    /// Grows at each gate, and ends with the last who works on the push.
    pub(crate) permit: AdmissionPermit,
}

//! What a push takes of its node: one permit, from its first byte until its outcome is known.
//!
//! A node has room for so many bytes of pushes, and works on so many pushes at once, of all
//! collectors and of each. Whoever has something to give adds it to the push's [`AdmissionPermit`],
//! and nobody gives anything back by hand: whichever way a push ends, all of it is free when the
//! permit is dropped. A client that goes away does not end its push, and so frees nothing.

mod budget;
mod push_queue;

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::IntGauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::budget::Budget;
pub(crate) use self::budget::Lease;
use self::push_queue::PushQueue;
use crate::options::WebLimits;
use crate::refusal::Refusal;

/// What all pushes of this node share.
#[derive(Debug)]
pub(crate) struct Admission {
    budget: Budget,
    queue: PushQueue,
}

/// What one push has taken; all of it goes back on drop.
#[derive(Debug, Default)]
pub struct AdmissionPermit {
    /// Memory. `None` for what the node pushes itself, which is small and few.
    lease: Option<Lease>,
    shares: Mutex<Vec<OwnedSemaphorePermit>>,
}

impl Admission {
    /// Nothing is taken yet; `bytes` counts the memory that pushes take, `waiting` those that wait
    /// for their turn.
    pub(crate) fn new(limits: &WebLimits, bytes: IntGauge, waiting: IntGauge) -> Self {
        Self {
            budget: Budget::new(limits.inflight_bytes, bytes),
            queue: PushQueue::new(limits.max_pushes, limits.max_push_wait, waiting),
        }
    }

    /// Memory for a body: of nothing yet.
    pub(crate) fn lease(&self) -> Lease {
        self.budget.lease()
    }

    /// Waits for the turn of a push whose body takes `lease`; both are in its permit then.
    ///
    /// # Errors
    /// 503 `queue_wait` once it waited for too long.
    pub(crate) async fn turn(&self, lease: Lease) -> Result<AdmissionPermit, Refusal> {
        let turn = self.queue.turn().await?;
        Ok(AdmissionPermit {
            lease: Some(lease),
            shares: Mutex::new(vec![turn]),
        })
    }
}

/// Whether a push has a share of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It has it now.
    Now,
    /// It had it before.
    Before,
    /// There is none.
    Full,
}

impl AdmissionPermit {
    /// Adds one of `limit`, once.
    pub fn take_one(&self, limit: &Arc<Semaphore>) -> Taken {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let is_held = |share: &OwnedSemaphorePermit| Arc::ptr_eq(share.semaphore(), limit);
        if shares.iter().any(is_held) {
            return Taken::Before;
        }
        match Arc::clone(limit).try_acquire_owned() {
            Ok(share) => {
                shares.push(share);
                Taken::Now
            }
            Err(_) => Taken::Full,
        }
    }

    /// Adds a share that was waited for.
    pub fn add(&self, share: OwnedSemaphorePermit) {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        shares.push(share);
    }

    /// The memory that the push takes, unless it is the node's own.
    pub(crate) const fn lease(&mut self) -> Option<&mut Lease> {
        self.lease.as_mut()
    }
}

#[cfg(test)]
mod tests;

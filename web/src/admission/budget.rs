//! Memory for bodies in flight: taken before it is used, refused when it is spent.

use std::sync::Arc;

use prometheus::IntGauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::refusal::Refusal;

/// Bytes of one permit.
const UNIT: u64 = 1 << 10;

/// The bytes that all bodies may take together.
#[derive(Debug)]
pub(super) struct Budget {
    free: Arc<Semaphore>,
    units: u32,
    used: IntGauge,
}

/// What one request has taken; it goes back on drop.
#[derive(Debug)]
pub(crate) struct Lease {
    free: Arc<Semaphore>,
    permit: Option<OwnedSemaphorePermit>,
    units: u32,
    limit: u32,
    used: IntGauge,
}

impl Budget {
    pub(super) fn new(bytes: u64, used: IntGauge) -> Self {
        let units = u32::try_from(bytes / UNIT).unwrap_or(u32::MAX).max(1);
        Self {
            free: Arc::new(Semaphore::new(units as usize)),
            units,
            used,
        }
    }

    /// A lease of nothing.
    pub(super) fn lease(&self) -> Lease {
        Lease {
            free: Arc::clone(&self.free),
            permit: None,
            units: 0,
            limit: self.units,
            used: self.used.clone(),
        }
    }
}

impl Lease {
    /// Like [`Lease::hold`], but grows in steps of `step` bytes.
    pub(crate) fn hold_at_least(&mut self, bytes: u64, step: u64) -> Result<(), Refusal> {
        if bytes <= u64::from(self.units) * UNIT {
            return Ok(());
        }
        let grown = if bytes <= step {
            bytes
        } else {
            bytes.saturating_add(step)
        };
        self.hold(grown)
    }

    /// Makes the lease hold at least `bytes`. One request alone is always admitted: it never asks
    /// for more than the whole budget.
    pub(crate) fn hold(&mut self, bytes: u64) -> Result<(), Refusal> {
        let want = u32::try_from(bytes.div_ceil(UNIT))
            .unwrap_or(u32::MAX)
            .min(self.limit);
        let more = want.saturating_sub(self.units);
        if more == 0 {
            return Ok(());
        }
        let Ok(permit) = Arc::clone(&self.free).try_acquire_many_owned(more) else {
            let text = "Temporarily unavailable: too much data in flight on this node";
            return Err(Refusal::unavailable("inflight_bytes", text));
        };
        match &mut self.permit {
            Some(held) => held.merge(permit),
            None => self.permit = Some(permit),
        }
        self.units = want;
        self.used.add(i64::from(more) * UNIT as i64);
        Ok(())
    }

    /// Gives back what is held beyond `bytes`.
    pub(crate) fn keep(&mut self, bytes: u64) {
        let want = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        let less = self.units.saturating_sub(want);
        let Some(permit) = &mut self.permit else {
            return;
        };
        if permit.split(less as usize).is_some() {
            self.units -= less;
            self.used.sub(i64::from(less) * UNIT as i64);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.used.sub(i64::from(self.units) * UNIT as i64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(bytes: u64) -> Budget {
        Budget::new(bytes, IntGauge::new("used", "used").unwrap())
    }

    #[test]
    fn a_full_budget_refuses_until_a_lease_ends() {
        let budget = budget(10 * UNIT);
        let (mut first, mut second) = (budget.lease(), budget.lease());
        assert_eq!(first.hold(6 * UNIT), Ok(()));
        assert_eq!(second.hold(4 * UNIT), Ok(()));
        assert_eq!(
            second.hold(4 * UNIT + 1).unwrap_err().reason,
            "inflight_bytes"
        );
        assert_eq!(budget.used.get(), 10 * UNIT as i64);
        drop(first);
        assert_eq!(second.hold(10 * UNIT), Ok(()));
        second.keep(99 * UNIT);
        assert_eq!(budget.used.get(), 10 * UNIT as i64);
        second.keep(2 * UNIT + 1);
        assert_eq!(budget.used.get(), 3 * UNIT as i64);
        assert_eq!(budget.lease().hold(7 * UNIT), Ok(()));
        assert!(budget.lease().hold(8 * UNIT).is_err());
        drop(second);
        assert_eq!(budget.used.get(), 0);
    }

    #[test]
    fn a_request_larger_than_the_budget_takes_all_of_it() {
        let budget = budget(10 * UNIT);
        assert_eq!(budget.lease().hold(99 * UNIT), Ok(()));
    }
}

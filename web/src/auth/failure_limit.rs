//! The brake on guessing: failed attempts per client address.

use pga_runtime::Instant;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;

use crate::refusal::Refusal;

const WINDOW: Duration = Duration::from_secs(60);
/// Addresses remembered at once; at the bound, the oldest windows go first.
const MAX_ADDRESSES: usize = 10_000;

/// Counts failures in windows of a minute; above the limit, an address waits for its window to end.
///
/// Only failures count, so that a whole fleet behind one address can register.
#[derive(Debug)]
pub(crate) struct FailureLimit {
    limit: u32,
    windows: Mutex<HashMap<IpAddr, (Instant, u32)>>,
}

impl FailureLimit {
    pub(crate) fn new(limit: u32) -> Self {
        Self {
            limit,
            windows: Mutex::default(),
        }
    }

    /// Refuses if `address` has failed too often.
    pub(crate) fn check(&self, address: IpAddr, now: Instant) -> Result<(), Refusal> {
        let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let left = match windows.get(&address) {
            Some((start, failures)) if *failures >= self.limit => {
                WINDOW.saturating_sub(now.saturating_duration_since(*start))
            }
            _ => Duration::ZERO,
        };
        if left.is_zero() {
            return Ok(());
        }
        let text = "Too many requests: failed attempts";
        let mut refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "failed_attempts", text);
        refusal.retry_after = Some(left);
        Err(refusal)
    }

    /// Notes a failure of `address`.
    pub(crate) fn failed(&self, address: IpAddr, now: Instant) {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= MAX_ADDRESSES && !windows.contains_key(&address) {
            windows.retain(|_, (start, _)| now.saturating_duration_since(*start) < WINDOW);
        }
        if windows.len() >= MAX_ADDRESSES && !windows.contains_key(&address) {
            let oldest = windows
                .iter()
                .min_by_key(|(_, window)| window.0)
                .map(|(ip, _)| *ip);
            oldest.map(|ip| windows.remove(&ip));
        }
        let window = windows.entry(address).or_insert((now, 0));
        if now.saturating_duration_since(window.0) >= WINDOW {
            *window = (now, 0);
        }
        window.1 += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_fails_too_often_waits_for_its_window() {
        let limit = FailureLimit::new(2);
        let (bad, good) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let start = pga_runtime::now();
        for _ in 0..2 {
            assert_eq!(limit.check(bad, start), Ok(()));
            limit.failed(bad, start);
        }
        let refusal = limit
            .check(bad, start + Duration::from_secs(20))
            .unwrap_err();
        assert_eq!(refusal.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refusal.retry_after, Some(Duration::from_secs(40)));
        assert_eq!(limit.check(good, start), Ok(()));
        assert_eq!(limit.check(bad, start + WINDOW), Ok(()));
    }

    #[test]
    fn the_number_of_addresses_is_bounded() {
        let limit = FailureLimit::new(1);
        let now = pga_runtime::now();
        for n in 0..MAX_ADDRESSES as u32 + 50 {
            limit.failed(IpAddr::from(n.to_be_bytes()), now);
        }
        assert_eq!(limit.windows.lock().unwrap().len(), MAX_ADDRESSES);
    }
}

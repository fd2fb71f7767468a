//! The brake on guessing: failed attempts of a client address, at each secret and at all.
//!
//! Whoever guesses at one user's password keeps nobody else behind the same address (a proxy, a
//! network's gateway) from logging in or registering, unless he guesses ten times as often.

use pga_runtime::Instant;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;

use crate::refusal::Refusal;

const WINDOW: Duration = Duration::from_secs(60);
/// Windows remembered at once; at the bound, the oldest go first.
const MAX_WINDOWS: usize = 20_000;
/// An address may fail so many times as often at all as at one secret.
const IN_ALL: u32 = 10;

/// Of whom, and at what: nothing for all.
type Key = (IpAddr, Option<u64>);

/// Counts failures in windows of a minute; at the limit, an address waits for the window to end.
///
/// Only failures count, so that a whole fleet behind one address can register.
#[derive(Debug)]
pub(crate) struct FailureLimit {
    limit: u32,
    windows: Mutex<HashMap<Key, (Instant, u32)>>,
}

impl FailureLimit {
    pub(crate) fn new(limit: u32) -> Self {
        Self {
            limit,
            windows: Mutex::default(),
        }
    }

    /// Refuses if `address` has failed too often at `what`, such as one user's password, or at all.
    pub(crate) fn check(&self, address: IpAddr, what: &str, now: Instant) -> Result<(), Refusal> {
        let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let left = self
            .limits(address, what)
            .map(|(key, limit)| match windows.get(&key) {
                Some((start, failures)) if *failures >= limit => {
                    WINDOW.saturating_sub(now.saturating_duration_since(*start))
                }
                _ => Duration::ZERO,
            });
        let left = left.into_iter().max().unwrap_or_default();
        if left.is_zero() {
            return Ok(());
        }
        let text = "Too many requests: failed attempts";
        let mut refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "failed_attempts", text);
        refusal.retry_after = Some(left);
        Err(refusal)
    }

    /// Notes a failure of `address` at `what`.
    pub(crate) fn failed(&self, address: IpAddr, what: &str, now: Instant) {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, _) in self.limits(address, what) {
            make_room(&mut windows, key, now);
            let window = windows.entry(key).or_insert((now, 0));
            if now.saturating_duration_since(window.0) >= WINDOW {
                *window = (now, 0);
            }
            window.1 += 1;
        }
    }

    fn limits(&self, address: IpAddr, what: &str) -> [(Key, u32); 2] {
        let one = Some(xxhash_rust::xxh3::xxh3_64(what.as_bytes()));
        let all = self.limit.saturating_mul(IN_ALL);
        [((address, one), self.limit), ((address, None), all)]
    }
}

fn make_room(windows: &mut HashMap<Key, (Instant, u32)>, key: Key, now: Instant) {
    if windows.len() >= MAX_WINDOWS && !windows.contains_key(&key) {
        windows.retain(|_, (start, _)| now.saturating_duration_since(*start) < WINDOW);
    }
    if windows.len() >= MAX_WINDOWS && !windows.contains_key(&key) {
        let oldest = windows.iter().min_by_key(|(_, window)| window.0);
        let oldest = oldest.map(|(key, _)| *key);
        oldest.map(|key| windows.remove(&key));
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
            assert_eq!(limit.check(bad, "ann", start), Ok(()));
            limit.failed(bad, "ann", start);
        }
        let soon = start + Duration::from_secs(20);
        let refusal = limit.check(bad, "ann", soon).unwrap_err();
        assert_eq!(refusal.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refusal.retry_after, Some(Duration::from_secs(40)));
        assert_eq!(limit.check(good, "ann", start), Ok(()));
        assert_eq!(limit.check(bad, "admin", soon), Ok(()), "at another secret");
        assert_eq!(limit.check(bad, "ann", start + WINDOW), Ok(()));
    }

    #[test]
    fn who_fails_at_many_secrets_waits_too() {
        let limit = FailureLimit::new(2);
        let (bad, now) = (IpAddr::from([10, 0, 0, 1]), pga_runtime::now());
        for n in 0..20 {
            let name = format!("user {n}");
            assert_eq!(limit.check(bad, &name, now), Ok(()), "{name}");
            limit.failed(bad, &name, now);
        }
        limit.check(bad, "admin", now).unwrap_err();
    }

    #[test]
    fn the_number_of_windows_is_bounded() {
        let limit = FailureLimit::new(1);
        let now = pga_runtime::now();
        for n in 0..MAX_WINDOWS as u32 / 2 + 50 {
            limit.failed(IpAddr::from(n.to_be_bytes()), "ann", now);
        }
        assert_eq!(limit.windows.lock().unwrap().len(), MAX_WINDOWS);
    }
}

//! The brake on guessing: failed attempts of a client address, at each secret and at all.
//!
//! Whoever guesses at one user's password keeps nobody else behind the same address (a proxy, a
//! network's gateway) from logging in or registering, unless he guesses ten times as often.
//!
//! The limits hold over a cluster: nodes tell each other what failed at them, and each counts all
//! it knows. It is soft state: nothing of it is in the log, and a node that hears nothing counts
//! its own.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;
use pga_runtime::Instant;
use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;

const WINDOW: Duration = Duration::from_secs(60);
/// Windows remembered at once; at the bound, the oldest eighth goes.
const MAX_WINDOWS: usize = 20_000;
/// An address may fail so many times as often at all as at one secret.
const IN_ALL: u32 = 10;
/// Addresses and secrets that are told at once, and that wait to be told.
const MAX_TOLD: usize = 1_000;

/// Of whom, and at what: nothing for all.
type Key = (IpAddr, Option<u64>);

/// What failed, as a node tells it to others: never the secret that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedAttempts {
    /// Of which client.
    address: IpAddr,
    /// At what, such as one user's password: XXH3 of its name.
    what: u64,
    /// How often.
    count: u32,
}

/// Counts failures in windows of a minute; at the limit, an address waits for the window to end.
///
/// Only failures count, so that a whole fleet behind one address can register.
#[derive(Debug)]
pub struct FailureLimit {
    limit: u32,
    windows: Mutex<HashMap<Key, (Instant, u32)>>,
    untold: Mutex<HashMap<(IpAddr, u64), u32>>,
}

impl Default for FailureLimit {
    fn default() -> Self {
        Self::new(10)
    }
}

impl FailureLimit {
    /// A brake that holds after `limit` failures of an address at one secret within a minute, and
    /// after ten times as many at all.
    pub fn new(limit: u32) -> Self {
        Self {
            limit,
            windows: Mutex::default(),
            untold: Mutex::default(),
        }
    }

    /// Takes what failed here and nobody was told of: a thousand addresses and secrets at most.
    pub fn take_untold(&self) -> Vec<FailedAttempts> {
        let mut untold = self.untold.lock().unwrap_or_else(PoisonError::into_inner);
        let all = untold.drain();
        all.map(|((address, what), count)| FailedAttempts {
            address,
            what,
            count,
        })
        .collect()
    }

    /// Counts what failed at another node.
    pub fn heard(&self, told: &[FailedAttempts], now: Instant) {
        for one in told.iter().take(MAX_TOLD) {
            self.count(one.address, one.what, one.count, now);
        }
    }

    /// Refuses if `address` has failed too often at `what`, such as one user's password, or at all.
    pub(crate) fn check(&self, address: IpAddr, what: &str, now: Instant) -> Result<(), Refusal> {
        let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let left = self
            .limits(address, hash(what))
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
        let what = hash(what);
        self.count(address, what, 1, now);
        let mut untold = self.untold.lock().unwrap_or_else(PoisonError::into_inner);
        if untold.len() < MAX_TOLD || untold.contains_key(&(address, what)) {
            *untold.entry((address, what)).or_default() += 1;
        }
    }

    fn count(&self, address: IpAddr, what: u64, count: u32, now: Instant) {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, _) in self.limits(address, what) {
            make_room(&mut windows, key, now);
            let window = windows.entry(key).or_insert((now, 0));
            if now.saturating_duration_since(window.0) >= WINDOW {
                *window = (now, 0);
            }
            window.1 = window.1.saturating_add(count);
        }
    }

    fn limits(&self, address: IpAddr, what: u64) -> [(Key, u32); 2] {
        let all = self.limit.saturating_mul(IN_ALL);
        [((address, Some(what)), self.limit), ((address, None), all)]
    }
}

fn hash(what: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(what.as_bytes())
}

fn make_room(windows: &mut HashMap<Key, (Instant, u32)>, key: Key, now: Instant) {
    if windows.len() < MAX_WINDOWS || windows.contains_key(&key) {
        return;
    }
    windows.retain(|_, (start, _)| now.saturating_duration_since(*start) < WINDOW);
    if windows.len() < MAX_WINDOWS {
        return;
    }
    let mut starts: Vec<Instant> = windows.values().map(|window| window.0).collect();
    let (_, bound, _) = starts.select_nth_unstable(MAX_WINDOWS / 8);
    let mut excess = MAX_WINDOWS / 8;
    let bound = *bound;
    windows.retain(|_, (start, _)| {
        let goes = *start <= bound && excess > 0;
        excess -= usize::from(goes);
        !goes
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAD: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

    #[test]
    fn an_address_that_fails_too_often_waits_for_its_window() {
        let limit = FailureLimit::new(2);
        let good = IpAddr::from([10, 0, 0, 2]);
        let start = pga_runtime::now();
        for _ in 0..2 {
            assert_eq!(limit.check(BAD, "ann", start), Ok(()));
            limit.failed(BAD, "ann", start);
        }
        let soon = start + Duration::from_secs(20);
        let refusal = limit.check(BAD, "ann", soon).unwrap_err();
        assert_eq!(refusal.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refusal.retry_after, Some(Duration::from_secs(40)));
        assert_eq!(limit.check(good, "ann", start), Ok(()));
        assert_eq!(limit.check(BAD, "admin", soon), Ok(()), "at another secret");
        assert_eq!(limit.check(BAD, "ann", start + WINDOW), Ok(()));
    }

    #[test]
    fn who_fails_at_many_secrets_waits_too() {
        let limit = FailureLimit::new(2);
        let now = pga_runtime::now();
        for n in 0..20 {
            let name = format!("user {n}");
            assert_eq!(limit.check(BAD, &name, now), Ok(()), "{name}");
            limit.failed(BAD, &name, now);
        }
        limit.check(BAD, "admin", now).unwrap_err();
    }

    #[test]
    fn what_failed_at_several_nodes_counts_at_each() {
        let nodes = [(); 3].map(|()| FailureLimit::new(10));
        let now = pga_runtime::now();
        for n in 0..10 {
            nodes[n % 3].failed(BAD, "ann", now);
        }
        let tell = |from: usize| {
            let told = nodes[from].take_untold();
            let others = (0..3).filter(|to| *to != from);
            others.for_each(|to| nodes[to].heard(&told, now));
        };
        tell(0);
        tell(1);
        assert_eq!(
            nodes[0].check(BAD, "ann", now),
            Ok(()),
            "cut off from the third"
        );
        tell(2);
        for node in &nodes {
            node.check(BAD, "ann", now).unwrap_err();
            assert_eq!(node.check(BAD, "ben", now), Ok(()));
            assert_eq!(node.take_untold(), [], "what was heard is not told on");
        }
    }

    #[test]
    fn what_is_remembered_and_told_is_bounded() {
        let limit = FailureLimit::new(1);
        let now = pga_runtime::now();
        for n in 0..2 * MAX_WINDOWS as u32 {
            limit.failed(IpAddr::from(n.to_be_bytes()), "ann", now);
            let count = limit.windows.lock().unwrap().len();
            assert!(count <= MAX_WINDOWS, "{count}");
        }
        let last = IpAddr::from((2 * MAX_WINDOWS as u32 - 1).to_be_bytes());
        limit.check(last, "ann", now).unwrap_err();
        assert_eq!(limit.take_untold().len(), MAX_TOLD);
    }
}

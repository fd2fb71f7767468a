//! What a node tells its peers about itself, so that the one that leads can judge all of them.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

use pga_cluster::Condition;
use pga_cluster::pki::not_after;
use pga_config::Config;
use pga_storage::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::context::Context;
use crate::metrics::ACTORS;

/// How often it is looked, and how often at the certificates, in microseconds.
const EVERY: i64 = 10_000_000;
const HOUR: i64 = 3_600_000_000;
const TEN_MINUTES: i64 = 600_000_000;

/// What is remembered from one look to the next.
#[derive(Debug, Default)]
pub(crate) struct OwnCondition {
    looked: Timestamp,
    /// How often this node's actors had been restarted, in the last ten minutes.
    restarts: VecDeque<(Timestamp, u64)>,
    /// When each certificate in this node's files ends, and when that was read.
    certificates: BTreeMap<String, Timestamp>,
    read: Timestamp,
}

impl OwnCondition {
    /// How this node is, if it is time to look.
    pub(crate) fn look(&mut self, context: &Context, now: Timestamp) -> Option<Condition> {
        if now.micros() - self.looked.micros() < EVERY {
            return None;
        }
        self.looked = now;
        if now.micros() - self.read.micros() >= HOUR {
            self.certificates = certificates(&context.config);
            self.read = now;
        }
        let count = |actor: &&str| context.metrics.restarts.with_label_values(&[actor]).get();
        let restarts = self.restarts(ACTORS.iter().map(count).sum(), now);
        let (disk_used_bytes, disk_bytes) = disk(&context.config.node.data_dir).unzip();
        Some(Condition {
            restarts,
            certificates: self.certificates.clone(),
            disk_used_bytes,
            disk_bytes,
        })
    }

    /// How much `total` has grown in the last ten minutes.
    fn restarts(&mut self, total: u64, now: Timestamp) -> u64 {
        self.restarts.push_back((now, total));
        let is_old = |at: &Timestamp| now.micros() - at.micros() > TEN_MINUTES;
        while self.restarts.front().is_some_and(|(at, _)| is_old(at)) {
            self.restarts.pop_front();
        }
        let before = self.restarts.front().map_or(total, |(_, before)| *before);
        total.saturating_sub(before)
    }
}

/// When the first certificate of each file ends; one that cannot be read is left out.
fn certificates(config: &Config) -> BTreeMap<String, Timestamp> {
    let files = [
        ("node", Some(config.cert_file())),
        ("ca", Some(config.ca_file())),
        ("https", config.http.tls_cert_file.clone()),
    ];
    let end = |file: &Path| not_after(&CertificateDer::from_pem_file(file).ok()?).ok();
    let ends = files
        .into_iter()
        .filter_map(|(name, file)| Some((name.to_owned(), end(&file?)?)));
    ends.collect()
}

/// Bytes of a file system that are used, and all that those who are not root may use.
fn disk(dir: &Path) -> Option<(u64, u64)> {
    let stat = rustix::fs::statvfs(dir).ok()?;
    let used = stat.f_blocks.saturating_sub(stat.f_bfree);
    let all = (used + stat.f_bavail).max(1);
    let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
    Some((bytes(used), bytes(all)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restarts_are_those_of_the_last_ten_minutes() {
        let mut own = OwnCondition::default();
        for (seconds, total, want) in [(0, 5, 0), (60, 7, 2), (600, 9, 4), (661, 9, 0)] {
            let now = Timestamp::from_micros(seconds * 1_000_000);
            assert_eq!(own.restarts(total, now), want, "{seconds}");
        }
    }
}

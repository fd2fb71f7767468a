//! When the certificates of collectors end.
//!
//! A domain of its own beside [`super::Collectors`], whose section is frozen since feature level 0.

use std::collections::BTreeMap;

use pga_config::CollectorId;
use pga_storage::Timestamp;
use serde::{Deserialize, Serialize};

use super::collector_book::CollectorCommand;
use super::collectors::Collector;
use crate::feature_level::FeatureLevel;
use crate::state::section::plain_section;

/// Changes of collectors that get a certificate with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CollectorCertificateCommand {
    /// A collector got a certificate.
    Issued {
        /// [`CollectorCommand::Register`] or [`CollectorCommand::RenewCertificate`].
        change: CollectorCommand,
        /// When the certificate ends.
        expires_at: Timestamp,
    },
}

/// The last certificate of each collector: SHA-256 of its DER, and when it ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::state) struct CollectorCertificates(BTreeMap<CollectorId, ([u8; 32], Timestamp)>);

impl CollectorCertificates {
    /// Notes a certificate. Collectors that are not `known` any more are forgotten as soon as there
    /// are more certificates than collectors.
    pub(in crate::state) fn issued(
        &mut self,
        collector: CollectorId,
        certificate: ([u8; 32], Timestamp),
        known: &BTreeMap<CollectorId, Collector>,
    ) {
        self.0.insert(collector, certificate);
        if self.0.len() > known.len() {
            self.0.retain(|id, _| known.contains_key(id));
        }
    }

    /// When this certificate of a collector ends, if that was noted.
    pub(in crate::state) fn expires_at(
        &self,
        collector: CollectorId,
        sha256: [u8; 32],
    ) -> Option<Timestamp> {
        let (of, expires_at) = self.0.get(&collector)?;
        (*of == sha256).then_some(*expires_at)
    }
}

plain_section!(
    CollectorCertificates,
    "collector_certificates",
    FeatureLevel::COLLECTOR_CERTIFICATES
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::section::Section;

    #[test]
    fn the_end_is_that_of_the_certificate_that_a_collector_has_now() {
        let [a, b] = ["a", "b"].map(CollectorId::from_external);
        let [first, second] = [100, 200].map(Timestamp::from_micros);
        let mut known = BTreeMap::from([(a, Collector::default()), (b, Collector::default())]);
        let mut certificates = CollectorCertificates::default();
        certificates.issued(a, ([1; 32], first), &known);
        certificates.issued(b, ([2; 32], second), &known);
        assert_eq!(certificates.expires_at(a, [1; 32]), Some(first));
        // An older program's node renewed it, and did not say until when.
        assert_eq!(certificates.expires_at(a, [9; 32]), None);
        let read = CollectorCertificates::read(1, &certificates.write().unwrap()).unwrap();
        assert_eq!(read, certificates);
        known.remove(&a);
        certificates.issued(b, ([3; 32], first), &known);
        assert_eq!(certificates.expires_at(b, [3; 32]), Some(first));
        assert_eq!(certificates.0.len(), 1, "who was deleted is forgotten");
    }
}

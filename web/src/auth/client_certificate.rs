//! Collectors that show who they are by a certificate (contract 4.4).
//!
//! The handshake has found that the cluster's authority issued it, and that the client has its key.
//! Whether it is still good the replicated state says, at each request: it holds the fingerprint of
//! the one certificate that each collector has now, so that a collector that was deleted, or whose
//! certificate was renewed, is refused on every node as soon as the node has applied that.

use pga_cluster::State;
use pga_config::CollectorId;
use pga_storage::Timestamp;

use crate::context::Context;
use crate::control_plane::view;
use crate::peer::Peer;
use crate::refusal::Refusal;
use crate::tls::ClientCertificate;

/// The collector whose certificate the client showed; `None` if it showed none.
///
/// # Errors
/// 401 for a certificate that is not good any more: its collector was deleted or superseded, it was
/// renewed, or it has ended.
pub(crate) fn shown(context: &Context, peer: &Peer) -> Result<Option<CollectorId>, Refusal> {
    let Some(certificate) = &peer.certificate else {
        return Ok(None);
    };
    let now = Timestamp::now();
    let is_good = view(&*context.api, |state| is_good(state, certificate, now));
    match is_good {
        Some(true) => Ok(Some(certificate.collector)),
        Some(false) | None => Err(Refusal::unauthorized("Invalid certificate")),
    }
}

/// Whether it is the certificate that its collector has now, and holds.
fn is_good(state: &State, certificate: &ClientCertificate, now: Timestamp) -> bool {
    let id = certificate.collector;
    let registration = state
        .collector(id)
        .and_then(|known| known.registration.as_ref());
    let is_current =
        registration.is_some_and(|known| known.certificate_sha256 == certificate.sha256);
    is_current && now < certificate.not_after && state.collector_entry(id).superseded_by.is_none()
}

/// Whether only certificates will do.
pub(crate) fn are_required(context: &Context) -> bool {
    let certificates = context.options.collector_certificates.as_ref();
    certificates.is_some_and(|certificates| certificates.are_required)
}

/// The refusal of a collector that has a token, and needs a certificate.
pub(crate) fn missing() -> Refusal {
    Refusal::unauthorized("A client certificate of this cluster is needed here")
}

#[cfg(test)]
mod tests {
    use pga_cluster::{
        CollectorCommand, Command, ControlCommand, FeatureLevel, ProposalId, Registration,
        StateLimits,
    };
    use pga_storage::{Position, PushRecord};

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn id(name: &str) -> CollectorId {
        CollectorId::from_external(name)
    }

    fn certificate(name: &str, byte: u8) -> ClientCertificate {
        ClientCertificate {
            collector: id(name),
            sha256: [byte; 32],
            not_after: at(100_000),
        }
    }

    /// A state and how many commands it has applied.
    struct Log(State, u64);

    impl Log {
        fn new() -> Self {
            let mut log = Self(State::new(StateLimits::default()), 0);
            log.apply(&Command::RaiseLevel {
                level: FeatureLevel::CURRENT,
                since: "3.0.0".into(),
            });
            log
        }

        fn apply(&mut self, command: &Command) {
            self.1 += 1;
            let proposal = ProposalId(self.1.into());
            self.0.apply(Position::new(1, self.1), proposal, command);
        }

        fn change(&mut self, command: CollectorCommand) {
            self.apply(&Command::Control(ControlCommand::Collector(command)));
        }

        fn register(&mut self, name: &str, byte: u8, when: i64) {
            self.change(CollectorCommand::Register {
                collector: id(name),
                hostname: "db1".into(),
                version: None,
                registration: Registration {
                    name: "db1".into(),
                    address: None,
                    certificate_sha256: [byte; 32],
                    at: at(when),
                },
                secret: None,
            });
        }

        fn push(&mut self, name: &str, when: i64) {
            let record = PushRecord {
                collector: id(name),
                external_id: name.into(),
                hostname: "db1".into(),
                version: String::new(),
                received_at: at(when),
                idempotency: None,
                keys: Vec::new(),
                elements: Default::default(),
            };
            let record = record.encode().into();
            self.apply(&Command::Ingest(vec![record]));
        }

        fn is_good(&self, name: &str, byte: u8, now: i64) -> bool {
            is_good(&self.0, &certificate(name, byte), at(now))
        }
    }

    #[test]
    fn a_certificate_is_good_while_it_is_its_collectors_only_one() {
        let mut log = Log::new();
        log.register("a", 1, 10);
        assert!(log.is_good("a", 1, 20));
        assert!(!log.is_good("a", 1, 100_000), "it has ended");
        assert!(!log.is_good("a", 2, 20), "never issued");
        assert!(!log.is_good("b", 1, 20), "another collector's");

        log.change(CollectorCommand::RenewCertificate {
            collector: id("a"),
            certificate_sha256: [2; 32],
            at: at(30),
        });
        assert!(!log.is_good("a", 1, 40), "renewed");
        assert!(log.is_good("a", 2, 40));

        // Silent for long, and another takes its place.
        log.push("a", 50);
        log.register("b", 3, 50_000);
        assert!(!log.is_good("a", 2, 50_001), "superseded");
        assert!(log.is_good("b", 3, 50_001));

        log.change(CollectorCommand::Delete { collector: id("b") });
        assert!(!log.is_good("b", 3, 50_002), "deleted");
    }
}

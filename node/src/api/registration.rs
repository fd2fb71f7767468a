//! Registration of collectors: secret, id, certificate (contract 4.4).

use pga_cluster::pki::{Identity, Validity};
use pga_cluster::{
    CollectorCertificateCommand, CollectorCommand, ControlCommand, FeatureLevel, Refusal, State,
};
use pga_config::CollectorId;
use pga_storage::Timestamp;
use pga_web::secret_hash::{is_equal, sha256};
use pga_web::{ApiError, Registered, Registration};

use super::{NodeApiImpl, control_deadline};
use crate::collector_limit::{COLLECTORS_FULL, RETRY_COLLECTORS};

const BAD_SECRET: ApiError = ApiError::Unauthorized("invalid registration secret");

impl NodeApiImpl {
    pub(super) async fn register_collector(
        &self,
        registration: Registration,
    ) -> Result<Registered, ApiError> {
        let deadline = control_deadline();
        let given = registration.secret.as_deref().unwrap_or_default();
        let given = sha256(given.as_bytes());
        let mut secret = self.registration_secret(&given);
        if secret.is_none() {
            // It may have been made just now, on another node.
            self.linearize(deadline).await?;
            secret = self.registration_secret(&given);
        }
        let secret = secret.ok_or(BAD_SECRET)?;
        let collector = CollectorId::new(pga_runtime::uuid());
        let (_, collectors) = self.replica.known(collector);
        if collectors as u64 >= self.live.now().limits.max_collectors {
            return Err(ApiError::Unavailable {
                reason: COLLECTORS_FULL,
                retry_after: RETRY_COLLECTORS,
            });
        }
        let identity = self.issue(collector, &registration.hostname)?;
        let command = self.registration_command(collector, registration, &identity, secret)?;
        match self.control(command, deadline).await {
            Err(ApiError::Refused(Refusal::BadToken)) => return Err(BAD_SECRET),
            done => done?,
        }
        registered(collector, &identity)
    }

    pub(super) async fn renew_collector(
        &self,
        collector: CollectorId,
    ) -> Result<Registered, ApiError> {
        let hostname = self.cluster.with_state(|state| {
            let known = state.collector(collector)?;
            let is_current = known.registration.is_some()
                && state.collector_entry(collector).superseded_by.is_none();
            is_current.then(|| known.hostname.clone())
        });
        let identity = self.issue(
            collector,
            &hostname.ok_or(ApiError::NotFound("registration"))?,
        )?;
        let renew = CollectorCommand::RenewCertificate {
            collector,
            certificate_sha256: identity.thumbprint(),
            at: Timestamp::now(),
        };
        let level = self.cluster.with_state(State::feature_level);
        let command = certified(level, renew, &identity)?;
        self.control(command, control_deadline()).await?;
        tracing::info!(collector_id = %collector, "certificate of a collector renewed");
        registered(collector, &identity)
    }

    fn issue(&self, collector: CollectorId, hostname: &str) -> Result<Identity, ApiError> {
        let authority = self.secrets.authority(&self.cluster).map_err(|error| {
            tracing::error!(
                error = pga_runtime::error_chain(&error),
                "no certificate can be issued"
            );
            ApiError::Internal
        })?;
        let validity = Validity::for_next(self.config.cluster.certificate_lifetime);
        let identity = authority.issue_collector(collector, hostname, validity);
        identity.map_err(|error| {
            ApiError::Invalid(format!("hostname cannot stand in a certificate: {error}"))
        })
    }

    /// The registration secret that was shown, if it is good now: `None` within for the one that
    /// the cluster was made with. All are compared, whichever it is: the time says nothing.
    fn registration_secret(&self, given: &[u8; 32]) -> Option<Option<u64>> {
        let now = Timestamp::now();
        self.cluster.with_state(|state| {
            let first = state.registration_secret_hash();
            let mut found = first
                .filter(|first| is_equal(first, given))
                .map(|_| None::<u64>);
            for (id, secret) in state.registration_secrets() {
                if is_equal(&secret.sha256, given) & secret.is_good(now) {
                    found = Some(Some(*id));
                }
            }
            found
        })
    }

    /// The command that makes a collector known, as far as all nodes understand it.
    fn registration_command(
        &self,
        collector: CollectorId,
        registration: Registration,
        identity: &Identity,
        secret: Option<u64>,
    ) -> Result<ControlCommand, ApiError> {
        let (at, certificate_sha256) = (Timestamp::now(), identity.thumbprint());
        let level = self.cluster.with_state(State::feature_level);
        if level < FeatureLevel::PEOPLE {
            return Ok(ControlCommand::RegisterCollector {
                collector,
                name: registration.name,
                hostname: registration.hostname,
                address: registration.address,
                version: registration.version,
                certificate_sha256,
                at,
            });
        }
        let register = CollectorCommand::Register {
            collector,
            hostname: registration.hostname,
            version: registration.version,
            registration: pga_cluster::Registration {
                name: registration.name,
                address: registration.address,
                certificate_sha256,
                at,
            },
            secret,
        };
        certified(level, register, identity)
    }
}

/// A change with which a collector gets a certificate, as far as all nodes understand it.
fn certified(
    level: FeatureLevel,
    change: CollectorCommand,
    identity: &Identity,
) -> Result<ControlCommand, ApiError> {
    if level < FeatureLevel::COLLECTOR_CERTIFICATES {
        return Ok(ControlCommand::Collector(change));
    }
    let issued = CollectorCertificateCommand::Issued {
        change,
        expires_at: not_after(identity)?,
    };
    Ok(ControlCommand::CollectorCertificate(issued))
}

fn not_after(identity: &Identity) -> Result<Timestamp, ApiError> {
    identity.not_after().map_err(|_| ApiError::Internal)
}

fn registered(collector: CollectorId, identity: &Identity) -> Result<Registered, ApiError> {
    Ok(Registered {
        collector,
        certificate: identity.chain_pem(),
        private_key: identity.key_pem(),
        not_after: not_after(identity)?,
    })
}

//! Registration of collectors: secret, id, certificate (contract 4.4).

use pga_cluster::ControlCommand;
use pga_cluster::pki::Validity;
use pga_config::CollectorId;
use pga_web::{ApiError, Registered, Registration};
use uuid::Uuid;

use super::{NodeApiImpl, control_deadline};
use crate::actors::sessions::{COLLECTORS_FULL, RETRY_COLLECTORS};
use crate::clock;
use crate::error::chain;
use crate::secrets::sha256;

const BAD_SECRET: ApiError = ApiError::Unauthorized("invalid registration secret");

impl NodeApiImpl {
    pub(super) async fn register_collector(
        &self,
        registration: Registration,
    ) -> Result<Registered, ApiError> {
        let deadline = control_deadline();
        let mut wanted = self
            .cluster
            .with_state(|state| state.registration_secret_hash());
        if wanted.is_none() {
            self.linearize(deadline).await?;
            wanted = self
                .cluster
                .with_state(|state| state.registration_secret_hash());
        }
        let given = registration.secret.as_deref().unwrap_or_default();
        let given = sha256(given.as_bytes());
        if wanted.is_none_or(|wanted| differ(wanted, given)) {
            return Err(BAD_SECRET);
        }
        let collector = CollectorId::new(Uuid::new_v4());
        let (_, collectors) = self.replica.known(collector);
        if collectors as u64 >= self.config.limits.max_collectors {
            return Err(ApiError::Unavailable {
                reason: COLLECTORS_FULL,
                retry_after: RETRY_COLLECTORS,
            });
        }
        let authority = self.secrets.authority(&self.cluster).map_err(|error| {
            tracing::error!(error = chain(&error), "no certificate can be issued");
            ApiError::Internal
        })?;
        let validity = Validity::for_next(Validity::NODE);
        let identity = authority.issue_collector(&registration.hostname, validity);
        let identity = identity.map_err(|error| {
            ApiError::Invalid(format!("hostname cannot stand in a certificate: {error}"))
        })?;
        let command = ControlCommand::RegisterCollector {
            collector,
            name: registration.name,
            hostname: registration.hostname,
            address: registration.address,
            version: registration.version,
            certificate_sha256: identity.thumbprint(),
            at: clock::now(),
        };
        self.control(command, deadline).await?;
        Ok(Registered {
            collector,
            certificate: identity.chain_pem(),
            private_key: identity.key_pem(),
        })
    }
}

/// Compares two hashes without an early end: the time says nothing about the secret.
fn differ(wanted: [u8; 32], given: [u8; 32]) -> bool {
    let pairs = wanted.iter().zip(given);
    pairs.fold(0, |all, (a, b)| all | (a ^ b)) != 0
}

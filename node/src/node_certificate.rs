//! The certificate that this node shows its peers: renewed before it ends, and followed when
//! somebody replaces its files.
//!
//! Every node holds the authority's key, sealed in the replicated state, so that each issues its
//! own next certificate, for the key that it has: the certificate's file changes, and nothing else
//! has to fit it. New connections show the new one, open ones go on. Where the authority's key is
//! not in the cluster, or the node's certificate is of another authority, it is not renewed; the
//! warnings say so, and new files are taken all the same.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use pga_cluster::ClusterNode;
use pga_cluster::pki::{
    ExpiryWarning, Identity, Validity, expiry_warning, is_for_name, node_server_name,
    write_private_file,
};
use pga_cluster::transport::QuicTransport;
use pga_config::{Config, NodeId};
use pga_storage::Timestamp;
use prometheus::{PullingGauge, Registry};
use tokio::task::JoinHandle;

use crate::renewal_failures::{LOOK, RenewalFailures};
use crate::secrets::{Secrets, pki};
use crate::tasks::{self, TaskKind};
use crate::{Error, Result};

const NAME: &str = "pganalytics_certificate_expiry_seconds";
const HELP: &str = "Seconds until the certificate this node runs with ends; without a new one its peers refuse it then";

/// The certificate in use, and what it takes to have another.
pub(crate) struct NodeCertificate {
    node: NodeId,
    certificate: PathBuf,
    key: PathBuf,
    /// How long the next one is to hold.
    lifetime: Duration,
    secrets: Secrets,
    cluster: ClusterNode,
    in_use: Identity,
}

/// What a look found.
enum Look {
    Nothing,
    /// Somebody wrote other files.
    Replaced(Identity),
    /// This node issued it, and it is on disk.
    Renewed(Identity),
}

impl NodeCertificate {
    /// That of the node, with which it has started.
    pub(crate) fn new(
        config: &Config,
        secrets: &Secrets,
        cluster: &ClusterNode,
        in_use: Identity,
    ) -> Self {
        Self {
            node: config.node.id,
            certificate: config.cert_file(),
            key: config.key_file(),
            lifetime: config.cluster.certificate_lifetime,
            secrets: secrets.clone(),
            cluster: cluster.clone(),
            in_use,
        }
    }

    /// Shows when it ends, and keeps `transport` with one that holds, until the task is aborted.
    ///
    /// # Errors
    /// The name of the metric is taken, or the certificate cannot be read.
    pub(crate) fn watch(
        self,
        transport: Arc<QuicTransport>,
        registry: &Registry,
    ) -> Result<JoinHandle<()>> {
        let end = Arc::new(AtomicI64::new(self.end()?.micros()));
        let shown = Arc::clone(&end);
        let left = move || (shown.load(Ordering::Relaxed) - Timestamp::now().micros()) as f64 / 1e6;
        let gauge = PullingGauge::new(NAME, HELP, Box::new(left));
        gauge
            .and_then(|gauge| registry.register(Box::new(gauge)))
            .map_err(|error| Error::Internal(error.to_string()))?;
        Ok(tasks::spawn(TaskKind::Watch, self.follow(transport, end)))
    }

    async fn follow(mut self, transport: Arc<QuicTransport>, end: Arc<AtomicI64>) {
        let mut pause = tokio::time::interval(LOOK);
        let mut failures = RenewalFailures::new("the node's certificate");
        // The start has warned already.
        let mut warned = expiry_warning(Timestamp::from_micros(end.load(Ordering::Relaxed)));
        loop {
            pause.tick().await;
            let may_renew = failures.may_try();
            let looked = pga_runtime::spawn_blocking(move || {
                let look = self.look(may_renew);
                (self, look)
            });
            let Ok((back, look)) = looked.await else {
                tracing::error!("the node's certificate is not looked at any more");
                return;
            };
            self = back;
            match look.and_then(|look| self.take(look, &transport, &end)) {
                Ok(()) => failures.over(),
                Err(error) => failures.tell(pga_runtime::error_chain(&error)),
            }
            let now = expiry_warning(Timestamp::from_micros(end.load(Ordering::Relaxed)));
            if now != warned {
                warned = now;
                warn(now);
            }
        }
    }

    /// Looks at the files, and issues the next certificate when it is time.
    fn look(&self, may_renew: bool) -> Result<Look> {
        let found = Identity::read(&self.certificate, &self.key).map_err(pki)?;
        if found.chain() != self.in_use.chain() || found.key_der() != self.in_use.key_der() {
            return Ok(Look::Replaced(found));
        }
        let renew_at = self.in_use.renew_at().map_err(pki)?;
        if Timestamp::now() < renew_at || !may_renew {
            return Ok(Look::Nothing);
        }
        let authority = self.secrets.authority(&self.cluster)?;
        let validity = Validity::for_next(self.lifetime);
        let renewed = authority.renew_node(self.node, &self.in_use, validity);
        let renewed = renewed.map_err(pki)?;
        write_private_file(&self.certificate, renewed.chain_pem().as_bytes()).map_err(pki)?;
        Ok(Look::Renewed(renewed))
    }

    fn take(&mut self, look: Look, transport: &QuicTransport, end: &AtomicI64) -> Result<()> {
        let (identity, is_renewed) = match look {
            Look::Nothing => return Ok(()),
            Look::Replaced(identity) => (identity, false),
            Look::Renewed(identity) => (identity, true),
        };
        let name = node_server_name(self.node);
        if !is_for_name(identity.certificate(), &name) {
            let file = self.certificate.display();
            return Err(Error::Pki(format!("{file} is not for {name}")));
        }
        transport
            .reload(&identity, std::slice::from_ref(&self.secrets.authority))
            .map_err(|error| Error::Pki(pga_runtime::error_chain(&error)))?;
        self.in_use = identity;
        let not_after = self.end()?;
        end.store(not_after.micros(), Ordering::Relaxed);
        tracing::info!(%not_after, is_renewed, "another certificate of this node is in use");
        Ok(())
    }

    fn end(&self) -> Result<Timestamp> {
        self.in_use.not_after().map_err(pki)
    }
}

fn warn(warning: Option<ExpiryWarning>) {
    match warning {
        Some(ExpiryWarning::Expired) => {
            tracing::error!("the node's certificate has expired: put a new one into its files");
        }
        Some(warning) => tracing::warn!(?warning, "the node's certificate expires soon"),
        None => {}
    }
}

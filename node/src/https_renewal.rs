//! The certificate of the HTTPS port, renewed before it ends if the cluster's authority issued it,
//! as `cluster init` and `cluster join` have it.
//!
//! The next one has the key and the names of the one before, so that one file changes; who looks at
//! the files ([`crate::https_files`]) takes it. A certificate of another authority is left alone:
//! whoever issued it renews it.

use std::path::PathBuf;
use std::time::Duration;

use pga_cluster::ClusterNode;
use pga_cluster::pki::{
    Identity, Validity, dns_names, is_for_name, is_of_authority, write_private_file,
};
use pga_config::Config;
use pga_storage::Timestamp;
use tokio::task::JoinHandle;

use crate::Result;
use crate::cluster_files::https_names;
use crate::renewal_failures::{LOOK, RenewalFailures};
use crate::secrets::{Secrets, pki};
use crate::tasks::{self, TaskKind};

/// What it takes to have the next certificate.
struct HttpsRenewal {
    certificate: PathBuf,
    key: PathBuf,
    /// Where clients reach this node.
    url: String,
    /// How long the next one is to hold.
    lifetime: Duration,
    secrets: Secrets,
    cluster: ClusterNode,
}

impl HttpsRenewal {
    /// Issues the next certificate when it is time.
    fn look(&self) -> Result<()> {
        let held = Identity::read(&self.certificate, &self.key).map_err(pki)?;
        let is_ours = is_of_authority(held.certificate(), &self.secrets.authority);
        if !is_ours || Timestamp::now() < held.renew_at().map_err(pki)? {
            return Ok(());
        }
        let mut names = dns_names(held.certificate());
        let url = https_names(&self.url).into_iter();
        names.extend(url.filter(|name| is_for_name(held.certificate(), name)));
        names.dedup();
        let authority = self.secrets.authority(&self.cluster)?;
        let validity = Validity::for_next(self.lifetime);
        let renewed = authority.renew_https(&names, &held, validity);
        let renewed = renewed.map_err(pki)?;
        write_private_file(&self.certificate, renewed.chain_pem().as_bytes()).map_err(pki)?;
        tracing::info!(
            ?names,
            "this node has issued the next certificate of its HTTPS port"
        );
        Ok(())
    }
}

/// Looks until the task is aborted; `None` for a node without HTTPS.
pub(crate) fn watch(
    config: &Config,
    secrets: &Secrets,
    cluster: &ClusterNode,
) -> Option<JoinHandle<()>> {
    let renewal = HttpsRenewal {
        certificate: config.http.tls_cert_file.clone()?,
        key: config.http.tls_key_file.clone()?,
        url: config.advertised_http(),
        lifetime: config.cluster.certificate_lifetime,
        secrets: secrets.clone(),
        cluster: cluster.clone(),
    };
    Some(tasks::spawn(TaskKind::Watch, follow(renewal)))
}

async fn follow(mut renewal: HttpsRenewal) {
    let mut pause = tokio::time::interval(LOOK);
    let mut failures = RenewalFailures::new("the certificate of the HTTPS port");
    loop {
        pause.tick().await;
        if !failures.may_try() {
            continue;
        }
        let looked = pga_runtime::spawn_blocking(move || {
            let look = renewal.look();
            (renewal, look)
        });
        let Ok((back, look)) = looked.await else {
            tracing::error!("the HTTPS certificate is not renewed any more");
            return;
        };
        renewal = back;
        match look {
            Ok(()) => failures.over(),
            Err(error) => failures.tell(pga_runtime::error_chain(&error)),
        }
    }
}

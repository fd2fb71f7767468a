//! The certificate of the HTTPS port: its files are read again while the node runs.
//!
//! New connections get what the files hold, open ones go on with what they began with. Two files
//! cannot be replaced at once, so a pair that does not fit is looked at again before it is told.
//! The node goes on with the pair that it has.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use pga_cluster::pki::Identity;
use pga_config::Config;
use pga_runtime::Live;
use pga_storage::Timestamp;
use pga_web::CollectorCertificates;
use prometheus::{IntCounterVec, Opts, PullingGauge, Registry};
use rustls::ServerConfig;
use tokio::sync::watch;

use crate::secrets::pki;
use crate::tasks::{self, TaskKind};
use crate::{Error, Result};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);
const EXPIRY: &str = "pganalytics_https_certificate_expiry_seconds";
const EXPIRY_HELP: &str = "Seconds until the certificate of the HTTPS port ends";
const LOADS: &str = "pganalytics_https_certificate_loads_total";
const LOADS_HELP: &str = "Changes of the certificate's files of the HTTPS port: loaded, or failed and the one before kept";

/// What a look at the files found.
#[derive(Debug)]
enum Look {
    /// What is in use, or a failure that was told or may pass.
    Nothing,
    /// Another pair.
    Renewed(Arc<ServerConfig>, Timestamp),
    /// A failure that stays.
    Failed(String),
}

/// The two files, and what is in use of them.
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    in_use: Identity,
    collectors: Option<CollectorCertificates>,
    /// What was wrong at the last look, and whether it was told.
    failure: Option<(String, bool)>,
}

impl Files {
    fn look(&mut self) -> Look {
        match self.newer() {
            Ok(None) => {
                self.failure = None;
                Look::Nothing
            }
            Ok(Some((identity, tls, not_after))) => {
                self.failure = None;
                self.in_use = identity;
                Look::Renewed(tls, not_after)
            }
            Err(error) => self.failed(pga_runtime::error_chain(&error)),
        }
    }

    fn newer(&self) -> Result<Option<(Identity, Arc<ServerConfig>, Timestamp)>> {
        let found = Identity::read(&self.certificate, &self.key).map_err(pki)?;
        let is_same =
            found.chain() == self.in_use.chain() && found.key_der() == self.in_use.key_der();
        if is_same {
            return Ok(None);
        }
        let (tls, not_after) = tls_of(&found, self.collectors.as_ref())?;
        Ok(Some((found, tls, not_after)))
    }

    /// Tells a failure at its second look, and once.
    fn failed(&mut self, why: String) -> Look {
        let (is_known, is_told) = match &self.failure {
            Some((known, is_told)) => (*known == why, *is_told),
            None => (false, false),
        };
        self.failure = Some((why.clone(), is_known));
        match is_known && !is_told {
            true => Look::Failed(why),
            false => Look::Nothing,
        }
    }
}

fn tls_of(
    identity: &Identity,
    collectors: Option<&CollectorCertificates>,
) -> Result<(Arc<ServerConfig>, Timestamp)> {
    let tls = pga_web::tls_config(identity.chain(), identity.private_key(), collectors)
        .map_err(|error| Error::Pki(format!("http.tls-cert-file: {error}")))?;
    Ok((tls, identity.not_after().map_err(pki)?))
}

/// TLS of the HTTPS port as its files say, now and later, with what `collectors` may show; `None`
/// without such files.
///
/// # Errors
/// `Pki` if the files hold no pair, `Internal` if a metric's name is taken.
pub(crate) fn watch(
    config: &Config,
    collectors: Option<CollectorCertificates>,
    registry: &Registry,
) -> Result<Option<Live<ServerConfig>>> {
    let (Some(certificate), Some(key)) = (&config.http.tls_cert_file, &config.http.tls_key_file)
    else {
        return Ok(None);
    };
    let in_use = Identity::read(certificate, key).map_err(pki)?;
    let (tls, not_after) = tls_of(&in_use, collectors.as_ref())?;
    let metrics = HttpsMetrics::register(registry, not_after)
        .map_err(|error| Error::Internal(error.to_string()))?;
    let sender = watch::Sender::new(tls);
    let live = Live::of(&sender);
    let files = Files {
        certificate: certificate.clone(),
        key: key.clone(),
        in_use,
        collectors,
        failure: None,
    };
    drop(tasks::spawn(
        TaskKind::Watch,
        follow(files, sender, metrics),
    ));
    Ok(Some(live))
}

/// Looks until nobody serves with it any more.
async fn follow(mut files: Files, tls: watch::Sender<Arc<ServerConfig>>, metrics: HttpsMetrics) {
    let mut pause = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            biased;
            () = tls.closed() => return,
            _ = pause.tick() => {}
        }
        let looked = pga_runtime::spawn_blocking(move || {
            let look = files.look();
            (files, look)
        });
        let Ok((back, look)) = looked.await else {
            tracing::error!("the files of the HTTPS certificate are not looked at any more");
            return;
        };
        files = back;
        match look {
            Look::Nothing => {}
            Look::Renewed(renewed, not_after) => {
                tls.send_replace(renewed);
                metrics.renewed(not_after);
                tracing::info!(%not_after, "HTTPS certificate renewed");
            }
            Look::Failed(error) => {
                metrics.loads.with_label_values(&["failed"]).inc();
                tracing::warn!(
                    error,
                    "the files of the HTTPS certificate cannot be used: the one before is kept"
                );
            }
        }
    }
}

struct HttpsMetrics {
    loads: IntCounterVec,
    /// End of the certificate in use, in microseconds.
    not_after: Arc<AtomicI64>,
}

impl HttpsMetrics {
    fn register(registry: &Registry, not_after: Timestamp) -> prometheus::Result<Self> {
        let loads = IntCounterVec::new(Opts::new(LOADS, LOADS_HELP), &["outcome"])?;
        for outcome in ["loaded", "failed"] {
            loads.with_label_values(&[outcome]);
        }
        registry.register(Box::new(loads.clone()))?;
        let end = Arc::new(AtomicI64::new(not_after.micros()));
        let shown = Arc::clone(&end);
        let left = move || (shown.load(Ordering::Relaxed) - Timestamp::now().micros()) as f64 / 1e6;
        let gauge = PullingGauge::new(EXPIRY, EXPIRY_HELP, Box::new(left))?;
        registry.register(Box::new(gauge))?;
        Ok(Self {
            loads,
            not_after: end,
        })
    }

    fn renewed(&self, not_after: Timestamp) {
        self.loads.with_label_values(&["loaded"]).inc();
        self.not_after.store(not_after.micros(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;

//! The collector's token and certificate: taken from an earlier run or a registration, renewed
//! before they end.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use pga_client::{Answer, ClientOptions, Endpoint, HttpClient};
use pga_runtime::Instant;
use pga_storage::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{REFUSED_PAUSE, Sender};
use crate::collect::error::CollectError;
use crate::collect::identity::{Certificate, Identity};
use crate::collect::options::CollectArgs;
use crate::collect::register::register;
use crate::collect::watched::Watched;

/// How often the token is renewed: it is good for an hour.
const RENEW_EVERY: Duration = Duration::from_secs(30 * 60);

/// What shows the cluster who this collector is.
#[derive(Debug)]
pub(super) struct Credentials {
    token: Option<String>,
    /// When a token was asked for last.
    token_asked: Instant,
    certificate: Option<Certificate>,
    /// When a certificate may be asked for again.
    certificate_again: Instant,
}

impl Credentials {
    pub(super) const fn none(now: Instant) -> Self {
        Self {
            token: None,
            token_asked: now,
            certificate: None,
            certificate_again: now,
        }
    }

    pub(super) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Whether the certificate is to be renewed, or there is none.
    fn is_certificate_due(&self) -> bool {
        let renew_at = self.certificate.as_ref().and_then(Certificate::renew_at);
        renew_at.is_none_or(|at| at <= Timestamp::now())
    }
}

#[derive(Deserialize)]
struct Renewed {
    token: String,
}

impl Sender {
    /// Takes the identity of an earlier run, else a token that was given, else registers.
    pub(super) async fn take_identity(
        &mut self,
        args: &CollectArgs,
        watched: &Watched,
    ) -> Result<(), CollectError> {
        let kept = match &self.state_dir {
            Some(dir) => {
                Identity::read(dir).map_err(|error| CollectError::State(dir.clone(), error))?
            }
            None => None,
        };
        match (kept, &args.token, &args.registration_secret) {
            (Some(kept), _, _) => {
                self.take(kept);
                // It may have ended while the collector was away.
                self.renew_token().await;
            }
            (None, Some(token), _) => self.set_token(token.clone()),
            (None, None, Some(secret)) => {
                let identity = register(args, watched, &self.options, secret).await?;
                self.take(identity);
                self.keep();
            }
            (None, None, None) => {}
        }
        Ok(())
    }

    /// Renews the token every half an hour, and the certificate when a third of its life is left.
    pub(super) async fn renew_what_ends(&mut self) {
        if self.credentials.token_asked.elapsed() >= RENEW_EVERY {
            self.renew_token().await;
        }
        if self.credentials.is_certificate_due() {
            self.renew_certificate().await;
        }
    }

    /// Whether what was refused may be renewed, rather than to wait.
    pub(super) fn may_renew(&self) -> bool {
        self.credentials.token_asked.elapsed() >= REFUSED_PAUSE
    }

    /// Renews token and certificate after a refusal. Answers whether there is a token now.
    ///
    /// The certificate may have been renewed by a request whose answer did not arrive.
    pub(super) async fn renew(&mut self) -> bool {
        let has_token = self.renew_token().await;
        if has_token {
            self.renew_certificate().await;
        }
        has_token
    }

    /// Gets a new token for what is at hand. Answers whether there is one now.
    async fn renew_token(&mut self) -> bool {
        // Not again at once, whatever comes of it.
        self.credentials.token_asked = pga_runtime::now();
        let path = "/api/v1/collectors/refresh-token";
        let token = self.credentials.token();
        match ask_for::<Renewed>(&self.options, token, path, &self.nodes).await {
            Asked::Given(renewed) => {
                self.set_token(renewed.token);
                self.keep();
                true
            }
            Asked::Refused | Asked::Unanswered => false,
        }
    }

    /// Gets a new certificate, if there are nodes to show it to.
    async fn renew_certificate(&mut self) {
        let tls = self.nodes.iter().filter(|node| node.is_tls());
        let nodes: Vec<Endpoint> = tls.cloned().collect();
        if nodes.is_empty() || pga_runtime::now() < self.credentials.certificate_again {
            return;
        }
        let path = "/api/v1/collectors/renew-certificate";
        let token = self.credentials.token();
        let asked = ask_for::<Certificate>(&self.options, token, path, &nodes).await;
        let pause = match asked {
            Asked::Given(certificate) => {
                self.show(certificate);
                self.keep();
                tracing::info!("the collector has a new certificate");
                REFUSED_PAUSE
            }
            Asked::Refused => RENEW_EVERY,
            Asked::Unanswered => REFUSED_PAUSE,
        };
        self.credentials.certificate_again = pga_runtime::now() + pause;
    }

    fn take(&mut self, identity: Identity) {
        self.collector = identity.collector_id;
        self.set_token(identity.token);
        if let Some(certificate) = identity.certificate {
            self.show(certificate);
        }
    }

    fn set_token(&mut self, token: String) {
        self.pusher.set_token(Some(token.clone()));
        self.credentials.token = Some(token);
    }

    /// Shows this certificate to the nodes, on new connections.
    fn show(&mut self, certificate: Certificate) {
        let options = (*self.options).clone();
        match options.with_certificate(&certificate.certificate, &certificate.private_key) {
            Ok(options) => {
                self.options = Arc::new(options);
                self.pusher.set_options(&self.options);
                self.credentials.certificate = Some(certificate);
            }
            Err(error) => tracing::warn!(
                error = pga_runtime::error_chain(&error),
                "the certificate of this collector cannot be used; another one is asked for"
            ),
        }
    }

    /// Keeps the identity for the next start.
    fn keep(&self) {
        let (Some(dir), Some(token)) = (&self.state_dir, &self.credentials.token) else {
            return;
        };
        let identity = Identity {
            collector_id: self.collector.clone(),
            token: token.clone(),
            certificate: self.credentials.certificate.clone(),
        };
        if let Err(error) = identity.write(dir) {
            tracing::error!(%error, dir = %dir.display(), "the identity cannot be kept");
        }
    }
}

/// What came of asking for something new.
enum Asked<T> {
    Given(T),
    /// A node said no: another one will not say yes.
    Refused,
    Unanswered,
}

/// Asks one node after the other until one gives or refuses what is asked for.
async fn ask_for<T: DeserializeOwned>(
    options: &Arc<ClientOptions>,
    token: Option<&str>,
    path: &str,
    nodes: &[Endpoint],
) -> Asked<T> {
    let Some(token) = token else {
        return Asked::Refused;
    };
    for node in nodes {
        let mut client = HttpClient::new(node.clone(), Arc::clone(options));
        let asked = client.send(Method::POST, path, Some(token), Bytes::new());
        match asked.await {
            Ok(answer) if answer.status.is_success() => {
                if let Ok(given) = serde_json::from_slice(&answer.body) {
                    return Asked::Given(given);
                }
            }
            Ok(Answer { status, .. }) if status.is_client_error() => {
                tracing::warn!(%status, path, "the cluster renews nothing for this collector");
                return Asked::Refused;
            }
            Ok(_) | Err(_) => {}
        }
    }
    tracing::debug!(path, "no node renews anything; it is tried again");
    Asked::Unanswered
}

//! Requests to one node over one kept-alive connection.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::Full;
use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::connection::{Bound, Connection};
use crate::{ClientError, Endpoint};

/// How the client connects.
#[derive(Clone)]
pub struct ClientOptions {
    /// How long a connection may take to open.
    pub connect_timeout: Duration,
    /// How long one request may take, connecting included.
    pub request_timeout: Duration,
    tls: Option<TlsConnector>,
    roots: Option<Arc<RootCertStore>>,
    address: Option<SocketAddr>,
    bound: Bound,
}

impl ClientOptions {
    /// Plain HTTP with these time limits.
    pub fn new(connect_timeout: Duration, request_timeout: Duration) -> Self {
        Self {
            connect_timeout,
            request_timeout,
            tls: None,
            roots: None,
            address: None,
            bound: Bound::Whole,
        }
    }

    /// Connects to this address, whatever the endpoint's name resolves to, and speaks TLS to
    /// `https://` endpoints.
    pub fn with_address(mut self, address: SocketAddr, tls: TlsConnector) -> Self {
        self.address = Some(address);
        self.tls = Some(tls);
        self
    }

    /// Reads no more than the first `most` bytes of an answer's body.
    pub fn with_cut_answers(mut self, most: u64) -> Self {
        self.bound = Bound::Cut(most);
        self
    }

    /// Speaks TLS to `https://` addresses, and believes the CA certificates in the PEM file at
    /// `path`.
    ///
    /// # Errors
    /// [`ClientError::CaFile`] if the file cannot be read or holds no certificate.
    pub fn with_ca_file(mut self, path: &Path) -> Result<Self, ClientError> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| ClientError::CaFile {
            path: path.display().to_string(),
            source,
        };
        let mut roots = RootCertStore::empty();
        let certificates =
            CertificateDer::pem_file_iter(path).map_err(|error| failed(error.into()))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| failed(error.into()))?;
            roots
                .add(certificate)
                .map_err(|error| failed(error.into()))?;
        }
        if roots.is_empty() {
            return Err(failed("no certificate in it".into()));
        }
        let roots = Arc::new(roots);
        let config = tls(&roots).map_err(|error| failed(error.into()))?;
        self.tls = Some(connector(config.with_no_client_auth()));
        self.roots = Some(roots);
        Ok(self)
    }

    /// Shows this certificate (PEM, a chain) to `https://` endpoints that ask for one; nothing
    /// where no CA is believed.
    ///
    /// # Errors
    /// [`ClientError::Certificate`] if the two texts are no pair.
    pub fn with_certificate(mut self, chain: &str, key: &str) -> Result<Self, ClientError> {
        let Some(roots) = &self.roots else {
            return Ok(self);
        };
        let failed = ClientError::Certificate;
        let chain = CertificateDer::pem_slice_iter(chain.as_bytes());
        let chain = chain.collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|error| failed(error.into()))?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes());
        let key = key.map_err(|error| failed(error.into()))?;
        let config = tls(roots).and_then(|config| config.with_client_auth_cert(chain, key));
        self.tls = Some(connector(config.map_err(|error| failed(error.into()))?));
        Ok(self)
    }
}

type WantsCertificate = ConfigBuilder<ClientConfig, WantsClientCert>;

fn tls(roots: &Arc<RootCertStore>) -> Result<WantsCertificate, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(Arc::clone(roots)))
}

fn connector(config: ClientConfig) -> TlsConnector {
    TlsConnector::from(Arc::new(config))
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self::new(Duration::from_secs(2), Duration::from_secs(10))
    }
}

impl fmt::Debug for ClientOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientOptions")
            .field("connect_timeout", &self.connect_timeout)
            .field("request_timeout", &self.request_timeout)
            .field("tls", &self.tls.is_some())
            .finish()
    }
}

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl Answer {
    /// When the server wants to be asked again, from `Retry-After` in seconds.
    pub fn retry_after(&self) -> Option<Duration> {
        let text = self.headers.get(RETRY_AFTER)?.to_str().ok()?;
        text.parse().ok().map(Duration::from_secs)
    }

    /// The start of the body as text, for messages.
    pub fn text_start(&self) -> String {
        let start = self.body.get(..300).unwrap_or(&self.body);
        String::from_utf8_lossy(start).into_owned()
    }
}

/// One node, with at most one connection to it, opened when needed.
pub struct HttpClient {
    endpoint: Endpoint,
    authority: String,
    options: Arc<ClientOptions>,
    connection: Option<Connection>,
}

impl HttpClient {
    /// Does not connect yet.
    pub fn new(endpoint: Endpoint, options: Arc<ClientOptions>) -> Self {
        Self {
            authority: endpoint.authority(),
            endpoint,
            options,
            connection: None,
        }
    }

    /// Connects with these options from now on; an open connection is given up.
    pub fn set_options(&mut self, options: Arc<ClientOptions>) {
        self.options = options;
        self.connection = None;
    }

    /// Whom it speaks to.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Sends a JSON request and waits for the whole answer, whatever its status.
    ///
    /// A connection that the node closed while it was idle is opened again, so the request may
    /// reach the node twice: use it for requests that may be repeated. Not cancel safe in that
    /// a dropped request costs the connection.
    ///
    /// # Errors
    /// [`ClientError`] if there is no answer; the outcome is unknown then.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Bytes,
    ) -> Result<Answer, ClientError> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.authority)
            .header(CONTENT_TYPE, "application/json");
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        self.send_request(request.body(Full::new(body))?).await
    }

    /// As [`HttpClient::send`], for a request with its own headers. `Host` is added if it is
    /// missing.
    ///
    /// # Errors
    /// As [`HttpClient::send`].
    pub async fn send_request(
        &mut self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Answer, ClientError> {
        if !request.headers().contains_key(HOST) {
            let host = self.authority.parse().map_err(http::Error::from)?;
            request.headers_mut().insert(HOST, host);
        }
        let timeout = self.options.request_timeout;
        match tokio::time::timeout(timeout, self.try_send(request)).await {
            Ok(answer) => answer,
            Err(_elapsed) => {
                self.connection = None;
                Err(ClientError::Timeout {
                    endpoint: self.endpoint.to_string(),
                    timeout,
                })
            }
        }
    }

    async fn try_send(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, ClientError> {
        if let Some(mut connection) = self.connection.take().filter(Connection::is_open) {
            match connection
                .exchange(request.clone(), self.options.bound)
                .await
            {
                Ok(answer) => return Ok(self.keep(connection, answer)),
                Err(error) => tracing::debug!(error, "kept-alive connection failed"),
            }
        }
        let mut connection = self.connect().await?;
        let answer = connection
            .exchange(request, self.options.bound)
            .await
            .map_err(|source| self.exchange_failed(source))?;
        Ok(self.keep(connection, answer))
    }

    fn keep(
        &mut self,
        connection: Connection,
        (status, headers, body): (StatusCode, HeaderMap, Bytes),
    ) -> Answer {
        if connection.is_open() {
            self.connection = Some(connection);
        }
        Answer {
            status,
            headers,
            body,
        }
    }

    async fn connect(&mut self) -> Result<Connection, ClientError> {
        let address = (self.endpoint.host(), self.endpoint.port());
        let limit = self.options.connect_timeout;
        let failed = |source| ClientError::Connect {
            endpoint: self.endpoint.to_string(),
            source,
        };
        let open = async {
            match self.options.address {
                Some(address) => TcpStream::connect(address).await,
                None => TcpStream::connect(address).await,
            }
        };
        let stream = tokio::time::timeout(limit, open)
            .await
            .map_err(|_| failed(std::io::ErrorKind::TimedOut.into()))?
            .map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        if !self.endpoint.is_tls() {
            let opened = Connection::open(stream).await;
            return opened.map_err(|source| self.exchange_failed(source));
        }
        let connector = self.options.tls.as_ref().ok_or_else(|| ClientError::NoCa {
            endpoint: self.endpoint.to_string(),
        })?;
        let name = ServerName::try_from(self.endpoint.host().to_owned())
            .map_err(|error| self.exchange_failed(error.into()))?;
        let stream = connector.connect(name, stream).await.map_err(failed)?;
        let opened = Connection::open(stream).await;
        opened.map_err(|source| self.exchange_failed(source))
    }

    fn exchange_failed(&self, source: Box<dyn std::error::Error + Send + Sync>) -> ClientError {
        ClientError::Exchange {
            endpoint: self.endpoint.to_string(),
            source,
        }
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient")
            .field("endpoint", &self.endpoint)
            .field("connected", &self.connection.is_some())
            .finish_non_exhaustive()
    }
}

//! Sends one notification by mail: SMTP to a checked address (RFC 5321).

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};
use std::time::Duration;

use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, AsyncTokioStream, Certificate, TlsParameters,
};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Code;
use pga_alerts::mail::{self, MailSettings, MailTls};
use pga_alerts::message::Settings;
use pga_config::Notify;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::connection::{CONNECT, MAX_READ, REQUEST, trusting};
use super::failure::Failure;
use super::target;

/// How long the end of a connection may take.
const QUIT: Duration = Duration::from_millis(500);

/// The name that this machine says it has; one without a name says an address, as RFC 5321, 4.1.3
/// has it.
static HELLO: LazyLock<ClientId> = LazyLock::new(|| {
    let machine = rustix::system::uname();
    match machine.nodename().to_string_lossy().trim() {
        "" => ClientId::default(),
        name => ClientId::Domain(name.to_owned()),
    }
});

/// Sends a notification's content; what the server said after the data.
///
/// # Errors
/// [`Failure`]: what went wrong. If it went wrong after the data was sent, the server may
/// have taken the mail.
pub(super) async fn send(
    settings: &Settings,
    content: &serde_json::Value,
    key: &str,
    now: i64,
    notify: &Notify,
) -> Result<String, Failure> {
    let server = settings
        .mail
        .as_ref()
        .ok_or("the channel has no mail server")?;
    let message = mail::mail(server, &settings.template, content, key, now)?;
    let deliver = deliver(server, &message, notify);
    let done = tokio::time::timeout(REQUEST, deliver).await;
    done.unwrap_or_else(|_| {
        Err(Failure::passing(format!(
            "{} did not answer within {REQUEST:?}; it may have the mail",
            server.host
        )))
    })
}

async fn deliver(
    server: &MailSettings,
    message: &lettre::Message,
    notify: &Notify,
) -> Result<String, Failure> {
    let address = target::resolve(&server.host, server.port(), notify).await;
    let address = address.map_err(|error| error.to_string())?;
    if server.tls == MailTls::None && !target::is_named(address.ip(), notify) {
        return Err(Failure::passing(format!(
            "{} is {}: without TLS mail goes only to networks of notify.allow-targets",
            server.host,
            address.ip()
        )));
    }
    let mut connection = connect(server, address).await?;
    let said = say(server, message, &mut connection).await;
    // The mail is taken, or is not: what the server says to QUIT, and when, changes nothing.
    drop(tokio::time::timeout(QUIT, connection.abort()).await);
    said
}

async fn connect(
    server: &MailSettings,
    address: SocketAddr,
) -> Result<AsyncSmtpConnection, String> {
    let failed = |error: io::Error| format!("cannot connect to {address}: {error}");
    let stream = tokio::time::timeout(CONNECT, TcpStream::connect(address)).await;
    let stream = stream.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    let (read, write) = stream.map_err(failed)?.into_split();
    // No server fills the memory: of what it says, TLS included, so much is read.
    let stream = tokio::io::join(read.take(MAX_READ), write);
    let stream: Box<dyn AsyncTokioStream> = match server.tls {
        MailTls::Implicit => {
            let tls: TlsConnector = trusting(roots(server)?)?;
            let name = ServerName::try_from(server.host.clone());
            let name = name.map_err(|error| format!("{}: {error}", server.host))?;
            Box::new(Wire(
                tls.connect(name, stream).await.map_err(failed)?,
                address,
            ))
        }
        MailTls::StartTls | MailTls::None => Box::new(Wire(stream, address)),
    };
    let connection = AsyncSmtpConnection::connect_with_transport(stream, &HELLO).await;
    let mut connection = connection.map_err(|error| pga_runtime::error_chain(&error))?;
    if server.tls == MailTls::StartTls {
        let mut tls = TlsParameters::builder(server.host.clone());
        for der in own_roots(server)? {
            let certificate = Certificate::from_der(der.to_vec());
            tls = tls.add_root_certificate(
                certificate.map_err(|error| pga_runtime::error_chain(&error))?,
            );
        }
        let tls = tls
            .build_rustls()
            .map_err(|error| pga_runtime::error_chain(&error))?;
        let started = connection.starttls(tls, &HELLO).await;
        started.map_err(|error| pga_runtime::error_chain(&error))?;
    }
    Ok(connection)
}

async fn say(
    server: &MailSettings,
    message: &lettre::Message,
    connection: &mut AsyncSmtpConnection,
) -> Result<String, Failure> {
    if !server.username.is_empty() {
        let credentials = Credentials::new(server.username.clone(), server.password.clone());
        let done = connection.auth(DEFAULT_MECHANISMS, &credentials).await;
        done.map_err(|error| format!("log-in: {}", pga_runtime::error_chain(&error)))?;
    }
    let said = connection
        .send(message.envelope(), &message.formatted())
        .await;
    let said = said.map_err(|error| {
        let why = pga_runtime::error_chain(&error);
        // RFC 5321, section 4.2.1: 5yz to MAIL, RCPT or DATA is not to be repeated. Whoever may not
        // log in did not get here.
        match error.is_permanent() && error.status().is_some_and(|code| !is_of_access(code)) {
            true => Failure::last(why),
            false => Failure::passing(why),
        }
    })?;
    let text: Vec<&str> = said.message().collect();
    Ok(format!("{} {}", said.code(), text.join(" ")))
}

/// Whether a code says that one has to log in or to use TLS first (RFC 4954, RFC 3207): the
/// channel's settings are wrong, not the mail.
fn is_of_access(code: Code) -> bool {
    matches!(u16::from(code), 530 | 534 | 535 | 538)
}

/// The certificates of `mail.ca`.
fn own_roots(server: &MailSettings) -> Result<Vec<CertificateDer<'static>>, String> {
    let all = CertificateDer::pem_slice_iter(server.ca.as_bytes()).collect::<Result<_, _>>();
    all.map_err(|error| format!("mail.ca: {error}"))
}

fn roots(server: &MailSettings) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    for certificate in own_roots(server)? {
        roots
            .add(certificate)
            .map_err(|error| format!("mail.ca: {error}"))?;
    }
    Ok(roots)
}

/// A connection, as the SMTP client takes it.
#[derive(Debug)]
struct Wire<S>(S, SocketAddr);

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin + fmt::Debug> AsyncTokioStream for Wire<S> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.1)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

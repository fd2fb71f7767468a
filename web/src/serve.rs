//! The accept loop: connections, TLS, limits, and the wrapper around every request.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use hyper::body::{Body, Incoming};
use prometheus::Registry;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower_service::Service;

use crate::NodeApi;
use crate::connection::{self, Phase, TimedStream};
use crate::context::Context;
use crate::metrics::{OTHER, WebMetrics};
use crate::options::WebOptions;
use crate::peer::Peer;
use crate::protocol::Protocols;
use crate::refusal::Refusal;
use crate::request_id::RequestId;
use crate::routes::{RouteName, filter};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Pause after a failed accept, which is usually a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves HTTP on `listener` until `stop` resolves, then lets open requests end within the drain
/// timeout.
///
/// `registries` are what `/metrics` shows, merged. Handlers call `api` and nothing else. A panic in
/// a handler is answered with 500 and counted; the server lives on.
#[expect(
    clippy::too_many_lines,
    reason = "one loop, whose parts share its state"
)]
pub async fn serve(
    listener: TcpListener,
    api: Arc<dyn NodeApi>,
    options: WebOptions,
    metrics: WebMetrics,
    registries: Vec<Registry>,
    stop: impl Future<Output = ()> + Send,
) {
    let limits = options.limits.now();
    let tls = options.tls.clone();
    let slots = Arc::new(Semaphore::new(limits.max_connections));
    let context = Arc::new(Context::new(api, options, metrics, registries));
    let service = warp::service(filter(Arc::clone(&context)));
    let protocols = Protocols::new(&limits, &context.metrics);
    let protocols = Arc::new(protocols);
    let (stop_connections, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        let (tcp, addr) = tokio::select! {
            biased;
            () = &mut stop => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "connection not accepted");
                    count(&context, "accept_failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
            count(&context, "over_limit");
            if tls.is_none() {
                connection::refuse(tcp);
            }
            continue;
        };
        let open = OpenConnection::new(&context, slot);
        let (context, service) = (Arc::clone(&context), service.clone());
        let tls = tls.as_ref().map(|tls| TlsAcceptor::from(tls.now()));
        let protocols = Arc::clone(&protocols);
        let mut stopping = stopping.clone();
        connections.spawn(async move {
            let _open = open;
            let shaken = tokio::select! {
                biased;
                _ = stopping.wait_for(|stops| *stops) => None,
                shaken = handshake(&context, tls, tcp, addr) => shaken,
            };
            let Some((stream, peer)) = shaken else {
                return;
            };
            let phase = Phase::default();
            let limits = context.options.limits.now();
            let stream = TimedStream::new(stream, phase.clone(), &limits, context.metrics.clone());
            let answer = hyper::service::service_fn(move |request| {
                let (context, service) = (Arc::clone(&context), service.clone());
                let (peer, phase) = (peer.clone(), phase.clone());
                answer(context, service, peer, phase, request)
                    .map(Ok::<_, http::Error>)
                    .boxed()
            });
            if let Err(error) = protocols.serve(stream, answer, stopping).await {
                tracing::debug!(%error, %addr, "connection ended");
            }
        });
    }
    drop(listener);
    stop_connections.send_replace(true);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.drain_timeout, all_ended)
        .await
        .is_err()
    {
        tracing::warn!("open requests were cut off");
    }
    connections.shutdown().await;
}

/// Bytes of a client, over TLS or not.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

async fn handshake(
    context: &Context,
    tls: Option<TlsAcceptor>,
    tcp: TcpStream,
    addr: SocketAddr,
) -> Option<(Box<dyn Stream>, Peer)> {
    if let Err(error) = tcp.set_nodelay(true) {
        tracing::debug!(%error, %addr, "nodelay not set");
    }
    let Some(tls) = tls else {
        let certificate = None;
        return Some((Box::new(tcp), Peer { addr, certificate }));
    };
    let limit = context.options.limits.now().header_timeout;
    let Ok(Ok(stream)) = tokio::time::timeout(limit, tls.accept(tcp)).await else {
        count(context, "handshake_failed");
        return None;
    };
    let collectors = context.options.collector_certificates.as_ref();
    let chain = stream.get_ref().1.peer_certificates();
    let certificate = collectors
        .zip(chain)
        .and_then(|(collectors, chain)| collectors.verified(chain));
    Some((Box::new(stream), Peer { addr, certificate }))
}

/// Everything that holds for all routes: request id, panics, latency.
async fn answer<S, F>(
    context: Arc<Context>,
    mut service: S,
    peer: Peer,
    phase: Phase,
    mut request: Request<Incoming>,
) -> warp::reply::Response
where
    S: Service<
            Request<Incoming>,
            Response = warp::reply::Response,
            Error = std::convert::Infallible,
            Future = F,
        >,
    F: Future<Output = Result<warp::reply::Response, std::convert::Infallible>>,
{
    phase.begin();
    let started = pga_runtime::now();
    let id = RequestId::of(request.headers());
    let is_head = request.method() == Method::HEAD;
    if is_head {
        *request.method_mut() = Method::GET;
    }
    request.extensions_mut().insert(peer);
    request.extensions_mut().insert(id.clone());
    let mut response: Response<_> =
        match AssertUnwindSafe(service.call(request)).catch_unwind().await {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(_panic) => {
                context.metrics.panics.inc();
                tracing::error!(request_id = id.as_str(), "a handler panicked");
                Refusal::internal().response(id.as_str())
            }
        };
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let route = response
        .extensions()
        .get::<RouteName>()
        .map_or(OTHER, |name| name.0);
    context
        .metrics
        .requests
        .with_label_values(&[route, status_class(response.status())])
        .observe(started.elapsed().as_secs_f64());
    if is_head {
        response = without_body(response);
    }
    phase.end();
    response
}

/// The answer to `HEAD`: that to `GET` with its headers, without its content (RFC 9110, 9.3.2).
fn without_body(response: warp::reply::Response) -> warp::reply::Response {
    let (mut head, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact() {
        head.headers
            .entry(CONTENT_LENGTH)
            .or_insert_with(|| HeaderValue::from(length));
    }
    warp::reply::Response::from_parts(head, Default::default())
}

fn status_class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    }
}

fn count(context: &Context, outcome: &str) {
    context
        .metrics
        .connections_total
        .with_label_values(&[outcome])
        .inc();
}

/// Holds a connection's slot and its place in the gauge.
struct OpenConnection {
    metrics: WebMetrics,
    _slot: OwnedSemaphorePermit,
}

impl OpenConnection {
    fn new(context: &Context, slot: OwnedSemaphorePermit) -> Self {
        count(context, "accepted");
        context.metrics.connections.inc();
        Self {
            metrics: context.metrics.clone(),
            _slot: slot,
        }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.metrics.connections.dec();
    }
}

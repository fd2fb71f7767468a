//! HTTP/1.1 or HTTP/2 on one connection.
//!
//! hyper keeps two buffers of 8 KiB and a header map for each HTTP/1.1 connection from its first
//! request on. Most collectors are silent most of the time, so a connection that has been idle for
//! a while is taken back from hyper and *parked*: until its next byte arrives it is a socket and a
//! timer.

use std::error::Error;
use std::time::Duration;

use futures::future::BoxFuture;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use prometheus::IntGauge;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::connection::{Phase, TimedStream};
use crate::gauge::InGauge;
use crate::metrics::WebMetrics;
use crate::options::WebLimits;

const PING_INTERVAL: Duration = Duration::from_secs(20);
const MAX_STREAMS: u32 = 128;
/// How often a connection is looked at: one that was idle between two looks is parked.
const LOOK: Duration = Duration::from_secs(1);

/// What answers requests: whole bodies, no upgrades.
pub(crate) trait Answer:
    Service<
        Request<Incoming>,
        Response = warp::reply::Response,
        Error = http::Error,
        Future = BoxFuture<'static, http::Result<warp::reply::Response>>,
    >
{
}

impl<S> Answer for S where
    S: Service<
            Request<Incoming>,
            Response = warp::reply::Response,
            Error = http::Error,
            Future = BoxFuture<'static, http::Result<warp::reply::Response>>,
        >
{
}

/// How hyper serves connections.
#[derive(Clone, Debug)]
pub(crate) struct Protocols {
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    parked: IntGauge,
}

impl Protocols {
    pub(crate) fn new(limits: &WebLimits, metrics: &WebMetrics) -> Self {
        let mut http1 = http1::Builder::new();
        http1
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_headers(limits.max_headers)
            .max_buf_size(limits.header_bytes.max(8 << 10));
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_INTERVAL)
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX));
        Self {
            http1,
            http2,
            parked: metrics.parked.clone(),
        }
    }

    /// Serves a connection until it ends, or until `stopping` changes and its open requests have
    /// been answered.
    ///
    /// # Errors
    /// Of the connection or of its protocol; it is closed then too.
    pub(crate) async fn serve<S, A>(
        &self,
        mut stream: TimedStream<S>,
        mut answer: A,
        mut stopping: watch::Receiver<bool>,
    ) -> Result<(), Box<dyn Error + Send + Sync>>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        A: Answer,
    {
        let phase = stream.phase();
        loop {
            let has_bytes = {
                let _parked = InGauge::new(&self.parked);
                tokio::select! {
                    biased;
                    _ = stopping.wait_for(|stops| *stops) => false,
                    arrived = stream.arrival() => arrived?,
                }
            };
            if !has_bytes {
                return Ok(stream.shutdown().await?);
            }
            if phase.is_multiplexed() {
                return Ok(self.http2(stream, answer, stopping).await?);
            }
            // In a box, whose room is given back while the connection is parked.
            let served = Box::pin(self.http1(stream, answer, &phase, &mut stopping));
            match served.await? {
                Some(idle) => (stream, answer) = idle,
                None => return Ok(()),
            }
        }
    }

    /// Serves until the connection is idle, and returns it, or until it has ended.
    async fn http1<S, A>(
        &self,
        stream: TimedStream<S>,
        answer: A,
        phase: &Phase,
        stopping: &mut watch::Receiver<bool>,
    ) -> hyper::Result<Option<(TimedStream<S>, A)>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
        A: Answer,
    {
        let mut connection = self.http1.serve_connection(TokioIo::new(stream), answer);
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last_seen = None;
        let mut is_stopping = false;
        loop {
            tokio::select! {
                biased;
                _ = stopping.wait_for(|stops| *stops), if !is_stopping => {
                    is_stopping = true;
                    std::pin::Pin::new(&mut connection).graceful_shutdown();
                }
                ended = &mut connection => return ended.map(|()| None),
                _ = looks.tick(), if !is_stopping => {
                    let seen = phase.idle_after();
                    if seen.is_some() && seen == last_seen {
                        let parts = connection.into_parts();
                        let stream = parts.io.into_inner().with_unread(parts.read_buf);
                        return Ok(Some((stream, parts.service)));
                    }
                    last_seen = seen;
                }
            }
        }
    }

    async fn http2<S, A>(
        &self,
        stream: TimedStream<S>,
        answer: A,
        mut stopping: watch::Receiver<bool>,
    ) -> hyper::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        A: Answer,
    {
        let connection = self.http2.serve_connection(TokioIo::new(stream), answer);
        tokio::pin!(connection);
        tokio::select! {
            ended = &mut connection => return ended,
            _ = stopping.wait_for(|stops| *stops) => connection.as_mut().graceful_shutdown(),
        }
        connection.await
    }
}

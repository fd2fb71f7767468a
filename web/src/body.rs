//! Reading a request body: bounded in size, time and memory.

use std::pin::Pin;
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures::{Stream, StreamExt};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, StatusCode};
use pga_runtime::Instant;
use tokio::time::timeout_at;

use crate::admission::Lease;
use crate::options::WebLimits;
use crate::refusal::Refusal;

/// A body as it arrives.
pub(crate) type BodyStream = Pin<Box<dyn Stream<Item = Result<Bytes, warp::Error>> + Send>>;

/// What is read and thrown away of a refused body, so that the client reads our answer and not a
/// reset.
const DRAIN_BYTES: u64 = 1 << 20;
const DRAIN_TIME: Duration = Duration::from_secs(1);
/// The lease grows by so much beyond what has arrived, so that it grows seldom, in bytes.
const LEASE_STEP: u64 = 256 << 10;

/// Boxes the stream of a warp filter.
pub(crate) fn boxed<B: Buf>(
    stream: impl Stream<Item = Result<B, warp::Error>> + Send + 'static,
) -> BodyStream {
    Box::pin(stream.map(|chunk| chunk.map(|mut chunk| chunk.copy_to_bytes(chunk.remaining()))))
}

/// The whole body.
///
/// `lease` covers its bytes: taken before they are read where `Content-Length` tells, else as they
/// come.
pub(crate) async fn read(
    limits: &WebLimits,
    cap: u64,
    headers: &HeaderMap,
    mut stream: BodyStream,
    lease: &mut Lease,
) -> Result<Bytes, Refusal> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let outcome = match announced {
        Some(length) if length > cap => Err(over_cap(cap)),
        Some(length) => lease.hold(length),
        None => Ok(()),
    };
    let outcome = match outcome {
        Ok(()) => collect(limits, cap, &mut stream, lease).await,
        Err(refusal) => Err(refusal),
    };
    match outcome {
        Ok(bytes) => Ok(bytes),
        Err(refusal) => Err(refuse(stream, refusal).await),
    }
}

/// Makes sure that a client which is still sending reads `refusal`.
pub(crate) async fn refuse(stream: BodyStream, refusal: Refusal) -> Refusal {
    if drain(stream).await {
        refusal
    } else {
        refusal.and_close()
    }
}

async fn collect(
    limits: &WebLimits,
    cap: u64,
    stream: &mut BodyStream,
    lease: &mut Lease,
) -> Result<Bytes, Refusal> {
    let started = pga_runtime::now();
    let mut first = Bytes::new();
    let mut whole = Vec::new();
    let mut length = 0u64;
    while let Some(chunk) = next(limits, stream, started, length).await? {
        length += chunk.len() as u64;
        if length > cap {
            return Err(over_cap(cap));
        }
        lease.hold_at_least(length, LEASE_STEP)?;
        if first.is_empty() && whole.is_empty() {
            first = chunk;
            continue;
        }
        if whole.is_empty() {
            whole.extend_from_slice(&std::mem::take(&mut first));
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(if whole.is_empty() {
        first
    } else {
        whole.into()
    })
}

/// The next chunk, if the client keeps up the least rate.
async fn next(
    limits: &WebLimits,
    stream: &mut BodyStream,
    started: Instant,
    length: u64,
) -> Result<Option<Bytes>, Refusal> {
    // By this time the bytes so far fall behind the least rate.
    let paid = Duration::from_secs(length / limits.body_min_rate.max(1));
    let deadline =
        (started + limits.body_timeout + paid).min(pga_runtime::now() + limits.body_timeout);
    match timeout_at(deadline, stream.next()).await {
        Ok(Some(Ok(chunk))) => Ok(Some(chunk)),
        Ok(Some(Err(_))) => Err(Refusal::bad("body_aborted", "The body ended too early")),
        Ok(None) => Ok(None),
        Err(_) => Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_timeout",
            "The body arrives too slowly",
        )),
    }
}

/// Throws away what comes, within bounds; whether that was all.
async fn drain(mut stream: BodyStream) -> bool {
    let deadline = pga_runtime::now() + DRAIN_TIME;
    let mut left = DRAIN_BYTES;
    while left > 0 {
        match timeout_at(deadline, stream.next()).await {
            Ok(Some(Ok(chunk))) => left = left.saturating_sub(chunk.len() as u64),
            Ok(None) => return true,
            Ok(Some(Err(_))) | Err(_) => return false,
        }
    }
    false
}

fn over_cap(cap: u64) -> Refusal {
    Refusal::too_large("body_bytes", format!("The body is larger than {cap} bytes"))
}

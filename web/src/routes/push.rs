//! The push: read, wait for a turn, decode, authenticate, hand over, acknowledge.

use pga_runtime::Instant;
use std::time::Duration;

use bytes::Bytes;
use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderValue, StatusCode};
use pga_cluster::CollectorEntry;
use pga_config::CollectorId;
use pga_storage::Timestamp;
use pga_storage::{ContentKey, Element, Idempotency};
use warp::reply::Response;
use xxhash_rust::xxh3::Xxh3;

use super::collector_config::VERSION as CONFIG_VERSION;
use super::push_answer::{ANSWER, PushAnswer};
use super::query_string::QueryString;
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Outcome, Route};
use super::shape::{Field, Shape, always, maybe};
use crate::admission::AdmissionPermit;
use crate::auth::{forbidden, require_same};
use crate::body::{self, BodyStream};
use crate::decode::{DecodedPush, PushRoute, Rejected, blame_headers, decode_within};
use crate::metrics::WebMetrics;
use crate::refusal::Refusal;
use crate::reply::json;
use crate::{Principal, Push, PushAck, PushNote, PushProblem};

/// Bodies from this size on are decoded on a blocking thread, in bytes.
const BLOCKING_FROM: usize = 64 << 10;
/// A body smaller than this may still be a bomb; compressed bodies go to a blocking thread from
/// here on, in bytes.
const PACKED_BLOCKING_FROM: usize = 4 << 10;
const MAX_IDEMPOTENCY_KEY: usize = 255;

/// A body in no known coding or form, or elements that cannot be stored.
const UNFIT: &[u16] = &[415, 422];
const STRICT: &[Field] = &[maybe("strict", Shape::Flag)];

/// Which time a text or a number is, the node finds out.
const PUSH: Content = Content::Json(Shape::Object(&[
    always("collector_id", Shape::Text),
    always("hostname", Shape::Text),
    maybe("version", Shape::TextOrNull),
    always("timestamp", Shape::Any),
    maybe("metrics_count", Shape::Any),
    maybe("metrics", Shape::List(&Shape::Any)),
]));

pub(super) const ROUTES: &[Route] = &[
    Route::post("/api/v1/metrics/push", "push", Access::Collector)
        .does(
            "Stores the elements that a collector gathered.",
            Handler::WithBody(|ask, body| Box::pin(push(ask, body, PushRoute::Json))),
        )
        .asks(STRICT)
        .takes(PUSH)
        .answers(ANSWER)
        .may(UNFIT)
        .observed(observe),
    Route::post(
        "/api/v1/metrics/push/binary",
        "push_binary",
        Access::Collector,
    )
    .does(
        "Stores the elements of a binary push frame.",
        Handler::WithBody(|ask, body| Box::pin(push(ask, body, PushRoute::Binary))),
    )
    .asks(STRICT)
    .takes(Content::Frame)
    .answers(ANSWER)
    .may(UNFIT)
    .observed(observe),
];

fn observe(metrics: &WebMetrics, outcome: &Outcome, elapsed: Duration) {
    let label = match outcome {
        Ok(_) => "success",
        Err(refusal) if refusal.status.is_client_error() => "refused",
        Err(refusal) if refusal.status == StatusCode::SERVICE_UNAVAILABLE => "unavailable",
        Err(_) => "failed",
    };
    metrics
        .pushes
        .with_label_values(&[label])
        .observe(elapsed.as_secs_f64());
}

async fn push(ask: RequestContext, body: BodyStream, route: PushRoute) -> Outcome {
    let outcome = take(&ask, body, route).await;
    // Who is refused in vain time and again has to be seen by people.
    if let (Principal::Collector(collector), Err(refusal)) = (&ask.caller, &outcome)
        && refusal.status.is_client_error()
    {
        let details = refusal.details.iter().map(|details| format!(": {details}"));
        ask.context.api.note(PushNote {
            collector: *collector,
            times: None,
            problem: Some(PushProblem {
                reason: refusal.reason,
                message: format!("{}{}", refusal.message, details.collect::<String>()),
                elements: 0,
            }),
        });
    }
    outcome
}

async fn take(ask: &RequestContext, body: BodyStream, route: PushRoute) -> Outcome {
    let started = ask.started;
    let context = &ask.context;
    let is_strict = match is_strict(ask) {
        Ok(is_strict) => is_strict,
        Err(refusal) => return Err(body::refuse(body, refusal).await),
    };
    if let Err(error) = context.api.admits_pushes() {
        return Err(body::refuse(body, error.into()).await);
    }
    let received_at = Timestamp::now();
    let limits = context.options.limits.now();
    let mut lease = context.admission.lease();
    let cap = limits.wire_body_bytes;
    let bytes = body::read(&limits, cap, &ask.headers, body, &mut lease).await?;
    let permit = context.admission.turn(lease).await?;
    let body_bytes = bytes.len() as u64;
    let (decoded, permit) = decode(ask, bytes, route, permit).await?;
    let collector = CollectorId::from_external(&decoded.external_id);
    require_same(&ask.caller, collector)?;
    if collector == CollectorId::FINDINGS {
        return Err(forbidden("This id is the cluster's own"));
    }
    let (time, problem) = (decoded.time, problem(&decoded.rejected));
    let rejected = rejected(ask, decoded.rejected, is_strict)?;
    context
        .metrics
        .unknown_fields
        .inc_by(decoded.unknown_fields);
    context
        .metrics
        .untyped_elements
        .inc_by(decoded.unknown_kinds);
    let idempotency = idempotency(&ask.headers, &decoded.elements)?;
    let external_id = decoded.external_id.clone();
    let push = Push {
        collector,
        external_id: decoded.external_id,
        hostname: decoded.hostname,
        version: decoded.version,
        received_at,
        idempotency,
        elements: decoded.elements,
        body_bytes,
    };
    let ack = context.api.push(push, permit).await?;
    context.api.note(PushNote {
        collector,
        times: Some((time, received_at)),
        problem,
    });
    Ok(acknowledge(
        ask,
        &external_id,
        ack,
        rejected,
        body_bytes,
        started,
    ))
}

/// Whether one bad element is to refuse the whole push.
fn is_strict(ask: &RequestContext) -> Result<bool, Refusal> {
    QueryString::parse(&ask.query)?.flag("strict")
}

/// What is said of elements that were refused alone.
fn problem(rejected: &Rejected) -> Option<PushProblem> {
    let first = rejected.first.first()?;
    let message = format!(
        "{} of the push's elements refused; the first was number {} of type {:?}: {}",
        rejected.count, first.index, first.kind, first.reason
    );
    Some(PushProblem {
        reason: first.reason,
        message,
        elements: rejected.count,
    })
}

/// Counts what was refused; refuses the whole push for it if the client asks for that.
fn rejected(
    ask: &RequestContext,
    rejected: Rejected,
    is_strict: bool,
) -> Result<Option<Rejected>, Refusal> {
    let metrics = &ask.context.metrics;
    for (reason, count) in &rejected.by_reason {
        metrics
            .rejected_elements
            .with_label_values(&[reason])
            .inc_by(*count);
    }
    match rejected.error() {
        Some(error) if is_strict => Err(error.clone().into()),
        Some(_) => Ok(Some(rejected)),
        None => Ok(None),
    }
}

fn acknowledge(
    ask: &RequestContext,
    id: &str,
    ack: PushAck,
    rejected: Option<Rejected>,
    bytes: u64,
    started: Instant,
) -> Response {
    let elements = &ask.context.metrics.elements;
    elements
        .with_label_values(&["accepted"])
        .inc_by(ack.accepted);
    elements
        .with_label_values(&["repeated"])
        .inc_by(ack.repeated);
    let (version, interval) = expected(ask, CollectorId::from_external(id));
    let answer = PushAnswer {
        status: "success",
        collector_id: id,
        metrics_inserted: ack.accepted,
        metrics_repeated: ack.repeated,
        rejected,
        bytes_received: bytes,
        processing_time_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        next_config_version: version,
        next_check_in_seconds: interval.as_secs() + u64::from(interval.subsec_nanos() > 0),
        position: ack.position.into(),
    };
    let mut response = json(StatusCode::OK, &answer);
    // What a push may be encoded by (RFC 9110, 12.5.3): a client that knows may choose.
    let encodings = HeaderValue::from_static("zstd, gzip, deflate");
    let headers = response.headers_mut();
    headers.insert(ACCEPT_ENCODING, encodings);
    headers.insert(CONFIG_VERSION, HeaderValue::from(version));
    response
}

/// The version of the configuration that the collector is to have, 0 for none, and when its next
/// push is expected: how often it pushes, as all nodes have seen it.
fn expected(ask: &RequestContext, collector: CollectorId) -> (u64, Duration) {
    let known = ask.read_here(|state| {
        let version = state.config_of(collector).map(|config| config.version);
        (version, state.collector_entry(collector).interval_ms())
    });
    // A node that has no state takes no pushes.
    let (version, interval_ms) =
        known.unwrap_or_else(|_| (None, CollectorEntry::default().interval_ms()));
    (version.unwrap_or(0), Duration::from_millis(interval_ms))
}

/// Decodes here, or on a blocking thread where it may take long.
async fn decode(
    ask: &RequestContext,
    bytes: Bytes,
    route: PushRoute,
    mut permit: AdmissionPermit,
) -> Result<(DecodedPush, AdmissionPermit), Refusal> {
    let started = pga_runtime::now();
    let looks_plain = bytes
        .first()
        .is_some_and(|byte| byte.is_ascii_whitespace() || *byte == b'{');
    let threshold = if looks_plain {
        BLOCKING_FROM
    } else {
        PACKED_BLOCKING_FROM
    };
    let limits = ask.context.options.limits.now();
    let blocking = bytes.len() > threshold;
    let work = move || {
        let outcome = decode_within(&bytes, route, &limits, Timestamp::now(), permit.lease());
        outcome.map(|decoded| (decoded, permit))
    };
    let outcome = if blocking {
        pga_runtime::spawn_blocking(work)
            .await
            .map_err(|_| Refusal::internal())?
    } else {
        work()
    };
    let metrics = &ask.context.metrics;
    metrics.decode.observe(started.elapsed().as_secs_f64());
    outcome.map_err(|error| {
        let error = blame_headers(error, &ask.headers);
        metrics
            .decode_errors
            .with_label_values(&[error.reason])
            .inc();
        Refusal::from(error)
    })
}

/// The client's own name for the push, and what it named: equal names with other contents are a
/// conflict.
fn idempotency(headers: &HeaderMap, elements: &[Element]) -> Result<Option<Idempotency>, Refusal> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = value
        .to_str()
        .ok()
        .map(str::trim)
        .filter(|key| (1..=MAX_IDEMPOTENCY_KEY).contains(&key.len()));
    let Some(key) = key else {
        let text = "Idempotency-Key is not 1 to 255 visible characters";
        return Err(Refusal::bad("idempotency_key", text));
    };
    let mut digest = Xxh3::new();
    for element in elements {
        digest.update(&ContentKey::of(element).raw().to_le_bytes());
    }
    Ok(Some(Idempotency {
        key: key.to_owned(),
        digest: digest.digest(),
    }))
}

//! Refusals: every answer that is no success, and the one place that maps them to HTTP.

use std::time::Duration;

use http::StatusCode;
use http::header::{CONNECTION, HeaderValue, RETRY_AFTER};
use serde::Serialize;
use warp::reply::Response as WarpResponse;

use crate::ApiError;
use crate::reply::json;

/// Why a request is not served, apart from what is wrong with a push's content: reasons of this
/// crate, of connections, and of the node.
pub(crate) const REASONS: [&str; 49] = [
    "argument",
    "behind",
    "behind_min_position",
    "body_aborted",
    "body_bytes",
    "body_timeout",
    "buffer_full",
    "collector_busy",
    "collectors_full",
    "conflict",
    "csrf",
    "failed_attempts",
    "feature_level",
    "forbidden",
    "head_size",
    "header_timeout",
    "idempotency_key",
    "idle_timeout",
    "internal",
    "invalid",
    "log_full",
    "malformed_head",
    "membership",
    "no_quorum",
    "not_built",
    "not_found",
    "not_ready",
    "outcome_unknown",
    "overloaded",
    "password_checks",
    "position_ahead",
    "queue_wait",
    "refused",
    "rejected",
    "series_limit",
    "rule",
    "session_failing",
    "sessions_full",
    "starting",
    "stopping",
    "store",
    "taken",
    "temporary_password",
    "unauthorized",
    "unknown_path",
    "upload_interrupted",
    "uri_length",
    "write_timeout",
    "wrong_method",
];

/// Why a request is not served: status, metric label, text for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Status of the answer.
    pub(crate) status: StatusCode,
    /// Label of the metric.
    pub(crate) reason: &'static str,
    /// For the client; holds no internals.
    pub(crate) message: String,
    /// More for the client.
    pub(crate) details: Option<String>,
    /// For 429 and 503.
    pub(crate) retry_after: Option<Duration>,
    /// The body was not read to its end: the connection cannot be used again.
    pub(crate) close: bool,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    code: u16,
    message: &'a str,
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<&'a str>,
    request_id: &'a str,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, reason: &'static str, text: impl Into<String>) -> Self {
        let retry = matches!(status.as_u16(), 429 | 503).then_some(Duration::from_secs(1));
        Self {
            status,
            reason,
            message: text.into(),
            details: None,
            retry_after: retry,
            close: false,
        }
    }

    /// 400: the request cannot be understood.
    pub(crate) fn bad(reason: &'static str, text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, reason, text)
    }

    /// 413: more than a limit allows.
    pub(crate) fn too_large(reason: &'static str, text: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, reason, text)
    }

    /// 401.
    pub(crate) fn unauthorized(text: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", text)
    }

    /// 503.
    pub(crate) fn unavailable(reason: &'static str, text: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, reason, text)
    }

    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Internal error",
        )
    }

    pub(crate) fn with_details(mut self, details: impl Into<String>) -> Self {
        self.details = Some(details.into());
        self
    }

    pub(crate) fn and_close(mut self) -> Self {
        self.close = true;
        self
    }

    /// The answer.
    pub(crate) fn response(&self, request_id: &str) -> WarpResponse {
        let body = ErrorBody {
            code: self.status.as_u16(),
            message: &self.message,
            error: &self.message,
            details: self.details.as_deref(),
            request_id,
        };
        let mut response = json(self.status, &body);
        if let Some(after) = self.retry_after {
            let seconds = after.as_millis().div_ceil(1000).max(1) as u64;
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.close {
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// What the replicated state says to a change it does not make.
impl From<pga_cluster::Refusal> for Refusal {
    fn from(refusal: pga_cluster::Refusal) -> Self {
        use pga_cluster::Refusal as Why;
        let text = refusal.to_string();
        match refusal {
            Why::NotFound => Self::new(StatusCode::NOT_FOUND, "not_found", text),
            Why::Taken => Self::new(StatusCode::CONFLICT, "taken", text),
            Why::Conflict(_) => Self::new(StatusCode::CONFLICT, "conflict", text),
            Why::Rule(_) => Self::new(StatusCode::CONFLICT, "rule", text),
            Why::Replayed => Self::unauthorized("Invalid token"),
            Why::BadToken => Self::unauthorized("Invalid credentials"),
            Why::FeatureLevel { .. } => Self::unavailable("feature_level", text),
            Why::CollectorsFull => Self::unavailable("collectors_full", text),
            _ => Self::internal(),
        }
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        let text = error.to_string();
        match error {
            ApiError::Unavailable {
                reason,
                retry_after,
            } => Self {
                retry_after: Some(retry_after),
                ..Self::unavailable(reason, format!("Temporarily unavailable: {reason}"))
            },
            ApiError::TooMany {
                reason,
                retry_after,
            } => Self {
                retry_after: Some(retry_after),
                ..Self::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    reason,
                    format!("Too many requests: {reason}"),
                )
            },
            ApiError::Conflict => Self::new(StatusCode::CONFLICT, "conflict", text),
            ApiError::NotFound(_) => Self::new(StatusCode::NOT_FOUND, "not_found", text),
            ApiError::Forbidden(_) => Self::new(StatusCode::FORBIDDEN, "forbidden", text),
            ApiError::Unauthorized(text) => Self::unauthorized(text),
            ApiError::Refused(refusal) => Self::from(refusal),
            ApiError::Invalid(_) => Self::bad("invalid", text),
            ApiError::PositionAhead { .. } => Self::bad("position_ahead", text),
            ApiError::Internal => Self::internal(),
        }
    }
}

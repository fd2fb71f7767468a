//! Why a body is no push.

use http::StatusCode;

use crate::refusal::Refusal;

/// Rules that a whole push breaks; [`REASONS`](super::REASONS) are those of one element.
pub(crate) const PUSH_REASONS: [&str; 16] = [
    "content_encoding",
    "content_type",
    "crc",
    "decoded_bytes",
    "elements",
    "envelope",
    "frame",
    "frame_compression",
    "frame_encrypted",
    "inflight_bytes",
    "json",
    "message_type",
    "ratio",
    "timestamp",
    "unsupported_version",
    "window",
];

/// Why a body is no push: nothing of it took effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{details}")]
pub struct DecodeError {
    /// 400, 413, 415, 422 or 503.
    pub(crate) status: StatusCode,
    /// Label of the metric.
    pub(crate) reason: &'static str,
    /// For the client.
    pub(crate) details: String,
}

impl DecodeError {
    /// Which rule was broken: one of few names.
    pub fn reason(&self) -> &'static str {
        self.reason
    }

    /// Status of the HTTP answer.
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    pub(super) fn new(status: u16, reason: &'static str, details: impl Into<String>) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST),
            reason,
            details: details.into(),
        }
    }

    /// 400.
    pub(super) fn bad(reason: &'static str, details: impl Into<String>) -> Self {
        Self::new(400, reason, details)
    }

    /// 422.
    pub(super) fn invalid(reason: &'static str, details: impl Into<String>) -> Self {
        Self::new(422, reason, details)
    }

    /// 413.
    pub(super) fn too_large(reason: &'static str, details: impl Into<String>) -> Self {
        Self::new(413, reason, details)
    }
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        Self::new(error.status, error.reason, "Invalid metrics data").with_details(error.details)
    }
}

impl From<Refusal> for DecodeError {
    fn from(refusal: Refusal) -> Self {
        Self {
            status: refusal.status,
            reason: refusal.reason,
            details: refusal.message,
        }
    }
}

//! Why a notification was not taken, and whether the same one ever would be.

use std::fmt;

use http::StatusCode;

/// Why a notification was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// For people to read.
    why: String,
    /// Whether the receiver refused this very message: it would again.
    is_final: bool,
}

impl Failure {
    /// It may be taken another time, or once the channel's settings are right.
    pub(crate) fn passing(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            is_final: false,
        }
    }

    /// It will never be taken.
    pub(crate) fn last(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            is_final: true,
        }
    }

    /// What a receiver's status says about a request that it did not take.
    ///
    /// What is wrong with the request itself stays so: 400, 413, 415 and 422. Everything else
    /// passes: 408, 425, 429 and 5xx by themselves, and who may not send there, or finds nobody
    /// there (401, 403, 404, 405, 410, redirects), is let in once the channel's settings are right.
    ///
    /// # Source
    /// RFC 9110, section 15.5. PagerDuty's Events API v2 has 400 for an event that is not valid,
    /// and asks to send again after 429 and 5xx; Alertmanager's API, Slack's incoming webhooks and
    /// Teams' workflows have 400 and 413 for a body that is not valid or too large.
    pub(crate) fn of_status(status: StatusCode, why: String) -> Self {
        let is_final = matches!(
            status,
            StatusCode::BAD_REQUEST
                | StatusCode::PAYLOAD_TOO_LARGE
                | StatusCode::UNSUPPORTED_MEDIA_TYPE
                | StatusCode::UNPROCESSABLE_ENTITY
        );
        Self { why, is_final }
    }

    /// Whether it is not to be tried again.
    pub(crate) const fn is_final(&self) -> bool {
        self.is_final
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self::passing(why)
    }
}

impl From<&str> for Failure {
    fn from(why: &str) -> Self {
        Self::passing(why)
    }
}

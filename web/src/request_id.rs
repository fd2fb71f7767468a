//! The name of one request, in its answer and in the log.

use std::sync::Arc;

use http::HeaderMap;

const MAX_LENGTH: usize = 64;

/// The client's `X-Request-Id` if it is short and plain, else a random one.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(Arc<str>);

impl RequestId {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let sent = headers
            .get("x-request-id")
            .and_then(|value| value.to_str().ok());
        match sent {
            Some(id) if is_plain(id) => Self(id.into()),
            _ => Self::random(),
        }
    }

    pub(crate) fn random() -> Self {
        Self(format!("{:016x}", pga_runtime::random::<u64>()).into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_plain(id: &str) -> bool {
    (1..=MAX_LENGTH).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

//! Bodies that are read as a whole.

use serde::de::DeserializeOwned;

use super::request_context::RequestContext;
use crate::body::{self, BodyStream};
use crate::refusal::Refusal;

/// Bodies of requests other than pushes, in bytes.
pub(super) const SMALL_BODY: u64 = 64 << 10;

/// A small JSON body; of what follows the first value nothing is read (contract 1.1).
pub(super) async fn small_json<T: DeserializeOwned>(
    ask: &RequestContext,
    body: BodyStream,
) -> Result<T, Refusal> {
    let bytes = small_body(ask, body, SMALL_BODY).await?;
    let mut values = serde_json::Deserializer::from_slice(&bytes).into_iter();
    match values.next() {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => {
            Err(Refusal::bad("json", "Invalid request").with_details(error.to_string()))
        }
        None => Err(Refusal::bad("json", "Invalid request").with_details("the body is empty")),
    }
}

/// A body of at most `max` bytes.
pub(super) async fn small_body(
    ask: &RequestContext,
    body: BodyStream,
    max: u64,
) -> Result<hyper::body::Bytes, Refusal> {
    let limits = &ask.context.options.limits;
    let mut lease = ask.context.admission.lease();
    body::read(limits, max, &ask.headers, body, &mut lease).await
}

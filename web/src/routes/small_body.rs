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
        Some(Err(error)) => Err(not_json(&error)),
        None => Err(Refusal::bad("json", "Invalid request").with_details("the body is empty")),
    }
}

/// 400, with what is wrong, and without the text that is: it may be a secret in a wrong place.
pub(super) fn not_json(error: &serde_json::Error) -> Refusal {
    let text = error.to_string();
    let told = match (
        text.split_once("string \""),
        text.rsplit_once("\", expected"),
    ) {
        (Some((before, _)), Some((_, after))) => format!("{before}string, expected{after}"),
        _ => text,
    };
    Refusal::bad("json", "Invalid request").with_details(told)
}

/// A body of at most `max` bytes.
pub(super) async fn small_body(
    ask: &RequestContext,
    body: BodyStream,
    max: u64,
) -> Result<hyper::body::Bytes, Refusal> {
    let limits = ask.context.options.limits.now();
    let mut lease = ask.context.admission.lease();
    body::read(&limits, max, &ask.headers, body, &mut lease).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_without_the_text() {
        for (body, want) in [
            (
                r#""a \", expected b""#,
                "invalid type: string, expected u32 at line 1 column 18",
            ),
            (
                "[]",
                "invalid type: sequence, expected u32 at line 1 column 0",
            ),
            ("{", "invalid type: map, expected u32 at line 1 column 0"),
        ] {
            let error = serde_json::from_str::<u32>(body).unwrap_err();
            assert_eq!(not_json(&error).details.as_deref(), Some(want), "{body}");
        }
    }
}

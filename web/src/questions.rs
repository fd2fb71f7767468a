//! Asking this node's store a question ([`pga_storage::query`]).

use pga_config::CollectorId;
use pga_storage::query::Question;
use pga_storage::{ErrorClass, Position};
use std::time::Duration;

use crate::api_error::ApiError;
use crate::node_api::{NodeApi, ReadScope};

/// When a client should come back to a store that did not answer.
const RETRY: Duration = Duration::from_secs(1);

/// Asks about a collector, whatever the store holds by now.
///
/// # Errors
/// Those of [`ask_at`].
pub(crate) async fn ask<Q: Question>(
    api: &dyn NodeApi,
    collector: CollectorId,
    question: &Q,
) -> Result<Q::Answer, ApiError> {
    let scope = ReadScope {
        collector: Some(collector),
        min_position: None,
    };
    Ok(ask_at(api, question, scope).await?.0)
}

/// Asks once the store holds what is wanted; with the position that the answer reflects.
///
/// # Errors
/// Those of [`Reads::store_at`](crate::Reads::store_at); `Invalid` for a parameter that is none,
/// `Unavailable` if the store does not answer, `Internal` if it is damaged.
pub(crate) async fn ask_at<Q: Question>(
    api: &dyn NodeApi,
    question: &Q,
    scope: ReadScope,
) -> Result<(Q::Answer, Position), ApiError> {
    let (store, position) = api.store_at(scope).await?;
    let answer = question.ask(&*store).await;
    Ok((answer.map_err(|error| failed(&error))?, position))
}

/// What a client is told of a store's failure.
pub(crate) fn failed(error: &pga_storage::Error) -> ApiError {
    if let pga_storage::Error::Argument { key, what } = error {
        return ApiError::Invalid(format!("bad {key}: {what}"));
    }
    match error.class() {
        ErrorClass::Transient => {
            tracing::debug!(error = chain(error), "store not readable");
            ApiError::Unavailable {
                reason: "store",
                retry_after: RETRY,
            }
        }
        ErrorClass::Rejected | ErrorClass::Fatal => {
            tracing::error!(error = chain(error), "store not readable");
            ApiError::Internal
        }
    }
}

/// The error and its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

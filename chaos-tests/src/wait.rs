//! Waiting for a condition.

use std::fmt::Debug;
use std::time::Duration;

use tokio::time::Instant;

const POLL: Duration = Duration::from_millis(50);

/// Asks `probe` until it answers `Ok`, at most for `limit`.
///
/// # Errors
/// The last thing `probe` said, when the time is over.
pub async fn until<T, E: Debug>(
    what: &str,
    limit: Duration,
    mut probe: impl AsyncFnMut() -> Result<T, E>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        match probe().await {
            Ok(found) => return Ok(found),
            Err(last) if Instant::now() >= deadline => {
                anyhow::bail!("not within {limit:?}: {what}; last seen: {last:?}")
            }
            Err(_) => tokio::time::sleep(POLL).await,
        }
    }
}

//! Two clocks: one to measure with, one that is data.

#[cfg(feature = "simulation")]
use std::cell::Cell;
use std::time::{Duration, SystemTime};

/// A moment of the monotonic clock: for durations, deadlines and pauses. It stands still in a
/// test that pauses time.
pub use tokio::time::Instant;

#[cfg(feature = "simulation")]
thread_local! {
    /// When the wall clock was set, and to what.
    static WALL: Cell<Option<(Instant, Duration)>> = const { Cell::new(None) };
}

/// This moment, by the monotonic clock.
#[expect(clippy::disallowed_methods, reason = "the one place that reads it")]
pub fn now() -> Instant {
    Instant::now()
}

/// Wall time since 1970 (UTC), by this machine's clock: data only, since it may jump either way.
/// A clock before 1970 reads as 1970.
#[expect(clippy::disallowed_methods, reason = "the one place that reads it")]
pub fn unix_time() -> Duration {
    #[cfg(feature = "simulation")]
    if let Some((set, to)) = WALL.get() {
        return to + set.elapsed();
    }
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}

/// Sets this thread's wall clock to a time since 1970, from which it goes on as [`now`] does;
/// `None` gives it back to the machine.
#[cfg(feature = "simulation")]
pub fn set_wall_clock(to: Option<Duration>) {
    WALL.set(to.map(|to| (now(), to)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_wall_clock_that_was_set_goes_on_with_paused_time() {
        let day = Duration::from_secs(86_400);
        set_wall_clock(Some(day));
        tokio::time::sleep(day).await;
        assert_eq!(unix_time(), 2 * day);
        set_wall_clock(None);
        assert!(unix_time() > 1_000 * day, "the machine's again");
    }
}

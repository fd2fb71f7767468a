//! Memory that was freed goes back to the system.
//!
//! mimalloc notes what a freed page was, and gives it back a second later at the earliest, when some thread has a reason to
//! look: many allocations, or its end. A node that has become quiet after a large push has neither.

use std::convert::Infallible;
use std::hint::black_box;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

/// How often somebody looks.
const INTERVAL: Duration = Duration::from_secs(1);

/// Lets a thread begin and end every second.
pub(crate) async fn give_back() -> Infallible {
    let mut tick = interval(INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        // It has to allocate, or it has nothing to look after at its end.
        let look = || drop(black_box(Box::new(0_u64)));
        let thread = std::thread::Builder::new().name("memory".to_owned());
        if let Err(error) = thread.spawn(look) {
            tracing::debug!(%error, "freed memory stays for another second");
        }
    }
}

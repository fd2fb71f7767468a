//! A node holds little memory, and gives back what it freed.
//!
//! mimalloc notes what a freed page was, and gives it back a second later at the earliest, when some thread has a reason to
//! look: many allocations, or its end. A node that has become quiet after a large push has neither.

use std::convert::Infallible;
use std::hint::black_box;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

/// How often somebody looks.
const INTERVAL: Duration = Duration::from_secs(1);

/// Has the kernel back memory with small pages only, from now on and in the processes this one starts.
///
/// mimalloc asks for huge pages where the system leaves the choice to programs. A page of 2 MiB is resident for the little that is
/// used in it: an idle node took 85 MiB with them and takes 59 MiB without.
pub(crate) fn use_small_pages() {
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::debug!(%error, "the kernel may use huge pages");
    }
}

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

//! Which of the looks of each minute are kept: one in a quarter of an hour, and each that failed
//! after one that did not, or the other way round.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pga_runtime::Instant;

const EVERY: Duration = Duration::from_secs(900);

/// When each was kept last, and whether it had ended well; clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Looks(Arc<Mutex<BTreeMap<&'static str, (Instant, bool)>>>);

impl Looks {
    /// Whether this one is kept; it counts as kept then.
    pub(super) fn is_kept(&self, name: &'static str, is_well: bool) -> bool {
        let now = pga_runtime::now();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = kept.get(name);
        let is_new = last.is_none_or(|(at, was_well)| *was_well != is_well || now - *at >= EVERY);
        if is_new {
            kept.insert(name, (now, is_well));
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_look_is_kept_in_a_while_and_when_it_ends_otherwise() {
        let looks = Looks::default();
        for (minute, is_well, want) in [
            (0, true, true),
            (1, true, false),
            (2, false, true),
            (3, false, false),
            (4, true, true),
            (18, true, false),
            (19, true, true),
        ] {
            assert_eq!(looks.is_kept("a", is_well), want, "{minute}");
            let next = Duration::from_secs(60);
            let skip = if minute == 4 { 14 } else { 1 };
            tokio::time::advance(next * skip).await;
        }
        assert!(looks.is_kept("b", true));
    }
}

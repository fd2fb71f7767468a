//! Whether a node is ready: whether a write that it takes would succeed.

use std::sync::Arc;
use std::time::Duration;

use crate::node::core::Core;
use crate::recovery::standing::Standing;

/// How long the confirmation of a quorum counts.
///
/// Two seconds outlast the election that follows a leader's death (0.75 to 0.9 s): a fail-over is a
/// slow answer, and no reason to send clients elsewhere. A confirmation may rest on a leader's
/// lease and be that much older (0.45 s), so that a lost quorum is told within 2.5 s.
pub(crate) const CONFIRMED_FOR: Duration = Duration::from_secs(2);

/// Why a node is not ready.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unready {
    /// It lost what it confirmed, and waits to be taken in again.
    #[error("recovering, does not vote: {0}")]
    Recovering(Arc<str>),
    /// It has just started, and its peers have not told whether it lost anything.
    #[error("too few other nodes told whether it lost anything")]
    Undecided,
    /// No quorum has confirmed it since it started.
    #[error("no quorum has confirmed this node since it started")]
    NeverConfirmed,
    /// No quorum has confirmed it for so long.
    #[error("no quorum has confirmed this node for {} s", .0.as_secs())]
    Unconfirmed(Duration),
}

/// Decides by what the node knows of itself, and by the age of its last confirmation.
fn readiness(standing: &Standing, age: Option<Duration>) -> Result<(), Unready> {
    match (standing, age) {
        (Standing::Recovering(why), _) => Err(Unready::Recovering(Arc::clone(why))),
        (Standing::Undecided, _) => Err(Unready::Undecided),
        (Standing::Open, None) => Err(Unready::NeverConfirmed),
        (Standing::Open, Some(age)) if age < CONFIRMED_FOR => Ok(()),
        (Standing::Open, Some(age)) => Err(Unready::Unconfirmed(age)),
    }
}

impl Core {
    /// Whether a write that this node takes now would succeed.
    pub(crate) fn readiness(&self) -> Result<(), Unready> {
        readiness(&self.standing.borrow(), self.confirmation.age())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_ready_while_it_takes_part_and_its_confirmation_is_young() {
        let ms = |ms| Some(Duration::from_millis(ms));
        let lost: Arc<str> = "the log is gone".into();
        let recovering = Standing::Recovering(Arc::clone(&lost));
        let never = Err(Unready::NeverConfirmed);
        let late = |ms| Err(Unready::Unconfirmed(Duration::from_millis(ms)));
        for (name, standing, age, want) in [
            ("just confirmed", Standing::Open, ms(0), Ok(())),
            ("an election long", Standing::Open, ms(1_999), Ok(())),
            ("at the limit", Standing::Open, ms(2_000), late(2_000)),
            (
                "stopped for a day",
                Standing::Open,
                ms(86_400_000),
                late(86_400_000),
            ),
            ("never confirmed", Standing::Open, None, never),
            (
                "not asked yet",
                Standing::Undecided,
                ms(0),
                Err(Unready::Undecided),
            ),
            (
                "recovering",
                recovering,
                ms(0),
                Err(Unready::Recovering(lost)),
            ),
        ] {
            assert_eq!(readiness(&standing, age), want, "{name}");
        }
    }

    #[test]
    fn the_reason_names_how_long_the_quorum_has_been_silent() {
        let reason = Unready::Unconfirmed(Duration::from_millis(7_900)).to_string();
        assert_eq!(reason, "no quorum has confirmed this node for 7 s");
    }
}

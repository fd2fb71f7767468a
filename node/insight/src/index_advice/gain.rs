//! What an index gives each need.

use super::board::{Board, Served};
use super::candidate::Candidate;
use super::need::Need;

/// A need that an index helps: cost before and after, seconds saved.
pub(super) struct Gain<'a> {
    pub(super) need: &'a Need,
    pub(super) served: &'a Served,
    pub(super) after: f64,
    pub(super) seconds: f64,
}

/// The needs that this pick serves better than the other picks do.
pub(super) fn helped<'a>(
    board: &Board<'a>,
    served: &'a [Served],
    picks: &[Candidate],
    pick: &Candidate,
) -> Vec<Gain<'a>> {
    let mut gains = Vec::new();
    for (place, (need, served)) in board.needs.iter().zip(served).enumerate() {
        let cost = |of: &Candidate| of.costs.get(place).copied().unwrap_or(f64::INFINITY);
        let after = cost(pick);
        let is_best = picks
            .iter()
            .all(|other| other == pick || cost(other) >= after);
        if after < served.cost && is_best {
            let seconds = need.seconds * (1.0 - after / served.cost);
            gains.push(Gain {
                need,
                served,
                after,
                seconds,
            });
        }
    }
    gains.sort_by(|one, other| other.seconds.total_cmp(&one.seconds));
    gains
}

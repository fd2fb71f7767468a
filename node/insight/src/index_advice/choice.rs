//! Which candidates are worth it: greedily, the best first, each counting only what is left.

use std::collections::BTreeSet;

use super::board::{Board, Served};
use super::candidate::Candidate;
use super::gates::{self, Seen};
use super::need::Asker;
use super::shape::{BLOCK_BYTES, Shape};

/// Indexes of a table at most.
const MAX_A_TABLE: usize = 3;
/// A shorter index is taken if it keeps this share of the saving.
const SHORTER_KEEPS: f64 = 0.98;
/// Bytes of an index that halve its worth.
const SIZE_SCALE: f64 = 1_073_741_824.0;

/// What is chosen for a relation, and why the rest is not.
#[derive(Debug, Default)]
pub(super) struct Choice {
    pub(super) picks: Vec<Candidate>,
    /// For needs that nothing was chosen for, the first gate that their best candidate failed.
    pub(super) refused: Vec<(usize, Shape, String)>,
    /// Seconds a day that the picks save for each need.
    pub(super) saved: Vec<f64>,
}

/// The needs and candidates of a relation while choosing.
struct Chooser<'a> {
    board: &'a Board<'a>,
    served: &'a [Served],
    seen: &'a [Seen],
}

/// What picks leave of each need.
struct Left {
    /// Its cost.
    costs: Vec<f64>,
    /// Seconds a day of its statement.
    seconds: Vec<f64>,
}

/// Chooses among candidates.
pub(super) fn choose(
    board: &Board<'_>,
    served: &[Served],
    seen: &[Seen],
    candidates: Vec<Shape>,
) -> Choice {
    let chooser = Chooser {
        board,
        served,
        seen,
    };
    let options: Vec<Candidate> = candidates
        .into_iter()
        .map(|shape| chooser.option(shape))
        .collect();
    let mut picks = chooser.greedy(&options);
    chooser.prune(&mut picks);
    Choice {
        refused: chooser.refused(&options, &picks),
        saved: chooser.saved(&chooser.costs(&picks)),
        picks,
    }
}

impl Chooser<'_> {
    fn option(&self, shape: Shape) -> Candidate {
        Candidate {
            costs: self.board.costs(&shape),
            write_seconds: self.board.write_seconds(&shape),
            shape,
        }
    }

    fn greedy(&self, options: &[Candidate]) -> Vec<Candidate> {
        let mut picks: Vec<Candidate> = Vec::new();
        while picks.len() < MAX_A_TABLE {
            let left = self.left(&picks);
            let worth = |option: &Candidate| {
                let net = self.gain(&left, option) - option.write_seconds;
                net / (1.0 + option.shape.pages * BLOCK_BYTES / SIZE_SCALE)
            };
            let open = options
                .iter()
                .filter(|option| !picks.contains(option) && self.gate(&left, option).is_ok());
            let mut best: Option<&Candidate> = None;
            for option in open {
                if best.is_none_or(|best| worth(option) > worth(best)) {
                    best = Some(option);
                }
            }
            let Some(best) = best else {
                break;
            };
            picks.push(self.shortened(best, &left));
        }
        picks
    }

    /// The shortest index that saves nearly as much.
    fn shortened(&self, option: &Candidate, left: &Left) -> Candidate {
        let wanted = SHORTER_KEEPS * self.gain(left, option);
        let mut kept = option.clone();
        loop {
            let mut shape = kept.shape.clone();
            if shape.include.is_empty() {
                shape.keys.pop();
            } else {
                shape.include.clear();
            }
            if shape.keys.is_empty() {
                return kept;
            }
            let shorter = self.option(shape.sized(self.board.relation, None));
            let is_enough = self.gain(left, &shorter) >= wanted;
            if !is_enough || self.gate(left, &shorter).is_err() {
                return kept;
            }
            kept = shorter;
        }
    }

    /// Tries to do without each pick again, and without prefixes of others.
    fn prune(&self, picks: &mut Vec<Candidate>) {
        let mut place = 0;
        while place < picks.len() {
            let mut others = picks.clone();
            let pick = others.remove(place);
            let is_prefix = others
                .iter()
                .any(|other| pick.shape.is_prefix_of(&other.shape));
            if is_prefix || self.net(&others) >= self.net(picks) {
                *picks = others;
            } else {
                place += 1;
            }
        }
        // Alternatives that an OR joins are of use only if all of them are served.
        let current = self.costs(picks);
        let halves: BTreeSet<(&Asker, usize)> = self
            .open(&current)
            .filter_map(|place| self.group(place))
            .collect();
        let helps_whole = |option: &Candidate| {
            let helped = self.helped(option);
            helped.iter().any(|place| {
                self.group(*place)
                    .is_none_or(|group| !halves.contains(&group))
            })
        };
        picks.retain(helps_whole);
    }

    fn group(&self, place: usize) -> Option<(&Asker, usize)> {
        let need = self.board.needs.get(place)?;
        Some((&need.asker, need.group?))
    }

    /// Needs that cost as much as now, and have no index that narrows them.
    fn open<'b>(&'b self, current: &'b [f64]) -> impl Iterator<Item = usize> + 'b {
        let pairs = self.served.iter().zip(current).enumerate();
        pairs
            .filter(|(_, (served, cost))| {
                served.index.is_none() && **cost > gates::BRANCH_SHARE * served.cost
            })
            .map(|(place, _)| place)
    }

    fn helped(&self, option: &Candidate) -> Vec<usize> {
        let pairs = self.served.iter().zip(&option.costs).enumerate();
        pairs
            .filter(|(_, (served, cost))| **cost < served.cost)
            .map(|(place, _)| place)
            .collect()
    }

    /// Cost of each need with what is picked.
    fn costs(&self, picks: &[Candidate]) -> Vec<f64> {
        let mut costs: Vec<f64> = self.served.iter().map(|served| served.cost).collect();
        for pick in picks {
            for (cost, new) in costs.iter_mut().zip(&pick.costs) {
                *cost = cost.min(*new);
            }
        }
        costs
    }

    /// Seconds a day that each need saves at these costs.
    fn saved(&self, costs: &[f64]) -> Vec<f64> {
        let needs = self.board.needs.iter().zip(self.served).zip(costs);
        needs
            .map(|((need, served), cost)| {
                need.seconds * (1.0 - cost / served.cost.max(f64::MIN_POSITIVE))
            })
            .collect()
    }

    fn left(&self, picks: &[Candidate]) -> Left {
        let costs = self.costs(picks);
        let needs = &self.board.needs;
        let mut saved = self.board.saved_elsewhere.clone();
        for (need, seconds) in needs.iter().zip(self.saved(&costs)) {
            *saved.entry(&need.asker).or_insert(0.0) += seconds;
        }
        let seconds = needs.iter().map(|need| {
            let saved = saved.get(&need.asker).copied().unwrap_or(0.0);
            need.statement_seconds - saved
        });
        Left {
            seconds: seconds.collect(),
            costs,
        }
    }

    /// Seconds a day that one more index saves, for each need.
    fn gains(&self, left: &Left, option: &Candidate) -> Vec<f64> {
        let needs = self.board.needs.iter().zip(self.served);
        let costs = left.costs.iter().zip(&option.costs);
        needs
            .zip(costs)
            .map(|((need, served), (cost, new))| {
                need.seconds * (cost - new).max(0.0) / served.cost.max(f64::MIN_POSITIVE)
            })
            .collect()
    }

    fn gain(&self, left: &Left, option: &Candidate) -> f64 {
        self.gains(left, option).iter().sum()
    }

    fn net(&self, picks: &[Candidate]) -> f64 {
        let saved: f64 = self.saved(&self.costs(picks)).iter().sum();
        saved - picks.iter().map(|pick| pick.write_seconds).sum::<f64>()
    }

    fn gate(&self, left: &Left, option: &Candidate) -> Result<(), String> {
        let gains = self.gains(left, option);
        gates::check(self.board, self.seen, &gains, &left.seconds, option)
    }

    /// For each need that nothing was chosen for, its best candidate and why that is refused.
    fn refused(&self, options: &[Candidate], picks: &[Candidate]) -> Vec<(usize, Shape, String)> {
        let left = self.left(picks);
        let mut refused = Vec::new();
        for (place, (served, now)) in self.served.iter().zip(&left.costs).enumerate() {
            if *now < served.cost {
                continue;
            }
            let cost =
                |option: &&Candidate| option.costs.get(place).copied().unwrap_or(f64::INFINITY);
            let best = options
                .iter()
                .min_by(|one, other| cost(one).total_cmp(&cost(other)));
            if let Some(best) = best.filter(|best| cost(best) < served.cost)
                && let Err(reason) = self.gate(&left, best)
            {
                refused.push((place, best.shape.clone(), reason));
            }
        }
        refused
    }
}

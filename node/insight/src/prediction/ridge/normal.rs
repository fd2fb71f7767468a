//! Normal equations, with the statements' intercepts eliminated.

use std::collections::BTreeMap;

use super::{Fit, Sample};

/// Rows of a statement at which its intercept is halved.
const SHRINK: f64 = 20.0;

/// Weighted sums of one statement's rows.
#[derive(Default)]
struct Group {
    weight: f64,
    /// The intercept's column first.
    x: Vec<f64>,
    y: f64,
}

/// Sums of all rows. The first column is the intercept.
#[derive(Default)]
pub(super) struct Normal {
    /// XᵀWX: its lower triangle by rows.
    matrix: Vec<Vec<f64>>,
    right: Vec<f64>,
    weight: f64,
    groups: BTreeMap<i64, Group>,
}

impl Normal {
    pub(super) fn add(&mut self, sample: &Sample, weight: f64) {
        let columns = || std::iter::once(1.0).chain(sample.x.iter().copied());
        let n = sample.x.len() + 1;
        if self.matrix.is_empty() {
            self.matrix = (1..=n).map(|length| vec![0.0; length]).collect();
            self.right = vec![0.0; n];
        }
        let group = self.groups.entry(sample.family).or_default();
        group.x.resize(n, 0.0);
        group.weight += weight;
        group.y += weight * sample.y;
        self.weight += weight;
        let rows = self
            .matrix
            .iter_mut()
            .zip(&mut self.right)
            .zip(&mut group.x);
        for (((row, right), sum), own) in rows.zip(columns()) {
            *right += weight * own * sample.y;
            *sum += weight * own;
            for (held, other) in row.iter_mut().zip(columns()) {
                *held += weight * own * other;
            }
        }
    }

    /// Solves with a penalty by row on the slopes and one of [`SHRINK`] on each statement's
    /// intercept. Those are eliminated first: b = (Σwy − Σwx·β) / (Σw + 20) leaves
    /// XᵀWX − Σ s·sᵀ / (Σw + 20) for the others, s = Σwx of the statement.
    ///
    /// # Source
    /// Henderson's mixed model equations, 1950: the intercepts are random effects.
    pub(super) fn solve(&self, penalty: f64) -> Option<Fit> {
        let mut matrix = self.matrix.clone();
        let mut right = self.right.clone();
        for group in self.groups.values() {
            let whole = group.weight + SHRINK;
            for ((row, right), own) in matrix.iter_mut().zip(&mut right).zip(&group.x) {
                *right -= own * group.y / whole;
                for (held, other) in row.iter_mut().zip(&group.x) {
                    *held -= own * other / whole;
                }
            }
        }
        for row in matrix.iter_mut().skip(1) {
            *row.last_mut()? += penalty * self.weight;
        }
        let solution = substitute(&decompose(&matrix)?, right)?;
        let own = |group: &Group| {
            let products = solution.iter().zip(&group.x).map(|(slope, x)| slope * x);
            (group.y - products.sum::<f64>()) / (group.weight + SHRINK)
        };
        let families = self
            .groups
            .iter()
            .map(|(family, group)| (*family, own(group)));
        let families = families.collect();
        let (intercept, slopes) = solution.split_first()?;
        Some(Fit {
            intercept: *intercept,
            slopes: slopes.to_vec(),
            families,
        })
    }
}

/// Cholesky's decomposition of a matrix given by its lower triangle; none if it is not positive.
fn decompose(matrix: &[Vec<f64>]) -> Option<Vec<Vec<f64>>> {
    let mut lower: Vec<Vec<f64>> = Vec::with_capacity(matrix.len());
    for row in matrix {
        let (diagonal, others) = row.split_last()?;
        let mut done: Vec<f64> = Vec::with_capacity(row.len());
        for (value, other) in others.iter().zip(&lower) {
            let products = done.iter().zip(other).map(|(one, two)| one * two);
            done.push((value - products.sum::<f64>()) / other.last()?);
        }
        let pivot = diagonal - done.iter().map(|value| value * value).sum::<f64>();
        if pivot <= 0.0 || !pivot.is_finite() {
            return None;
        }
        done.push(pivot.sqrt());
        lower.push(done);
    }
    Some(lower)
}

/// Solves L·Lᵀ·x = right.
fn substitute(lower: &[Vec<f64>], right: Vec<f64>) -> Option<Vec<f64>> {
    let mut solution: Vec<f64> = Vec::with_capacity(right.len());
    for (row, right) in lower.iter().zip(right) {
        let known = row
            .iter()
            .zip(&solution)
            .map(|(factor, known)| factor * known);
        solution.push((right - known.sum::<f64>()) / row.last()?);
    }
    for (place, row) in lower.iter().enumerate().rev() {
        let found = solution.get(place)? / row.last()?;
        *solution.get_mut(place)? = found;
        for (held, factor) in solution.iter_mut().zip(row).take(place) {
            *held -= factor * found;
        }
    }
    Some(solution)
}

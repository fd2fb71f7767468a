//! How far what was promised came true: what counts for the next promise of the same kind.

use serde::{Deserialize, Serialize};

/// Promises that came true count as if there had been so many before the first: one disappointment
/// is no rule.
const PRIOR: f64 = 2.0;

/// What became of a number of promises of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Experience {
    /// How many were measured.
    pub measured: u32,
    /// How many of them brought less than half of what was promised.
    pub disappointed: u32,
    /// Sum of the shares that came true, each from 0 to 1.
    kept: f64,
}

impl Experience {
    /// Takes one more: what was promised and what was measured, in percent of time. More than was
    /// promised counts as all of it; without a promise, whether anything was gained.
    pub fn add(&mut self, promised: Option<f64>, measured: f64) {
        let promised = promised.filter(|promised| *promised > 0.0);
        let share = match promised {
            Some(promised) => measured / promised,
            None if measured > 0.0 => 1.0,
            None => 0.0,
        };
        self.measured = self.measured.saturating_add(1);
        self.disappointed = self.disappointed.saturating_add(u32::from(share < 0.5));
        self.kept += share.clamp(0.0, 1.0);
    }

    /// What the next promise is multiplied with, above 0 and up to 1; 1 without experience.
    #[must_use]
    pub fn factor(&self) -> f64 {
        (PRIOR + self.kept) / (PRIOR + f64::from(self.measured))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promises_that_are_not_kept_count_less_the_more_of_them_there_are() {
        let after = |all: &[(Option<f64>, f64)]| {
            let mut experience = Experience::default();
            for (promised, measured) in all {
                experience.add(*promised, *measured);
            }
            (
                (experience.factor() * 100.0).round(),
                experience.disappointed,
            )
        };
        assert_eq!(after(&[]), (100.0, 0));
        assert_eq!(after(&[(Some(90.0), 95.0)]), (100.0, 0));
        assert_eq!(after(&[(Some(90.0), 0.0)]), (67.0, 1));
        assert_eq!(after(&[(Some(80.0), 20.0), (Some(80.0), -50.0)]), (56.0, 2));
        assert_eq!(after(&[(Some(80.0), 0.0); 8]), (20.0, 8));
        assert_eq!(after(&[(None, 3.0), (Some(0.0), -3.0)]), (75.0, 1));
    }
}

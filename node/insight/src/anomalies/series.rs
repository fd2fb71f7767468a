//! Values of the last minutes.

use std::collections::VecDeque;

use super::minute::{Minute, place};
use super::robust::narrow;

/// Consecutive minutes with their values, in units of the kind; some have none.
///
/// Four bytes a minute: about seven digits are kept. A value that is not finite is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    first: Minute,
    /// Not a number where nothing was measured.
    values: VecDeque<f32>,
}

impl Series {
    /// A series that begins at `first`.
    #[must_use]
    pub fn new(first: Minute, values: impl IntoIterator<Item = Option<f64>>) -> Self {
        let values = values.into_iter().map(stored).collect();
        Self { first, values }
    }

    /// Sets the value of a minute and forgets all but the last `keep` minutes.
    ///
    /// Minutes that were left out in between have no value. A minute before the first is ignored.
    pub fn push(&mut self, at: Minute, value: Option<f64>, keep: usize) {
        let is_far = at.since(self.end()) >= i64::try_from(keep).unwrap_or(i64::MAX);
        if self.values.is_empty() || is_far {
            self.values.clear();
            self.first = at;
        }
        while self.end() <= at {
            self.values.push_back(f32::NAN);
        }
        if at >= self.first
            && let Some(held) = self.values.get_mut(place(at.since(self.first)))
        {
            *held = stored(value);
        }
        while self.values.len() > keep.max(1) {
            self.values.pop_front();
            self.first = self.first.plus(1);
        }
    }

    /// The value of a minute.
    #[must_use]
    pub fn value(&self, at: Minute) -> Option<f64> {
        if at < self.first {
            return None;
        }
        let value = *self.values.get(place(at.since(self.first)))?;
        (!value.is_nan()).then_some(f64::from(value))
    }

    /// The first minute.
    #[must_use]
    pub fn first(&self) -> Minute {
        self.first
    }

    /// The minute after the last.
    #[must_use]
    pub fn end(&self) -> Minute {
        self.first
            .plus(i64::try_from(self.values.len()).unwrap_or(i64::MAX))
    }
}

fn stored(value: Option<f64>) -> f32 {
    let value = value.map_or(f32::NAN, narrow);
    if value.is_finite() { value } else { f32::NAN }
}

//! A value that is told at times, the newest first.

use std::collections::BTreeMap;

/// A value over time: each holds from its second on.
#[derive(Debug, Default)]
pub(super) struct Timeline<T>(BTreeMap<i64, T>);

impl<T: Copy + PartialEq> Timeline<T> {
    /// Adds a value that was told before all others; the same again is one that held longer.
    pub(super) fn add_earlier(&mut self, second: i64, value: T) {
        if self
            .0
            .first_key_value()
            .is_some_and(|(_, held)| *held == value)
        {
            self.0.pop_first();
        }
        self.0.insert(second, value);
    }

    /// What was told last at a second.
    pub(super) fn at(&self, second: i64) -> Option<T> {
        let (_, value) = self.0.range(..=second).next_back()?;
        Some(*value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_change_is_held_once() {
        let mut line = Timeline::default();
        for (second, value) in [(400, 2.0), (300, 1.0), (200, 1.0), (100, 1.0)] {
            line.add_earlier(second, value);
        }
        assert_eq!(line.0.len(), 2);
        let told = [99, 100, 399, 400].map(|second| line.at(second));
        assert_eq!(told, [None, Some(1.0), Some(1.0), Some(2.0)]);
    }
}

//! How far this machine's clock is ahead of the nodes'.

use std::collections::VecDeque;

use pga_client::ClockReading;
use serde::{Deserialize, Serialize};

/// Readings that are remembered.
const KEPT: usize = 12;
/// From this difference on it is said, in seconds.
const WARN: f64 = 2.0;
/// Below this one it is said that it is over.
const CALM: f64 = 1.5;

/// The difference of the clocks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Skew {
    /// Seconds that this machine's clock is ahead; negative where it is behind.
    pub(super) ahead_seconds: f64,
    /// How wrong that may be, to either side, in seconds.
    pub(super) error_seconds: f64,
}

/// What the last answers say, and what was said about it.
#[derive(Debug, Default)]
pub(super) struct Clock {
    readings: VecDeque<ClockReading>,
    is_off: bool,
}

impl Clock {
    /// Takes what an answer says. Answers the difference, and logs it when it becomes too much, or
    /// is so no longer.
    ///
    /// Each reading has bounds a second apart, since `Date` has whole seconds; those of readings at
    /// different parts of a second together are narrower. Where they contradict each other a clock
    /// was set, and the newest counts alone.
    pub(super) fn note(&mut self, reading: ClockReading) -> Skew {
        self.readings.push_back(reading);
        if self.readings.len() > KEPT {
            self.readings.pop_front();
        }
        let mut skew = self.skew();
        if skew.is_none() {
            self.readings.clear();
            self.readings.push_back(reading);
            skew = self.skew();
        }
        let skew = skew.unwrap_or(Skew {
            ahead_seconds: f64::midpoint(reading.least, reading.most),
            error_seconds: (reading.most - reading.least) / 2.0,
        });
        self.tell(skew);
        skew
    }

    /// What all readings together say; `None` if they contradict each other.
    fn skew(&self) -> Option<Skew> {
        let readings = self.readings.iter();
        let least = readings
            .clone()
            .map(|one| one.least)
            .fold(f64::MIN, f64::max);
        let most = readings.map(|one| one.most).fold(f64::MAX, f64::min);
        (least <= most).then(|| Skew {
            ahead_seconds: f64::midpoint(least, most),
            error_seconds: (most - least) / 2.0,
        })
    }

    fn tell(&mut self, skew: Skew) {
        let least = skew.ahead_seconds.abs() - skew.error_seconds;
        let is_off = match self.is_off {
            true => skew.ahead_seconds.abs() >= CALM,
            false => least > WARN,
        };
        if is_off && !self.is_off {
            tracing::warn!(
                ahead_seconds = skew.ahead_seconds,
                error_seconds = skew.error_seconds,
                "this machine's clock differs from the nodes': look at its time service (chronyc \
                 tracking)"
            );
        } else if self.is_off && !is_off {
            tracing::info!("this machine's clock agrees with the nodes' again");
        }
        self.is_off = is_off;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(least: f64) -> ClockReading {
        ClockReading {
            least,
            most: least + 1.01,
        }
    }

    #[test]
    fn bounds_narrow_and_begin_anew_when_a_clock_is_set() {
        let mut clock = Clock::default();
        let first = clock.note(reading(-0.2));
        assert!((first.error_seconds - 0.505).abs() < 1e-9, "{first:?}");
        let second = clock.note(reading(-0.9));
        assert!((second.ahead_seconds + 0.045).abs() < 1e-9, "{second:?}");
        assert!((second.error_seconds - 0.155).abs() < 1e-9, "{second:?}");
        let set = clock.note(reading(9.6));
        assert!((set.ahead_seconds - 10.105).abs() < 1e-9, "{set:?}");
    }

    #[test]
    fn it_is_told_once_when_it_is_more_than_two_seconds_for_sure() {
        let mut clock = Clock::default();
        for (least, want) in [
            (1.9, false),
            (2.1, true),
            (2.1, true),
            (1.2, true),
            (-0.4, false),
            (-3.2, true),
        ] {
            clock.readings.clear();
            clock.note(reading(least));
            assert_eq!(clock.is_off, want, "{least}");
        }
    }
}

//! What happens at this time of most days is not told.

use serde::{Deserialize, Serialize};

use super::hour_summary::Peaks;
use super::minute::{DAY, Minute, place};
use super::robust::{median, narrow};

/// Five-minute slots of a day.
const SLOTS: usize = 288;
/// Days that are looked back at.
const DAYS: usize = 14;
/// Slots before and after: twenty minutes.
const AROUND: usize = 4;
/// Days without which nothing is known.
const MIN_DAYS: usize = 3;

/// P: the worst y of the last fourteen days within twenty minutes of a time of day, their median.
///
/// It keeps jobs with wandering starts quiet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeenBefore {
    /// One for each five minutes of the day.
    worst_y: Vec<Option<f32>>,
}

impl SeenBefore {
    /// Learns from the peaks of the fourteen days before `now`, in any order.
    #[must_use]
    pub fn from_peaks(peaks: &[Peaks], now: Minute) -> Self {
        // By five minutes backwards from now: place 0 is the latest.
        let mut held = vec![None::<f32>; SLOTS * DAYS];
        let newest = now.get().div_euclid(5) - 1;
        for hour in peaks {
            for (part, worst) in (0..).zip(hour.worst_y) {
                let age = newest - (hour.hour.get().div_euclid(5) + part);
                let place = usize::try_from(age).ok();
                if let Some(slot) = place.and_then(|place| held.get_mut(place)) {
                    *slot = worst;
                }
            }
        }
        let worst_y = (0..SLOTS).map(|slot| usual_worst(&held, newest, slot));
        Self {
            worst_y: worst_y.collect(),
        }
    }

    /// P at a minute; none if fewer than three days are known.
    #[must_use]
    pub fn worst(&self, at: Minute) -> Option<f64> {
        let worst = *self.worst_y.get(at.slot_of_day())?;
        worst.map(f64::from)
    }
}

/// The median over days of the worst around a slot of the day.
fn usual_worst(held: &[Option<f32>], newest: i64, slot: usize) -> Option<f32> {
    let of_day = place(newest.rem_euclid(DAY / 5));
    // How many slots ago it was this time of day.
    let ago = (of_day + SLOTS - slot) % SLOTS;
    let mut days: Vec<f64> = (0..DAYS)
        .filter_map(|day| {
            let middle = day * SLOTS + ago;
            let around = held.get(middle.saturating_sub(AROUND)..=middle + AROUND)?;
            around.iter().flatten().copied().reduce(f32::max)
        })
        .map(f64::from)
        .collect();
    if days.len() < MIN_DAYS {
        return None;
    }
    median(&mut days).map(narrow)
}

//! Finds what is not usual: series of minutes, baselines by the hour of the week, robust scores.
//!
//! # Words
//! - A **series** has one value a minute, or none where nothing was measured.
//! - Its **level** at a minute is x: ln(1 + v), or ln(v / (1 − v)) for a ratio.
//! - A [`Baseline`] tells the usual level m and how far it strays. It is made of one
//!   [`HourSummary`] an hour; nobody reads old minutes again.
//! - y is the mean of the last five x − m, each clipped; z = y / s is the **score**.
//! - **Rising** is the direction that is bad: up, or down for kinds that fall (hit ratio).
//!
//! # How a caller feeds it
//! 1. Each minute: [`Series::push`], then [`Watch::detect`] with the [`Open`] anomaly of the
//!    series. The caller stores the [`Open`] that comes back and acts on the [`Event`].
//! 2. Each hour: [`summarise()`] the hour, store summary and peaks; [`Baseline::from_hours`] anew;
//!    [`new_level()`] for what is open for a day. [`Past`] makes summaries of hours before a series
//!    was watched.
//! 3. Each day: [`SeenBefore::from_peaks`].
//! 4. Anomalies that opened together: [`together()`] folds many of one server into one;
//!    [`likely_causes`] tells what else happened.
//!
//! [`Watch::detect_past`] does step 1 for a past window at once:
//!
//! ```
//! use pga_insight::anomalies::{Baseline, Excluded, Facts, Kind, Minute, Series, Watch};
//!
//! // Six hours around 100 ms, then 900 ms.
//! let kind = Kind::StatementMeanMs;
//! let value = |minute| if minute < 375 { 100.0 + f64::from(minute % 3) } else { 900.0 };
//! let series = Series::new(Minute::new(0), (0..400).map(|minute| Some(value(minute))));
//! let now = Minute::new(375);
//! let baseline = Baseline::from_minutes(kind, &series, now, &Excluded::default()).unwrap();
//! let watch = Watch { kind, name: "orders", baseline: &baseline, seen_before: None };
//! let facts = |_| Facts { load_share: Some(0.2), ..Facts::default() };
//! let (events, open) = watch.detect_past(&series, now, facts, None);
//! assert_eq!(events.len(), 1);
//! assert!(open.is_some());
//! ```

mod anomaly;
mod baseline;
mod cause;
mod detect;
mod excluded;
mod hour_summary;
mod kind;
mod mean_buckets;
mod minute;
mod new_level;
mod past;
pub(crate) mod robust;
mod score;
mod seen_before;
mod series;
mod summarise;
#[cfg(test)]
mod tests;
mod together;

pub use self::anomaly::{Anomaly, RawMetrics, Severity};
pub use self::baseline::{Baseline, Tier, Usual};
pub use self::cause::{Candidate, CauseKind, LikelyCause, Overlap, likely_causes};
pub use self::detect::{Ended, Event, Open, Step, Watch};
pub use self::excluded::Excluded;
pub use self::hour_summary::{HourSummary, Peaks};
pub use self::kind::{Direction, Facts, Kind};
pub use self::mean_buckets::MeanBuckets;
pub use self::minute::Minute;
pub use self::new_level::new_level;
pub use self::past::Past;
pub use self::score::Score;
pub use self::seen_before::SeenBefore;
pub use self::series::Series;
pub use self::summarise::summarise;
pub use self::together::{MEMBERS_ALONE, Report, ServerAnomaly, together};

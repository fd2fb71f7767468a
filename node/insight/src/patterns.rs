//! Finds what comes back: hours of the day, days, weeks, jobs.
//!
//! [`detect`] looks at the five-minute loads of one database and its statements over some weeks. It
//! answers only patterns with a confidence of at least 0.5, and tells when each comes next.
//! [`keep()`] joins them with those that are stored, and drops what two runs did not find.
//!
//! Hours and weekdays are UTC. Jobs are tried in the server's zone too: where clocks change, a
//! local job keeps its local time.

mod batch_job;
mod circular;
mod cycles;
mod hourly_peak;
mod keep;
mod load;
mod pattern;
mod periodogram;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::anomalies::Minute;

pub use self::circular::Zone;
pub use self::keep::{Kept, keep};
pub use self::load::{Bucket, Load};
pub use self::pattern::{Metadata, Pattern, PatternType, Phase};

/// Least confidence of a pattern that is told.
pub const MIN_CONFIDENCE: f64 = 0.5;

/// What is looked at.
#[derive(Debug)]
pub struct Question<'a> {
    /// The database.
    pub database: &'a str,
    /// Its load.
    pub load: Load,
    /// The loads of its statements, by fingerprint.
    pub families: BTreeMap<i64, Load>,
    /// The server's zone, if known.
    pub zone: Option<&'a Zone>,
    /// The time of asking.
    pub now: Minute,
}

/// All patterns of a database: by type, the most confident first.
#[must_use]
pub fn detect(mut question: Question<'_>) -> Vec<Pattern> {
    question.load.fill_short_gaps();
    let families = question.families.values_mut();
    families.for_each(Load::fill_short_gaps);
    let mut patterns = hourly_peak::find(&question);
    patterns.extend(cycles::daily(&question));
    patterns.extend(cycles::weekly(&question));
    patterns.extend(batch_job::find(&question));
    patterns.extend(periodogram::unusual_cycle(&question));
    patterns.retain(|pattern| pattern.pattern_metadata.confidence >= MIN_CONFIDENCE);
    patterns.sort_by(|one, other| {
        let confidence = |pattern: &Pattern| pattern.pattern_metadata.confidence;
        let by_type = one.pattern_type.cmp(&other.pattern_type);
        by_type
            .then(confidence(other).total_cmp(&confidence(one)))
            .then_with(|| one.key().cmp(&other.key()))
    });
    patterns
}

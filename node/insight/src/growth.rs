//! When something that grows reaches its limit.
//!
//! # Source
//! H. Theil, "A rank-invariant method of linear and polynomial regression analysis" (1950): the
//! slope is the median of the slopes of all pairs of points, which a few odd points do not move.
//! P. K. Sen, "Estimates of the regression coefficient based on Kendall's tau" (1968): its
//! interval, here of 90 %.

/// Least number of points, and least seconds from the first to the last.
const POINTS: usize = 8;
const SPAN: f64 = 86_400.0;
/// What lies further ahead than so many times the time that was seen is not foretold.
const REACH: f64 = 10.0;
/// Quantile of the normal distribution for 90 %, on both sides.
const Z: f64 = 1.645;

/// What becomes of something that has a limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Forecast {
    /// It is there.
    Reached,
    /// It gets there, in seconds from the last point.
    Reaches {
        /// By the slope.
        after: f64,
        /// By the steepest slope of the interval.
        earliest: f64,
        /// By the flattest one.
        latest: f64,
    },
    /// It does not grow, by more than chance, or gets there later than can be foretold.
    Holds,
    /// Fewer than 8 points, or less than a day of them: nothing can be said.
    NotEnoughData,
}

/// Foretells when values (seconds, value), the oldest first, grow to a limit.
#[must_use]
pub fn forecast(points: &[(f64, f64)], limit: f64) -> Forecast {
    let (Some((first, _)), Some((last, value))) = (points.first(), points.last()) else {
        return Forecast::NotEnoughData;
    };
    if *value >= limit {
        return Forecast::Reached;
    }
    let span = last - first;
    if points.len() < POINTS || span < SPAN {
        return Forecast::NotEnoughData;
    }
    let Some([low, middle, high]) = slopes(points) else {
        return Forecast::NotEnoughData;
    };
    let after = |slope: f64| (limit - value) / slope;
    if low <= 0.0 || after(middle) > REACH * span {
        return Forecast::Holds;
    }
    Forecast::Reaches {
        after: after(middle),
        earliest: after(high),
        latest: after(low),
    }
}

/// The slope with its interval: low, middle, high.
fn slopes(points: &[(f64, f64)]) -> Option<[f64; 3]> {
    let mut slopes = Vec::new();
    for (place, (at, value)) in points.iter().enumerate() {
        let later = points.iter().skip(place + 1).filter(|(then, _)| then > at);
        slopes.extend(later.map(|(then, new)| (new - value) / (then - at)));
    }
    slopes.sort_by(f64::total_cmp);
    let n = points.len() as f64;
    let deviation = (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt();
    let half = (Z * deviation / 2.0).ceil() as usize;
    let middle = slopes.len() / 2;
    let at = |place: usize| slopes.get(place).copied();
    Some([
        at(middle.saturating_sub(half))?,
        at(middle)?,
        at((middle + half).min(slopes.len().saturating_sub(1)))?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: f64 = 3_600.0;

    fn points(count: u32, value: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        let hours = (0..count).map(|n| f64::from(n) * 6.0);
        hours.map(|hour| (hour * HOUR, value(hour))).collect()
    }

    #[test]
    fn what_grows_evenly_has_its_date() {
        let told = forecast(&points(28, |hour| hour), 162.0 + 100.0);
        let at = 100.0 * HOUR;
        let Forecast::Reaches {
            after,
            earliest,
            latest,
        } = told
        else {
            panic!("{told:?}");
        };
        for seconds in [after, earliest, latest] {
            assert!((seconds - at).abs() < 1.0, "{seconds}");
        }
    }

    #[test]
    fn what_scatters_has_an_interval_around_its_date() {
        // Up and down by ten hours' growth.
        let noise = |hour: f64| hour + ((hour / 6.0 * 37.0) % 11.0 - 5.0) * 2.0;
        let told = forecast(&points(28, noise), 258.0);
        let Forecast::Reaches {
            after,
            earliest,
            latest,
        } = told
        else {
            panic!("{told:?}");
        };
        assert!(earliest < after && after < latest, "{told:?}");
        assert!((80.0 * HOUR..120.0 * HOUR).contains(&after), "{told:?}");
    }

    #[test]
    fn nothing_is_foretold_of_what_holds_or_is_hardly_known() {
        let saw = |hour: f64| (hour / 6.0 * 37.0) % 10.0;
        for (name, all, limit, want) in [
            ("none", Vec::new(), 1.0, Forecast::NotEnoughData),
            (
                "few",
                points(7, |hour| hour),
                100.0,
                Forecast::NotEnoughData,
            ),
            ("flat", points(28, |_| 5.0), 6.0, Forecast::Holds),
            (
                "shrinks",
                points(28, |hour| 200.0 - hour),
                300.0,
                Forecast::Holds,
            ),
            ("up and down", points(28, saw), 30.0, Forecast::Holds),
            ("far", points(28, |hour| hour), 10_000.0, Forecast::Holds),
            ("there", points(2, |_| 5.0), 5.0, Forecast::Reached),
        ] {
            assert_eq!(forecast(&all, limit), want, "{name}");
        }
        let hours: Vec<(f64, f64)> = (0..24)
            .map(|n| (f64::from(n) * HOUR, f64::from(n)))
            .collect();
        assert_eq!(
            forecast(&hours, 100.0),
            Forecast::NotEnoughData,
            "a day is needed"
        );
    }
}

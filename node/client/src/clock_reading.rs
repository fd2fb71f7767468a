//! What an answer says about the difference of two clocks.

use std::time::Duration;

use http::HeaderMap;
use http::header::DATE;

/// How far this machine's clock is ahead of a node's, between two bounds in seconds; negative where
/// it is behind.
///
/// The node wrote `Date`, which leaves out the part of a second, at some moment between the request
/// and the end of its answer, so the way there and back is in the bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClockReading {
    /// At least so much.
    pub least: f64,
    /// At most so much.
    pub most: f64,
}

impl ClockReading {
    /// From the headers of an answer to a request that was sent and answered at these times since
    /// 1970, by this machine's clock. `None` if it has no date.
    pub(crate) fn of(headers: &HeaderMap, sent: Duration, answered: Duration) -> Option<Self> {
        let date = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
        let date = date.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(Self {
            least: sent.as_secs_f64() - date.as_secs_f64() - 1.0,
            most: answered.as_secs_f64() - date.as_secs_f64(),
        })
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_bounds_hold_the_way_and_the_missing_part_of_a_second() {
        let mut headers = HeaderMap::new();
        assert_eq!(
            ClockReading::of(&headers, Duration::ZERO, Duration::ZERO),
            None
        );
        // 784111777 s after 1970.
        let date = HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT");
        headers.insert(DATE, date);
        let at = |seconds| Duration::from_secs_f64(784_111_777.0 + seconds);
        let reading = ClockReading::of(&headers, at(5.0), at(5.5)).unwrap();
        assert!((reading.least - 4.0).abs() < 1e-6, "{reading:?}");
        assert!((reading.most - 5.5).abs() < 1e-6, "{reading:?}");
        headers.insert(DATE, HeaderValue::from_static("now"));
        assert_eq!(ClockReading::of(&headers, at(5.0), at(5.5)), None);
    }
}

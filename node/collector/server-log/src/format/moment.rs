//! Times as the server writes them: `2026-03-01 07:59:58.101 CET`.

use time::{Date, Month};

use crate::{Timestamp, Zones};

/// Reads the time that a text starts with; answers it and the text behind the zone's abbreviation.
pub(super) fn take<'a>(text: &'a str, zones: &Zones) -> Option<(Timestamp, &'a str)> {
    let (clock, rest) = text.split_at_checked(19)?;
    let seconds = civil(clock)?;
    let (micros, rest) = fraction(rest)?;
    let rest = rest.strip_prefix(' ')?;
    let zone = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-')));
    let (zone, rest) = rest.split_at_checked(zone.unwrap_or(rest.len()))?;
    if zone.is_empty() {
        return None;
    }
    let utc = seconds - i64::from(zones.offset_seconds(zone));
    Some((
        Timestamp::from_micros(utc.checked_mul(1_000_000)? + micros),
        rest,
    ))
}

/// Whether a line starts as times do: `dddd-dd-dd dd:dd:dd`.
pub(super) fn starts_with_time(line: &[u8]) -> bool {
    let shape = b"0000-00-00 00:00:00";
    line.len() >= shape.len()
        && shape.iter().zip(line).all(|(shape, byte)| match shape {
            b'0' => byte.is_ascii_digit(),
            other => other == byte,
        })
}

/// `SECONDS.MILLISECONDS` since the Unix epoch, with which a text starts.
pub(super) fn take_epoch(text: &str) -> Option<(Timestamp, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (seconds, rest) = text.split_at_checked(digits)?;
    let (micros, rest) = fraction(rest)?;
    let seconds: i64 = seconds.parse().ok()?;
    Some((
        Timestamp::from_micros(seconds.checked_mul(1_000_000)? + micros),
        rest,
    ))
}

/// Seconds since the epoch of `YYYY-MM-DD HH:MM:SS`, read as UTC.
fn civil(text: &str) -> Option<i64> {
    if !starts_with_time(text.as_bytes()) {
        return None;
    }
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u16>().ok();
    let small = |from: usize, to: usize| u8::try_from(number(from, to)?).ok();
    let month = Month::try_from(small(5, 7)?).ok()?;
    let date = Date::from_calendar_date(i32::from(number(0, 4)?), month, small(8, 10)?).ok()?;
    let clock = date
        .with_hms(small(11, 13)?, small(14, 16)?, small(17, 19)?)
        .ok()?;
    Some(clock.assume_utc().unix_timestamp())
}

/// Microseconds of a fraction `.ddd` of one to six digits, or none.
fn fraction(text: &str) -> Option<(i64, &str)> {
    let Some(rest) = text.strip_prefix('.') else {
        return Some((0, text));
    };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = rest.split_at_checked(digits)?;
    let scale = 10_i64.checked_pow(6_u32.checked_sub(u32::try_from(digits.len()).ok()?)?)?;
    Some((digits.parse::<i64>().ok()? * scale, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_in_utc() {
        let zones = Zones::default();
        for (text, want, rest) in [
            ("1970-01-01 00:00:01 UTC x", 1_000_000, " x"),
            ("1970-01-01 01:00:00.25 CET]", 250_000, "]"),
            ("1969-12-31 21:00:00.000001 -03", 1, ""),
            ("2024-02-29 12:00:00 GMT", 1_709_208_000_000_000, ""),
        ] {
            let want = Timestamp::from_micros(want);
            assert_eq!(take(text, &zones), Some((want, rest)), "{text}");
        }
        for text in [
            "2026-02-30 00:00:00 UTC",
            "2026-01-01 24:00:00 UTC",
            "2026-01-01 00:00:00",
            "2026-01-01 00:00:00.1234567 UTC",
            "2026-01-01 00:00:00 ",
            "",
        ] {
            assert_eq!(take(text, &zones), None, "{text}");
        }
    }

    #[test]
    fn an_epoch_has_milliseconds() {
        let want = Timestamp::from_micros(1_709_208_000_123_000);
        assert_eq!(take_epoch("1709208000.123 x"), Some((want, " x")));
        assert_eq!(take_epoch("x"), None);
    }
}

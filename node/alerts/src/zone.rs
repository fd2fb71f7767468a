//! The zone in which a channel's times are shown. The rules of named zones, summer time included,
//! are those of the IANA database in the program.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use crate::matching;

/// The zone of a name: `UTC`, a fixed distance from it such as `+02:00`, or `Europe/Berlin`.
pub(crate) fn parse(text: &str) -> Result<TimeZone, String> {
    let zone = match text {
        "" | "UTC" | "Z" => Some(TimeZone::UTC),
        _ if text.starts_with(['+', '-']) => fixed(text),
        name => TimeZone::get(name).ok(),
    };
    zone.ok_or_else(|| {
        format!("time_zone is {text:?}: use UTC, +02:00, or a name such as Europe/Berlin")
    })
}

fn fixed(text: &str) -> Option<TimeZone> {
    let (sign, rest) = text.split_at_checked(1)?;
    let (hours, minutes) = rest.split_once(':')?;
    let number = |text: &str, most: i32| {
        let is_two = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse::<i32>().ok()?;
        (is_two && number <= most).then_some(number)
    };
    let seconds = number(hours, 14)? * 3_600 + number(minutes, 59)? * 60;
    let seconds = if sign == "-" { -seconds } else { seconds };
    Some(TimeZone::fixed(Offset::from_seconds(seconds).ok()?))
}

/// A time of RFC 3339 in another zone, to the second, with its distance from UTC then; what is no
/// time stays as it is.
pub(crate) fn local(text: &str, zone: &TimeZone) -> String {
    let at = matching::time(text);
    let at = at.and_then(|at| Timestamp::from_second(at.micros().div_euclid(1_000_000)).ok());
    let Some(at) = at else {
        return text.to_owned();
    };
    let shown = zone.to_datetime(at).strftime("%Y-%m-%d %H:%M:%S");
    if *zone == TimeZone::UTC {
        return format!("{shown} UTC");
    }
    let seconds = zone.to_offset(at).seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.unsigned_abs() / 60;
    format!("{shown} {sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_zone_follows_summer_time() {
        for (zone, text, want) in [
            ("", "2026-07-01T12:00:00Z", "2026-07-01 12:00:00 UTC"),
            (
                "-03:30",
                "2026-07-01T12:00:00.9Z",
                "2026-07-01 08:30:00 -03:30",
            ),
            (
                "Europe/Berlin",
                "2026-01-01T12:00:00Z",
                "2026-01-01 13:00:00 +01:00",
            ),
            (
                "Europe/Berlin",
                "2026-03-29T00:59:59Z",
                "2026-03-29 01:59:59 +01:00",
            ),
            (
                "Europe/Berlin",
                "2026-03-29T01:00:00Z",
                "2026-03-29 03:00:00 +02:00",
            ),
            (
                "Europe/Berlin",
                "2026-10-25T00:30:00Z",
                "2026-10-25 02:30:00 +02:00",
            ),
            (
                "Europe/Berlin",
                "2026-10-25T01:30:00Z",
                "2026-10-25 02:30:00 +01:00",
            ),
            (
                "Australia/Sydney",
                "2026-01-01T12:00:00Z",
                "2026-01-01 23:00:00 +11:00",
            ),
            (
                "America/Sao_Paulo",
                "2026-12-01T12:00:00Z",
                "2026-12-01 09:00:00 -03:00",
            ),
            ("Asia/Kolkata", "soon", "soon"),
        ] {
            assert_eq!(local(text, &parse(zone).unwrap()), want, "{zone} {text}");
        }
    }

    #[test]
    fn what_is_no_zone_is_refused_with_an_example() {
        for text in [
            "Mars",
            "Europe/Atlantis",
            "+99:00",
            "+2:00",
            "+02:60",
            "+",
            "+0x:00",
        ] {
            let wrong = parse(text).unwrap_err();
            assert!(wrong.contains(&format!("{text:?}")), "{wrong}");
            assert!(wrong.contains("Europe/Berlin"), "{wrong}");
        }
    }
}

//! Points in time as clients write them (contract 2.5).

use pga_storage::Timestamp;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

/// From here on, a number is taken for milliseconds, not seconds: the year 5138.
const MILLISECONDS_FROM: f64 = 1e11;

/// Why a text or number is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeError {
    /// Not of a form we know.
    Form,
    /// A date or time of day that does not exist, or lies beyond the years 0 to 9999.
    Impossible,
}

/// The time that `text` spells: RFC 3339, zone optional (none is UTC), `T` or space, short offsets.
pub(crate) fn parse_text(text: &str) -> Result<Timestamp, TimeError> {
    if let Ok(number) = text.parse::<f64>() {
        return from_number(number);
    }
    let mut rest = text.as_bytes();
    let year = digits(&mut rest, 4)?;
    literal(&mut rest, b"-")?;
    let month = digits(&mut rest, 2)?;
    literal(&mut rest, b"-")?;
    let day = digits(&mut rest, 2)?;
    literal(&mut rest, b"Tt ")?;
    let hour = digits(&mut rest, 2)?;
    literal(&mut rest, b":")?;
    let minute = digits(&mut rest, 2)?;
    literal(&mut rest, b":")?;
    let second = digits(&mut rest, 2)?;
    let micros = fraction(&mut rest)?;
    let offset = offset(rest)?;
    let month = u8::try_from(month)
        .ok()
        .and_then(|month| Month::try_from(month).ok());
    let date = month.and_then(|month| Date::from_calendar_date(year, month, day as u8).ok());
    // A leap second counts as the second before it.
    let time = Time::from_hms_micro(hour as u8, minute as u8, second.min(59) as u8, micros).ok();
    match (date, time, second) {
        (Some(date), Some(time), 0..=60) => Ok(PrimitiveDateTime::new(date, time)
            .assume_offset(offset)
            .into()),
        _ => Err(TimeError::Impossible),
    }
}

/// Unix seconds, or milliseconds if too large for seconds.
pub(crate) fn from_number(number: f64) -> Result<Timestamp, TimeError> {
    let seconds = if number.abs() < MILLISECONDS_FROM {
        number
    } else {
        number / 1e3
    };
    let micros = (seconds * 1e6).round();
    if !micros.is_finite() || micros.abs() >= 1e18 {
        return Err(TimeError::Impossible);
    }
    checked(micros as i64)
}

/// The same for whole numbers, without rounding.
pub(crate) fn from_integer(number: i64) -> Result<Timestamp, TimeError> {
    let factor = if (number.unsigned_abs() as f64) < MILLISECONDS_FROM {
        1_000_000
    } else {
        1_000
    };
    checked(number.checked_mul(factor).ok_or(TimeError::Impossible)?)
}

fn checked(micros: i64) -> Result<Timestamp, TimeError> {
    match OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000) {
        Ok(time) if time.year() >= 0 => Ok(Timestamp::from_micros(micros)),
        _ => Err(TimeError::Impossible),
    }
}

fn digits(rest: &mut &[u8], n: usize) -> Result<i32, TimeError> {
    let (head, tail) = rest.split_at_checked(n).ok_or(TimeError::Form)?;
    let mut value = 0;
    for byte in head {
        if !byte.is_ascii_digit() {
            return Err(TimeError::Form);
        }
        value = value * 10 + i32::from(byte - b'0');
    }
    *rest = tail;
    Ok(value)
}

fn literal(rest: &mut &[u8], allowed: &[u8]) -> Result<(), TimeError> {
    match rest.split_first() {
        Some((byte, tail)) if allowed.contains(byte) => {
            *rest = tail;
            Ok(())
        }
        _ => Err(TimeError::Form),
    }
}

/// Microseconds of an optional fraction of any length.
fn fraction(rest: &mut &[u8]) -> Result<u32, TimeError> {
    if !rest.starts_with(b".") && !rest.starts_with(b",") {
        return Ok(0);
    }
    let (mut micros, mut scale, mut seen) = (0, 100_000, 0);
    for byte in rest.iter().skip(1).take_while(|byte| byte.is_ascii_digit()) {
        micros += u32::from(byte - b'0') * scale;
        scale /= 10;
        seen += 1;
    }
    *rest = rest.get(1 + seen..).unwrap_or_default();
    if seen == 0 {
        Err(TimeError::Form)
    } else {
        Ok(micros)
    }
}

/// `Z`, nothing, `+hh`, `+hhmm`, `+hh:mm` or `+hh:mm:ss`.
fn offset(mut rest: &[u8]) -> Result<UtcOffset, TimeError> {
    if rest.starts_with(b" ") {
        rest = rest.get(1..).unwrap_or_default();
    }
    let sign = match rest {
        [] | [b'Z' | b'z'] => return Ok(UtcOffset::UTC),
        [b'+', tail @ ..] => {
            rest = tail;
            1
        }
        [b'-', tail @ ..] => {
            rest = tail;
            -1
        }
        _ => return Err(TimeError::Form),
    };
    let mut parts = [0; 3];
    for (n, part) in parts.iter_mut().enumerate() {
        if n > 0 && rest.is_empty() {
            break;
        }
        if n > 0 && rest.starts_with(b":") {
            rest = rest.get(1..).unwrap_or_default();
        }
        *part = digits(&mut rest, 2)? * sign;
    }
    let [hours, minutes, seconds] = parts;
    if !rest.is_empty() {
        return Err(TimeError::Form);
    }
    UtcOffset::from_hms(hours as i8, minutes as i8, seconds as i8)
        .map_err(|_| TimeError::Impossible)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_the_contract_is_read() {
        const SECONDS: i64 = 1_771_787_241;
        for (text, micros) in [
            ("2026-02-22T19:07:21Z", 0),
            ("2026-02-22T19:07:21", 0),
            ("2026-02-22t19:07:21.123456z", 123_456),
            ("2026-02-22T19:07:21.1234569Z", 123_456),
            ("2026-02-22 16:07:21.123456-03", 123_456),
            ("2026-02-22 20:07:21+01", 0),
            ("2026-02-22 20:07:21+0100", 0),
            ("2026-02-22T20:07:21+01:00", 0),
            ("2026-02-22T19:07:21.5", 500_000),
            ("1771787241", 0),
            ("1771787241.25", 250_000),
            ("1771787241250", 250_000),
        ] {
            let want = Timestamp::from_micros(SECONDS * 1_000_000 + micros);
            assert_eq!(parse_text(text), Ok(want), "{text}");
        }
        assert_eq!(from_integer(SECONDS), from_integer(SECONDS * 1_000));
    }

    #[test]
    fn anything_else_is_refused_for_the_right_reason() {
        for (text, want) in [
            ("", TimeError::Form),
            ("never", TimeError::Form),
            ("2026-02-22", TimeError::Form),
            ("2026-02-22T19:07", TimeError::Form),
            ("2026-02-22T19:07:21X", TimeError::Form),
            ("2026-02-22T19:07:21+", TimeError::Form),
            ("2026-02-22T19:07:21.Z", TimeError::Form),
            ("2026-02-22T19:07:21+01:00:00:00", TimeError::Form),
            ("2026-02-30T00:00:00Z", TimeError::Impossible),
            ("2026-13-01T00:00:00Z", TimeError::Impossible),
            ("2026-01-01T24:00:00Z", TimeError::Impossible),
            ("2026-01-01T00:00:61Z", TimeError::Impossible),
            ("2026-01-01T00:00:00+99", TimeError::Impossible),
            ("NaN", TimeError::Impossible),
            ("1e300", TimeError::Impossible),
        ] {
            assert_eq!(parse_text(text), Err(want), "{text}");
        }
        assert_eq!(from_integer(i64::MIN), Err(TimeError::Impossible));
        assert_eq!(from_integer(i64::MAX), Err(TimeError::Impossible));
    }
}

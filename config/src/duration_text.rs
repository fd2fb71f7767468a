//! Durations with their unit.

use std::time::Duration;

const UNITS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// Reads `<whole number><unit>`, such as `10s`.
///
/// # Errors
/// What to write instead.
pub fn parse(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(split.unwrap_or(text.len()));
    let number: u64 = number
        .parse()
        .map_err(|_| "write a whole number and a unit, such as \"10s\"".to_owned())?;
    if unit.is_empty() {
        return Err(format!(
            "the unit is missing: write \"{number}s\" or \"{number}ms\""
        ));
    }
    let factor = UNITS
        .iter()
        .find(|(name, _)| *name == unit.trim())
        .map(|(_, factor)| *factor)
        .ok_or_else(|| format!("{unit:?} is no unit: use ms, s, m, h or d"))?;
    number
        .checked_mul(factor)
        .map(Duration::from_millis)
        .ok_or_else(|| "the duration is too long".to_owned())
}

/// The shortest text that [`parse`] reads back to `duration`.
pub fn format(duration: Duration) -> String {
    let millis = duration.as_millis();
    for (name, factor) in UNITS.iter().rev() {
        let factor = u128::from(*factor);
        if millis >= factor && millis.is_multiple_of(factor) {
            return format!("{}{name}", millis / factor);
        }
    }
    format!("{millis}ms")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_known_unit() {
        for (text, want) in [
            ("250ms", Some(250)),
            ("10s", Some(10_000)),
            ("7d", Some(604_800_000)),
            ("10", None),
            ("-1s", None),
            ("1.5s", None),
            ("1min", None),
            ("99999999999999999d", None),
        ] {
            let want = want.map(Duration::from_millis);
            assert_eq!(parse(text).ok(), want, "{text}");
            if let Some(duration) = want {
                assert_eq!(parse(&format(duration)), Ok(duration), "{text}");
            }
        }
    }
}

//! Numbers in sentences.

/// Writes a number as people read it: whole from 100 on, else to three significant digits and
/// without zeros at its end, such as `0.0123`, `1.5` or `28894`. There is no negative zero.
#[must_use]
pub fn figure(value: f64) -> String {
    let decimals = match value.abs() {
        large if large >= 99.95 => 0,
        large if large >= 9.995 => 1,
        large if large >= 0.999_5 => 2,
        small if small >= 0.1 => 3,
        small if small >= 0.01 => 4,
        _ => 5,
    };
    let text = format!("{value:.decimals$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    match text {
        "-0" => "0".to_owned(),
        text => text.to_owned(),
    }
}

/// Writes how many there are of something: `1 session`, `257 sessions`.
#[must_use]
pub fn count(value: f64, one: &str, many: &str) -> String {
    let figure = figure(value);
    let name = if figure == "1" { one } else { many };
    format!("{figure} {name}")
}

/// Writes an amount of memory or disk: `512 B`, `28.7 MiB`.
#[must_use]
pub fn bytes(value: f64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut scaled = value;
    let mut name = "B";
    for unit in UNITS {
        if scaled.abs() < 1_024.0 {
            break;
        }
        scaled /= 1_024.0;
        name = unit;
    }
    format!("{} {name}", figure(scaled))
}

/// Writes a length of time, whole in the unit that fits: `51 s`, `6 min`, `12 days`.
#[must_use]
pub fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    match whole {
        0..120 => format!("{whole} s"),
        120..7_200 => format!("{} min", whole / 60),
        7_200..172_800 => format!("{} h", whole / 3_600),
        _ => format!("{} days", whole / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_and_no_zeros_at_their_end() {
        for (value, want) in [
            (0.0, "0"),
            (-0.0, "0"),
            (-0.000_000_1, "0"),
            (12.0, "12"),
            (0.1 + 0.2, "0.3"),
            (0.012_34, "0.0123"),
            (1.049, "1.05"),
            (9.999, "10"),
            (99.96, "100"),
            (305.4, "305"),
            (28_894.2, "28894"),
            (-2.5, "-2.5"),
            (400.0, "400"),
        ] {
            assert_eq!(figure(value), want, "{value}");
        }
    }

    #[test]
    fn one_is_not_many() {
        for (value, want) in [
            (1.0, "1 call"),
            (0.999_99, "1 call"),
            (0.0, "0 calls"),
            (1.5, "1.5 calls"),
            (257.0, "257 calls"),
        ] {
            assert_eq!(count(value, "call", "calls"), want);
        }
    }

    #[test]
    fn durations_are_whole() {
        for (seconds, want) in [
            (-1.0, "0 s"),
            (119.9, "119 s"),
            (120.0, "2 min"),
            (7_199.0, "119 min"),
            (7_200.0, "2 h"),
            (172_800.0, "2 days"),
        ] {
            assert_eq!(duration(seconds), want);
        }
    }

    #[test]
    fn bytes_have_the_unit_that_fits() {
        for (value, want) in [
            (512.0, "512 B"),
            (30_146_560.0, "28.8 MiB"),
            (1_073_741_824.0, "1 GiB"),
        ] {
            assert_eq!(bytes(value), want);
        }
    }
}

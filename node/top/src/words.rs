//! Figures as short text.

/// A count: 7, 1.2k, 34M.
pub(crate) fn count(value: f64) -> String {
    scaled(value, 1e3, &["", "k", "M", "G", "T"])
}

/// Bytes: 512 B, 1.2 MiB.
pub(crate) fn bytes(value: f64) -> String {
    scaled(value, 1024.0, &[" B", " KiB", " MiB", " GiB", " TiB"])
}

fn scaled(value: f64, step: f64, units: &[&str]) -> String {
    let mut value = value;
    let mut units = units.iter().peekable();
    let mut unit = units.next().copied().unwrap_or_default();
    let is_whole = value.fract() == 0.0;
    let mut is_scaled = false;
    while value.abs() >= step
        && let Some(next) = units.next()
    {
        (value, unit, is_scaled) = (value / step, next, true);
    }
    if value.abs() < 10.0 && (is_scaled || !is_whole) {
        format!("{value:.1}{unit}")
    } else {
        format!("{value:.0}{unit}")
    }
}

/// A length of time, given in milliseconds: 0.25 ms, 17 ms, 4.2 s, 12 min.
pub(crate) fn millis(value: f64) -> String {
    match value {
        ms if ms < 10.0 => format!("{ms:.2} ms"),
        ms if ms < 1e3 => format!("{ms:.0} ms"),
        ms if ms < 120e3 => format!("{:.1} s", ms / 1e3),
        ms if ms < 7_200e3 => format!("{:.0} min", ms / 60e3),
        ms => format!("{:.1} h", ms / 3_600e3),
    }
}

/// How long ago something was: 3 s, 12 min, 4 h, 2 d.
pub(crate) fn age(seconds: f64) -> String {
    match seconds.max(0.0) {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7_200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.0} h", s / 3_600.0),
        s => format!("{:.0} d", s / 86_400.0),
    }
}

/// A figure, or a dash where there is none.
pub(crate) fn or_dash(value: Option<f64>, show: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| "–".to_owned(), show)
}

/// A statement on one line, without anything that a terminal could take for a command.
pub(crate) fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

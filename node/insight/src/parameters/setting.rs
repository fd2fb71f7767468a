//! Values of settings with their units.

use serde::{Deserialize, Serialize};

/// A setting as `pg_settings` tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// The value without unit.
    pub value: String,
    /// The unit of the value, such as `8kB` or `ms`.
    pub unit: Option<String>,
}

/// Bytes of a mebibyte.
pub(super) const MIB: f64 = 1_048_576.0;

impl Setting {
    /// A setting of a value and a unit, empty for none.
    #[must_use]
    pub fn new(value: &str, unit: &str) -> Self {
        Self {
            value: value.to_owned(),
            unit: Some(unit.to_owned()).filter(|unit| !unit.is_empty()),
        }
    }

    pub(super) fn number(&self) -> Option<f64> {
        self.value
            .parse()
            .ok()
            .filter(|value: &f64| value.is_finite())
    }

    /// Its size in bytes; nothing if it has no unit of size.
    pub(super) fn bytes(&self) -> Option<f64> {
        let factor = match self.unit.as_deref()? {
            "B" => 1.0,
            "kB" => 1_024.0,
            "8kB" => 8_192.0,
            "16MB" => 16.0 * MIB,
            "MB" => MIB,
            "GB" => 1_024.0 * MIB,
            _ => return None,
        };
        Some(self.number()? * factor)
    }

    /// Its length in seconds; nothing if it has no unit of time.
    pub(super) fn seconds(&self) -> Option<f64> {
        let factor = match self.unit.as_deref()? {
            "ms" => 0.001,
            "s" => 1.0,
            "min" => 60.0,
            _ => return None,
        };
        Some(self.number()? * factor)
    }

    /// Whether it is switched on; nothing if it is no switch.
    pub(super) fn is_on(&self) -> Option<bool> {
        match self.value.as_str() {
            "on" => Some(true),
            "off" => Some(false),
            _ => None,
        }
    }

    /// As a value that SET takes.
    pub(super) fn text(&self) -> String {
        match self.unit.as_deref() {
            Some("8kB" | "16MB") => self.bytes().map_or_else(|| self.value.clone(), size),
            Some(unit) if !matches!(self.value.as_str(), "0" | "-1") => {
                format!("{}{unit}", self.value)
            }
            _ => self.value.clone(),
        }
    }
}

/// A size as a value that SET takes, rounded down to a mebibyte if it is that large.
pub(super) fn size(bytes: f64) -> String {
    if bytes < MIB {
        format!("{:.0}kB", (bytes / 1_024.0).floor())
    } else {
        format!("{:.0}MB", (bytes / MIB).floor())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read() {
        for (value, unit, bytes, seconds, text) in [
            ("4096", "kB", Some(4_194_304.0), None, "4096kB"),
            ("16384", "8kB", Some(134_217_728.0), None, "128MB"),
            ("1024", "MB", Some(1_073_741_824.0), None, "1024MB"),
            ("300", "s", None, Some(300.0), "300s"),
            ("5", "min", None, Some(300.0), "5min"),
            ("0", "ms", None, Some(0.0), "0"),
            ("-1", "kB", Some(-1_024.0), None, "-1"),
            ("on", "", None, None, "on"),
        ] {
            let setting = Setting::new(value, unit);
            assert_eq!(setting.bytes(), bytes, "{value} {unit}");
            assert_eq!(setting.seconds(), seconds, "{value} {unit}");
            assert_eq!(setting.text(), text);
        }
        assert_eq!(Setting::new("off", "").is_on(), Some(false));
        assert_eq!(size(1_500_000.0), "1MB");
        assert_eq!(size(65_536.0), "64kB");
    }
}

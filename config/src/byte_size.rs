//! Sizes with their unit.

use std::fmt;

/// A number of bytes, written with its unit: `64MiB`, `512KiB`, `100B`, `2GB`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

const UNITS: [(&str, u64); 8] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
];

impl ByteSize {
    /// Wraps a number of bytes.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// The number of bytes as a length in memory.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    /// Reads `<whole number><unit>`; the error says what to write.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let split = text.find(|c: char| !c.is_ascii_digit());
        let (number, unit) = text.split_at(split.unwrap_or(text.len()));
        let number: u64 = number
            .parse()
            .map_err(|_| "write a whole number and a unit, such as \"64MiB\"".to_owned())?;
        if unit.is_empty() {
            return Err(format!(
                "the unit is missing: write \"{number}B\" or \"{number}MiB\""
            ));
        }
        let factor = UNITS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(unit.trim()))
            .map(|(_, factor)| *factor)
            .ok_or_else(|| format!("{unit:?} is no unit: use B, KiB, MiB, GiB or TiB"))?;
        number
            .checked_mul(factor)
            .map(Self)
            .ok_or_else(|| "the size does not fit into 64 bits".to_owned())
    }
}

impl std::str::FromStr for ByteSize {
    type Err = String;

    /// As in the configuration; the error says what to write.
    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, factor) in [
            ("TiB", 1u64 << 40),
            ("GiB", 1 << 30),
            ("MiB", 1 << 20),
            ("KiB", 1 << 10),
        ] {
            if self.0 >= factor && self.0.is_multiple_of(factor) {
                return write!(f, "{}{name}", self.0 / factor);
            }
        }
        write!(f, "{}B", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_need_a_known_unit() {
        for (text, want) in [
            ("64MiB", Some(64 << 20)),
            ("1B", Some(1)),
            ("2GB", Some(2_000_000_000)),
            ("10", None),
            ("", None),
            ("-1MiB", None),
            ("1.5MiB", None),
            ("10 parsecs", None),
            ("99999999999TiB", None),
        ] {
            assert_eq!(
                ByteSize::parse(text).ok().map(ByteSize::bytes),
                want,
                "{text}"
            );
        }
    }

    #[test]
    fn display_parses_back() {
        for bytes in [0, 1, 1023, 1024, 64 << 20, 3 << 30, (1 << 40) + 1] {
            let size = ByteSize::new(bytes);
            assert_eq!(ByteSize::parse(&size.to_string()), Ok(size));
        }
    }
}

//! `sslmode`: whether to encrypt, and whom to trust.

use tokio_postgres::config::SslMode as Driver;

/// libpq's modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SslMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl SslMode {
    pub(crate) const WORDS: [(&str, Self); 6] = [
        ("disable", Self::Disable),
        ("allow", Self::Allow),
        ("prefer", Self::Prefer),
        ("require", Self::Require),
        ("verify-ca", Self::VerifyCa),
        ("verify-full", Self::VerifyFull),
    ];

    /// What to try, in this order, until the server agrees.
    pub(crate) const fn attempts(self) -> &'static [Driver] {
        match self {
            Self::Disable => &[Driver::Disable],
            Self::Allow => &[Driver::Disable, Driver::Require],
            Self::Prefer => &[Driver::Prefer, Driver::Disable],
            Self::Require | Self::VerifyCa | Self::VerifyFull => &[Driver::Require],
        }
    }

    /// Whether there is no connection without an authority to check the server against.
    pub(crate) const fn needs_authorities(self) -> bool {
        matches!(self, Self::VerifyCa | Self::VerifyFull)
    }

    pub(crate) fn word(self) -> &'static str {
        let found = Self::WORDS.into_iter().find(|(_, mode)| *mode == self);
        found.map_or("", |(word, _)| word)
    }
}

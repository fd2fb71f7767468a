//! `target_session_attrs`: which servers suit.

/// What a server must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionAttrs {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
}

/// What a server is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Role {
    pub(crate) is_standby: bool,
    pub(crate) is_read_only: bool,
}

impl SessionAttrs {
    pub(crate) const WORDS: [(&str, Self); 6] = [
        ("any", Self::Any),
        ("read-write", Self::ReadWrite),
        ("read-only", Self::ReadOnly),
        ("primary", Self::Primary),
        ("standby", Self::Standby),
        ("prefer-standby", Self::PreferStandby),
    ];

    /// What each pass over the hosts looks for.
    pub(crate) const fn passes(self) -> &'static [Self] {
        match self {
            Self::Any => &[Self::Any],
            Self::ReadWrite => &[Self::ReadWrite],
            Self::ReadOnly => &[Self::ReadOnly],
            Self::Primary => &[Self::Primary],
            Self::Standby => &[Self::Standby],
            Self::PreferStandby => &[Self::Standby, Self::Any],
        }
    }

    pub(crate) const fn suits(self, role: Role) -> bool {
        match self {
            Self::Any | Self::PreferStandby => true,
            Self::ReadWrite => !role.is_standby && !role.is_read_only,
            Self::ReadOnly => role.is_standby || role.is_read_only,
            Self::Primary => !role.is_standby,
            Self::Standby => role.is_standby,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        let found = Self::WORDS.into_iter().find(|(_, attrs)| *attrs == self);
        found.map_or("", |(word, _)| word)
    }
}

#[cfg(test)]
mod tests {
    use super::{Role, SessionAttrs};

    #[test]
    fn each_word_takes_the_servers_that_libpq_takes() {
        // Primary, read-only primary, standby.
        for (attrs, want) in [
            (SessionAttrs::Any, [true, true, true]),
            (SessionAttrs::ReadWrite, [true, false, false]),
            (SessionAttrs::ReadOnly, [false, true, true]),
            (SessionAttrs::Primary, [true, true, false]),
            (SessionAttrs::Standby, [false, false, true]),
        ] {
            let roles = [(false, false), (false, true), (true, false)];
            let suits = roles.map(|(is_standby, is_read_only)| {
                attrs.suits(Role {
                    is_standby,
                    is_read_only,
                })
            });
            assert_eq!(suits, want, "{attrs:?}");
        }
        let passes = SessionAttrs::PreferStandby.passes();
        assert_eq!(passes, [SessionAttrs::Standby, SessionAttrs::Any]);
    }
}

//! Sections: the one table of keys, types, defaults and meanings.

/// One key, as the reference shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// `section.key`, in kebab-case.
    pub name: String,
    /// What may be written.
    pub kind: &'static str,
    /// What holds if nothing is written; `None`: nothing.
    pub default: Option<&'static str>,
    /// What it means.
    pub meaning: String,
    /// Whether a running node takes another value when it reads its configuration again; the others
    /// need a restart.
    pub is_live: bool,
}

/// A key whose value in a newer configuration is another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// `section.key`, in kebab-case.
    pub key: String,
    /// Whether a running node takes it.
    pub is_live: bool,
}

/// Joins the doc lines of a key into one paragraph.
pub(crate) fn meaning(lines: &[&str]) -> String {
    lines
        .iter()
        .map(|line| line.trim())
        .collect::<Vec<_>>()
        .join(" ")
}

/// `section.key-name` of a field.
pub(crate) fn key_name(section: &str, field: &str) -> String {
    format!("{section}.{}", field.replace('_', "-"))
}

/// Declares a section: its struct, its keys with their defaults, and how it is read from
/// [`crate::Values`].
///
/// `field: Type = "default"` has a default, `field: Option<Type>` has none, `secret field` is an
/// optional secret that may also come from the file in `<key>-file`. `field @ live: …` may change
/// while the node runs.
macro_rules! section {
    (
        $(#[doc = $doc:literal])*
        $name:ident = $section:literal {
            $( $(#[doc = $fdoc:literal])* $field:ident $(@ $live:ident)? : $ty:ty $(= $default:literal)? ),* $(,)?
        }
        $( secrets { $( $(#[doc = $sdoc:literal])* $secret:ident ),+ $(,)? } )?
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            $( $(#[doc = $fdoc])* pub $field: $ty, )*
            $($( $(#[doc = $sdoc])* pub $secret: Option<$crate::Secret>, )+)?
        }

        impl $name {
            /// Every key of the section.
            pub(crate) fn keys() -> Vec<$crate::section::Key> {
                vec![
                    $( $crate::section::Key {
                        name: $crate::section::key_name($section, stringify!($field)),
                        kind: <$ty as $crate::setting::Setting>::KIND,
                        default: [$(Some($default),)? None][0],
                        meaning: $crate::section::meaning(&[$($fdoc),*]),
                        is_live: $crate::section::is_live!($($live)?),
                    }, )*
                    $($( $crate::section::Key {
                        name: $crate::section::key_name($section, stringify!($secret)),
                        kind: "secret",
                        default: None,
                        meaning: $crate::section::meaning(&[$($sdoc),*]),
                        is_live: false,
                    },
                    $crate::section::Key {
                        name: $crate::section::key_name($section, concat!(stringify!($secret), "_file")),
                        kind: "path",
                        default: None,
                        meaning: concat!("File (mode 0600) with `", stringify!($secret), "`.").replace('_', "-"),
                        is_live: false,
                    }, )+)?
                ]
            }

            /// Takes those values of `newer` that may change while the node runs, and tells all
            /// that differ.
            pub(crate) fn reload(&mut self, newer: &Self) -> Vec<$crate::section::Change> {
                let mut changes = Vec::new();
                $( if self.$field != newer.$field {
                    let is_live = $crate::section::is_live!($($live)?);
                    if is_live {
                        self.$field.clone_from(&newer.$field);
                    }
                    let key = $crate::section::key_name($section, stringify!($field));
                    changes.push($crate::section::Change { key, is_live });
                } )*
                $($( if self.$secret != newer.$secret {
                    let key = $crate::section::key_name($section, stringify!($secret));
                    changes.push($crate::section::Change { key, is_live: false });
                } )+)?
                changes
            }

            /// Takes the section's values; bad ones are noted, and `None` is answered if a needed
            /// one is missing.
            pub(crate) fn take(values: &mut $crate::Values) -> Option<Self> {
                $( let $field = $crate::section::take::<$ty>(
                    values,
                    &$crate::section::key_name($section, stringify!($field)),
                    [$(Some($default),)? None][0],
                ); )*
                $($( let $secret = values.take_secret(
                    &$crate::section::key_name($section, stringify!($secret)),
                ); )+)?
                Some(Self { $( $field: $field?, )* $($( $secret, )+)? })
            }
        }
    };
}
pub(crate) use section;

/// Whether a field is marked so.
macro_rules! is_live {
    () => {
        false
    };
    (live) => {
        true
    };
}
pub(crate) use is_live;

/// Reads a field: one without default must be given, unless it is an `Option`.
pub(crate) fn take<T: crate::setting::Setting>(
    values: &mut crate::Values,
    key: &str,
    default: Option<&str>,
) -> Option<T> {
    let given = values.has(key);
    let value = values.take(key, default).or_else(T::absent);
    if value.is_none() && !given {
        values.violate(crate::Violation {
            key: key.to_owned(),
            value: None,
            problem: "is missing".to_owned(),
            fix: format!("set it ({})", T::KIND),
        });
    }
    value
}
